"""Renal filtration and renal failure: eGFR by code and by name, Conditions, what cannot be read (F13, C6)."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.filtration import filtration_of, renal_failure
from tests.facts.cases import ICD, LOINC, Json, coded, condition, days_ago, line, make_case, named

LOCAL = coded("urn:lab", "K1") | named("eGFR")
MDRD = coded(LOINC, "33914-3", "GFR/1.73 sq M.predicted MDRD")


def egfr(value: object, ident: str = "e1", date: str = days_ago(3), code: Json | None = None, **quantity: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": "final",
        "code": code or coded(LOINC, "98979-8"),
        "effectiveDateTime": date,
        "valueQuantity": {"value": value, "unit": "mL/min/1.73m2"} | quantity,
    }


@pytest.mark.parametrize(
    "code",
    [
        LOCAL,
        MDRD,
        named("eGFR (CKD-EPI)"),
        named("GFR estimated"),
        named("Estimated GFR"),
        named("Glomerular filtration rate"),
        named("Glomerular filtration rate, estimated"),
        named("eGFR non African American"),
        coded(LOINC, "62238-1", "GFR/1.73 sq M.predicted CKD-EPI"),
    ],
    ids=lambda code: str(code.get("text") or code["coding"][0]["display"]),
)
def test_an_egfr_known_by_name_counts(code: Json) -> None:
    low, fine = (filtration_of(make_case(egfr(value, code=code))) for value in (29, 30))
    assert (low.value, low.is_low, low.is_unread) == (29, True, False)
    assert (fine.value, fine.is_low, fine.is_unread) == (30, False, False)
    assert low.lines[0].why == "recognised by its name only"


@pytest.mark.parametrize(
    "name",
    [
        "EGFR mutation analysis",
        "EGFR gene exon 19 deletion",
        "EGFR T790M",
        "EGFR L858R variant",
        "Epidermal growth factor receptor (EGFR)",
        "EGFR IHC",
        "EGFR amplification by FISH",
        "EGFR expression",
        "Creatinine",
        "eGFR comment",
        "CKD stage by eGFR interpretation",
    ],
)
def test_other_observations_are_no_filtration(name: str) -> None:
    """The receptor of the same letters is a test of lung cancer."""
    assert filtration_of(make_case(egfr(20, code=named(name)))) == filtration_of(make_case())


@pytest.mark.parametrize(
    ("resources", "value", "is_low", "is_unread"),
    [
        pytest.param([], None, False, False, id="nothing"),
        pytest.param([egfr("n/a", code=LOCAL)], None, False, True, id="by-name-unreadable"),
        pytest.param([egfr(0.4, code=LOCAL, unit="mL/s")], None, False, True, id="by-name-in-another-unit"),
        pytest.param([egfr(20, code=LOCAL, unit="")], 20, True, False, id="by-name-without-unit"),
        pytest.param([egfr(20, code=LOCAL) | {"status": "cancelled"}], None, False, False, id="by-name-withdrawn"),
        pytest.param([egfr(20, code=LOCAL, date=days_ago(-3))], None, False, False, id="by-name-ahead"),
        pytest.param([egfr(20, "a", code=LOCAL), egfr(70, "b")], 70, False, False, id="of-one-day-the-code-decides"),
        pytest.param([egfr("x", "a", code=LOCAL), egfr(70, "b")], 70, False, False, id="name-unread-beside-the-code"),
        pytest.param([egfr(70, "a", code=LOCAL), egfr("x", "b")], 70, False, True, id="code-unread-beside-the-name"),
        pytest.param([egfr(70, "a", days_ago(9)), egfr(20, "b", code=LOCAL)], 20, True, False, id="later-by-name"),
        pytest.param([egfr(20, "a", days_ago(9), LOCAL), egfr(70, "b")], 70, False, False, id="earlier-by-name"),
        pytest.param([egfr(70, "a", days_ago(9)), egfr("x", "b", code=LOCAL)], 70, False, True, id="later-unread"),
        pytest.param([egfr(40, "a"), egfr(20, "b")], 20, True, False, id="two-of-one-day-the-lowest"),
        pytest.param([egfr(70, "a"), egfr("x", "b")], 70, False, True, id="unread-of-one-day-and-rank"),
        pytest.param([egfr(70, "a"), egfr("x", "b", days_ago(9))], 70, False, False, id="unread-but-earlier"),
        pytest.param([egfr("x", date="", code=LOCAL)], None, False, True, id="unread-undated-by-name-alone"),
    ],
)
def test_which_result_decides(resources: list[Json], value: float | None, is_low: bool, is_unread: bool) -> None:
    for order in (resources, resources[::-1]):
        found = filtration_of(make_case(*order))
        assert (found.value, found.is_low, found.is_unread) == (value, is_low, is_unread)


FAILING = [
    "Chronic kidney disease stage 4",
    "Chronic kidney disease, stage 5",
    "Stage 4 chronic kidney disease",
    "Chronic kidney disease stage 4 (severe)",
    "Chronic kidney disease (CKD), stage IV (severe)",
    "Hypertensive chronic kidney disease with stage 5 CKD or ESRD",
    "ESRD on haemodialysis (HCC)",
    "CKD 4",
    "CKD 5",
    "CKD4",
    "CKD G5",
    "CKD stage 5",
    "CKD stage V",
    "CKD stage IV",
    "Chronic kidney disease stage V",
    "ESRD",
    "End-stage renal disease",
    "End stage renal disease",
    "End stage kidney disease",
    "Dependence on renal dialysis",
    "Haemodialysis",
    "On hemodialysis three times a week",
    "Peritoneal dialysis",
    "Dialysis",
    "Acute kidney injury stage 3",
    "AKI stage 3",
    "Renal failure",
    "Acute renal failure",
    "Chronic renal failure",
    "Kidney failure",
]
NOT_FAILING = [
    "Chronic kidney disease stage 3",
    "Chronic kidney disease stage 3b",
    "CKD 1",
    "CKD 3",
    "CKD stage III",
    "CKD stage 3, pancreatic cancer stage 4",
    "CKD",
    "Acute kidney injury",
    "Acute kidney injury stage 1",
    "History of AKI, resolved",
    "History of renal failure",
    "History of acute kidney injury stage 3",
    "Acute renal failure, resolved",
    "Previous dialysis",
    "No renal failure",
    "Not on dialysis",
    "Without end-stage renal disease",
    "Family history of end-stage renal disease",
    "Mother on dialysis",
    "At risk of renal failure",
    "Renal cell carcinoma stage 4",
    "Malignant neoplasm of kidney",
    "Heart failure",
]


@pytest.mark.parametrize("name", FAILING)
def test_renal_failure(name: str) -> None:
    case = make_case(condition(named(name), recordedDate=days_ago(9)))
    (found,) = renal_failure(case)
    assert (found.counted, found.date) == (True, days_ago(9))
    assert case.fact("ct_contrast_contraindicated").state == "yes"
    assert case.fact("mri_contraindicated").state == "yes:contrast-only"
    assert line(case.fact("mri_contraindicated"), "Condition/c1").counted


@pytest.mark.parametrize("name", NOT_FAILING)
def test_no_renal_failure(name: str) -> None:
    case = make_case(condition(named(name)))
    assert not any(found.counted for found in renal_failure(case))
    assert case.fact("ct_contrast_contraindicated").state == "no"
    assert case.fact("mri_contraindicated").state == "no"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"clinical": "resolved"}, "past"),
        ({"clinical": "remission"}, "past"),
        ({"verified": "refuted"}, "refuted"),
        ({"verified": "entered-in-error"}, "entered in error"),
        ({"recordedDate": days_ago(-9)}, "dated in the future"),
    ],
)
def test_renal_failure_that_does_not_count_is_listed(more: dict[str, Any], why: str) -> None:
    (found,) = renal_failure(make_case(condition(coded(ICD, "N18.5", "CKD stage 5"), **more)))
    assert (found.counted, found.why) == (False, why)


def test_renal_failure_beside_a_fair_egfr() -> None:
    """Dialysis clears creatinine: the diagnosis stands."""
    case = make_case(egfr(60), condition(named("Dialysis")))
    assert (case.fact("ct_contrast_contraindicated").state, case.fact("mri_contraindicated").state) == (
        "yes",
        "yes:contrast-only",
    )
