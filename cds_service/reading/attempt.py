"""Reads a procedure note: did an ultrasound-guided liver biopsy fail because the lesion was not seen (fact F8)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cds_service.reading.document import Document, Sentence, read_document
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.phrases import Match
from cds_service.reading.scope import MAX_MATCHES

AttemptState = Literal["failed-visibility", "not-failed", "uninterpretable"]

_NO_SAMPLE = frozenset({"random", "not-sampled"})
_ORGAN_OR_TARGET = frozenset({"liver", "other-organ"})


@dataclass(frozen=True, slots=True)
class AttemptReading:
    """What a procedure note says of a liver biopsy under ultrasound.

    ``not-failed`` covers every other end: sampled, stopped for another reason, another organ, no biopsy meant.
    ``quote`` is verbatim, at most 120 characters; ``truncated``: the text was too long to be read whole.
    """

    state: AttemptState
    quote: str = ""
    truncated: bool = False


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
        found += _of_today(sentence, matches)
    everywhere = lexicon.attempt.find(document.words, 0, len(document.words))
    return _decide(document, found, everywhere)


def _of_today(sentence: Sentence, matches: Sequence[Match]) -> list[_Seen]:
    """The matches of a sentence, leaving out what follows the mention of an earlier attempt."""
    earlier = next((match.start for match in matches if match.kind == "earlier"), sentence.end)
    return [_Seen(sentence, match) for match in matches if match.start < earlier]


def _decide(document: Document, found: Sequence[_Seen], everywhere: Sequence[Match]) -> AttemptReading:
    def first(*kinds: str) -> _Seen | None:
        return next((seen for seen in found if seen.match.kind in kinds), None)

    def answer(state: AttemptState, seen: _Seen) -> AttemptReading:
        sentence = seen.sentence
        return AttemptReading(state, document.quote(sentence.start, sentence.end - 1, seen.match.start))

    named = {match.kind for match in everywhere}
    unseen, converted = _unseen(found), first("converted")
    sampled = _sampled(found)
    organ = next((match.kind for match in everywhere if match.kind in _ORGAN_OR_TARGET), "")
    other = first("other-organ")
    if organ == "other-organ" and other is not None and "liver" not in named:
        return answer("not-failed", other)
    planned = first("no-intervention")
    if planned is not None and sampled is None and first("not-sampled") is None:
        return answer("not-failed", planned)
    if unseen is not None and "liver" in named and {"ultrasound", "biopsy"} <= named:
        later = sampled is not None and sampled.match.start > unseen.match.start
        if not later or converted is not None:
            return answer("failed-visibility", unseen)
        return answer("not-failed", sampled or unseen)
    for seen in (sampled, first("stopped"), first("seen")):
        if seen is not None and unseen is None:
            return answer("not-failed", seen)
    if other is not None and "biopsy" not in named and first("not-sampled") is None:
        return answer("not-failed", other)  # an examination of the abdomen, with its other organs
    return AttemptReading("uninterpretable")


def _unseen(found: Sequence[_Seen]) -> _Seen | None:
    """Where the lesion was not seen; "no haematoma seen" is said of something else."""
    for seen in found:
        if seen.match.kind == "unseen":
            about = {other.match.kind for other in found if other.sentence is seen.sentence}
            if "aftermath" not in about or "target" in about:
                return seen
    return None


def _sampled(found: Sequence[_Seen]) -> _Seen | None:
    """The last sampling of the lesion itself: cores of background liver and passes that gave nothing do not count."""
    for seen in reversed(found):
        if seen.match.kind != "sampled":
            continue
        if not any(other.match.kind in _NO_SAMPLE and other.sentence is seen.sentence for other in found):
            return seen
    return None
