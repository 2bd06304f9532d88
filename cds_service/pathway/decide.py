"""decide: the pure core. A record, its orders, the content and the time give one Decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from cds_service.facts.case import Case
from cds_service.facts.orders import Orders
from cds_service.facts.registry import all_facts, searches_of
from cds_service.facts.settings import Settings
from cds_service.pathway.card import QUIET, Card
from cds_service.pathway.content import Content
from cds_service.pathway.decision import NO_ORDER_OF_OURS, NOT_OUR_PATIENT, QUIET_AT_HOOK, WITHHELD, Decision, Outcome
from cds_service.record import PatientRecord

_URGENCY = MappingProxyType({"critical": 0, "warning": 1, "info": 2})


def candidate_cards(orders: Orders, content: Content) -> tuple[Card, ...]:
    """The cards that an order of this call triggers (pathway D0), those that the site has switched off left out."""
    return tuple(card for card in content.cards if orders.of_kind(*card.orders) and is_enabled(card, content.settings))


def is_enabled(card: Card, settings: Settings) -> bool:
    """Whether the switch that a card needs is on; most need none."""
    return not card.enabled_by or bool(getattr(settings, card.enabled_by))


def needed_searches(cards: Iterable[Card], content: Content) -> tuple[str, ...]:
    """The keys of ``cards/prefetch.yaml`` on which the decision about these cards rests; what is required comes first.

    A search for a type of resource brings every other search for that type with it: one may find what another has
    missed (decision 7). The Patient is always among them: it says under which names the resources are the patient's.
    """
    pathway = content.pathway
    asked = ((pathway.gate,), *(card.own_facts() for card in cards))
    keys = frozenset(pathway.required_searches).union(*map(_searches_of, asked))
    kinds = {"Patient", *(_kind(content.prefetch[key]) for key in keys)}
    first = (*pathway.required_searches, *all_facts()[pathway.gate].searches)
    return tuple(
        dict.fromkeys((*first, *(key for key, template in content.prefetch.items() if _kind(template) in kinds)))
    )


# Cards are few and asked about at every call.
@lru_cache(maxsize=256)
def _searches_of(facts: tuple[str, ...]) -> frozenset[str]:
    return searches_of(facts)


@lru_cache(maxsize=256)
def _kind(template: str) -> str:
    """The resource type that a prefetch template asks for."""
    return template.partition("?")[0].partition("/")[0]


def open_case(record: PatientRecord, orders: Orders, content: Content, now: datetime) -> Case:
    """The facts' view of one call."""
    return Case(record, orders, content.terms, content.lexicon, content.settings, content.regimens, now)


def decide(record: PatientRecord, orders: Orders, content: Content, now: datetime) -> Decision:
    """Decide one call (pathway D0 to D8). Equal arguments give an equal Decision; nothing else is looked at."""
    return decide_case(open_case(record, orders, content, now), content)


def decide_case(case: Case, content: Content) -> Decision:
    """The same, for a case that is open already."""
    orders, record = case.orders, case.record
    cards = candidate_cards(orders, content)
    if not cards:
        return without_cards(orders, NO_ORDER_OF_OURS, record)
    if case.fact(content.pathway.gate).value != "yes":
        return without_cards(orders, NOT_OUR_PATIENT, record, case)
    outcomes = sorted(
        (_decide_card(card, case) for card in cards),
        key=lambda found: (_URGENCY.get(found.indicator, 3), content.pathway.order.index(found.card_id)),
    )
    return Decision(
        orders.hook,
        orders,
        MappingProxyType(case.known()),
        _withhold(outcomes, content.pathway.most_cards),
        MappingProxyType({key: record.search(key) for key in needed_searches(cards, content)}),
    )


def without_cards(
    orders: Orders, silence: str, record: PatientRecord | None = None, case: Case | None = None
) -> Decision:
    """The decision that no card was considered, and why."""
    return Decision(
        orders.hook,
        orders,
        MappingProxyType(case.known() if case is not None else {}),
        (),
        record.searches if record is not None else MappingProxyType({}),
        silence,
    )


def _decide_card(card: Card, case: Case) -> Outcome:
    states = {name: case.fact(name).state for name in (*card.deciding_facts(), *card.wording_facts())}
    decided, offered = card.choose(states)
    unknown = tuple(name for name in card.excluded_by if case.fact(name).value == "unknown")
    if decided in card.requires or decided in card.excluded_by:
        return Outcome(card.id, card.topic, decided, "", decided, "", not_ruled_out=unknown)
    rule = card.rule(decided)
    if rule.is_silence:
        return Outcome(card.id, card.topic, rule.id, "", rule.id, "", not_ruled_out=unknown)
    indicator = rule.indicators.get(case.orders.hook, QUIET)
    silence = QUIET_AT_HOOK if indicator == QUIET else ""
    if not silence:
        for name in card.shown_facts:
            case.fact(name)
    return Outcome(card.id, card.topic, rule.id, rule.variant, silence, indicator, offered, unknown)


def _withhold(outcomes: list[Outcome], most: int) -> tuple[Outcome, ...]:
    """Keep the first ``most`` shown outcomes; the rest stay in the decision with the reason (decision 27)."""
    shown = 0
    kept: list[Outcome] = []
    for outcome in outcomes:
        shown += outcome.is_shown
        kept.append(replace(outcome, silence=WITHHELD) if outcome.is_shown and shown > most else outcome)
    return tuple(kept)
