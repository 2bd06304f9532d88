"""F9: earlier systemic therapy for this cancer (decision 12)."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, ICD, SNOMED, Json, coded, condition, days_ago, line, make_case, pancreatic_cancer

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
GEMCITABINE = coded(RXNORM, "12574", "gemcitabine")
PANCREAS = [coded(ICD, "C25.0")]
BREAST = [coded(ICD, "C50.919")]
SEARCHES = ("medicationRequests", "medicationAdministrations", "medicationStatements", "procedures")


def given(date: str = days_ago(21), status: str = "completed", ident: str = "a1", **more: Any) -> Json:
    out: Json = {
        "resourceType": "MedicationAdministration",
        "id": ident,
        "status": status,
        "medicationCodeableConcept": GEMCITABINE,
    }
    return out | ({"effectiveDateTime": date} if date else {}) | more


def stated(status: str = "active", **more: Any) -> Json:
    out: Json = {
        "resourceType": "MedicationStatement",
        "id": "t1",
        "status": status,
        "medicationCodeableConcept": GEMCITABINE,
        "effectivePeriod": {"start": days_ago(21)},
    }
    return out | more


def ordered(status: str = "completed", date: str = days_ago(21), **more: Any) -> Json:
    out: Json = {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": GEMCITABINE,
    }
    return out | ({"authoredOn": date} if date else {}) | more


def infused(code: Json | None = None, status: str = "completed", **more: Any) -> Json:
    out: Json = {
        "resourceType": "Procedure",
        "id": "p1",
        "status": status,
        "code": code or coded(SNOMED, "367336001"),
        "performedDateTime": days_ago(21),
    }
    return out | more


def prior(*resources: Json, searches: dict[str, Completeness] | None = None, drafts: tuple[Json, ...] = ()) -> Fact:
    return make_case(pancreatic_cancer(), *resources, searches=searches, drafts=drafts).fact("prior_systemic_therapy")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(given(), "yes", id="administration-completed"),
        pytest.param(given(status="in-progress"), "yes", id="administration-in-progress"),
        pytest.param(given(status="not-done"), "no", id="administration-not-done"),
        pytest.param(given(status="entered-in-error"), "no", id="administration-in-error"),
        pytest.param(given(status="stopped"), "unknown:indeterminate", id="administration-stopped"),
        pytest.param(stated("active"), "yes", id="statement-taken"),
        pytest.param(stated("completed"), "yes", id="statement-completed"),
        pytest.param(stated("stopped"), "yes", id="statement-stopped-after-being-taken"),
        pytest.param(stated("intended"), "no", id="statement-intended"),
        pytest.param(stated("not-taken"), "no", id="statement-not-taken"),
        pytest.param(stated("on-hold"), "unknown:indeterminate", id="statement-on-hold"),
        pytest.param(ordered("completed"), "yes", id="order-completed"),
        pytest.param(ordered("active"), "unknown:indeterminate", id="order-only-active"),
        pytest.param(ordered("stopped"), "unknown:indeterminate", id="order-stopped"),
        pytest.param(ordered("draft"), "no", id="order-draft"),
        pytest.param(ordered("cancelled"), "no", id="order-cancelled"),
        pytest.param(ordered("active", days_ago(3)), "no", id="order-active-this-week"),
        pytest.param(ordered("active", ""), "unknown:indeterminate", id="order-active-undated"),
        pytest.param(ordered(intent="plan"), "no", id="order-a-plan"),
        pytest.param(ordered(intent="proposal"), "no", id="order-a-proposal"),
        pytest.param(ordered(doNotPerform=True), "no", id="order-not-to-give"),
        pytest.param(infused(), "yes", id="chemotherapy-procedure"),
        pytest.param(infused(coded(SNOMED, "870249004")), "yes", id="regimen-procedure"),
        pytest.param(infused({"text": "FOLFIRINOX cycle 1"}), "yes", id="regimen-by-name"),
        pytest.param(infused(status="not-done"), "no", id="procedure-not-done"),
        pytest.param(infused(coded(SNOMED, "86259008")), "no", id="another-procedure"),
        pytest.param(given(medicationCodeableConcept=coded(RXNORM, "6809", "metformin")), "no", id="another-drug"),
        pytest.param(given(medicationCodeableConcept=coded(RXNORM, "6313")), "no", id="leucovorin-alone"),
        pytest.param(given(medicationCodeableConcept={"text": "FOLFIRINOX"}), "yes", id="name-only"),
        pytest.param(
            given(medicationCodeableConcept=coded(RXNORM, "4492"), dosage={"route": {"text": "topical"}}),
            "no",
            id="fluorouracil-cream",
        ),
    ],
)
def test_what_counts_as_given(item: Json, state: str) -> None:
    assert prior(item).state == state


@pytest.mark.parametrize(
    ("date", "state"),
    [
        pytest.param(days_ago(8), "yes", id="eight-days-ago"),
        pytest.param(days_ago(7), "no", id="seven-days-ago"),
        pytest.param(days_ago(1), "no", id="cycle-one-given-yesterday"),
        pytest.param(days_ago(-5), "no", id="in-the-future"),
        pytest.param("2026-02", "unknown:indeterminate", id="month-that-may-be-last-week"),
        pytest.param("2026-03", "no", id="month-that-is-last-week"),
        pytest.param("", "unknown:indeterminate", id="undated-without-reason"),
    ],
)
def test_first_given_more_than_a_week_ago(date: str, state: str) -> None:
    assert prior(given(date)).state == state


@pytest.mark.parametrize(
    ("more", "state", "as_of"),
    [
        pytest.param({"reasonCode": PANCREAS}, "unknown:indeterminate", "", id="undated"),
        pytest.param({"reasonCode": PANCREAS, "dateAsserted": days_ago(9)}, "yes", days_ago(9), id="asserted-long-ago"),
        pytest.param({"reasonCode": PANCREAS, "dateAsserted": days_ago(2)}, "no", "", id="asserted-lately"),
        pytest.param({"dateAsserted": days_ago(9)}, "unknown:indeterminate", "", id="asserted-without-reason"),
    ],
)
def test_what_is_undated_needs_a_day_by_which_it_had_begun(more: Json, state: str, as_of: str) -> None:
    fact = prior(stated(effectivePeriod={}, **more))
    assert (fact.state, fact.as_of) == (state, as_of)


def test_an_undated_administration_does_not_tell_when_therapy_began() -> None:
    assert prior(given("", reasonCode=PANCREAS)).state == "unknown:indeterminate"


@pytest.mark.parametrize("name", ["FOLFIRINOX counselling", "Gemcitabine education", "FOLFIRINOX teaching"])
def test_talks_about_a_regimen_are_no_therapy(name: str) -> None:
    assert prior(infused({"text": name})).state == "no"
    assert prior(infused({"text": name.split(maxsplit=1)[0]})).state == "yes"


def test_a_month_in_which_the_diagnosis_was_made_is_unsure() -> None:
    case = make_case(pancreatic_cancer(onset="2026-01-20"), given("2026-01"))
    assert case.fact("prior_systemic_therapy").state == "unknown:indeterminate"


def test_an_instruction_not_to_give_may_be_a_string() -> None:
    assert prior(ordered(doNotPerform="true")).state == "no"


def test_as_of_is_the_first_dose() -> None:
    fact = prior(given(days_ago(1), ident="a2"), given(days_ago(20), ident="a3"), given(days_ago(25), ident="a4"))
    assert (fact.state, fact.as_of) == ("yes", days_ago(25))
    assert not line(fact, "MedicationAdministration/a2").counted


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(given(reasonCode=BREAST), "no", id="for-another-cancer"),
        pytest.param(infused(reasonCode=BREAST), "no", id="procedure-for-another-cancer"),
        pytest.param(given(days_ago(400)), "no", id="no-reason-before-this-cancer"),
        pytest.param(given(days_ago(400), reasonCode=PANCREAS), "yes", id="reason-pancreas-before-recorded-diagnosis"),
        pytest.param(given(), "yes", id="no-reason-after-diagnosis"),
        pytest.param(infused(reasonReference=[{"reference": "Condition/pancreas"}]), "yes", id="reason-by-reference"),
    ],
)
def test_for_this_cancer(item: Json, state: str) -> None:
    assert prior(item).state == state


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(given(), "unknown:indeterminate", id="no-reason"),
        pytest.param(given(reasonCode=PANCREAS), "yes", id="reason-pancreas"),
    ],
)
def test_another_primary_in_the_history_makes_a_reasonless_drug_unsure(item: Json, state: str) -> None:
    assert prior(item, condition(coded(ICD, "Z85.3"), "breast")).state == state


def test_undated_diagnosis_makes_a_reasonless_drug_unsure() -> None:
    case = make_case(condition(coded(ICD, "C25.0")), given())
    assert case.fact("prior_systemic_therapy").state == "unknown:indeterminate"


def test_the_order_of_this_call_is_not_prior_therapy() -> None:
    order = ordered("active")
    fact = prior(order, drafts=(order,))
    assert fact.state == "no"
    assert "this call" in line(fact, "MedicationRequest/r1").why


def test_name_only_is_said_so() -> None:
    fact = prior(given(medicationCodeableConcept={"text": "FOLFIRINOX"}))
    assert "name only" in line(fact, "MedicationAdministration/a1").why


def test_drug_by_reference_is_resolved_in_the_record() -> None:
    item = given()
    del item["medicationCodeableConcept"]
    item["medicationReference"] = {"reference": "Medication/m1"}
    assert prior(item, {"resourceType": "Medication", "id": "m1", "code": GEMCITABINE}).state == "yes"


@pytest.mark.parametrize("key", SEARCHES)
@pytest.mark.parametrize("how", BROKEN)
def test_no_needs_every_search(key: str, how: Completeness) -> None:
    fact = prior(searches={key: how})
    assert fact.state == "unknown:not-searched"
    assert fact.gaps == (f"{key}: was {how.value}",)
    assert not line(fact, key).counted


@pytest.mark.parametrize("key", SEARCHES)
@pytest.mark.parametrize(("item", "state"), [(given(), "yes"), (ordered("active"), "unknown:indeterminate")])
def test_a_finding_keeps_its_value_and_names_the_gap(key: str, item: Json, state: str) -> None:
    fact = prior(item, searches={key: Completeness.FAILED})
    assert fact.state == state
    assert fact.gaps == (f"{key}: was failed",)


def test_reasonless_therapy_names_the_searches_that_could_show_another_cancer() -> None:
    broken = {"conditions": Completeness.INCOMPLETE}
    assert prior(given(), searches=broken).gaps == ("conditions: was incomplete",)
    assert prior(given(reasonCode=PANCREAS), searches=broken).gaps == ()


@pytest.mark.parametrize("key", ["conditions", "reports", "observations", "specimens"])
def test_what_was_given_before_this_cancer_is_not_known_while_an_earlier_evidence_may_be_unread(key: str) -> None:
    """The unread report may show the cancer before the drug: C3 critical must not rest on its absence."""
    before = given(days_ago(90))
    fact = prior(before, searches={key: Completeness.INCOMPLETE})
    assert (fact.state, fact.gaps) == ("unknown:indeterminate", (f"{key}: was incomplete",))
    assert line(fact, "MedicationAdministration/a1").why.endswith("that could be read")
    assert prior(before).state == "no"
    assert prior(given(days_ago(90), reasonCode=BREAST), searches={key: Completeness.INCOMPLETE}).state == "no"


def test_a_treatment_that_names_this_cancer_is_unsure_without_doubts_of_whose_it_is() -> None:
    on_hold = stated("on-hold", reasonCode=PANCREAS)
    assert prior(on_hold, searches={"reports": Completeness.FAILED}).gaps == ()


def test_nothing_on_record_is_no() -> None:
    fact = prior()
    assert (fact.state, fact.evidence, fact.gaps) == ("no", (), ())
