"""Store: what the service asks of its database, each write on disk when the call returns."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from enum import IntEnum
from typing import Final

from sqlalchemy import URL, Connection

from cds_service.errors import StoreError
from cds_service.hooks.feedback import FeedbackItem
from cds_service.store.database import open_engine
from cds_service.store.decision_record import DecisionRecord
from cds_service.store.decisions import insert_decision
from cds_service.store.feedback import FeedbackOrigin, Taken, in_pages, insert_feedback
from cds_service.store.group_commit import PATIENCE_SECONDS, GroupCommit
from cds_service.store.schema import as_time, heartbeats, insert_new
from cds_service.store.tokens import claim_token, forget_tokens, token_digest

_CLAIMS_BETWEEN_CLEANINGS: Final = 500
_PROBE_SECONDS: Final = 1.0
"""A probe's result is used this long: anybody may ask for readiness, and each probe is a sync."""


class _Kind(IntEnum):
    """The order in which every process writes within a transaction, so that no two wait for each other.

    Rows that all write again and again come last: they are held no longer than the commit takes.
    """

    DECISION = 0
    TOKEN = 1
    FEEDBACK = 2
    CLEANING = 3
    HEARTBEAT = 4


class Store:
    """The store of one process. Opens nothing until it is used; threads may share it, forks may not.

    Every method raises StoreError when the database cannot be reached or does not take the write.
    """

    def __init__(self, url: URL, patience: float = PATIENCE_SECONDS) -> None:
        self.engine = open_engine(url)
        self._commits = GroupCommit(self.engine, patience)
        self._claims = 0
        self._probing = threading.Lock()
        self._probed: tuple[float, str] | None = None

    def record(self, record: DecisionRecord) -> None:
        """Keep a decision."""
        self._commits.run(lambda connection: insert_decision(connection, record), (_Kind.DECISION, record.id))

    def take_feedback(self, items: Sequence[FeedbackItem], origin: FeedbackOrigin) -> Taken:
        """Keep feedback. After an error part of it may be kept: a repeat is no second row."""
        received = ignored = 0
        by_topic: Counter[tuple[str, str]] = Counter()
        for page in in_pages(items, origin):
            taken = self._commits.run_together(insert_feedback, page, (_Kind.FEEDBACK, ""))
            received += taken.received
            ignored += taken.ignored
            by_topic.update(taken.by_topic)
        return Taken(received, ignored, by_topic)

    def claim_token(self, issuer: str, jti: str, until: float, now: float) -> bool:
        """Take a token that must be remembered ``until`` (seconds of the epoch); False if it was taken before."""
        digest = token_digest(issuer, jti)
        first = self._commits.run(lambda connection: claim_token(connection, digest, until), (_Kind.TOKEN, digest))
        self._claims += 1
        if self._claims % _CLAIMS_BETWEEN_CLEANINGS == 0:
            # The claim is decided, whatever becomes of this; the next cleaning takes what is left.
            with suppress(StoreError):
                self._commits.run(lambda connection: forget_tokens(connection, now), (_Kind.CLEANING, ""))
        return first

    def trouble(self, now: datetime) -> str:
        """Why nothing can be written at the moment, "" if it can: found out by writing."""
        with self._probing:
            if self._probed is None or time.monotonic() - self._probed[0] > _PROBE_SECONDS:
                self._probed = (time.monotonic(), self._probe(now))
            return self._probed[1]

    def close(self) -> None:
        """Write what waits and let go of the database."""
        self._commits.close()

    def _probe(self, now: datetime) -> str:
        try:
            self._commits.run(lambda connection: _beat(connection, now), (_Kind.HEARTBEAT, ""))
        except StoreError as error:
            return error.kind
        return ""


def _beat(connection: Connection, now: datetime) -> None:
    insert_new(connection, heartbeats, [{"name": "service", "at": ""}])
    connection.execute(heartbeats.update().values(at=as_time(now)))
