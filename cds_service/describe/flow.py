"""The flow of the pathway (part 3.1): its decision points, and at each the cards that the orders there trigger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from cds_service.pathway.card import Card
from cds_service.pathway.content import Content
from cds_service.pathway.decide import is_enabled
from cds_service.pathway.governance import standing
from cds_service.pathway.review import DecisionPoint

_ENTITIES = str.maketrans(
    {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;"}
)


@dataclass(frozen=True, slots=True)
class Station:
    """One decision point and the cards that stand there, each with its version and standing."""

    point: DecisionPoint
    cards: tuple[tuple[Card, str], ...]


def stations(content: Content, today: date) -> tuple[Station, ...]:
    """Every decision point in order; a card stands at each point to which one of its orders leads."""
    order = content.pathway.order
    cards = sorted(content.cards, key=lambda card: order.index(card.id))
    return tuple(
        Station(
            point,
            tuple(
                (card, _note(card, content, today)) for card in cards if not set(card.orders).isdisjoint(point.orders)
            ),
        )
        for point in content.review.decision_points
    )


def _note(card: Card, content: Content, today: date) -> str:
    switched = "" if is_enabled(card, content.settings) else ", switched off"
    return f"{card.version}, {standing(card, today)}{switched}"


def as_mermaid(flow: tuple[Station, ...]) -> str:
    """The flow as Mermaid text: a chain of questions for all, then a branch for each kind of order."""
    lines = ["flowchart TD"]
    chain = [station for station in flow if not station.point.orders]
    branches = [station for station in flow if station.point.orders]
    for station in flow:
        point = station.point
        lines.append(f'  {point.id}{{"{_text(f"{point.id}: {point.question}")}"}}')
        if point.otherwise:
            lines.append(f'  {point.id}_no["{_text(point.otherwise)}"]')
            lines.append(f"  {point.id} -- no --> {point.id}_no")
    for first, second in pairwise(chain):
        lines.append(f"  {first.point.id} -- yes --> {second.point.id}")
    named: set[str] = set()
    for station in branches:
        if chain:
            lines.append(f"  {chain[-1].point.id} --> {station.point.id}")
        for card, note in station.cards:
            # Bare, a card id may be a word of Mermaid, such as `end`.
            node = f"card_{card.id.replace('-', '_')}"
            if node not in named:
                lines.append(f'  {node}["{_text(card.title)}<br/>{_text(note)}"]')
                named.add(node)
            lines.append(f"  {station.point.id} --> {node}")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Text inside a quoted Mermaid label."""
    return " ".join(text.split()).translate(_ENTITIES)
