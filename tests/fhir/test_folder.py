"""Searching files the way templates ask for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.fhir.folder import CannotSearchError, FolderSource, Query, fill_template, find, read_entries
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


def test_read_entries_of_bundle_resource_and_folder(tmp_path: Path) -> None:
    resource = {"resourceType": "Patient", "id": "p"}
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": resource}]}
    (tmp_path / "a.json").write_text(json.dumps(bundle), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(resource), encoding="utf-8")
    (tmp_path / "story.md").write_text("not read", encoding="utf-8")
    assert read_entries(tmp_path / "a.json") == (Entry(resource, "urn:uuid:1"),)
    assert read_entries(tmp_path) == (Entry(resource, "urn:uuid:1"), Entry(resource))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('{"resourceType": "Bundle", "entry": [{}]}', id="entry-without-resource"),
        pytest.param('{"id": "p"}', id="not-fhir"),
        pytest.param("[]", id="not-an-object"),
        pytest.param("{", id="not-json"),
    ],
)
def test_read_entries_names_the_file_that_is_wrong(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ContentError, match=r"bundle\.json"):
        read_entries(path)


def test_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"no \*\.json"):
        read_entries(tmp_path)
