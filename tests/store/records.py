"""Records for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cds_service.store.decision_record import DecisionRecord, ShownCard

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SERVICE = "pancreatic-liver-metastases-order-select"


def card(uuid: str = "card-1") -> ShownCard:
    return ShownCard(uuid, "TissueBeforeSystemicTherapy", "not-found", "warning")


def record(ident: str = "d-1", *cards: str, **changes: Any) -> DecisionRecord:
    """A record that showed the cards with these uuids."""
    members: dict[str, Any] = {
        "id": ident,
        "at": NOW,
        "service": SERVICE,
        "hook": "order-select",
        "client": "",
        "patient": "p" * 64,
        "engine": "0.1.0",
        "pathway": "pancreatic-liver-metastases 0.1.0",
        "content": "c" * 64,
        "silence": "",
        "shown": tuple(card(uuid) for uuid in cards),
        "outcomes": [{"topic": "TissueBeforeSystemicTherapy", "silence": ""}],
        "facts": {"liver_metastases": {"value": "yes", "reason": "imaging-definite", "evidence": ["Condition/c1"]}},
        "searches": {"conditions": "complete"},
    }
    return DecisionRecord(**{**members, **changes})
