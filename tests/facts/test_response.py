"""F19 conversion_response: each proof alone, what does not make it, their order in time, gaps."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    LOINC,
    SNOMED,
    Json,
    attachment,
    coded,
    condition,
    ct,
    days_ago,
    line,
    liver_metastasis,
    make_case,
    mri,
    named,
    pancreatic_cancer,
    pathology,
    report,
    ultrasound,
)

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SEARCHES = (
    *("medicationAdministrations", "medicationStatements", "medicationRequests", "procedures"),
    *("reports", "carePlans", "conditions", "observations", "documents", "specimens"),
)
MALIGNANT = "Liver, core biopsy: metastatic adenocarcinoma."
DEFINITE = "Impression: Multiple liver metastases."
CLEAR = "Impression: No liver metastases."

RESTAGING = "liver MRI after the start of therapy without active disease"
DECISION = "meeting or care plan about resection after the response"


def given(ident: str = "ma1", date: str = days_ago(150), **more: Any) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": ident,
        "status": "completed",
        "medicationCodeableConcept": coded(RXNORM, "12574", "gemcitabine"),
        "effectiveDateTime": date,
        "reasonCode": [named("Pancreatic cancer")],
    } | more


def taken(start: str, end: str = "", status: str = "active") -> Json:
    period = {"start": start} | ({"end": end} if end else {})
    more: Json = {"resourceType": "MedicationStatement", "status": status, "effectiveDateTime": None}
    return given("ms1", **more) | {"effectivePeriod": period}


def plan(words: str, date: str = days_ago(5), ident: str = "cp1", status: str = "active", **more: Any) -> Json:
    return {
        "resourceType": "CarePlan",
        "id": ident,
        "status": status,
        "title": "Tumour board",
        "description": words,
        "created": date,
    } | more


def minutes(words: str, date: str = days_ago(5), title: str = "MDT note", status: str = "current", **more: Any) -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": "mdt",
        "status": status,
        "type": named(title),
        "date": date,
        "content": [{"attachment": attachment(words)}],
    } | more


CANCER = pancreatic_cancer(onset=days_ago(200))
PROOF = pathology(MALIGNANT, date=days_ago(170))
THERAPY = given()
SCAN = mri(CLEAR, date=days_ago(10))
DECIDED = plan("Good response, planned for resection")


def state_of(*resources: Json) -> str:
    return make_case(CANCER, *resources).fact("conversion_response").state


def test_all_four_proofs() -> None:
    fact = make_case(CANCER, PROOF, THERAPY, SCAN, DECIDED).fact("conversion_response")
    assert (fact.state, fact.as_of, fact.gaps) == ("yes", days_ago(10), ())
    counted = [item.reference for item in fact.evidence if item.counted]
    assert counted == ["DiagnosticReport/path", "MedicationAdministration/ma1", "DiagnosticReport/mri", "CarePlan/cp1"]
    assert line(fact, "DiagnosticReport/mri").why == "no active disease"


@pytest.mark.parametrize("gone", range(4))
def test_three_proofs_are_not_enough(gone: int) -> None:
    proofs = [PROOF, THERAPY, SCAN, DECIDED]
    fact = make_case(CANCER, *(proof for place, proof in enumerate(proofs) if place != gone)).fact(
        "conversion_response"
    )
    assert fact.state == "unknown:indeterminate"
    missing = [item for item in fact.evidence if not item.reference]
    assert missing
    assert all((item.why, item.counted) == ("not shown", False) for item in missing)


def test_nothing_at_all_is_not_found_and_names_the_four() -> None:
    fact = make_case(CANCER).fact("conversion_response")
    assert fact.state == "unknown:not-found"
    assert [item.text for item in fact.evidence] == [
        "proven liver metastases",
        "systemic therapy for the metastases",
        RESTAGING,
        DECISION,
    ]


@pytest.mark.parametrize(
    ("proof", "state"),
    [
        pytest.param([ct(DEFINITE, date=days_ago(170))], "yes", id="definite-ct-that-the-mri-overturns"),
        pytest.param([mri(DEFINITE, "mri0", days_ago(170))], "yes", id="definite-mri"),
        pytest.param([ct("Impression: Suspicious for liver metastases.", date=days_ago(170))], "", id="suspected"),
        pytest.param([liver_metastasis(onset=days_ago(170))], "", id="recorded-only"),
        pytest.param([pathology("Liver biopsy: suspicious for malignancy.", date=days_ago(170))], "", id="weak"),
        pytest.param([pathology("Pancreas, FNA: adenocarcinoma.", date=days_ago(170))], "", id="of-the-primary"),
        pytest.param([pathology(MALIGNANT, date=days_ago(170), status="preliminary")], "", id="not-final"),
        pytest.param(
            [ct(DEFINITE, date=days_ago(170)), pathology("Liver biopsy: haemangioma.", date=days_ago(165))],
            "",
            id="explained-by-a-benign-biopsy",
        ),
        pytest.param([pathology(MALIGNANT, date="")], "yes", id="undated-ranks-oldest"),
        pytest.param([mri("Impression: Complete response of the liver metastases.")], "", id="the-response-itself"),
    ],
)
def test_proof_of_metastases(proof: list[Json], state: str) -> None:
    assert state_of(*proof, THERAPY, SCAN, DECIDED) == (state or "unknown:indeterminate")


@pytest.mark.parametrize(
    ("therapy", "state"),
    [
        pytest.param([given(date=days_ago(90))], "yes", id="ninety-days"),
        pytest.param([given(date=days_ago(89))], "", id="a-day-short"),
        pytest.param([given(date=days_ago(170))], "yes", id="begun-on-the-day-of-proof"),
        pytest.param([given(date=days_ago(171))], "", id="only-before-the-proof"),
        pytest.param([given(date=days_ago(400)), given("ma2", days_ago(120))], "yes", id="again-after-the-proof"),
        pytest.param([given(date=days_ago(400)), given("ma2", days_ago(50))], "", id="again-too-lately"),
        pytest.param([taken(days_ago(190))], "yes", id="going-on"),
        pytest.param([taken(days_ago(190), days_ago(100))], "yes", id="begun-before-and-ended-after"),
        pytest.param([taken(days_ago(190), days_ago(180))], "", id="ended-before"),
        pytest.param([taken(days_ago(190), status="completed")], "", id="completed-nobody-knows-when"),
        pytest.param([given(date="")], "", id="undated"),
        pytest.param(
            [given("", date="", resourceType="MedicationStatement", dateAsserted=days_ago(120))], "yes", id="asserted"
        ),
        pytest.param([given(status="not-done")], "", id="not-given"),
        pytest.param([given(date=days_ago(3))], "", id="first-cycle"),
    ],
)
def test_therapy(therapy: list[Json], state: str) -> None:
    assert state_of(PROOF, *therapy, SCAN, DECIDED) == (state or "unknown:indeterminate")


def test_the_least_duration_is_a_setting() -> None:
    case = make_case(CANCER, PROOF, given(date=days_ago(60)), SCAN, DECIDED, conversion_minimum_therapy=60)
    assert case.fact("conversion_response").state == "yes"


def test_therapy_that_is_too_short_is_shown_with_the_reason() -> None:
    fact = make_case(CANCER, PROOF, given(date=days_ago(60)), SCAN, DECIDED).fact("conversion_response")
    assert line(fact, "MedicationAdministration/ma1").why == "begun less than 90 days ago"
    assert line(fact, "DiagnosticReport/mri").counted


@pytest.mark.parametrize(
    ("scans", "state"),
    [
        pytest.param([mri("Impression: Liver metastases have resolved.")], "yes", id="resolved"),
        pytest.param([mri("Impression: Complete response of the liver metastases.")], "yes", id="complete-response"),
        pytest.param([mri("Complete radiological response of the liver metastases.")], "yes", id="radiological"),
        pytest.param([mri("Impression: No viable tumour in the liver.")], "yes", id="no-viable-tumour"),
        pytest.param([mri("Impression: No active liver disease.")], "yes", id="no-active-disease"),
        pytest.param([mri("Impression: Partial response of the liver metastases.")], "", id="partial-response"),
        pytest.param([mri("Impression: Near complete response of the liver metastases.")], "", id="near-complete"),
        pytest.param([mri("Impression: No evidence of complete response of the liver metastases.")], "", id="denied"),
        pytest.param([mri("Impression: Liver metastases not completely resolved.")], "", id="not-completely"),
        pytest.param(
            [mri("Complete response of the treated liver metastases. New liver metastasis in segment 2.")],
            "",
            id="complete-response-beside-a-new-one",
        ),
        pytest.param([mri("Impression: Liver metastases unlikely.")], "", id="hedged"),
        pytest.param([mri(DEFINITE)], "", id="still-there"),
        pytest.param([mri(CLEAR, status="preliminary")], "", id="not-final"),
        pytest.param([mri("No viable tumour in the liver.", status="preliminary")], "", id="response-not-final"),
        pytest.param([mri(CLEAR, date=days_ago(151))], "", id="before-therapy"),
        pytest.param([mri(CLEAR, date=days_ago(150))], "", id="on-the-first-day-of-therapy"),
        pytest.param([mri(CLEAR, date="")], "", id="undated"),
        pytest.param([mri(CLEAR, date=days_ago(-5))], "", id="future"),
        pytest.param([ct(CLEAR)], "", id="ct-alone"),
        pytest.param([ultrasound(CLEAR)], "", id="ultrasound-alone"),
        pytest.param([mri(CLEAR), ct(CLEAR)], "yes", id="ct-and-mri"),
        pytest.param([mri(CLEAR), ct(DEFINITE, date=days_ago(20))], "yes", id="earlier-ct-overruled"),
        pytest.param([mri(CLEAR), ct(DEFINITE, date=days_ago(8))], "", id="later-ct-shows-disease"),
        pytest.param([mri(CLEAR), ct(DEFINITE, date=days_ago(10))], "", id="ct-of-the-same-day"),
        pytest.param(
            [mri(CLEAR), ct("Liver lesion, too small to characterise.", date=days_ago(8))], "", id="later-undecided"
        ),
        pytest.param([mri(CLEAR), mri(DEFINITE, "mri0", days_ago(40))], "yes", id="earlier-mri-with-disease"),
        pytest.param([mri(CLEAR, "mri0", days_ago(40)), mri(DEFINITE)], "", id="later-mri-with-disease"),
        pytest.param([mri(CLEAR), mri(DEFINITE, "mri2")], "", id="two-of-one-day"),
        pytest.param([mri(CLEAR), pathology(MALIGNANT, "p2", days_ago(4))], "", id="later-biopsy-malignant"),
        pytest.param(
            [mri(CLEAR), pathology("Liver: fibrosis, no malignancy.", "p2", days_ago(4))],
            "yes",
            id="later-biopsy-clear",
        ),
        pytest.param([mri(CLEAR, conclusionCode=[coded(SNOMED, "94381002")])], "", id="its-code-says-metastasis"),
        pytest.param(
            [report(coded(LOINC, "24590-2"), "No viable tumour in the liver.", "head")], "", id="mri-of-the-head"
        ),
        pytest.param([mri("Bile ducts normal.")], "", id="says-nothing-of-the-liver"),
        pytest.param([mri(CLEAR, id=None, presentedForm=7)], "", id="no-id"),
    ],
)
def test_restaging(scans: list[Json], state: str) -> None:
    assert state_of(PROOF, THERAPY, *scans, DECIDED) == (state or "unknown:indeterminate")


def test_disease_after_the_clear_mri_is_named() -> None:
    fact = make_case(CANCER, PROOF, THERAPY, SCAN, ct(DEFINITE, date=days_ago(8)), DECIDED).fact("conversion_response")
    assert line(fact, "DiagnosticReport/mri").why == "no active disease, but DiagnosticReport/ct says otherwise"
    assert [item.text for item in fact.evidence if not item.reference] == [RESTAGING]


@pytest.mark.parametrize(
    ("notes", "state"),
    [
        pytest.param([plan("Response on MRI, for resection")], "yes", id="response-and-resection"),
        pytest.param([plan("For conversion surgery")], "yes", id="conversion"),
        pytest.param([plan("Resection planned")], "yes", id="resection"),
        pytest.param([plan("", note=[{"text": "Whipple planned"}])], "yes", id="in-a-note"),
        pytest.param([plan("", activity=[{"detail": {"description": "Whipple"}}])], "yes", id="in-an-activity"),
        pytest.param(
            [plan("", activity=[{"detail": {"code": named("Pancreatoduodenectomy")}}])], "yes", id="activity-named"
        ),
        pytest.param(
            [plan("", activity=[{"detail": {"description": "Whipple", "status": "cancelled"}}])],
            "",
            id="activity-cancelled",
        ),
        pytest.param([plan("Continue chemotherapy")], "", id="neither"),
        pytest.param([plan("Not for resection")], "", id="against"),
        pytest.param([plan("Partial response; unresectable")], "", id="response-but-against"),
        pytest.param([plan("Good CA 19-9 response")], "", id="marker-response"),
        pytest.param([plan("Resection if MRI shows response")], "", id="conditional"),
        pytest.param([plan("For resection", status="revoked")], "", id="revoked"),
        pytest.param([plan("For resection", status="draft")], "", id="draft"),
        pytest.param([plan("For resection", status="completed")], "yes", id="plan-closed"),
        pytest.param([plan("For resection", days_ago(11))], "", id="before-the-mri"),
        pytest.param([plan("For resection", days_ago(10))], "yes", id="on-the-day-of-the-mri"),
        pytest.param([plan("For resection", "")], "", id="undated"),
        pytest.param([plan("For resection", days_ago(-5))], "", id="future"),
        pytest.param(
            [plan("", days_ago(200), note=[{"text": "For resection", "time": days_ago(4)}])],
            "yes",
            id="note-of-its-own-date",
        ),
        pytest.param(
            [plan("", days_ago(4), note=[{"text": "For resection", "time": days_ago(200)}])], "", id="note-of-long-ago"
        ),
        pytest.param([plan("For resection", "", period={"start": days_ago(4)})], "yes", id="dated-by-its-period"),
        pytest.param([minutes("Good response, proceed to resection.")], "yes", id="document"),
        pytest.param(
            [report(named("Multidisciplinary tumor board note"), "Proceed to resection.", "mdt", days_ago(5))],
            "yes",
            id="report",
        ),
        pytest.param([minutes("Proceed to resection.", status="entered-in-error")], "", id="document-withdrawn"),
        pytest.param([minutes("Proceed to resection.", date=days_ago(-5))], "", id="document-future"),
        pytest.param([minutes("Not for resection.")], "", id="document-against"),
        pytest.param([minutes("Continue FOLFIRINOX.")], "", id="document-of-something-else"),
        pytest.param([minutes("", content=[])], "", id="document-empty"),
        pytest.param(
            [minutes("", content=[{"attachment": {"contentType": "application/pdf", "data": "AA=="}}])],
            "",
            id="document-unreadable",
        ),
        pytest.param([minutes("Proceed to resection.", title="Clinic letter")], "", id="not-a-meeting"),
        pytest.param([plan("For resection", note=7, activity="x", title=3)], "yes", id="garbled-parts"),
    ],
)
def test_decision(notes: list[Json], state: str) -> None:
    assert state_of(PROOF, THERAPY, SCAN, *notes) == (state or "unknown:indeterminate")


def test_a_falling_marker_and_a_plan_are_no_response() -> None:
    marker = {
        "resourceType": "Observation",
        "id": "ca",
        "status": "final",
        "code": coded(LOINC, "24108-3", "CA 19-9"),
        "valueQuantity": {"value": 12, "unit": "U/mL"},
        "effectiveDateTime": days_ago(5),
    }
    fact = make_case(CANCER, PROOF, THERAPY, marker, DECIDED).fact("conversion_response")
    assert fact.state == "unknown:indeterminate"
    assert not [item for item in fact.evidence if item.reference == "Observation/ca"]


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("search", SEARCHES)
def test_each_search_unfinished(search: str, how: Completeness) -> None:
    whole = make_case(CANCER, PROOF, THERAPY, SCAN, DECIDED, searches={search: how}).fact("conversion_response")
    assert whole.state == "yes"
    assert f"{search}: was {how.value}" in whole.gaps
    assert line(whole, search).why == f"was {how.value}"
    for resources in ((), (PROOF, THERAPY, SCAN)):
        fact = make_case(CANCER, *resources, searches={search: how}).fact("conversion_response")
        assert fact.state == "unknown:not-searched"
        assert fact.gaps == (f"{search}: was {how.value}",)


def test_what_prior_therapy_could_not_settle_is_a_gap_here_too() -> None:
    unnamed = given() | {"reasonCode": []}
    searches = {"reports": Completeness.INCOMPLETE}
    fact = make_case(CANCER, PROOF, unnamed, SCAN, DECIDED, searches=searches).fact("conversion_response")
    assert fact.state == "yes"
    assert fact.gaps == ("reports: was incomplete",)


def test_a_biopsy_of_the_liver_keeps_f3_and_a_clear_mri_ends_it_after_imaging_alone() -> None:
    sampled = make_case(CANCER, PROOF, THERAPY, SCAN, DECIDED)
    assert sampled.fact("liver_metastases").state == "yes:pathology"
    imaged = make_case(CANCER, ct(DEFINITE, date=days_ago(170)), THERAPY, SCAN, DECIDED)
    assert (imaged.fact("liver_metastases").state, imaged.fact("conversion_response").state) == ("no", "yes")


def test_metastases_of_another_cancer_are_no_proof() -> None:
    colon = condition(named("Colon cancer"), "colon", onsetDateTime=days_ago(300))
    theirs = liver_metastasis(
        onset=days_ago(100),
        extension=[
            {
                "url": "http://hl7.org/fhir/StructureDefinition/condition-related",
                "valueReference": {"reference": "Condition/colon"},
            }
        ],
    )
    fact = make_case(CANCER, colon, theirs, ct(DEFINITE, date=days_ago(170)), THERAPY, SCAN, DECIDED).fact(
        "conversion_response"
    )
    assert fact.state == "unknown:indeterminate"
