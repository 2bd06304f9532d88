"""The patient record: whose a resource is, what is dropped and why, and what a search may then claim."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Answer, Completeness, Entry
from cds_service.record import build_record

PATIENT = "p1"


def condition(subject: str | None, ident: str = "c1", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Condition", "id": ident, **more}
    return made if subject is None else {**made, "subject": {"reference": subject}}


def answer(*resources: Any, key: str = "conditions", completeness: Completeness = Completeness.COMPLETE) -> Answer:
    return Answer(key, tuple(Entry(resource) for resource in resources), completeness)


@pytest.mark.parametrize(
    ("subject", "server"),
    [
        pytest.param("Patient/p1", "", id="relative"),
        pytest.param(
            "https://ehr.example.org/fhir/Patient/p1", "https://ehr.example.org/fhir", id="absolute-same-server"
        ),
        pytest.param(
            "https://EHR.example.org/fhir/Patient/p1",
            "https://ehr.example.org/fhir/",
            id="absolute-other-case-and-slash",
        ),
        pytest.param("https://ehr.example.org/fhir/Patient/p1/_history/2", "", id="versioned"),
        pytest.param("https://anywhere.example/Patient/p1", "", id="absolute-without-known-server"),
    ],
)
def test_a_resource_of_our_patient_is_kept(subject: str, server: str) -> None:
    record = build_record(PATIENT, [answer(condition(subject))], server)
    assert [found["id"] for found in record.of("Condition")] == ["c1"]
    assert record.search("conditions").is_complete


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        pytest.param(condition("Patient/p2"), "another patient", id="another-patient"),
        pytest.param(
            condition("https://other.example/fhir/Patient/p1"), "another patient", id="same-id-on-another-server"
        ),
        pytest.param(condition(None), "could not be read", id="no-subject"),
        pytest.param(condition("#p"), "could not be read", id="contained-subject"),
        pytest.param(condition("urn:uuid:1"), "could not be read", id="unknown-urn"),
        pytest.param({"resourceType": 7}, "could not be read", id="type-is-a-number"),
        pytest.param({"id": "x"}, "could not be read", id="no-type"),
        pytest.param("<html>", "could not be read", id="not-an-object"),
        pytest.param({"resourceType": "Patient", "id": "p2"}, "another patient", id="another-patient-resource"),
        pytest.param({"resourceType": "Appointment", "id": "a"}, "could not be read", id="appointment-of-nobody"),
    ],
)
def test_what_cannot_be_used_makes_the_search_incomplete(resource: Any, problem: str) -> None:
    record = build_record(PATIENT, [answer(resource)], "https://ehr.example.org/fhir")
    search = record.search("conditions")
    assert search.completeness is Completeness.INCOMPLETE
    assert len(search.problems) == 1
    assert problem in search.problems[0]
    assert record.by_type == {}


def test_a_failed_search_stays_failed_when_an_entry_is_dropped() -> None:
    record = build_record(PATIENT, [answer(condition("Patient/p2"), completeness=Completeness.FAILED)])
    assert record.search("conditions").completeness is Completeness.FAILED


def test_a_search_nobody_asked_for_is_not_attempted() -> None:
    record = build_record(PATIENT, [])
    assert record.search("reports").completeness is Completeness.NOT_ATTEMPTED
    assert [search.key for search in record.unfinished(["reports"])] == ["reports"]


def test_only_complete_searches_are_finished() -> None:
    record = build_record(PATIENT, [answer(key="a"), answer(key="b", completeness=Completeness.INCOMPLETE)])
    assert [search.key for search in record.unfinished(["a", "b"])] == ["b"]


def test_the_fulluuid_of_the_patient_names_the_patient() -> None:
    patient = Entry({"resourceType": "Patient", "id": PATIENT}, "urn:uuid:me")
    record = build_record(
        PATIENT,
        [Answer("patient", (patient,), Completeness.COMPLETE), answer(condition("urn:uuid:me"))],
    )
    assert record.of("Condition")
    assert record.resolve("urn:uuid:me") is patient.resource


@pytest.mark.parametrize("actor", ["Patient/p1", "https://ehr.example.org/fhir/Patient/p1"])
def test_an_appointment_is_its_participants(actor: str) -> None:
    mine = {
        "resourceType": "Appointment",
        "id": "a",
        "participant": [{"actor": {"reference": "Location/x"}}, {"actor": {"reference": actor}}],
    }
    assert build_record(PATIENT, [answer(mine)]).of("Appointment") == (mine,)


@pytest.mark.parametrize("kind", ["Consent", "AllergyIntolerance"])
def test_the_element_that_names_the_patient_differs_by_type(kind: str) -> None:
    mine = {"resourceType": kind, "id": "x", "patient": {"reference": "Patient/p1"}}
    assert build_record(PATIENT, [answer(mine)]).of(kind) == (mine,)


def test_resources_that_belong_to_no_patient_are_kept() -> None:
    drug = {"resourceType": "Medication", "id": "m"}
    assert build_record(PATIENT, [answer(drug)]).of("Medication") == (drug,)


def test_exact_repeats_collapse_but_versions_of_one_id_do_not() -> None:
    first, again, other = condition("Patient/p1"), condition("Patient/p1"), condition("Patient/p1", note="new")
    record = build_record(PATIENT, [answer(first, again, other, again, first), answer(other, key="more")])
    assert record.of("Condition") == (first, other)


def test_two_resources_without_id_are_both_kept() -> None:
    one = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}
    assert len(build_record(PATIENT, [answer(one, dict(one))]).of("Condition")) == 2


def test_references_resolve_by_id_version_and_containment() -> None:
    report = {**condition("Patient/p1"), "contained": [{"resourceType": "Specimen", "id": "s"}, "junk"]}
    record = build_record(PATIENT, [answer(report)])
    assert record.resolve("Condition/c1") is report
    assert record.resolve("https://x/fhir/Condition/c1/_history/3") is report
    assert record.resolve("#s", report) == {"resourceType": "Specimen", "id": "s"}
    assert record.resolve("#t", report) is None
    assert record.resolve("#s") is None
    assert record.resolve("Condition/none") is None


def test_several_types_are_listed_in_the_order_asked() -> None:
    drug = {"resourceType": "Medication", "id": "m"}
    found = condition("Patient/p1")
    assert build_record(PATIENT, [answer(drug, found)]).of("Condition", "Medication") == (found, drug)


def test_an_outcome_entry_is_not_a_patients_resource() -> None:
    record = build_record(PATIENT, [answer({"resourceType": "OperationOutcome", "issue": []})])
    assert not record.search("conditions").is_complete


@pytest.mark.parametrize(
    "damage",
    [
        {"status": 17},
        {"code": 42},
        {"category": 1},
        {"conclusion": {"x": 1}},
        {"conclusionCode": "C25"},
        {"presentedForm": "x"},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_a_damaged_report_is_unreadable_and_never_harmless(damage: dict[str, Any]) -> None:
    """Read without the damaged element it would pass for a report about something else, and its absence for proof."""
    report = {"resourceType": "DiagnosticReport", "id": "d", "subject": {"reference": "Patient/p1"}, **damage}
    record = build_record(PATIENT, [answer(report, key="reports")])
    assert record.of("DiagnosticReport") == ()
    assert record.search("reports").completeness is Completeness.INCOMPLETE


def test_shapes_that_clients_really_send_are_readable() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "d",
        "subject": {"reference": "Patient/p1"},
        "status": None,
        "code": "CT",
        "category": {"text": "x"},
        "conclusion": "words",
    }
    assert build_record(PATIENT, [answer(report)]).of("DiagnosticReport") == (report,)
