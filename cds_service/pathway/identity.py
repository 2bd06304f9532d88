"""uuids of cards and suggestions: the same for the same finding, unguessable without the service's key.

Clients call again at every change and hide a dismissed card by its uuid, so a fresh one would bring it back
(decision 39, counterparties 1.7).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cds_service.facts.orders import Order
from cds_service.hooks.call import HookCall
from cds_service.pathway.decision import Decision, Outcome


@dataclass(frozen=True, slots=True)
class Identity:
    """The uuid of a card, and those of its suggestions by name."""

    card: str
    _key: bytes

    def suggestion(self, name: str) -> str:
        """The uuid of the suggestion of that name on this card."""
        return _uuid(self._key, [self.card, name])


def identify(
    key: bytes, call: HookCall, orders: tuple[Order, ...], outcome: Outcome, decision: Decision, now: datetime
) -> Identity:
    """Identity from patient, user, encounter, order concepts, topic, variant, evidence and UTC day."""
    concepts = sorted({",".join(sorted(order.concepts)) or order.label for order in orders})
    evidence = [
        [name, fact.state, fact.as_of, sorted([item.reference, item.date, item.status] for item in fact.evidence)]
        for name, fact in sorted(decision.facts.items())
    ]
    day = now.astimezone(UTC).date().isoformat()
    parts = [call.patient_id, call.user_id, call.encounter_id, concepts, outcome.topic, outcome.rule, evidence, day]
    return Identity(_uuid(key, parts), key)


def _uuid(key: bytes, parts: object) -> str:
    digest = hmac.new(key, json.dumps(parts, ensure_ascii=False).encode(), hashlib.sha256).digest()
    return str(UUID(bytes=digest[:16], version=5))
