"""The tables. Migrations make them; a test compares both.

Times are text, ISO 8601 in UTC with microseconds and ``Z``: they sort as they are on both databases and a reader of the
file sees what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, ForeignKey, Index, Integer, MetaData, String, Table
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", String, nullable=False, index=True),
    Column("service", String, nullable=False),
    Column("hook", String, nullable=False),
    Column("client", String, nullable=False),
    Column("patient", String, nullable=False, index=True),
    Column("engine", String, nullable=False),
    Column("pathway", String, nullable=False),
    Column("content", String, nullable=False),
    Column("silence", String, nullable=False),
    Column("outcomes", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("searches", JSON, nullable=False),
)
"""One row per call that reached the pathway."""

shown_cards = Table(
    "shown_cards",
    metadata,
    Column("decision", String, ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
    Column("card", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("topic", String, nullable=False),
    Column("variant", String, nullable=False),
    Column("indicator", String, nullable=False),
    Index("ix_shown_cards_card", "card"),
)
"""The cards that a decision showed. A card's uuid is the same for the same finding, so it may stand under several."""

feedback = Table(
    "feedback",
    metadata,
    Column("digest", String, primary_key=True),
    Column("received_at", String, nullable=False, index=True),
    Column("client", String, nullable=False),
    Column("service", String, nullable=False),
    Column("card", String, nullable=False, index=True),
    Column("topic", String, nullable=False),
    Column("variant", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("outcome_at", String, nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("reason_system", String, nullable=False),
    Column("reason_code", String, nullable=False),
    Column("commented", Integer, nullable=False),
)
"""What clinicians did with cards. ``digest`` is over all that the client said: a repeat is the same row."""

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("digest", String, primary_key=True),
    Column("expires_at", String, nullable=False, index=True),
)
"""Tokens that have been used, by digest of issuer and jti, until they expire."""

heartbeats = Table("heartbeats", metadata, Column("name", String, primary_key=True), Column("at", String))
"""One row, written again and again: that the store can be written is only known by writing."""


def as_time(moment: datetime) -> str:
    """A moment as the tables hold it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose primary key is not there yet; how many those are, when one was given."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(statement, rows[0] if len(rows) == 1 else rows).rowcount
