"""Readings remembered by the digest of their text: clients send the same chart again at every change of an order.

No text is kept. What a reading quotes is kept as a place in the text, and cut out of the text that is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cds_service.reading.lexicon import MOST_REMEMBERED, digest_of

if TYPE_CHECKING:
    from cds_service.reading.lexicon import Lexicon


class _Reading(Protocol):
    @property
    def quote(self) -> str: ...


R = TypeVar("R", bound=_Reading)


def remembered(read: Callable[[str, Lexicon], R]) -> Callable[[str, Lexicon], R]:
    """The same reader, which does not read a text twice while its memory lasts."""

    @wraps(read)
    def recall(text: str, lexicon: Lexicon) -> R:
        key = (read.__name__, digest_of(text))
        known = lexicon.readings.get(key)
        if known is not None:
            reading, start, end = known
            again: R = replace(reading, quote=text[start:end])
            return again
        fresh = read(text, lexicon)
        start = text.find(fresh.quote)
        if start >= 0 and len(lexicon.readings) < MOST_REMEMBERED:
            bare: Any = fresh
            lexicon.readings[key] = (replace(bare, quote=""), start, start + len(fresh.quote))
        return fresh

    return recall
