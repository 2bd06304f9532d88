"""The truth table of a card: every state of the facts it names, with states that no condition tells apart merged.

Exact and small: two states of a fact belong to one class if every leaf of every given card holds for both or
for neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card
from cds_service.pathway.condition import Condition, leaves, matches


def declared_states(name: str) -> tuple[str, ...]:
    """The states a registered fact may answer with."""
    return all_facts()[name].states


def rows(names: tuple[str, ...], *cards: Card, apart: str = "") -> Iterator[dict[str, str]]:
    """One row per combination of state classes of the named facts, as these cards tell them apart.

    The unknowns of the fact ``apart`` never share a class with its other states.
    """
    for row in product(*(classes(name, name == apart, *cards) for name in names)):
        yield dict(zip(names, row, strict=True))


def classes(name: str, is_unknown_apart: bool, *cards: Card) -> tuple[str, ...]:
    """One representative per class of states of a fact."""
    tests = sorted(
        {
            leaf.patterns
            for card in cards
            for condition in conditions(card)
            for leaf in leaves(condition)
            if leaf.fact == name
        }
    )
    must_be_yes = any(name in (*card.requires, *card.excluded_by) for card in cards)
    seen: dict[tuple[bool, ...], str] = {}
    for state in declared_states(name):
        marks = [any(matches(pattern, state) for pattern in patterns) for patterns in tests]
        is_unknown = is_unknown_apart and state.startswith("unknown")
        seen.setdefault((must_be_yes and state.startswith("yes"), is_unknown, *marks), state)
    return tuple(seen.values())


def conditions(card: Card) -> tuple[Condition, ...]:
    """Every condition of a card: of its rules, summaries and suggestions."""
    return (
        *(rule.when for rule in card.rules),
        *(summary.when for rule in card.rules for summary in rule.summaries),
        *(offered.when for offered in card.suggestions),
    )
