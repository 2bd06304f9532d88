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
        ({"patient": "a", "missing": {"reports": ["error"]}}, "missing"),
        ({"patient": "a", "missing": {"reports": {}}}, "missing"),
        ({"patient": "a", "now": "0001-01-01T00:00"}, "1900 and 2200"),
        ({"patient": "a", "now": "1899-12-31T23:59Z"}, "1900 and 2200"),
        ({"patient": "a", "now": "9999-12-31T23:59Z"}, "1900 and 2200"),
        ({"patient": "a", "now": "2200-01-01T00:00Z"}, "1900 and 2200"),
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


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-02T09:00:00+02:00", datetime(2026, 3, 2, 7, tzinfo=UTC)),
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T09:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("source", [{"patient": FIRST_PATIENT}, {"text": json.dumps(CALL)}], ids=["stored", "pasted"])
def test_a_time_that_is_chosen_is_the_time_of_the_call(source: dict[str, str], now: str, expected: datetime) -> None:
    assert proposed(**source, now=now).now == expected


def test_a_story_may_be_played_at_either_hook_with_its_own_orders() -> None:
    calls = patients()[FIRST_PATIENT].calls
    for hook in ("order-select", "order-sign"):
        expected = calls[hook].body(content().prefetch)
        assert {**proposed(patient=FIRST_PATIENT, hook=hook).body, "hookInstance": ""} == {
            **expected,
            "hookInstance": "",
        }


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


def test_resources_without_an_id_are_each_kept_and_others_once() -> None:
    entry = [{"resource": {"resourceType": "Flag"}}, {"resource": {"resourceType": "Flag"}}]
    entry += [{"resource": {"resourceType": "Flag", "id": "f"}}] * 2
    call = {**CALL, "prefetch": {"flags": {"resourceType": "Bundle", "entry": entry}}}
    assert len(proposed(text=json.dumps(call)).entries) == 3


def test_a_bundle_whose_patients_have_no_ids_is_refused_with_their_number() -> None:
    entry = [{"resource": {"resourceType": "Patient"}}, {"resource": {"resourceType": "Patient"}}]
    with pytest.raises(MalformedCall, match="holds 2 Patients"):
        proposed(text=json.dumps({"resourceType": "Bundle", "entry": entry}))


@pytest.mark.parametrize("kinds", [[], ["Patient", "Patient"]])
def test_a_bundle_of_no_or_two_patients_is_refused(kinds: list[str]) -> None:
    entry = [{"resource": {"resourceType": kind, "id": f"p{number}"}} for number, kind in enumerate(kinds)]
    with pytest.raises(MalformedCall, match=f"holds {len(kinds)} Patients"):
        proposed(text=json.dumps({"resourceType": "Bundle", "entry": entry}))


def searches_of(bundle: dict[str, Any]) -> dict[str, tuple[Completeness, int]]:
    """How each search of a call from a pasted Bundle is read: its completeness, and how many resources it has."""
    prefetch = proposed(text=json.dumps(bundle), draftOrders=ORDERS).body["prefetch"]
    answers = PrefetchSource(prefetch, content().prefetch).fetch(tuple(content().prefetch))
    return {key: (answer.completeness, len(answer.entries)) for key, answer in answers.items()}


def test_a_whole_bundle_is_the_whole_chart() -> None:
    found = proposed(text=json.dumps({**BUNDLE, "total": len(BUNDLE["entry"])}), draftOrders=ORDERS)
    assert found.doubts == ()
    assert {completeness for completeness, _ in searches_of(BUNDLE).values()} == {Completeness.COMPLETE}


ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


@pytest.mark.parametrize(
    ("change", "entries", "says"),
    [
        ({"link": [{"relation": "next", "url": "https://fhir.example.org/page2"}]}, [], "further pages"),
        ({"total": 999}, [], "of 999 results"),
        ({}, [{"resource": ERROR, "search": {"mode": "outcome"}}], "an error"),
        ({}, [{"response": {"status": "404 Not Found"}}], "answered with an error"),
        ({}, [{"response": {"status": "500", "outcome": ERROR}, "resource": ERROR}], "answered with an error"),
        ({}, [{"response": {}, "resource": {"resourceType": "Flag", "id": "f"}}], "answered with an error"),
        ({}, [None], "could not be read"),
        ({}, [{"resource": {"resourceType": "Bundle", "type": "searchset", "total": 3}}], "of 3 results"),
    ],
    ids=["next", "total", "outcome", "no-answer", "outcome-of-answer", "no-status", "null", "inner-total"],
)
def test_no_search_of_a_bundle_that_shows_its_gaps_is_complete(
    change: dict[str, Any], entries: list[Any], says: str
) -> None:
    bundle = {**BUNDLE, **change, "entry": [*BUNDLE["entry"], *entries]}
    found = proposed(text=json.dumps(bundle), draftOrders=ORDERS)
    assert any(says in doubt for doubt in found.doubts), found.doubts
    searches = searches_of(bundle)
    assert searches.pop("patient") == (Completeness.COMPLETE, 1), "what was read is there"
    assert searches["conditions"] == (Completeness.INCOMPLETE, 2)
    # A search without results must not say "none".
    assert searches["pathology"] == (Completeness.FAILED, 0)
    assert Completeness.COMPLETE not in {completeness for completeness, _ in searches.values()}


def test_the_answers_of_a_batch_are_unpacked() -> None:
    def answered(*entries: Any) -> dict[str, Any]:
        return {"response": {"status": "200 OK"}, "resource": {"resourceType": "Bundle", "entry": list(entries)}}

    patient = [item for item in BUNDLE["entry"] if item["resource"]["resourceType"] == "Patient"]
    others = [item for item in BUNDLE["entry"] if item not in patient]
    batch = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [answered(*patient), answered(*patient, *others[:1]), answered(*others[1:])],
    }
    assert searches_of(batch) == searches_of(BUNDLE)


def test_a_warning_that_loses_nothing_is_no_doubt() -> None:
    harmless = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}
    bundle = {**BUNDLE, "entry": [*BUNDLE["entry"], {"resource": harmless, "search": {"mode": "outcome"}}]}
    assert proposed(text=json.dumps(bundle), draftOrders=ORDERS).doubts == ()


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


@pytest.mark.parametrize("key", load_content(find_cards()).prefetch)
def test_no_search_that_is_cut_short_is_complete(key: str) -> None:
    """Also one that found nothing: "partial" says that there is something that was not sent."""
    for name in (FIRST_PATIENT, "conditions-unavailable", "order-metformin"):
        found = proposed(patient=name, missing={key: "partial"})
        answer = PrefetchSource(found.body["prefetch"], content().prefetch).fetch((key,))[key]
        assert answer.completeness in {Completeness.INCOMPLETE, Completeness.FAILED}, name


def test_a_bundle_that_told_no_total_is_cut_short_too() -> None:
    resource = {"resourceType": "Condition", "id": "c"}
    conditions = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}] * 2}
    call = {**CALL, "prefetch": {"conditions": conditions}}
    sent = proposed(text=json.dumps(call), missing={"conditions": "partial"}).body["prefetch"]["conditions"]
    assert (sent["total"], len(sent["entry"])) == (2, 1)
