"""CardPage: all that a reviewer sees of one card, as plain values for the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cds_service.describe.outcomes import Outcomes, outcomes_of
from cds_service.describe.triggers import TriggerSet
from cds_service.describe.words import Clause, heading, in_words
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card, Rule
from cds_service.pathway.condition import ALWAYS, Condition
from cds_service.pathway.content import Content, SourceLink
from cds_service.pathway.decide import is_enabled
from cds_service.pathway.governance import standing
from cds_service.pathway.review import SourceAttribute
from cds_service.pathway.statements import Statement
from cds_service.pathway.templates import REMOVE_DRAFTS

NOT_ASSESSED = "Not assessed"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One order kind of the card, in words and codes."""

    kind: str
    title: str
    sets: tuple[TriggerSet, ...]


@dataclass(frozen=True, slots=True)
class Worded:
    """A text and when it is used; no clause: in all other cases, or always."""

    text: str
    when: Clause | None


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """One suggestion of a rule: its label, what it creates and removes, and when it is offered."""

    label: str
    template: str
    description: str
    removes: tuple[str, ...]
    when: Clause | None


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule: number, name, condition, and what it says at each hook."""

    number: int
    rule: Rule
    when: Clause
    summaries: tuple[Worded, ...]
    suggestions: tuple[SuggestionView, ...]


@dataclass(frozen=True, slots=True)
class StateView:
    """One state of a fact: what it means, and for each rule in order whether it can decide then.

    ``decides`` is empty for a fact that chooses no rule; ``is_silent`` means that no rule is even asked.
    """

    state: str
    meaning: str
    decides: tuple[bool, ...]
    is_silent: bool


@dataclass(frozen=True, slots=True)
class FactView:
    """One fact that the card uses. ``role`` says for what."""

    name: str
    heading: str
    source: str
    summary: str
    role: str
    searches: tuple[str, ...]
    states: tuple[StateView, ...]


@dataclass(frozen=True, slots=True)
class CardPage:
    """Everything on the page of one card."""

    card: Card
    standing: str
    switch: str
    hooks: tuple[str, ...]
    triggers: tuple[Trigger, ...]
    rules: tuple[RuleView, ...]
    facts: tuple[FactView, ...]
    override_reasons: tuple[tuple[str, str], ...]
    sources: tuple[SourceLink, ...]
    attributes: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]


def make_page(card: Card, content: Content, codes: Mapping[str, tuple[TriggerSet, ...]], today: date) -> CardPage:
    """The page of a card. ``codes`` are the value sets behind each order kind (``triggers.trigger_sets``)."""
    return CardPage(
        card,
        standing(card, today),
        _switch(card, content),
        tuple(dict.fromkeys(service.hook for service in content.pathway.services)),
        tuple(Trigger(kind, kind_in_words(kind, content), codes.get(kind, ())) for kind in card.orders),
        tuple(_rule(number, rule, card, content) for number, rule in enumerate(card.rules, 1)),
        _facts(card, content),
        tuple((code, content.override_reasons[code]) for code in card.override_reasons),
        tuple(content.links[name] for name in card.sources),
        tuple((item.name, answer(item, card, content)) for item in content.review.source_attributes),
        tuple(content.statements[name] for name in card.statements),
    )


def _switch(card: Card, content: Content) -> str:
    """The setting that turns the card on, and where it stands; "" for a card that is always on."""
    if not card.enabled_by:
        return ""
    return f"{card.enabled_by}, {'on' if is_enabled(card, content.settings) else 'off'} here"


def kind_in_words(kind: str, content: Content) -> str:
    """An order kind as reviewers read it."""
    return content.review.order_kinds.get(kind) or kind.replace("_", " ")


def answer(attribute: SourceAttribute, card: Card, content: Content) -> str:
    """What a card has to say to one of the thirteen source attributes; honest where nothing is known."""
    if attribute.taken_from == "sources":
        links = (content.links[name] for name in card.sources)
        return "; ".join(f"{link.label}, {link.url} (looked at {link.reviewed})" for link in links)
    if attribute.taken_from == "owner":
        return card.owner
    if attribute.taken_from == "dates":
        released = f"released {card.released}" if card.released else "not released"
        revised = f", revised {card.revised}" if card.revised else ""
        return f"Version {card.version}, {released}{revised}"
    used = [name for name in attribute.facts if name in _used(card)]
    if used:
        return "Used: " + "; ".join(f"{heading(name, content)}: {all_facts()[name].summary}" for name in used)
    return attribute.says or NOT_ASSESSED


def _used(card: Card) -> tuple[str, ...]:
    return (*card.deciding_facts(), *card.wording_facts(), *card.shown_facts)


def _rule(number: int, rule: Rule, card: Card, content: Content) -> RuleView:
    return RuleView(
        number,
        rule,
        in_words(rule.when, content),
        tuple(Worded(item.text, _unless_always(item.when, content)) for item in rule.summaries),
        tuple(_suggestions(rule, card, content)),
    )


def _suggestions(rule: Rule, card: Card, content: Content) -> list[SuggestionView]:
    found = []
    for offered in card.suggestions:
        if rule.id not in offered.rules:
            continue
        template = content.templates.get(offered.template)
        found.append(
            SuggestionView(
                offered.label or (template.label if template is not None else REMOVE_DRAFTS),
                offered.template,
                template.description if template is not None else "",
                tuple(kind_in_words(kind, content) for kind in offered.removes),
                _unless_always(offered.when, content),
            )
        )
    return found


def _unless_always(condition: Condition, content: Content) -> Clause | None:
    return None if condition == ALWAYS else in_words(condition, content)


def _facts(card: Card, content: Content) -> tuple[FactView, ...]:
    outcomes = outcomes_of(card)
    views = []
    for name in dict.fromkeys(_used(card)):
        spec = all_facts()[name]
        views.append(
            FactView(
                name,
                heading(name, content),
                spec.source,
                spec.summary,
                _role(name, card),
                spec.searches,
                tuple(_state(name, state, card, content, outcomes) for state in spec.states),
            )
        )
    return tuple(views)


def _state(name: str, state: str, card: Card, content: Content, outcomes: Outcomes) -> StateView:
    meaning = content.review.meaning(name, state)
    if name not in outcomes:
        return StateView(state, meaning, (), False)
    decides = tuple(rule.id in outcomes[name][state] for rule in card.rules)
    return StateView(state, meaning, decides, not any(decides))


def _role(name: str, card: Card) -> str:
    if name in card.requires:
        return "required: without its yes the card is silent"
    if name in card.excluded_by:
        return "excludes: its yes silences the card, an unknown does not"
    if name in card.deciding_facts():
        return "decides which rule speaks"
    if name in card.wording_facts():
        return "chooses wording or suggestions"
    return "shown as evidence"
