"""check --mutants: change a card in every small way and see that one of its cases notices.

Two families. *Structural*: drop, swap or widen a condition, drop or reorder a rule, change an indicator or a
suggestion. *Closed-world*: read the unknowns of one fact as a yes or as a no; ordinary mutation hardly ever
does that, and it is the mistake that matters here. A mutant that no case kills is compared with the card over
the whole truth table: equal everywhere means equivalent, anything else survives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from cds_service.pathway.card import Card, Indicator, Rule
from cds_service.pathway.cases import CardCase, failure, read_cases
from cds_service.pathway.condition import All, AnyOf, Condition, Is, leaves, matches
from cds_service.pathway.content import load_content
from cds_service.pathway.truth_table import conditions, declared_states, rows

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

    def see(self, states: dict[str, str]) -> dict[str, str]:
        """The states as this mutant sees them."""
        if self.reads and states.get(self.reads, "").startswith("unknown"):
            return {**states, self.reads: self.reads_as}
        return states


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


def mutants(cards: Path) -> MutantReport:
    """Run all mutants of all cards of a content directory. Raises ContentError if it does not load."""
    killed = equivalent = 0
    survivors: list[str] = []
    for card in load_content(cards).cards:
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
    return any(
        failure(replace(case, states=MappingProxyType(mutant.see(dict(case.states)))), mutant.card) for case in cases
    )


def differs(mutant: Mutant, card: Card) -> bool:
    """Whether mutant and card come to different answers in some state.

    Two steps keep it small: the deciding facts give the pairs of rules that can occur together, with the states
    that the wording looks at as well; only those are combined with the facts that choose the wording alone.
    """
    passed = _passed_gates(mutant, card)
    deciding = tuple(sorted({*card.deciding_facts(), *mutant.card.deciding_facts()}.difference(passed)))
    wording = tuple(sorted({*card.wording_facts(), *mutant.card.wording_facts()}.difference(deciding)))
    spare = {**{name: declared_states(name)[0] for name in (*deciding, *wording)}, **passed}
    worded = [name for name in deciding if _is_worded(name, card, mutant.card)]
    seen: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows(deciding, card, mutant.card, apart=mutant.reads):
        states = {**row, **passed}
        decided = card.decide(states)
        if decided != mutant.card.decide(mutant.see(states)):
            return True
        seen.setdefault((decided, *(states[name] for name in worded)), states)
    return any(
        _answer(card, {**spare, **states, **extra}) != _answer(mutant.card, mutant.see({**spare, **states, **extra}))
        for states in seen.values()
        for extra in rows(wording, card, mutant.card, apart=mutant.reads)
    )


def _passed_gates(mutant: Mutant, card: Card) -> dict[str, str]:
    """Requirements and exclusions that the mutant leaves as they are, each in a state that lets the rules speak.

    In their other states card and mutant are silent alike, so those rows need not be compared.
    """
    if (mutant.card.requires, mutant.card.excluded_by) != (card.requires, card.excluded_by):
        return {}
    passed = dict.fromkeys(card.requires, "yes") | dict.fromkeys(card.excluded_by, "no")
    used = {leaf.fact for seen in (card, mutant.card) for condition in conditions(seen) for leaf in leaves(condition)}
    return {
        name: next(state for state in declared_states(name) if state.startswith(value))
        for name, value in passed.items()
        if name not in used and name != mutant.reads
    }


def _is_worded(name: str, *cards: Card) -> bool:
    """Whether a fact chooses a summary or a suggestion."""
    return any(
        leaf.fact == name
        for card in cards
        for condition in conditions(card)[len(card.rules) :]
        for leaf in leaves(condition)
    )


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
        for rule_id in offered.rules:
            fewer = replace(offered, rules=tuple(name for name in offered.rules if name != rule_id))
            yield Mutant(
                "structural",
                f"suggestion {offered.template} not for {rule_id}",
                replace(card, suggestions=(*rest[0], fewer, *rest[1])),
            )


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


def _answer(card: Card, states: dict[str, str]) -> tuple[object, ...]:
    """All that a clinician could see of the card in a state."""
    decided = card.decide(states)
    rule = next((rule for rule in card.rules if rule.id == decided and not rule.is_silence), None)
    if rule is None:
        return (decided,)
    return decided, tuple(sorted(rule.indicators.items())), rule.summary(states), card.suggest(decided, states)
