"""F12 mri_liver_done and F13 mri_contraindicated."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    DICOM,
    ICD,
    LOINC,
    SNOMED,
    V2_REPORTS,
    Json,
    attachment,
    coded,
    condition,
    ct,
    days_ago,
    line,
    make_case,
    mri,
    named,
    report,
)

RAD = [coded(V2_REPORTS, "RAD")]
MR = [{"system": DICOM, "code": "MR"}]
PDF = [attachment("%PDF", "application/pdf")]
TEXT = "No focal liver lesion."


def study(ident: str = "i1", status: str = "available", started: str = days_ago(5), **more: Any) -> Json:
    return {"resourceType": "ImagingStudy", "id": ident, "status": status, "started": started} | more


def named_mri(name: str, text: str = TEXT, **more: Any) -> Json:
    return report(named(name), text, category=RAD, **more)


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([mri(TEXT)], "yes", id="liver-with-contrast"),
        pytest.param([mri(presentedForm=PDF)], "yes", id="reported-though-unreadable"),
        pytest.param([mri(TEXT, date=days_ago(42))], "yes", id="last-day"),
        pytest.param([mri(TEXT, date=days_ago(43))], "unknown:stale", id="past-the-window"),
        pytest.param([mri(TEXT, date="")], "unknown:stale", id="undated"),
        pytest.param([mri(TEXT, date=days_ago(-3))], "no", id="future"),
        pytest.param([mri(TEXT, status="entered-in-error")], "no", id="in-error"),
        pytest.param([mri(TEXT, status="preliminary")], "unknown:indeterminate", id="not-final"),
        pytest.param([mri(TEXT, status="unknown")], "unknown:indeterminate", id="status-unknown"),
        pytest.param(
            [report(coded(LOINC, "36046-1"), TEXT, category=RAD)], "unknown:indeterminate", id="contrast-not-told"
        ),
        pytest.param(
            [report(coded(LOINC, "36046-1"), f"Technique: gadoxetate. {TEXT}", category=RAD)],
            "yes",
            id="contrast-in-the-text",
        ),
        pytest.param([report(coded(LOINC, "58740-2"), TEXT, category=RAD)], "unknown:indeterminate", id="plain-mrcp"),
        pytest.param([report(coded(LOINC, "72248-8"), TEXT, category=RAD)], "yes", id="mrcp-with-contrast"),
        pytest.param([named_mri("MRI liver with contrast")], "yes", id="by-name"),
        pytest.param([named_mri("MRI lumbar spine with contrast")], "no", id="spine"),
        pytest.param(
            [report(named("Examination"), TEXT, category=[coded(V2_REPORTS, "NMR")])],
            "unknown:indeterminate",
            id="region-not-told",
        ),
        pytest.param([ct(TEXT)], "no", id="ct"),
        pytest.param(
            [study(modality=MR, procedureCode=[coded(LOINC, "30670-4")])],
            "unknown:indeterminate",
            id="study-without-report",
        ),
        pytest.param([study(description="MRI abdomen")], "unknown:indeterminate", id="study-by-description"),
        pytest.param(
            [study(series=[{"modality": MR[0], "bodySite": coded(SNOMED, "10200004")["coding"][0]}])],
            "unknown:indeterminate",
            id="study-by-series",
        ),
        pytest.param([study(modality=MR)], "unknown:indeterminate", id="study-of-unknown-region"),
        pytest.param(
            [study(modality=MR, description="Follow-up")],
            "unknown:indeterminate",
            id="study-with-no-word-on-its-region",
        ),
        pytest.param([study(modality=MR, description="MRI brain")], "no", id="study-of-the-brain"),
        pytest.param([study(modality=MR, description="Left kidney")], "no", id="study-of-another-organ"),
        pytest.param([study(modality=MR, description="Lumbar spine")], "no", id="study-called-by-its-region"),
        pytest.param([study(modality=MR, procedureCode=[named("Spine")])], "no", id="study-ordered-for-the-spine"),
        pytest.param(
            [study(modality=MR, series=[{"bodySite": {"code": "X", "display": "Lumbar spine"}}])],
            "no",
            id="study-of-the-spine",
        ),
        pytest.param(
            [study(modality=MR, series=[{"bodySite": {"code": "X", "display": "Great toe"}}])],
            "no",
            id="study-of-a-region-that-we-do-not-know",
        ),
        pytest.param(
            [study(modality=MR, series=[{"bodySite": {"code": "X", "display": "Upper abdomen"}}])],
            "unknown:indeterminate",
            id="study-of-the-abdomen-in-words",
        ),
        pytest.param(
            [study(modality=MR, description="MRI brain and abdomen")],
            "unknown:indeterminate",
            id="study-of-two-regions",
        ),
        pytest.param(
            [study(modality=MR, series=[{"bodySite": {"code": "X"}}])],
            "unknown:indeterminate",
            id="site-as-a-bare-code",
        ),
        pytest.param([study(description="MRI abdomen", status="")], "unknown:indeterminate", id="study-without-status"),
        pytest.param(
            [study(modality=MR, series=[{"bodySite": coded(SNOMED, "818981001")["coding"][0]}])],
            "unknown:indeterminate",
            id="study-of-the-abdomen",
        ),
        pytest.param([study(modality=[{"system": DICOM, "code": "CT"}])], "no", id="ct-study"),
        pytest.param([study(description="MRI abdomen", status="registered")], "no", id="study-not-finished"),
        pytest.param([study(description="MRI abdomen", started=days_ago(90))], "unknown:stale", id="old-study"),
        pytest.param([study(description="MRI abdomen"), mri(TEXT)], "yes", id="study-and-report"),
        pytest.param(
            [mri(TEXT, "old", days_ago(90)), mri(TEXT, "new", status="preliminary")],
            "unknown:indeterminate",
            id="old-one-and-one-awaited",
        ),
    ],
)
def test_mri_liver_done(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("mri_liver_done").state == state


def test_mri_evidence_is_dated_and_the_replaced_version_listed() -> None:
    key: Json = {"identifier": [{"value": "A1"}]}
    first = mri(TEXT, "a", days_ago(9), **key)
    fact = make_case(first, mri(TEXT, "b", days_ago(8), status="amended", **key)).fact("mri_liver_done")
    assert (fact.state, fact.as_of) == ("yes", days_ago(8))
    assert not line(fact, "DiagnosticReport/a").counted
    assert line(fact, "DiagnosticReport/b").counted


@pytest.mark.parametrize("key", ["reports", "imagingStudies"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([mri(TEXT, date=days_ago(90))], "unknown:not-searched", id="stale"),
        pytest.param([mri(TEXT)], "yes", id="done"),
        pytest.param([mri(TEXT, status="preliminary")], "unknown:not-searched", id="indeterminate"),
    ],
)
def test_mri_with_a_search_unfinished(key: str, how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(*resources, searches={key: how}).fact("mri_liver_done")
    assert (fact.state, fact.gaps) == (state, (f"{key}: was {how.value}",))


# ---- F13


def egfr(value: object, ident: str = "e1", date: str = days_ago(3), status: str = "final", **quantity: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": status,
        "code": coded(LOINC, "98979-8"),
        "effectiveDateTime": date,
        "valueQuantity": {"value": value, "unit": "mL/min/1.73m2"} | quantity,
    }


def egfr_text(text: str) -> Json:
    out = egfr(0) | {"valueString": text}
    del out["valueQuantity"]
    return out


def procedure(name: str, status: str = "completed", **more: Any) -> Json:
    return {"resourceType": "Procedure", "id": "p1", "status": status, "code": named(name)} | more


def allergy(name: str = "", **more: Any) -> Json:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": {"reference": "Patient/p1"},
        **({"code": named(name)} | more),
    }


PACEMAKER = condition(named("Cardiac pacemaker in situ"))


@pytest.mark.parametrize(
    ("resources", "state", "number"),
    [
        pytest.param([], "no", None, id="nothing"),
        pytest.param([PACEMAKER], "yes", None, id="pacemaker"),
        pytest.param([condition(named("Severe claustrophobia"))], "yes", None, id="claustrophobia"),
        pytest.param([condition(named("Allergy to iodinated contrast"))], "no", None, id="iodine-is-no-reason"),
        pytest.param([PACEMAKER | {"clinicalStatus": "resolved"}], "no", None, id="past"),
        pytest.param([PACEMAKER | {"verificationStatus": "refuted"}], "no", None, id="refuted"),
        pytest.param([procedure("Implantation of cardiac pacemaker")], "yes", None, id="implanted"),
        pytest.param([procedure("Implantation of cardiac pacemaker", "not-done")], "no", None, id="not-implanted"),
        pytest.param(
            [procedure("Implantation of cardiac pacemaker", performedDateTime=days_ago(-9))],
            "no",
            None,
            id="implantation-ahead",
        ),
        pytest.param(
            [procedure("Implantation of cardiac pacemaker", performedPeriod={"start": days_ago(99)})],
            "yes",
            None,
            id="implanted-in-a-period",
        ),
        pytest.param([procedure("Implantation of cardiac pacemaker", "on-hold")], "no", None, id="implantation-held"),
        pytest.param([procedure("Appendectomy")], "no", None, id="another-procedure"),
        pytest.param([condition(coded(ICD, "C25.0"))], "no", None, id="another-condition"),
        pytest.param(
            [egfr(20) | {"code": named("Trial screen"), "valueCodeableConcept": coded(LOINC, "98979-8")}],
            "no",
            None,
            id="egfr-as-a-value",
        ),
        pytest.param([egfr(29)], "yes:contrast-only", 29, id="egfr-29"),
        pytest.param([egfr(30)], "no", 30, id="egfr-30"),
        pytest.param([egfr(30, comparator="<")], "yes:contrast-only", 30, id="below-30"),
        pytest.param([egfr(60, comparator="<")], "unknown:not-searched", None, id="below-60-tells-nothing"),
        pytest.param([egfr(15, comparator="<=")], "yes:contrast-only", 15, id="at-most-15"),
        pytest.param([egfr(60, comparator=">")], "no", 60, id="above-60"),
        pytest.param([egfr(20, comparator=">=")], "unknown:not-searched", None, id="at-least-20-tells-nothing"),
        pytest.param([egfr(20, comparator="~")], "unknown:not-searched", None, id="unknown-comparator"),
        pytest.param([egfr("20")], "unknown:not-searched", None, id="value-as-text"),
        pytest.param([egfr(20, unit="")], "yes:contrast-only", 20, id="no-unit"),
        pytest.param([egfr(20, unit="%")], "unknown:not-searched", None, id="another-unit"),
        pytest.param([egfr_text(">60 mL/min/1.73m2")], "no", 60, id="text"),
        pytest.param([egfr_text("<15 mL/min/1.73m2")], "yes:contrast-only", 15, id="low-as-text"),
        pytest.param([egfr_text("15")], "unknown:not-searched", None, id="text-without-unit"),
        pytest.param([egfr(20, status="preliminary")], "no", None, id="egfr-not-final"),
        pytest.param([egfr(20, date=days_ago(-9))], "no", None, id="egfr-ahead"),
        pytest.param([egfr(20, "a", days_ago(90)), egfr(80, "b")], "no", 80, id="latest-counts"),
        pytest.param([egfr(80, "a", days_ago(90)), egfr(20, "b")], "yes:contrast-only", 20, id="latest-is-low"),
        pytest.param([egfr(80, "a", ""), egfr(20, "b")], "yes:contrast-only", 20, id="undated-ranks-oldest"),
        pytest.param([PACEMAKER, egfr(20)], "yes", 20, id="device-beats-contrast-only"),
        pytest.param([PACEMAKER, egfr("20")], "yes", None, id="device-beside-an-unreadable-egfr"),
        pytest.param([egfr("n/a", "a", days_ago(90)), egfr(80, "b")], "no", 80, id="an-older-one-unreadable"),
        pytest.param([allergy("Gadolinium contrast")], "yes:contrast-only", None, id="gadolinium-allergy"),
        pytest.param([allergy("Gadoxetate (Primovist) anaphylaxis")], "yes:contrast-only", None, id="agent"),
        pytest.param([allergy("Gadovist")], "yes:contrast-only", None, id="brand"),
        pytest.param([allergy("MRI contrast")], "yes:contrast-only", None, id="mri-contrast"),
        pytest.param(
            [allergy("Drug", reaction=[{"substance": [named("Gadobutrol")]}])],
            "yes:contrast-only",
            None,
            id="substance",
        ),
        pytest.param([allergy("Gadolinium contrast", clinicalStatus="resolved")], "no", None, id="allergy-resolved"),
        pytest.param([allergy("Gadolinium contrast", verificationStatus="refuted")], "no", None, id="allergy-refuted"),
        pytest.param([allergy("Gadolinium", recordedDate=days_ago(-4))], "no", None, id="allergy-ahead"),
        pytest.param([allergy("Gadolinium tolerated")], "no", None, id="tolerated"),
        pytest.param([allergy("No allergy to gadolinium")], "no", None, id="no-allergy"),
        pytest.param([allergy("Iodinated contrast media")], "no", None, id="iodinated-allergy"),
        pytest.param([allergy("Shellfish")], "no", None, id="shellfish"),
        pytest.param([allergy(code=coded(SNOMED, "293637006"))], "unknown:not-searched", None, id="nameless-allergy"),
        pytest.param([allergy("Gadolinium"), PACEMAKER], "yes", None, id="device-beats-an-allergy"),
        pytest.param(
            [condition(named("Allergy to gadolinium contrast"))], "yes:contrast-only", None, id="allergy-as-a-condition"
        ),
        pytest.param([egfr(20) | {"code": coded(LOINC, "718-7")}], "no", None, id="another-test"),
    ],
)
def test_mri_contraindicated(resources: list[Json], state: str, number: float | None) -> None:
    fact = make_case(*resources).fact("mri_contraindicated")
    assert (fact.state, fact.number) == (state, number)


def test_only_the_deciding_filtration_counts() -> None:
    fact = make_case(egfr(20, "a", days_ago(90)), egfr(25, "b")).fact("mri_contraindicated")
    assert (line(fact, "Observation/a").counted, line(fact, "Observation/b").counted) == (False, True)
    assert fact.as_of == days_ago(3)


def test_the_allergies_are_listed_and_dated() -> None:
    fact = make_case(
        allergy("Gadolinium", recordedDate=days_ago(9)),
        allergy("Iohexol") | {"id": "a2"},
        allergy(code=7) | {"id": "a3"},
        egfr("n/a"),
    ).fact("mri_contraindicated")
    assert (fact.state, fact.as_of) == ("yes:contrast-only", days_ago(9))
    assert line(fact, "AllergyIntolerance/a1").counted
    assert line(fact, "AllergyIntolerance/a2").why == "no reason against MRI contrast"
    assert fact.gaps == (
        "allergies: an allergy does not say to what",
        "observations: the latest eGFR could not be compared",
    )


@pytest.mark.parametrize("key", ["conditions", "procedures", "observations", "allergies"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_contraindication_with_a_search_unfinished(key: str, how: Completeness) -> None:
    searches = {key: how}
    assert make_case(egfr(80), searches=searches).fact("mri_contraindicated").state == "unknown:not-searched"
    found = make_case(PACEMAKER, searches=searches).fact("mri_contraindicated")
    assert (found.state, found.gaps) == ("yes", (f"{key}: was {how.value}",))
