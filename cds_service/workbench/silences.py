"""Why a card says nothing, in a sentence for each card of the content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.describe.words import heading
from cds_service.pathway.card import Card
from cds_service.pathway.condition import leaves, matches
from cds_service.pathway.content import Content
from cds_service.pathway.decide import is_enabled
from cds_service.pathway.decision import NO_ORDER_OF_OURS, NOT_OUR_PATIENT, QUIET_AT_HOOK, WITHHELD, Decision, Outcome


@dataclass(frozen=True, slots=True)
class Silence:
    """One card that is not shown. ``name`` is the reason as the decision names it, ``states`` the facts behind it."""

    card: str
    title: str
    name: str
    why: str
    states: tuple[tuple[str, str], ...] = ()


def silences_of(decision: Decision, content: Content) -> tuple[Silence, ...]:
    """The cards that were considered and say nothing, in the order of the decision."""
    cards = {card.id: card for card in content.cards}
    return tuple(
        _silence(cards[found.card_id], found, decision, content) for found in decision.outcomes if not found.is_shown
    )


def not_considered(decision: Decision, content: Content) -> tuple[Silence, ...]:
    """The cards that no order of this call asks for, or that the site has switched off, in the order of the pathway."""
    considered = {found.card_id for found in decision.outcomes}
    order = content.pathway.order
    rest = sorted((card for card in content.cards if card.id not in considered), key=lambda card: order.index(card.id))
    return tuple(_not_asked(card, decision, content) for card in rest)


def whole_silence(decision: Decision, content: Content) -> str:
    """Why no card was even considered, in words; "" if some were."""
    if decision.silence == NO_ORDER_OF_OURS:
        return f"{_no_order(decision)}, so the record was not even read."
    if decision.silence == NOT_OUR_PATIENT:
        where = f"see Facts, {heading(content.pathway.gate, content)}."
        if _state(content.pathway.gate, decision).startswith("unknown"):
            return f"The record was read, and it is not known whether a cancer of the pancreas counts in it: {where}"
        return f"The record was read: no current, unrefuted cancer of the pancreas counts in it; {where}"
    return decision.silence


def _no_order(decision: Decision) -> str:
    """What stands in the way of a card: the orders, their selection, or that the site has switched the cards off."""
    if any(order.kinds for order in decision.orders.selected):
        return "No card that is switched on is about the selected orders"
    if any(order.kinds for order in decision.orders.drafts):
        return "None of the selected orders is one that this pathway is about (of those not selected, some are)"
    return "None of the orders is one that this pathway is about"


def _silence(card: Card, outcome: Outcome, decision: Decision, content: Content) -> Silence:
    rule = next((rule for rule in card.rules if rule.id == outcome.rule), None)
    states: tuple[tuple[str, str], ...] = ()
    if outcome.silence == QUIET_AT_HOOK:
        why = f"It has something to say (variant {outcome.variant}), but not at this hook."
    elif outcome.silence == WITHHELD:
        why = f"It has something to say (variant {outcome.variant}), but more urgent cards take the two places."
    elif rule is None:
        is_required = outcome.rule in card.requires
        why = "It needs this to be yes:" if is_required else "It does not apply when this is yes:"
        states = ((heading(outcome.rule, content), _state(outcome.rule, decision)),)
    else:
        states = tuple(dict.fromkeys(_states_behind(rule.id, card, decision, content)))
        why = f"Its rule {rule.id} asks for silence." if not states else f"Its rule {rule.id} asks for silence when:"
    return Silence(card.id, card.title, outcome.silence, why, states)


def _states_behind(rule: str, card: Card, decision: Decision, content: Content) -> Iterator[tuple[str, str]]:
    """The facts of a rule's condition whose states make it hold."""
    for leaf in leaves(card.rule(rule).when):
        state = _state(leaf.fact, decision)
        if any(matches(pattern, state) for pattern in leaf.patterns):
            yield heading(leaf.fact, content), state


def _state(name: str, decision: Decision) -> str:
    fact = decision.facts.get(name)
    return fact.state if fact is not None else "not asked"


def _not_asked(card: Card, decision: Decision, content: Content) -> Silence:
    if not is_enabled(card, content.settings):
        return Silence(card.id, card.title, "switched-off", "The site has switched it off.")
    kinds = ", ".join(content.review.order_kinds.get(kind, kind) for kind in card.orders)
    if decision.orders.of_kind(*card.orders):
        return Silence(card.id, card.title, decision.silence, "The call ended before any card was asked.")
    return Silence(card.id, card.title, "no-order", f"No such order in this call: {kinds}.")
