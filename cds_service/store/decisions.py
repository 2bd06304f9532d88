"""Decision records in the store: written one by one, read and purged on the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from cds_service.store.database import as_store_error, reading
from cds_service.store.decision_record import DecisionRecord
from cds_service.store.schema import as_time, decisions, feedback, shown_cards

_PAGE = 500
"""Rows deleted in one transaction: a longer one would keep the service from writing."""
_PLAIN = ("id", "service", "hook", "client", "patient", "engine", "pathway", "content", "silence")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions to show, the newest first; "", () and None ask for no particular one.

    ``patients`` are hashes of one patient, whom each client's records name differently.
    """

    id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    service: str = ""
    client: str | None = None
    topic: str = ""
    patients: tuple[str, ...] = ()
    limit: int = 100


def insert_decision(connection: Connection, record: DecisionRecord) -> None:
    """Write one record and the cards that it showed."""
    connection.execute(
        insert(decisions),
        {
            **{name: getattr(record, name) for name in _PLAIN},
            "at": as_time(record.at),
            "outcomes": list(record.outcomes),
            "facts": dict(record.facts),
            "searches": dict(record.searches),
        },
    )
    if record.shown:
        rows = [
            {"decision": record.id, "position": position, **asdict(card)} for position, card in enumerate(record.shown)
        ]
        connection.execute(insert(shown_cards), rows)


def find_decisions(engine: Engine, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The decisions asked for, each with its cards and the feedback on them, as plain JSON. StoreError."""
    query = select(decisions).order_by(decisions.c.at.desc(), decisions.c.id).limit(wanted.limit)
    for column in ("id", "service"):
        if getattr(wanted, column):
            query = query.where(decisions.c[column] == getattr(wanted, column))
    if wanted.patients:
        query = query.where(decisions.c.patient.in_(wanted.patients))
    if wanted.client is not None:
        query = query.where(decisions.c.client == wanted.client)
    if wanted.since is not None:
        query = query.where(decisions.c.at >= as_time(wanted.since))
    if wanted.until is not None:
        query = query.where(decisions.c.at < as_time(wanted.until))
    if wanted.topic:
        shown = select(shown_cards.c.decision).where(shown_cards.c.topic == wanted.topic)
        query = query.where(decisions.c.id.in_(shown))
    with reading(engine) as connection:
        for row in connection.execute(query).mappings().all():
            yield {**row, "cards": _cards(connection, row["id"], row["client"], row["service"])}


def client_names(engine: Engine) -> tuple[str, ...]:
    """The names of all clients that have decisions here. StoreError."""
    with reading(engine) as connection:
        return tuple(connection.scalars(select(decisions.c.client).distinct()))


def _cards(connection: Connection, decision: str, client: str, service: str) -> list[dict[str, Any]]:
    cards = connection.execute(
        select(shown_cards).where(shown_cards.c.decision == decision).order_by(shown_cards.c.position)
    ).mappings()
    return [
        {
            **{name: card[name] for name in ("card", "topic", "variant", "indicator")},
            "feedback": [
                dict(said)
                for said in connection.execute(
                    select(
                        feedback.c.outcome,
                        feedback.c.outcome_at,
                        feedback.c.suggestions,
                        feedback.c.reason_system,
                        feedback.c.reason_code,
                        feedback.c.commented,
                    )
                    .where(
                        feedback.c.card == card["card"],
                        feedback.c.client == client,
                        feedback.c.service == service,
                    )
                    .order_by(feedback.c.outcome_at, feedback.c.digest)
                ).mappings()
            ],
        }
        for card in cards.all()
    ]


def purge_decisions(engine: Engine, before: datetime) -> int:
    """Delete the decisions older than ``before`` with their cards, a page at a time; how many. StoreError."""
    old = select(decisions.c.id).where(decisions.c.at < as_time(before)).limit(_PAGE)
    gone = 0
    while True:
        with as_store_error(), engine.begin() as connection:
            ids = list(connection.scalars(old))
            connection.execute(delete(shown_cards).where(shown_cards.c.decision.in_(ids)))
            connection.execute(delete(decisions).where(decisions.c.id.in_(ids)))
        gone += len(ids)
        if len(ids) < _PAGE:
            return gone
