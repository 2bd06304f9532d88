"""Timeline: what happened to a patient, by day, from every resource at hand, also those that a call did not bring.

A resource that no decision uses is drawn as such: somebody else's history must not pass for this patient's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Literal

from cds_service.errors import MalformedCall
from cds_service.facts.case import Case
from cds_service.facts.orders import Orders
from cds_service.facts.reports import classify_report
from cds_service.fhir.shapes import When, as_list, as_object, as_text, read_concept, read_when, type_and_id
from cds_service.fhir.source import Answer, Completeness, Entry, Resource
from cds_service.hooks.fields import read_bare_id
from cds_service.pathway.content import Content
from cds_service.pathway.decide import open_case
from cds_service.record import Search, build_record

Lane = Literal["condition", "imaging", "pathology", "procedure", "order", "therapy", "other"]
LANES: Mapping[Lane, str] = MappingProxyType(
    {
        "condition": "Condition",
        "imaging": "Imaging",
        "pathology": "Pathology",
        "procedure": "Procedure",
        "order": "Order or plan",
        "therapy": "Therapy",
        "other": "Other",
    }
)
"""The kinds of events, in the words of the page, the most telling first."""
MOST_EVENTS = 60
"""Events drawn; of a longer chart the least telling kinds are counted only."""
OF_ANOTHER_PATIENT = "of another patient, not used"
UNREADABLE = "could not be read, not used"

_BY_TYPE: Mapping[str, Lane] = MappingProxyType(
    {
        "Condition": "condition",
        "ImagingStudy": "imaging",
        "Specimen": "pathology",
        "Procedure": "procedure",
        "ServiceRequest": "order",
        "MedicationRequest": "order",
        "Appointment": "order",
        "CarePlan": "order",
        "MedicationAdministration": "therapy",
        "MedicationStatement": "therapy",
    }
)
_NO_EVENTS = frozenset({"Patient", "Practitioner", "Organization", "Medication", "Location", "Device"})
# In the order of preference: when it happened, then when it was written down.
_DATES = (
    "effectiveDateTime",
    "effectivePeriod",
    "performedDateTime",
    "performedPeriod",
    "onsetDateTime",
    "onsetPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "started",
    "start",
    "period",
    "authoredOn",
    "recordedDate",
    "created",
    "date",
    "issued",
)
_NAMES = ("code", "medicationCodeableConcept", "serviceType", "type", "description", "title", "category")


@dataclass(frozen=True, slots=True)
class Event:
    """One resource on the axis. ``when`` is None for one without a date.

    ``is_sent`` says whether the call brought it: what happened does not go away because a search failed. ``unused``
    says why a record of this patient leaves it out ("": it does not).
    """

    when: When | None
    lane: Lane
    label: str
    reference: str
    status: str
    is_sent: bool
    unused: str

    @property
    def day(self) -> date | None:
        """The day at which it stands on the axis: the first that its date may mean."""
        return self.when.first.date() if self.when is not None else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events by date, those without one last. ``left_out`` counts those not drawn; ``now`` is the call's day."""

    events: tuple[Event, ...]
    left_out: int
    now: date


def make_timeline(entries: Iterable[Entry], body: Mapping[str, Any], content: Content, now: datetime) -> Timeline:
    """The events of these resources. ``body`` is the call, which brings all of them or some."""
    listed = tuple(entries)
    patient = _patient_of(body)
    # An answer for each entry, so that the record tells of each whether it was kept.
    answers = [Answer(str(number), (entry,), Completeness.COMPLETE) for number, entry in enumerate(listed)]
    record = build_record(patient, answers, as_text(body.get("fhirServer")))
    case = open_case(record, Orders("order-select", (), ()), content, now)
    sent = _sent(as_object(body.get("prefetch")))
    events = [
        _event(entry.resource, case, sent, _unused(record.search(answer.key)) if patient else "")
        for entry, answer in zip(listed, answers, strict=True)
        if _is_event(entry.resource)
    ]
    telling = sorted(events, key=lambda event: (bool(event.unused), list(LANES).index(event.lane)))[:MOST_EVENTS]
    drawn = tuple(sorted(telling, key=_place))
    return Timeline(drawn, len(events) - len(drawn), now.date())


def _place(event: Event) -> tuple[date, int, str]:
    return event.day or date.max, list(LANES).index(event.lane), event.label


def _is_event(resource: Resource) -> bool:
    kind = as_text(resource.get("resourceType"))
    return bool(kind) and kind not in _NO_EVENTS


def _patient_of(body: Mapping[str, Any]) -> str:
    """The bare id of the patient; "" where the call names none that can be read: then nobody can say whose what is."""
    try:
        return read_bare_id(as_object(body.get("context")).get("patientId"), "context.patientId")
    except MalformedCall:
        return ""


def _unused(search: Search) -> str:
    """Why the record left out the one entry of a search."""
    if not search.dropped:
        return ""
    return OF_ANOTHER_PATIENT if any("another patient" in problem for problem in search.problems) else UNREADABLE


def _event(resource: Resource, case: Case, sent: frozenset[str], unused: str) -> Event:
    when = next((found for name in _DATES if (found := read_when(resource.get(name))) is not None), None)
    when = when or read_when(as_object(resource.get("collection")).get("collectedDateTime"))
    status = as_text(resource.get("status"))
    if not status:
        status = read_concept(resource.get("verificationStatus")).label
    reference = type_and_id(resource)
    return Event(when, _lane(resource, case), _label(resource), reference, status, reference in sent, unused)


def _lane(resource: Resource, case: Case) -> Lane:
    kind = as_text(resource.get("resourceType"))
    if kind in {"DiagnosticReport", "DocumentReference"}:
        found = classify_report(resource, case)
        return "pathology" if found in {"pathology", "molecular"} else "imaging" if found == "imaging" else "other"
    return _BY_TYPE.get(kind, "other")


def _label(resource: Resource) -> str:
    kind = as_text(resource.get("resourceType"))
    for name in _NAMES:
        value = resource.get(name)
        found = value.strip() if isinstance(value, str) else read_concept(value).label
        if found:
            return f"{found}{_value(resource)}"
    return kind


def _value(resource: Resource) -> str:
    """The value of a measurement, behind its name."""
    quantity = as_object(resource.get("valueQuantity"))
    number = quantity.get("value", resource.get("valueInteger"))
    if isinstance(number, int | float):
        return f": {number:g} {as_text(quantity.get('unit'))}".rstrip()
    said = read_concept(resource.get("valueCodeableConcept")).label or as_text(resource.get("valueString"))
    return f": {said}" if said else ""


def _sent(prefetch: Mapping[str, Any]) -> frozenset[str]:
    """Type and id of everything in a prefetch."""
    found = set()
    for value in prefetch.values():
        node = as_object(value)
        found.add(type_and_id(node))
        found.update(type_and_id(as_object(as_object(item).get("resource"))) for item in as_list(node.get("entry")))
    return frozenset(found)
