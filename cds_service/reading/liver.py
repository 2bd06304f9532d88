"""Reads what an imaging report says of liver metastases (fact F3, decisions 18 to 20, 22 and 23).

Each statement is tied to the liver or to another organ: by the organ named next to it, else in its sentence, else by
the line's label ("Liver:"), else by the sentence before. The strongest statement of the strongest section decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from cds_service.reading.denials import NEWS, own_modalities, settle_denials
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


class _Asked(NamedTuple):
    """Places of a title that are asked, and places of which it cannot be told."""

    left_out: frozenset[int]
    unclear: frozenset[int]


_NOTHING = _Asked(frozenset(), frozenset())


def read_liver(text: str, lexicon: Lexicon) -> LiverReading:
    """The reading of one imaging report; never raises, whatever the text."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)
    if document.truncated:
        return LiverReading("uninterpretable", truncated=True)
    regions = Regions(document.words)
    own = own_modalities(lexicon.denials, document)
    statements: list[_Statement] = []
    known_words = mentions = 0
    tiny = False
    before: Sentence | None = None
    for number, sentence in enumerate(document.sentences):
        matches = lexicon.liver.find(document.words, sentence.start, sentence.end)
        if len(matches) > MAX_MATCHES:
            return LiverReading("uninterpretable", truncated=True)
        if any(match.kind == "void" for match in matches):
            return LiverReading("uninterpretable")  # a draft, a blank form, a withdrawn report
        known_words += len(matches)
        if sentence.rank == FROZEN:
            continue
        in_title = sentence.start < document.title_end
        matches = settle_denials(lexicon.denials, document.words, sentence, matches, own=own, before=before)
        asked = _NOTHING
        if in_title and sentence.rank == BODY:
            is_heading = any(each.opens for each in document.sentences[number + 1 : number + 2])
            asked = _asked_for(document.words, sentence, matches, is_heading=is_heading)
        matches = [match for match in matches if match.start not in asked.left_out]
        judged = [_gone(each) for each in judge(document.words, sentence, matches)]
        judged = [_unsure(each) if each.match.start in asked.unclear else each for each in judged]
        here = regions.enter(sentence, judged, title=in_title)
        own_lesion = any(match.kind in _OWN for match in matches)
        tiny = any(match.kind == "small" for match in matches) or (tiny and not own_lesion)
        if _all_gone(judged):
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


def _unsure(each: Judged) -> Judged:
    return each._replace(effects=each.effects | {"indeterminate"})


def _asked_for(words: Sequence[str], sentence: Sentence, matches: Sequence[Match], *, is_heading: bool) -> _Asked:
    """What of a title the examination was made for: "MRI liver for possible metastases".

    It reaches up to a stop, or to words that begin a finding: "staging CT for cancer with liver metastases". "Evidence
    for metastases" asks nothing; of "for" behind a word that names no examination it cannot be told.
    """
    inside = {place for match in matches if match.kind not in _PURPOSE for place in range(match.start, match.end)}
    asked = next(
        (place for place in range(sentence.start, sentence.end) if words[place] == "for" and place not in inside),
        sentence.end,
    )
    within = {place for match in matches for place in range(match.start + 1, match.end)}
    near = words[max(asked - _CALLED, sentence.start) : asked]
    if _NOTABLE.intersection(near) or _SPANS.intersection(words[asked : asked + _CALLED]):
        return _NOTHING
    end = next(
        (
            place
            for place in range(asked, sentence.end)
            if place not in within and _ends_request(words[place], place, matches)
        ),
        sentence.end,
    )
    places = frozenset(range(asked, end))
    unnamed = _EXAMINATIONS.isdisjoint(words[sentence.start : asked])
    left_out, unclear = (frozenset[int](), places) if unnamed else (places, frozenset[int]())
    if end < sentence.end and words[end] == "with" and not _asserts(matches, end):
        # "CT for cancer with liver metastases" may be all that was asked, or all that was found.
        beyond = frozenset(range(end, sentence.end))
        left_out, unclear = (left_out | beyond, unclear) if is_heading else (left_out, unclear | beyond)
    return _Asked(left_out, unclear)


def _asserts(matches: Sequence[Match], place: int) -> bool:
    """Whether what begins here states something: "with multiple metastases", "with new metastases"."""
    return any(match.kind == "assertion" and place <= match.start <= place + _CALLED for match in matches)


def _ends_request(word: str, place: int, matches: Sequence[Match]) -> bool:
    """Whether a request ends here; "with suspected metastases" is still asked, "with metastases" is found."""
    if word in _CLAUSES:
        return True
    return word == "with" and not any(
        match.kind in _ASKING and place <= match.start <= place + _CALLED for match in matches
    )


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
        if each.match.kind in NEWS and each.match.start - unchanged < _AFTER:
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
        if name == "lesion" and _NEW in words[max(each.match.start - _CALLED, 0) : each.match.start]:
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


_NOTABLE = frozenset(
    {"remarkable", "notable", "significant", "positive", "except", "apart", "evidence", "convincing", "pathognomonic"}
    | {"probability", "likelihood", "diagnostic", "typical", "characteristic", "suspicious", "concerning", "specific"}
    | {"suspicion", "concern", "worrisome", "proof", "feature", "signs", "support", "compelling", "classical"}
)
"""Words before "for" that find something instead of asking for it."""
_SPANS = frozenset({"day", "days", "week", "weeks", "month", "months", "year", "years", "comparison", "example"})
_EXAMINATIONS = frozenset(
    {"ct", "mri", "mr", "mrcp", "pet", "ultrasound", "scan", "imaging", "examination", "study"}
    | {"staging", "restaging", "evaluation", "assessment", "investigation", "referral", "referred", "request"}
    | {"indication", "question", "follow", "surveillance", "screening", "review", "reassessment", "protocol"}
)
_PURPOSE = frozenset({"aside", "vague"})
"""Kinds of phrases whose "for" asks all the same: "CT for", "for further characterisation"."""
_ASKING = frozenset({"suspected", "indeterminate", "aside", "known", "unlikely"})
_CLAUSES = frozenset(":;.,-\u2013\u2014") | {"shows", "showed", "reveals", "demonstrates", "confirms"}
_AFTER = 8
_AS = "as"
_NEW = "new"
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
