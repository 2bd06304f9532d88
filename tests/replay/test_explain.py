"""explain shows orders, facts, cards, silences and searches, in text and in JSON."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import MalformedCall
from cds_service.fhir.folder import FolderSource
from cds_service.pathway.content import Content
from cds_service.replay.explain import Explanation, explain
from cds_service.replay.stored import StoredCall, load_call, load_patient

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _patient(name: str, hook: str = "order-select") -> StoredCall:
    calls = load_patient(FIXTURES / "patients" / name, FIXTURES / "orders")
    return next(call for call in calls if call.hook == hook)


def _explained(name: str, content: Content, hook: str = "order-select") -> Explanation:
    call = _patient(name, hook)
    return explain(call.body(content.prefetch), content, call.now)


def test_a_card_is_explained_from_order_to_summary(content: Content) -> None:
    text = _explained("biopsy-insufficient", content).as_text()
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "order-select at 2026-03-02T09:00:00+00:00"
    assert any(
        line.startswith("MedicationRequest/oxaliplatin: oxaliplatin: intensive_regimen, systemic_anticancer_drug")
        for line in lines
    )
    assert any(line.startswith("tissue_confirmation: no:non-diagnostic; 2026-02-17") for line in lines)
    assert any("DiagnosticReport/liver-biopsy 2026-02-17 final" in line for line in lines)
    assert "tissue-before-systemic-therapy: warning, variant non-diagnostic, by rule non-diagnostic" in lines
    assert any(line.startswith("Last biopsy (2026-02-17) did not confirm") for line in lines)
    assert "suggests remove-draft-orders" in lines
    assert "reports: complete" in lines


def test_a_silence_is_explained_by_its_reason(content: Content) -> None:
    found = _explained("tissue-coded", content)
    assert (
        "  tissue-before-systemic-therapy: silent, tissue-confirmed, by tissue-confirmed"
        in found.as_text().splitlines()
    )
    card = next(card for card in found.as_json()["cards"] if card["card"] == "tissue-before-systemic-therapy")
    assert (card["shown"], card["silence"], card["summary"]) == (False, "tissue-confirmed", "")


def test_a_quiet_variant_is_named(content: Content) -> None:
    assert (
        "silent, quiet-at-hook (variant later-line), by later-line"
        in _explained("later-line-no-tissue", content).as_text()
    )


def test_a_silent_call_says_why_no_card_was_considered(content: Content) -> None:
    found = _explained("order-metformin", content)
    assert "Cards\n  none considered: no-order-of-ours" in found.as_text()
    assert found.as_json()["silence"] == "no-order-of-ours"
    assert found.as_json()["orders"][0]["kinds"] == []


def test_an_order_that_is_not_selected_is_shown_as_such(content: Content) -> None:
    found = _explained("order-not-selected", content)
    assert [order["selected"] for order in found.as_json()["orders"]] == [True, False]
    assert "MedicationRequest/gemcitabine: gemcitabine: systemic_anticancer_drug, not selected" in found.as_text()


def test_unfinished_searches_and_open_exclusions_are_named(content: Content) -> None:
    text = _explained("only-orders-and-conditions", content).as_text()
    assert "  reports: not-attempted (the client did not send it)" in text
    assert "    not ruled out: under_eighteen" in text
    assert "    not read: reports" in text


def test_a_selection_that_does_not_resolve_is_noted(content: Content) -> None:
    call = _patient("folfirinox-no-tissue")
    body: dict[str, Any] = copy.deepcopy(call.body(content.prefetch))
    body["context"]["selections"] = ["MedicationRequest/lost"]
    found = explain(body, content, call.now)
    assert found.decision.orders.notes
    assert f"Notes\n  {found.decision.orders.notes[0]}" in found.as_text()


def test_control_characters_of_a_record_do_not_reach_the_terminal(content: Content) -> None:
    call = _patient("folfirinox-no-tissue")
    body: dict[str, Any] = copy.deepcopy(call.body(content.prefetch))
    drug = body["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"]
    drug["text"] = "oxaliplatin\x1b[31m\nfaked line"
    text = explain(body, content, call.now).as_text()
    assert "\x1b" not in text
    assert "\nfaked line" not in text


def test_json_tells_the_evidence_of_each_fact(content: Content) -> None:
    facts = _explained("biopsy-insufficient", content).as_json()["facts"]
    tissue = facts["tissue_confirmation"]
    assert (tissue["value"], tissue["reason"], tissue["as_of"]) == ("no", "non-diagnostic", "2026-02-17")
    assert "DiagnosticReport/liver-biopsy" in {item["reference"] for item in tissue["evidence"]}


def test_data_of_a_folder_take_the_place_of_prefetch(content: Content) -> None:
    call = _patient("folfirinox-no-tissue")
    body = call.body({})
    refused = explain(body, content, call.now)
    assert refused.decision.silence.startswith("answered 412, required data could not be obtained (conditions")
    assert "MedicationRequest/oxaliplatin" in refused.as_text()
    assert "conditions: not-attempted" in refused.as_text()
    source = FolderSource(call.entries, content.prefetch, {"context.patientId": "folfirinox-no-tissue"})
    found = explain(body, content, call.now, source)
    assert found.decision == _explained("folfirinox-no-tissue", content).decision


def test_a_recorded_call_is_explained_like_any_other(content: Content) -> None:
    call = load_call(FIXTURES / "calls" / "folfirinox-no-tissue.json")
    assert explain(call.body(content.prefetch), content, NOW).decision.shown[0].variant == "not-found"


@pytest.mark.parametrize("hook", [pytest.param("patient-view", id="other-hook"), pytest.param(None, id="no-hook")])
def test_a_call_for_another_hook_is_refused(content: Content, hook: object) -> None:
    with pytest.raises(MalformedCall):
        explain({"hook": hook}, content, NOW)
