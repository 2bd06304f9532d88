"""What is planned: resection (F10), therapy before it (C8), a trial (C3). What counts, what is over, gaps."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    ICD,
    NOW,
    PATIENT,
    SNOMED,
    Json,
    coded,
    condition,
    days_ago,
    line,
    make_case,
    named,
)

WHIPPLE = "Pancreatoduodenectomy (Whipple procedure)"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def request(words: str = WHIPPLE, ident: str = "sr1", status: Any = "active", **more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": ident,
        "status": status,
        "intent": "order",
        "code": named(words),
        "authoredOn": days_ago(5),
    } | more


def draft(words: str = WHIPPLE, ident: str = "d1", **more: Any) -> Json:
    return request(words, ident, "draft", subject={"reference": f"Patient/{PATIENT}"}, **more)


def drug(ident: str = "mr1", status: str = "active", **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": ident,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": coded(RXNORM, "12574", "gemcitabine"),
        "authoredOn": days_ago(5),
    } | more


def given(date: str = days_ago(2), status: str = "completed", **more: Any) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": "ma1",
        "status": status,
        "medicationCodeableConcept": coded(RXNORM, "32592", "oxaliplatin"),
        "effectiveDateTime": date,
    } | more


def appointment(words: str = WHIPPLE, status: str = "booked", start: str = days_ago(-7), **more: Any) -> Json:
    out: Json = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": status,
        "description": words,
        "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
    }
    return out | ({"start": start} if start else {}) | more


def plan(words: str, date: str = days_ago(5), status: str = "active", **more: Any) -> Json:
    return {
        "resourceType": "CarePlan",
        "id": "cp1",
        "status": status,
        "title": "MDT",
        "description": words,
        "created": date,
    } | more


def operated(date: str = days_ago(2), status: str = "completed", words: str = WHIPPLE, **more: Any) -> Json:
    return {
        "resourceType": "Procedure",
        "id": "op1",
        "status": status,
        "code": named(words),
        "performedDateTime": date,
    } | more


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([request()], "yes", id="request"),
        pytest.param([request(code=coded(SNOMED, "116241004"))], "yes", id="request-coded"),
        pytest.param([request("Liver resection")], "yes", id="liver"),
        pytest.param([request("Gastrojejunostomy")], "no", id="bypass"),
        pytest.param([request("CT of the abdomen")], "no", id="something-else"),
        pytest.param([request("Consult for Whipple")], "no", id="a-talk"),
        pytest.param([request(status="completed")], "no", id="request-completed"),
        pytest.param([request(status="revoked")], "no", id="request-revoked"),
        pytest.param([request(doNotPerform=True)], "no", id="do-not-perform"),
        pytest.param([request(authoredOn=days_ago(-5))], "no", id="written-in-the-future"),
        pytest.param([request(authoredOn=days_ago(60))], "yes", id="last-day"),
        pytest.param([request(authoredOn=days_ago(61))], "no", id="past-the-window"),
        pytest.param([request(authoredOn=None)], "no", id="undated"),
        pytest.param(
            [request(authoredOn=days_ago(90), occurrenceDateTime=days_ago(-9))], "yes", id="for-a-day-to-come"
        ),
        pytest.param(
            [request(authoredOn=days_ago(90), occurrencePeriod={"start": days_ago(-9)})], "yes", id="for-a-time-to-come"
        ),
        pytest.param([request(), operated()], "no", id="done-since"),
        pytest.param([request(), operated(days_ago(9))], "yes", id="an-earlier-operation"),
        pytest.param([request(), operated(status="not-done")], "yes", id="not-done"),
        pytest.param([request(), operated(days_ago(-3))], "yes", id="an-operation-in-the-future"),
        pytest.param([request(), operated(words="Cholecystectomy")], "yes", id="another-operation"),
        pytest.param([request(), operated("", basedOn=[{"reference": "ServiceRequest/sr1"}])], "no", id="fulfilled"),
        pytest.param([request(), operated("")], "yes", id="an-undated-operation"),
        pytest.param([appointment()], "yes", id="booked"),
        pytest.param([appointment("")], "no", id="booked-for-nothing"),
        pytest.param([appointment("Clinic visit")], "no", id="booked-for-something-else"),
        pytest.param([appointment("", serviceType=[named("Distal pancreatectomy")])], "yes", id="booked-by-service"),
        pytest.param(
            [appointment("", basedOn=[{"reference": "ServiceRequest/sr1"}]), request(authoredOn=days_ago(99))],
            "yes",
            id="booked-by-its-request",
        ),
        pytest.param([appointment("", basedOn=[{"reference": "ServiceRequest/x"}])], "no", id="request-not-here"),
        pytest.param([appointment(status="cancelled")], "no", id="booking-cancelled"),
        pytest.param([appointment(start=days_ago(3))], "no", id="booking-past"),
        pytest.param([appointment(start="", requestedPeriod=[{"start": days_ago(3)}])], "no", id="asked-for-and-past"),
        pytest.param([appointment(start="", requestedPeriod=[{"start": days_ago(-3)}])], "yes", id="asked-for"),
        pytest.param([appointment(start="", requestedPeriod=7)], "yes", id="undated-booking"),
        pytest.param([appointment(start="", requestedPeriod=[])], "yes", id="booking-without-time"),
        pytest.param([plan("Planned for Whipple")], "yes", id="plan"),
        pytest.param([plan("Proceed to resection of the tumour")], "yes", id="plan-in-other-words"),
        pytest.param([plan("", note=[{"text": "Whipple planned"}])], "yes", id="plan-note"),
        pytest.param([plan("Not for resection")], "no", id="not-for-resection"),
        pytest.param([plan("Unresectable")], "no", id="unresectable"),
        pytest.param([plan("Resection planned", note=[{"text": "Now unresectable"}])], "no", id="ruled-out-elsewhere"),
        pytest.param([plan("Resection not planned")], "no", id="not-planned"),
        pytest.param([plan("Follow-up after Whipple")], "no", id="after-it"),
        pytest.param([plan("Whipple if response to chemotherapy")], "no", id="conditional"),
        pytest.param([plan("Consider resection")], "no", id="considered"),
        pytest.param([plan("Palliative resection")], "no", id="palliative"),
        pytest.param([plan("Planned for Whipple", status="completed")], "no", id="plan-closed"),
        pytest.param([plan("Planned for Whipple", status="revoked")], "no", id="plan-revoked"),
        pytest.param([plan("Planned for Whipple", days_ago(61))], "no", id="plan-past-the-window"),
        pytest.param([plan("Planned for Whipple", "")], "no", id="plan-undated"),
        pytest.param([plan("Planned for Whipple", days_ago(-5))], "no", id="plan-future"),
        pytest.param([plan("Planned for Whipple"), operated()], "no", id="plan-overtaken"),
        pytest.param([request(), plan("Not for resection", days_ago(2))], "no", id="a-later-plan-against-a-request"),
        pytest.param([request(), plan("Not for resection")], "no", id="a-plan-against-it-of-the-same-day"),
        pytest.param([request(), plan("Not for resection", days_ago(9))], "yes", id="an-earlier-plan-against-it"),
        pytest.param([request(), plan("Not for resection", "")], "yes", id="an-undated-plan-against-it"),
        pytest.param(
            [request(), plan("Not for resection", days_ago(2), "revoked")], "yes", id="a-revoked-plan-against-it"
        ),
        pytest.param([request(), plan("Not for resection", days_ago(-3))], "yes", id="a-plan-against-it-to-come"),
        pytest.param(
            [request(), plan("Not for resection", days_ago(2), "completed")], "no", id="a-closed-plan-against-it"
        ),
        pytest.param(
            [request(occurrenceDateTime=days_ago(-9)), plan("Not for resection", days_ago(2))],
            "no",
            id="a-plan-against-what-was-requested-for-a-day-to-come",
        ),
        pytest.param(
            [request(authoredOn=None, occurrenceDateTime=days_ago(-9)), plan("Not for resection", days_ago(2))],
            "yes",
            id="nobody-knows-when-it-was-requested",
        ),
        pytest.param(
            [plan("Planned for Whipple", days_ago(9)), plan("Not for resection", days_ago(2), id="cp2")],
            "no",
            id="a-later-plan-against-a-plan",
        ),
        pytest.param(
            [plan("Planned for Whipple", days_ago(2)), plan("Not for resection", days_ago(9), id="cp2")],
            "yes",
            id="a-plan-for-it-after-one-against-it",
        ),
        pytest.param(
            [appointment(created=days_ago(9)), plan("Not for resection", days_ago(2))], "no", id="against-a-booking"
        ),
        pytest.param([appointment(), plan("Not for resection", days_ago(2))], "yes", id="a-booking-of-unknown-age"),
        pytest.param([plan("Planned for Whipple", note=3, activity=[5], title=["x"])], "yes", id="garbled-parts"),
        pytest.param([condition(named("Resectable pancreatic cancer"))], "no", id="resectable-is-no-plan"),
    ],
)
def test_resection_planned(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("resection_planned").state == state


def test_a_draft_counts_also_unselected_and_once() -> None:
    case = make_case(
        request(ident="d1"), drafts=[draft(), draft("Serum potassium", "d2")], selections=("ServiceRequest/d2",)
    )
    fact = case.fact("resection_planned")
    assert fact.state == "yes"
    assert [item.why for item in fact.evidence] == ["among the draft orders"]


@pytest.mark.parametrize("more", [{"status": "cancelled"}, {"doNotPerform": True}])
def test_a_draft_that_is_not_live_does_not_count(more: Json) -> None:
    assert make_case(drafts=[draft() | more]).fact("resection_planned").state == "no"


def test_evidence_of_a_planned_resection() -> None:
    fact = make_case(
        request(code=coded(SNOMED, "116241004", "Pancreaticoduodenectomy")),
        request(ident="sr2", status="revoked"),
        appointment(),
        plan("Planned for Whipple", days_ago(90)),
    ).fact("resection_planned")
    assert fact.as_of == days_ago(-7)
    assert line(fact, "ServiceRequest/sr1").why == "requested"
    assert line(fact, "ServiceRequest/sr2").why == "not an active request: revoked"
    assert line(fact, "Appointment/a1").why == "booked, recognised by its name only"
    assert line(fact, "CarePlan/cp1").why == "not from the last 60 days"
    assert line(fact, "CarePlan/cp1").quote == "Planned for Whipple"
    assert [item.reference for item in fact.evidence if item.counted] == ["ServiceRequest/sr1", "Appointment/a1"]


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([plan("Neoadjuvant FOLFIRINOX")], "yes", id="plan"),
        pytest.param([plan("Pre-operative chemotherapy, then restage")], "yes", id="preoperative"),
        pytest.param([plan("Chemotherapy followed by resection")], "yes", id="in-other-words"),
        pytest.param([plan("Neoadjuvant FOLFIRINOX", "")], "yes", id="undated"),
        pytest.param(
            [plan("", activity=[{"detail": {"code": named("Neoadjuvant chemotherapy")}}])], "yes", id="activity"
        ),
        pytest.param([plan("No neoadjuvant therapy")], "no", id="denied"),
        pytest.param([plan("Neoadjuvant therapy declined")], "no", id="declined"),
        pytest.param([plan("Resection after neoadjuvant therapy")], "no", id="had-already"),
        *(
            pytest.param([plan(words)], state, id=words)
            for words, state in (
                ("Neoadjuvant therapy completed; proceed to Whipple", "no"),
                ("Neoadjuvant therapy has been completed", "no"),
                ("4 cycles of neoadjuvant FOLFIRINOX completed", "no"),
                ("Neoadjuvant chemotherapy finished", "no"),
                ("Whipple once neoadjuvant therapy completed", "yes"),
                ("Neoadjuvant therapy not completed", "yes"),
                ("Staging completed; neoadjuvant FOLFIRINOX", "yes"),
            )
        ),
        pytest.param([plan("Adjuvant gemcitabine")], "no", id="adjuvant"),
        pytest.param([plan("Neoadjuvant FOLFIRINOX", status="completed")], "no", id="plan-closed"),
        pytest.param([plan("Neoadjuvant FOLFIRINOX", status="draft")], "no", id="plan-draft"),
        pytest.param([plan("Neoadjuvant FOLFIRINOX", days_ago(-5))], "no", id="plan-future"),
        pytest.param([request("Chemo", code=coded(SNOMED, "394894008"))], "yes", id="request-coded"),
        pytest.param([request("Neoadjuvant chemotherapy")], "yes", id="request-named"),
        pytest.param([request("Chemotherapy", reasonCode=[named("Neoadjuvant")])], "yes", id="request-reason"),
        pytest.param([request("Chemotherapy", note=[{"text": "neoadjuvant intent"}])], "yes", id="request-note"),
        pytest.param([request("Chemotherapy", orderDetail=[named("neoadjuvant")])], "yes", id="request-detail"),
        *(
            pytest.param([plan(words)], "yes", id=words)
            for words in (
                "mFOLFIRINOX x 4 then restage and Whipple",
                "Preop FOLFIRINOX",
                "Pre-op chemo",
                "Chemotherapy first, then surgery",
                "NAC then Whipple",
                "Downstaging chemotherapy",
                "FOLFIRINOX followed by resection",
            )
        ),
        *(
            pytest.param([plan(words)], "no", id=words)
            for words in (
                "Surgery first, then chemotherapy",
                "No chemotherapy, then surgery",
                "Not for preop FOLFIRINOX",
                "Completed FOLFIRINOX then Whipple",
                "Staging laparoscopy then Whipple",
                "Preop assessment",
                "NAC for paracetamol overdose",
            )
        ),
        pytest.param([request("Chemotherapy")], "yes", id="chemotherapy-requested"),
        pytest.param([request("FOLFIRINOX regimen", status="on-hold")], "yes", id="regimen-on-hold"),
        pytest.param([request("Chemotherapy", status="completed")], "no", id="chemotherapy-completed"),
        pytest.param([request("Chemotherapy education")], "no", id="a-talk-about-chemotherapy"),
        pytest.param(
            [request("Chemotherapy", reasonCode=[coded(ICD, "C50.9")])], "no", id="chemotherapy-for-another-cancer"
        ),
        pytest.param([request("Adjuvant chemotherapy")], "no", id="adjuvant-chemotherapy-requested"),
        pytest.param([request("Adjuvant or neoadjuvant chemotherapy")], "yes", id="adjuvant-or-neoadjuvant"),
        pytest.param([request("Neoadjuvant chemotherapy", status="completed")], "no", id="request-completed"),
        pytest.param([request("Neoadjuvant chemotherapy", doNotPerform="true")], "no", id="do-not-perform"),
        pytest.param([request("Neoadjuvant chemotherapy", authoredOn=days_ago(-5))], "no", id="request-future"),
        pytest.param([drug(reasonCode=[named("Neoadjuvant treatment")])], "yes", id="drug-reason"),
        pytest.param([drug(note=[{"text": "Cycle 1 of neoadjuvant gemcitabine"}])], "yes", id="drug-note"),
        pytest.param([drug(status="on-hold", note=[{"text": "neoadjuvant"}])], "yes", id="drug-on-hold"),
        pytest.param([drug(status="stopped", note=[{"text": "neoadjuvant"}])], "no", id="drug-stopped"),
        pytest.param([drug()], "yes", id="drug-ordered"),
        pytest.param([drug(status="on-hold")], "yes", id="drug-ordered-and-held"),
        pytest.param([drug(status="completed")], "no", id="drug-order-completed"),
        pytest.param([drug(doNotPerform=True)], "no", id="drug-not-to-be-given"),
        pytest.param([drug(authoredOn=days_ago(-5))], "no", id="drug-ordered-in-the-future"),
        pytest.param([drug(note=[{"text": "Adjuvant, after the Whipple"}])], "no", id="drug-after-surgery"),
        pytest.param([drug(reasonCode=[coded(ICD, "C50.9")])], "no", id="drug-for-another-cancer"),
        pytest.param([drug(medicationCodeableConcept=named("Metformin"))], "no", id="another-drug"),
        pytest.param(
            [
                drug(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m1"}),
                {"resourceType": "Medication", "id": "m1", "code": coded(RXNORM, "12574")},
            ],
            "yes",
            id="drug-by-reference",
        ),
        pytest.param([given(days_ago(0))], "yes", id="begun-today"),
        pytest.param([given(days_ago(7))], "yes", id="begun-a-week-ago"),
        pytest.param([given(days_ago(8))], "no", id="begun-before"),
        pytest.param([given(NOW.date().isoformat()[:7])], "yes", id="begun-this-month"),
        pytest.param([given("2026-02")], "yes", id="its-date-does-not-tell"),
        pytest.param([given("")], "no", id="begun-nobody-knows-when"),
        pytest.param([given(days_ago(-3))], "no", id="to-be-given"),
        pytest.param([given(note=[{"text": "Adjuvant, cycle 1"}])], "no", id="begun-after-surgery"),
        pytest.param([given(status="stopped")], "yes", id="begun-and-stopped"),
        pytest.param([given(status="not-done")], "no", id="not-given"),
        pytest.param([given(status="entered-in-error")], "no", id="given-in-error"),
        pytest.param([given(reasonCode=[coded(ICD, "C50.9")])], "no", id="given-for-another-cancer"),
        pytest.param(
            [given("", "active", resourceType="MedicationStatement", dateAsserted=days_ago(2))],
            "yes",
            id="stated-to-be-taken",
        ),
        pytest.param(
            [operated(words="Administration of antineoplastic agent", code=coded(SNOMED, "367336001"))],
            "yes",
            id="chemotherapy-as-a-procedure",
        ),
        pytest.param([request("CT", note="neoadjuvant", reasonCode=7)], "no", id="garbled"),
        pytest.param([request("CT after chemotherapy")], "no", id="after-chemotherapy"),
    ],
)
def test_neoadjuvant_planned(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("neoadjuvant_planned").state == state


@pytest.mark.parametrize(
    ("order", "state"),
    [
        pytest.param(draft("Liver biopsy", note=[{"text": "before neoadjuvant therapy"}]), "yes", id="named"),
        pytest.param(draft("Liver biopsy"), "no", id="not-named"),
        pytest.param(draft("FOLFIRINOX"), "yes", id="regimen"),
        pytest.param(draft("FOLFIRINOX") | {"doNotPerform": True}, "no", id="chemotherapy-not-to-be-given"),
        pytest.param(draft("Adjuvant chemotherapy"), "no", id="adjuvant-chemotherapy"),
        pytest.param(
            draft("Liver biopsy", note=[{"text": "neoadjuvant"}]) | {"status": "revoked"}, "no", id="not-live"
        ),
        pytest.param(draft("Serum potassium", note=[{"text": "neoadjuvant"}]), "no", id="not-of-ours"),
    ],
)
def test_neoadjuvant_therapy_in_the_drafts(order: Json, state: str) -> None:
    stored = request("Liver biopsy", "d1", note=[{"text": "before neoadjuvant therapy"}])
    assert make_case(stored, drafts=[order]).fact("neoadjuvant_planned").state == state


def test_a_drug_among_the_drafts_is_therapy_before_surgery() -> None:
    order = drug("d1", "draft", subject={"reference": f"Patient/{PATIENT}"})
    fact = make_case(drug("d1"), drafts=[order]).fact("neoadjuvant_planned")
    assert fact.state == "yes"
    assert [item.why for item in fact.evidence] == ["among the draft orders, a systemic anticancer drug"]


def test_neoadjuvant_evidence_says_how_it_is_known() -> None:
    fact = make_case(
        request("Chemo", code=coded(SNOMED, "394894008")),
        drug(status="active", note=[{"text": "neoadjuvant"}], doNotPerform=True),
        plan("Neoadjuvant FOLFIRINOX"),
    ).fact("neoadjuvant_planned")
    assert line(fact, "ServiceRequest/sr1").why == "coded as chemotherapy before an operation"
    assert line(fact, "MedicationRequest/mr1").why == "an instruction not to do it"
    assert line(fact, "CarePlan/cp1").quote == "Neoadjuvant FOLFIRINOX"
    assert fact.as_of == days_ago(5)


@pytest.mark.parametrize(
    ("order", "resources", "state"),
    [
        pytest.param(draft(), [], "no", id="not-named"),
        pytest.param(draft("Whipple procedure within the PANDA trial"), [], "yes", id="in-its-name"),
        pytest.param(draft(reasonCode=[named("Randomised clinical trial")]), [], "yes", id="in-its-reason"),
        pytest.param(draft(note=[{"text": "Per study protocol"}]), [], "yes", id="in-its-note"),
        pytest.param(
            draft(reasonReference=[{"reference": "Condition/c1"}]),
            [condition(named("Participant in clinical trial"))],
            "yes",
            id="in-what-its-reason-names",
        ),
        pytest.param(draft(note=[{"text": "Not eligible for trial"}]), [], "no", id="not-eligible"),
        pytest.param(draft(note=[{"text": "Declined the trial"}]), [], "no", id="declined"),
        *(
            pytest.param(draft(note=[{"text": words}]), [], state, id=f"order: {words}")
            for words, state in (
                ("Randomised in METAPANC trial, surgery arm", "yes"),
                ("Randomized in METAPANC trial, surgery arm", "yes"),
                ("Enrolled in a trial of resection for oligometastatic disease", "yes"),
                ("On study: resection of liver metastases", "yes"),
                ("Randomised to surgery in HOLIPANC", "yes"),
                ("To be randomised to surgery or chemotherapy", "no"),
                ("Not randomised to surgery", "no"),
                ("Randomised to chemotherapy", "no"),
                ("Trial of resection considered", "no"),
                ("Trial of resection declined", "no"),
                ("Enrolled in a trial of gemcitabine", "no"),
                ("Not eligible for a trial of resection", "no"),
                ("CT on study day", "no"),
            )
        ),
        *(
            pytest.param(draft(), [plan(words)], state, id=f"plan: {words}")
            for words, state in (
                ("Randomised in METAPANC trial, surgery arm", "yes"),
                ("Enrolled in a trial of resection for oligometastatic disease", "yes"),
                ("On study: resection of liver metastases", "yes"),
                ("Randomised to surgery in HOLIPANC", "yes"),
                ("Enrolled in a trial of FOLFIRINOX, then Whipple", "no"),
                ("Trial of chemotherapy, then Whipple", "no"),
                ("Trial of resection considered", "no"),
                ("Trial of resection declined", "no"),
                ("Awaiting randomisation to surgery", "no"),
            )
        ),
        pytest.param(draft(note=[{"text": "Trial dissection first"}]), [], "no", id="trial-dissection"),
        pytest.param(draft(note=[{"text": "Consider trial"}]), [], "no", id="considered"),
        pytest.param(draft("Liver biopsy", note=[{"text": "Clinical trial"}]), [], "no", id="a-biopsy-for-a-trial"),
        pytest.param(draft(), [plan("Resection within a clinical trial")], "yes", id="plan"),
        pytest.param(draft(), [plan("Trial of gemcitabine and X")], "no", id="trial-of-a-drug"),
        pytest.param(draft(), [plan("In a clinical trial. Whipple planned")], "no", id="in-two-sentences"),
        pytest.param(draft(), [plan("Not eligible for the resection trial")], "no", id="plan-not-eligible"),
        pytest.param(draft(), [plan("Resection in trial", status="completed")], "no", id="plan-closed"),
        pytest.param(draft(), [plan("Resection in trial", status="revoked")], "no", id="plan-revoked"),
        pytest.param(draft(), [plan("Resection in trial", days_ago(-5))], "no", id="plan-future"),
    ],
)
def test_trial_documented(order: Json, resources: list[Json], state: str) -> None:
    assert make_case(*resources, drafts=[order]).fact("trial_documented").state == state


def test_only_the_selected_resection_is_asked_about_a_trial() -> None:
    drafts = [draft(note=[{"text": "Clinical trial"}]), draft(ident="d2")]
    fact = make_case(drafts=drafts, selections=("ServiceRequest/d2",)).fact("trial_documented")
    assert fact.state == "no"
    assert [(item.reference, item.why) for item in fact.evidence] == [("ServiceRequest/d2", "names no trial")]


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("name", "search", "found"),
    [
        *(
            ("resection_planned", search, plan("Planned for Whipple"))
            for search in ("serviceRequests", "appointments", "carePlans", "procedures")
        ),
        *(
            ("neoadjuvant_planned", search, plan("Neoadjuvant FOLFIRINOX"))
            for search in (
                "carePlans",
                "serviceRequests",
                "medicationRequests",
                "medicationAdministrations",
                "medicationStatements",
                "procedures",
            )
        ),
        ("trial_documented", "carePlans", plan("Resection in a clinical trial")),
    ],
)
def test_each_search_unfinished(name: str, search: str, found: Json, how: Completeness) -> None:
    absent = make_case(searches={search: how}).fact(name)
    assert absent.state == "unknown:not-searched"
    present = make_case(found, searches={search: how}).fact(name)
    assert present.state == "yes"
    for fact in (absent, present):
        assert fact.gaps == (f"{search}: was {how.value}",)
        assert line(fact, search).why == f"was {how.value}"
