"""F11 pancreas_protocol_ct_done and ct_contrast_contraindicated."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    DICOM,
    ICD,
    LOINC,
    SNOMED,
    V2_REPORTS,
    Json,
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
CT = [{"system": DICOM, "code": "CT"}]
TEXT = "Mass in the head of the pancreas."
WHIPPLE: Json = {
    "resourceType": "ServiceRequest",
    "id": "w1",
    "status": "draft",
    "intent": "order",
    "code": named("Whipple procedure"),
}


def titled(name: str, text: str = TEXT, **more: Any) -> Json:
    return report(named(name), text, "ct", category=RAD, **more)


def study(*series: str, status: str = "available", started: str = days_ago(5), **more: Any) -> Json:
    out: Json = {"resourceType": "ImagingStudy", "id": "i1", "status": status, "started": started, "modality": CT}
    return out | {"series": [{"modality": CT[0], "description": text} for text in series]} | more


def done(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("pancreas_protocol_ct_done")


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([titled("CT abdomen, pancreas protocol")], "yes", id="title"),
        pytest.param([titled("CT pancreas biphasic")], "yes", id="biphasic"),
        pytest.param([titled("Multiphase CT pancreas")], "yes", id="multiphase-of-the-pancreas"),
        pytest.param([titled("CT abdomen without and with contrast, pancreas protocol")], "yes", id="both-phases-told"),
        pytest.param([titled("Multiphase CT abdomen")], "unknown:indeterminate", id="multiphase-alone"),
        pytest.param([titled("Triple phase CT liver")], "unknown:indeterminate", id="liver-phases"),
        pytest.param([ct(TEXT)], "unknown:indeterminate", id="contrast-only"),
        pytest.param([report(coded(LOINC, "24858-3"), TEXT)], "unknown:indeterminate", id="pancreas-ct-code"),
        pytest.param([report(coded(LOINC, "41806-1"), TEXT)], "unknown:indeterminate", id="contrast-not-told"),
        pytest.param([report(coded(LOINC, "30599-5", "CT pancreas protocol"), TEXT)], "yes", id="in-the-display"),
        pytest.param([report(coded(LOINC, "36424-0"), TEXT)], "no", id="without-contrast-by-code"),
        pytest.param([titled("CT abdomen without contrast")], "no", id="without-contrast-by-name"),
        pytest.param([titled("CT chest with contrast")], "no", id="chest"),
        pytest.param(
            [report(named("Examination"), TEXT, category=[coded(V2_REPORTS, "CT")])],
            "unknown:indeterminate",
            id="no-region",
        ),
        pytest.param([mri("Late arterial and portal venous phases.")], "no", id="mri"),
        pytest.param(
            [ct(f"TECHNIQUE: Late arterial and portal venous phases.\nFINDINGS: {TEXT}")], "yes", id="technique"
        ),
        pytest.param(
            [ct(f"Technique\nPancreatic phase and portal venous phase.\nFindings\n{TEXT}")], "yes", id="technique-line"
        ),
        pytest.param([ct(f"Pancreas protocol CT was performed. {TEXT}")], "yes", id="first-sentence"),
        pytest.param(
            [ct(f"TECHNIQUE: Portal venous phase.\nFINDINGS: {TEXT}")], "unknown:indeterminate", id="one-phase"
        ),
        pytest.param(
            [ct(f"TECHNIQUE: Portal venous phase, not a pancreas protocol.\nFINDINGS: {TEXT}")],
            "unknown:indeterminate",
            id="denied",
        ),
        pytest.param(
            [ct(f"INDICATION: Pancreas protocol for jaundice.\nFINDINGS: {TEXT}")],
            "unknown:indeterminate",
            id="only-in-the-indication",
        ),
        pytest.param(
            [ct(f"CLINICAL DETAILS:\nPancreas protocol CT.\nFINDINGS:\n{TEXT}")],
            "unknown:indeterminate",
            id="only-in-the-request",
        ),
        pytest.param([ct(f"Please do pancreas protocol. {TEXT}")], "unknown:indeterminate", id="please"),
        pytest.param(
            [ct(f"{TEXT} Recommend dedicated pancreas protocol CT.")], "unknown:indeterminate", id="recommended"
        ),
        pytest.param(
            [ct(f"COMPARISON: Pancreas protocol CT of last year.\nFINDINGS: {TEXT}")],
            "unknown:indeterminate",
            id="comparison",
        ),
        pytest.param(
            [ct(f"{TEXT} Smaller than on previous pancreas protocol CT.")], "unknown:indeterminate", id="previous"
        ),
        pytest.param([titled("CT pancreas protocol", status="registered")], "unknown:indeterminate", id="not-final"),
        pytest.param([titled("CT pancreas protocol", status="unknown")], "unknown:indeterminate", id="status-unknown"),
        pytest.param([titled("CT pancreas protocol", status="entered-in-error")], "no", id="in-error"),
        pytest.param([titled("CT pancreas protocol", date=days_ago(60))], "yes", id="last-day"),
        pytest.param([titled("CT pancreas protocol", date=days_ago(61))], "unknown:stale", id="past-the-window"),
        pytest.param([titled("CT pancreas protocol", date="")], "unknown:stale", id="undated"),
        pytest.param([titled("CT pancreas protocol", date=days_ago(-3))], "no", id="future"),
        pytest.param(
            [titled("CT pancreas protocol", date=days_ago(90)), ct(TEXT, "new")],
            "unknown:indeterminate",
            id="old-protocol-and-new-ct",
        ),
        pytest.param([titled("CT pancreas protocol") | {"code": 7}], "no", id="junk-code"),
    ],
)
def test_reports(resources: list[Json], state: str) -> None:
    assert done(*resources).state == state


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(study("PANCREAS PROTOCOL"), "yes", id="series"),
        pytest.param(study("Pancreatic phase 1.0", "PV"), "yes", id="pancreatic-phase-series"),
        pytest.param(study("LATE ARTERIAL 1.5", "PORTAL VENOUS 3.0", description="CT abdomen"), "yes", id="two-series"),
        pytest.param(study("PORTAL VENOUS", description="CT abdomen"), "unknown:indeterminate", id="one-series"),
        pytest.param(study(description="CT pancreas protocol"), "yes", id="description"),
        pytest.param(study(procedureCode=[coded(LOINC, "24858-3")]), "unknown:indeterminate", id="code"),
        pytest.param(study(procedureCode=[coded(LOINC, "36952-0")]), "no", id="without-contrast"),
        pytest.param(study(description="CT abdomen unenhanced"), "no", id="without-contrast-by-name"),
        pytest.param(
            study(series=[{"bodySite": coded(SNOMED, "818981001")["coding"][0]}]), "unknown:indeterminate", id="site"
        ),
        pytest.param(study(), "unknown:indeterminate", id="region-not-told"),
        pytest.param(study(description="CT chest"), "no", id="chest"),
        pytest.param(study("PANCREAS PROTOCOL", status="registered"), "no", id="not-finished"),
        pytest.param(study("PANCREAS PROTOCOL", status="entered-in-error"), "no", id="in-error"),
        pytest.param(study("PANCREAS PROTOCOL", status=""), "yes", id="no-status"),
        pytest.param(study("PANCREAS PROTOCOL", started=days_ago(61)), "unknown:stale", id="old"),
        pytest.param(study(modality=[{"system": DICOM, "code": "MR"}], description="MRI liver"), "no", id="mri"),
        pytest.param(study(series=["x", 3, None]), "unknown:indeterminate", id="junk-series"),
    ],
)
def test_studies(item: Json, state: str) -> None:
    assert done(item).state == state


def test_a_study_tells_the_protocol_of_a_report() -> None:
    fact = done(ct(TEXT), study("PANCREAS PROTOCOL"))
    assert (fact.state, fact.as_of) == ("yes", days_ago(5))
    assert not line(fact, "DiagnosticReport/ct").counted
    assert line(fact, "ImagingStudy/i1").counted


def test_what_does_not_count_is_listed() -> None:
    fact = done(titled("CT chest with contrast"), report(coded(LOINC, "36424-0"), TEXT, "plain"))
    assert line(fact, "DiagnosticReport/ct").why == "of another region"
    assert line(fact, "DiagnosticReport/plain").why == "without contrast"


def test_a_replaced_version_does_not_count() -> None:
    key: Json = {"identifier": [{"value": "A1"}]}
    old = titled("CT pancreas protocol", **key) | {"id": "old", "status": "preliminary"}
    assert not line(done(old, ct(TEXT, "new", **key)), "DiagnosticReport/old").counted


@pytest.mark.parametrize(
    ("days", "drafts", "state"),
    [
        pytest.param(28, (WHIPPLE,), "yes", id="last-day-before-a-resection"),
        pytest.param(29, (WHIPPLE,), "unknown:stale", id="too-old-before-a-resection"),
        pytest.param(29, (), "yes", id="no-resection"),
    ],
)
def test_the_window_is_shorter_before_a_resection(days: int, drafts: tuple[Json, ...], state: str) -> None:
    assert done(titled("CT pancreas protocol", date=days_ago(days)), drafts=drafts).state == state


def test_a_resection_that_is_not_selected_shortens_nothing() -> None:
    item = titled("CT pancreas protocol", date=days_ago(29))
    assert done(item, drafts=(WHIPPLE,), selections=()).state == "yes"


@pytest.mark.parametrize("key", ["reports", "imagingStudies"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([titled("CT pancreas protocol", date=days_ago(90))], "unknown:not-searched", id="stale"),
        pytest.param([titled("CT abdomen without contrast")], "unknown:not-searched", id="plain"),
        pytest.param([titled("CT pancreas protocol")], "yes", id="done"),
        pytest.param([ct(TEXT)], "unknown:not-searched", id="indeterminate"),
    ],
)
def test_a_search_unfinished(key: str, how: Completeness, resources: list[Json], state: str) -> None:
    fact = done(*resources, searches={key: how})
    assert (fact.state, fact.gaps) == (state, (f"{key}: was {how.value}",))


# ---- reasons against contrast


def allergy(name: str = "Iodinated contrast media", clinical: str = "active", **more: Any) -> Json:
    out: Json = {"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p1"}}
    status = {"clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", clinical)}
    return out | {"code": named(name)} | (status if clinical else {}) | more


def egfr(value: object, ident: str = "e1", date: str = days_ago(3), status: str = "final", **quantity: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": status,
        "code": coded(LOINC, "98979-8"),
        "effectiveDateTime": date,
        "valueQuantity": {"value": value, "unit": "mL/min/1.73m2"} | quantity,
    }


def barred(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("ct_contrast_contraindicated")


REFUTED: Json = {"verificationStatus": coded("http://terminology.hl7.org/x", "refuted")}
IN_ERROR: Json = {"verificationStatus": coded("http://terminology.hl7.org/x", "entered-in-error")}


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([allergy()], "yes", id="contrast"),
        pytest.param([allergy("Iohexol")], "yes", id="agent"),
        pytest.param([allergy("Omnipaque 350")], "yes", id="brand"),
        pytest.param([allergy("IV contrast dye")], "yes", id="dye"),
        pytest.param([allergy(clinical="")], "yes", id="no-clinical-status"),
        pytest.param([allergy(clinical="resolved")], "no", id="resolved"),
        pytest.param([allergy(clinical="inactive")], "no", id="inactive"),
        pytest.param([allergy(**REFUTED)], "no", id="refuted"),
        pytest.param([allergy(**IN_ERROR)], "no", id="in-error"),
        pytest.param([allergy(recordedDate=days_ago(-4))], "no", id="future"),
        pytest.param([allergy("Gadolinium contrast agent")], "no", id="gadolinium"),
        pytest.param([allergy("Shellfish")], "no", id="shellfish"),
        pytest.param([allergy("Povidone-iodine")], "no", id="povidone"),
        pytest.param([allergy("Iodine")], "no", id="iodine"),
        pytest.param([allergy("Penicillin")], "no", id="penicillin"),
        pytest.param([allergy("No known allergies")], "no", id="none-known"),
        pytest.param([allergy("Drug", reaction=[{"substance": [named("Iopamidol")]}])], "yes", id="by-substance"),
        pytest.param([allergy("Drug", reaction=["x", 3])], "no", id="junk-reaction"),
        pytest.param([allergy(code=coded(SNOMED, "293637006"))], "unknown:not-searched", id="code-without-a-name"),
        pytest.param([allergy(code=7)], "unknown:not-searched", id="junk-code"),
        pytest.param([allergy(code=7, clinical="resolved")], "no", id="junk-code-resolved"),
        pytest.param([condition(named("Radiographic dye allergy status"))], "yes", id="as-a-condition"),
        pytest.param([condition(named("Radiographic dye allergy status"), clinical="resolved")], "no", id="past"),
        pytest.param([condition(named("Contrast allergy"), verified="refuted")], "no", id="condition-refuted"),
        pytest.param([condition(coded(ICD, "C25.0"))], "no", id="another-condition"),
        pytest.param([egfr(29)], "yes", id="egfr-low"),
        pytest.param([egfr(30)], "no", id="egfr-at-the-limit"),
        pytest.param([egfr(30, comparator="<")], "yes", id="egfr-below-the-limit"),
        pytest.param([egfr(60, comparator=">")], "no", id="egfr-above-60"),
        pytest.param([egfr(20, status="entered-in-error")], "no", id="egfr-in-error"),
        pytest.param([egfr(20, date=days_ago(-3))], "no", id="egfr-future"),
        pytest.param([egfr(20, "old", days_ago(30)), egfr(70)], "no", id="egfr-recovered"),
        pytest.param([egfr(70, "old", days_ago(30)), egfr(20)], "yes", id="egfr-fallen"),
        pytest.param([egfr("n/a")], "unknown:not-searched", id="egfr-unreadable"),
        pytest.param([egfr(60, comparator="<")], "unknown:not-searched", id="egfr-bound-that-tells-nothing"),
        pytest.param([egfr(70, "old", days_ago(30)), egfr("n/a")], "unknown:not-searched", id="egfr-latest-unreadable"),
        pytest.param([egfr("n/a", "old", days_ago(30)), egfr(70)], "no", id="egfr-older-unreadable"),
        pytest.param([egfr(70, "old", days_ago(30)), egfr(20, status="unknown")], "unknown:not-searched", id="unsure"),
        pytest.param([egfr("n/a"), allergy()], "yes", id="allergy-beside-unreadable"),
        pytest.param([condition(named("CKD stage 5"))], "yes", id="renal-failure"),
        pytest.param([condition(named("CKD stage 5"), clinical="resolved")], "no", id="renal-failure-past"),
    ],
)
def test_ct_contrast_contraindicated(resources: list[Json], state: str) -> None:
    assert barred(*resources).state == state


def test_reasons_are_dated_and_others_listed() -> None:
    shellfish = allergy("Shellfish") | {"id": "a2"}
    fact = barred(allergy(recordedDate=days_ago(9)), shellfish, egfr(20), allergy(code=7) | {"id": "a3"})
    assert (fact.state, fact.as_of, fact.number) == ("yes", days_ago(3), 20)
    assert line(fact, "AllergyIntolerance/a1").counted
    assert line(fact, "AllergyIntolerance/a2").why == "no reason against contrast"
    assert line(fact, "AllergyIntolerance/a3").why == "an allergy does not say to what"
    assert fact.gaps == ("allergies: an allergy does not say to what",)


def test_an_unreadable_egfr_is_named() -> None:
    assert barred(egfr("n/a")).gaps == ("observations: the latest eGFR could not be compared",)


@pytest.mark.parametrize("key", ["allergies", "conditions", "observations"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_contrast_with_a_search_unfinished(key: str, how: Completeness) -> None:
    gaps = (f"{key}: was {how.value}",)
    nothing = barred(searches={key: how})
    assert (nothing.state, nothing.gaps) == ("unknown:not-searched", gaps)
    found = barred(allergy(), searches={key: how})
    assert (found.state, found.gaps) == ("yes", gaps)
