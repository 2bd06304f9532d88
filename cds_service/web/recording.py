"""Keeping decisions: described beside the answer, on disk before it leaves, counted when that fails (decision 42)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from flask import g

from cds_service.config import Config
from cds_service.errors import NotKept, StoreError
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content
from cds_service.pathway.decision import NO_ORDER_OF_OURS, Decision
from cds_service.store.decision_record import CallOrigin, DecisionRecord, describe_decision
from cds_service.store.store import Store
from cds_service.trust.clients import Client


@dataclass(frozen=True, slots=True)
class Tally:
    """How many decisions this process has kept and lost, and how many calls held no order of ours."""

    kept: int = 0
    lost: int = 0
    not_ours: int = 0


class Recorder:
    """Keeps the decisions of one process; without a store it only counts."""

    def __init__(self, store: Store | None, config: Config, content: Content, new_id: Callable[[], str]) -> None:
        self._store = store
        self._config = config
        self._content = content
        self._new_id = new_id
        self._counting = Lock()
        self._tally = Tally()

    @property
    def tally(self) -> Tally:
        """The counts so far."""
        return self._tally

    def describe(
        self, decision: Decision, answer: Mapping[str, Any], call: HookCall, service: str, now: datetime
    ) -> DecisionRecord | None:
        """What to keep of a call; None if there is no store, or none of its orders is ours."""
        if decision.silence == NO_ORDER_OF_OURS:
            self._count(not_ours=1)
            return None
        if self._store is None:
            return None
        origin = CallOrigin(self._new_id(), now, service, client_name())
        return describe_decision(decision, answer, self._content, call, origin, self._config.uuid_key)

    def keep(self, record: DecisionRecord | None) -> None:
        """Put a record on disk. A failure is counted and logged; NotKept if the installation requires records."""
        if record is None or self._store is None:
            return
        try:
            self._store.record(record)
        except StoreError as error:
            self._count(lost=1)
            g.record = f"lost: {error.kind}"
            if self._config.require_record:
                raise NotKept("the decision could not be recorded, which this installation requires") from None
        else:
            self._count(kept=1)
            g.record = record.id

    def trouble(self, now: datetime) -> str:
        """Why decisions cannot be kept at the moment; "" if they can, or need not be."""
        return self._store.trouble(now) if self._store is not None else ""

    def _count(self, kept: int = 0, lost: int = 0, not_ours: int = 0) -> None:
        with self._counting:
            last = self._tally
            self._tally = Tally(last.kept + kept, last.lost + lost, last.not_ours + not_ours)


def client_name() -> str:
    """The name of the client that this call comes from; "" where no clients are configured."""
    client: Client | None = g.client
    return client.name if client is not None else ""
