"""uuids of cards and suggestions: the same for the same finding, unguessable without the service's key.

Clients call again at every change and hide a dismissed card by its uuid, so a fresh one would bring it back
(decision 39, counterparties 1.7).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from cds_service.facts.orders import Order
from cds_service.hooks.call import HookCall
from cds_service.pathway.card import Card
from cds_service.pathway.decision import Decision, Outcome


@dataclass(frozen=True, slots=True)
class Identity:
    """The uuid of a card, and those of its suggestions by name."""

    card: str
    _key: bytes

    def suggestion(self, name: str) -> str:
        """The uuid of the suggestion of that name on this card."""
        return _uuid(self._key, orjson.dumps([self.card, name]))


class Signer:
    """Gives each card of one decision its identity: a fact that several cards share is put into words once."""

    def __init__(self, key: bytes, call: HookCall, decision: Decision, now: datetime) -> None:
        self._key = key
        self._facts = decision.facts
        self._worded: dict[str, bytes] = {}
        self._who = orjson.dumps([call.patient_id, call.user_id, call.encounter_id])
        self._day = now.astimezone(UTC).date().isoformat()

    def identify(self, card: Card, orders: tuple[Order, ...], outcome: Outcome) -> Identity:
        """Identity from patient, user, encounter, order concepts, topic, rule, the card's own evidence and UTC day.

        What other cards of the call looked at, and what did not count, is left out: it is not this finding.
        """
        concepts = sorted({",".join(sorted(order.concepts)) or order.label for order in orders})
        what = orjson.dumps([concepts, outcome.topic, outcome.rule, self._day])
        evidence = [self._fact(name) for name in card.own_facts()]
        return Identity(_uuid(self._key, b"".join((self._who, what, *evidence))), self._key)

    def _fact(self, name: str) -> bytes:
        if name not in self._worded:
            fact = self._facts[name]
            counted = sorted([item.reference, item.date, item.status] for item in fact.evidence if item.counted)
            self._worded[name] = orjson.dumps([name, fact.state, fact.as_of, fact.label, fact.number, counted])
        return self._worded[name]


def _uuid(key: bytes, text: bytes) -> str:
    digest = hmac.digest(key, text, "sha256")
    return str(UUID(bytes=digest[:16], version=5))
