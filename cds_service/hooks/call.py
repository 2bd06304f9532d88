"""HookCall: what one CDS Hooks request says, checked and typed, with nothing invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.fhir.source import Entry
from cds_service.fhir.token import AccessToken


@dataclass(frozen=True, slots=True)
class HookCall:
    """One request after the boundary.

    ``patient_id`` is the bare id; ``user_id`` (``Type/id``) and ``encounter_id`` are "" when absent. ``selections`` is
    None when the client sent none (all drafts are selected), else the literal references. ``drafts`` are the
    entries of ``draftOrders``, Medications included. ``prefetch`` is the raw object ({} when absent). ``token`` is None
    when the client gave none that is whole.
    """

    hook: str
    instance: str
    patient_id: str
    user_id: str
    encounter_id: str
    selections: tuple[str, ...] | None
    drafts: tuple[Entry, ...]
    prefetch: Mapping[str, Any]
    fhir_server: str
    token: AccessToken | None = None

    @property
    def template_values(self) -> dict[str, str]:
        """What the fields of prefetch templates stand for, without those that the call does not give."""
        given = {
            "context.patientId": self.patient_id,
            "context.encounterId": self.encounter_id,
            "context.userId": self.user_id,
        }
        return {name: value for name, value in given.items() if value}
