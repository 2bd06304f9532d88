"""Concept names found in short free text: displays, titles, Condition.text (decision 7).

``names.yaml`` gives for each concept its ``phrases``; ``together``: other concepts that, all present in one clause,
mean this one (a biopsy word and a liver word); ``unless``: phrases that block it in the clause they stand in; and
``not-after``: phrases that block it when they stand before it ("family history of").
Concepts that begin with ``word.`` serve only as parts and are never given out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.reading.phrases import PhraseIndex
from cds_service.reading.tokens import cut, flatten, split_phrase

MAX_NAME = 2_000
_CLAUSE = re.compile(r"[;\n|]|\. ")
_KEYS = frozenset({"phrases", "together", "unless", "not-after"})
_PART = "word."


@dataclass(frozen=True)
class Names:
    """The checked content of ``names.yaml``."""

    index: PhraseIndex
    blockers: PhraseIndex
    groups: Mapping[str, tuple[str, ...]]
    together: tuple[tuple[str, frozenset[str]], ...]
    unless: Mapping[str, frozenset[str]]
    not_after: Mapping[str, frozenset[str]]
    spelling: Mapping[str, str]

    @property
    def concepts(self) -> frozenset[str]:
        """Every concept that can be named."""
        named = {name for names in self.groups.values() for name in names} | {name for name, _ in self.together}
        return frozenset(name for name in named if not name.startswith(_PART))

    def read(self, text: str) -> frozenset[str]:
        """All concepts named in ``text``; of a very long text only the beginning is read."""
        out: set[str] = set()
        for clause in _CLAUSE.split(text[:MAX_NAME]):
            words = cut(flatten(clause), self.spelling)
            found = self._found(words)
            if not found:
                continue
            for name, parts in self.together:
                if parts <= found.keys():
                    found.setdefault(name, min(found[part] for part in parts))
            blocked: dict[str, int] = {}
            for match in self.blockers.find_all(words):  # in order: a second "no" does not take back the first
                blocked.setdefault(match.kind, match.start)
            out.update(name for name in found if not name.startswith(_PART) and not self._blocks(name, found, blocked))
        return frozenset(out)

    def _found(self, words: list[str]) -> dict[str, int]:
        """Concepts of the phrases with their place, leaving out one inside a longer one of the same family."""
        out: dict[str, int] = {}
        reach: dict[str, int] = {}
        for match in self.index.find_all(words):
            names = [name for name in self.groups[match.kind] if match.end > reach.get(_family(name), 0)]
            for name in names:
                out.setdefault(name, match.start)
                if match.end - match.start > 1:
                    reach[_family(name)] = match.end
        return out

    def _blocks(self, name: str, found: Mapping[str, int], blocked: Mapping[str, int]) -> bool:
        if not blocked:
            return False
        return any(phrase in blocked for phrase in self.unless.get(name, ())) or any(
            blocked.get(phrase, len(blocked) + MAX_NAME) < found[name] for phrase in self.not_after.get(name, ())
        )


def _family(name: str) -> str:
    return name.partition(".")[0]


def load_names(path: Path, spelling: Mapping[str, str]) -> Names:
    """Read ``names.yaml``; ContentError with file and line on a slip."""
    node = read_yaml(path)
    if not isinstance(node, dict) or not node:
        raise ContentError(str(path), "must be a mapping of concepts to their names")
    phrases: dict[tuple[str, ...], list[str]] = {}
    together: list[tuple[str, frozenset[str]]] = []
    unless: dict[str, frozenset[str]] = {}
    not_after: dict[str, frozenset[str]] = {}
    blockers = PhraseIndex()
    for name, entry in node.items():
        if not isinstance(entry, dict) or not entry or not set(entry) <= _KEYS:
            raise ContentError(f"{path}:{line_of(node, name)}", f"{name} may have only {', '.join(sorted(_KEYS))}")
        for words, where in _read(entry, "phrases", path, spelling):
            names = phrases.setdefault(words, [])
            if name in names:
                raise ContentError(where, f"{' '.join(words)!r} stands twice under {name}: keep one")
            names.append(name)
        for parts in entry.get("together", ()):
            missing = [part for part in parts if part not in node]
            if missing:
                where = f"{path}:{line_of(entry, 'together')}"
                raise ContentError(where, f"{missing[0]!r} is not an entry of this file")
            together.append((name, frozenset(parts)))
        for field_name, held in (("unless", unless), ("not-after", not_after)):
            for words, _ in _read(entry, field_name, path, spelling):
                blockers.add(words, " ".join(words), "")
                held[name] = held.get(name, frozenset()) | {" ".join(words)}
    index = PhraseIndex()
    groups = {}
    for words, names in phrases.items():
        key = " ".join(words)
        index.add(words, key, "")
        groups[key] = tuple(names)
    return Names(index, blockers, groups, tuple(together), unless, not_after, spelling)


def _read(
    entry: Mapping[str, Any], key: str, path: Path, spelling: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    node = entry.get(key, ())
    for number, phrase in enumerate(node):
        where = f"{path}:{line_of(node, number)}"
        words = split_phrase(phrase, spelling) if isinstance(phrase, str) else ()
        if not words:
            raise ContentError(where, f"{phrase!r} is not a name: quote words")
        yield words, where
