"""Feedback in the store: only on cards that went to this client from this service, each item once (decision 37)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, delete, select

from cds_service.hooks.feedback import FeedbackItem
from cds_service.store.database import as_store_error
from cds_service.store.schema import as_time, decisions, feedback, insert_new, shown_cards

_PAGE = 500
_LONGEST_CARD = 100
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class FeedbackOrigin:
    """Who sent feedback, for which service, and when it came."""

    client: str
    service: str
    received: datetime


class Taken(NamedTuple):
    """How many items are kept (repeats included), and how many name a card that we do not know.

    ``by_topic`` counts the former by the topic of their card and their outcome.
    """

    received: int
    ignored: int
    by_topic: Mapping[tuple[str, str], int] = MappingProxyType({})


class Page(NamedTuple):
    """Items of one batch, few enough to be written at once."""

    items: Sequence[FeedbackItem]
    origin: FeedbackOrigin


def insert_feedback(connection: Connection, pages: Sequence[Page]) -> list[Taken]:
    """Write the items on known cards; one that stands there already is left as it is. What was taken of each page."""
    rows: dict[str, Mapping[str, Any]] = {}
    taken = [_read_page(connection, page, rows) for page in pages]
    # In one order everywhere: two hosts that write the same items cannot wait for each other.
    kept = [rows[digest] for digest in sorted(rows)]
    if kept:
        insert_new(connection, feedback, kept)
    return taken


def _read_page(connection: Connection, page: Page, rows: dict[str, Mapping[str, Any]]) -> Taken:
    """What is taken of a page, whose rows are added to those of others."""
    items, origin = page
    # Ours are uuids; other texts may hold what a database does not take.
    cards = {item.card for item in items if len(item.card) <= _LONGEST_CARD and item.card.isprintable()}
    known = _known_cards(connection, cards, origin) if cards else {}
    by_topic: Counter[tuple[str, str]] = Counter()
    for item in items:
        if item.card in known:
            topic, variant = known[item.card]
            by_topic[topic, item.outcome] += 1
            row = _row(item, origin, topic, variant)
            # Of a repeat the first counts, as it would from another transaction.
            rows.setdefault(row["digest"], row)
    received = by_topic.total()
    return Taken(received, len(items) - received, by_topic)


def in_pages(items: Sequence[FeedbackItem], origin: FeedbackOrigin) -> Iterable[Page]:
    """A batch in parts that can be written without keeping calls waiting."""
    return (Page(items[start : start + _PAGE], origin) for start in range(0, len(items), _PAGE))


def purge_feedback(engine: Engine, before: datetime) -> int:
    """Delete what was received before a time, a page at a time; how many. StoreError."""
    old = select(feedback.c.digest).where(feedback.c.received_at < as_time(before)).limit(_PAGE)
    gone = 0
    while True:
        with as_store_error(), engine.begin() as connection:
            digests = list(connection.scalars(old))
            connection.execute(delete(feedback).where(feedback.c.digest.in_(digests)))
        gone += len(digests)
        if len(digests) < _PAGE:
            return gone


def _known_cards(connection: Connection, cards: set[str], origin: FeedbackOrigin) -> dict[str, tuple[str, str]]:
    query = (
        select(shown_cards.c.card, shown_cards.c.topic, shown_cards.c.variant)
        .join(decisions, decisions.c.id == shown_cards.c.decision)
        .where(decisions.c.client == origin.client, decisions.c.service == origin.service)
        .where(shown_cards.c.card.in_(sorted(cards)))
        .distinct()
    )
    return {row.card: (row.topic, row.variant) for row in connection.execute(query)}


def _row(item: FeedbackItem, origin: FeedbackOrigin, topic: str, variant: str) -> dict[str, Any]:
    said = {
        "client": origin.client,
        "service": origin.service,
        "card": item.card,
        "outcome": item.outcome,
        "outcome_at": as_time(item.at),
        "suggestions": list(item.suggestions),
        "reason_system": item.reason_system,
        "reason_code": item.reason_code,
        "commented": int(item.commented),
    }
    digest = hashlib.sha256(_ENCODE(list(said.values())).encode()).hexdigest()
    return {**said, "digest": digest, "received_at": as_time(origin.received), "topic": topic, "variant": variant}
