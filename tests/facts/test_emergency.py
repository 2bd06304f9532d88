"""F20 emergency_context and cholangitis_recorded: what makes an emergency, what is only the usual reason, gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_service.facts.case import Case
from cds_service.facts.orders import read_orders
from cds_service.fhir.source import Completeness
from cds_service.hooks.call import HookCall
from tests.facts.cases import (
    BROKEN,
    ICD,
    PATIENT,
    SNOMED,
    Json,
    coded,
    condition,
    days_ago,
    lexicon,
    line,
    make_case,
    named,
    terms,
)

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
EMERGENCY = {"system": ACT, "code": "EMER"}
INPATIENT = {"system": ACT, "code": "IMP", "display": "inpatient encounter"}


def encounter(kind: Any = INPATIENT, ident: str = "e1", status: Any = "in-progress", **more: Any) -> Json:
    out: Json = {"resourceType": "Encounter", "id": ident, "status": status, "period": {"start": days_ago(1)}}
    return out | ({"class": kind} if kind else {}) | more


def reason(words: str) -> Json:
    return {"reasonCode": [named(words)]}


def biopsy(**more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": named("CT-guided liver biopsy"),
    } | more


def referring(target: str) -> Json:
    return {"reasonReference": [{"reference": target}]}


def in_encounter(case: Case, ident: str) -> Case:
    return replace(case, orders=replace(case.orders, encounter_id=ident))


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([encounter(EMERGENCY)], "yes", id="emergency-class"),
        pytest.param([encounter([coded(ACT, "EMER")])], "yes", id="class-as-concepts"),
        pytest.param([encounter(coded("urn:x", "E", "Emergency department"))], "yes", id="class-in-words"),
        pytest.param([encounter(coded("urn:x", "N", "Non-emergency"))], "no", id="class-that-denies-it"),
        pytest.param([encounter({"display": "Emergency"})], "yes", id="class-as-a-display-alone"),
        pytest.param([encounter({"display": "inpatient encounter"})], "no", id="display-of-no-emergency"),
        pytest.param([encounter({"system": ACT, "display": 7})], "unknown:not-searched", id="display-unreadable"),
        pytest.param([encounter([{"display": "Emergency"}])], "yes", id="class-as-a-list-of-displays"),
        pytest.param([encounter([INPATIENT, {"display": "Emergency"}])], "no", id="a-code-before-a-display-alone"),
        pytest.param([encounter()], "no", id="routine-inpatient"),
        pytest.param([encounter(priority=named("Emergency"))], "no", id="priority-alone"),
        *(
            pytest.param([encounter(EMERGENCY, status=status)], "yes", id=status)
            for status in ("arrived", "triaged", "onleave", "In-Progress")
        ),
        *(
            pytest.param([encounter(EMERGENCY, status=status)], "no", id=status)
            for status in ("planned", "finished", "cancelled", "entered-in-error", "completed")
        ),
        pytest.param(
            [encounter(EMERGENCY, period={"start": days_ago(9), "end": days_ago(8)})], "no", id="never-closed-but-over"
        ),
        pytest.param([encounter(EMERGENCY, period={"start": days_ago(-5)})], "no", id="future"),
        pytest.param([encounter(EMERGENCY, period={"end": days_ago(-5)})], "no", id="future-by-its-end-alone"),
        pytest.param(
            [encounter(EMERGENCY, period={"start": days_ago(1), "end": days_ago(-5)})], "yes", id="expected-end"
        ),
        pytest.param([encounter(EMERGENCY, period=None)], "yes", id="undated"),
        pytest.param([encounter(**reason("Upper GI haemorrhage"))], "yes:named", id="bleeding"),
        pytest.param([encounter(**reason("Melena"))], "yes:named", id="melaena"),
        pytest.param([encounter(**reason("Perforated duodenum"))], "yes:named", id="perforation"),
        pytest.param([encounter(**reason("Gastric outlet obstruction"))], "yes:named", id="gastric-outlet"),
        pytest.param([encounter(reasonCode=[coded(SNOMED, "95532008")])], "yes:named", id="duodenal-obstruction-coded"),
        pytest.param([encounter(**reason("Acute cholangitis"))], "yes:named", id="cholangitis"),
        pytest.param(
            [encounter(priority=named("elective"), **reason("Duodenal obstruction"))], "no", id="an-elective-stay"
        ),
        pytest.param(
            [encounter(priority=named("non-elective"), **reason("Duodenal obstruction"))],
            "yes:named",
            id="a-non-elective-stay",
        ),
        pytest.param([encounter(status="finished", **reason("Bleeding"))], "no", id="named-but-finished"),
        pytest.param([encounter(**reason("Bleeding risk assessment"))], "no", id="bleeding-risk"),
        pytest.param([encounter(**reason("No bleeding"))], "no", id="denied"),
        *(
            pytest.param([encounter(**reason(words))], "no", id=words)
            for words in (
                "Denies bleeding",
                "Bleeding excluded",
                "Bleeding has been excluded",
                "GI bleed ruled out",
                "Haemorrhage was excluded",
                "Bleeding denied",
                "Jaundice, no bleeding, no cholangitis",
                "Cholangitis excluded",
                "Duodenal obstruction excluded",
                "Perforation excluded",
                "Nil bleeding",
            )
        ),
        pytest.param([encounter(**reason("Cholangitis excluded; bleeding"))], "yes:named", id="one-of-two-excluded"),
        pytest.param([encounter(**reason("History of perforation"))], "no", id="history"),
        pytest.param([encounter(**reason("Primary sclerosing cholangitis"))], "no", id="sclerosing"),
        pytest.param([encounter(**reason("Cholangiocarcinoma"))], "no", id="cholangiocarcinoma"),
        pytest.param([encounter(**reason("Obstructive jaundice"))], "no", id="jaundice-in-a-routine-stay"),
        pytest.param([encounter(reasonCode=[coded(ICD, "K83.1")])], "no", id="biliary-obstruction-in-a-routine-stay"),
        pytest.param([encounter(**reason("Obstruction"))], "no", id="obstruction-of-what"),
        pytest.param(
            [encounter(EMERGENCY, **reason("Obstructive jaundice"))], "yes:named", id="jaundice-as-an-emergency"
        ),
        pytest.param(
            [encounter(priority=named("urgent"), reasonCode=[coded(ICD, "K83.1")])],
            "yes:named",
            id="biliary-obstruction-unplanned",
        ),
        pytest.param([encounter(priority=named("non-urgent"), **reason("Jaundice"))], "no", id="jaundice-not-urgent"),
        pytest.param(
            [encounter(**reason("Jaundice")), encounter(EMERGENCY, "e2", "finished")],
            "no",
            id="the-emergency-is-over",
        ),
        pytest.param(
            [encounter(**reason("Jaundice")), encounter(EMERGENCY, "e2", "unknown")],
            "unknown:not-searched",
            id="the-emergency-is-perhaps-over",
        ),
        pytest.param(
            [encounter(**referring("Condition/c1")), condition(named("Duodenal obstruction"))],
            "yes:named",
            id="reason-by-reference",
        ),
        pytest.param(
            [encounter(**referring("Condition/c1")), condition(named("Duodenal obstruction"), verified="refuted")],
            "no",
            id="reason-refuted",
        ),
        pytest.param(
            [encounter(reasonReference={"display": "Bleeding ulcer"})], "yes:named", id="reason-by-its-display"
        ),
        pytest.param([condition(named("Acute cholangitis"))], "no", id="on-the-problem-list-only"),
        pytest.param([encounter(None)], "unknown:not-searched", id="no-class"),
        pytest.param([encounter("EMERGENCY!")], "yes", id="class-as-a-string"),
        pytest.param([encounter(7)], "unknown:not-searched", id="class-of-a-wrong-type"),
        pytest.param([encounter(None, **reason("Bleeding"))], "yes:named", id="named-without-class"),
        pytest.param([encounter(EMERGENCY, status="unknown")], "unknown:not-searched", id="status-unknown"),
        pytest.param([encounter(EMERGENCY, status=["finished"])], "unknown:not-searched", id="status-of-a-wrong-type"),
        pytest.param([encounter(reasonCode=7, reasonReference="x")], "no", id="reasons-of-a-wrong-type"),
    ],
)
def test_encounters(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("emergency_context").state == state


@pytest.mark.parametrize(
    ("draft", "state"),
    [
        pytest.param(biopsy(), "no", id="routine"),
        pytest.param(biopsy(priority="stat"), "yes", id="stat"),
        pytest.param(biopsy(priority="STAT "), "yes", id="stat-in-capitals"),
        pytest.param(biopsy(priority="urgent"), "no", id="urgent-is-not-stat"),
        pytest.param(biopsy(priority=["stat"]), "no", id="priority-of-a-wrong-type"),
        pytest.param(biopsy(**reason("Bleeding from the tumour")), "yes:named", id="named"),
        pytest.param(biopsy(**reason("Jaundice")), "no", id="the-usual-reason"),
        pytest.param(biopsy(priority="stat", **reason("Jaundice")), "yes", id="stat-for-the-usual-reason"),
        pytest.param(biopsy(priority="stat", status="cancelled"), "no", id="not-live"),
        pytest.param(biopsy(priority="stat", code=named("Serum potassium")), "no", id="not-an-order-of-ours"),
    ],
)
def test_orders(draft: Json, state: str) -> None:
    assert make_case(drafts=[draft]).fact("emergency_context").state == state


def test_an_order_that_was_not_selected_says_nothing() -> None:
    drafts = [biopsy(priority="stat"), biopsy(id="d2")]
    case = make_case(drafts=drafts, selections=("ServiceRequest/d2",))
    assert case.fact("emergency_context").state == "no"


def test_an_order_for_jaundice_in_an_emergency_encounter_is_named() -> None:
    fact = make_case(encounter(EMERGENCY), drafts=[biopsy(**reason("Jaundice"))]).fact("emergency_context")
    assert (fact.state, fact.label) == ("yes:named", "biliary obstruction")
    assert line(fact, "ServiceRequest/d1").counted
    assert line(fact, "Encounter/e1").why == "an emergency encounter"


@pytest.mark.parametrize(
    ("ident", "state"),
    [
        pytest.param("e1", "no", id="the-routine-one"),
        pytest.param("e2", "yes", id="the-emergency"),
        pytest.param("e3", "no", id="a-finished-one"),
        pytest.param("", "yes", id="none-named"),
        pytest.param("e9", "yes", id="not-in-the-data"),
    ],
)
def test_the_encounter_of_the_call_decides(ident: str, state: str) -> None:
    case = make_case(encounter(), encounter(EMERGENCY, "e2"), encounter(EMERGENCY, "e3", "finished"))
    assert in_encounter(case, ident).fact("emergency_context").state == state


def test_the_orders_know_the_encounter_of_the_call() -> None:
    call = HookCall("order-sign", "i1", PATIENT, "", "e2", None, (), {}, "")
    assert read_orders(call, terms(), lexicon()).encounter_id == "e2"


def test_an_encounter_of_the_call_that_is_not_in_the_data_proves_no_absence() -> None:
    fact = in_encounter(make_case(encounter()), "e9").fact("emergency_context")
    assert fact.state == "unknown:not-searched"
    assert fact.gaps == ("encounters: the encounter of the call is not in the data",)
    assert not line(fact, "Encounter/e9").counted


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("resources", "state"),
    [([], "unknown:not-searched"), ([encounter()], "unknown:not-searched"), ([encounter(EMERGENCY)], "yes")],
)
def test_an_unfinished_search_of_encounters(resources: list[Json], state: str, how: Completeness) -> None:
    fact = make_case(*resources, searches={"encounters": how}).fact("emergency_context")
    assert fact.state == state
    assert fact.gaps == (f"encounters: was {how.value}",)
    assert line(fact, "encounters").why == f"was {how.value}"


def test_evidence_names_every_encounter_and_why_it_does_not_count() -> None:
    fact = make_case(
        encounter(EMERGENCY, **reason("Haematemesis and gastric outlet obstruction")),
        encounter(EMERGENCY, "e2", "finished"),
        encounter(ident="e3"),
        encounter(EMERGENCY, "e4", "planned", period={"start": days_ago(-9)}),
        encounter(None, "e5"),
    ).fact("emergency_context")
    assert (fact.state, fact.label, fact.as_of) == ("yes:named", "bleeding, obstruction", days_ago(1))
    assert line(fact, "Encounter/e1").text == "Haematemesis and gastric outlet obstruction"
    assert line(fact, "Encounter/e2").why == "not under way: finished"
    assert line(fact, "Encounter/e3").why == "no emergency encounter"
    assert line(fact, "Encounter/e5").why == "the class of an encounter could not be read"
    assert [item.reference for item in fact.evidence if item.counted] == ["Encounter/e1"]
    assert fact.gaps == ("encounters: the class of an encounter could not be read",)


@pytest.mark.parametrize(
    ("resource", "state"),
    [
        pytest.param(condition(named("Ascending cholangitis")), "yes", id="named"),
        pytest.param(condition(coded(ICD, "K83.09", "Other cholangitis")), "yes", id="display-of-a-code"),
        pytest.param(condition(named("Cholangitis"), clinical=""), "yes", id="no-status"),
        pytest.param(condition(named("Cholangitis"), verified="provisional"), "yes", id="provisional"),
        pytest.param(condition(named("Cholangitis"), clinical="resolved"), "no", id="resolved"),
        pytest.param(condition(named("Cholangitis"), clinical="inactive"), "no", id="inactive"),
        pytest.param(condition(named("Cholangitis"), verified="refuted"), "no", id="refuted"),
        pytest.param(condition(named("Cholangitis"), onsetDateTime=days_ago(-5)), "no", id="future"),
        pytest.param(condition(named("Primary sclerosing cholangitis")), "no", id="sclerosing"),
        pytest.param(condition(named("PSC - cholangitis")), "no", id="psc"),
        pytest.param(condition(named("Autoimmune cholangitis")), "no", id="autoimmune"),
        pytest.param(condition(named("IgG4 cholangitis")), "no", id="igg4"),
        pytest.param(condition(named("Primary biliary cholangitis")), "no", id="primary-biliary"),
        pytest.param(condition(named("Cholangiocarcinoma")), "no", id="cholangiocarcinoma"),
        pytest.param(condition(named("Cholecystitis")), "no", id="gallbladder"),
        pytest.param(condition(named("History of cholangitis")), "no", id="history"),
        pytest.param(condition(named("Jaundice")), "no", id="jaundice"),
    ],
)
def test_cholangitis(resource: Json, state: str) -> None:
    assert make_case(resource).fact("cholangitis_recorded").state == state


def test_cholangitis_is_dated_and_all_its_diagnoses_are_shown() -> None:
    fact = make_case(
        condition(named("Cholangitis"), onsetDateTime=days_ago(3)),
        condition(named("Cholangitis"), "c2", clinical="resolved", onsetDateTime=days_ago(300)),
        condition(named("Acute cholangitis"), "c3", verified="unconfirmed", onsetDateTime=days_ago(2)),
    ).fact("cholangitis_recorded")
    assert (fact.as_of, fact.quality) == (days_ago(2), "name-only")
    assert line(fact, "Condition/c2").why == "no longer active"
    assert line(fact, "Condition/c3").why == "a current diagnosis, not confirmed"


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("resources", "state"), [([], "unknown:not-searched"), ([condition(named("Cholangitis"))], "yes")]
)
def test_an_unfinished_search_of_conditions(resources: list[Json], state: str, how: Completeness) -> None:
    fact = make_case(*resources, searches={"conditions": how}).fact("cholangitis_recorded")
    assert fact.state == state
    assert fact.gaps == (f"conditions: was {how.value}",)
    assert line(fact, "conditions").why == f"was {how.value}"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Septic, ascending cholangitis", "yes:named"),
        ("Bleeding duodenal tumour", "yes:named"),
        ("No cholangitis", "no"),
        ("Previous cholangitis", "no"),
        ("Cholangitis was treated in January", "no"),
        ("Cholangitis, being treated", "yes:named"),
        ("Post-sphincterotomy bleeding", "yes:named"),
        ("Acute cholangitis, ERCP tonight if possible", "yes:named"),
        ("Repeat if cholangitis develops", "no"),
        ("Antibiotics to prevent cholangitis", "no"),
        ("Monitor for bleeding", "no"),
        ("Hold anticoagulants to avoid bleeding", "no"),
        ("Obstructive jaundice", "no"),
    ],
)
def test_the_reason_of_an_order_may_name_the_emergency(words: str, state: str) -> None:
    assert make_case(encounter(), drafts=[biopsy(**reason(words))]).fact("emergency_context").state == state
    by_reference = make_case(encounter(), drafts=[biopsy(reasonReference=[{"display": words}])])
    assert by_reference.fact("emergency_context").state == state


@pytest.mark.parametrize(
    "words",
    [
        "Cholangitis",
        "Acute bleeding from the duodenum",
        "Patient warned about perforation and bleeding.",
        "Consent for bleeding and perforation obtained.",
        "Small bowel obstruction in 2015.",
        "Risks explained: bleeding, infection, leak.",
        "Complications discussed include bleeding and perforation",
        "Group and save for bleeding",
        "Type and cross 2 units in case of bleeding",
    ],
)
def test_the_note_of_an_order_names_no_emergency(words: str) -> None:
    """Decision 14 speaks of its reason; notes tell of risks and of the past."""
    draft = biopsy(note=[{"text": words}], patientInstruction=words)
    assert make_case(encounter(), drafts=[draft]).fact("emergency_context").state == "no"
    stat = make_case(encounter(), drafts=[draft | {"priority": "stat"}]).fact("emergency_context")
    assert stat.state == "yes"


def test_the_note_of_an_encounter_is_not_read() -> None:
    found = encounter() | {"note": [{"text": "Cholangitis"}]}
    assert make_case(found).fact("emergency_context").state == "no"
