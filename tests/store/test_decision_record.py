"""What is kept of a decision: everything that explains it, and nothing that names the patient (issue item 5)."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

import orjson
import pytest

from cds_service.facts.fact import Evidence, Fact
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.store.decision_record import (
    MOST_REFERENCES,
    CallOrigin,
    DecisionRecord,
    describe_decision,
    hash_patient,
)
from tests.store.records import NOW, SERVICE
from tests.web.service_calls import content, stored

KEY = b"a key of this test, long enough"
ORIGIN = CallOrigin("d-1", NOW, SERVICE, "general-hospital")


def described(patient: str = "", *evidence: Evidence) -> DecisionRecord:
    """The record of a stored call; with evidence, of another patient with one fact that rests on it."""
    body = stored("folfirinox-no-tissue")
    call = parse_call(body, body["hook"])
    decision = evaluate(call, PrefetchSource(call.prefetch, content().prefetch), content(), NOW)
    answer = render_response(decision, content(), call, NOW, KEY)
    if evidence:
        call = replace(call, patient_id=patient)
        facts = MappingProxyType({"liver_metastases": Fact("liver_metastases", "yes", "x", evidence, "2026", "label")})
        decision = Decision(decision.hook, decision.orders, facts, decision.outcomes, decision.searches)
    return describe_decision(decision, answer, content(), call, ORIGIN, KEY)


def test_a_record_says_what_was_decided_and_by_which_versions() -> None:
    found = described()
    assert (found.id, found.at, found.service, found.client) == ("d-1", NOW, SERVICE, "general-hospital")
    assert (found.hook, found.silence) == ("order-select", "")
    assert found.content == content().digest
    assert found.pathway == f"pancreatic-liver-metastases {content().pathway.version}"
    assert [(card.topic, card.variant, card.indicator) for card in found.shown] == [
        ("TissueBeforeSystemicTherapy", "not-found", "warning"),
        ("PancreasProtocolCt", "no-protocol-ct", "info"),
    ]
    outcome = next(item for item in found.outcomes if item["topic"] == "TissueBeforeSystemicTherapy")
    assert outcome["card"] == "tissue-before-systemic-therapy"
    assert outcome["version"]
    assert found.facts["tissue_confirmation"]["reason"] == "not-found"
    assert found.facts["liver_metastases"]["evidence"]
    assert found.searches["conditions"] == "complete"


def test_cards_are_named_by_the_uuid_that_went_out() -> None:
    body = stored("folfirinox-no-tissue")
    call = parse_call(body, body["hook"])
    decision = evaluate(call, PrefetchSource(call.prefetch, content().prefetch), content(), NOW)
    answer = render_response(decision, content(), call, NOW, KEY)
    found = describe_decision(decision, answer, content(), call, ORIGIN, KEY)
    assert [card.card for card in found.shown] == [card["uuid"] for card in answer["cards"]]


def test_a_record_is_plain_json() -> None:
    found = described()
    assert orjson.loads(orjson.dumps(asdict(found)))["facts"] == found.facts


def test_the_patient_is_a_keyed_hash_and_another_one_at_each_client() -> None:
    found = {
        hash_patient(key, client, patient)
        for key in (KEY, b"another key of this test")
        for client in ("a", "b", "")
        for patient in ("1", "2", "a1")
    }
    assert len(found) == 18
    assert all(len(digest) == 64 for digest in found)
    assert described().patient == hash_patient(KEY, "general-hospital", "example")


PATIENT = "eXq7.Vm-4TzK"


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ("Condition/c1", True),
        ("DiagnosticReport/eQ8.x-1", True),
        ("Observation/" + "x" * 194, True),
        ("urn:uuid:0b2cd2de-9a56-4f84-8b6a-4f1e0a1c9d11", True),
        (f"Patient/{PATIENT}", False),
        ("Patient/another", False),
        ("Practitioner/p1", False),
        ("PractitionerRole/p1", False),
        ("Person/p1", False),
        ("RelatedPerson/p1", False),
        (f"Condition/{PATIENT}", False),
        (f"Condition/{PATIENT.upper()}-3", False),
        ("Condition/John Smith", False),
        ("https://ehr.example/r4/Condition/c1", False),
        ("#contained John", False),
        ("urn:uuid:John", False),
        ("John Smith", False),
        ("Condition/", False),
    ],
)
@pytest.mark.parametrize("counted", [True, False])
def test_references_that_could_name_a_person_are_hashed(reference: str, kept: bool, counted: bool) -> None:
    fact = described(PATIENT, Evidence(reference, "text", counted=counted)).facts["liver_metastases"]
    [shown] = fact["evidence" if counted else "set_aside"]
    assert (shown == reference) is kept
    assert ("~" in shown) is not kept
    assert "John" not in shown


def test_a_short_patient_id_hides_no_other_reference() -> None:
    fact = described("1", Evidence("Condition/c1", ""), Evidence("Condition/1", "")).facts["liver_metastases"]
    assert fact["evidence"][0] == "Condition/c1"
    assert fact["evidence"][1].startswith("Condition/~")


@pytest.mark.parametrize(("patient", "kept"), [("1c4", True), ("1c4a", False)])
def test_an_id_of_four_characters_tells_of_its_patient_within_another(patient: str, kept: bool) -> None:
    fact = described(patient, Evidence(f"Condition/x{patient}-2", "")).facts["liver_metastases"]
    assert (fact["evidence"] == [f"Condition/x{patient}-2"]) is kept


def test_only_state_and_references_of_a_fact_are_kept() -> None:
    item = Evidence("Condition/c1", "TEXT", "2026-01-01", "STATUS", "QUOTE", True, "WHY")
    assert described(PATIENT, item, item).facts == {
        "liver_metastases": {"value": "yes", "reason": "x", "evidence": ["Condition/c1"]}
    }


def test_references_are_bounded_and_the_rest_counted() -> None:
    many = tuple(Evidence(f"Observation/o{number}", "") for number in range(MOST_REFERENCES + 7))
    fact: Any = described(PATIENT, *many).facts["liver_metastases"]
    assert (len(fact["evidence"]), fact["more_evidence"]) == (MOST_REFERENCES, 7)
    assert "set_aside" not in fact
    exactly: Any = described(PATIENT, *many[:MOST_REFERENCES]).facts["liver_metastases"]
    assert len(exactly["evidence"]) == MOST_REFERENCES
    assert "more_evidence" not in exactly
