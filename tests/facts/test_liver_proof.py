"""C3: definite_beyond_ct, liver_pathology_recent, liver_origin_unclear, liver_imaging_recent."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    ICD,
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
    pancreatic_cancer,
    pathology,
    report,
    ultrasound,
)

PDF = [attachment("%PDF", "application/pdf")]
DEFINITE = "Multiple liver metastases."
SUSPECTED = "Lesion in segment 7 suspicious for metastasis."
CLEAR = "No focal liver lesion."
MALIGNANT = "Liver, core biopsy: metastatic adenocarcinoma."


def pet(text: str, ident: str = "pet", date: str = days_ago(10)) -> Json:
    return report(named("PET CT whole body"), text, ident, date, category=[coded(V2_REPORTS, "RAD")])


def beyond(*resources: Json, **options: Any) -> Fact:
    return make_case(pancreatic_cancer(), *resources, **options).fact("definite_beyond_ct")


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([mri(DEFINITE)], "yes", id="mri"),
        pytest.param([ct(DEFINITE)], "no", id="ct-alone"),
        pytest.param([ct(DEFINITE, "a"), ct(DEFINITE, "b", days_ago(3))], "no", id="two-cts"),
        pytest.param([ct(DEFINITE), ultrasound(DEFINITE)], "yes", id="ct-and-ultrasound"),
        pytest.param([ct(DEFINITE), pet(DEFINITE)], "yes", id="ct-and-pet"),
        pytest.param([ct(DEFINITE), pet(SUSPECTED)], "no", id="second-only-suspected"),
        pytest.param([ct(DEFINITE), mri(SUSPECTED)], "no", id="mri-only-suspected"),
        pytest.param([mri(SUSPECTED)], "no", id="suspected"),
        pytest.param([mri(DEFINITE, date=days_ago(20)), mri(CLEAR, "new")], "no", id="overturned"),
        pytest.param([ct(DEFINITE), ultrasound(DEFINITE), mri(CLEAR, "new", days_ago(3))], "no", id="both-overturned"),
        pytest.param([mri(DEFINITE, date=days_ago(20)), ct(CLEAR)], "yes", id="a-ct-overturns-no-mri"),
        pytest.param([mri(DEFINITE, status="preliminary")], "no", id="not-final"),
        pytest.param([mri(DEFINITE, status="entered-in-error")], "no", id="in-error"),
        pytest.param([mri(DEFINITE, date=days_ago(-3))], "no", id="future"),
        pytest.param([mri(DEFINITE, date=days_ago(400))], "yes", id="never-expires"),
        pytest.param([mri(DEFINITE), pathology(MALIGNANT)], "yes", id="beside-pathology"),
        pytest.param([pathology(MALIGNANT), ct(DEFINITE)], "no", id="pathology-and-ct"),
        pytest.param(
            [report(named("Imaging"), DEFINITE, category=[coded(V2_REPORTS, "RAD")]), ct(DEFINITE)],
            "no",
            id="modality-not-told",
        ),
        pytest.param([mri(DEFINITE), condition(coded(ICD, "C18.9"), "colon")], "yes", id="another-primary-too"),
    ],
)
def test_definite_beyond_ct(resources: list[Json], state: str) -> None:
    assert beyond(*resources).state == state


def test_the_proofs_are_listed_and_dated() -> None:
    fact = beyond(ct(DEFINITE), mri(DEFINITE, date=days_ago(4)))
    assert fact.as_of == days_ago(4)
    assert line(fact, "DiagnosticReport/mri").counted
    assert not line(beyond(ct(DEFINITE)), "DiagnosticReport/ct").counted


@pytest.mark.parametrize("key", ["reports", "observations", "conditions", "specimens"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_beyond_ct_with_a_search_unfinished(key: str, how: Completeness) -> None:
    """Its own searches and those of the metastases that it asks for."""
    gaps = (f"{key}: was {how.value}",)
    for resources, state in (
        ((), "unknown:not-searched"),
        ((ct(DEFINITE),), "unknown:not-searched"),
        ((mri(DEFINITE),), "yes"),
    ):
        fact = beyond(*resources, searches={key: how})
        assert (fact.state, fact.gaps) == (state, gaps)


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([pathology(MALIGNANT)], "yes", id="recent"),
        pytest.param([pathology(MALIGNANT, date=days_ago(60))], "yes", id="last-day"),
        pytest.param([pathology(MALIGNANT, date=days_ago(61))], "no", id="past-the-window"),
        pytest.param([pathology(MALIGNANT, date="")], "no", id="undated"),
        pytest.param([pathology(MALIGNANT, date="2026-02")], "yes", id="a-month-within-the-window"),
        pytest.param([pathology(MALIGNANT, "a", days_ago(90)), pathology(MALIGNANT, "b")], "yes", id="latest-counts"),
        pytest.param([mri(DEFINITE)], "no", id="imaging"),
        pytest.param([pathology(MALIGNANT, status="preliminary")], "no", id="not-final"),
        pytest.param([pathology("Pancreas, FNA: adenocarcinoma.")], "no", id="of-the-primary"),
    ],
)
def test_liver_pathology_recent(resources: list[Json], state: str) -> None:
    fact = make_case(pancreatic_cancer(), *resources).fact("liver_pathology_recent")
    assert fact.state == state
    assert any(item.counted for item in fact.evidence) is (state == "yes")


def test_a_month_that_began_before_the_window_is_not_surely_recent() -> None:
    """It would make C3 critical on a date that nobody knows."""
    case = make_case(pancreatic_cancer(), pathology(MALIGNANT, date="2026-02"), liver_pathology_window=20)
    assert case.fact("liver_pathology_recent").state == "no"


@pytest.mark.parametrize("key", ["conditions", "reports", "observations", "specimens"])
def test_no_recent_pathology_is_not_known_with_a_search_unfinished(key: str) -> None:
    """It may be what could not be read, as may a newer one than that which was."""
    for resources, state in (
        ((), "unknown:not-searched"),
        ((pathology(MALIGNANT, date=days_ago(90)),), "unknown:not-searched"),
        ((pathology(MALIGNANT),), "yes"),
    ):
        case = make_case(pancreatic_cancer(), *resources, searches={key: Completeness.FAILED})
        fact = case.fact("liver_pathology_recent")
        assert (fact.state, fact.gaps) == (state, (f"{key}: was failed",))


COLON_CANCER = condition(coded(ICD, "C18.9", "Colon cancer"), "colon", onsetDateTime="2015-01-01")


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([pathology(MALIGNANT)], "no", id="no-other-cancer"),
        pytest.param([pathology(MALIGNANT), COLON_CANCER], "yes", id="nobody-says-whose"),
        pytest.param([mri(DEFINITE), COLON_CANCER], "yes", id="imaging-nobody-says-whose"),
        pytest.param(
            [pathology("Liver: metastatic adenocarcinoma, pancreatic primary."), COLON_CANCER], "no", id="says-whose"
        ),
        pytest.param([mri(CLEAR), COLON_CANCER], "no", id="no-metastases"),
        pytest.param([ct("Liver lesion too small to characterise."), COLON_CANCER], "no", id="nobody-knows"),
    ],
)
def test_liver_origin_unclear(resources: list[Json], state: str) -> None:
    fact = make_case(pancreatic_cancer(), *resources).fact("liver_origin_unclear")
    assert fact.state == state
    assert any(item.counted for item in fact.evidence) is (state == "yes")


def test_an_unclear_origin_shows_the_other_cancer_and_its_date() -> None:
    fact = make_case(pancreatic_cancer(), pathology(MALIGNANT), COLON_CANCER).fact("liver_origin_unclear")
    assert (fact.label, fact.as_of) == ("colorectal 2015", "2015-01-01")
    assert line(fact, "Condition/colon").counted
    assert line(fact, "DiagnosticReport/path").counted


@pytest.mark.parametrize("key", ["conditions", "reports", "observations", "specimens", "documents"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([pathology(MALIGNANT), COLON_CANCER], "yes", id="unclear"),
        pytest.param([pathology(MALIGNANT)], "unknown:not-searched", id="another-cancer-may-be-missing"),
        pytest.param([], "unknown:not-searched", id="the-metastases-may-be-missing"),
        pytest.param([pathology("Liver: metastatic adenocarcinoma, pancreatic primary.")], "no", id="says-whose"),
    ],
)
def test_an_unclear_origin_with_a_search_unfinished(
    key: str, how: Completeness, resources: list[Json], state: str
) -> None:
    """The searches are those of the two facts that it asks."""
    fact = make_case(pancreatic_cancer(), *resources, searches={key: how}).fact("liver_origin_unclear")
    assert (fact.state, fact.gaps) == (state, () if state == "no" else (f"{key}: was {how.value}",))


def recent(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("liver_imaging_recent")


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([ct(CLEAR)], "yes", id="ct"),
        pytest.param([mri(DEFINITE)], "yes", id="mri"),
        pytest.param([pet(DEFINITE)], "yes", id="pet"),
        pytest.param([ultrasound(DEFINITE)], "no", id="ultrasound"),
        pytest.param([ct(CLEAR, date=days_ago(28))], "yes", id="last-day"),
        pytest.param([ct(CLEAR, date=days_ago(29))], "no", id="past-the-window"),
        pytest.param([ct(CLEAR, date="")], "no", id="undated"),
        pytest.param([ct(CLEAR, date="2026")], "no", id="a-year-alone"),
        pytest.param([ct(CLEAR, date=days_ago(-3))], "no", id="future"),
        pytest.param([ct("Lungs clear.")], "no", id="silent-on-the-liver"),
        pytest.param([ct(presentedForm=PDF)], "no", id="unreadable"),
        pytest.param([ct(CLEAR, status="preliminary")], "no", id="not-final"),
        pytest.param([ct(CLEAR, status="entered-in-error")], "no", id="in-error"),
        pytest.param([ct(CLEAR, "a", days_ago(90)), mri(CLEAR)], "yes", id="old-and-new"),
    ],
)
def test_liver_imaging_recent(resources: list[Json], state: str) -> None:
    assert recent(*resources).state == state


def test_imaging_is_dated() -> None:
    fact = recent(ct(CLEAR, "a", days_ago(90)), mri(CLEAR))
    assert fact.as_of == days_ago(10)
    assert not line(fact, "DiagnosticReport/a").counted
    assert recent(ct(CLEAR, date=days_ago(90))).as_of == days_ago(90)


@pytest.mark.parametrize("key", ["reports", "observations"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_recent_imaging_with_a_search_unfinished(key: str, how: Completeness) -> None:
    gaps = (f"{key}: was {how.value}",)
    for resources, state in (
        ((), "unknown:not-searched"),
        ((ct(CLEAR, date=days_ago(90)),), "unknown:not-searched"),
        ((ct(CLEAR),), "yes"),
    ):
        fact = recent(*resources, searches={key: how})
        assert (fact.state, fact.gaps) == (state, gaps)
