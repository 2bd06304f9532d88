"""Searching the charts: which parameters are understood, what matches, and one page of it as a FHIR searchset.

FHIR R4, 3.1.1: values of one parameter are alternatives, repeated parameters must all hold. A parameter that is not
understood is left out, unless the client asked for strict handling; the self link holds what was used, and a warning
among the entries names what was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from cds_service.demo.charts import Charts
from cds_service.fhir.folder import Query, find
from cds_service.fhir.source import Entry

Parameters = Sequence[tuple[str, str]]

_OF_PATIENT = ("patient", "subject")
_CODED = ("category", "code", "status")
PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AllergyIntolerance": ("patient", "category", "clinical-status", "code", "verification-status"),
        "Appointment": ("patient", "status"),
        "CarePlan": (*_OF_PATIENT, "category", "status"),
        "Condition": (*_OF_PATIENT, "category", "clinical-status", "code", "verification-status"),
        "Consent": ("patient", "category", "status"),
        "DiagnosticReport": (*_OF_PATIENT, *_CODED),
        "DocumentReference": (*_OF_PATIENT, "category", "status", "type"),
        "Encounter": (*_OF_PATIENT, "status", "type"),
        "Flag": _OF_PATIENT,
        "ImagingStudy": (*_OF_PATIENT, "status"),
        "MedicationAdministration": (*_OF_PATIENT, "status"),
        "MedicationRequest": (*_OF_PATIENT, "category", "status"),
        "MedicationStatement": (*_OF_PATIENT, "category", "status"),
        "Observation": (*_OF_PATIENT, *_CODED),
        "Patient": (),
        "Procedure": (*_OF_PATIENT, *_CODED),
        "ServiceRequest": (*_OF_PATIENT, *_CODED),
        "Specimen": (*_OF_PATIENT, "status", "type"),
    }
)
"""The search parameters of each resource type, beside ``_id``: names and meaning as in FHIR R4."""
PAGE = 400
"""Entries of a page unless ``_count`` asks for fewer: the public sandbox reads the first page of patients alone."""
_COUNT = "_count"
_OFFSET = "_offset"
_SILENT = frozenset({"_format", "_pretty"})
"""They say how an answer is written, not what is found."""
_LONGEST_NAME = 40


class CannotSearch(ValueError):
    """A search that is refused; the message is safe to show."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A search as it is understood. ``ignored`` are names of parameters that are not."""

    kind: str
    used: Parameters
    count: int | None
    offset: int
    ignored: tuple[str, ...]


def plan_search(kind: str, parameters: Parameters, *, is_strict: bool) -> Plan:
    """What will be searched for. CannotSearch for a page that is no number, and for what strict handling forbids."""
    known = frozenset({*PARAMETERS[kind], "_id"})
    used = tuple((name, value) for name, value in parameters if name in known and value)
    paging = {name: value for name, value in parameters if name in {_COUNT, _OFFSET}}
    # A parameter without a value says nothing (3.1.1.3), and is told as one that was not used.
    ignored = tuple(
        dict.fromkeys(
            name[:_LONGEST_NAME]
            for name, value in parameters
            if name not in paging and name not in _SILENT and not (name in known and value)
        )
    )
    if ignored and is_strict:
        raise CannotSearch(f"not understood: {', '.join(ignored)}; known for {kind}: {', '.join(sorted(known))}")
    count, offset = _number(paging, _COUNT), _number(paging, _OFFSET)
    return Plan(kind, used, None if count is None else min(count, PAGE), offset or 0, ignored)


def run_search(charts: Charts, plan: Plan, base: str) -> dict[str, Any]:
    """One page of what matches, as a searchset Bundle; ``base`` is the FHIR base in the words of the client."""
    found = [entry for entry in charts.by_type.get(plan.kind, ()) if _matches(entry, plan)]
    size = PAGE if plan.count is None else plan.count
    page = found[plan.offset : plan.offset + size]
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": _links(plan, base, size, len(found)),
    }
    entries: list[dict[str, Any]] = [
        {
            "fullUrl": f"{base}/{plan.kind}/{entry.resource['id']}",
            "resource": entry.resource,
            "search": {"mode": "match"},
        }
        for entry in page
    ]
    if plan.ignored:
        text = f"these parameters are not understood and were left out: {', '.join(plan.ignored)}"
        warning = describe_issue("warning", "not-supported", text)
        entries.append({"resource": warning, "search": {"mode": "outcome"}})
    return {**bundle, "entry": entries} if entries else bundle


def describe_issue(severity: str, code: str, text: str) -> dict[str, Any]:
    """An OperationOutcome of one issue."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": text}],
    }


def _number(paging: Mapping[str, str], name: str) -> int | None:
    text = paging.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(PAGE)) * 2:
        raise CannotSearch(f"{name} must be a whole number from 0 on")
    return int(text)


def _matches(entry: Entry, plan: Plan) -> bool:
    """Whether every parameter holds, by one of its values."""
    return all(
        any(find((entry,), Query(plan.kind, "", ((name, wanted),))) for wanted in _alternatives(name, value))
        for name, value in plan.used
    )


def _alternatives(name: str, value: str) -> list[str]:
    """The values between the commas. A patient may be named by an absolute URL, of which the end counts."""
    if name not in _OF_PATIENT:
        return value.split(",")
    return ["/".join(wanted.split("/")[-2:]) if "://" in wanted else wanted for wanted in value.split(",")]


def _links(plan: Plan, base: str, size: int, total: int) -> list[dict[str, str]]:
    """The page itself, and the next and previous ones if there are any."""

    def link(relation: str, offset: int) -> dict[str, str]:
        given = [*plan.used]
        if plan.count is not None:
            given.append((_COUNT, str(plan.count)))
        if offset:
            given.append((_OFFSET, str(offset)))
        query = urlencode(given)
        return {"relation": relation, "url": f"{base}/{plan.kind}{'?' if query else ''}{query}"}

    found = [link("self", plan.offset)]
    if size and plan.offset:
        found.append(link("previous", max(plan.offset - size, 0)))
    if size and plan.offset + size < total:
        found.append(link("next", plan.offset + size))
    return found
