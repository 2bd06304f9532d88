"""Where a call stands on the pathway: each decision point with what was found there, each card with its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cds_service.describe.flow import Station
from cds_service.facts.fact import Fact
from cds_service.pathway.content import Content
from cds_service.pathway.decision import NO_ORDER_OF_OURS, Decision

Standing = Literal["passed", "unknown", "not-asked", "stopped", "here", "not-reached", "elsewhere"]
"""A question answered so that the call goes on; one without an answer, and one that no card of the call asks, past
which it goes on as well; where it ended; a branch that its orders take; one that it never came to; a branch of other
orders."""

SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Step:
    """One decision point. ``answer`` is what was found there, in words ("" if nothing was asked)."""

    id: str
    question: str
    standing: Standing
    answer: str
    cards: tuple[tuple[str, str], ...]


def find_place(flow: tuple[Station, ...], decision: Decision, content: Content) -> tuple[Step, ...]:
    """Each decision point in order. ``cards`` of a step: titles and results of those considered, shown ones first."""
    kinds = frozenset[str]().union(*(order.kinds for order in decision.orders.selected))
    is_over = False
    steps = []
    for station in flow:
        point = station.point
        standing: Standing = "not-reached" if is_over else "passed"
        answer = ""
        if point.orders:
            if not is_over:
                standing = "elsewhere" if kinds.isdisjoint(point.orders) else "here"
        elif not point.fact:
            is_over = decision.silence == NO_ORDER_OF_OURS
            standing, answer = ("stopped", "no") if is_over else ("passed", "yes")
        elif not is_over:
            fact = decision.facts.get(point.fact)
            is_over = bool(decision.silence) and point.fact == content.pathway.gate
            standing = "stopped" if is_over else _standing(fact)
            answer = _answer(point.fact, decision, content)
        results = card_results(decision)
        found = [(card.title, results[card.id]) for card, _ in station.cards if card.id in results]
        cards = tuple(sorted(found, key=lambda item: item[1] == SILENT))
        steps.append(Step(point.id, point.question, standing, answer, cards if standing == "here" else ()))
    return tuple(steps)


def card_results(decision: Decision) -> dict[str, str]:
    """By card id: the indicator of a card that is shown, ``SILENT`` for the others that were considered."""
    return {found.card_id: found.indicator if found.is_shown else SILENT for found in decision.outcomes}


def marks(steps: tuple[Step, ...], decision: Decision) -> Mapping[str, str]:
    """What the drawing marks: decision points and cards, by id."""
    return {**{step.id: step.standing for step in steps}, **card_results(decision)}


def _standing(fact: Fact | None) -> Standing:
    """How a call goes on from a question: unknown is never drawn as an answer."""
    if fact is None:
        return "not-asked"
    return "unknown" if fact.value == "unknown" else "passed"


def _answer(name: str, decision: Decision, content: Content) -> str:
    fact = decision.facts.get(name)
    if fact is None:
        return "could not be asked" if decision.silence else "not asked by any card of this call"
    meaning = content.review.meaning(name, fact.state)
    return f"{fact.state}: {meaning}" if meaning else fact.state
