"""F3 liver_metastases: levels, precedence, windows, conflict, attribution, benign biopsies, unfinished searches."""

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
    V2_REPORTS,
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

DEFINITE = "Impression: Multiple liver metastases in both lobes."
SUSPECTED = "Impression: Liver lesion in segment VI, suspicious for metastasis."
SMALL = "Impression: Liver lesion in segment IV, too small to characterise."
CLEAR = "Impression: No focal liver lesion. No evidence of liver metastases."
CYST = "Impression: Liver lesion in segment VI, likely a simple cyst."
ELSEWHERE = "Impression: Lungs clear. No pulmonary embolism."
GARBLED = "See the report on paper."
MALIGNANT = "Liver, core biopsy: metastatic adenocarcinoma."
OURS = "Liver, core biopsy: metastatic adenocarcinoma, pancreatic primary."
ABSCESS = "Liver, core biopsy: abscess, no malignancy."
NORMAL = "Liver, core biopsy: benign hepatocytes, no malignancy."
PDF = [attachment("%PDF", "application/pdf")]
RAD = [coded(V2_REPORTS, "RAD")]
COLON = "https://example.org/mcode-related-primary-cancer-condition"


def observation(code: Json, ident: str = "o1", status: str = "final", **more: Any) -> Json:
    return {"resourceType": "Observation", "id": ident, "status": status, "code": code} | more


def pet(text: str = "", ident: str = "pet", date: str = days_ago(10)) -> Json:
    return report(coded(LOINC, "44139-4"), text, ident, date, category=RAD)


def linked(target: Json, ident: str = "liver", url: str = COLON, **more: Any) -> Json:
    return liver_metastasis(ident, extension=[{"url": url, "valueReference": target}], **more)


def state(*resources: Json, **more: Any) -> str:
    return make_case(*resources, **more).fact("liver_metastases").state


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([], "unknown:not-found", id="nothing"),
        pytest.param([pathology(MALIGNANT)], "yes:pathology", id="pathology"),
        pytest.param([pathology(MALIGNANT, date=days_ago(3000))], "yes:pathology", id="pathology-never-expires"),
        pytest.param([pathology(MALIGNANT, status="preliminary")], "unknown:not-found", id="pathology-not-final"),
        pytest.param(
            [pathology("Pancreas, EUS-FNA: adenocarcinoma.")], "unknown:not-found", id="pathology-of-pancreas"
        ),
        pytest.param(
            [pathology("Liver, core biopsy: consistent with adenocarcinoma.")],
            "yes:recorded-only",
            id="hedged-pathology",
        ),
        pytest.param(
            [pathology("Liver, core biopsy: metastatic colorectal adenocarcinoma.")],
            "unknown:not-found",
            id="pathology-of-another-cancer",
        ),
        pytest.param([ct(DEFINITE)], "yes:imaging-definite", id="definite"),
        pytest.param([ct(DEFINITE, date=days_ago(800))], "yes:imaging-definite", id="definite-is-kept"),
        pytest.param([ct(DEFINITE, date="")], "yes:imaging-definite", id="definite-undated"),
        pytest.param([ct("Liver deposits consistent with metastases.")], "yes:imaging-definite", id="consistent-with"),
        pytest.param([ct(SUSPECTED)], "yes:imaging-suspected", id="suspected"),
        pytest.param([ct(SUSPECTED, date=days_ago(90))], "yes:imaging-suspected", id="suspected-last-day"),
        pytest.param([ct(SUSPECTED, date=days_ago(91))], "unknown:stale-suspected", id="suspected-past-the-window"),
        pytest.param([ct(SUSPECTED, date="")], "yes:imaging-suspected", id="suspected-undated"),
        pytest.param([liver_metastasis()], "yes:recorded-only", id="condition-alone"),
        pytest.param([liver_metastasis(verified="provisional")], "yes:recorded-only", id="provisional-condition"),
        pytest.param([condition(named("Liver metastases"))], "yes:recorded-only", id="condition-by-name"),
        pytest.param(
            [condition(coded(SNOMED, "128462008"), bodySite=[coded(SNOMED, "10200004")])],
            "yes:recorded-only",
            id="secondary-with-liver-as-site",
        ),
        pytest.param([condition(coded(SNOMED, "128462008"))], "unknown:not-found", id="secondary-without-site"),
        pytest.param(
            [condition(coded(ICD, "C25.9") | named("Pancreatic cancer with liver metastases"))],
            "yes:recorded-only",
            id="named-beside-the-primary",
        ),
        pytest.param([ct(SMALL)], "unknown:indeterminate", id="too-small"),
        pytest.param([ct(SMALL, date=days_ago(91))], "unknown:stale", id="indeterminate-past-the-window"),
        pytest.param([ct(CLEAR)], "no", id="clear"),
        pytest.param([mri(CYST)], "no", id="hedged-benign"),
        pytest.param([ct(CLEAR, date=days_ago(800))], "no", id="clear-long-ago"),
        pytest.param([ultrasound(CLEAR)], "unknown:not-found", id="clear-on-ultrasound-only"),
        pytest.param([pet(CLEAR)], "unknown:not-found", id="clear-on-pet-only"),
        pytest.param([ultrasound(DEFINITE)], "yes:imaging-definite", id="definite-on-ultrasound"),
        pytest.param([ct(ELSEWHERE)], "unknown:not-found", id="liver-not-described"),
        pytest.param([ct("Indication: ?liver mets.\nFindings: Lungs clear.")], "unknown:not-found", id="only-asked"),
        pytest.param([ct(presentedForm=PDF)], "unknown:uninterpretable", id="pdf"),
        pytest.param([ct()], "unknown:uninterpretable", id="no-words"),
        pytest.param(
            [report(named("CT scan"), category=[coded(V2_REPORTS, "CT")], presentedForm=PDF)],
            "unknown:uninterpretable",
            id="pdf-of-a-ct-of-unknown-region",
        ),
        pytest.param(
            [report(named("Chest radiograph"), category=RAD, presentedForm=PDF)],
            "unknown:not-found",
            id="pdf-of-a-radiograph",
        ),
        pytest.param(
            [report(named("MRI lumbar spine"), category=RAD, presentedForm=PDF)],
            "unknown:not-found",
            id="pdf-of-a-spine",
        ),
        pytest.param(
            [report(named("MRI lumbar spine"), CLEAR, category=RAD)], "unknown:not-found", id="spine-clears-nothing"
        ),
        pytest.param(
            [report(named("MRI lumbar spine"), DEFINITE, category=RAD)],
            "yes:imaging-definite",
            id="spine-that-shows-it",
        ),
        pytest.param([ct(DEFINITE, status="preliminary")], "unknown:uninterpretable", id="preliminary-positive"),
        pytest.param([ct(SMALL, status="preliminary")], "unknown:uninterpretable", id="preliminary-doubt"),
        pytest.param([ct(CLEAR, status="preliminary")], "unknown:not-found", id="preliminary-negative"),
        pytest.param([ct(DEFINITE, status="unknown")], "unknown:uninterpretable", id="status-unknown"),
        pytest.param([ct(ELSEWHERE, status="unknown")], "unknown:not-found", id="status-unknown-not-described"),
        pytest.param([ct(DEFINITE, status="entered-in-error")], "unknown:not-found", id="in-error"),
        pytest.param([ct(DEFINITE, date=days_ago(-3))], "unknown:not-found", id="future"),
        pytest.param([ct(conclusionCode=[coded(ICD, "C78.7")])], "yes:imaging-definite", id="coded-conclusion"),
        pytest.param([ct(conclusionCode=[coded(SNOMED, "300332007")])], "unknown:indeterminate", id="coded-lesion"),
        pytest.param(
            [ct(GARBLED, conclusionCode=[coded(SNOMED, "300332007")])],
            "unknown:indeterminate",
            id="coded-lesion-words-silent",
        ),
        pytest.param([ct(CLEAR, conclusionCode=[coded(ICD, "K76.89")])], "no", id="weak-code-words-clear"),
        pytest.param(
            [ct(SUSPECTED, conclusionCode=[coded(ICD, "C78.7")])], "yes:imaging-definite", id="code-beats-hedged-words"
        ),
        pytest.param([ct(CLEAR, conclusionCode=[coded(ICD, "C78.7")])], "unknown:conflict", id="code-against-words"),
        pytest.param([ct(presentedForm=[attachment(DEFINITE)])], "yes:imaging-definite", id="text-in-a-form"),
        pytest.param(
            [{"resourceType": "ImagingStudy", "id": "i", "status": "available"}],
            "unknown:not-found",
            id="a-study-is-no-finding",
        ),
        # What is not ours or not now.
        pytest.param([liver_metastasis(clinical="resolved")], "unknown:not-found", id="resolved"),
        pytest.param([liver_metastasis(verified="refuted")], "unknown:not-found", id="refuted"),
        pytest.param([condition(coded(ICD, "C22.0"))], "unknown:not-found", id="primary-liver-cancer"),
        pytest.param(
            [condition(coded(ICD, "C7B.02", "Secondary carcinoid tumors of liver"))],
            "unknown:not-found",
            id="carcinoid-secondary",
        ),
        pytest.param(
            [condition(coded(SNOMED, "1098951000119108", "History of cancer metastatic to liver"))],
            "unknown:not-found",
            id="history",
        ),
        pytest.param([condition(named("Liver haemangioma"))], "unknown:not-found", id="haemangioma"),
    ],
)
def test_one_source(resources: list[Json], expected: str) -> None:
    assert state(*resources) == expected


EARLY, LATE = days_ago(40), days_ago(10)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([ct(DEFINITE, date=EARLY), mri(CLEAR, date=LATE)], "no", id="later-mri-overturns-ct"),
        pytest.param([ct(DEFINITE, date=EARLY), mri(CYST, date=LATE)], "no", id="later-hedged-mri-overturns-ct"),
        pytest.param([ct(DEFINITE, date=EARLY), ct(CLEAR, "b", LATE)], "no", id="later-ct-overturns-ct"),
        pytest.param([ct(SUSPECTED, date=EARLY), ct(CLEAR, "b", LATE)], "no", id="later-ct-overturns-suspicion"),
        pytest.param([ct(SMALL, date=EARLY), ct(CLEAR, "b", LATE)], "no", id="later-ct-settles-the-small-one"),
        pytest.param([ct(presentedForm=PDF, date=EARLY), ct(CLEAR, "b", LATE)], "no", id="later-ct-makes-pdf-moot"),
        pytest.param(
            [ct(CLEAR, date=EARLY), ct(ident="b", presentedForm=PDF, date=LATE)],
            "unknown:uninterpretable",
            id="later-pdf-is-open",
        ),
        pytest.param(
            [ct(DEFINITE, date=EARLY), ultrasound(CLEAR, date=LATE)],
            "yes:imaging-definite",
            id="ultrasound-overturns-nothing",
        ),
        pytest.param(
            [ct(DEFINITE, date=EARLY), pet(CLEAR, date=LATE)], "yes:imaging-definite", id="pet-overturns-nothing"
        ),
        pytest.param([mri(DEFINITE, date=EARLY), ct(CLEAR, date=LATE)], "yes:imaging-definite", id="mri-beats-ct"),
        pytest.param([mri(CLEAR, date=EARLY), ct(DEFINITE, date=LATE)], "yes:imaging-definite", id="newer-metastases"),
        pytest.param(
            [ct(CLEAR, date=EARLY), ultrasound(DEFINITE, date=LATE)], "yes:imaging-definite", id="newer-on-ultrasound"
        ),
        pytest.param([ct(CLEAR, date=LATE), ultrasound(DEFINITE, date=EARLY)], "no", id="ct-overturns-ultrasound"),
        pytest.param([ct(CLEAR, date=LATE), pet(DEFINITE, date=EARLY)], "no", id="ct-overturns-pet"),
        pytest.param([ct(DEFINITE, date=LATE), mri(CLEAR, date=LATE)], "no", id="same-day-mri-wins"),
        pytest.param([mri(DEFINITE, date=LATE), ct(CLEAR, date=LATE)], "yes:imaging-definite", id="same-day-mri-shows"),
        pytest.param([ct(DEFINITE, date=LATE), ct(CLEAR, "b", LATE)], "unknown:conflict", id="same-day-same-kind"),
        pytest.param([ct(SUSPECTED, date=LATE), ct(CLEAR, "b", LATE)], "unknown:conflict", id="suspicion-contradicted"),
        pytest.param([ct(SMALL, date=LATE), ct(CLEAR, "b", LATE)], "unknown:indeterminate", id="no-conflict-if-unsure"),
        pytest.param(
            [ct(DEFINITE, date=EARLY), ct(CLEAR, "b", EARLY), mri(CLEAR, date=LATE)],
            "no",
            id="later-mri-settles-the-conflict",
        ),
        pytest.param(
            [ct(DEFINITE, date=LATE), ct(CLEAR, "b", LATE), mri(DEFINITE, date=LATE)],
            "yes:imaging-definite",
            id="mri-settles-the-conflict",
        ),
        pytest.param(
            [ultrasound(DEFINITE, date=LATE), ultrasound(CLEAR, "b", LATE)],
            "yes:imaging-definite",
            id="ultrasound-is-never-adequate",
        ),
        pytest.param([ct(DEFINITE, date=""), ct(CLEAR, "b", LATE)], "no", id="undated-ranks-oldest"),
        pytest.param(
            [ct(DEFINITE, date=LATE), ct(CLEAR, "b", "")], "yes:imaging-definite", id="undated-clears-nothing"
        ),
        pytest.param(
            [ct(DEFINITE, date=EARLY), ct(SUSPECTED, "b", LATE)],
            "yes:imaging-definite",
            id="a-weaker-word-later-is-no-contradiction",
        ),
        pytest.param(
            [ct(DEFINITE, date=EARLY), mri(SMALL, date=LATE)],
            "yes:imaging-definite",
            id="a-later-doubt-is-no-contradiction",
        ),
        pytest.param(
            [ct(SUSPECTED, date=EARLY), mri(SMALL, date=LATE)],
            "yes:imaging-suspected",
            id="a-doubt-does-not-settle-a-suspicion",
        ),
        pytest.param(
            [ct(SUSPECTED, date=days_ago(200)), mri(SMALL, date=LATE)],
            "unknown:indeterminate",
            id="an-old-suspicion-and-a-new-doubt",
        ),
        # Conditions beside reports.
        pytest.param([liver_metastasis(onset=EARLY), ct(DEFINITE)], "yes:imaging-definite", id="imaging-behind-it"),
        pytest.param([liver_metastasis(onset=EARLY), ct(SUSPECTED)], "yes:imaging-suspected", id="suspicion-behind-it"),
        pytest.param([liver_metastasis(onset=EARLY), mri(CLEAR, date=LATE)], "no", id="a-report-beats-the-list"),
        pytest.param([liver_metastasis(onset=LATE), ct(CLEAR, date=LATE)], "no", id="a-report-of-the-day-beats-it"),
        pytest.param([liver_metastasis(onset=LATE), ct(CLEAR, date=EARLY)], "yes:recorded-only", id="recorded-since"),
        pytest.param(
            [liver_metastasis(onset=days_ago(300), recordedDate=LATE), ct(CLEAR, date=EARLY)],
            "yes:recorded-only",
            id="recorded-since-by-recorded-date",
        ),
        pytest.param(
            [liver_metastasis(onset=LATE), ct(SMALL, date=EARLY)], "yes:recorded-only", id="recorded-and-doubt"
        ),
        pytest.param(
            [liver_metastasis(onset=EARLY), ultrasound(CLEAR, date=LATE)],
            "yes:recorded-only",
            id="ultrasound-does-not-clear-the-list",
        ),
        pytest.param(
            [liver_metastasis(onset=EARLY), ct(DEFINITE, "a", LATE), ct(CLEAR, "b", LATE)],
            "unknown:conflict",
            id="reports-in-conflict",
        ),
        # Pathology beside imaging.
        pytest.param([pathology(MALIGNANT, date=EARLY), mri(CLEAR, date=LATE)], "yes:pathology", id="pathology-stands"),
        pytest.param(
            [ct(DEFINITE, date=EARLY), pathology(NORMAL, date=LATE)],
            "yes:imaging-definite",
            id="normal-liver-changes-nothing",
        ),
        pytest.param(
            [
                ct(
                    DEFINITE.replace("Multiple liver metastases in both lobes", "Liver metastasis in segment VI"),
                    date=EARLY,
                ),
                pathology(ABSCESS, date=LATE),
            ],
            "no",
            id="named-benign-lesion",
        ),
        pytest.param(
            [ct(DEFINITE, date=EARLY), pathology(ABSCESS, date=LATE)],
            "yes:imaging-suspected",
            id="one-of-several-benign",
        ),
        pytest.param(
            [ct("Multiple liver lesions, suspicious for metastases.", date=EARLY), pathology(ABSCESS, date=LATE)],
            "yes:imaging-suspected",
            id="suspected-one-of-several",
        ),
        pytest.param(
            [ct(SUSPECTED, date=LATE), pathology(ABSCESS, date=EARLY)],
            "yes:imaging-suspected",
            id="imaging-since-the-benign-biopsy",
        ),
        pytest.param([ct(SUSPECTED, date=EARLY), pathology(ABSCESS, date=LATE)], "no", id="the-suspicion-was-benign"),
        pytest.param([ct(SMALL, date=EARLY), pathology(ABSCESS, date=LATE)], "no", id="the-small-one-was-benign"),
        pytest.param([ct(presentedForm=PDF, date=EARLY), pathology(ABSCESS, date=LATE)], "no", id="what-a-pdf-showed"),
        pytest.param([liver_metastasis(onset=EARLY), pathology(ABSCESS, date=LATE)], "no", id="benign-beats-the-list"),
        pytest.param([pathology(MALIGNANT, "a"), pathology(ABSCESS, "b")], "yes:pathology", id="another-lesion-benign"),
        pytest.param(
            [
                pathology(MALIGNANT, "a", identifier=[{"value": "1"}]),
                pathology(NORMAL, "b", identifier=[{"value": "1"}]),
            ],
            "unknown:conflict",
            id="pathology-in-conflict",
        ),
    ],
)
def test_two_sources(resources: list[Json], expected: str) -> None:
    for order in itertools.permutations(resources):
        assert state(*order) == expected


PANCREAS = {"reference": "Condition/pancreas"}
OTHER = {"reference": "Condition/colon"}
COLON_CANCER = condition(coded(ICD, "C18.9"), "colon", onsetDateTime="2015-01-01")


@pytest.mark.parametrize(
    ("resources", "expected", "is_unclear"),
    [
        pytest.param([linked(PANCREAS)], "yes:recorded-only", False, id="ours"),
        pytest.param([linked(PANCREAS), COLON_CANCER], "yes:recorded-only", False, id="ours-beside-another-cancer"),
        pytest.param([linked(OTHER), COLON_CANCER], "no", False, id="another-cancers"),
        pytest.param(
            [linked(OTHER, url="http://hl7.org/fhir/StructureDefinition/condition-related"), COLON_CANCER],
            "no",
            False,
            id="another-cancers-core-extension",
        ),
        pytest.param([linked({"display": "Colon cancer"})], "no", False, id="another-cancers-by-display"),
        pytest.param([linked({"reference": "Condition/gone"})], "yes:recorded-only", False, id="not-here"),
        pytest.param([liver_metastasis(), COLON_CANCER], "yes:recorded-only", True, id="nobody-says-whose"),
        pytest.param([ct(DEFINITE), COLON_CANCER], "yes:imaging-definite", True, id="imaging-nobody-says-whose"),
        pytest.param([condition(named("Liver metastases from breast cancer"))], "no", False, id="whose-in-words"),
        pytest.param(
            [condition(named("Hepatocellular carcinoma with liver metastases"))], "no", False, id="livers-own"
        ),
        pytest.param(
            [linked(OTHER, onset=LATE), COLON_CANCER, ct(DEFINITE, date=EARLY)],
            "no",
            False,
            id="imaging-that-led-to-the-attribution",
        ),
        pytest.param(
            [linked(OTHER, onset=EARLY), COLON_CANCER, ct(DEFINITE, date=LATE)],
            "yes:imaging-definite",
            True,
            id="imaging-since",
        ),
        pytest.param([linked(OTHER, onset=LATE), COLON_CANCER, ct(CLEAR, date=EARLY)], "no", False, id="clear-anyway"),
        pytest.param(
            [linked(OTHER), linked(PANCREAS, "mine"), COLON_CANCER, ct(DEFINITE)],
            "yes:imaging-definite",
            False,
            id="both",
        ),
        pytest.param(
            [linked(OTHER, onset=LATE), COLON_CANCER, pathology(MALIGNANT, date=EARLY)],
            "yes:pathology",
            True,
            id="pathology-is-not-attributed-away",
        ),
        pytest.param([pathology(MALIGNANT), COLON_CANCER], "yes:pathology", True, id="specimen-nobody-says-whose"),
        pytest.param([pathology(OURS), COLON_CANCER], "yes:pathology", False, id="specimen-says-whose"),
        pytest.param(
            [pathology(MALIGNANT, "a"), pathology(OURS, "b"), COLON_CANCER],
            "yes:pathology",
            False,
            id="one-specimen-says-whose",
        ),
        pytest.param(
            [pathology(MALIGNANT), linked(PANCREAS), COLON_CANCER], "yes:pathology", False, id="list-says-whose"
        ),
        pytest.param(
            [pathology(OURS, status="entered-in-error"), ct(DEFINITE), COLON_CANCER],
            "yes:imaging-definite",
            True,
            id="a-withdrawn-specimen-says-nothing",
        ),
        pytest.param(
            [pathology(MALIGNANT), condition(named("Prostate cancer"), "prostate")],
            "yes:pathology",
            False,
            id="a-cancer-of-another-kind",
        ),
        pytest.param([pathology(MALIGNANT)], "yes:pathology", False, id="no-other-cancer"),
    ],
)
def test_whose_metastasis(resources: list[Json], expected: str, is_unclear: bool) -> None:
    fact = make_case(pancreatic_cancer(), *resources).fact("liver_metastases")
    assert fact.state == expected
    assert ("origin-unclear" in fact.traits) == is_unclear


BEFORE = days_ago(61)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([pathology(MALIGNANT, date=BEFORE)], "unknown:not-found", id="before-this-cancer"),
        pytest.param([pathology(MALIGNANT, date=days_ago(60))], "yes:pathology", id="within-the-lead"),
        pytest.param([pathology(MALIGNANT, date="")], "yes:pathology", id="undated"),
        pytest.param([pathology(MALIGNANT, date="2025")], "unknown:not-found", id="a-year-that-is-over"),
        pytest.param([pathology(MALIGNANT, date="2026")], "yes:pathology", id="a-year-that-may-be-within"),
        pytest.param([pathology(OURS, date=BEFORE)], "yes:pathology", id="names-the-pancreas"),
        pytest.param([pathology(MALIGNANT, date=BEFORE), mri(CLEAR)], "no", id="clear-since"),
        pytest.param([pathology(MALIGNANT, date=BEFORE), ct(DEFINITE)], "yes:imaging-definite", id="imaging-since"),
        pytest.param(
            [pathology("Liver, core biopsy: consistent with adenocarcinoma.", date=BEFORE)],
            "unknown:not-found",
            id="hedged-before",
        ),
        pytest.param(
            [
                pathology(MALIGNANT, "a", BEFORE, identifier=[{"value": "1"}]),
                pathology(NORMAL, "b", BEFORE, identifier=[{"value": "1"}]),
            ],
            "unknown:not-found",
            id="disputed-before",
        ),
        pytest.param([pathology(ABSCESS, date=BEFORE)], "no", id="benign-before"),
        pytest.param([pathology(MALIGNANT, date=BEFORE), pathology(MALIGNANT, "b")], "yes:pathology", id="since-too"),
    ],
)
def test_a_specimen_that_precedes_this_cancer(resources: list[Json], expected: str) -> None:
    """The critical card C3 would rest on a metastasis of another cancer."""
    assert make_case(pancreatic_cancer(), *resources).fact("liver_metastases").state == expected


def test_a_specimen_that_precedes_this_cancer_is_listed() -> None:
    fact = make_case(pancreatic_cancer(), pathology(MALIGNANT, date=BEFORE)).fact("liver_metastases")
    found = line(fact, "DiagnosticReport/path")
    assert (found.counted, found.why) == (False, "precedes this cancer, origin not stated")


def test_the_first_evidence_is_that_of_the_reports_too() -> None:
    """The list was written late: the mass was seen when the liver was sampled."""
    mass = ct("Mass in the head of the pancreas, suspicious for adenocarcinoma.", date=days_ago(70))
    fact = make_case(pancreatic_cancer(), mass, pathology(MALIGNANT, date=BEFORE)).fact("liver_metastases")
    assert fact.state == "yes:pathology"


@pytest.mark.parametrize(
    ("resources", "traits"),
    [
        pytest.param(
            [ct(DEFINITE), mri("Liver metastasis in segment VI.")],
            {"modality-ct", "modality-mri", "multiple"},
            id="two-modalities",
        ),
        pytest.param([ultrasound(SUSPECTED)], {"modality-us"}, id="ultrasound"),
        pytest.param([pet(SUSPECTED)], set(), id="pet-has-no-trait"),
        pytest.param([pathology(MALIGNANT), mri(DEFINITE)], {"modality-mri", "multiple"}, id="behind-pathology"),
        pytest.param([ct(DEFINITE, date=LATE), mri(SUSPECTED)], {"modality-ct", "multiple"}, id="only-the-definite"),
        pytest.param([liver_metastasis()], set(), id="recorded"),
    ],
)
def test_traits(resources: list[Json], traits: set[str]) -> None:
    assert make_case(*resources).fact("liver_metastases").traits == traits


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(
            observation(
                coded(LOINC, "21907-1"),
                valueCodeableConcept=coded(SNOMED, "399409002"),
                bodySite=coded(SNOMED, "10200004"),
            ),
            "yes:recorded-only",
            id="m1-in-the-liver",
        ),
        pytest.param(
            observation(coded(LOINC, "21907-1"), valueCodeableConcept=coded(SNOMED, "399409002")),
            "unknown:not-found",
            id="m1-without-site",
        ),
        pytest.param(observation(coded(SNOMED, "94381002")), "yes:recorded-only", id="coded"),
        pytest.param(observation(coded(SNOMED, "94381002"), valueBoolean=False), "unknown:not-found", id="false"),
        pytest.param(observation(coded(SNOMED, "94381002"), status="preliminary"), "unknown:not-found", id="not-final"),
        pytest.param(
            observation(coded(SNOMED, "94381002"), effectiveDateTime=days_ago(-9)), "unknown:not-found", id="future"
        ),
        pytest.param(
            observation(coded(SNOMED, "300332007"), effectiveDateTime=LATE), "unknown:indeterminate", id="lesion"
        ),
        pytest.param(
            observation(coded(SNOMED, "1287652008"), valueBoolean=False),
            "unknown:not-found",
            id="history-of-metastatic-cancer",
        ),
    ],
)
def test_observations(resource: Json, expected: str) -> None:
    assert state(resource) == expected


def test_a_result_is_read_with_its_report() -> None:
    result = observation(coded(LOINC, "59776-5"), valueCodeableConcept=coded(SNOMED, "94381002"))
    fact = make_case(ct(result=[{"reference": "Observation/o1"}]), result).fact("liver_metastases")
    assert fact.state == "yes:imaging-definite"
    assert [item.reference for item in fact.evidence] == ["DiagnosticReport/ct"]


def test_a_corrected_report_replaces_the_first() -> None:
    key: Json = {"identifier": [{"value": "A1"}]}
    first = ct(DEFINITE, "a", issued="2026-02-20T10:00:00Z", **key)
    second = ct(CLEAR, "b", issued="2026-02-21T10:00:00Z", status="corrected", **key)
    fact = make_case(first, second).fact("liver_metastases")
    assert fact.state == "no"
    assert "DiagnosticReport/b" in line(fact, "DiagnosticReport/a").why


@pytest.mark.parametrize("key", ["conditions", "reports", "observations", "specimens"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([ct(CLEAR)], "unknown:not-searched", id="clear"),
        pytest.param([ct(SMALL, date=days_ago(200))], "unknown:not-searched", id="stale"),
        pytest.param([ct(SUSPECTED, date=days_ago(200))], "unknown:not-searched", id="stale-suspected"),
        pytest.param([ct(DEFINITE)], "yes:imaging-definite", id="definite"),
        pytest.param([ct(SUSPECTED)], "yes:imaging-suspected", id="suspected"),
        pytest.param([pathology(MALIGNANT)], "yes:pathology", id="pathology"),
        pytest.param([liver_metastasis()], "yes:recorded-only", id="recorded"),
        pytest.param([ct(SMALL)], "unknown:indeterminate", id="indeterminate"),
        pytest.param([ct(presentedForm=PDF)], "unknown:uninterpretable", id="uninterpretable"),
        pytest.param([ct(DEFINITE, "a"), ct(CLEAR, "b")], "unknown:conflict", id="conflict"),
    ],
)
def test_with_a_search_unfinished(key: str, how: Completeness, resources: list[Json], expected: str) -> None:
    fact = make_case(*resources, searches={key: how}).fact("liver_metastases")
    assert (fact.state, fact.gaps) == (expected, (f"{key}: was {how.value}",))
    assert not line(fact, key).counted


def test_reliable_pathology_categories_do_not_stand_in_for_imaging() -> None:
    broken = {"reports": Completeness.FAILED}
    assert state(searches=broken, reports_categories_reliable=True) == "unknown:not-searched"


def test_the_answer_is_dated_quoted_and_sorted() -> None:
    fact = make_case(
        ct(DEFINITE, "old", EARLY), ct(DEFINITE, "new", LATE), mri(SMALL, date=days_ago(5)), liver_metastasis()
    ).fact("liver_metastases")
    assert (fact.as_of, fact.quality) == (LATE, "from-text")
    assert [(item.reference, item.counted) for item in fact.evidence] == [
        ("DiagnosticReport/new", True),
        ("DiagnosticReport/old", True),
        ("DiagnosticReport/mri", False),
        ("Condition/liver", False),
    ]
    assert "liver metastases" in fact.evidence[0].quote.lower()


def test_a_diagnosis_in_words_is_the_weaker_source() -> None:
    words = condition(coded(ICD, "C25.9") | named("Pancreatic cancer with liver metastases"))
    assert make_case(words).fact("liver_metastases").quality == "name-only"
    assert make_case(liver_metastasis()).fact("liver_metastases").quality == "coded"


def test_what_is_recorded_says_how() -> None:
    fact = make_case(liver_metastasis(), observation(coded(SNOMED, "94381002"))).fact("liver_metastases")
    assert line(fact, "Condition/liver").why == "recorded as a diagnosis"
    assert line(fact, "Observation/o1").why == "recorded as an observation"


def test_what_overturned_a_finding_is_named() -> None:
    fact = make_case(ct(DEFINITE, date=EARLY), mri(CLEAR, date=LATE)).fact("liver_metastases")
    assert line(fact, "DiagnosticReport/ct").why == "read as definite; overturned by DiagnosticReport/mri"
    assert line(fact, "DiagnosticReport/mri").counted


def test_both_sides_of_a_conflict_count() -> None:
    fact = make_case(ct(DEFINITE, "a"), ct(CLEAR, "b")).fact("liver_metastases")
    assert line(fact, "DiagnosticReport/a").counted
    assert line(fact, "DiagnosticReport/b").counted


NOTHING = "Impression: No evidence of metastases."


def titled_ct(title: str, text: str, category: str = "CT") -> Json:
    return report(named(title), text, "later", days_ago(5), category=[coded(V2_REPORTS, category)])


@pytest.mark.parametrize(
    ("later", "state"),
    [
        pytest.param(ct(NOTHING, "later", days_ago(5)), "no", id="abdomen"),
        pytest.param(titled_ct("CT head", NOTHING), "yes:imaging-definite", id="head"),
        pytest.param(
            titled_ct("CT chest", "Visualised upper liver unremarkable."),
            "yes:imaging-definite",
            id="chest-with-a-part-of-the-liver",
        ),
        pytest.param(titled_ct("CT neck", NOTHING, "RAD"), "yes:imaging-definite", id="neck"),
        pytest.param(titled_ct("Radiology report", NOTHING), "yes:imaging-definite", id="region-not-told"),
        pytest.param(titled_ct("CT chest", "Liver: no focal lesion."), "yes:imaging-definite", id="chest-and-liver"),
        pytest.param(titled_ct("Radiology report", CLEAR), "no", id="words-about-the-liver"),
        pytest.param(
            titled_ct("Radiology report", f"Findings:\nLiver: no focal lesion.\n{NOTHING}"),
            "no",
            id="liver-among-the-findings",
        ),
        pytest.param(
            titled_ct("Radiology report", "Visualised upper liver: no lesion."),
            "yes:imaging-definite",
            id="part-of-the-liver",
        ),
        pytest.param(
            titled_ct("CT chest, abdomen and pelvis", CLEAR),
            "no",
            id="chest-and-abdomen",
        ),
    ],
)
def test_only_an_adequate_examination_overturns(later: Json, state: str) -> None:
    assert make_case(ct(DEFINITE), later).fact("liver_metastases").state == state


@pytest.mark.parametrize("verified", ["refuted", "entered-in-error"])
def test_a_link_to_a_primary_that_never_was_gives_nothing_away(verified: str) -> None:
    colon = condition(coded(ICD, "C18.9"), "colon", verified=verified)
    metastasis = linked({"reference": "Condition/colon"})
    assert make_case(pancreatic_cancer(), colon, metastasis).fact("liver_metastases").state == "yes:recorded-only"


@pytest.mark.parametrize(
    ("code", "value", "site", "state"),
    [
        pytest.param("21907-1", named("M1"), "liver", "yes:recorded-only", id="text"),
        pytest.param("21901-4", coded("https://x.example.org", "pM1a"), "liver", "yes:recorded-only", id="code"),
        pytest.param("21907-1", coded(SNOMED, "1", "M1 category"), "liver", "yes:recorded-only", id="display"),
        pytest.param("21907-1", named("M0"), "liver", "unknown:not-found", id="none"),
        pytest.param("21907-1", named("M1"), "lung", "unknown:not-found", id="elsewhere"),
        pytest.param("21905-5", named("M1"), "liver", "unknown:not-found", id="another-observation"),
    ],
)
def test_distant_stage_with_its_site(code: str, value: Json, site: str, state: str) -> None:
    stage = observation(coded(LOINC, code), valueCodeableConcept=value, bodySite=named(site))
    assert make_case(stage).fact("liver_metastases").state == state


@pytest.mark.parametrize(
    "text",
    [
        "Liver metastasis, tissue. Next generation sequencing: KRAS G12D, adenocarcinoma.",
        "Liquid biopsy (plasma, ctDNA): KRAS G12D. Liver metastasis, adenocarcinoma.",
    ],
)
def test_a_molecular_report_is_no_liver_pathology(text: str) -> None:
    specimen = {"resourceType": "Specimen", "id": "sp1", "type": named("Liver tissue")}
    sequenced = pathology(text, specimen=[{"reference": "Specimen/sp1"}])
    sequenced["code"] = named("Molecular report")
    fact = make_case(specimen, sequenced).fact("liver_metastases")
    assert fact.state == "unknown:not-found"
    assert not line(fact, "DiagnosticReport/path").counted


def test_a_film_of_no_known_modality_is_listed_only_if_it_may_tell_of_the_liver() -> None:
    film = report(named("Knee film"), "", "knee", category=RAD, presentedForm=[attachment("No fracture.")])
    coded_film = film | {"id": "coded", "conclusionCode": [coded(ICD, "C78.7")]}
    fact = make_case(film, coded_film).fact("liver_metastases")
    assert [item.reference for item in fact.evidence] == ["DiagnosticReport/coded"]
