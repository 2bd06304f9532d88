"""The truth table of a card: every state of the facts it names, with states that no condition tells apart merged.

Exact and small: two states of a fact belong to one class if every leaf of every given card holds for both or
for neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from itertools import product
from operator import and_, or_

from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card, Offer, Rule
from cds_service.pathway.condition import All, Condition, Is, leaves, matches

MOST_ROWS = 4_000_000
"""A table is a few hundred integers of as many bits: beyond this, a card could take the memory of the machine."""


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
    return tuple(dict.fromkeys(_representatives(name, is_unknown_apart, *cards).values()))


def alike(name: str, state: str, *cards: Card) -> str:
    """The representative of the class that a state of a fact belongs to."""
    return _representatives(name, False, *cards)[state]


def _representatives(name: str, is_unknown_apart: bool, *cards: Card) -> dict[str, str]:
    """Every state of a fact with the first state that these cards do not tell from it."""
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
    first: dict[tuple[bool, ...], str] = {}
    found: dict[str, str] = {}
    for state in declared_states(name):
        marks = [any(matches(pattern, state) for pattern in patterns) for patterns in tests]
        is_unknown = is_unknown_apart and state.startswith("unknown")
        found[state] = first.setdefault((must_be_yes and state.startswith("yes"), is_unknown, *marks), state)
    return found


def conditions(card: Card) -> tuple[Condition, ...]:
    """Every condition of a card: of its rules, summaries and suggestions."""
    return (
        *(rule.when for rule in card.rules),
        *(summary.when for rule in card.rules for summary in rule.summaries),
        *(offered.when for offered in card.suggestions),
    )


Read = Callable[[str, str], str]
"""How a state of a fact is seen: as it is, or as a mutant misreads it."""


def as_it_is(_name: str, state: str) -> str:
    """The state itself."""
    return state


def _reads_yes(read: Read, name: str, state: str) -> bool:
    return read(name, state).startswith("yes")


class TruthTable:
    """Every row at once: a set of rows is one integer with a bit per row.

    A rule acts on what is definitely true, and conditions have no negation, so the rows in which a condition holds are
    found with `and` and `or` over those of its leaves.
    """

    def __init__(self, names: tuple[str, ...], *cards: Card, apart: str = "", most: int = MOST_ROWS) -> None:
        """The table of the named facts, their states as ``cards`` tell them apart (see ``rows``).

        ContentError, before anything is made, if it would have more rows than ``most``.
        """
        self.names = names
        self._classes = {name: classes(name, name == apart, *cards) for name in names}
        self._stride: dict[str, int] = {}
        self.count = 1
        for name in names:
            self._stride[name] = self.count
            self.count *= len(self._classes[name])
        if self.count > most:
            raise ContentError(
                cards[0].where("rules"),
                f"its truth table has {self.count} rows, {most} can be proved: tell fewer states apart, "
                "or make two cards of it",
            )
        self.all = (1 << self.count) - 1
        self._known: dict[tuple[str, tuple[bool, ...]], int] = {}

    def where(self, name: str, test: Callable[[str], bool]) -> int:
        """The rows in which the state of a fact passes a test."""
        marks = tuple(test(state) for state in self._classes[name])
        known = self._known.get((name, marks))
        if known is None:
            known = self._known[name, marks] = self._spread(self._stride[name], marks)
        return known

    def _spread(self, stride: int, marks: tuple[bool, ...]) -> int:
        """The pattern of one fact, repeated over the whole table."""
        one = (1 << stride) - 1
        found = reduce(or_, (one << (place * stride) for place, mark in enumerate(marks) if mark), 0)
        width = stride * len(marks)
        while width < self.count:
            found |= found << width
            width *= 2
        return found & self.all

    def holds(self, condition: Condition, read: Read = as_it_is) -> int:
        """The rows in which a condition is definitely true."""
        if isinstance(condition, Is):
            name, patterns = condition.fact, condition.patterns
            return self.where(name, lambda state: any(matches(pattern, read(name, state)) for pattern in patterns))
        parts = (self.holds(part, read) for part in condition.parts)
        return reduce(and_, parts, self.all) if isinstance(condition, All) else reduce(or_, parts, 0)

    def decided(self, card: Card, read: Read = as_it_is) -> dict[str, int]:
        """The rows that each rule, requirement and exclusion decides; "" holds those that nothing decides."""
        left, found = self.all, {}
        gates = [(name, False) for name in card.requires] + [(name, True) for name in card.excluded_by]
        for name, silent in gates:
            is_yes = self.where(name, partial(_reads_yes, read, name))
            found[name] = left & (is_yes if silent else ~is_yes)
            left &= ~found[name]
        for rule in card.rules:
            found[rule.id] = left & self.holds(rule.when, read)
            left &= ~found[rule.id]
        return {**found, "": left}

    def said(self, rule: Rule, within: int, read: Read = as_it_is) -> dict[str, int]:
        """The rows of ``within`` in which a rule says each of its summaries."""
        found: dict[str, int] = {}
        for wording in rule.summaries:
            here = within & self.holds(wording.when, read)
            found[wording.text] = found.get(wording.text, 0) | here
            within &= ~here
        return {text: here for text, here in found.items() if here}

    def offered(self, card: Card, rule_id: str, within: int, read: Read = as_it_is) -> dict[tuple[Offer, ...], int]:
        """The rows of ``within`` in which a card makes each sequence of offers to a rule."""
        found: dict[tuple[Offer, ...], int] = {(): within}
        for suggestion in card.suggestions:
            if rule_id not in suggestion.rules:
                continue
            here = self.holds(suggestion.when, read)
            split: dict[tuple[Offer, ...], int] = {}
            for offers, rows_of_it in found.items():
                for key, part in (
                    ((*offers, suggestion.offer()), rows_of_it & here),
                    (offers, rows_of_it & ~here),
                ):
                    if part:
                        split[key] = split.get(key, 0) | part
            found = split
        return found

    def row(self, bit: int) -> dict[str, str]:
        """The states of one row."""
        return {name: self._classes[name][bit // self._stride[name] % len(self._classes[name])] for name in self.names}

    def first(self, rows_of_it: int, most: int) -> Iterator[dict[str, str]]:
        """The first few rows of a set."""
        for _ in range(most):
            if not rows_of_it:
                return
            lowest = rows_of_it & -rows_of_it
            yield self.row(lowest.bit_length() - 1)
            rows_of_it ^= lowest
