"""C10: whether the ordered regimen is listed as standard for a histology that final pathology proves."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from cds_service.pathway.wording import LABEL_LIMIT
from tests.facts.cases import (
    BROKEN,
    ICD,
    SNOMED,
    Json,
    coded,
    condition,
    days_ago,
    line,
    liver_metastasis,
    make_case,
    named,
    pancreatic_cancer,
    pathology,
    regimens,
    report,
)
from tests.facts.test_surgery import WHIPPLE, request

SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens", "carePlans")
LIVER = [{"display": "liver"}]
NET = "Liver, core biopsy: metastatic well differentiated neuroendocrine tumour, grade 2."
NEC = "Liver, core biopsy: large cell neuroendocrine carcinoma."
NEN = "Liver, core biopsy: neuroendocrine neoplasm."
LYMPHOMA = "Pancreas, core biopsy: diffuse large B cell lymphoma."
COLORECTAL = "Liver, core biopsy: metastatic adenocarcinoma of colorectal origin."
BREAST = "Liver, core biopsy: metastatic carcinoma of breast origin."
PDAC = "Pancreas, core biopsy: adenocarcinoma."


def drug(text: str, **more: Any) -> Json:
    found: Json = {"resourceType": "MedicationRequest", "id": text.lower(), "status": "draft", "intent": "order"}
    return found | {"medicationCodeableConcept": named(text)} | more


def drugs(*names: str) -> list[Json]:
    return [drug(name) for name in names]


FOLFIRINOX = drugs("Oxaliplatin", "Irinotecan", "Fluorouracil", "Leucovorin")
FOLFOX = drugs("Oxaliplatin", "Fluorouracil", "Leucovorin")
CAPTEM = drugs("Capecitabine", "Temozolomide")
CISPLATIN_ETOPOSIDE = drugs("Cisplatin", "Etoposide")


def of_liver(text: str, **more: Any) -> Json:
    return pathology(text, specimen=LIVER, **more)


def fact_of(*resources: Json, drafts: list[Json], **more: Any) -> Any:
    case = make_case(pancreatic_cancer(), liver_metastasis(), *resources, drafts=drafts, **more)
    return case.fact("histology_mismatch")


@pytest.mark.parametrize(
    ("text", "drafts", "state", "label"),
    [
        pytest.param(NET, FOLFIRINOX, "yes", "NET", id="net-folfirinox"),
        pytest.param(NET, CAPTEM, "no:regimen-fits", "NET", id="net-capecitabine-temozolomide"),
        pytest.param(NET, drugs("Capecitabine"), "yes", "NET", id="net-capecitabine-alone"),
        pytest.param(NET, CISPLATIN_ETOPOSIDE, "yes", "NET", id="net-cisplatin-etoposide"),
        pytest.param(NEC, CISPLATIN_ETOPOSIDE, "no:regimen-fits", "NEC", id="nec-cisplatin-etoposide"),
        pytest.param(NEC, CAPTEM, "yes", "NEC", id="nec-capecitabine-temozolomide"),
        pytest.param(NEN, CAPTEM, "yes", "NET or NEC", id="kind-left-open"),
        pytest.param(LYMPHOMA, FOLFIRINOX, "yes", "lymphoma", id="lymphoma"),
        pytest.param(COLORECTAL, FOLFOX, "no:regimen-fits", "colorectal cancer", id="colorectal-folfox"),
        pytest.param(
            COLORECTAL, [request(named("mFOLFOX6"))], "no:regimen-fits", "colorectal cancer", id="folfox-by-name"
        ),
        pytest.param(
            COLORECTAL,
            [request(coded(SNOMED, "461391000124102"))],
            "no:regimen-fits",
            "colorectal cancer",
            id="folfox-by-code",
        ),
        pytest.param(COLORECTAL, drugs("Oxaliplatin (FOLFOX)"), "no:regimen-fits", "colorectal cancer", id="in-a-name"),
        pytest.param(COLORECTAL, FOLFIRINOX, "yes", "colorectal cancer", id="colorectal-folfirinox"),
        pytest.param(
            COLORECTAL, [request(coded(SNOMED, "870249004"))], "yes", "colorectal cancer", id="regimen-not-in-the-table"
        ),
        pytest.param(
            COLORECTAL,
            [request(coded(SNOMED, "870249004")), *FOLFOX],
            "yes",
            "colorectal cancer",
            id="another-regimen-beside",
        ),
        pytest.param(
            COLORECTAL, [request(coded(SNOMED, "367336001"))], "yes", "colorectal cancer", id="drug-not-named"
        ),
        pytest.param(BREAST, FOLFOX, "yes", "breast cancer", id="regimen-of-another-histology"),
    ],
)
def test_the_ordered_regimen_against_the_proven_histology(
    text: str, drafts: list[Json], state: str, label: str
) -> None:
    fact = fact_of(of_liver(text) if "Pancreas" not in text else pathology(text), drafts=drafts)
    assert (fact.state, fact.label, fact.as_of) == (state, label, days_ago(10))
    assert line(fact, "DiagnosticReport/path").counted


@pytest.mark.parametrize(
    ("code", "label"),
    [
        pytest.param(coded(ICD, "C25.4"), "NET or NEC", id="neuroendocrine"),
        pytest.param(coded(SNOMED, "109841003"), "HCC", id="hepatocellular"),
        pytest.param(coded(SNOMED, "782697005"), "SPN", id="solid-pseudopapillary"),
        pytest.param(coded(ICD, "C50.919"), "breast cancer", id="breast"),
        pytest.param(coded(SNOMED, "94459006"), "another histology", id="metastasis-to-the-pancreas"),
    ],
)
def test_a_coded_histology_is_called_in_our_words(code: Json, label: str) -> None:
    fact = fact_of(of_liver("", conclusionCode=[code]), drafts=FOLFIRINOX)
    assert (fact.state, fact.label, fact.quality) == ("yes", label, "coded")


def test_labels_fit_into_a_summary() -> None:
    table = regimens()
    assert all(len(label) <= LABEL_LIMIT for label in (table.otherwise, *(each.label for each in table.histologies)))


@pytest.mark.parametrize(
    ("resources", "drafts"),
    [
        pytest.param((pathology(PDAC),), FOLFIRINOX, id="pancreatic-adenocarcinoma"),
        pytest.param((), FOLFIRINOX, id="no-pathology"),
        pytest.param((of_liver(NET),), [], id="no-order"),
        pytest.param((of_liver(NET),), [request(WHIPPLE)], id="no-systemic-order"),
        pytest.param((of_liver(NET),), drugs("Temozolomide"), id="companion-alone"),
        pytest.param((of_liver(NET),), [drug("Gemcitabine", status="cancelled")], id="order-not-live"),
        pytest.param((of_liver(NET, status="preliminary"),), FOLFIRINOX, id="not-final"),
        pytest.param((of_liver(NET, status="entered-in-error"),), FOLFIRINOX, id="withdrawn"),
        pytest.param(
            (of_liver(NET, ident="old", date=days_ago(25)), pathology(PDAC, date=days_ago(5))),
            FOLFIRINOX,
            id="later-report-decides",
        ),
        pytest.param(
            (of_liver(COLORECTAL), pathology(PDAC, ident="own")), FOLFIRINOX, id="proven-adenocarcinoma-beside"
        ),
        pytest.param((of_liver("No evidence of neuroendocrine tumour. Normal liver."),), FOLFIRINOX, id="negated"),
    ],
)
def test_no_other_histology_is_no(resources: tuple[Json, ...], drafts: list[Json]) -> None:
    assert fact_of(*resources, drafts=drafts).state == "no"


def test_a_histology_that_is_only_recorded_is_no_mismatch_and_is_listed() -> None:
    fact = fact_of(condition(coded(ICD, "C25.4"), "net"), drafts=FOLFIRINOX)
    found = line(fact, "Condition/net")
    assert (fact.state, found.counted, found.why) == ("no", False, "a recorded diagnosis, not final pathology")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"status": "cancelled"}, id="cancelled"),
        pytest.param({"doNotPerform": True}, id="not-to-be-done"),
        pytest.param({"subject": {"reference": "Patient/p2"}}, id="another-patient"),
        pytest.param({"resourceType": "ServiceRequest", "code": named("Temozolomide level")}, id="no-drug-order"),
    ],
)
def test_a_companion_that_is_no_order_completes_no_regimen(more: Json) -> None:
    assert fact_of(of_liver(NET), drafts=[*drugs("Capecitabine"), drug("Temozolomide") | more]).state == "yes"


def test_every_draft_of_the_regimen_counts_selected_or_not() -> None:
    fact = fact_of(of_liver(COLORECTAL), drafts=FOLFOX, selections=("MedicationRequest/oxaliplatin",))
    assert fact.state == "no:regimen-fits"
    assert line(fact, "MedicationRequest/fluorouracil").counted
    assert "MedicationRequest/leucovorin" not in {item.reference for item in fact.evidence}


@pytest.mark.parametrize(
    "resources",
    [
        pytest.param((of_liver("", presentedForm=[{"contentType": "application/pdf"}]),), id="a-file"),
        pytest.param((of_liver(NET), pathology(PDAC, ident="own")), id="two-histologies-the-same-day"),
        pytest.param(
            (
                condition(coded(ICD, "C25.4"), "net"),
                of_liver("", presentedForm=[{"contentType": "application/pdf"}]),
            ),
            id="recorded-and-a-file",
        ),
    ],
)
def test_what_cannot_be_read_is_uninterpretable(resources: tuple[Json, ...]) -> None:
    assert fact_of(*resources, drafts=FOLFIRINOX).state == "unknown:uninterpretable"


def test_reports_that_disagree_about_one_specimen_are_uninterpretable() -> None:
    same = [{"reference": "Specimen/s"}]
    specimen = {"resourceType": "Specimen", "id": "s", "type": named("Liver tissue")}
    first = pathology("Liver, core biopsy: adenocarcinoma.", ident="first", specimen=same)
    second = pathology(COLORECTAL, ident="second", specimen=same)
    assert fact_of(specimen, first, second, drafts=FOLFIRINOX).state == "unknown:uninterpretable"


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("search", SEARCHES)
def test_no_needs_every_search(search: str, how: Completeness) -> None:
    fact = fact_of(pathology(PDAC), drafts=FOLFIRINOX, searches={search: how})
    assert fact.state == "unknown:not-searched"
    assert fact.gaps == (f"{search}: was {how.value}",)
    assert search in {item.text for item in fact.evidence}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_mismatch_keeps_its_value_and_names_what_was_not_read(search: str) -> None:
    fact = fact_of(of_liver(NET), drafts=FOLFIRINOX, searches={search: Completeness.FAILED})
    assert (fact.state, fact.gaps) == ("yes", (f"{search}: was failed",))


@pytest.mark.parametrize("search", SEARCHES)
def test_another_primary_needs_every_search(search: str) -> None:
    fact = fact_of(of_liver(COLORECTAL), drafts=FOLFIRINOX, searches={search: Completeness.FAILED})
    assert fact.state == "unknown:not-searched"


def test_reliable_categories_let_pathology_stand_in_for_reports() -> None:
    fact = fact_of(
        pathology(PDAC),
        drafts=FOLFIRINOX,
        searches={"reports": Completeness.FAILED},
        reports_categories_reliable=True,
    )
    assert fact.state == "no"


@pytest.mark.parametrize(
    "junk",
    [
        report(named("Pathology"), "", conclusionCode=5, specimen="x"),
        {"resourceType": "DiagnosticReport", "status": 3, "code": "x"},
        {"resourceType": "Condition", "code": 7},
    ],
)
def test_malformed_items_never_raise(junk: Json) -> None:
    assert fact_of(junk, drafts=[*FOLFIRINOX, {"resourceType": "MedicationRequest"}]).value in {"no", "unknown"}


def test_a_regimen_that_fits_is_no_answer_while_a_report_may_be_missing() -> None:
    searches = {"documents": Completeness.INCOMPLETE}
    assert fact_of(of_liver(NET), drafts=CAPTEM, searches=searches).state == "unknown:not-searched"
