"""Boxes of a form within a sentence: what stands beside a ticked one is said, beside an empty one not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cds_service.reading.document import Sentence
from cds_service.reading.tokens import EMPTY_BOX

_TICKED = frozenset("\u2611\u2612\u2713\u2714")
_TICK = "x"
_OPENS = frozenset("([")
_CLOSES = frozenset(")]")


def said_items(words: Sequence[str], sentence: Sentence, holds: Callable[[int, int], bool]) -> tuple[Sentence, ...]:
    """The parts of a sentence that are said: all of it, or, where it has boxes, the words beside each ticked one.

    ``holds`` tells whether there is a finding between two words. With one before the first box, each box belongs
    to the words before it, else to those after it.
    """
    boxes = _boxes(words, sentence)
    if not boxes:
        return (sentence,)
    edges = [sentence.start, *(edge for start, end, _ in boxes for edge in (start, end)), sentence.end]
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    beside = gaps[:-1] if holds(*gaps[0]) else gaps[1:]
    return tuple(
        replace(sentence, start=start, end=end)
        for (_, _, ticked), (start, end) in zip(boxes, beside, strict=True)
        if ticked and start < end
    )


def _boxes(words: Sequence[str], sentence: Sentence) -> list[tuple[int, int, bool]]:
    """Where each box begins and ends, and whether it is ticked."""
    out = []
    for here in range(sentence.start, sentence.end):
        word = words[here]
        if word == EMPTY_BOX or word in _TICKED:
            out.append((here, here + 1, word != EMPTY_BOX))
        elif word == _TICK and here + 1 < sentence.end and words[here + 1] in _CLOSES:
            opened = here > sentence.start and words[here - 1] in _OPENS
            out.append((here - opened, here + 2, True))
    return out
