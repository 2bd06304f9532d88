"""pancreatic_origin_stated (C9): which words and samples state the origin, and when nothing can be said."""

from __future__ import annotations

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    SNOMED,
    Json,
    coded,
    days_ago,
    line,
    liver_metastasis,
    make_case,
    pancreatic_cancer,
    pathology,
)

SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens", "carePlans")
UNSTATED = "Liver, core biopsy: metastatic adenocarcinoma."
STATED = "Liver, core biopsy: metastatic adenocarcinoma of pancreatic origin."


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="no-tissue"),
        pytest.param([pathology(UNSTATED)], "no", id="not-stated"),
        pytest.param([pathology(UNSTATED + " Clinical history: pancreatic cancer.")], "no", id="only-in-the-history"),
        pytest.param([pathology(UNSTATED + " Origin not determined.")], "no", id="origin-left-open"),
        pytest.param(
            [pathology("Liver biopsy: metastatic adenocarcinoma, pancreatic primary cannot be excluded.")],
            "no",
            id="hedged",
        ),
        pytest.param([pathology(STATED)], "yes", id="pancreatic-origin"),
        pytest.param(
            [pathology("Liver: metastatic adenocarcinoma, consistent with pancreatic primary.")],
            "yes",
            id="consistent-with",
        ),
        pytest.param(
            [pathology("Liver: metastatic adenocarcinoma, consistent with pancreaticobiliary primary.")],
            "yes",
            id="pancreatobiliary",
        ),
        pytest.param([pathology("Pancreas, head, FNA: adenocarcinoma.")], "yes", id="sample-of-the-pancreas"),
        pytest.param([pathology("Pancreas, FNA: benign.")], "no", id="benign-sample-of-the-pancreas"),
        pytest.param([pathology("Pancreas, FNA: insufficient material.")], "no", id="non-diagnostic"),
        pytest.param([pathology(STATED, status="preliminary")], "no", id="pending"),
        pytest.param([pathology(STATED, status="entered-in-error")], "no", id="withdrawn"),
        pytest.param(
            [pathology(UNSTATED, date=days_ago(5)), pathology(STATED, "p2", days_ago(50))], "yes", id="an-older-report"
        ),
        pytest.param(
            [pancreatic_cancer(evidence=[{"code": [coded(SNOMED, "714797009")]}])], "no", id="declared-without-report"
        ),
        pytest.param([pathology("x" * 3, presentedForm=7)], "no", id="unreadable"),
    ],
)
def test_states(resources: list[Json], state: str) -> None:
    case = make_case(pancreatic_cancer("c0", days_ago(60)), liver_metastasis(), *resources)
    assert case.fact("pancreatic_origin_stated").state == state


def test_evidence_tells_which_report_states_it() -> None:
    reports = [pathology(UNSTATED, "p1", days_ago(5)), pathology(STATED, "p2", days_ago(20))]
    benign = pathology("Liver biopsy: steatosis, no malignancy.", "p3", days_ago(25))
    fact = make_case(pancreatic_cancer(), *reports, benign).fact("pancreatic_origin_stated")
    assert (fact.state, fact.as_of) == ("yes", days_ago(20))
    assert line(fact, "DiagnosticReport/p1").why.endswith("; states no pancreatic origin")
    assert line(fact, "DiagnosticReport/p2").why == "names the pancreas as its origin"
    assert not line(fact, "DiagnosticReport/p3").counted
    assert [item.reference for item in fact.evidence if item.counted] == ["DiagnosticReport/p2"]


def test_a_report_that_tissue_does_not_rest_on_states_nothing() -> None:
    two: Json = {"specimen": [{"reference": "Specimen/s1"}]}
    case = make_case(
        pancreatic_cancer(),
        pathology(STATED, "p1") | two,
        pathology("Liver biopsy: no malignancy.", "p2") | two,
    )
    assert case.fact("tissue_confirmation").state == "unknown:conflict"
    fact = case.fact("pancreatic_origin_stated")
    assert fact.state == "no"
    assert not any(item.counted for item in fact.evidence)


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        ([], "unknown:not-searched"),
        ([pathology(UNSTATED)], "unknown:not-searched"),
        ([pathology(STATED)], "yes"),
    ],
)
def test_each_search_unfinished(resources: list[Json], state: str, search: str, how: Completeness) -> None:
    fact = make_case(pancreatic_cancer(), *resources, searches={search: how}).fact("pancreatic_origin_stated")
    assert fact.state == state
    assert fact.gaps == (f"{search}: was {how.value}",)
    assert line(fact, search).why == f"was {how.value}"


def test_pathology_reports_suffice_where_categories_are_reliable() -> None:
    case = make_case(
        pancreatic_cancer(),
        pathology(UNSTATED),
        searches={"reports": Completeness.FAILED},
        reports_categories_reliable=True,
    )
    assert case.fact("pancreatic_origin_stated").state == "no"
