"""Reads what an imaging report says of liver metastases (fact F3, decisions 18 to 20, 22 and 23).

Each statement is tied to the liver or to another organ: by the organ named next to it, else in its sentence, else by
the line's label ("Liver:"), else by the sentence before. The strongest statement of the strongest section decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from cds_service.reading.document import ADDENDUM, BODY, CONCLUSION, FROZEN, Document, Sentence, read_document
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.phrases import Match
from cds_service.reading.regions import ELSEWHERE, LIVER, OPEN, Regions
from cds_service.reading.scope import MAX_MATCHES, Judged, either_or, judge

LiverState = Literal[
    "definite", "suspected", "indeterminate", "absent", "absent-hedged", "not-found", "uninterpretable"
]

_OPEN = {"absent-open": "absent"}
_SPREAD = frozenset({"metastasis", "suspect-lesion"})
_STRENGTH: tuple[tuple[str, LiverState], ...] = (
    ("definite", "definite"),
    ("suspected", "suspected"),
    ("indeterminate", "indeterminate"),
    ("absent", "absent"),
    ("absent-hedged", "absent-hedged"),
    ("unassessed", "not-found"),
    ("lesion", "indeterminate"),
    ("no-new", "indeterminate"),
    ("diffuse", "not-found"),
)


@dataclass(frozen=True, slots=True)
class LiverReading:
    """What an imaging report says of the liver.

    ``quote`` is verbatim, at most 120 characters ("" if nothing decided); ``multiple``: more than one lesion is stated;
    ``small``: the deciding lesions are called small (under a centimetre); ``truncated``: the text was too long to be
    read whole, which makes it uninterpretable.
    """

    state: LiverState
    quote: str = ""
    multiple: bool = False
    small: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class _Statement:
    name: str
    sentence: Sentence
    focus: int
    multiple: bool
    small: bool


def read_liver(text: str, lexicon: Lexicon) -> LiverReading:
    """The reading of one imaging report; never raises, whatever the text."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)
    if document.truncated:
        return LiverReading("uninterpretable", truncated=True)
    regions = Regions(document.words)
    statements: list[_Statement] = []
    known_words = mentions = 0
    tiny = False
    before: Sentence | None = None
    for sentence in document.sentences:
        matches = lexicon.liver.find(document.words, sentence.start, sentence.end)
        if len(matches) > MAX_MATCHES:
            return LiverReading("uninterpretable", truncated=True)
        if any(match.kind == "void" for match in matches):
            return LiverReading("uninterpretable")  # a draft, a blank form, a withdrawn report
        known_words += len(matches)
        if sentence.rank == FROZEN:
            continue
        in_title = sentence.start < document.title_end
        matches = _kept(document.words, matches)
        if in_title:
            matches = _asked_for(document.words, sentence, matches)
        judged = [_gone(each) for each in judge(document.words, sentence, matches)]
        here = regions.enter(sentence, judged, title=in_title)
        own_lesion = any(match.kind in _OWN for match in matches)
        tiny = any(match.kind == "small" for match in matches) or (tiny and not own_lesion)
        if statements and before is statements[-1].sentence and _all_gone(judged):
            statements = [_no_more(each) if each.sentence is before else each for each in statements]
        before = sentence
        statements += _statements(document.words, sentence, matches, judged, regions, tiny=tiny)
        mentions += LIVER in here
    if regions.covers_liver or not regions.names_others:
        statements = [replace(each, name=_OPEN.get(each.name, each.name)) for each in statements]
    for rank in (ADDENDUM, CONCLUSION, BODY):
        reading = _strongest(document, [each for each in statements if each.sentence.rank == rank])
        if reading is not None:
            return reading
    readable = known_words or (document.words and not document.sentences)
    return LiverReading("not-found" if readable and not mentions else "uninterpretable")


def _gone(each: Judged) -> Judged:
    """A finding that has gone under treatment is not there."""
    return each._replace(effects=each.effects | {"negated"}) if "spent" in each.effects else each


def _kept(words: Sequence[str], matches: Sequence[Match]) -> list[Match]:
    """The matches, without what only seems to say that a finding has gone.

    "Not completely resolved", "no evidence of complete response", "two of the four have resolved": the finding stays.
    """
    out: list[Match] = []
    for match in matches:
        if match.kind not in _GOING or not _VANISHING.intersection(words[match.start : match.end]):
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
        in_part = _PARTLY.intersection(words[first : match.start]) or _some_of(words, matches, match.start)
        if denials:
            out[-1] = denials[-1]._replace(kind="neutral")
        elif not in_part:
            out.append(match)
            continue
        out.append(match._replace(kind="neutral"))
    named = next((match.start for match in out if match.kind in _NEWS), len(words))
    return [
        match._replace(kind="negated", label="after") if match.kind == "gone" and match.start > named else match
        for match in out
    ]


def _some_of(words: Sequence[str], matches: Sequence[Match], here: int) -> bool:
    """Whether "some of the" or "two of the four" stands right before the finding before ``here``."""
    named = [match.start for match in matches if match.kind == "metastasis" and match.start < here]
    if not named:
        return False
    before = words[max(named[-1] - _COUNTED, 0) : named[-1]]
    parts = any(word in _SOME and follows == "of" for word, follows in pairwise(before))
    return parts or not _ALONE.isdisjoint(before)


def _asked_for(words: Sequence[str], sentence: Sentence, matches: Sequence[Match]) -> list[Match]:
    """The matches of a title, without what the examination was made for: "MRI liver for possible metastases"."""
    inside = {place for match in matches for place in range(match.start, match.end)}
    asked = next(
        (place for place in range(sentence.start, sentence.end) if words[place] == "for" and place not in inside),
        sentence.end,
    )
    if words[asked - 1] in _NOTABLE:
        return list(matches)
    ends = (place for place in range(asked, sentence.end) if words[place] in _CLAUSES)
    end = next(ends, sentence.end)
    return [match for match in matches if not asked < match.start < end]


def _all_gone(judged: Sequence[Judged]) -> bool:
    """Whether a sentence says of the findings of the sentence before that none is left: "none of them is visible"."""
    return any(each.match.kind == "gone" and "aside" not in each.effects for each in judged)


def _no_more(each: _Statement) -> _Statement:
    return replace(each, name="absent") if each.name == "definite" else each


def _strongest(document: Document, statements: Sequence[_Statement]) -> LiverReading | None:
    for name, state in _STRENGTH:
        for each in statements:
            if each.name == name:
                sentence = each.sentence
                quote = document.quote(sentence.start, sentence.end - 1, each.focus)
                multiple = any(other.multiple for other in statements if other.name == name)
                return LiverReading(state, quote, multiple, each.small)
    return None


def _statements(
    words: Sequence[str],
    sentence: Sentence,
    matches: Sequence[Match],
    judged: Sequence[Judged],
    regions: Regions,
    *,
    tiny: bool,
) -> list[_Statement]:
    names = _names(words, judged, regions, tiny=tiny)
    if not names:
        return []
    multiple = any(match.kind == "several" or match.label == "many" for match in matches)
    small = any(match.kind == "little" or match.label == "small" for match in matches)
    return [_Statement(name, sentence, focus, multiple, small) for name, focus in names]


def _names(words: Sequence[str], judged: Sequence[Judged], regions: Regions, *, tiny: bool) -> list[tuple[str, int]]:
    """What each finding of one sentence states of the liver, with the word it stands at.

    ``tiny``: the lesion spoken of, here or in the sentence before, is too small to be characterised.
    """
    benign = _benign(judged, regions)
    vague = any(each.match.kind == "vague" and "negated" not in each.effects for each in judged)
    out: list[tuple[str, int]] = []
    denied = any(each.match.kind in _SPREAD and each.effects & _SET_ASIDE for each in judged)
    unchanged = -_AFTER
    for each in judged:
        if each.match.kind == "unchanged-only":
            unchanged = each.match.end
            out.append(("no-new", each.match.start))
            continue
        if each.match.kind in _NEWS and each.match.start - unchanged < _AFTER:
            if regions.of(each) == ELSEWHERE:
                out = [(name, focus) for name, focus in out if name != "no-new"]
            continue
        if _renamed(words, each, judged):
            continue
        name = _name(each, regions, tiny, vague, benign)
        if not name and denied and each.match.kind == "benign" and regions.of(each) == OPEN:
            name = "absent-open" if _harmless(each.effects) == "absent" else ""
        if name == "definite" and any(
            other.match.kind == "benign" and either_or(words, each.match, other.match) for other in judged
        ):
            name = "indeterminate"
        if name:
            out.append((name, each.match.start))
    return out


def _renamed(words: Sequence[str], each: Judged, judged: Sequence[Judged]) -> bool:
    """Whether lesions once read "as metastases" get a benign name later in the sentence."""
    start = each.match.start
    return (
        each.match.kind == "metastasis"
        and _AS in words[max(start - _CALLED, 0) : start]
        and any(
            other.match.kind == "benign" and other.match.start > start and "negated" not in other.effects
            for other in judged
        )
    )


def _benign(judged: Sequence[Judged], regions: Regions) -> bool:
    """Whether the sentence calls a liver lesion benign, or probably benign."""
    return any(
        each.match.kind == "benign" and regions.of(each) != ELSEWHERE and not each.effects & _NOT_SO for each in judged
    )


_GOING = frozenset({"negated", "spent"})
_VANISHING = frozenset(
    {"resolved", "disappeared", "vanished", "gone", "cleared", "regressed", "response", "remission", "responded"}
    | {"disappearance", "regression", "healed", "normalised"}
)
_FORWARDS = frozenset({"before", "both"})
_PARTLY = frozenset(
    {"partly", "partially", "incompletely", "nearly", "almost", "largely", "mostly", "near", "partial"}
    | {"former", "latter", "one", "another"}
)
_SOME = frozenset(
    {"some", "one", "two", "three", "four", "five", "most", "many", "several", "majority", "part", "half"}
)
_ALONE = frozenset({"some", "most"})
_SHORTLY = 4
_COUNTED = 7
_NOTABLE = frozenset({"remarkable", "notable", "significant", "positive", "except", "apart"})
_CLAUSES = frozenset(":;.") | {"shows", "showed", "reveals", "demonstrates", "confirms"}
_NEWS = frozenset({"metastasis", "lesion", "suspect-lesion"})
_AFTER = 8
_AS = "as"
_CALLED = 3
_OWN = frozenset({"lesion", "suspect-lesion", "segment", "liver", "elsewhere", "several", "benign"})
"""What shows that a sentence speaks of something else than the lesion of the sentence before."""
_SET_ASIDE = frozenset({"negated", "aside"})
_NOT_SO = frozenset({"negated", "unlikely", "aside", "indeterminate"})


def _name(each: Judged, regions: Regions, too_small: bool, vague: bool, benign: bool) -> str:
    """What one finding states of the liver, "" for nothing."""
    kind, effects = each.match.kind, each.effects
    place = regions.of(each)
    if "aside" in effects and "negated" not in effects:
        return ""
    if kind == "disease":
        return {LIVER: "absent", OPEN: "absent-open"}.get(place, "") if "negated" in effects else ""
    if kind == "gone":
        return {LIVER: "absent", OPEN: "absent-open"}.get(place, "")
    if kind in _SPREAD:
        if place == ELSEWHERE and regions.upper and "negated" in effects:
            place = LIVER  # "no metastases in chest or abdomen"
        return _spread(kind, effects, place, too_small)
    if place != LIVER:
        return ""
    if kind == "lesion":
        return _lesion(effects, vague or too_small, benign)
    if kind == "benign":
        return _harmless(effects)
    if kind == "liver":
        return _bare(effects) if regions.bare else ""
    if kind in ("small", "vague") and benign:
        return ""
    return _PLAIN.get(kind, "") if "negated" not in effects else ""


_PLAIN = {
    "small": "indeterminate",
    "vague": "indeterminate",
    "clear": "absent",
    "unassessed": "unassessed",
    "diffuse": "diffuse",
}


def _bare(effects: frozenset[str]) -> str:
    """The liver itself, in a sentence that states no finding: "liver not seen", "equivocal liver"."""
    if "negated" in effects:
        return "unassessed"
    return "indeterminate" if "indeterminate" in effects else ""


def _harmless(effects: frozenset[str]) -> str:
    if effects & {"negated", "unlikely"}:
        return ""
    if "indeterminate" in effects:
        return "indeterminate"
    return "absent-hedged" if "suspected" in effects else "absent"


def _spread(kind: str, effects: frozenset[str], place: str, too_small: bool) -> str:
    if "negated" in effects:
        return {LIVER: "absent", OPEN: "absent-open"}.get(place, "")
    if place != LIVER:
        return ""
    if "unlikely" in effects:
        return "absent-hedged"
    if "suspected" in effects:
        return "indeterminate" if too_small else "suspected"
    if "indeterminate" in effects:
        return "indeterminate"
    return "definite" if kind == "metastasis" else "suspected"


def _lesion(effects: frozenset[str], unclear: bool, benign: bool) -> str:
    if "negated" in effects:
        return "absent"
    if "unlikely" in effects:
        return ""
    if "suspected" in effects and not benign:
        return "suspected"
    if unclear or "indeterminate" in effects:
        return "" if benign else "indeterminate"
    return "" if benign else "lesion"
