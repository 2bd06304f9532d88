"""Reads how resectable a CT, an MRI or a meeting's note calls a pancreatic tumour (fact F10).

Only a category in so many words counts: free vessels alone are none. Order of safety: a text is never read as
``resectable`` or ``borderline`` when it hedges, asks, sets a condition, tells of the past, speaks of another organ, or
says something worse anywhere; what cannot be classed is ``not-stated``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cds_service.reading.document import ADDENDUM, BODY, CONCLUSION, FROZEN, Document, Sentence, read_document
from cds_service.reading.form_boxes import said_items
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.phrases import Match
from cds_service.reading.scope import MAX_MATCHES, Judged, either_or, judge
from cds_service.reading.tumour_owner import OWNERS, Spoken, is_another
from cds_service.reading.void import is_void

ResectabilityState = Literal["resectable", "borderline", "locally-advanced", "metastatic", "not-stated"]

_CATEGORIES = frozenset({"resectable", "borderline", "locally-advanced", "unresectable", "metastatic"})
_FINDINGS = _CATEGORIES | {"spread", "nodal", "vessel"}
_WORDS_ONLY = frozenset({"frame", "was", "became"})
_DOUBTS = frozenset({"aside", "suspected", "indeterminate", "unlikely", "spent"})
_CAUTIOUS = frozenset({"resectable", "borderline"})
_WORSE = frozenset({"unresectable", "locally-advanced", "metastatic"})
_WORSE_THAN: dict[str, frozenset[str]] = {
    "borderline": _WORSE,
    "resectable": _WORSE | {"borderline", "denied", "doubted"},
}
_AND = "and"
_OR = frozenset({"or", "nor"})
_ENDS = frozenset(".,;(")
_BARE = {"borderline-bare": "borderline", "advanced-bare": "locally-advanced"}
"""Words that are a category only among categories, and which."""
_SHORT = "short"
_YES = [":", "yes"]
_FRAMES = _CATEGORIES | {"frame"}
_BEFORE_CHANGE = 4
_CLOSE = 3


@dataclass(frozen=True, slots=True)
class ResectabilityReading:
    """The category that a text gives, "not-stated" if none.

    ``quote`` is verbatim, at most 120 characters ("" if nothing decided); ``truncated``: the text was too long to be
    read whole, so that nothing of it counts.
    """

    state: ResectabilityState
    quote: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class _Statement:
    """``name`` is a category, "denied" (not resectable, as it seems), "doubted" or "arterial" (encased arteries);
    ``is_current``: the words say that it holds now, which sets aside what the sentences before it say;
    ``is_answer``: it is the answer that a form was given."""

    name: str
    sentence: Sentence
    focus: int
    is_current: bool = False
    is_answer: bool = False


def read_resectability(text: str, lexicon: Lexicon) -> ResectabilityReading:
    """The reading of one report or note; never raises, whatever the text."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)
    if document.truncated:
        return ResectabilityReading("not-stated", truncated=True)
    words, find = document.words, lexicon.resectability.find
    statements: list[_Statement] = []
    before = Spoken((), ())
    for sentence in document.sentences:
        if sentence.rank == FROZEN:
            continue
        for part in said_items(words, sentence, lambda start, end: _names_category(find(words, start, end))):
            matches = find(words, part.start, part.end)
            if len(matches) > MAX_MATCHES:
                return ResectabilityReading("not-stated", truncated=True)
            statements += _statements(words, part, matches, before, boxed=part is not sentence)
            before = Spoken.of(words, part, matches)
    reading = _decide(document, statements)
    if reading.state == "not-stated":
        return reading
    answered = any(each.is_answer for each in statements if each.name == reading.state)
    return ResectabilityReading("not-stated") if is_void(document, lexicon, answered=answered) else reading


def _names_category(matches: Sequence[Match]) -> bool:
    return any(match.kind in _CATEGORIES or match.kind in _BARE for match in matches)


def _statements(
    words: Sequence[str], sentence: Sentence, matches: Sequence[Match], before: Spoken, *, boxed: bool
) -> list[_Statement]:
    """What one sentence states; ``before``: what the sentence before it was about, ``boxed``: a ticked item."""
    matches = _with_bare(words, sentence, matches, boxed=boxed)
    past = max((match.start for match in matches if match.kind == "now"), default=-1)
    owners = [match for match in matches if match.kind in OWNERS]
    plain = [
        match._replace(kind="boundary") if match.kind == "now" else match
        for match in matches
        if match.kind not in _WORDS_ONLY and (match.kind in _FINDINGS or match.kind not in OWNERS)
    ]
    judged = [_freed(words, sentence, plain, owners, each) for each in _judge_parts(words, sentence, plain)]
    spoken = Spoken(tuple(owners), tuple(match.start for match in matches if match.kind == "boundary"))
    out = []
    for each in judged:
        name = _name(each)
        if not name or (each.match.kind != "vessel" and is_another(words, sentence, each.match, spoken, before)):
            continue
        if name in _CATEGORIES:
            name = _beside_others(words, name, each.match, judged, matches)
            if not name:
                continue
        current = any(0 <= each.match.start - match.end <= _CLOSE for match in matches if match.kind == "now")
        answer = boxed or _is_answered(words, each.match)
        out.append(_Statement(name, sentence, each.match.start, current, answer))
    if any(each.name in _CATEGORIES and each.focus > past for each in out):
        out = [each for each in out if each.focus > past]  # "was locally advanced, now resectable"
    return out


def _is_answered(words: Sequence[str], match: Match) -> bool:
    return words[match.end : match.end + len(_YES)] == _YES


def _judge_parts(words: Sequence[str], sentence: Sentence, matches: Sequence[Match]) -> list[Judged]:
    """The findings of a sentence: a plan behind a semicolon ("; if it shrinks, surgery") takes nothing from them."""
    ends = [*(at for at in range(sentence.start, sentence.end) if words[at] == ";"), sentence.end]
    out: list[Judged] = []
    start = sentence.start
    for end in ends:
        part = replace(sentence, start=start, end=max(end, start + 1))
        here = [match for match in matches if start <= match.start < end or match.label == "sentence"]
        out += [each for each in judge(words, part, here) if start <= each.match.start < end]
        start = end
    return out


def _with_bare(words: Sequence[str], sentence: Sentence, matches: Sequence[Match], *, boxed: bool) -> list[Match]:
    """ "Borderline" or "LA" alone counts among categories; elsewhere it may be of any size or value."""
    framed = boxed or any(match.kind in _FRAMES for match in matches)
    headed = sentence.start > 0 and words[sentence.start - 1] == ":"
    alone = [
        match
        for match in matches
        if match.kind in _BARE and match.start == sentence.start and (headed or match.label != _SHORT)
    ]
    framed = framed or any(
        each.end == sentence.end or words[each.end] in _ENDS or _is_answered(words, each) for each in alone
    )
    return [
        match._replace(kind=_BARE[match.kind] if framed else "nodal") if match.kind in _BARE else match
        for match in matches
    ]


def _name(each: Judged) -> str:
    """What one finding states, "" for nothing."""
    kind, effects = each.match.kind, each.effects
    if "aside" in effects or kind == "nodal":
        return ""
    if "negated" in effects:
        return "denied" if kind == "resectable" else ""
    if kind == "vessel":
        return "arterial" if each.match.label == "arterial" and not effects & _DOUBTS else ""
    if effects & _DOUBTS:
        return "doubted" if kind in _CATEGORIES and kind != "resectable" else ""
    if "cautious" in effects and kind in _CAUTIOUS:
        return ""
    return "metastatic" if kind == "spread" else kind


def _freed(
    words: Sequence[str], sentence: Sentence, matches: Sequence[Match], owners: Sequence[Match], each: Judged
) -> Judged:
    """A denial that ends with its own finding: "no arterial contact, resectable", "and the tumour is resectable"."""
    here = each.match.start
    if "negated" not in each.effects:
        return each
    named = max((match.start for match in owners if match.end <= here), default=-1)
    comma = max(
        (at for at in range(sentence.start, here) if words[at] == "," or (words[at] == _AND and at < named)), default=-1
    )
    if comma < 0 or _OR.intersection(words[comma:here]):
        return each
    denials = [match for match in matches if match.kind in ("negated", "spent")]
    last = max((match.end for match in denials if match.end <= comma), default=-1)
    again = any(match.start > comma for match in denials)
    takes = any(match.kind in ("vessel", "spread", "nodal") and last <= match.start < comma for match in matches)
    return each._replace(effects=each.effects - {"negated"}) if takes and last >= 0 and not again else each


def _beside_others(
    words: Sequence[str], name: str, match: Match, judged: Sequence[Judged], matches: Sequence[Match]
) -> str:
    """The category, "doubted" where another is offered as an alternative, "" for what has become another."""
    for other in judged:
        pair = {match.kind, other.match.kind}
        if len(pair) == 1 or not pair <= _CATEGORIES or "aside" in other.effects:
            continue
        first, second = sorted((match, other.match))
        if either_or(words, first, second) and "unresectable" not in pair:
            return "doubted"
        if any(each.kind == "became" and each.start == first.end and each.end == second.start for each in matches):
            near = range(first.start - _BEFORE_CHANGE, first.start)
            if not any(each.kind == "was" and each.start in near for each in matches):
                return "doubted"
            if match is first:
                return ""
    return name


def _decide(document: Document, statements: Sequence[_Statement]) -> ResectabilityReading:
    """The worst category of the strongest section that gives one, unless the text speaks against it."""
    statements = _up_to_date(statements)
    for rank in (ADDENDUM, CONCLUSION, BODY):
        group = {each.name: each for each in reversed(statements) if each.sentence.rank == rank}
        against = {each.name for each in statements if rank != ADDENDUM or each.sentence.rank == ADDENDUM}
        for state in ("metastatic", "locally-advanced"):
            if state in group:
                return _answer(document, state, group[state])
        if "unresectable" in group:
            encased = any(each.name == "arterial" for each in statements)
            return _answer(document, "locally-advanced" if encased else "not-stated", group["unresectable"])
        if "denied" in group and "borderline" not in group:
            return ResectabilityReading("not-stated")
        for state in ("borderline", "resectable"):
            if state in group:
                spoken_against = _WORSE_THAN[state] & against
                return _answer(document, "not-stated" if spoken_against else state, group[state])
    return ResectabilityReading("not-stated")


def _up_to_date(statements: Sequence[_Statement]) -> list[_Statement]:
    """Without what "now resectable" sets aside: what stands before it in its section, metastases excepted."""
    newest: dict[int, int] = {}
    for each in statements:
        if each.is_current and each.name in _CATEGORIES:
            newest[each.sentence.rank] = each.sentence.start
    return [
        each
        for each in statements
        if each.name == "metastatic" or each.sentence.start >= newest.get(each.sentence.rank, 0)
    ]


def _answer(document: Document, state: str, each: _Statement) -> ResectabilityReading:
    found: dict[str, ResectabilityState] = {
        "resectable": "resectable",
        "borderline": "borderline",
        "locally-advanced": "locally-advanced",
        "metastatic": "metastatic",
    }
    if state not in found:
        return ResectabilityReading("not-stated")
    sentence = each.sentence
    return ResectabilityReading(found[state], document.quote(sentence.start, sentence.end - 1, each.focus))
