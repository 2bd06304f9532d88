"""Card: the machine part and the text of one card file, as frozen values (format in ARCHITECTURE.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from cds_service.pathway.condition import Condition, States, holds, leaves

Indicator = Literal["info", "warning", "critical", "none"]
QUIET = "none"


@dataclass(frozen=True, slots=True)
class Summary:
    """One wording of a summary and when it is used; the last of a rule has no condition."""

    when: Condition
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a card's decision table. Rules stand in order; the first whose condition holds decides.

    A silence has no summaries. ``variant`` is the name shown in the card's extension; several rules may share one.
    ``indicators`` maps each hook to its indicator, ``none`` where the rule is quiet at that hook.
    """

    id: str
    when: Condition
    is_silence: bool
    variant: str = ""
    indicators: Mapping[str, Indicator] = field(default_factory=dict)
    summaries: tuple[Summary, ...] = ()
    lead: str = ""
    line: int = 0

    def summary(self, states: States) -> str:
        """The wording that fits the states; the last one fits always."""
        return next(wording.text for wording in self.summaries if holds(wording.when, states))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One suggestion of a card: an order template (or the removal of drafts), for which rules, and when.

    ``removes`` are order kinds whose drafts it deletes: with a template it replaces them in one suggestion
    (decision 28). ``label`` is what the clinician reads; "" takes the template's own.
    """

    template: str
    rules: tuple[str, ...]
    when: Condition
    line: int = 0
    removes: tuple[str, ...] = ()
    label: str = ""

    def offer(self) -> Offer:
        """What it comes to where it is offered."""
        return Offer(self.template, tuple(sorted(self.removes)))


class Offer(NamedTuple):
    """A suggestion as the clinician meets it: the template, and the order kinds whose drafts it removes, sorted."""

    template: str
    removes: tuple[str, ...]


class Choice(NamedTuple):
    """What a card comes to in some states: the deciding rule (or requirement, exclusion) and the templates offered."""

    decided: str
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One card. ``requires`` must be ``yes``; a definite ``yes`` of ``excluded_by`` silences; then the rules.

    ``shown_facts`` are those whose evidence the body shows, in its order. ``released`` and ``revised`` are ISO dates
    ("" before the first release), ``statements`` the sentences of the documents that the card carries.
    ``lines`` are those of its file, for ``where``. ``enabled_by`` is the switch of ``settings.yaml`` that the card
    needs, "" for none.
    """

    id: str
    topic: str
    title: str
    version: str
    status: str
    owner: str
    reviewed_by: str
    review_due: str
    sources: tuple[str, ...]
    orders: tuple[str, ...]
    requires: tuple[str, ...]
    excluded_by: tuple[str, ...]
    rules: tuple[Rule, ...]
    suggestions: tuple[Suggestion, ...]
    override_reasons: tuple[str, ...]
    body: str
    body_line: int
    shown_facts: tuple[str, ...]
    path: str
    statements: tuple[str, ...] = ()
    released: str = ""
    revised: str = ""
    enabled_by: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, member: str, text: str = "") -> str:
        """``path:line`` of a member of the front matter, or of a text in its list; the first line if it has none."""
        return f"{self.path}:{self.lines.get(f'{member}/{text}', self.lines.get(member, 1))}"

    def rule(self, rule_id: str) -> Rule:
        """The rule with that id."""
        return next(rule for rule in self.rules if rule.id == rule_id)

    def decide(self, states: States) -> str:
        """The id of the deciding rule, or of the requirement or exclusion that silences; "" if the table has a gap."""
        for name in self.requires:
            if not states[name].startswith("yes"):
                return name
        for name in self.excluded_by:
            if states[name].startswith("yes"):
                return name
        for rule in self.rules:
            if holds(rule.when, states):
                return rule.id
        return ""

    def suggest(self, rule_id: str, states: States) -> tuple[str, ...]:
        """The templates that the card offers for a rule in these states, in order."""
        return tuple(offer.template for offer in self.offers(rule_id, states))

    def offers(self, rule_id: str, states: States) -> tuple[Offer, ...]:
        """The same with what each removes."""
        return tuple(
            offered.offer() for offered in self.suggestions if rule_id in offered.rules and holds(offered.when, states)
        )

    def suggestion(self, rule_id: str, template: str) -> Suggestion:
        """The suggestion of that template for a rule; all of that name remove alike there (see ``card_file``)."""
        return next(item for item in self.suggestions if item.template == template and rule_id in item.rules)

    def choose(self, states: States) -> Choice:
        """Rule and suggestions in one; remembered, as the same states come again and again."""
        names = (*self.deciding_facts(), *self.wording_facts())
        return _choose(self, names, tuple(states[name] for name in names))

    def own_facts(self) -> tuple[str, ...]:
        """Every fact that the card decides by, words itself by or shows, sorted."""
        return _own_facts(self)

    def deciding_facts(self) -> tuple[str, ...]:
        """The facts that choose the rule, sorted."""
        return _deciding_facts(self)

    def wording_facts(self) -> tuple[str, ...]:
        """The facts that choose summaries and suggestions but not the rule, sorted."""
        return _wording_facts(self)


# A card never changes and is asked at every call. Mutants of cards are many: what is kept is bounded.
@lru_cache(maxsize=4096)
def _choose(card: Card, names: tuple[str, ...], row: tuple[str, ...]) -> Choice:
    states = dict(zip(names, row, strict=True))
    decided = card.decide(states)
    return Choice(decided, card.suggest(decided, states))


@lru_cache(maxsize=256)
def _deciding_facts(card: Card) -> tuple[str, ...]:
    return tuple(sorted({*card.requires, *card.excluded_by, *_facts_of(rule.when for rule in card.rules)}))


@lru_cache(maxsize=256)
def _own_facts(card: Card) -> tuple[str, ...]:
    return tuple(sorted({*card.deciding_facts(), *card.wording_facts(), *card.shown_facts}))


@lru_cache(maxsize=256)
def _wording_facts(card: Card) -> tuple[str, ...]:
    conditions = (
        *(summary.when for rule in card.rules for summary in rule.summaries),
        *(offered.when for offered in card.suggestions),
    )
    return tuple(sorted(_facts_of(conditions).difference(card.deciding_facts())))


def _facts_of(conditions: Iterable[Condition]) -> frozenset[str]:
    return frozenset(leaf.fact for condition in conditions for leaf in leaves(condition))
