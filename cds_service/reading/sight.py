"""What a procedure note says was not seen: the lesion that was aimed at, or something else (fact F8).

"Ascites not seen", "no thrombus identified", "needle not seen" and "not seen on the prior CT" are no failure of
visibility. What stands alone ("not seen", "it was not seen") is said of the lesion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.reading.document import Sentence
from cds_service.reading.phrases import Match

NAMED = "target"
"""Label of what is said of the lesion by name."""
CLEARLY = "clearly"
"""Label of a lesion that was seen well."""

_CUTS = frozenset(
    {",", ";", ":", ".", "-", "\u2013", "\u2014", "(", ")", "but", "because", "so", "however", "although", "while"}
)
_OTHERS = frozenset({"other-organ", "aftermath"})
_ELSEWHERE = frozenset({"ct", "mri", "mr", "pet"})
_ON = frozenset({"on", "in", "at", "by"})
_ARTICLES = frozenset({"the", "a", "this"})
_AROUND = frozenset({"near", "in", "into", "within", "inside", "beside", "at", "to", "towards", "of", "through"})
_AHEAD = 6
_AIMING = frozenset({"targeted", "targetable"})


@dataclass(frozen=True, slots=True)
class SightWords:
    """The word lists of ``cards/lexicon/words.yaml`` for what was seen, each explained there."""

    targets: frozenset[str]
    also_targets: frozenset[str]
    bystanders: frozenset[str]
    tools: frozenset[str]
    of_itself: frozenset[str]
    links: frozenset[str]
    pointers: frozenset[str]
    well: frozenset[str]
    seeing_actively: frozenset[str]


def attribute(lists: SightWords, words: Sequence[str], sentence: Sentence, matches: Sequence[Match]) -> list[Match]:
    """The matches of one sentence, each sight with what it is said of.

    What was not seen beside the lesion becomes ``routine``; a lesion that could not be aimed at for a stated reason was
    ``not-sampled``; label NAMED says that the lesion is named, CLEARLY that it was seen well.
    """
    stopped = any(match.kind == "stopped" for match in matches)
    out: list[Match] = []
    for match in matches:
        if match.kind == "unseen":
            if stopped and _AIMING.intersection(words[match.start : match.end]):
                out.append(match._replace(kind="not-sampled"))
                continue
            whose = _whose(lists, words, sentence, match, matches)
            out.append(match._replace(label=NAMED) if whose == NAMED else match)
            if not whose:
                out[-1] = match._replace(kind="routine")
        elif match.kind == "seen" and _is_clear(lists, words, sentence, match, matches):
            out.append(match._replace(label=CLEARLY))
        else:
            out.append(match)
    return out


def _whose(lists: SightWords, words: Sequence[str], sentence: Sentence, match: Match, matches: Sequence[Match]) -> str:
    """NAMED if the lesion is said not to be seen, "open" if nothing is named, "" if something else is."""
    if _is_elsewhere(words, sentence, match):
        return ""
    own = words[match.start : match.end]
    if not lists.targets.isdisjoint(own):
        return NAMED
    if not lists.of_itself.isdisjoint(own):
        return "open"
    start, end = _clause(words, sentence, match)
    before, after = words[start : match.start], words[match.end : min(end, match.end + _AHEAD)]
    targets = lists.targets | lists.also_targets
    tools = [place for place, word in enumerate(before) if word in lists.tools]
    if tools and not _named_behind(before[tools[-1] + 1 :], targets):
        return ""
    is_active = own[-1] in lists.seeing_actively
    if not targets.isdisjoint(before) or (is_active and not targets.isdisjoint(after)):
        return NAMED
    other = {place for each in matches if each.kind in _OTHERS for place in range(each.start, each.end)}
    if any(
        words[place] in lists.bystanders or words[place] in lists.tools or place in other
        for place in range(start, match.end + len(after))
        if not match.start <= place < match.end
    ):
        return ""
    if is_active or not targets.isdisjoint(after):
        return "open"
    head = next(
        (place for place in range(match.start - 1, start - 1, -1) if words[place] not in lists.links), start - 1
    )
    known = {place for each in matches for place in range(each.start, each.end)}
    is_open = head < start or words[head] in lists.pointers or words[head].isdigit() or head in known
    return "open" if is_open else ""


def _named_behind(words: Sequence[str], targets: frozenset[str]) -> bool:
    """Whether a lesion stands behind a tool for itself: not in "needle near the lesion"."""
    place = next((place for place, word in enumerate(words) if word in targets), None)
    if place is None:
        return False
    ahead = [word for word in words[:place] if word not in _ARTICLES]
    return not ahead or ahead[-1] not in _AROUND


def _is_elsewhere(words: Sequence[str], sentence: Sentence, match: Match) -> bool:
    """Whether this was at another examination: "no lesion seen on the prior CT"."""
    ahead = words[match.end : min(match.end + _AHEAD, sentence.end)]
    if not ahead or ahead[0] not in _ON:
        return False
    for word in ahead:
        if word == "ultrasound" or word in _CUTS:
            return False
        if word in _ELSEWHERE:
            return True
    return False


def _is_clear(
    lists: SightWords, words: Sequence[str], sentence: Sentence, match: Match, matches: Sequence[Match]
) -> bool:
    """Whether the lesion itself was seen well, and now: "lesion clearly seen", not "clearly seen on CT"."""
    if lists.well.isdisjoint(words[max(match.start - 1, sentence.start) : match.end]):
        return False
    start, _ = _clause(words, sentence, match)
    denied = any(each.kind == "denial" and start <= each.start < match.start for each in matches)
    targets = not (lists.targets | lists.also_targets).isdisjoint(words[start : match.end])
    return targets and not denied and not _is_elsewhere(words, sentence, match)


def _clause(words: Sequence[str], sentence: Sentence, match: Match) -> tuple[int, int]:
    """The stretch around a match up to the next marks or words that separate statements."""
    start = match.start
    while start > sentence.start and words[start - 1] not in _CUTS:
        start -= 1
    end = match.end
    while end < sentence.end and words[end] not in _CUTS:
        end += 1
    return start, end
