"""PhraseIndex: many phrases looked up in one pass over the tokens of a text.

A phrase is found leftmost-longest, and words that the lexicon calls fillers ("clearly", "the", "any") may stand
between its words. The walk is bounded by the length of the longest phrase, so the cost is linear in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_END = ""
_FILLERS_IN_A_ROW = 3
_OF_WHAT_FOLLOWS = frozenset({"before", "next"})


class Match(NamedTuple):
    """A phrase of class ``kind`` (with ``label``) found at the tokens ``start`` to ``end`` (not included)."""

    start: int
    end: int
    kind: str
    label: str


@dataclass(frozen=True)
class PhraseIndex:
    """A trie of token sequences; each leads to one ``(kind, label)``."""

    fillers: frozenset[str] = frozenset()
    _root: dict[str, Any] = field(default_factory=dict, repr=False)

    def add(self, words: Sequence[str], kind: str, label: str) -> tuple[str, str] | None:
        """Enter a phrase; the entry that already holds these words, or None if there was none."""
        node = self._root
        for word in words:
            node = node.setdefault(word, {})
        held: tuple[str, str] | None = node.get(_END)
        if held is None:
            node[_END] = (kind, label)
        return held

    def at(self, words: Sequence[str], position: int, stop: int) -> Match | None:
        """The longest phrase that begins at ``position`` and ends before ``stop``."""
        node = self._root.get(words[position])
        if node is None:
            return None
        best: Match | None = None
        fillers = self.fillers
        paths = [(node, position + 1, 0)]
        while paths:
            node, here, skipped = paths.pop()
            entry = node.get(_END)
            if entry is not None and not skipped and (best is None or here > best.end):
                best = Match(position, here, entry[0], entry[1])
            if here >= stop:
                continue
            word = words[here]
            following = node.get(word)
            if following is not None:
                paths.append((following, here + 1, 0))
            if word in fillers and skipped < _FILLERS_IN_A_ROW:
                paths.append((node, here + 1, skipped + 1))
        return best

    def find(self, words: Sequence[str], start: int, stop: int) -> list[Match]:
        """All phrases between ``start`` and ``stop``, leftmost-longest, not overlapping.

        A phrase that begins with a colon (": negative"), said of what stands before it, gives way to a longer one that
        begins behind the colon and speaks of what follows ("negative for").
        """
        out: list[Match] = []
        root, at = self._root, self.at
        here = start
        while here < stop:
            if words[here] in root:
                match = at(words, here, stop)
                if match is not None and words[here] == ":":
                    behind = at(words, here + 1, stop)
                    if behind is not None and _speaks_of_what_follows(behind, match, words):
                        match = behind
                if match is not None:
                    out.append(match)
                    here = match.end
                    continue
            here += 1
        return out

    def find_all(self, words: Sequence[str]) -> Iterable[Match]:
        """Every phrase at every place, the longest of a place first, overlapping ones included."""
        stop = len(words)
        for start, word in enumerate(words):
            node = self._root.get(word)
            here, found = start, []
            while node is not None:
                here += 1
                if _END in node:
                    found.append(Match(start, here, *node[_END]))
                node = node.get(words[here]) if here < stop else None
            yield from reversed(found)


def _speaks_of_what_follows(behind: Match, match: Match, words: Sequence[str]) -> bool:
    """A count behind a colon ("carcinoma: 0 of 3") is still said of what stands before."""
    is_longer = behind.end > match.end and not words[behind.start].isdigit()
    return is_longer and behind.label in _OF_WHAT_FOLLOWS
