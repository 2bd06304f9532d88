"""F10 resectability: sources, rank, window, therapy, conflict."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    ICD,
    LOINC,
    SNOMED,
    Json,
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
    ultrasound,
)

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
MALIGNANT = "Liver, core biopsy: metastatic adenocarcinoma."


def observed(words: str, ident: str = "o1", date: str = days_ago(5), status: str = "final", **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": status,
        "code": named("Resectability"),
        "valueCodeableConcept": named(words),
        "effectiveDateTime": date,
    } | more


def plan(words: str, ident: str = "cp1", date: str = days_ago(5), status: str = "active", **more: Any) -> Json:
    return {
        "resourceType": "CarePlan",
        "id": ident,
        "status": status,
        "title": "MDT",
        "description": words,
        "created": date,
    } | more


def staged(words: str, onset: str = days_ago(5), **more: Any) -> Json:
    return pancreatic_cancer(onset=onset, stage=[{"summary": named(words)}], **more)


def given(ident: str = "ma1", date: str = days_ago(20)) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": ident,
        "status": "completed",
        "medicationCodeableConcept": coded(RXNORM, "12574", "gemcitabine"),
        "effectiveDateTime": date,
        "reasonCode": [named("Pancreatic cancer")],
    }


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-found", id="nothing"),
        pytest.param([observed("Resectable")], "yes:resectable", id="resectable"),
        pytest.param([observed("Borderline resectable")], "yes:borderline", id="borderline"),
        pytest.param([observed("Locally advanced")], "yes:locally-advanced", id="locally-advanced"),
        pytest.param([observed("Stage IV")], "yes:metastatic", id="stage-four"),
        pytest.param([observed("", valueCodeableConcept=coded(SNOMED, "399409002"))], "yes:metastatic", id="m1-coded"),
        pytest.param(
            [observed("", valueString="Resectable") | {"valueCodeableConcept": None}],
            "yes:resectable",
            id="value-string",
        ),
        pytest.param([observed("Not resectable")], "unknown:not-found", id="negated"),
        pytest.param([observed("Stage II")], "unknown:not-found", id="a-stage-that-does-not-tell"),
        pytest.param([observed("Resectable; locally advanced")], "unknown:not-found", id="says-two-things"),
        pytest.param([observed("Resectable", status="preliminary")], "unknown:not-found", id="not-final"),
        pytest.param([observed("Resectable", date=days_ago(-5))], "unknown:not-found", id="future"),
        pytest.param([observed("Resectable", date=days_ago(60))], "yes:resectable", id="last-day"),
        pytest.param([observed("Resectable", date=days_ago(61))], "unknown:stale", id="past-the-window"),
        pytest.param([observed("Resectable", date="")], "unknown:stale", id="undated"),
        pytest.param([staged("Locally advanced")], "yes:locally-advanced", id="stage-of-the-condition"),
        pytest.param([staged("Resectable", onset=days_ago(200))], "unknown:stale", id="stage-of-first-presentation"),
        pytest.param(
            [staged("Resectable", onset=days_ago(200), recordedDate=days_ago(5))],
            "yes:resectable",
            id="stage-recorded-again",
        ),
        pytest.param([staged("Resectable", clinical="resolved")], "unknown:not-found", id="past-disease"),
        pytest.param([staged("Resectable", verified="refuted")], "unknown:not-found", id="refuted"),
        pytest.param(
            [condition(named("Breast cancer"), stage=[{"summary": named("Stage IV")}], onsetDateTime=days_ago(5))],
            "unknown:not-found",
            id="stage-of-another-cancer",
        ),
        pytest.param([plan("MDT outcome: borderline resectable")], "yes:borderline", id="plan"),
        pytest.param([plan("", note=[{"text": "Resectable"}])], "yes:resectable", id="plan-note"),
        pytest.param([plan("Resectable", status="revoked")], "unknown:not-found", id="plan-withdrawn"),
        pytest.param(
            [plan("Resectable", created=None, period={"start": days_ago(5)})], "yes:resectable", id="plan-by-period"
        ),
        pytest.param([ct("Impression: Resectable tumour of the pancreatic head.")], "yes:resectable", id="ct"),
        pytest.param([mri("Impression: Borderline resectable tumour.")], "yes:borderline", id="mri"),
        pytest.param([ultrasound("Impression: Resectable tumour.")], "unknown:not-found", id="not-from-ultrasound"),
        pytest.param([ct("Impression: Metastatic disease.")], "unknown:not-found", id="unproven-metastases"),
        pytest.param(
            [ct("Impression: Resectable tumour.", status="preliminary")], "unknown:not-found", id="ct-not-final"
        ),
        pytest.param([pathology(MALIGNANT)], "yes:metastatic", id="liver-pathology"),
        pytest.param([pathology(MALIGNANT), observed("Resectable")], "yes:metastatic", id="liver-pathology-forces-it"),
        pytest.param(
            [
                {
                    "resourceType": "ServiceRequest",
                    "id": "s",
                    "status": "draft",
                    "code": named("Pancreatoduodenectomy for resectable tumour"),
                }
            ],
            "unknown:not-found",
            id="an-order-says-nothing",
        ),
    ],
)
def test_resectability(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("resectability").state == state


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param(
            [observed("Resectable", date=days_ago(30)), staged("Locally advanced")],
            "yes:resectable",
            id="observation-over-stage",
        ),
        pytest.param(
            [staged("Resectable", onset=days_ago(30)), plan("Locally advanced")], "yes:resectable", id="stage-over-plan"
        ),
        pytest.param(
            [plan("Locally advanced", date=days_ago(30)), ct("Impression: Resectable tumour.")],
            "yes:locally-advanced",
            id="plan-over-ct",
        ),
        pytest.param(
            [observed("Resectable", "a", days_ago(30)), observed("Locally advanced", "b")],
            "yes:locally-advanced",
            id="later-of-one-kind",
        ),
        pytest.param(
            [observed("Resectable", "a"), observed("Locally advanced", "b")], "unknown:conflict", id="same-day"
        ),
        pytest.param([observed("Resectable", "a"), observed("Resectable", "b")], "yes:resectable", id="agree"),
        pytest.param(
            [observed("Resectable", date=days_ago(90)), ct("Impression: Borderline resectable tumour.")],
            "yes:borderline",
            id="fresh-over-stale",
        ),
        pytest.param(
            [observed("Resectable", date=days_ago(30)), given(), pancreatic_cancer(onset=days_ago(40))],
            "unknown:stale",
            id="before-therapy",
        ),
        pytest.param(
            [observed("Resectable"), given(), pancreatic_cancer(onset=days_ago(40))],
            "yes:resectable",
            id="restaged-after-therapy",
        ),
    ],
)
def test_two_sources(resources: list[Json], state: str) -> None:
    for order in itertools.permutations(resources):
        assert make_case(*order).fact("resectability").state == state


def test_a_replaced_report_does_not_count() -> None:
    key: Json = {"identifier": [{"value": "A1"}]}
    first = ct("Impression: Resectable tumour.", "a", **key)
    second = ct("Impression: Locally advanced tumour.", "b", status="corrected", **key)
    fact = make_case(first, second).fact("resectability")
    assert fact.state == "yes:locally-advanced"
    assert line(fact, "DiagnosticReport/a").why == "replaced by a newer version"


def test_the_statement_is_dated_and_shown() -> None:
    fact = make_case(observed("Resectable"), observed("Borderline", "old", days_ago(90))).fact("resectability")
    assert fact.as_of == days_ago(5)
    assert (line(fact, "Observation/o1").counted, line(fact, "Observation/old").counted) == (True, False)
    assert line(fact, "Observation/old").why == "not from the last 60 days"


@pytest.mark.parametrize("key", ["observations", "conditions", "carePlans", "reports", "specimens"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([observed("Resectable", date=days_ago(90))], "unknown:not-searched", id="stale"),
        pytest.param([observed("Resectable")], "yes:resectable", id="resectable"),
        pytest.param([pathology(MALIGNANT)], "yes:metastatic", id="liver-pathology"),
        pytest.param(
            [observed("Resectable", "a"), observed("Locally advanced", "b")], "unknown:conflict", id="conflict"
        ),
    ],
)
def test_with_a_search_unfinished(key: str, how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(*resources, searches={key: how}).fact("resectability")
    assert (fact.state, fact.gaps) == (state, (f"{key}: was {how.value}",))


NOT_OF_A_CANCER = "not known to be a stage or the resectability of a cancer"


@pytest.mark.parametrize(
    "code",
    [
        coded(LOINC, "21902-2"),
        coded(LOINC, "21907-1"),
        named("Cancer stage"),
        named("AJCC stage group"),
        named("Clinical stage"),
        named("Tumor stage"),
        named("TNM"),
        named("Resectability status"),
    ],
    ids=str,
)
def test_a_stage_counts_where_the_code_or_the_name_is_of_a_cancers_stage(code: Json) -> None:
    assert make_case(observed("Stage IV") | {"code": code}).fact("resectability").state == "yes:metastatic"


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("MDT conclusion", "borderline resectable", "yes:borderline"),
        ("Tumour board outcome", "Locally advanced, unresectable", "yes:locally-advanced"),
        ("Stage", "locally advanced pancreatic cancer", "yes:locally-advanced"),
        ("WHO cancer stage", "locally advanced", "yes:locally-advanced"),
        ("Cancer disease status", "metastatic", "yes:metastatic"),
        ("ECG interpretation", "borderline", "unknown:not-found"),
    ],
)
def test_a_value_that_only_tumours_have_needs_no_known_name(name: str, value: str, state: str) -> None:
    assert make_case(observed(value) | {"code": named(name)}).fact("resectability").state == state


@pytest.mark.parametrize(
    "code",
    [
        named("Pressure injury stage"),
        named("Pressure ulcer, clinical stage"),
        named("CKD stage"),
        named("HIV clinical stage"),
        named("WHO clinical stage"),
        named("Heart failure stage"),
        named("Stage"),
        coded("urn:lab", "77"),
        {},
        7,
    ],
    ids=str,
)
def test_a_stage_of_something_else_or_of_nobody_knows_what_is_shown_and_does_not_count(code: Json) -> None:
    odd = observed("Stage IV", "odd") | {"code": code}
    fact = make_case(odd).fact("resectability")
    assert fact.state == "unknown:not-found"
    assert (line(fact, "Observation/odd").counted, line(fact, "Observation/odd").why) == (False, NOT_OF_A_CANCER)
    assert make_case(odd, plan("MDT outcome: resectable")).fact("resectability").state == "yes:resectable"


def test_a_coded_distant_metastasis_counts_whatever_it_is_called() -> None:
    present = coded(SNOMED, "399409002")
    for item in (observed("", valueCodeableConcept=present), observed("metastatic") | {"code": present}):
        assert make_case(item | {"code": item["code"] if "coding" in item["code"] else named("Finding")}).fact(
            "resectability"
        ).state == ("yes:metastatic")


def about(*references: str, display: str = "") -> Json:
    more = {"display": display} if display else {}
    return observed("Stage IV", focus=[{"reference": reference} | more for reference in references])


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(about("Condition/pancreas"), "yes:metastatic", id="this-cancer"),
        pytest.param(about("Condition/liver"), "yes:metastatic", id="its-metastasis"),
        pytest.param(about("Condition/ckd"), "unknown:not-found", id="another-disease"),
        pytest.param(about("Condition/breast"), "unknown:not-found", id="another-cancer"),
        pytest.param(about("Condition/bone"), "unknown:not-found", id="a-metastasis-of-another-cancer"),
        pytest.param(about("Condition/pancreas", "Condition/ckd"), "unknown:not-found", id="one-of-two"),
        pytest.param(about("Condition/gone"), "yes:metastatic", id="not-in-the-data"),
        pytest.param(about("Condition/gone", display="Breast cancer"), "unknown:not-found", id="by-its-display"),
        pytest.param(about("Patient/p1"), "yes:metastatic", id="the-patient"),
        pytest.param(observed("Stage IV", focus=7), "yes:metastatic", id="junk"),
    ],
)
def test_what_a_stage_is_about_decides_whether_it_counts(item: Json, state: str) -> None:
    conditions = (
        pancreatic_cancer(),
        liver_metastasis(),
        condition(named("Chronic kidney disease stage 4"), "ckd"),
        condition(coded(ICD, "C50.919", "Breast cancer"), "breast"),
        condition(named("Bone metastases from breast cancer"), "bone"),
    )
    fact = make_case(*conditions, item).fact("resectability")
    assert fact.state == state
    assert line(fact, "Observation/o1").why == ("" if state.startswith("yes") else "about another condition")
