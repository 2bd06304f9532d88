"""The charts side by side: ids of their own, references that lead somewhere, and nothing else changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.demo.charts import load_charts
from cds_service.demo.links import FIRST_PATIENT
from cds_service.demo.search import PAGE
from cds_service.errors import ConfigError, ContentError
from tests.demo.demo_served import charts

PATIENTS = Path("fixtures/patients")
FOREIGN = {"Patient/someone-else", "Patient/no-patient-resource"}
"""Patients of whom a story speaks without holding them."""


def references(node: Any) -> Iterator[str]:
    """Every reference in some JSON."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "reference":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def write_chart(root: Path, name: str, *resources: dict[str, Any]) -> None:
    folder = root / "patients" / name
    folder.mkdir(parents=True)
    entries = [{"resource": resource} for resource in resources]
    (folder / "bundle.json").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}))


def test_every_resource_of_every_story_is_there_once() -> None:
    stored = [
        entry["resource"]["resourceType"]
        for path in PATIENTS.glob("*/bundle.json")
        for entry in json.loads(path.read_bytes())["entry"]
    ]
    housed = [entry.resource["resourceType"] for entries in charts().by_type.values() for entry in entries]
    assert sorted(housed) == sorted(stored)
    assert len(charts().by_name) == len(stored)


def test_ids_are_ids() -> None:
    for name, resource in charts().by_name.items():
        assert name == f"{resource['resourceType']}/{resource['id']}"
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])


def test_every_reference_leads_to_the_same_chart() -> None:
    for name, resource in charts().by_name.items():
        end = resource["id"].rpartition(".")[2]
        for reference in references(resource):
            if reference in FOREIGN:
                continue
            assert reference in charts().by_name, (name, reference)
            if not reference.startswith("Patient/") and not name.startswith("Patient/"):
                assert reference.endswith(f".{end}")


def test_nothing_else_of_a_chart_is_changed() -> None:
    [stored] = [
        entry["resource"]
        for entry in json.loads((PATIENTS / FIRST_PATIENT / "bundle.json").read_bytes())["entry"]
        if entry["resource"]["resourceType"] == "DiagnosticReport"
    ]
    [housed] = [
        entry.resource
        for entry in charts().by_type["DiagnosticReport"]
        if entry.resource["subject"] == {"reference": f"Patient/{FIRST_PATIENT}"}
    ]
    assert {**housed, "id": stored["id"]} == stored
    assert housed["id"] != stored["id"]


def test_ids_hang_on_their_own_story_alone(tmp_path: Path) -> None:
    """Another story beside it renames nothing, and a cut id keeps its end."""
    report = {"resourceType": "DiagnosticReport", "id": "r" * 64, "subject": {"reference": "Patient/b"}}
    write_chart(tmp_path, "b", {"resourceType": "Patient", "id": "b"}, report)
    alone = set(load_charts(tmp_path).by_name)
    write_chart(tmp_path, "a", {"resourceType": "Patient", "id": "a"})
    assert set(load_charts(tmp_path).by_name) == {*alone, "Patient/a"}
    assert any(re.fullmatch(r"DiagnosticReport/r{55}\.[0-9a-f]{8}", name) for name in alone)


def test_the_sandbox_can_list_every_patient() -> None:
    """Its list takes the first page, and breaks on a patient with a name but no list of given names."""
    patients = [entry.resource for entry in charts().by_type["Patient"]]
    assert len(patients) <= PAGE
    for patient in patients:
        assert patient["name"][0]["family"].endswith(f"({patient['id']})")
        assert all(isinstance(given, str) for given in patient["name"][0]["given"])
        assert patient["name"][0]["given"]


def test_names_that_are_missing_or_odd_are_mended(tmp_path: Path) -> None:
    write_chart(tmp_path, "a", {"resourceType": "Patient", "id": "a"})
    write_chart(tmp_path, "b", {"resourceType": "Patient", "id": "b", "name": {"family": "Rao", "given": "Suresh"}})
    named = {ident: load_charts(tmp_path).by_name[f"Patient/{ident}"]["name"] for ident in "ab"}
    assert named["a"] == [{"family": "(a)", "given": ["Unnamed"]}]
    assert named["b"] == [{"family": "Rao (b)", "given": ["Suresh"]}]


def test_without_fixtures_there_is_no_demo() -> None:
    with pytest.raises(ConfigError, match="CDS_DEMO"):
        load_charts(None)


def test_one_id_in_two_charts_stops_the_start(tmp_path: Path) -> None:
    write_chart(tmp_path, "a", {"resourceType": "Patient", "id": "x"})
    write_chart(tmp_path, "b", {"resourceType": "Patient", "id": "x"})
    with pytest.raises(ContentError, match="Patient/x"):
        load_charts(tmp_path)
