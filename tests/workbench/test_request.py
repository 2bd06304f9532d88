"""From what the page asks for to the call: stored patients, pasted calls and Bundles, searches that go missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import MalformedCall
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.source import Completeness
from cds_service.pathway.content import Content, load_content
from cds_service.workbench.patients import FIRST_PATIENT, StoredPatient, find_fixtures, load_shelf
from cds_service.workbench.request import MISSING, Proposal, propose, read_wish

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2030, 5, 6, 7, tzinfo=UTC)
CALL = json.loads((ROOT / "fixtures" / "calls" / "folfirinox-no-tissue.json").read_bytes())
BUNDLE = json.loads((ROOT / "fixtures" / "patients" / FIRST_PATIENT / "bundle.json").read_bytes())
ORDERS = {"resourceType": "Bundle", "type": "collection"}


@cache
def content() -> Content:
    return load_content(find_cards())


@cache
def patients() -> dict[str, StoredPatient]:
    return dict(load_shelf(find_fixtures(), content()).patients)


def proposed(**members: Any) -> Proposal:
    return propose(read_wish(json.dumps(members).encode()), patients(), content(), NOW)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "patient"),
        ({"patient": "a", "text": "{}"}, "patient"),
        ({"text": 7}, "text"),
        ({"text": "  "}, "text"),
        ({"patient": "a", "missing": {"reports": "gone"}}, "missing"),
        ({"patient": "a", "missing": ["reports"]}, "missing"),
        ({"patient": "a", "now": "soon"}, "now"),
        ({"patient": 5}, "patient"),
    ],
)
def test_a_request_that_cannot_be_read_names_the_member(members: dict[str, Any], says: str) -> None:
    with pytest.raises(MalformedCall, match=says):
        read_wish(json.dumps(members).encode())


def test_an_unknown_patient_is_told_without_repeating_the_name() -> None:
    with pytest.raises(MalformedCall) as caught:
        proposed(patient="Zebulon-Quux")
    assert "Zebulon" not in str(caught.value)


def test_a_stored_patient_is_called_as_the_story_has_it() -> None:
    found = proposed(patient=FIRST_PATIENT)
    stored = patients()[FIRST_PATIENT].calls["order-select"]
    expected = stored.body(content().prefetch)
    assert {**found.body, "hookInstance": ""} == {**expected, "hookInstance": ""}
    assert found.now == stored.now != NOW


def test_a_story_plays_under_the_settings_of_its_site() -> None:
    name = next(name for name, patient in patients().items() if patient.call.settings)
    assert proposed(patient=name).content.settings != content().settings


def test_signing_sends_no_selections() -> None:
    found = proposed(patient=FIRST_PATIENT, hook="order-sign", draftOrders=ORDERS, selections=["a"])
    assert found.body["hook"] == "order-sign"
    assert "selections" not in found.body["context"]
    assert found.body["context"]["draftOrders"] == ORDERS


def test_a_pasted_call_stands_as_it_is() -> None:
    found = proposed(text=json.dumps(CALL))
    assert {**found.body, "prefetch": {}} == {**CALL, "prefetch": {}}
    assert found.now == NOW
    assert {entry.resource["resourceType"] for entry in found.entries} >= {"Patient", "Condition"}


def test_a_pasted_call_takes_another_hook_time_and_orders() -> None:
    found = proposed(text=json.dumps(CALL), hook="order-sign", now="2026-03-02T09:00", draftOrders=ORDERS)
    assert found.body["hook"] == "order-sign"
    assert "selections" not in found.body["context"]
    assert found.body["context"]["draftOrders"] == ORDERS
    assert found.body["context"]["patientId"] == CALL["context"]["patientId"]
    assert found.now == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_pasted_bundle_becomes_the_prefetch() -> None:
    found = proposed(text=json.dumps(BUNDLE), draftOrders=ORDERS)
    assert found.body["context"]["patientId"] == FIRST_PATIENT
    assert set(found.body["prefetch"]) == set(content().prefetch)
    assert len(found.body["prefetch"]["conditions"]["entry"]) == 2


@pytest.mark.parametrize("kinds", [[], ["Patient", "Patient"]])
def test_a_bundle_of_no_or_two_patients_is_refused(kinds: list[str]) -> None:
    entry = [{"resource": {"resourceType": kind, "id": f"p{number}"}} for number, kind in enumerate(kinds)]
    with pytest.raises(MalformedCall, match=f"holds {len(kinds)} Patients"):
        proposed(text=json.dumps({"resourceType": "Bundle", "entry": entry}))


@pytest.mark.parametrize("text", ["[]", "7", "{", '{"hook": 1, "hook": 2}'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(MalformedCall):
        proposed(text=text)


@pytest.mark.parametrize(
    ("way", "completeness", "kept"),
    [
        ("absent", Completeness.NOT_ATTEMPTED, 0),
        ("null", Completeness.COMPLETE, 0),
        ("error", Completeness.FAILED, 0),
        ("partial", Completeness.INCOMPLETE, 1),
    ],
)
def test_each_way_of_missing_is_read_as_what_it_is(way: str, completeness: Completeness, kept: int) -> None:
    found = proposed(patient=FIRST_PATIENT, missing={"conditions": way})
    answer = PrefetchSource(found.body["prefetch"], content().prefetch).fetch(("conditions",))["conditions"]
    assert (answer.completeness, len(answer.entries)) == (completeness, kept)
    assert len(found.entries) == len(BUNDLE["entry"]), "what happened does not go away"


@pytest.mark.parametrize("way", MISSING)
def test_a_search_may_be_missing_in_every_way_whatever_was_stored(way: str) -> None:
    for key in content().prefetch:
        assert proposed(patient="conditions-unavailable", missing={key: way}).body["context"]["patientId"]


def test_a_bundle_that_told_no_total_is_cut_short_too() -> None:
    resource = {"resourceType": "Condition", "id": "c"}
    conditions = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}] * 2}
    call = {**CALL, "prefetch": {"conditions": conditions}}
    sent = proposed(text=json.dumps(call), missing={"conditions": "partial"}).body["prefetch"]["conditions"]
    assert (sent["total"], len(sent["entry"])) == (2, 1)
