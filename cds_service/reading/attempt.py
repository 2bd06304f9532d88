"""Reads a procedure note: did an ultrasound-guided liver biopsy fail because the lesion was not seen (fact F8)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cds_service.reading.document import Document, Sentence, read_document
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.phrases import Match
from cds_service.reading.scope import MAX_MATCHES
from cds_service.reading.sight import CLEARLY, NAMED, attribute

AttemptState = Literal["failed-visibility", "not-failed", "uninterpretable"]

_NO_SAMPLE = frozenset({"random", "not-sampled"})
_MAY_BE_DENIED = {"seen": "unseen", "sampled": "not-sampled"}
_DENIAL_REACHES = 4
_COMMA = ","
_TARGET = "target"
_BIOPSY = "biopsy"
_REACHED = "accessible"
_ENDINGS = frozenset({"refusal", "not attended", "no longer needed", "no access", "not tolerated"})
"""Reasons that tell by themselves that nothing was done; a low platelet count alone does not."""
_TIED = 3
_ORGAN_OR_TARGET = frozenset({"liver", "other-organ"})


@dataclass(frozen=True, slots=True)
class AttemptReading:
    """What a procedure note says of a liver biopsy under ultrasound.

    ``not-failed`` covers every other end: sampled, stopped for another reason, another organ, no biopsy meant.
    ``quote`` is verbatim, at most 120 characters; ``truncated``: the text was too long to be read whole;
    ``names_target``: a failure is said of the lesion by name, not just "not seen".
    """

    state: AttemptState
    quote: str = ""
    truncated: bool = False
    names_target: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    sentence: Sentence
    match: Match


def read_attempt(text: str, lexicon: Lexicon) -> AttemptReading:
    """The reading of one procedure note; never raises, whatever the text."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations, technique=True)
    if document.truncated:
        return AttemptReading("uninterpretable", truncated=True)
    found: list[_Seen] = []
    for sentence in document.sentences:
        matches = lexicon.attempt.find(document.words, sentence.start, sentence.end)
        if len(matches) > MAX_MATCHES:
            return AttemptReading("uninterpretable", truncated=True)
        found += _of_today(
            sentence, attribute(lexicon.sight, document.words, sentence, _denied(document.words, matches))
        )
    everywhere = lexicon.attempt.find(document.words, 0, len(document.words))
    return _decide(document, found, everywhere)


def _of_today(sentence: Sentence, matches: Sequence[Match]) -> list[_Seen]:
    """The matches of a sentence, leaving out what follows the mention of an earlier attempt.

    "If the lesion is not visible" tells of nothing that was done.
    """
    earlier = next((match.start for match in matches if match.kind == "earlier"), sentence.end)
    conditions = [match.start for match in matches if match.kind == "condition"]
    return [
        _Seen(sentence, match)
        for match in matches
        if match.start < earlier and not (match.kind == "unseen" and any(place < match.start for place in conditions))
    ]


def _denied(words: Sequence[str], matches: Sequence[Match]) -> list[Match]:
    """The matches, with what a denial close before it turns round: "no targetable lesion found"."""
    about = any(match.kind == "target" or words[match.start] == _TARGET for match in matches)
    out: list[Match] = []
    for match in matches:
        turned = _MAY_BE_DENIED.get(match.kind)
        near = any(
            each.kind == "denial"
            and 0 <= match.start - each.end <= _DENIAL_REACHES
            and _COMMA not in words[each.end : match.start]
            for each in matches
        )
        if not (turned and near and about):
            out.append(match)
        elif _REACHED in words[match.start : match.end]:
            out.append(match._replace(kind="stopped", label="no access"))
        else:
            out.append(match._replace(kind=turned))
    return out


def _decide(document: Document, found: Sequence[_Seen], everywhere: Sequence[Match]) -> AttemptReading:
    def first(*kinds: str) -> _Seen | None:
        return next((seen for seen in found if seen.match.kind in kinds), None)

    def answer(state: AttemptState, seen: _Seen) -> AttemptReading:
        sentence = seen.sentence
        return AttemptReading(state, document.quote(sentence.start, sentence.end - 1, seen.match.start))

    named = {match.kind for match in everywhere}
    if any(_BIOPSY in document.words[match.start : match.end] for match in everywhere):
        named.add(_BIOPSY)  # "biopsy not performed"
    unseen, converted = _unseen(found), first("converted")
    sampled = _sampled(found)
    organ = next((match.kind for match in everywhere if match.kind in _ORGAN_OR_TARGET), "")
    other = first("other-organ")
    of_another = _is_of_another(everywhere) or (organ == "other-organ" and "liver" not in named)
    if of_another and other is not None:
        return answer("not-failed", other)
    planned = first("no-intervention")
    if planned is not None and sampled is None and first("not-sampled") is None:
        return answer("not-failed", planned)
    if unseen is not None and "liver" in named and {"ultrasound", "biopsy"} <= named:
        if sampled is None or converted is not None:
            return replace(answer("failed-visibility", unseen), names_target=unseen.match.label == NAMED)
        return answer("not-failed", sampled)
    sampled = sampled or first("went-well")
    if first("pending") is not None and sampled is None:
        return AttemptReading("uninterpretable")
    guided = first("other-guidance")
    if guided is not None and "ultrasound" not in named and "biopsy" in named and (unseen or sampled):
        return answer("not-failed", guided)
    for seen in (sampled, _stopped(found), first("seen")):
        if seen is not None and unseen is None:
            return answer("not-failed", seen)
    if other is not None and "biopsy" not in named and first("not-sampled") is None:
        return answer("not-failed", other)  # an examination of the abdomen, with its other organs
    return AttemptReading("uninterpretable")


def _is_of_another(matches: Sequence[Match]) -> bool:
    """Whether the biopsies are of other organs: "biopsy of the left kidney"."""
    beside = {
        match.kind
        for biopsy in matches
        for match in matches
        if biopsy.kind == "biopsy"
        and match.kind in _ORGAN_OR_TARGET
        and (0 <= biopsy.start - match.end <= 1 or 0 <= match.start - biopsy.end <= _TIED)
    }
    return "other-organ" in beside and "liver" not in beside


def _stopped(found: Sequence[_Seen]) -> _Seen | None:
    """Why it was stopped: a reason that ends it by itself, or any reason where it was not done."""
    reasons = [seen for seen in found if seen.match.kind == "stopped"]
    if any(seen.match.kind == "not-sampled" for seen in found):
        return next(iter(reasons), None)
    return next((seen for seen in reasons if seen.match.label in _ENDINGS), None)


def _unseen(found: Sequence[_Seen]) -> _Seen | None:
    """Where the lesion was not seen: by name if anywhere; "not seen" alone yields to a later "lesion well seen"."""
    unseen = [seen for seen in found if seen.match.kind == "unseen"]
    named = next((seen for seen in unseen if seen.match.label == NAMED), None)
    last_clear = max((seen.match.start for seen in found if seen.match.label == CLEARLY), default=-1)
    return named or next((seen for seen in unseen if seen.match.start > last_clear), None)


def _sampled(found: Sequence[_Seen]) -> _Seen | None:
    """The last sampling of the lesion itself: cores of background liver, passes that gave
    nothing and samples of another organ do not count."""
    for seen in reversed(found):
        if seen.match.kind != "sampled":
            continue
        beside = {other.match.kind for other in found if other.sentence is seen.sentence}
        if not beside & _NO_SAMPLE and ("other-organ" not in beside or "liver" in beside):
            return seen
    return None
