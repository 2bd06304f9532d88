"""Reads whether a CT was done with a pancreas protocol, as its own report tells (fact F11).

Read are the title, the technique and the findings; never the request, the comparison or the recommendation. A stated
failure ("pancreatic phase not obtained") beats a title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cds_service.reading.document import BODY, FROZEN, Sentence, read_document
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.phrases import Match
from cds_service.reading.scope import MAX_MATCHES, Judged, judge
from cds_service.reading.void import is_void

ProtocolState = Literal["yes", "no", "not-stated"]

_UNSAID = frozenset({"aside", "suspected", "indeterminate", "unlikely", "cautious"})
_NAMES_PANCREAS = frozenset({"pancreas", "protocol", "pancreatic-phase"})
_PHASES = frozenset({"protocol", "pancreatic-phase"})
_PARTS = frozenset({"pancreas", "elsewhere", "done", "ct", "enhanced"})
_SEPARATES = ";"
_NEAR = 4
_PARTED = frozenset(",;:")


@dataclass(frozen=True, slots=True)
class ProtocolReading:
    """Whether the text says that this CT had a pancreas protocol ("no": that it was done in another way).

    ``quote`` is verbatim, at most 120 characters ("" if nothing decided); ``truncated``: the text was too long to be
    read whole, so that nothing of it counts.
    """

    state: ProtocolState
    quote: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class _Told:
    name: str
    sentence: Sentence
    focus: int


def read_protocol_ct(text: str, lexicon: Lexicon) -> ProtocolReading:
    """The reading of one CT report; never raises, whatever the text."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations, technique=True)
    if document.truncated:
        return ProtocolReading("not-stated", truncated=True)
    told: list[_Told] = []
    contrast = of_other = False
    for sentence in document.sentences:
        begin = _with_heading(document.words, sentence)
        matches = lexicon.protocol_ct.find(document.words, begin, sentence.end)
        if len(matches) > MAX_MATCHES:
            return ProtocolReading("not-stated", truncated=True)
        if sentence.rank == FROZEN:
            continue
        if sentence.start < document.title_end and _is_of_another(matches):
            return ProtocolReading("not-stated")
        judged = judge(document.words, sentence, matches)
        if sentence.start < document.title_end:
            kinds = {match.kind for match in matches}
            of_other = of_other or ("elsewhere" in kinds and kinds.isdisjoint(_NAMES_PANCREAS))
        told += _told(
            document.words,
            sentence,
            judged,
            matches,
            of_other=of_other,
            placed=_is_placed(document.words, sentence, document.title_end),
        )
        contrast = contrast or any(each.match.kind in _CONTRAST and not each.effects - {"known"} for each in judged)
    if told and is_void(document, lexicon):
        return ProtocolReading("not-stated")
    if any(each.name == "done" for each in told):
        told = [each for each in told if each.name != "rest"]  # "the chest in the portal venous phase only"
    if not contrast and any(each.name == "plain" for each in told):
        told = [each for each in told if each.name == "plain"]  # a protocol in the title, and no contrast given
    for name, state in _ORDER:
        for each in told:
            if each.name == name:
                quote = document.quote(each.sentence.start, each.sentence.end - 1, each.focus)
                return ProtocolReading(state, quote)
    return ProtocolReading("not-stated")


_ORDER: tuple[tuple[str, ProtocolState], ...] = (
    ("denied", "no"),
    ("rest", "no"),
    ("done", "yes"),
    ("otherwise", "no"),
    ("plain", "no"),
)
_ASKED = frozenset({"aside"})
"""What does not part an organ from the phases: "biphasic CT for pancreatic cancer"."""
_REST = frozenset({"chest", "thorax", "pelvis"})
"""What a protocol CT of the pancreas may show in one phase beside it."""
_WHOLE = "abdomen"
_CONTRAST = frozenset({"pancreatic-phase", "late-arterial", "portal", "enhanced"})


def _is_of_another(matches: Sequence[Match]) -> bool:
    """Whether a title names another examination and no CT."""
    kinds = {match.kind for match in matches}
    return "elsewhere" in kinds and not kinds & {"ct", *_PHASES}


def _is_placed(words: Sequence[str], sentence: Sentence, title_end: int) -> bool:
    """Whether a sentence stands where a report names its examination: title, technique, right behind a heading."""
    headed = sentence.start > 0 and words[sentence.start - 1] == ":"
    return sentence.start < title_end or sentence.technique or (headed and sentence.rank == BODY)


def _with_heading(words: Sequence[str], sentence: Sentence) -> int:
    """Where a sentence begins, with the last word of a heading before it: "Protocol: pancreas" says it all together."""
    headed = sentence.start > 1 and words[sentence.start - 1] == ":"
    return sentence.start - 2 if headed else sentence.start


def _told(
    words: Sequence[str],
    sentence: Sentence,
    judged: Sequence[Judged],
    matches: Sequence[Match],
    *,
    of_other: bool,
    placed: bool,
) -> list[_Told]:
    """What one sentence tells: "done", "denied" (though perhaps meant), "otherwise" (in one phase), "plain".

    ``of_other``: the title names another organ's examination; ``placed``: this is the title, or tells of the technique.
    """
    said = [each for each in judged if not each.effects & _UNSAID]
    kinds = {each.match.kind for each in said if "negated" not in each.effects}
    foreign = [each.match for each in judged if each.match.kind == "elsewhere"]
    others = "late-arterial" in kinds or any(
        each.match.kind == "enhanced" and each.match.label == "phase" for each in said
    )
    denials = [match for match in matches if match.kind == "negated"]
    out = []
    for each in said:
        kind = each.match.kind
        if kind == "plain":
            out.append(_Told("plain", sentence, each.match.start))
            continue
        if kind in _PARTS or _is_of(words, each.match, foreign):
            continue
        if "negated" in each.effects:
            name = "denied" if kind in _PHASES else ""
        elif kind in _PHASES:
            name = "" if _near_denial(words, each.match, denials) else "done"
        elif kind == "late-arterial":
            name = "done" if "portal" in kinds and not of_other else ""
        elif kind == "several-phases":
            organs = (other.match for other in judged if other.match.kind == "pancreas" and other.effects <= _ASKED)
            name = "done" if any(_close(words, each.match, organ) for organ in organs) else ""
        elif kind == "one-phase":
            named = {*words[_with_heading(words, sentence) : sentence.end]}
            name = "rest" if _REST & named and (_WHOLE not in named or "pancreatic-phase" in kinds) else "denied"
        else:
            name = "otherwise" if each.match.label == "phase" and not others else ""
        if name == "done" and not placed and "done" not in kinds:
            continue  # "Head mass. CT pancreas protocol, MDT." advises one
        if name:
            out.append(_Told(name, sentence, each.match.start))
    return out


def _close(words: Sequence[str], first: Match, second: Match) -> bool:
    """Whether the phases are said of the organ: near, and with no comma or colon between."""
    between = words[min(first.end, second.end) : max(first.start, second.start)]
    return len(between) <= _NEAR and not _PARTED.intersection(between)


def _near_denial(words: Sequence[str], match: Match, denials: Sequence[Match]) -> bool:
    """Whether a denial stands in the same part of the sentence, even one that reaches something else."""
    return any(
        not _PARTED.intersection(words[min(each.end, match.end) : max(each.start, match.start)]) for each in denials
    )


def _is_of(words: Sequence[str], match: Match, foreign: Sequence[Match]) -> bool:
    """Whether this is the protocol of another examination, named in the same clause."""
    return any(_SEPARATES not in words[min(each.end, match.end) : max(each.start, match.start)] for each in foreign)
