"""decide and evaluate: gate, candidates, quiet hooks, the limit of two, and what is asked of the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.errors import DataUnavailable
from cds_service.fhir.source import Answer, Completeness, Entry
from cds_service.hooks.call import HookCall
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content
from cds_service.pathway.decide import decide
from cds_service.pathway.decision import NO_ORDER_OF_OURS, NOT_OUR_PATIENT, QUIET_AT_HOOK, WITHHELD, Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.record import build_record

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SUBJECT = {"reference": "Patient/p1"}
ICD = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture(scope="module", name="content")
def only_the_tissue_card(shipped: Content, tissue_card: Card) -> Content:
    """One card is enough to see how a decision is reached."""
    return replace(shipped, cards=(tissue_card,))


def condition(code: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": code.lower().replace(".", "-"),
        "subject": SUBJECT,
        "code": {"coding": [{"system": ICD, "code": code}]},
    }


CANCER, LIVER, COUGH = condition("C25.0"), condition("C78.7"), condition("R05")


class Recorded:
    """A source that answers from a table, complete unless told otherwise, and remembers what it was asked."""

    def __init__(self, data: Mapping[str, list[dict[str, Any]]], **completeness: Completeness) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._data = data
        self._completeness = completeness

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        self.asked.append(keys)
        return {
            key: Answer(
                key,
                tuple(Entry(resource) for resource in self._data.get(key, [])),
                self._completeness.get(key, Completeness.COMPLETE),
                ("in a way",) if key in self._completeness else (),
            )
            for key in keys
        }


def call(hook: str = "order-select", drug: str = "gemcitabine", code: str = "12574") -> HookCall:
    order = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "draft",
        "subject": SUBJECT,
        "medicationCodeableConcept": {
            "text": drug,
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}],
        },
    }
    return HookCall(hook, "i", "p1", "", "", None, (Entry(order),), {}, "")


def variant(decision: Decision) -> str:
    (outcome,) = decision.outcomes
    return outcome.variant or outcome.silence


def test_an_order_that_is_not_ours_reads_no_data(content: Content) -> None:
    source = Recorded({})
    decision = evaluate(call(drug="metformin", code="6809"), source, content, NOW)
    assert (decision.silence, decision.outcomes, source.asked) == (NO_ORDER_OF_OURS, (), [])


def test_a_patient_who_is_not_ours_has_only_conditions_read(content: Content) -> None:
    source = Recorded({"conditions": [COUGH]})
    decision = evaluate(call(), source, content, NOW)
    assert (decision.silence, source.asked) == (NOT_OUR_PATIENT, [("conditions",)])
    assert decision.facts["pancreatic_cancer"].value == "no"


@pytest.mark.parametrize("how", [Completeness.FAILED, Completeness.NOT_ATTEMPTED])
def test_required_data_that_cannot_be_had_is_412(content: Content, how: Completeness) -> None:
    with pytest.raises(DataUnavailable, match=r"conditions: in a way"):
        evaluate(call(), Recorded({"conditions": [CANCER]}, conditions=how), content, NOW)


def test_no_cancer_in_an_incomplete_search_is_412(content: Content) -> None:
    with pytest.raises(DataUnavailable, match="conditions"):
        evaluate(call(), Recorded({"conditions": [COUGH]}, conditions=Completeness.INCOMPLETE), content, NOW)


def test_cancer_found_in_an_incomplete_search_goes_on(content: Content) -> None:
    source = Recorded({"conditions": [CANCER, LIVER]}, conditions=Completeness.INCOMPLETE)
    assert evaluate(call(), source, content, NOW).shown


def test_every_other_search_is_asked_once(content: Content) -> None:
    source = Recorded({"conditions": [CANCER, LIVER]})
    decision = evaluate(call(), source, content, NOW)
    assert variant(decision) == "not-found"
    assert sorted(key for keys in source.asked for key in keys) == sorted(content.prefetch)
    assert decision.shown[0].indicator == "warning"


def test_a_variant_that_is_quiet_at_a_hook_is_a_named_silence(content: Content) -> None:
    history = {
        "resourceType": "MedicationAdministration",
        "id": "a1",
        "status": "completed",
        "subject": SUBJECT,
        "effectiveDateTime": "2025-11-01",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "12574"}]
        },
        "reasonCode": [{"coding": [{"system": ICD, "code": "C25.0"}]}],
    }
    source = Recorded({"conditions": [CANCER, LIVER], "medicationAdministrations": [history]})
    select, sign = (evaluate(call(hook), source, content, NOW) for hook in ("order-select", "order-sign"))
    assert (select.outcomes[0].silence, select.shown) == (QUIET_AT_HOOK, ())
    assert [(outcome.variant, outcome.indicator) for outcome in sign.shown] == [("later-line", "info")]


def test_exclusions_and_silences_are_named(content: Content) -> None:
    child = {"resourceType": "Patient", "id": "p1", "birthDate": "2015-01-01"}
    excluded = evaluate(call(), Recorded({"conditions": [CANCER, LIVER], "patient": [child]}), content, NOW)
    no_liver = evaluate(call(), Recorded({"conditions": [CANCER]}), content, NOW)
    assert excluded.outcomes[0].silence == "under_eighteen"
    assert no_liver.outcomes[0].silence == "liver-not-found"
    assert no_liver.outcomes[0].not_ruled_out == ("under_eighteen",)


def test_decide_alone_answers_the_same_as_evaluate(content: Content) -> None:
    source = Recorded({"conditions": [CANCER, LIVER]})
    evaluated = evaluate(call(), source, content, NOW)
    record = build_record("p1", source.fetch(tuple(content.prefetch)).values())
    assert decide(record, evaluated.orders, content, NOW) == evaluated
    assert decide(record, replace(evaluated.orders, selected=()), content, NOW).silence == NO_ORDER_OF_OURS
    assert decide(build_record("p1", []), evaluated.orders, content, NOW).silence == NOT_OUR_PATIENT


@pytest.mark.parametrize(("is_on", "silence"), [(True, ""), (False, NO_ORDER_OF_OURS)])
def test_a_card_whose_switch_is_off_is_no_candidate(
    content: Content, tissue_card: Card, is_on: bool, silence: str
) -> None:
    """Off, it asks for no data either; the shipped cards without a switch are always on."""
    switched = replace(
        content,
        cards=(replace(tissue_card, enabled_by="pet_ct_card"),),
        settings=replace(content.settings, pet_ct_card=is_on),
    )
    source = Recorded({"conditions": [CANCER, LIVER]})
    decision = evaluate(call(), source, switched, NOW)
    assert (decision.silence, bool(decision.shown), bool(source.asked)) == (silence, is_on, is_on)


def test_the_card_about_pet_ct_has_its_switch(shipped: Content) -> None:
    """NICE NG85 offers PET-CT for localised disease (pathway Q8): off unless a site wants it."""
    switches = {card.id: card.enabled_by for card in shipped.cards if card.enabled_by}
    assert switches == {"pet-ct-not-first": "pet_ct_card"}
    assert not shipped.settings.pet_ct_card


def test_the_cards_are_ranked_as_decided(shipped: Content) -> None:
    """Decision 27, by topic: C3, C10, C1, C2, C4, C5, C9, C12, C6, C13, C11, C8, C7."""
    topics = {card.id: card.topic for card in shipped.cards}
    assert [topics[name] for name in shipped.pathway.order] == [
        "ResectionWithLiverMetastases",
        "HistologyDoesNotMatchRegimen",
        "TissueBeforeSystemicTherapy",
        "UsBiopsyFailedChangeGuidance",
        "MriBeforeResectionDecision",
        "StagingLaparoscopyBeforeResection",
        "OtherPrimaryConsiderEus",
        "FitnessBeforeIntensiveRegimen",
        "PancreasProtocolCt",
        "TissueAlreadyConfirmed",
        "TissueAtBiliaryStent",
        "NoBiopsyBeforeUpfrontResection",
        "PetCtNotFirst",
    ]
    assert shipped.pathway.most_cards == 2


def test_at_most_two_cards_go_out_and_the_rest_is_in_the_decision(content: Content, tissue_card: Card) -> None:
    """Decision 27: by urgency, then by the pathway's order."""
    calm = replace(
        tissue_card,
        rules=tuple(
            replace(rule, indicators={"order-select": "info", "order-sign": "info"}) for rule in tissue_card.rules
        ),
    )
    cards = (replace(calm, id="calm-1"), replace(calm, id="calm-2"), tissue_card)
    pathway = replace(content.pathway, order=("calm-2", "calm-1", tissue_card.id))
    many = replace(content, cards=cards, pathway=pathway)
    decision = evaluate(call(), Recorded({"conditions": [CANCER, LIVER]}), many, NOW)
    assert [outcome.card_id for outcome in decision.shown] == [tissue_card.id, "calm-2"]
    assert [(outcome.card_id, outcome.silence) for outcome in decision.outcomes][2] == ("calm-1", WITHHELD)


def test_a_damaged_pathology_entry_is_no_absence_of_pathology(content: Content) -> None:
    damaged = {"resourceType": "DiagnosticReport", "id": "d", "subject": SUBJECT, "status": "final", "code": 42}
    for key in ("pathology", "reports"):
        source = Recorded({"conditions": [CANCER, LIVER], key: [damaged]})
        assert variant(evaluate(call(), source, content, NOW)) == "could-not-check"


def test_a_condition_that_comes_with_another_search_counts_too(content: Content) -> None:
    """What the gate read of the Conditions is used again only if the whole record holds no others."""
    source = Recorded({"conditions": [CANCER], "procedures": [LIVER]})
    decision = evaluate(call(), source, content, NOW)
    assert decision.facts["liver_metastases"].state == "yes:recorded-only"
    assert variant(decision) == "not-found"
