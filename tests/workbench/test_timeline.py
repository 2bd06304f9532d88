"""The timeline: each resource in its lane on its day, and a drawing that holds any text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest

from cds_service.content_files import find_cards
from cds_service.fhir.source import Entry
from cds_service.pathway.content import Content, load_content
from cds_service.workbench.timeline import (
    MOST_EVENTS,
    OF_ANOTHER_PATIENT,
    UNREADABLE,
    Timeline,
    make_timeline,
)
from cds_service.workbench.timeline_drawing import draw_timeline

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SUBJECT = {"subject": {"reference": "Patient/p"}}
SVG = "{http://www.w3.org/2000/svg}"
HISTORY = "http://terminology.hl7.org/CodeSystem/v2-0074"


@cache
def content() -> Content:
    return load_content(find_cards())


def timeline(*resources: dict[str, Any], sent: bool = True) -> Timeline:
    entries = tuple(Entry({"id": f"r{number}", **SUBJECT, **found}) for number, found in enumerate(resources))
    listed = [{"resource": entry.resource} for entry in entries]
    prefetch = {"all": {"resourceType": "Bundle", "entry": listed}} if sent else {"all": None}
    return make_timeline(entries, {"context": {"patientId": "p"}, "prefetch": prefetch}, content(), NOW)


def report(category: str, name: str, when: str = "2026-02-10") -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": [{"coding": [{"system": HISTORY, "code": category}]}],
        "code": {"text": name},
        "effectiveDateTime": when,
    }


@pytest.mark.parametrize(
    ("resource", "lane", "label"),
    [
        ({"resourceType": "Condition", "code": {"text": "Cancer"}}, "condition", "Cancer"),
        (report("RAD", "CT abdomen"), "imaging", "CT abdomen"),
        (report("SP", "Liver biopsy"), "pathology", "Liver biopsy"),
        ({"resourceType": "Procedure", "code": {"coding": [{"display": "Biopsy"}]}}, "procedure", "Biopsy"),
        ({"resourceType": "ServiceRequest", "code": {"text": "MRI"}}, "order", "MRI"),
        (
            {"resourceType": "MedicationAdministration", "medicationCodeableConcept": {"text": "gemcitabine"}},
            "therapy",
            "gemcitabine",
        ),
        (
            {
                "resourceType": "Observation",
                "code": {"text": "CA 19-9"},
                "valueQuantity": {"value": 1180, "unit": "U/mL"},
            },
            "other",
            "CA 19-9: 1180 U/mL",
        ),
        ({"resourceType": "Specimen"}, "pathology", "Specimen"),
        ({"resourceType": "MedicationRequest", "medicationReference": {}}, "order", "MedicationRequest"),
    ],
)
def test_each_resource_stands_in_its_lane(resource: dict[str, Any], lane: str, label: str) -> None:
    (event,) = timeline(resource).events
    assert (event.lane, event.label, event.reference) == (lane, label, f"{resource['resourceType']}/r0")


def test_events_stand_by_date_and_those_without_one_last() -> None:
    found = timeline(
        {"resourceType": "Condition", "code": {"text": "no date"}},
        report("RAD", "late", "2026-02-10"),
        {"resourceType": "Condition", "code": {"text": "year"}, "onsetDateTime": "2012"},
        {"resourceType": "Appointment", "description": "booked", "start": "2026-03-05T10:00:00Z"},
    )
    assert [(event.label, event.day) for event in found.events] == [
        ("year", date(2012, 1, 1)),
        ("late", date(2026, 2, 10)),
        ("booked", date(2026, 3, 5)),
        ("no date", None),
    ]
    drawn = draw_timeline(found)
    order = [drawn.index(text) for text in (">2012<", "14 years", ">2026-02-10<", "20 days", "this order", "no date")]
    assert order == sorted(order)


@pytest.mark.parametrize("kind", ["Patient", "Practitioner", "Organization", "Medication", "Location", "Device"])
def test_who_and_what_with_is_no_event(kind: str) -> None:
    assert timeline({"resourceType": kind}).events == ()


@pytest.mark.parametrize(
    ("resource", "day"),
    [
        ({"resourceType": "Specimen", "collection": {"collectedDateTime": "2026-02-11"}}, date(2026, 2, 11)),
        (
            {"resourceType": "Specimen", "collection": {"collectedDateTime": "2026-02-11"}, "date": "2026-02-12"},
            date(2026, 2, 12),
        ),
        ({**report("RAD", "CT"), "issued": "2026-02-14T10:00:00Z"}, date(2026, 2, 10)),
        ({"resourceType": "Procedure", "performedPeriod": {"start": "2025-12-01"}}, date(2025, 12, 1)),
        ({"resourceType": "Condition", "recordedDate": "2026-01-05"}, date(2026, 1, 5)),
    ],
    ids=["collected", "own-date-first", "done-before-issued", "period", "recorded"],
)
def test_an_event_stands_on_the_day_it_happened_or_was_written_down(resource: dict[str, Any], day: date) -> None:
    assert [event.day for event in timeline(resource).events] == [day]


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        ({"resourceType": "Condition", "verificationStatus": {"coding": [{"code": "refuted"}]}}, "refuted"),
        ({"resourceType": "Procedure", "status": "completed", "verificationStatus": {"text": "x"}}, "completed"),
        ({"resourceType": "Condition"}, ""),
    ],
)
def test_an_event_tells_its_status_or_how_sure_it_is(resource: dict[str, Any], status: str) -> None:
    found = timeline({**resource, "code": {"text": "Cancer"}})
    assert [event.status for event in found.events] == [status]
    assert (f"· {status}<" in draw_timeline(found)) == bool(status)


@pytest.mark.parametrize(
    ("resource", "unused"),
    [
        ({"subject": {"reference": "Patient/somebody-else"}}, OF_ANOTHER_PATIENT),
        ({"subject": {"reference": "https://other.example.org/fhir/Patient/p"}}, OF_ANOTHER_PATIENT),
        ({"subject": {"display": "nobody"}}, UNREADABLE),
        ({"conclusion": ["a", "list"]}, UNREADABLE),
        ({"subject": {"reference": "https://ehr.example.org/fhir/Patient/p"}}, ""),
        ({"subject": {"reference": "urn:uuid:1"}}, ""),
        ({}, ""),
    ],
    ids=["another", "another-server", "nobody", "damaged", "our-server", "full-url", "ours"],
)
def test_what_no_decision_uses_is_marked_in_words_with_the_reason(resource: dict[str, Any], unused: str) -> None:
    entries = (
        Entry({"resourceType": "Patient", "id": "p"}, "urn:uuid:1"),
        Entry({**report("RAD", "Foreign CT"), "id": "r", **SUBJECT, **resource}),
        Entry({**report("RAD", "CT"), "id": "ours", **SUBJECT}),
    )
    listed = [{"resource": entry.resource} for entry in entries]
    body = {
        "context": {"patientId": "p"},
        "fhirServer": "https://ehr.example.org/fhir",
        "prefetch": {"all": {"resourceType": "Bundle", "entry": listed}},
    }
    found = make_timeline(entries, body, content(), NOW)
    assert {event.reference: event.unused for event in found.events} == {
        "DiagnosticReport/r": unused,
        "DiagnosticReport/ours": "",
    }
    root = ElementTree.fromstring(draw_timeline(found))
    (event,) = [group for group in root.iter("g") if group.get("data-reference") == "DiagnosticReport/r"]
    kind = [text.text for text in event.iter("text") if text.get("class") == "kind"]
    assert kind == [f"Imaging · {unused or 'final'}"]
    assert str(event.get("aria-label")).endswith(unused or "final")
    assert ("unused" in str(event.get("class")).split()) == bool(unused)


def test_what_is_not_used_takes_no_place_from_what_is() -> None:
    foreign = {"resourceType": "Condition", "subject": {"reference": "Patient/q"}}
    ours = [{"resourceType": "Observation", "code": {"text": "Sodium"}} for _ in range(MOST_EVENTS)]
    found = timeline(foreign, *ours)
    assert (found.left_out, {event.unused for event in found.events}) == (1, {""})


@pytest.mark.parametrize("patient", [None, "", "Patient/p", 7, 'a"b'])
def test_of_a_patient_that_cannot_be_read_nothing_is_called_another_patients(patient: Any) -> None:
    entry = Entry({**report("RAD", "CT"), "id": "r", **SUBJECT})
    found = make_timeline((entry,), {"context": {"patientId": patient}}, content(), NOW)
    assert [event.unused for event in found.events] == [""]


def test_the_same_resource_twice_is_no_other_patients() -> None:
    entry = Entry({**report("RAD", "CT"), "id": "r", **SUBJECT})
    found = make_timeline((entry, entry), {"context": {"patientId": "p"}}, content(), NOW)
    assert [event.unused for event in found.events] == ["", ""]


def test_the_day_of_the_order_is_drawn_once() -> None:
    for day in ("2026-03-02", "2026-03-01"):
        drawn = draw_timeline(timeline(report("RAD", "CT", day)))
        assert drawn.count("2026-03-02 this order") == 1


def test_what_the_call_does_not_bring_is_shown_as_such() -> None:
    assert [event.is_sent for event in timeline(report("RAD", "CT")).events] == [True]
    unsent = timeline(report("RAD", "CT"), sent=False)
    assert [event.is_sent for event in unsent.events] == [False]
    assert "not in this call" in draw_timeline(unsent)


def test_of_a_long_chart_the_most_telling_are_drawn_and_the_rest_counted() -> None:
    noise = [{"resourceType": "Observation", "code": {"text": "Sodium"}} for _ in range(MOST_EVENTS + 20)]
    found = timeline(*noise, {"resourceType": "Condition", "code": {"text": "Cancer"}})
    assert len(found.events) == MOST_EVENTS
    assert found.left_out == 21
    assert "Cancer" in {event.label for event in found.events}
    assert "and 21 more" in draw_timeline(found)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", 'a" onload="x', "\x00\x1b[31m\u202e", "W" * 500, "]]>&amp;"]
)
def test_any_text_can_be_drawn_and_stays_text(name: str) -> None:
    drawn = draw_timeline(timeline({"resourceType": "Condition", "id": name, "code": {"text": name}}))
    root = ElementTree.fromstring(drawn)
    assert {item.tag.removeprefix(SVG) for item in root.iter()} <= {
        "svg",
        "g",
        "path",
        "circle",
        "rect",
        "text",
        "title",
    }
    assert not [item for item in root.iter() if set(item.keys()) & {"onload", "style", "href"}]


@pytest.mark.parametrize("value", [7, "text", [], {}, None, [{"coding": 5}], {"coding": "x"}, True])
def test_elements_of_the_wrong_type_break_nothing(value: Any) -> None:
    names = (
        "code",
        "status",
        "effectiveDateTime",
        "onsetDateTime",
        "period",
        "valueQuantity",
        "category",
        "collection",
    )
    for kind in ("Condition", "DiagnosticReport", "Specimen", "Observation", "DocumentReference"):
        draw_timeline(timeline({"resourceType": kind, **dict.fromkeys(names, value)}))
