"""Every shape of an answer, read back by the service's own prefetch reader."""

from __future__ import annotations

import pytest

from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.source import Completeness, Entry
from cds_service.record import build_record
from cds_service.replay.prefetch_shapes import SHAPES, fill_prefetch

TEMPLATES = {"patient": "Patient/{{context.patientId}}", "reports": "DiagnosticReport?patient={{context.patientId}}"}
VALUES = {"context.patientId": "p"}
OURS = Entry({"resourceType": "DiagnosticReport", "id": "1", "subject": {"reference": "Patient/p"}}, "urn:uuid:1")
FOREIGN = Entry({"resourceType": "DiagnosticReport", "id": "2", "subject": {"reference": "Patient/q"}})
ENTRIES = (Entry({"resourceType": "Patient", "id": "p"}), OURS, FOREIGN)


def _search(shape: str | None, entries: tuple[Entry, ...] = ENTRIES) -> tuple[Completeness, int]:
    prefetch = fill_prefetch(TEMPLATES, VALUES, entries, {"reports": shape} if shape else {})
    record = build_record("p", PrefetchSource(prefetch, TEMPLATES).fetch(("reports",)).values())
    return record.search("reports").completeness, len(record.of("DiagnosticReport"))


READ_AS = [
    pytest.param(None, Completeness.COMPLETE, 1, id="whole"),
    pytest.param("null", Completeness.COMPLETE, 0, id="null"),
    pytest.param("warning-entry", Completeness.COMPLETE, 1, id="warning-entry"),
    pytest.param("absent", Completeness.NOT_ATTEMPTED, 0, id="absent"),
    pytest.param("outcome", Completeness.FAILED, 0, id="outcome"),
    pytest.param("error-entry", Completeness.INCOMPLETE, 1, id="error-entry"),
    pytest.param("partial", Completeness.INCOMPLETE, 1, id="partial"),
    pytest.param("next", Completeness.INCOMPLETE, 1, id="next"),
    pytest.param("html", Completeness.FAILED, 0, id="html"),
    pytest.param("unfiltered", Completeness.INCOMPLETE, 1, id="unfiltered"),
]


@pytest.mark.parametrize(("shape", "completeness", "count"), READ_AS)
def test_shape_is_read_as_far_as_it_can_be_trusted(shape: str | None, completeness: Completeness, count: int) -> None:
    assert _search(shape) == (completeness, count)


def test_every_shape_is_in_the_table_above() -> None:
    assert {row.values[0] for row in READ_AS} == {None, *SHAPES}


def test_unfiltered_without_others_is_complete() -> None:
    assert _search("unfiltered", (OURS,)) == (Completeness.COMPLETE, 1)


def test_read_gives_the_bare_resource_or_null() -> None:
    assert fill_prefetch(TEMPLATES, VALUES, ENTRIES)["patient"] == {"resourceType": "Patient", "id": "p"}
    assert fill_prefetch(TEMPLATES, VALUES, ())["patient"] is None


def test_read_of_a_patient_that_others_name_by_full_url_keeps_it() -> None:
    resource = {"resourceType": "Patient", "id": "p"}
    for url in ("urn:uuid:7", "https://fhir.example.org/r4/Patient/p"):
        prefetch = fill_prefetch(TEMPLATES, VALUES, (Entry(resource, url), Entry(resource)))
        answer = PrefetchSource(prefetch, TEMPLATES).fetch(("patient",))["patient"]
        assert answer.completeness is Completeness.COMPLETE
        assert (Entry(resource, url) in answer.entries) is url.startswith("urn:")


def test_searchset_carries_full_urls_and_no_empty_entry() -> None:
    filled = fill_prefetch(TEMPLATES, VALUES, ENTRIES)["reports"]
    assert filled["total"] == 1
    assert filled["entry"] == [{"fullUrl": "urn:uuid:1", "resource": OURS.resource, "search": {"mode": "match"}}]
    assert "entry" not in fill_prefetch(TEMPLATES, VALUES, ())["reports"]


def test_template_that_files_cannot_answer_is_left_out() -> None:
    assert fill_prefetch({"odd": "Condition?encounter={{context.encounterId}}"}, VALUES, ENTRIES) == {}
