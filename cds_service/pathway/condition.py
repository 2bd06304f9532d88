"""Conditions of cards: ``all`` / ``any`` over facts and their states, in three-valued (Kleene) logic.

A leaf names a fact and the states it asks for: ``yes`` means exactly that state, ``yes:*`` any state with that
value. There is no negation: content cannot turn an unknown into a yes by denying it (pathway part 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Truth(Enum):
    """Kleene's three values. A rule acts on TRUE alone."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


States = Mapping[str, str]
"""Fact name to state, such as ``{"tissue_confirmation": "unknown:not-found"}``."""


@dataclass(frozen=True, slots=True)
class Is:
    """A leaf: the fact's state is one of ``patterns``."""

    fact: str
    patterns: tuple[str, ...]

    def evaluate(self, states: States) -> Truth:
        """TRUE on a match; UNKNOWN if the fact is unknown and no unknown was asked for; else FALSE."""
        state = states[self.fact]
        if any(matches(pattern, state) for pattern in self.patterns):
            return Truth.TRUE
        if state.startswith("unknown") and not any(pattern.startswith("unknown") for pattern in self.patterns):
            return Truth.UNKNOWN
        return Truth.FALSE


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds. An empty ``All`` holds always."""

    parts: tuple[Condition, ...]

    def evaluate(self, states: States) -> Truth:
        """Kleene AND."""
        found = {part.evaluate(states) for part in self.parts}
        if Truth.FALSE in found:
            return Truth.FALSE
        return Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.TRUE


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def evaluate(self, states: States) -> Truth:
        """Kleene OR."""
        found = {part.evaluate(states) for part in self.parts}
        if Truth.TRUE in found:
            return Truth.TRUE
        return Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.FALSE


Condition = Is | All | AnyOf
ALWAYS = All(())


def matches(pattern: str, state: str) -> bool:
    """Whether a state is the pattern, or has the value that ``value:*`` names."""
    if pattern.endswith(":*"):
        return state.partition(":")[0] == pattern[:-2]
    return state == pattern


def holds(condition: Condition, states: States) -> bool:
    """Whether the condition is definitely true."""
    return condition.evaluate(states) is Truth.TRUE


def leaves(condition: Condition) -> Iterator[Is]:
    """Every leaf, left to right."""
    if isinstance(condition, Is):
        yield condition
    else:
        for part in condition.parts:
            yield from leaves(part)


def parse_condition(node: Any, terms: Mapping[str, Condition]) -> Condition:
    """A condition from its YAML form; a bare string names one of ``terms``.

    ``{fact: state}`` or ``{fact: [states]}``; several facts in one mapping are all of them; ``all:`` and ``any:``
    take lists. Raises ValueError with what is wrong.
    """
    if isinstance(node, str):
        if node not in terms:
            raise ValueError(f"unknown term {node!r}; terms of this card: {', '.join(sorted(terms)) or 'none'}")
        return terms[node]
    parts = tuple(_parse_member(key, value, terms) for key, value in node.items())
    return parts[0] if len(parts) == 1 else All(parts)


def _parse_member(key: str, value: Any, terms: Mapping[str, Condition]) -> Condition:
    if key == "all":
        return All(tuple(parse_condition(item, terms) for item in value))
    if key == "any":
        return AnyOf(tuple(parse_condition(item, terms) for item in value))
    return Is(str(key), tuple(str(item) for item in (value if isinstance(value, list) else [value])))
