"""DecisionRecord: what is kept of one decided call. Built from an allow-list; nothing of a person can reach it.

What comes from a record of a patient are references alone, and of these the ones that could name a person are keyed
hashes: the patient's own, those that hold the patient's id, and all that are not plainly ``Type/id``.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cds_service import __version__
from cds_service.facts.fact import Evidence, Fact
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.escape import is_plain_reference

MOST_REFERENCES: Final = 50
"""References kept per fact and kind; the rest are counted. A chart of thousands of results decides by few."""
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PEOPLE = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "PractitionerRole"})
_TELLING_LENGTH: Final = 4
"""An id shorter than this says nothing of a patient when it stands within another."""
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card as it went out. ``card`` is its uuid, by which feedback names it."""

    card: str
    topic: str
    variant: str
    indicator: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One call that reached the pathway.

    ``patient`` is a keyed hash. ``engine`` is the version of this package, ``pathway`` that of the pathway, ``content``
    the digest of all content. ``silence`` names why no card was considered. ``outcomes``, ``facts`` and ``searches``
    are plain JSON.
    """

    id: str
    at: datetime
    service: str
    hook: str
    client: str
    patient: str
    engine: str
    pathway: str
    content: str
    silence: str
    shown: tuple[ShownCard, ...]
    outcomes: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Mapping[str, Any]]
    searches: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CallOrigin:
    """What a record says of a call beside its decision: a fresh id, the time, the service, the client's name."""

    id: str
    at: datetime
    service: str
    client: str


def describe_decision(
    decision: Decision, answer: Mapping[str, Any], content: Content, call: HookCall, origin: CallOrigin, key: bytes
) -> DecisionRecord:
    """The record of a decision and the answer that was rendered from it. ``key`` is that of the installation."""
    versions = {card.id: card.version for card in content.cards}
    hidden = _Pseudonyms(key, origin.client, call.patient_id)
    uuids = [str(card["uuid"]) for card in answer["cards"]]
    shown = tuple(
        ShownCard(uuid, found.topic, found.variant, found.indicator)
        for uuid, found in zip(uuids, decision.shown, strict=True)
    )
    return DecisionRecord(
        id=origin.id,
        at=origin.at,
        service=origin.service,
        hook=decision.hook,
        client=origin.client,
        patient=hash_patient(key, origin.client, call.patient_id),
        engine=__version__,
        pathway=f"{content.pathway.id} {content.pathway.version}",
        content=content.digest,
        silence=decision.silence,
        shown=shown,
        outcomes=[_outcome(found, versions[found.card_id]) for found in decision.outcomes],
        facts={name: _fact(fact, hidden) for name, fact in decision.facts.items()},
        searches={key: search.completeness.value for key, search in decision.searches.items()},
    )


def hash_patient(key: bytes, client: str, patient_id: str) -> str:
    """The patient as records name them: the same for one client, another at the next, unguessable without the key."""
    return _keyed(key, ["patient", client, patient_id])


class _Pseudonyms:
    """Shows a reference as it may be kept."""

    def __init__(self, key: bytes, client: str, patient_id: str) -> None:
        self._key = key
        self._client = client
        self._patient = patient_id.lower()

    def show(self, reference: str) -> str:
        kind, _, ident = reference.partition("/")
        if _UUID.fullmatch(reference):
            return reference
        is_plain = is_plain_reference(reference)
        if is_plain and kind not in _PEOPLE and not self._names_patient(ident.lower()):
            return reference
        prefix = f"{kind}/" if is_plain else ""
        return f"{prefix}~{_keyed(self._key, ['reference', self._client, reference])[:16]}"

    def _names_patient(self, ident: str) -> bool:
        return ident == self._patient or (len(self._patient) >= _TELLING_LENGTH and self._patient in ident)


def _keyed(key: bytes, parts: list[str]) -> str:
    return hmac.digest(key, _ENCODE(parts).encode(), "sha256").hex()


def _outcome(found: Outcome, version: str) -> Mapping[str, Any]:
    return {
        "card": found.card_id,
        "version": version,
        "topic": found.topic,
        "rule": found.rule,
        "variant": found.variant,
        "silence": found.silence,
        "indicator": found.indicator,
        "suggestions": list(found.suggestions),
        "not_ruled_out": list(found.not_ruled_out),
        "left_out": list(found.left_out),
    }


def _fact(fact: Fact, hidden: _Pseudonyms) -> Mapping[str, Any]:
    """Value, reason, and what it rests on; ``set_aside`` is what was considered and did not count."""
    kept: dict[str, Any] = {"value": fact.value, "reason": fact.reason}
    for name, counted in (("evidence", True), ("set_aside", False)):
        found = _references(fact.evidence, counted, hidden)
        if found:
            kept[name] = found[:MOST_REFERENCES]
        if len(found) > MOST_REFERENCES:
            kept[f"more_{name}"] = len(found) - MOST_REFERENCES
    return kept


def _references(evidence: tuple[Evidence, ...], counted: bool, hidden: _Pseudonyms) -> list[str]:
    named = [item.reference for item in evidence if item.reference and item.counted is counted]
    return [hidden.show(reference) for reference in dict.fromkeys(named)]
