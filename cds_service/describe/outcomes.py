"""What a card can come to in each state of a fact, found by going through its whole truth table."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card
from cds_service.pathway.truth_table import TruthTable, alike

Outcomes = Mapping[str, Mapping[str, frozenset[str]]]
"""Fact to state to the ids of the rules (or required, excluding facts) that decide in some case with that state."""


def outcomes_of(card: Card) -> Outcomes:
    """For every deciding fact and each of its states, all that the card can come to."""
    names = card.deciding_facts()
    table = TruthTable(names, card)
    decided = table.decided(card)

    def decides(name: str, like: str) -> frozenset[str]:
        here = table.where(name, lambda state: state == like)
        return frozenset(rule for rule, where in decided.items() if where & here)

    return {
        name: {state: decides(name, alike(name, state, card)) for state in all_facts()[name].states} for name in names
    }
