"""The register of cards: one row per card, also the retired ones. Generated from the cards, never typed."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

from cds_service.pathway.card import Card
from cds_service.pathway.content import Content
from cds_service.pathway.governance import standing

COLUMNS = (
    *("id", "title", "version", "status", "owner", "reviewed_by", "review_due", "released", "revised"),
    *("orders", "sources", "statements", "file"),
)


def all_cards(content: Content) -> tuple[Card, ...]:
    """Every card in the order of the pathway, retired ones included."""
    order = content.pathway.order
    return tuple(sorted((*content.cards, *content.retired), key=lambda card: order.index(card.id)))


def register_row(card: Card, content: Content) -> dict[str, str]:
    """One card by column. A source stands with the date on which it was last looked at."""
    sources = (content.links[name] for name in card.sources)
    return {
        "id": card.id,
        "title": card.title,
        "version": card.version,
        "status": card.status,
        "owner": card.owner,
        "reviewed_by": card.reviewed_by,
        "review_due": card.review_due,
        "released": card.released,
        "revised": card.revised,
        "orders": " ".join(card.orders),
        "sources": "; ".join(f"{link.id} ({link.reviewed})" for link in sources),
        "statements": " ".join(card.statements),
        "file": card.path.replace("\\", "/").rpartition("/")[2],
    }


def register_csv(content: Content) -> str:
    """The register as CSV (``cards/register.csv``). It does not depend on the day it is made."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for card in all_cards(content):
        writer.writerow({name: _cell(value) for name, value in register_row(card, content).items()})
    return text.getvalue()


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def register_json(content: Content, today: date) -> list[dict[str, Any]]:
    """The register as JSON values, with today's standing and the sources one by one."""
    return [
        {
            **register_row(card, content),
            "standing": standing(card, today),
            "orders": list(card.orders),
            "statements": list(card.statements),
            "sources": [
                {"id": link.id, "label": link.label, "url": link.url, "reviewed": link.reviewed, "claim": link.claim}
                for link in (content.links[name] for name in card.sources)
            ],
        }
        for card in all_cards(content)
    ]


def register_text(content: Content, today: date) -> str:
    """The register for a terminal: a line per card with its standing, then who answers for it."""
    cards = all_cards(content)
    wide = max((len(card.id) for card in cards), default=0)
    lines = []
    for card in cards:
        reviewed = f"reviewed by {card.reviewed_by}" if card.reviewed_by else "not reviewed"
        due = f", due {card.review_due}" if card.review_due else ""
        lines.append(f"{card.id:{wide}}  {card.version:8} {standing(card, today):24} {card.owner}; {reviewed}{due}")
        lines += [
            f"{'':{wide}}  source {link.id}, looked at {link.reviewed}"
            for link in (content.links[name] for name in card.sources)
        ]
    counted = ", ".join(
        f"{sum(card.status == status for card in cards)} {status}" for status in ("active", "draft", "retired")
    )
    return "\n".join((*lines, f"{len(cards)} cards: {counted}"))
