"""The fields that both order hooks share: who, and the Bundle of unsigned orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.errors import MalformedCall
from cds_service.fhir.shapes import as_list, as_text
from cds_service.fhir.source import Entry
from cds_service.hooks.fields import read_bare_id, read_encounter, read_object, read_user


@dataclass(frozen=True, slots=True)
class OrderContext:
    """The context of an order hook; the fields are those of HookCall."""

    patient_id: str
    user_id: str
    encounter_id: str
    selections: tuple[str, ...] | None
    drafts: tuple[Entry, ...]


def read_order_context(context: Mapping[str, Any], selections: tuple[str, ...] | None = None) -> OrderContext:
    """What order-select and order-sign have in common (conformance part 2)."""
    return OrderContext(
        patient_id=read_bare_id(context.get("patientId"), "context.patientId"),
        user_id=read_user(context.get("userId")),
        encounter_id=read_encounter(context.get("encounterId")),
        selections=selections,
        drafts=read_draft_orders(context.get("draftOrders")),
    )


def read_draft_orders(value: object) -> tuple[Entry, ...]:
    """The entries of ``draftOrders``, in their order.

    The Bundle may lack ``type`` and ``entry``, and its resources may be anything that has a type (counterparties
    1.5). An entry without a readable resource refuses the whole call: it could be the order that matters, and an
    empty card list would say that it was looked at (decision 30).
    """
    name = "context.draftOrders"
    bundle = read_object(value, name)
    if bundle.get("resourceType") != "Bundle":
        raise MalformedCall(f"{name} must be a FHIR Bundle")
    entries = as_list(bundle.get("entry"))
    return tuple(_read_draft(entry, f"{name}.entry[{place}]") for place, entry in enumerate(entries))


def _read_draft(value: object, name: str) -> Entry:
    entry = read_object(value, name)
    resource = read_object(entry.get("resource"), f"{name}.resource")
    if not as_text(resource.get("resourceType")):
        raise MalformedCall(f"{name}.resource has no resourceType")
    return Entry(resource, as_text(entry.get("fullUrl")))
