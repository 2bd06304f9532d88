"""check --mutants: change a card in every small way and see that one of its cases notices.

Two families. *Structural*: drop, swap or widen a condition, drop or reorder a rule, change an indicator, a
suggestion or its place, or what it removes. *Closed-world*: read the unknowns of one fact as a yes or as a no;
ordinary mutation hardly ever does that, and it is the mistake that matters here. A mutant that no case kills is
compared with the card over the whole truth table: equal everywhere means equivalent, anything else survives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cds_service.facts.orders import ORDER_KINDS
from cds_service.pathway.card import Card, Indicator, Rule
from cds_service.pathway.cases import CardCase, failure, read_cases
from cds_service.pathway.condition import All, AnyOf, Condition, Is, States, matches
from cds_service.pathway.content import unproved_content
from cds_service.pathway.truth_table import MOST_ROWS, Read, TruthTable, as_it_is, declared_states

_MOST_ROWS = 4 * MOST_ROWS
"""Card and mutant together tell more states apart than the card alone."""
_OTHER_INDICATOR: dict[Indicator, Indicator] = {
    "none": "info",
    "info": "warning",
    "warning": "info",
    "critical": "warning",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed card, or the same card with the unknowns of ``reads`` taken as ``reads_as``."""

    family: str
    what: str
    card: Card
    reads: str = ""
    reads_as: str = ""

    def read(self, name: str, state: str) -> str:
        """A state as this mutant sees it."""
        return self.reads_as if name == self.reads and state.startswith("unknown") else state

    def see(self, states: States) -> States:
        """The states as this mutant sees them."""
        return {name: self.read(name, state) for name, state in states.items()}


@dataclass(frozen=True, slots=True)
class MutantReport:
    """How many mutants there were, how many were killed or equivalent, and those that survived (``card: what``)."""

    killed: int
    equivalent: int
    survivors: tuple[str, ...]

    @property
    def total(self) -> int:
        """All mutants."""
        return self.killed + self.equivalent + len(self.survivors)


def mutants(cards: Path, site: Path | None = None) -> MutantReport:
    """Run all mutants of all cards of a content directory, and of a site. Raises ContentError if it does not load."""
    killed = equivalent = 0
    survivors: list[str] = []
    for card in unproved_content(cards, site).cards:
        cases = read_cases(card)
        for mutant in make_mutants(card):
            if is_killed(mutant, cases):
                killed += 1
            elif differs(mutant, card):
                survivors.append(f"{card.id}: {mutant.family}: {mutant.what}")
            else:
                equivalent += 1
    return MutantReport(killed, equivalent, tuple(survivors))


def is_killed(mutant: Mutant, cases: tuple[CardCase, ...]) -> bool:
    """Whether some case fails on the mutant."""
    return any(failure(replace(case, states=mutant.see(case.states)), mutant.card) for case in cases)


def differs(mutant: Mutant, card: Card) -> bool:
    """Whether mutant and card come to different answers in some state."""
    names = {*card.deciding_facts(), *card.wording_facts(), *mutant.card.deciding_facts()}
    names |= set(mutant.card.wording_facts())
    table = TruthTable(tuple(sorted(names)), card, mutant.card, apart=mutant.reads, most=_MOST_ROWS)
    return _answers(table, card) != _answers(table, mutant.card, mutant.read)


def _answers(table: TruthTable, card: Card, read: Read = as_it_is) -> dict[object, int]:
    """All that a clinician could see of the card, each with the rows in which it is seen."""
    found: dict[object, int] = {}
    for decided, where in table.decided(card, read).items():
        rule = next((rule for rule in card.rules if rule.id == decided and not rule.is_silence), None)
        if rule is None:
            seen: list[tuple[object, int]] = [(decided, where)]
        else:
            indicators = tuple(sorted(rule.indicators.items()))
            seen = [((decided, indicators), where)]
            seen += [((decided, text), here) for text, here in table.said(rule, where, read).items()]
            seen += [((decided, *offered), here) for offered, here in table.offered(card, decided, where, read).items()]
        found.update((key, here) for key, here in seen if here)
    return found


def make_mutants(card: Card) -> Iterator[Mutant]:
    """Every mutant of a card."""
    for name in (*card.deciding_facts(), *card.wording_facts()):
        yield from _closed_world(card, name)
    yield from _table_mutants(card)
    for number, rule in enumerate(card.rules):
        for what, when in _variations(rule.when):
            yield Mutant("structural", f"rule {rule.id}: {what}", _with_rule(card, number, replace(rule, when=when)))
        for place, summary in enumerate(rule.summaries):
            for what, when in _variations(summary.when):
                changed = (*rule.summaries[:place], replace(summary, when=when), *rule.summaries[place + 1 :])
                yield Mutant(
                    "structural",
                    f"summary {place + 1} of {rule.id}: {what}",
                    _with_rule(card, number, replace(rule, summaries=changed)),
                )
    for number, offered in enumerate(card.suggestions):
        rest = (card.suggestions[:number], card.suggestions[number + 1 :])
        yield Mutant(
            "structural", f"suggestion {offered.template} dropped", replace(card, suggestions=(*rest[0], *rest[1]))
        )
        for what, when in _variations(offered.when):
            changed_offer = replace(offered, when=when)
            yield Mutant(
                "structural",
                f"suggestion {offered.template}: {what}",
                replace(card, suggestions=(*rest[0], changed_offer, *rest[1])),
            )
        if number:
            earlier = (*card.suggestions[: number - 1], offered, card.suggestions[number - 1], *rest[1])
            yield Mutant(
                "structural", f"suggestion {offered.template} one place earlier", replace(card, suggestions=earlier)
            )
        for what, removes in _removals(offered.removes):
            changed_offer = replace(offered, removes=removes)
            yield Mutant(
                "structural",
                f"suggestion {offered.template}: {what}",
                replace(card, suggestions=(*rest[0], changed_offer, *rest[1])),
            )
        for rule_id in offered.rules:
            fewer = replace(offered, rules=tuple(name for name in offered.rules if name != rule_id))
            yield Mutant(
                "structural",
                f"suggestion {offered.template} not for {rule_id}",
                replace(card, suggestions=(*rest[0], fewer, *rest[1])),
            )


def _removals(kinds: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For a suggestion that removes drafts: one kind less, and one of the others more."""
    for kind in kinds:
        yield f"does not remove {kind}", tuple(other for other in kinds if other != kind)
    for kind in sorted(ORDER_KINDS.difference(kinds)) if kinds else ():
        yield f"also removes {kind}", (*kinds, kind)


def _closed_world(card: Card, name: str) -> Iterator[Mutant]:
    states = declared_states(name)
    for value in ("yes", "no"):
        for state in states:
            if state.startswith(value) and any(other.startswith("unknown") for other in states):
                yield Mutant("closed-world", f"unknown {name} read as {state}", card, name, state)


def _table_mutants(card: Card) -> Iterator[Mutant]:
    for name in card.requires:
        kept = tuple(other for other in card.requires if other != name)
        yield Mutant("structural", f"requirement {name} dropped", replace(card, requires=kept))
    for name in card.excluded_by:
        kept = tuple(other for other in card.excluded_by if other != name)
        yield Mutant("structural", f"exclusion {name} dropped", replace(card, excluded_by=kept))
    for number, rule in enumerate(card.rules):
        yield Mutant(
            "structural",
            f"rule {rule.id} dropped",
            replace(card, rules=(*card.rules[:number], *card.rules[number + 1 :])),
        )
        if number:
            swapped = (*card.rules[: number - 1], rule, card.rules[number - 1], *card.rules[number + 1 :])
            yield Mutant("structural", f"rule {rule.id} one place earlier", replace(card, rules=swapped))
        for hook, indicator in rule.indicators.items():
            other: dict[str, Indicator] = {**rule.indicators, hook: _OTHER_INDICATOR[indicator]}
            yield Mutant(
                "structural",
                f"rule {rule.id}: other indicator at {hook}",
                _with_rule(card, number, replace(rule, indicators=other)),
            )


def _variations(condition: Condition) -> Iterator[tuple[str, Condition]]:
    """Every condition that differs from this one in one place, and what was done."""
    if isinstance(condition, Is):
        states = declared_states(condition.fact)
        missed = tuple(state for state in states if not any(matches(pattern, state) for pattern in condition.patterns))
        if missed:
            yield f"{condition.fact} negated", Is(condition.fact, missed)
        for pattern in condition.patterns:
            kept = tuple(other for other in condition.patterns if other != pattern)
            yield f"{condition.fact} without {pattern}", Is(condition.fact, kept)
        for state in missed:
            yield f"{condition.fact} also {state}", Is(condition.fact, (*condition.patterns, state))
        return
    if len(condition.parts) > 1:
        yield (
            ("any for all", AnyOf(condition.parts))
            if isinstance(condition, All)
            else ("all for any", All(condition.parts))
        )
    for place, part in enumerate(condition.parts):
        before, after = condition.parts[:place], condition.parts[place + 1 :]
        if before or after:
            yield f"part {place + 1} dropped", replace(condition, parts=(*before, *after))
        for what, changed in _variations(part):
            yield what, replace(condition, parts=(*before, changed, *after))


def _with_rule(card: Card, number: int, rule: Rule) -> Card:
    return replace(card, rules=(*card.rules[:number], rule, *card.rules[number + 1 :]))
