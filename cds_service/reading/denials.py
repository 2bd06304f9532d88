"""Which denials of an imaging report do not say that its liver metastases are absent (fact F3).

Four kinds are set aside. What was not seen at another examination, in another phase or at another time ("none of these
was seen on the prior CT") may well be there now. What has gone but for an exception, or in part, is still there. What
has not changed, shrunk or responded is there. Where it cannot be told whether a denial is of this kind, the finding is
indeterminate, neither stated nor denied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

from cds_service.reading.document import Document, Sentence
from cds_service.reading.phrases import Match

NEWS = frozenset({"metastasis", "lesion", "suspect-lesion"})
"""Kinds of findings that may be spread to the liver."""

_GOING = frozenset({"negated", "spent"})
_DENIALS = frozenset({"negated", "spent", "gone"})
_FORWARDS = frozenset({"before", "both"})
_BACKWARDS = frozenset({"after", "both"})
_NOT_ALL = frozenset({"not", "hardly", "if", "unless", "until", "should"})
_ALL = frozenset({"all", "every"})
_ALONE = frozenset({"some", "most"})
_JOINTS = frozenset({"or", "and", "nor", "/"})
_THIS = frozenset({"that", "this"})
_SHORTLY = 4
_COUNTED = 7
_WINDOW = 9
_CUTS = frozenset(";:.!?-\u2013\u2014")
_COMMA = ","


_LEFT_OUT = frozenset({"liver", "segment", "metastasis", "lesion", "suspect-lesion", "several", "little", "assertion"})
_HARMLESS = frozenset({"benign", "clear", "diffuse", "finding", "unassessed"})
_DOUBTED = frozenset({"small", "vague", "indeterminate", "suspected", "unlikely"})

_JOINED = frozenset({"which", "that", "but", "and"})
_BUT = frozenset({"but", "yet", "while", "whereas", "and"})
_OTHERS_ELSEWHERE = _HARMLESS | {"elsewhere", "all-over", "abdomen"}

_ULTRASOUND, _CT, _MRI = 1, 2, 3
_DATED = frozenset({"of", "from", "dated", "in"})
_WAS = frozenset({"was", "were", "had", "been", "could", "did"})
_ANY_LONGER = frozenset({"longer", "more"})
_APPOSED = frozenset({",", "(", "which", "that", "-", "\u2013", "\u2014"})
_ASSERTED = frozenset({"many", "small"})
_COUNTS = frozenset({"several", "little", "segment"})
_REPEATED = frozenset({"known", "aside"})
_TITLE = 8
_OF_ANOTHER = frozenset({"on", "by", "in", "at", "under", "prior", "previous", "versus", "to"})


@dataclass(frozen=True)
class DenialWords:
    """The word lists of ``cards/lexicon/words.yaml`` for denials, each explained there."""

    vanishing: frozenset[str]
    partly: frozenset[str]
    behind_in_part: frozenset[str]
    some: frozenset[str]
    changes: frozenset[str]
    vague_changes: frozenset[str]
    leading_on: frozenset[str]
    suggesting: frozenset[str]
    exceptions: frozenset[str]
    staying: frozenset[str]
    the_others: frozenset[str]
    none: frozenset[str]
    remnants: frozenset[str]
    phases: frozenset[str]
    then: frozenset[str]
    now: frozenset[str]
    ends: frozenset[str]
    seeing: frozenset[str]
    newly: frozenset[str]
    measures: frozenset[str]
    settled: frozenset[str]
    untitled: frozenset[str]
    ultrasound: frozenset[str]
    ct: frozenset[str]
    mri: frozenset[str]

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Words for a modality, and how far it can be relied on in the liver: MRI before CT before ultrasound (F3)."""
        ranked = ((_ULTRASOUND, self.ultrasound), (_CT, self.ct), (_MRI, self.mri))
        return MappingProxyType({word: rank for rank, words in ranked for word in words})


def own_modalities(lists: DenialWords, document: Document) -> frozenset[int]:
    """The modalities that the first line or sentence names at its beginning, as ranks: "MRI liver", "PET/CT"."""
    words = document.words[: min(document.title_end, _TITLE)]
    end = next((place for place, word in enumerate(words) if word in lists.untitled), len(words))
    return frozenset(
        lists.ranks[words[place]]
        for place in range(end)
        if words[place] in lists.ranks and (place == 0 or words[place - 1] not in _OF_ANOTHER)
    )


def settle_denials(
    lists: DenialWords,
    words: Sequence[str],
    sentence: Sentence,
    matches: Sequence[Match],
    *,
    own: frozenset[int],
    before: Sentence | None,
) -> list[Match]:
    """The matches of one sentence; a denial that does not deny its findings becomes neutral or indeterminate.

    ``own`` are the modalities of this report, ``before`` is the sentence before, to which "none of these" points.
    """
    out = _gone_in_part(lists, words, matches)
    for number, match in enumerate(out):
        if match.kind in _DENIALS:
            kind = _kind(lists, words, sentence, out, match, own, before)
            if kind == "indeterminate":
                out[number] = match._replace(kind=kind, label="after" if match.label in _BACKWARDS else match.label)
            elif kind:
                out[number] = match._replace(kind=kind)
    named = next((match.start for match in out if match.kind in NEWS), len(words))
    return [
        match._replace(kind="negated", label="after") if match.kind == "gone" and match.start > named else match
        for match in out
    ]


def _kind(
    lists: DenialWords,
    words: Sequence[str],
    sentence: Sentence,
    matches: Sequence[Match],
    denial: Match,
    own: frozenset[int],
    before: Sentence | None,
) -> str:
    """What a denial is instead: "neutral", "indeterminate", or "" if it denies."""
    if denial.label in _FORWARDS and _of_a_change(lists, words, sentence, matches, denial):
        return "neutral"
    if denial.kind == "gone" and _NOT_ALL.intersection(words[max(denial.start - 2, sentence.start) : denial.start]):
        return "neutral"
    if words[denial.end - 1] == "not" and _ALL.intersection(words[denial.end : denial.end + 1]):
        return "neutral"
    if denial.label in _FORWARDS and _visible_now(lists, words, sentence, denial):
        return "neutral"
    exception = _exception(lists, words, sentence, matches, denial)
    if exception:
        return exception
    if denial.kind == "gone" or denial.label in _BACKWARDS:
        if _others_stay(lists, words, sentence, matches, denial):
            return "neutral"
        return _of_another_examination(lists, words, sentence, matches, denial, own, before)
    if denial.label == "before" and not any(match.start >= denial.end for match in matches if match.kind in NEWS):
        return _of_another_examination(lists, words, sentence, matches, denial, own, before)
    return ""


def _gone_in_part(lists: DenialWords, words: Sequence[str], matches: Sequence[Match]) -> list[Match]:
    """The matches, without what only seems to say that a finding has gone.

    "Not completely resolved", "no evidence of complete response", "two of the four have resolved", "have resolved in
    part": the finding stays.
    """
    out: list[Match] = []
    for match in matches:
        own = words[match.start : match.end]
        if match.kind not in _DENIALS or not (lists.vanishing.intersection(own) or "longer" in own):
            out.append(match)
            continue
        first = max(match.start - _SHORTLY, 0)
        denials = [
            each
            for each in out
            if each.kind == "negated"
            and each.label in _FORWARDS
            and first <= each.end <= match.start
            and each is out[-1]
        ]
        in_part = (
            (lists.partly.intersection(words[first : match.start]) and "longer" not in own)
            or lists.behind_in_part.intersection(_up_to_a_cut(words, match.end, match.end + _SHORTLY))
            or _some_of(lists, words, matches, match.start)
        )
        if denials:
            out[-1] = denials[-1]._replace(kind="neutral")
        elif not in_part:
            out.append(match)
            continue
        out.append(match._replace(kind="neutral"))
    return out


def _some_of(lists: DenialWords, words: Sequence[str], matches: Sequence[Match], here: int) -> bool:
    """Whether "some of the" or "two of the four" stands right before the finding before ``here``."""
    if ("all", "but") in pairwise(words[max(here - _SHORTLY, 0) : here]):
        return True
    named = [match.start for match in matches if match.kind == "metastasis" and match.start < here]
    if not named:
        return False
    if "only" in words[named[-1] : here] and "not" not in words[named[-1] : here]:
        return True
    before = words[max(named[-1] - _COUNTED, 0) : named[-1]]
    parts = any(
        (word in lists.some and follows == "of") or (word == "not" and follows in _ALL)
        for word, follows in pairwise(before)
    )
    return parts or not _ALONE.isdisjoint(before)


def _up_to_a_cut(words: Sequence[str], start: int, stop: int) -> Sequence[str]:
    """The words from ``start`` to ``stop``, or to the next comma or stop."""
    stop = min(stop, len(words))
    end = next((place for place in range(start, stop) if words[place] == _COMMA or words[place] in _CUTS), stop)
    return words[start:end]


def _of_a_change(
    lists: DenialWords, words: Sequence[str], sentence: Sentence, matches: Sequence[Match], denial: Match
) -> bool:
    """Whether what is denied is a change of the findings: "no regression of the liver metastases"."""
    named = next((match.start for match in matches if match.kind in NEWS and match.start >= denial.end), sentence.end)
    if named == sentence.end:
        return False
    ahead = _up_to_a_cut(words, denial.end, min(denial.end + _SHORTLY + 1, named))
    changed = next(
        (place for place, word in enumerate(ahead) if word in lists.changes or word in lists.vague_changes), None
    )
    if changed is None:
        return False
    after = denial.end + changed + 1
    between = _up_to_a_cut(words, after, named)
    if len(between) < named - after or lists.suggesting.intersection(between):
        return False
    if _joins_another(lists, between):
        return False
    places = {place for match in matches for place in range(match.start, match.end)}
    return words[after - 1] in lists.changes or all(
        words[place] in lists.leading_on or place in places for place in range(after, named)
    )


def _joins_another(lists: DenialWords, between: Sequence[str]) -> bool:
    """Whether the change is one of several things that are denied: "no progression or liver metastases"."""
    of_the_same = lists.measures | lists.changes | lists.vague_changes
    joined = [word for joint, word in pairwise(between) if joint in _JOINTS]
    return any(word not in of_the_same for word in joined) or not _JOINTS.isdisjoint(between[-1:])


def _visible_now(lists: DenialWords, words: Sequence[str], sentence: Sentence, denial: Match) -> bool:
    """Whether the sentence ends in saying that what was denied is there: "not seen on the CT, but are now visible"."""
    for place in range(denial.end + 1, sentence.end):
        if words[place] == "now" and lists.seeing.intersection(words[place + 1 : min(place + _SHORTLY, sentence.end)]):
            joined = words[max(place - _SHORTLY, denial.end) : place]
            return bool(_JOINED.intersection(joined)) and lists.none.isdisjoint(words[place - 1 : place + _SHORTLY])
    return False


def _exception(
    lists: DenialWords, words: Sequence[str], sentence: Sentence, matches: Sequence[Match], denial: Match
) -> str:
    """What an exception from the denial makes of it: "have resolved except for one in segment 7"."""
    excepted = next(
        (
            match
            for match in matches
            if match.kind == "boundary"
            and (match.start >= denial.end or denial.label in _BACKWARDS)
            and lists.exceptions.intersection(words[match.start : match.end])
        ),
        None,
    )
    if excepted is None or _CUTS.intersection(words[denial.end : excepted.start]):
        return ""
    if denial.label == "before":
        return _other_than(lists, words, sentence, matches, excepted)
    leads = excepted.start < denial.start
    end = excepted.end + len(_up_to_a_cut(words, excepted.end, excepted.end + _COUNTED if leads else sentence.end))
    kinds = {match.kind for match in matches if excepted.end <= match.start < end}
    if kinds & _HARMLESS or (kinds & {"elsewhere", "all-over"} and not kinds & {"liver", "segment"}):
        return ""
    return "neutral" if kinds & _LEFT_OUT and not kinds & _DOUBTED else "indeterminate"


def _other_than(
    lists: DenialWords, words: Sequence[str], sentence: Sentence, matches: Sequence[Match], excepted: Match
) -> str:
    """What "no metastases other than" comes to: what is left out is one, unless it is called something else.

    A lesion that was treated, or is harmless, denies them all the same; of another lesion nobody said that it is one.
    """
    kinds = {match.kind for match in matches if match.start >= excepted.end}
    left_out = words[excepted.end : sentence.end]
    if not left_out or left_out[0] in _THIS or not lists.settled.isdisjoint(left_out):
        return ""
    if kinds & _HARMLESS or (kinds & {"elsewhere", "all-over"} and not kinds & {"liver", "segment"}):
        return ""
    is_one = "metastasis" in kinds or not kinds & NEWS
    return "neutral" if is_one and kinds & _LEFT_OUT and not kinds & _DOUBTED else "indeterminate"


def _others_stay(
    lists: DenialWords, words: Sequence[str], sentence: Sentence, matches: Sequence[Match], denial: Match
) -> bool:
    """Whether the sentence goes on to say that other lesions are still there: "those in segment 7 persist"."""
    staying = next((place for place in range(denial.end, sentence.end) if words[place] in lists.staying), sentence.end)
    between = words[denial.end : staying]
    if staying == sentence.end or lists.none.intersection(between) or lists.remnants.intersection(between):
        return False
    if any(denial.end <= match.start < sentence.end and match.kind in _OTHERS_ELSEWHERE for match in matches):
        return False
    return bool(lists.the_others.intersection(between)) or words[staying - 1] in _BUT


def _of_another_examination(
    lists: DenialWords,
    words: Sequence[str],
    sentence: Sentence,
    matches: Sequence[Match],
    denial: Match,
    own: frozenset[int],
    before: Sentence | None,
) -> str:
    """What a denial is that tells of another examination, phase or time than this report's; "" if it does not."""
    own_words = words[denial.start : denial.end]
    if _ANY_LONGER.intersection(own_words) or not lists.seeing.intersection(
        words[denial.start : denial.end + _SHORTLY]
    ):
        return ""  # seen before, and gone; or a verdict, "ruled out by MRI"
    said = _said_of(lists, words, sentence, matches, denial)
    named = [match.start for match in matches if match.kind in NEWS and match.start < denial.start]
    points_back = denial.kind == "gone" and not named
    first = before.start if points_back and before is not None else sentence.start
    ranks = {lists.ranks[word] for word in said if word in lists.ranks}
    then = bool(lists.then.intersection(said)) or _is_dated(said)
    past = bool(_WAS.intersection(words[denial.start - 1 : denial.end])) if denial.start else False
    if lists.now.intersection(said) and not then:
        return ""
    if not then and not lists.phases.intersection(said):
        if not ranks or ranks & own:
            return ""
        earlier = {lists.ranks[word] for word in words[first : denial.start] if word in lists.ranks} - own
        if not own and not past and any(rank < max(ranks) for rank in earlier):
            return ""  # "seen on CT, not visible on MRI" is said in a report on the MRI
    elif not ranks and not then and not points_back and not named:
        return ""
    if points_back:
        return "neutral"
    if any(match.kind in _REPEATED and match.end < denial.start for match in matches):
        return "indeterminate"
    if _is_stated(lists, words, matches, denial, named):
        return "neutral"
    # Whatever report it stands in: nothing sees more in the liver than MRI.
    is_best = not past or _MRI in ranks
    own_present = not then and not own and is_best and _ULTRASOUND not in ranks and not lists.phases.intersection(said)
    return "" if own_present else "indeterminate"


def _said_of(
    lists: DenialWords, words: Sequence[str], sentence: Sentence, matches: Sequence[Match], denial: Match
) -> Sequence[str]:
    """The words that say where or when something was not seen: behind the denial, else just before it."""
    stop = min(denial.end + _WINDOW, sentence.end)
    end = next((place for place in range(denial.end, stop) if words[place] in lists.ends), stop)
    behind = words[denial.end : end]
    if denial.label != "before" and behind:
        return behind
    named = max((match.end for match in matches if match.kind in NEWS and match.end <= denial.start), default=-1)
    start = max(named, sentence.start, denial.start - _WINDOW)
    apposed = [place for place in range(start, denial.start) if words[place] in _APPOSED]
    return words[apposed[-1] + 1 : denial.start] if named >= 0 and apposed else ()


def _is_dated(said: Sequence[str]) -> bool:
    return any(word in _DATED and follows[:1].isdigit() for word, follows in pairwise(said))


def _is_stated(
    lists: DenialWords, words: Sequence[str], matches: Sequence[Match], denial: Match, named: Sequence[int]
) -> bool:
    """Whether the sentence states the findings beside denying them: counts, places or "new", or a clause of its own."""
    if named and _APPOSED.intersection(words[named[-1] : denial.start]):
        return True
    return any(
        match.kind in _COUNTS
        or (match.kind == "assertion" and (match.label in _ASSERTED or words[match.start] in lists.newly))
        for match in matches
    )
