"""The chart in an export: what is in it, and every sign that it is not all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import ContentError
from cds_service.fhir.chart import Chart, read_chart, read_chart_files, read_whole_chart
from cds_service.fhir.folder import FolderSource
from cds_service.fhir.source import Completeness, Entry

FLAG = {"resourceType": "Flag", "id": "f", "subject": {"reference": "Patient/p"}}
NEXT = {"link": [{"relation": "next", "url": "https://fhir.example.org/2"}]}
TEMPLATES = {"patient": "Patient/p", "flags": "Flag?patient=p", "consents": "Consent?patient=p"}


def bundle(*entries: Any, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", **members, "entry": list(entries)}


def test_a_bundle_without_doubts() -> None:
    assert read_chart(bundle({"resource": FLAG, "fullUrl": "urn:uuid:1"})) == Chart((Entry(FLAG, "urn:uuid:1"),))
    assert read_chart({"resourceType": "Bundle"}) == Chart(())


def test_bundles_in_bundles_are_unpacked_with_their_doubts() -> None:
    found = read_chart(bundle({"resource": bundle({"resource": bundle({"resource": FLAG}, **NEXT)})}))
    assert found == Chart((Entry(FLAG),), ("it has further pages that were not read",))


def test_no_search_of_files_with_doubts_is_complete() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    source = FolderSource((Entry(FLAG), Entry(patient)), TEMPLATES, {}, ("it has further pages",))
    answers = source.fetch(tuple(TEMPLATES))
    assert {key: (answer.completeness, answer.problems) for key, answer in answers.items()} == {
        "patient": (Completeness.COMPLETE, ()),
        "flags": (Completeness.INCOMPLETE, ("it has further pages",)),
        "consents": (Completeness.FAILED, ("it has further pages",)),
    }
    unread = FolderSource((Entry(FLAG),), TEMPLATES, {}, ("it has further pages",)).fetch(("patient",))["patient"]
    assert unread.completeness is Completeness.FAILED


def test_the_doubts_of_one_file_count_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(bundle({"resource": FLAG}, **NEXT)))
    (tmp_path / "b.json").write_text(json.dumps({**FLAG, "id": "g"}))
    found = read_chart_files(tmp_path)
    assert [entry.resource["id"] for entry in found.entries] == ["f", "g"]
    assert found.doubts == ("it has further pages that were not read",)


@pytest.mark.parametrize("text", ["{}", "[]", '{"entry": []}', '{"id": "p"}', "{"])
def test_a_file_that_is_no_fhir_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ContentError, match=r"x\.json"):
        read_chart_files(path)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="name a folder of FHIR resources"):
        read_chart_files(tmp_path)


def test_a_stored_chart_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle({"resource": FLAG, "fullUrl": "urn:uuid:1"})))
    assert read_whole_chart(path) == (Entry(FLAG, "urn:uuid:1"),)
    for doubtful in (bundle({}), bundle({"resource": FLAG}, **NEXT), bundle({"resource": {"id": "p"}})):
        path.write_text(json.dumps(doubtful))
        with pytest.raises(ContentError, match=r"bundle\.json.*is not a whole chart"):
            read_whole_chart(path)
