"""Searching files the way templates ask for it."""

from __future__ import annotations

import pytest

from cds_service.fhir.folder import (
    CannotSearchError,
    FolderSource,
    Query,
    fill_template,
    find,
    find_in_chart,
)
from cds_service.fhir.source import Completeness, Entry, Resource

SP = "http://terminology.hl7.org/CodeSystem/v2-0074|SP"


def _resource(kind: str, ident: str, **more: object) -> Resource:
    return {"resourceType": kind, "id": ident, "subject": {"reference": "Patient/p"}, **more}


ENTRIES = tuple(
    map(
        Entry,
        (
            {"resourceType": "Patient", "id": "p"},
            _resource(
                "DiagnosticReport",
                "surgical",
                status="final",
                category=[{"coding": [{"system": SP.split("|", maxsplit=1)[0], "code": "SP"}]}],
                code={"coding": [{"system": "http://loinc.org", "code": "11526-1"}]},
            ),
            _resource("DiagnosticReport", "local", status="preliminary", category=[{"coding": [{"code": "SP"}]}]),
            _resource("DiagnosticReport", "absolute", subject={"reference": "https://fhir.example.org/r4/Patient/p"}),
            _resource("DiagnosticReport", "foreign", subject={"reference": "Patient/q"}),
            {"resourceType": "Consent", "id": "consent", "patient": {"reference": "Patient/p"}},
            {
                "resourceType": "Appointment",
                "id": "slot",
                "participant": [{"actor": {"reference": "Location/1"}}, {"actor": {"reference": "Patient/p"}}],
            },
        ),
    )
)


def _ids(template: str) -> list[object]:
    return [entry.resource["id"] for entry in find(ENTRIES, fill_template(template, {"context.patientId": "p"}))]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("Patient/{{context.patientId}}", ["p"], id="read"),
        pytest.param("Patient/someone-else", [], id="read-of-what-is-not-there"),
        pytest.param(
            "DiagnosticReport?patient={{ context.patientId }}", ["surgical", "local", "absolute"], id="patient"
        ),
        pytest.param("DiagnosticReport?subject=Patient/q", ["foreign"], id="subject-with-type"),
        pytest.param("Consent?patient=p", ["consent"], id="element-patient"),
        pytest.param("Appointment?patient=p", ["slot"], id="participant"),
        pytest.param("DiagnosticReport?patient=p&category=" + SP, ["surgical"], id="system-and-code"),
        pytest.param("DiagnosticReport?patient=p&category=SP", ["surgical", "local"], id="code-of-any-system"),
        pytest.param("DiagnosticReport?patient=p&category=|SP", ["local"], id="code-without-system"),
        pytest.param(
            "DiagnosticReport?category=http://terminology.hl7.org/CodeSystem/v2-0074|", ["surgical"], id="system"
        ),
        pytest.param("DiagnosticReport?category=x|LAB," + SP, ["surgical"], id="token-list"),
        pytest.param("DiagnosticReport?code=http://loinc.org|11526-1", ["surgical"], id="code"),
        pytest.param("DiagnosticReport?code=http://loinc.org|11526", [], id="no-prefix-match"),
        pytest.param("DiagnosticReport?status=preliminary,final", ["surgical", "local"], id="status"),
        pytest.param("DiagnosticReport?_id=local,foreign", ["local", "foreign"], id="ids"),
        pytest.param("Consent?_count=1&_sort=-date", ["consent"], id="paging-has-no-effect"),
        pytest.param("Flag?patient=p", [], id="type-that-is-not-there"),
    ],
)
def test_find(template: str, expected: list[object]) -> None:
    assert _ids(template) == expected


OURS, THEIRS = "urn:uuid:1", "urn:uuid:2"


@pytest.mark.parametrize(
    ("members", "is_possible"),
    [
        pytest.param({"subject": {"reference": "Patient/p"}}, True, id="ours"),
        pytest.param(
            {"subject": {"reference": "https://fhir.example.org/r4/Patient/p/_history/2"}}, True, id="absolute"
        ),
        pytest.param({"subject": {"reference": OURS}}, True, id="our-full-url"),
        pytest.param({"subject": {"reference": "https://old.example.org/Patient/77"}}, True, id="our-odd-full-url"),
        pytest.param({"subject": {"reference": "https://old.example.org/Patient/p"}}, True, id="ours-whoever-else"),
        pytest.param({}, True, id="nobody"),
        pytest.param({"subject": "Patient/q"}, True, id="unreadable"),
        pytest.param({"subject": {"reference": "urn:uuid:3"}}, True, id="unknown-full-url"),
        pytest.param({"subject": {"reference": "#me"}}, True, id="contained"),
        pytest.param({"subject": {"reference": "Patient/q"}}, False, id="another"),
        pytest.param({"subject": {"reference": THEIRS}}, False, id="the-full-url-of-another"),
        pytest.param({"subject": {"reference": "Patient/q"}, "patient": {"reference": "Patient/p"}}, True, id="both"),
        pytest.param({"participant": [{"actor": {"reference": "Location/1"}}]}, True, id="no-patient-takes-part"),
        pytest.param({"participant": [{"actor": {"reference": "Patient/q"}}]}, False, id="another-takes-part"),
    ],
)
def test_in_one_patients_chart_only_what_names_another_is_left_out(
    members: dict[str, object], is_possible: bool
) -> None:
    found = Entry({"resourceType": "Flag", "id": "f", **members})
    patients = (
        Entry({"resourceType": "Patient", "id": "p"}, OURS),
        Entry({"resourceType": "Patient", "id": "q"}, THEIRS),
        Entry({"resourceType": "Patient", "id": "q"}),
        Entry({"resourceType": "Patient", "id": "p"}, "https://old.example.org/Patient/77"),
        Entry({"resourceType": "Patient", "id": "q"}, "https://old.example.org/Patient/p"),
    )
    query = fill_template("Flag?patient=p", {})
    assert find_in_chart((*patients, found), query) == ((found,) if is_possible else ())


def test_a_server_of_many_patients_finds_only_what_names_the_patient() -> None:
    assert find((Entry({"resourceType": "Flag", "id": "f"}),), fill_template("Flag?patient=p", {})) == ()


FLAG = Entry({"resourceType": "Flag", "id": "f", "subject": {"reference": "Patient/p"}})
NAMELESS = Entry({"resourceType": "Flag", "id": "f", "subject": {"reference": "urn:uuid:3"}})
P, Q = (Entry({"resourceType": "Patient", "id": ident}) for ident in "pq")


@pytest.mark.parametrize(
    ("entries", "is_whole"),
    [
        pytest.param((P,), True, id="the-patient"),
        pytest.param((P, Q, NAMELESS), True, id="the-patient-beside-another"),
        pytest.param((FLAG, NAMELESS), True, id="decision-2-no-patient-but-named"),
        pytest.param((Q, FLAG), False, id="another-with-a-stray-resource"),
        pytest.param((NAMELESS,), False, id="nobody-known"),
        pytest.param((), False, id="nothing"),
    ],
)
def test_no_search_is_complete_where_the_entries_are_not_the_patients(
    entries: tuple[Entry, ...], is_whole: bool
) -> None:
    source = FolderSource(entries, {"consents": "Consent?patient=p"}, {"context.patientId": "p"})
    answer = source.fetch(("consents",))["consents"]
    problems = () if is_whole else ("it does not hold the patient of the call",)
    completeness = Completeness.COMPLETE if is_whole else Completeness.FAILED
    assert (answer.completeness, answer.problems) == (completeness, problems)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        pytest.param("Condition?encounter={{context.encounterId}}", "context.encounterId", id="token-without-value"),
        pytest.param("Condition?_has:Observation:patient:code=1", "_has", id="unsupported-parameter"),
        pytest.param("Condition", "neither", id="neither-read-nor-search"),
        pytest.param("Condition/1?patient=p", "neither", id="both-read-and-search"),
    ],
)
def test_what_cannot_be_searched_is_refused(template: str, problem: str) -> None:
    with pytest.raises(CannotSearchError, match=problem):
        fill_template(template, {})


def test_template_of_a_read_and_of_a_search() -> None:
    assert fill_template("{{context.userId}}", {"context.userId": "Practitioner/1"}) == Query("Practitioner", "1", ())
    assert fill_template("Flag?patient=p", {}) == Query("Flag", "", (("patient", "p"),))


def test_source_tells_an_empty_search_from_an_impossible_one() -> None:
    source = FolderSource(ENTRIES, {"flags": "Flag?patient=p", "odd": "Flag?encounter=1"}, {})
    answers = source.fetch(("flags", "odd"))
    assert answers["flags"].completeness is Completeness.COMPLETE
    assert not answers["flags"].entries
    assert answers["odd"].completeness is Completeness.NOT_ATTEMPTED
    assert "encounter" in answers["odd"].problems[0]
