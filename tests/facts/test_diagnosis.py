"""F1 pancreatic_cancer, F2 excluded_histology, F14 other_primary_history, and the age exclusion."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.facts.problems import problems_of
from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    ICD,
    LOINC,
    SNOMED,
    Json,
    attachment,
    coded,
    condition,
    days_ago,
    line,
    liver_metastasis,
    make_case,
    named,
    pancreatic_cancer,
    pathology,
    terms,
)

ATC = "http://www.whocc.no/atc"
HISTOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
PDF = [attachment("%PDF", "application/pdf")]


def gemcitabine(**more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": coded(ATC, "L01BC05"),
        "subject": {"reference": "Patient/p1"},
    } | more


# ---- F1


@pytest.mark.parametrize(
    ("resource", "state"),
    [
        pytest.param(condition(coded(ICD, "C25.0")), "yes:confirmed", id="head"),
        pytest.param(condition(coded(ICD, "c259")), "yes:confirmed", id="without-dot"),
        pytest.param(condition(coded(SNOMED, "363418001")), "yes:confirmed", id="snomed"),
        pytest.param(condition(coded(ICD, "C25.0"), clinical=""), "yes:confirmed", id="no-clinical-status"),
        pytest.param(condition(coded(ICD, "C25.0"), clinical="recurrence"), "yes:confirmed", id="recurrence"),
        pytest.param(condition(coded(ICD, "C25.0"), verified=""), "yes:confirmed", id="no-verification"),
        pytest.param(condition(coded(ICD, "C25.0"), clinicalStatus="active"), "yes:confirmed", id="status-as-string"),
        pytest.param(condition(coded(ICD, "C25.0"), verified="provisional"), "yes:suspected", id="provisional"),
        pytest.param(condition(coded(ICD, "C25.0"), verified="differential"), "yes:suspected", id="differential"),
        pytest.param(condition(coded(ICD, "C25.0"), verified="unconfirmed"), "yes:suspected", id="unconfirmed"),
        pytest.param(
            condition(coded(SNOMED, "35917007"), bodySite=[coded(SNOMED, "64163001")]), "yes:confirmed", id="site"
        ),
        pytest.param(
            condition(
                named("Cancer"),
                bodySite=[coded(SNOMED, "15776009")],
                extension=[{"url": HISTOLOGY, "valueCodeableConcept": coded(SNOMED, "82711006")}],
            ),
            "yes:confirmed",
            id="mcode-histology-and-site",
        ),
        pytest.param(
            condition(
                named("Cancer"),
                bodySite=[coded(SNOMED, "15776009")],
                extension=[{"url": "https://x.example.org/note", "valueCodeableConcept": coded(SNOMED, "82711006")}],
            ),
            "no",
            id="another-extension",
        ),
        pytest.param(condition(coded(SNOMED, "35917007")), "no", id="morphology-without-site"),
        pytest.param(condition(named("Pancreatic cancer")), "yes:suspected", id="name-only"),
        pytest.param(
            condition(coded(ICD, "C78.7") | named("Pancreatic cancer with liver metastases")),
            "yes:suspected",
            id="metastasis-that-names-the-primary",
        ),
        pytest.param(condition(coded(SNOMED, "314999005")), "yes:suspected", id="metastasis-from-the-pancreas"),
        pytest.param(condition(coded(ICD, "C25.0"), verified="refuted"), "no", id="refuted"),
        pytest.param(condition(coded(ICD, "C25.0"), verified="entered-in-error"), "no", id="in-error"),
        pytest.param(condition(coded(ICD, "C25.0"), onsetDateTime=days_ago(-9)), "no", id="future"),
        pytest.param(condition(coded(ICD, "C25.0"), clinical="resolved"), "no", id="resolved"),
        pytest.param(condition(coded(ICD, "Z85.07")), "no", id="history-code"),
        pytest.param(condition(named("Family history of pancreatic cancer")), "no", id="family-history"),
        pytest.param(condition(named("Rule out pancreatic cancer")), "no", id="rule-out"),
        pytest.param(condition(named("Chronic pancreatitis")), "no", id="pancreatitis"),
        pytest.param(condition(named("IPMN of pancreas")), "no", id="ipmn"),
        pytest.param(condition(coded(ICD, "C25.4")), "no", id="endocrine"),
        pytest.param(condition(coded(ICD, "K86.89", "Other specified diseases of pancreas")), "no", id="not-a-mass"),
        pytest.param(condition(coded(ICD, "C50.919")), "no", id="breast"),
        pytest.param(condition({"coding": [{"code": "C25.0"}]}), "no", id="no-system"),
    ],
)
def test_pancreatic_cancer(resource: Json, state: str) -> None:
    assert make_case(resource).fact("pancreatic_cancer").state == state


@pytest.mark.parametrize(
    ("past", "state"),
    [
        pytest.param(condition(coded(ICD, "C25.0"), clinical="resolved"), "yes:suspected", id="resolved"),
        pytest.param(condition(coded(ICD, "C25.0"), clinical="remission"), "yes:suspected", id="remission"),
        pytest.param(condition(coded(ICD, "Z85.07")), "yes:suspected", id="history-code"),
        pytest.param(condition(coded(ICD, "Z85.07"), verified="refuted"), "no", id="refuted-history"),
    ],
)
def test_past_cancer_with_a_liver_metastasis(past: Json, state: str) -> None:
    assert make_case(past, liver_metastasis()).fact("pancreatic_cancer").state == state
    for gone in (liver_metastasis(verified="refuted"), liver_metastasis(clinical="resolved")):
        assert make_case(past, gone).fact("pancreatic_cancer").state == "no"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        pytest.param(coded(ICD, "K86.89") | named("Pancreatic mass"), "yes:suspected", id="pancreatic-mass"),
        pytest.param(coded(ICD, "D49.0") | named("Mass of head of pancreas"), "yes:suspected", id="head"),
        pytest.param(coded(ICD, "D37.8", "Neoplasm of uncertain behavior of pancreas"), "yes:suspected", id="neoplasm"),
        pytest.param(coded(SNOMED, "425810000"), "yes:suspected", id="code-that-says-mass"),
        pytest.param(coded(ICD, "K86.89") | named("Pancreatic lesion, mass ruled out"), "no", id="mass-ruled-out"),
        pytest.param(coded(ICD, "D49.0") | named("Gastric mass"), "no", id="another-organ"),
        pytest.param(coded(ICD, "K86.89") | named("Pancreatic cystic lesion"), "no", id="cyst"),
        pytest.param(coded(ICD, "K86.89", "Other specified diseases of pancreas"), "no", id="not-a-mass"),
        pytest.param(coded(ICD, "R97.8") | named("Abnormal tumour marker"), "no", id="marker"),
    ],
)
def test_a_mass_needs_its_words(code: Json, state: str) -> None:
    assert make_case(condition(code)).fact("pancreatic_cancer").state == state


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("Pancreatic cancer ruled out", "no"),
        ("Cancer of pancreas was excluded", "no"),
        ("FH: pancreatic cancer", "no"),
        ("Genetic susceptibility to pancreatic cancer", "no"),
        ("Pancreatic cancer screening", "no"),
        ("Metastatic renal cell carcinoma to the pancreas", "no"),
        ("Pancreatic cancer, brain metastases ruled out", "yes:suspected"),
        ("Pancreatic cancer, history of renal cell carcinoma", "yes:suspected"),
    ],
)
def test_names_that_do_not_state_this_cancer(name: str, state: str) -> None:
    assert make_case(condition(named(name))).fact("pancreatic_cancer").state == state


@pytest.mark.parametrize(
    ("order", "state"),
    [
        pytest.param({"reasonCode": [coded(ICD, "C25.0")]}, "yes:suspected", id="reason-code"),
        pytest.param({"reasonCode": [named("Pancreatic cancer")]}, "yes:suspected", id="reason-in-words"),
        pytest.param({"reasonReference": [{"display": "Pancreatic cancer"}]}, "yes:suspected", id="reference-display"),
        pytest.param(
            {"reasonReference": [{"reference": "#c"}], "contained": [condition(coded(ICD, "C25.0"), "c")]},
            "yes:suspected",
            id="contained-condition",
        ),
        pytest.param({"reasonReference": [{"reference": "Condition/c1"}]}, "no", id="refuted-condition-of-the-record"),
        pytest.param({"reasonCode": [coded(ICD, "C25.0"), named("Jaundice")]}, "yes:suspected", id="two-reasons"),
        pytest.param({}, "no", id="no-reason"),
        pytest.param({"status": "cancelled", "reasonCode": [coded(ICD, "C25.0")]}, "no", id="order-not-live"),
    ],
)
def test_reason_of_the_order(order: Json, state: str) -> None:
    refuted = condition(coded(ICD, "C25.0"), verified="refuted")
    assert make_case(refuted, drafts=[gemcitabine(**order)]).fact("pancreatic_cancer").state == state


@pytest.mark.parametrize(
    ("reason", "quality"),
    [
        pytest.param(coded(ICD, "C25.0"), "coded", id="coded"),
        pytest.param(named("Pancreatic cancer"), "name-only", id="in-words"),
    ],
)
def test_a_reason_is_listed_with_its_order(reason: Json, quality: str) -> None:
    fact = make_case(drafts=[gemcitabine(reasonCode=[reason])]).fact("pancreatic_cancer")
    assert fact.quality == quality
    assert line(fact, "MedicationRequest/m1").why == "named as the reason of the order"


def test_confirmed_wins_and_the_earliest_date_is_kept() -> None:
    suspected = condition(named("Pancreatic cancer"), "early", onsetDateTime=days_ago(60))
    fact = make_case(suspected, pancreatic_cancer(onset=days_ago(30))).fact("pancreatic_cancer")
    assert (fact.state, fact.as_of, fact.quality) == ("yes:confirmed", days_ago(60), "coded")


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_pancreatic_cancer_with_conditions_unfinished(how: Completeness) -> None:
    nothing = make_case(searches={"conditions": how}).fact("pancreatic_cancer")
    assert nothing.state == "unknown:not-searched"
    assert line(nothing, "conditions").why
    found = make_case(pancreatic_cancer(), searches={"conditions": how}).fact("pancreatic_cancer")
    assert found.state == "yes:confirmed"
    assert found.gaps == (f"conditions: was {how.value}",)


def test_what_did_not_count_is_listed() -> None:
    fact = make_case(
        condition(coded(ICD, "C25.0"), "refuted", verified="refuted"), condition(coded(ICD, "C25.4"), "endocrine")
    ).fact("pancreatic_cancer")
    assert line(fact, "Condition/refuted").why == "refuted"
    assert not line(fact, "Condition/refuted").counted
    assert line(fact, "Condition/endocrine").why == "a neuroendocrine neoplasm"


def test_a_status_may_be_text() -> None:
    resource = condition(coded(ICD, "C25.0"), clinicalStatus=named("Resolved"), verificationStatus={"coding": []})
    (problem,) = problems_of(make_case(resource))
    assert (problem.is_current, problem.status) == (False, "resolved")


# ---- F2

NET = "Liver, core biopsy: well differentiated neuroendocrine tumour."
ADENO = "Liver, core biopsy: adenocarcinoma."


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([pathology(NET)], "yes", id="neuroendocrine-pathology"),
        pytest.param([pathology("Pancreas, biopsy: diffuse large B-cell lymphoma.")], "yes", id="lymphoma"),
        pytest.param([pathology("Pancreas, biopsy: solid pseudopapillary neoplasm.")], "yes", id="pseudopapillary"),
        pytest.param([pathology("Liver, biopsy: hepatocellular carcinoma.")], "yes", id="hepatocellular"),
        pytest.param(
            [pathology("Pancreas, EUS-FNB: metastatic renal cell carcinoma.")], "yes", id="metastasis-to-the-pancreas"
        ),
        pytest.param([pathology(conclusionCode=[coded(ICD, "C25.4")])], "yes", id="coded-conclusion"),
        pytest.param([pathology("Pancreas, tail: acinar cell carcinoma.")], "no", id="acinar-is-not-excluded"),
        pytest.param([pathology("Pancreas: adenosquamous carcinoma.")], "no", id="adenosquamous-is-not-excluded"),
        pytest.param(
            [pathology("Liver, biopsy: adenocarcinoma. No features of neuroendocrine tumour.")], "no", id="negated"
        ),
        pytest.param([pathology(NET, status="preliminary")], "no", id="not-final"),
        pytest.param([pathology(NET, status="entered-in-error")], "no", id="in-error"),
        pytest.param([pathology("Peritoneum, biopsy: neuroendocrine carcinoma.")], "yes", id="peritoneum"),
        pytest.param([condition(coded(ICD, "C25.4"))], "yes", id="C25.4"),
        pytest.param([condition(coded(ICD, "C7B.02"))], "yes", id="C7B"),
        pytest.param([condition(coded(ICD, "D3A.8"))], "yes", id="D3A"),
        pytest.param([condition(coded(SNOMED, "782697005"))], "yes", id="pseudopapillary-coded"),
        pytest.param([condition(coded(SNOMED, "94459006"))], "yes", id="secondary-of-the-pancreas"),
        pytest.param([condition(named("Pancreatic neuroendocrine tumour"))], "yes", id="name-only"),
        pytest.param(
            [condition(coded(ICD, "C25.9") | named("Pancreatic neuroendocrine tumour"))], "yes", id="coded-as-plain-C25"
        ),
        pytest.param([condition(coded(ICD, "C25.4"), verified="refuted")], "no", id="refuted"),
        pytest.param([condition(coded(ICD, "C25.4"), verified="provisional")], "no", id="provisional"),
        pytest.param([condition(coded(ICD, "C25.4"), clinical="resolved")], "no", id="resolved"),
        pytest.param([condition(coded(ICD, "C25.4")), pathology(ADENO)], "no", id="pathology-beats-the-record"),
        pytest.param([condition(coded(ICD, "C22.0"))], "no", id="recorded-hepatocellular-is-another-cancer"),
        pytest.param([pathology(NET, "a", days_ago(20)), pathology(ADENO, "b")], "no", id="later-adenocarcinoma"),
        pytest.param([pathology(ADENO, "a", days_ago(20)), pathology(NET, "b")], "yes", id="later-neuroendocrine"),
        pytest.param([pathology(ADENO, "a"), pathology(NET, "b")], "unknown:uninterpretable", id="same-day"),
        pytest.param([pathology(presentedForm=PDF)], "unknown:uninterpretable", id="pdf"),
        pytest.param([pathology("See attached.")], "unknown:uninterpretable", id="words-that-say-nothing"),
        pytest.param([pathology(NET, date=days_ago(-7))], "unknown:uninterpretable", id="future"),
        pytest.param([pathology(ADENO, "a"), pathology("", "b", presentedForm=PDF)], "no", id="pdf-beside-a-diagnosis"),
        pytest.param([pathology("Skin, left arm: diffuse large B-cell lymphoma.")], "no", id="another-site"),
        pytest.param([pancreatic_cancer(), pathology(NET, date=days_ago(900))], "no", id="precedes-this-cancer"),
        pytest.param([pancreatic_cancer(), pathology(NET, date=days_ago(60))], "yes", id="within-the-lead"),
        pytest.param([pancreatic_cancer(), pathology(NET, date=days_ago(61))], "no", id="a-day-before-the-lead"),
        pytest.param([pancreatic_cancer(), pathology(NET, date="")], "yes", id="undated"),
        pytest.param(
            [pancreatic_cancer(), pathology("Pancreas: neuroendocrine tumour.", date=days_ago(900))],
            "yes",
            id="old-but-from-the-pancreas",
        ),
    ],
)
def test_excluded_histology(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("excluded_histology").state == state


def test_molecular_reports_say_nothing_of_the_histology() -> None:
    report = pathology("Plasma, circulating tumour DNA: KRAS G12D mutation detected.")
    fact = make_case(report).fact("excluded_histology")
    assert fact.state == "no"
    assert line(fact, "DiagnosticReport/path").why == "a molecular report"


def test_only_the_latest_histology_counts() -> None:
    fact = make_case(pathology(ADENO, "a", days_ago(20)), pathology(NET, "b")).fact("excluded_histology")
    assert (line(fact, "DiagnosticReport/a").counted, line(fact, "DiagnosticReport/b").counted) == (False, True)


def test_the_histology_is_named_and_dated() -> None:
    fact = make_case(pathology(NET)).fact("excluded_histology")
    assert "neuroendocrine" in fact.label
    assert (fact.as_of, fact.quality) == (days_ago(10), "from-text")
    recorded = make_case(condition(named("Pancreatic neuroendocrine tumour"))).fact("excluded_histology")
    assert (recorded.label, recorded.as_of, recorded.quality) == ("Pancreatic neuroendocrine tumour", "", "name-only")


@pytest.mark.parametrize("key", ["conditions", "reports", "documents", "observations", "specimens"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_excluded_histology_with_a_search_unfinished(key: str, how: Completeness) -> None:
    searches = {key: how}
    assert make_case(searches=searches).fact("excluded_histology").state == "unknown:not-searched"
    found = make_case(pathology(NET), searches=searches).fact("excluded_histology")
    assert (found.state, found.gaps) == ("yes", (f"{key}: was {how.value}",))
    unread = make_case(pathology(presentedForm=PDF), searches=searches).fact("excluded_histology")
    assert unread.state == "unknown:uninterpretable"


def test_pathology_stands_in_for_reports_where_categories_are_reliable() -> None:
    broken = {"reports": Completeness.INCOMPLETE}
    for name in ("excluded_histology", "other_primary_history"):
        assert make_case(searches=broken).fact(name).state == "unknown:not-searched"
        assert make_case(searches=broken, reports_categories_reliable=True).fact(name).state == "no"


# ---- F14


@pytest.mark.parametrize(
    ("resources", "state", "label"),
    [
        pytest.param([], "no", "", id="nothing"),
        pytest.param([pancreatic_cancer(), liver_metastasis()], "no", "", id="this-cancer-and-its-metastasis"),
        pytest.param(
            [condition(coded(ICD, "C50.919"), onsetDateTime="2018-06-14")],
            "yes:likely-source",
            "breast 2018",
            id="breast",
        ),
        pytest.param(
            [condition(coded(ICD, "C50.919"), clinical="resolved")], "yes:likely-source", "breast", id="resolved"
        ),
        pytest.param(
            [condition(coded(ICD, "C18.7", "Malignant neoplasm of sigmoid colon"))],
            "yes:likely-source",
            "colorectal",
            id="prefix",
        ),
        pytest.param([condition(coded(ICD, "C34.1"))], "yes:likely-source", "C34.1", id="cancer-that-nobody-names"),
        pytest.param([condition(coded(ICD, "Z85.3"))], "yes:likely-source", "breast", id="history-code"),
        pytest.param([condition(coded(ICD, "Z85.07"))], "no", "", id="history-of-this-cancer"),
        pytest.param(
            [condition(coded(ICD, "C61", "Malignant neoplasm of prostate"))],
            "yes:other-site",
            "prostate",
            id="code-outside-the-value-sets",
        ),
        pytest.param([condition(coded(ICD, "Z85.9"))], "yes:other-site", "Z85.9", id="history-without-a-site"),
        pytest.param([condition(coded(ICD, "Z85.528"))], "yes:likely-source", "kidney", id="history-of-kidney"),
        pytest.param([condition(named("Carcinoma of ovary"))], "yes:likely-source", "ovary", id="ovary"),
        pytest.param(
            [condition(named("Prostate cancer"), "a"), condition(named("Melanoma"), "b")],
            "yes:likely-source",
            "prostate, melanoma",
            id="one-of-two-is-likely",
        ),
        pytest.param([condition(named("Breast cancer 2009"))], "yes:likely-source", "breast", id="name-only"),
        pytest.param([condition(named("Family history of breast cancer"))], "no", "", id="family-history"),
        pytest.param([condition(named("Basal cell carcinoma of nose"))], "no", "", id="basal-cell"),
        pytest.param([condition(named("Ductal carcinoma in situ of breast"))], "no", "", id="in-situ"),
        pytest.param([condition(coded(ICD, "C22.9"))], "no", "", id="liver-secondary-coded-as-primary"),
        pytest.param(
            [condition(coded(ICD, "C78.00", "Secondary malignant neoplasm of lung"))], "no", "", id="lung-secondary"
        ),
        pytest.param([condition(coded(ICD, "C50.919"), verified="refuted")], "no", "", id="refuted"),
        pytest.param([condition(coded(ICD, "C50.919"), verified="differential")], "no", "", id="differential"),
        pytest.param(
            [pathology("Liver, biopsy: metastatic colorectal adenocarcinoma.", date="2026-02-20")],
            "yes:likely-source",
            "colorectal 2026",
            id="pathology",
        ),
        pytest.param(
            [pathology("Liver, biopsy: metastatic colorectal adenocarcinoma.", status="preliminary")],
            "no",
            "",
            id="pathology-not-final",
        ),
    ],
)
def test_other_primary_history(resources: list[Json], state: str, label: str) -> None:
    fact = make_case(*resources).fact("other_primary_history")
    assert (fact.state, fact.label) == (state, label)


@pytest.mark.parametrize("mark", ["(HCC)", "(CMS/HCC)", "(CMS-HCC)", "(hcc)"])
def test_a_billing_mark_is_no_liver_cancer(mark: str) -> None:
    diabetes = condition(named(f"Type 2 diabetes mellitus {mark}"))
    assert make_case(diabetes).fact("other_primary_history").state == "no"
    breast = condition(coded(ICD, "C50.919", f"Breast cancer {mark}"))
    assert make_case(breast).fact("other_primary_history").label == "breast"
    spread = condition(named(f"Metastases to liver {mark}"))
    case = make_case(pancreatic_cancer(), spread)
    assert case.fact("liver_metastases").state == "yes:recorded-only"
    assert case.fact("other_primary_history").state == "no"
    assert make_case(condition(named("HCC"))).fact("other_primary_history").label == "liver"


def test_one_cancer_recorded_twice_is_one_with_its_first_year() -> None:
    breast = coded(ICD, "C50.919")
    fact = make_case(
        condition(breast, "a", onsetDateTime="2018"),
        condition(breast, "b"),
        condition(breast, "c", onsetDateTime="2012-05"),
        condition(named("Melanoma"), "d", onsetDateTime="2001"),
    ).fact("other_primary_history")
    assert (fact.label, fact.as_of) == ("breast 2012, melanoma 2001", "2018")


@pytest.mark.parametrize("key", ["conditions", "reports", "documents", "observations", "specimens"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_other_primary_history_with_a_search_unfinished(key: str, how: Completeness) -> None:
    searches = {key: how}
    assert make_case(searches=searches).fact("other_primary_history").state == "unknown:not-searched"
    found = make_case(condition(coded(ICD, "C50.919")), searches=searches).fact("other_primary_history")
    assert (found.state, found.gaps) == ("yes:likely-source", (f"{key}: was {how.value}",))


# ---- Age


def patient(born: object) -> Json:
    return {"resourceType": "Patient", "id": "p1", "birthDate": born}


@pytest.mark.parametrize(
    ("born", "state"),
    [
        pytest.param("1958-04-11", "no", id="adult"),
        pytest.param("2008-03-02", "no", id="eighteenth-birthday"),
        pytest.param("2008-03-03", "yes", id="day-before-the-birthday"),
        pytest.param("2008", "unknown:not-found", id="year-that-does-not-settle-it"),
        pytest.param("2008-04", "yes", id="month-that-settles-it"),
        pytest.param("2007", "no", id="year-that-settles-it"),
        pytest.param("2008-02-29", "no", id="leap-day"),
        pytest.param("2030-01-01", "unknown:not-found", id="future"),
        pytest.param("unknown", "unknown:not-found", id="unreadable"),
        pytest.param(None, "unknown:not-found", id="absent"),
    ],
)
def test_under_eighteen(born: object, state: str) -> None:
    assert make_case(patient(born)).fact("under_eighteen").state == state


def test_a_month_of_birth_on_its_first_day() -> None:
    first = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert make_case(patient("2008-03"), now=first).fact("under_eighteen").state == "unknown:not-found"


def test_age_without_the_patient() -> None:
    assert make_case().fact("under_eighteen").state == "unknown:not-found"


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_age_with_the_search_unfinished(how: Completeness) -> None:
    searches = {"patient": how}
    assert make_case(searches=searches).fact("under_eighteen").state == "unknown:not-searched"
    assert make_case(patient("1958-04-11"), searches=searches).fact("under_eighteen").state == "unknown:not-searched"
    child = make_case(patient("2015-01-01"), searches=searches).fact("under_eighteen")
    assert (child.state, child.as_of, child.gaps) == ("yes", "2015-01-01", (f"patient: was {how.value}",))


def titled(concept: str) -> list[Any]:
    """Every verified code of a value set, with its official title where the project may carry it."""
    with (find_cards() / "value-sets" / "verified-codes.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["concept"] == concept]
    return [
        pytest.param(coded(row["system_url"], row["code"], row["display"]), id=f"{row['code']}-{row['display'][:40]}")
        for row in rows
        if concept in terms().concepts_of_code(row["system_url"], row["code"])
    ]


@pytest.mark.parametrize("code", titled("cond.pancreas_primary"))
def test_titles_of_this_cancer_do_not_mislead(code: Json) -> None:
    case = make_case(condition(code))
    assert case.fact("pancreatic_cancer").state == "yes:confirmed"
    assert case.fact("excluded_histology").state == "no"
    assert case.fact("other_primary_history").state == "no"
    assert case.fact("liver_metastases").state == "unknown:not-found"


@pytest.mark.parametrize("code", titled("cond.liver_metastasis"))
def test_titles_of_a_liver_metastasis_do_not_mislead(code: Json) -> None:
    for recorded in (code, {"text": label} if (label := code["coding"][0].get("display")) else code):
        case = make_case(condition(recorded))
        assert case.fact("liver_metastases").state == "yes:recorded-only"
        assert case.fact("other_primary_history").state == "no"
        assert case.fact("excluded_histology").state == "no"


@pytest.mark.parametrize("code", [*titled("cond.other_primary_to_pancreas"), *titled("cond.history_other_primary")])
def test_titles_of_other_cancers_do_not_mislead(code: Json) -> None:
    case = make_case(condition(code))
    assert case.fact("other_primary_history").value == "yes"
    assert case.fact("pancreatic_cancer").state == "no"
    assert case.fact("excluded_histology").state == "no"
    assert case.fact("liver_metastases").state == "unknown:not-found"


@pytest.mark.parametrize("code", [*titled("cond.other_metastasis"), *titled("cond.peritoneal_metastasis")])
def test_titles_of_other_metastases_do_not_mislead(code: Json) -> None:
    case = make_case(condition(code))
    for name, state in (
        ("pancreatic_cancer", "no"),
        ("excluded_histology", "no"),
        ("other_primary_history", "no"),
        ("liver_metastases", "unknown:not-found"),
    ):
        assert case.fact(name).state == state


@pytest.mark.parametrize("code", titled("cond.pancreas_neuroendocrine"))
def test_titles_of_neuroendocrine_neoplasms_do_not_mislead(code: Json) -> None:
    case = make_case(condition(code))
    assert case.fact("excluded_histology").state == "yes"
    assert case.fact("pancreatic_cancer").state == "no"
    assert case.fact("liver_metastases").state == "unknown:not-found"


def test_loinc_codes_are_no_diagnoses() -> None:
    assert make_case(condition(coded(LOINC, "11526-1"))).fact("pancreatic_cancer").state == "no"


@pytest.mark.parametrize("code", ["D3A.020", "D3A.098", "D13.7"])
def test_benign_tumours_of_other_sites_exclude_nothing(code: str) -> None:
    assert make_case(condition(coded(ICD, code))).fact("excluded_histology").state == "no"


@pytest.mark.parametrize(
    ("site", "state"),
    [
        pytest.param("Cervical lymph node", "no", id="neck"),
        pytest.param("Axillary lymph node", "no", id="axilla"),
        pytest.param("Portal lymph node", "yes", id="regional"),
        pytest.param("Lymph node", "yes", id="not-told"),
        pytest.param("Liver", "yes", id="liver"),
    ],
)
def test_lymphoma_counts_where_it_bears_on_this_cancer(site: str, state: str) -> None:
    specimen = {"resourceType": "Specimen", "id": "sp1", "type": named(site)}
    found = pathology("Diffuse large B-cell lymphoma.", specimen=[{"reference": "Specimen/sp1"}])
    assert make_case(specimen, found).fact("excluded_histology").state == state


@pytest.mark.parametrize(
    ("code", "state", "counted"),
    [
        (coded(ICD, "Z15.01", "Genetic susceptibility to malignant neoplasm of breast"), "no", None),
        (named("Prostate cancer screening"), "no", None),
        (named("At risk for breast cancer"), "no", None),
        (named("High-risk prostate cancer"), "yes:other-site", True),
        (coded(ICD, "C21.0", "Malignant neoplasm of anus, unspecified"), "yes:other-site", True),
        (coded(ICD, "C26.9", "Unclear entry"), "no", False),
        (named("Adenocarcinoma of pancreas invading duodenum"), "no", None),
    ],
)
def test_other_cancers_by_their_words(code: Json, state: str, counted: bool | None) -> None:
    fact = make_case(condition(code)).fact("other_primary_history")
    found = [item for item in fact.evidence if item.reference == "Condition/c1"]
    assert (fact.state, [item.counted for item in found]) == (state, [] if counted is None else [counted])


@pytest.mark.parametrize("verified", ["refuted", "entered-in-error"])
def test_an_unknown_code_that_never_was_is_not_listed(verified: str) -> None:
    fact = make_case(condition(coded(ICD, "C26.9", "Unclear entry"), verified=verified)).fact("other_primary_history")
    assert (fact.state, fact.evidence) == ("no", ())


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Lung, biopsy: adenocarcinoma.", "yes:likely-source"),
        ("Prostate, biopsy: adenocarcinoma.", "yes:other-site"),
        ("Lung, biopsy: adenocarcinoma, consistent with pancreatic primary.", "no"),
        ("Lung, biopsy: metastatic adenocarcinoma.", "no"),
        ("Pancreas, biopsy: adenocarcinoma.", "no"),
        ("Liver, core biopsy: adenocarcinoma.", "no"),
        ("Lung, biopsy: no malignancy.", "no"),
    ],
)
def test_a_malignancy_of_another_organ_feeds_the_history(text: str, state: str) -> None:
    assert make_case(pathology(text)).fact("other_primary_history").state == state
