"""Loading stored patients and calls, and what is said of files that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.pathway.content import load_content
from cds_service.replay.stored import load_call, load_patient, load_stored

SOUND = "order: gemcitabine\nnow: '2026-03-02T09:00:00Z'\n"
TEMPLATES = {"conditions": "Condition?patient={{context.patientId}}", "patient": "Patient/{{context.patientId}}"}


def _patient(root: Path) -> Path:
    return root / "patients" / "tissue-coded"


def test_a_patient_is_one_call_per_hook(small: Path) -> None:
    select, sign = load_patient(_patient(small), small / "orders")
    assert (select.hook, sign.hook) == ("order-select", "order-sign")
    assert select.title == "patients/tissue-coded order-select"
    assert select.now == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert "selections" not in sign.body(TEMPLATES)["context"]


def test_the_body_of_a_patients_call(small: Path) -> None:
    select, sign = load_patient(_patient(small), small / "orders")
    body = select.body(TEMPLATES)
    assert body["hook"] == "order-select"
    assert body["context"]["patientId"] == "tissue-coded"
    assert body["context"]["selections"][0] == "MedicationRequest/oxaliplatin"
    assert body["context"]["draftOrders"]["entry"][0]["resource"]["subject"] == {"reference": "Patient/tissue-coded"}
    assert set(body["prefetch"]) == {"conditions", "patient"}
    assert body == select.body(TEMPLATES)
    assert body["hookInstance"] != sign.body(TEMPLATES)["hookInstance"]


def test_a_call_without_any_prefetch_has_no_such_member(small: Path) -> None:
    assert "prefetch" not in load_patient(_patient(small), small / "orders")[0].body({})


def test_a_recorded_call_is_sent_as_it_stands(small: Path) -> None:
    path = small / "calls" / "folfirinox-no-tissue.json"
    call = load_call(path)
    assert call.body(TEMPLATES) == json.loads(path.read_text(encoding="utf-8"))
    assert call.name == "calls/folfirinox-no-tissue"


def test_load_stored_takes_patients_then_calls(small: Path) -> None:
    (small / "patients" / "notes.txt").write_text("not a patient", encoding="utf-8")
    assert [call.name for call in load_stored(small)] == [
        "patients/tissue-coded",
        "patients/tissue-coded",
        "calls/folfirinox-no-tissue",
    ]


def test_inline_drafts_and_a_named_patient(small: Path) -> None:
    drafts = {"resourceType": "Bundle", "type": "collection"}
    who = "now: '2026-03-02T10:00:00+01:00'\npatient: elsewhere\n"
    _case(small, f"{who}draftOrders: {json.dumps(drafts)}\nselections: []\n")
    call = load_patient(_patient(small), small / "orders")[0]
    assert call.now == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert call.context["patientId"] == "elsewhere"
    assert call.context["selections"] == []
    assert call.context["draftOrders"] == drafts


def test_selections_of_the_case_replace_those_of_the_order_file(small: Path) -> None:
    _case(small, "now: '2026-03-02T09:00:00Z'\norder: folfirinox\nselections: [MedicationRequest/leucovorin]\n")
    assert load_patient(_patient(small), small / "orders")[0].context["selections"] == ["MedicationRequest/leucovorin"]


def test_inline_drafts_without_selections_leave_them_out(small: Path) -> None:
    _case(small, "now: '2026-03-02T09:00:00Z'\ndraftOrders: {resourceType: Bundle}\n")
    assert "selections" not in load_patient(_patient(small), small / "orders")[0].context


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("- now", "must be a mapping", id="list"),
        pytest.param("nwo: x", r"case\.yaml:1: unknown key 'nwo'", id="unknown-key"),
        pytest.param("order: gemcitabine", "quoted instant", id="no-now"),
        pytest.param("order: gemcitabine\nnow: '2026-03-02'", r"case\.yaml:2: `now`", id="now-without-zone"),
        pytest.param("order: gemcitabine\nnow: soon", "quoted instant", id="now-not-a-time"),
        pytest.param("now: '2026-03-02T09:00:00Z'", "not both", id="no-order"),
        pytest.param("now: '2026-03-02T09:00:00Z'\norder: a\ndraftOrders: {}", "not both", id="both-orders"),
        pytest.param("now: '2026-03-02T09:00:00Z'\norder: aspirin", r"aspirin\.json", id="order-file-missing"),
        pytest.param(f"{SOUND}searches: [a]", "maps search keys", id="searches"),
        pytest.param(f"{SOUND}searches:\n  reports: lost", r"case\.yaml:4: unknown shape", id="shape"),
    ],
)
def test_a_wrong_case_is_named_with_file_and_line(small: Path, text: str, problem: str) -> None:
    _case(small, text)
    with pytest.raises(ContentError, match=problem):
        load_patient(_patient(small), small / "orders")


def test_a_bundle_of_two_patients_needs_a_name(small: Path) -> None:
    path = _patient(small) / "bundle.json"
    bundle = json.loads(path.read_text(encoding="utf-8"))
    bundle["entry"].append({"resource": {"resourceType": "Patient", "id": "twin"}})
    path.write_text(json.dumps(bundle), encoding="utf-8")
    with pytest.raises(ContentError, match="holds 2 Patients"):
        load_patient(_patient(small), small / "orders")


def _drop(path: Path) -> None:
    path.unlink()


def _rename_hook(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("order-select:", "order-sign:"), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(_drop, "cannot be read", id="missing"),
        pytest.param(_rename_hook, "says nothing about", id="other-hook"),
    ],
)
def test_a_call_needs_its_expectation(small: Path, damage: Callable[[Path], None], problem: str) -> None:
    damage(small / "calls" / "folfirinox-no-tissue.expected.yaml")
    with pytest.raises(ContentError, match=problem):
        load_call(small / "calls" / "folfirinox-no-tissue.json")


def test_a_folder_without_fixtures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="neither patients/ nor calls/"):
        load_stored(tmp_path)


def _case(root: Path, text: str) -> None:
    (_patient(root) / "case.yaml").write_text(text, encoding="utf-8")


def test_a_story_with_another_intent_has_templates_with_it(small: Path) -> None:
    """A site's setting changes in replay all that it changes when content is loaded."""
    shipped = load_content(find_cards())
    call = replace(load_stored(small)[0], settings={"suggested_order_intent": "plan"})
    content = call.content(shipped)
    assert {template.resource({})["intent"] for template in content.templates.values()} == {"plan"}
    assert content.settings.suggested_order_intent == "plan"
