"""One patient, named in two ways, given in three: as prefetch, to ``explain --data``, pasted into the workbench."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.pathway.content import Content
from cds_service.replay.explain import explain
from cds_service.replay.stored import StoredCall, load_patient
from cds_service.workbench.request import propose, read_wish

FIXTURES = Path(__file__).parents[2] / "fixtures"
NAME = "biopsy-insufficient"
URN = "urn:uuid:11111111-1111-4111-8111-111111111111"
OTHER = "urn:uuid:22222222-2222-4222-8222-222222222222"

Json = dict[str, Any]
Spelling = Callable[[StoredCall], list[Json]]


def by_id(stored: StoredCall) -> list[Json]:
    """The entries as they are stored: each names Patient/id."""
    return [{"fullUrl": _full_url(entry.resource, place), "resource": entry.resource} for place, entry in _all(stored)]


def by_full_url(stored: StoredCall) -> list[Json]:
    """Every resource names the fullUrl of the Patient, as Bundles of some exports do (FHIR R4, 2.36.4.1)."""
    text = json.dumps(by_id(stored)).replace(f'"Patient/{NAME}"', f'"{URN}"')
    found: list[Json] = json.loads(text)
    return found


def reports_without_subject(stored: StoredCall) -> list[Json]:
    found: list[Json] = json.loads(json.dumps(by_id(stored)))
    for entry in found:
        if entry["resource"]["resourceType"] == "DiagnosticReport":
            del entry["resource"]["subject"]
    return found


def reports_of_nobody_known(stored: StoredCall) -> list[Json]:
    found = reports_without_subject(stored)
    for entry in found:
        if entry["resource"]["resourceType"] == "DiagnosticReport":
            entry["resource"]["subject"] = {"reference": OTHER}
    return found


def _all(stored: StoredCall) -> list[tuple[int, Any]]:
    return list(enumerate(stored.entries))


def _full_url(resource: Any, place: int) -> str:
    return URN if resource["resourceType"] == "Patient" else f"urn:uuid:{place:08d}-3333-4333-8333-333333333333"


@pytest.fixture
def stored() -> StoredCall:
    calls = load_patient(FIXTURES / "patients" / NAME, FIXTURES / "orders")
    return next(call for call in calls if call.hook == "order-sign")


def as_prefetch(entries: list[Json], stored: StoredCall, content: Content) -> Json:
    """What comes of the entries when a client sends those of a type under each key of that type."""
    prefetch = {
        key: {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [entry for entry in entries if entry["resource"]["resourceType"] == template.partition("?")[0]],
        }
        for key, template in content.prefetch.items()
        # A report is under `pathology` by its category, which is not what this is about.
        if key not in {"patient", "pathology"}
    }
    prefetch["patient"] = {"resourceType": "Bundle", "type": "searchset", "entry": entries[:1]}
    prefetch["pathology"] = {**prefetch["reports"]}
    return explain({**stored.body(content.prefetch), "prefetch": prefetch}, content, stored.now).as_json()


def as_data(entries: list[Json], stored: StoredCall, content: Content, folder: Path) -> Json:
    """What ``explain --data`` prints of a Bundle of the entries."""
    call, data = folder / "call.json", folder / "bundle.json"
    call.write_text(json.dumps({**stored.body(content.prefetch), "prefetch": {}}))
    data.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    given = ["explain", str(call), "--data", str(data), "--now", stored.now.isoformat(), "--json"]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 0, result.output
    found: Json = json.loads(result.output)
    return found


def as_pasted(entries: list[Json], stored: StoredCall, content: Content) -> Json:
    """What the workbench decides when a Bundle of the entries is pasted."""
    text = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    drafts = stored.context["draftOrders"]
    wish = read_wish(json.dumps({"text": text, "hook": "order-sign", "draftOrders": drafts}).encode())
    proposal = propose(wish, {}, content, stored.now)
    return explain(proposal.body, content, stored.now).as_json()


def decided(explained: Json) -> Json:
    """What is the same whichever way the data come: all but the wording of problems and the order of evidence."""
    states = {name: (fact["value"], fact["reason"]) for name, fact in explained["facts"].items()}
    searches = {key: search["completeness"] for key, search in explained["searches"].items()}
    return {"cards": explained["cards"], "silence": explained["silence"], "facts": states, "searches": searches}


@pytest.mark.parametrize("spelling", [by_id, by_full_url, reports_without_subject, reports_of_nobody_known])
def test_the_same_resources_are_decided_alike_whichever_way_they_come(
    spelling: Spelling, stored: StoredCall, content: Content, tmp_path: Path
) -> None:
    entries = spelling(stored)
    assert entries[0]["resource"]["resourceType"] == "Patient"
    sent = decided(as_prefetch(entries, stored, content))
    assert decided(as_data(entries, stored, content, tmp_path)) == sent
    assert decided(as_pasted(entries, stored, content)) == sent


def test_both_spellings_are_decided_alike(stored: StoredCall, content: Content) -> None:
    plain = decided(as_pasted(by_id(stored), stored, content))
    assert decided(as_pasted(by_full_url(stored), stored, content)) == plain
    assert plain["cards"][0]["variant"] == "non-diagnostic"
    assert set(plain["searches"].values()) == {"complete"}


@pytest.mark.parametrize("spelling", [reports_without_subject, reports_of_nobody_known])
def test_reports_that_name_nobody_known_are_counted_and_nothing_is_absent(
    spelling: Spelling, stored: StoredCall, content: Content
) -> None:
    found = as_pasted(spelling(stored), stored, content)
    assert found["searches"]["reports"]["completeness"] == "incomplete"
    assert any("could not be read" in problem for problem in found["searches"]["reports"]["problems"])
    assert found["cards"][0]["variant"] == "could-not-check"


def test_the_data_of_somebody_else_are_no_absence(stored: StoredCall, content: Content, tmp_path: Path) -> None:
    text = json.dumps(by_id(stored)).replace(NAME, "another").replace(URN, OTHER)
    found = as_data(json.loads(text), stored, content, tmp_path)
    assert "it does not hold the patient of the call" in found["silence"]
    assert "complete" not in {search["completeness"] for search in found["searches"].values()}
