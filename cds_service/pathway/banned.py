"""Banned words and figures (pathway 2.2, 2.3, 2.6), found in whatever spelling.

Beside the listed terms, any figure in per cent is banned unless an allowed phrase holds it: what is wrong with the
figures of the documents is not their spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PER_CENT = re.compile(r"\s*(?:%|per[\s-]?cent\b)")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_RANGE = re.compile(r"(?<=\d)%?\s*(?:-|to)\s*(?=\d)")
_ANY_PER_CENT = re.compile(r"\S*%")


def banned_in(text: str, banned: Iterable[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """The banned terms that a text of ours holds, and its other figures in per cent; empty if it is clean.

    Compared without regard to case, blanks, kinds of dash, and the way a range or per cent is written.
    """
    rest = _plain(text)
    for phrase in allowed:
        rest = _pattern(phrase).sub(" ", rest)
    found = [term for term in banned if _pattern(term).search(rest)]
    # An allowed phrase is taken out first, so a figure that is left belongs to none.
    return (*found, *(_ANY_PER_CENT.findall(rest) if not found else ()))


@lru_cache(maxsize=512)
def _pattern(term: str) -> re.Pattern[str]:
    """A term as written in content; a figure is not found inside a longer one, or inside a date."""
    plain = _plain(term)
    before = r"(?<![\w.,/-])" if plain[:1].isdigit() else ""
    after = r"(?![\w/-]|[.,]\d)" if plain[-1:].isdigit() else ""
    return re.compile(before + re.escape(plain) + after)


def _plain(text: str) -> str:
    line = " ".join(_DASHES.sub("-", text.lower()).split())
    return _RANGE.sub("-", _PER_CENT.sub("%", line))
