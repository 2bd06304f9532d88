"""Store: what the service asks of its database, each write on disk when the call returns."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import URL, Connection

from cds_service.errors import StoreError
from cds_service.hooks.feedback import FeedbackItem
from cds_service.store.database import open_engine
from cds_service.store.decision_record import DecisionRecord
from cds_service.store.decisions import insert_decision
from cds_service.store.feedback import FeedbackOrigin, Taken, insert_feedback, pages
from cds_service.store.group_commit import PATIENCE_SECONDS, GroupCommit
from cds_service.store.schema import as_time, heartbeats, insert_new
from cds_service.store.tokens import claim_token, forget_tokens

_CLAIMS_BETWEEN_CLEANINGS: Final = 500
_PROBE_SECONDS: Final = 1.0
"""A probe's result is used this long: anybody may ask for readiness, and each probe is a sync."""


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
        self._commits.run(lambda connection: insert_decision(connection, record))

    def take_feedback(self, items: Sequence[FeedbackItem], origin: FeedbackOrigin) -> Taken:
        """Keep feedback. After an error part of it may be kept: a repeat is no second row."""
        received = ignored = 0
        for page in pages(items):
            taken = self._commits.run(partial(insert_feedback, items=page, origin=origin))
            received += taken.received
            ignored += taken.ignored
        return Taken(received, ignored)

    def claim_token(self, issuer: str, jti: str, until: float, now: float) -> bool:
        """Take a token that must be remembered ``until`` (seconds of the epoch); False if it was taken before."""
        first = self._commits.run(lambda connection: claim_token(connection, issuer, jti, until))
        self._claims += 1
        if self._claims % _CLAIMS_BETWEEN_CLEANINGS == 0:
            self._commits.run(lambda connection: forget_tokens(connection, now))
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
            self._commits.run(lambda connection: _beat(connection, now))
        except StoreError as error:
            return error.kind
        return ""


def _beat(connection: Connection, now: datetime) -> None:
    insert_new(connection, heartbeats, [{"name": "service", "at": ""}])
    connection.execute(heartbeats.update().values(at=as_time(now)))
