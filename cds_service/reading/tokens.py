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
_QUERY = re.compile(r"\?(?=[^\W_])|(?m:^\?(?= ))|(?<=[:;,(] )\?(?= )|(?<=\s)\?(?= [a-z])")
_EMPTY_BOX = re.compile(r"\[[ _\xa0]?\]|\([ _\xa0]?\)|\u25a1")
_LEFT_OPEN = re.compile(r"(?<=:)__|(?<=: )__")
_LEADER = re.compile(r"(?m)\.{4,}(?P<open>[ \t]*$)?")
_INNER_STOP = re.compile(r"(?<![a-z])\.(?=[^\s])|\.(?=[^\sA-Z])|(?<=\d),(?=\d)")


_NOT_SHORT = "t"
_CONTRACTED = {f"{verb}n": verb for verb in ("is", "are", "was", "were", "do", "does", "did", "has", "have", "had")}
_CONTRACTED |= {f"{verb}n": verb for verb in ("could", "would", "should")} | {"can": "can", "won": "will"}
QUERY = "\u00bf"
"""Stands for a question mark before a word ("?metastasis"), which asks; one after a word ends a question."""
EMPTY_BOX = "\u2610"
"""Stands for a box of a form that nobody ticked: "[ ]", "( )"."""
_GAP = "\u2423\u2423"


def flatten(text: str) -> str:
    """The text in lower case, inner hyphens and stops blanked, of exactly the same length.

    Empty boxes and fields left open ("Metastases: ____") become signs of their own, dots that lead to an entry of a
    form a colon.
    """
    text = _LEADER.sub(_led, text.replace("\r", " ").replace("\u0130", "I"))
    text = _LEFT_OPEN.sub(_GAP, _EMPTY_BOX.sub(lambda box: EMPTY_BOX.ljust(len(box[0])), text))
    return _QUERY.sub(QUERY, _JOINER.sub(" ", _INNER_STOP.sub(" ", text))).lower()


def _led(dots: re.Match[str]) -> str:
    sign = ":" if dots["open"] is None else f":{_GAP}"
    return sign.ljust(len(dots[0]))


def cut(flat: str, spelling: Mapping[str, str]) -> list[str]:
    """The tokens of a flattened text, in the spelling that the lexicon uses; "isn't" is "is not"."""
    out = [spelling.get(token, token) for token in _TOKEN.findall(flat)]
    if _NOT_SHORT in out:
        for place in range(1, len(out)):
            if out[place] == _NOT_SHORT and out[place - 1] in _CONTRACTED:
                out[place - 1 : place + 1] = _CONTRACTED[out[place - 1]], "not"
    return out


def split_phrase(phrase: str, spelling: Mapping[str, str]) -> tuple[str, ...]:
    """The tokens of a lexicon phrase."""
    return tuple(cut(flatten(phrase), spelling))


def span_of(flat: str, first: int, last: int) -> tuple[int, int]:
    """Where in the text the tokens ``first`` to ``last`` (both included) begin and end, in characters."""
    found = list(islice(_TOKEN.finditer(flat), first, last + 1))
    return found[0].start(), found[-1].end()
