"""Whose tumour a category is said of: the pancreas, or another organ or cancer that the sentence names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cds_service.reading.document import Sentence
from cds_service.reading.phrases import Match

OWNERS = frozenset({"own", "tumour", "other", "spread"})
"""Kinds of words that can be what a category is said of."""
_TIES = frozenset({"of", "the", "left", "right", "in", "a", "an", "from", "is", "lies", "within", "at"})
_JOINS = frozenset(",.;:()/&-") | {"and", "or", "with", "without", "but", "no", "not", "as", "to", "by", "on", "for"}
_CUTS = frozenset(";\u2013\u2014")
_CLOSE = 2
_ADJECTIVES = 3


class Spoken(NamedTuple):
    """The owners that one sentence names, in order, and the places where another clause begins."""

    owners: tuple[Match, ...]
    boundaries: tuple[int, ...]
    is_another: bool = False

    @classmethod
    def of(cls, words: Sequence[str], sentence: Sentence, matches: Sequence[Match]) -> Spoken:
        """What a sentence is about, for the sentence after it: a tumour of another organ, and none of the pancreas."""
        owners = tuple(match for match in matches if match.kind in OWNERS)
        denied = any(match.kind == "negated" for match in matches)
        return cls(owners, (), not denied and _is_of_another(words, owners))


def is_another(words: Sequence[str], sentence: Sentence, state: Match, spoken: Spoken, before: Spoken) -> bool:
    """Whether the category at ``state`` is said of something else than the pancreatic tumour."""
    if state.kind in ("metastatic", "spread"):
        return any(
            each.label == "cancer" and (_follows(words, state, each) or 0 <= state.start - each.end <= _CLOSE)
            for each in spoken.owners
        )
    floor = max(
        [place for place in range(sentence.start, state.start) if words[place] in _CUTS]
        + [place for place in spoken.boundaries if place < state.start]
        + [sentence.start]
    )
    commas = [place for place in range(floor, state.start) if words[place] == ","]
    clause = [each for each in spoken.owners if floor <= each.start < state.start and not _aside(words, each, state)]
    part = [each for each in clause if not commas or each.start > commas[-1]]
    if part or clause:
        first = (part or clause)[0]
        outer = [each for each in clause if each.start < first.start]
        return _is_other(words, first, spoken.owners) or (first.kind == "tumour" and bool(outer) and _foreign(outer))
    following = [each for each in spoken.owners if each.start >= state.end]
    earlier = tuple(each for each in spoken.owners if each.start < floor)
    if _is_of_another(words, earlier) and not any(each.kind == "own" for each in following):
        return True  # "lung nodule; the surgeons call it resectable"
    if not following:
        return before.is_another
    if following[0].kind == "tumour":
        return _tied(words, following[0], spoken.owners)
    return following[0].kind != "own" and _describes(words, state, following[0])


def _is_of_another(words: Sequence[str], owners: Sequence[Match]) -> bool:
    """Whether a tumour of another organ is named, and none of the pancreas."""
    another = any(match.kind == "tumour" and _tied(words, match, owners) for match in owners)
    return another and not any(match.kind == "own" for match in owners)


def _aside(words: Sequence[str], each: Match, state: Match) -> bool:
    """Metastases that a comma sets apart from what is said of the tumour."""
    return each.kind == "spread" and "," in words[each.end : state.start]


def _foreign(outer: Sequence[Match]) -> bool:
    return outer[-1].kind == "other"


def _is_other(words: Sequence[str], each: Match, owners: Sequence[Match]) -> bool:
    return each.kind in ("other", "spread") or (each.kind == "tumour" and _tied(words, each, owners))


def _tied(words: Sequence[str], tumour: Match, owners: Sequence[Match]) -> bool:
    """Whether a word for a tumour belongs to another organ: "renal mass", "mass in the left kidney"."""
    return any(
        each.kind == "other"
        and (
            (0 <= tumour.start - each.end <= _CLOSE and "," not in words[each.end : tumour.start])
            or _follows(words, tumour, each)
        )
        for each in owners
    )


def _follows(words: Sequence[str], first: Match, second: Match) -> bool:
    return second.start >= first.end and all(word in _TIES for word in words[first.end : second.start])


def _describes(words: Sequence[str], state: Match, each: Match) -> bool:
    """Whether the category belongs to the words close behind it: "resectable early lung cancer"."""
    gap = words[state.end : each.start]
    return _follows(words, state, each) or (len(gap) <= _ADJECTIVES and not _JOINS.intersection(gap))
