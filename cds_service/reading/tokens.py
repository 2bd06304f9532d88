"""Words and marks of a text, with the places they stand at.

One fixed, linear pattern cuts the text; nothing here depends on content. Hyphens and apostrophes inside a word
count as blanks, so that "non-diagnostic" and "non diagnostic" are the same two words, and a full stop counts only
where it can end a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
_JOINER = re.compile(r"(?<=[^\W_])[-\u2010\u2011'\u2019](?=[^\W_])")
_QUERY = re.compile(r"\?(?=[^\W_])")
_INNER_STOP = re.compile(r"(?<![a-z])\.(?=[^\s])|\.(?=[^\sA-Z])|(?<=\d),(?=\d)")


QUERY = "\u00bf"
"""Stands for a question mark before a word ("?metastasis"), which asks; one after a word ends a question."""


def flatten(text: str) -> str:
    """The text in lower case, inner hyphens and stops blanked, of exactly the same length."""
    text = text.replace("\r", " ").replace("\u0130", "I")
    return _QUERY.sub(QUERY, _JOINER.sub(" ", _INNER_STOP.sub(" ", text))).lower()


def cut(flat: str, spelling: Mapping[str, str]) -> list[str]:
    """The tokens of a flattened text, in the spelling that the lexicon uses."""
    return [spelling.get(token, token) for token in _TOKEN.findall(flat)]


def split_phrase(phrase: str, spelling: Mapping[str, str]) -> tuple[str, ...]:
    """The tokens of a lexicon phrase."""
    return tuple(cut(flatten(phrase), spelling))


def span_of(flat: str, first: int, last: int) -> tuple[int, int]:
    """Where in the text the tokens ``first`` to ``last`` (both included) begin and end, in characters."""
    found = list(islice(_TOKEN.finditer(flat), first, last + 1))
    return found[0].start(), found[-1].end()
