"""F18 other_distant_disease, and the scope of the tissue rule (question Q1)."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact, Value
from cds_service.facts.liver_imaging import distant_category
from cds_service.facts.marks import with_mark
from cds_service.facts.problems import Problem, problems_of
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date, report_status
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.spread import named_elsewhere, origin_of
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import as_text, type_and_id
from cds_service.fhir.source import Resource

_SEARCHES = ("conditions", "observations")

_SPREAD = "spread.distant"
_UNSITED = frozenset({"cond.metastasis_any_site", "cond.metastasis_from_pancreas"})
_NOT_PLACED = frozenset({"cond.other_metastasis"}) | _UNSITED
_PRESENT = frozenset({"mcode.distant_metastasis_present", "stage.m1"})
_OUTSIDE = frozenset({"site.peritoneum", "site.other", "node.distant"})


@fact(
    "other_distant_disease",
    source="F18",
    states=("yes", "no", "unknown:not-searched"),
    searches=_SEARCHES,
)
def other_distant_disease(case: Case) -> Fact:
    """Metastases outside the liver: lung, peritoneum, bone, distant nodes and other organs.

    Regional nodes, indeterminate nodules, a site that is not told, and the metastases of another primary do not count;
    where nobody says whose they are, they do. ``as_of`` is the date of the latest.
    """
    missing = unfinished(case, _SEARCHES)
    lines = (*_problems(case), *_observations(case))
    counted = [line.date for line in lines if line.counted]
    value: Value = "yes" if counted else "unknown" if missing else "no"
    return Fact(
        "other_distant_disease",
        value,
        NOT_SEARCHED if value == "unknown" else "",
        lines + evidence_of(missing),
        as_of=max(counted, default=""),
        gaps=gaps_of(missing),
    )


def _problems(case: Case) -> Iterator[Evidence]:
    for problem in problems_of(case):
        names = problem.coded | problem.named
        if _SPREAD not in names and names.isdisjoint(_NOT_PLACED):
            continue
        why = problem.void or ("" if problem.is_current else "resolved")
        if not why and not _is_outside(problem, case):
            why = "regional, of a site that is not told, or of the liver"
        elif not why and problem.is_doubtful:
            why = "not confirmed"
        elif not why and origin_of(problem, case) == "elsewhere":
            why = "attributed to another cancer"
        by_code = _SPREAD in problem.coded or not problem.coded.isdisjoint(_UNSITED)
        yield problem.line(not why, why or ("" if by_code else "recognised by its name only"))


def _is_outside(problem: Problem, case: Case) -> bool:
    """Whether a Condition states the site by its code, by a body site beside a code without one, or in its words."""
    if _SPREAD in problem.coded:
        return True
    if problem.coded & _UNSITED:
        sites = vocabulary_of(case).both(concepts_of(problem.resource, "bodySite"))
        return _SPREAD in problem.named or not sites.isdisjoint(_OUTSIDE)
    return _SPREAD in problem.named and "cond.other_metastasis" not in problem.coded


def _observations(case: Case) -> Iterator[Evidence]:
    """Observations of a distant metastasis, or M1, with a site outside the liver (mCODE), or of such spread itself."""
    words = vocabulary_of(case)
    for item in with_mark(case, "Observation", (_SPREAD, "mcode.distant_metastasis_present", "mcode.tnm_distant")):
        titles, values = concepts_of(item, "code"), concepts_of(item, "valueCodeableConcept")
        codes, found = words.coded(titles), words.coded(values)
        if "mcode.tnm_distant" in codes:
            found |= distant_category(item, words)
        is_spread = _SPREAD in codes | found
        if not is_spread and found.isdisjoint(_PRESENT):
            continue
        sites = words.both(concepts_of(item, "bodySite"))
        when, why = report_date(item, case), ""
        if report_status(item) != "final":
            why = "not final or withdrawn"
        elif when is not None and when.is_future(case.now):
            why = "dated in the future"
        elif item.get("valueBoolean") is False:
            why = "stated as not so"
        elif not is_spread and sites.isdisjoint(_OUTSIDE):
            why = "of the liver, or its site is not told"
        elif _is_of_another_cancer(item, case):
            why = "attributed to another cancer"
        date, status = when.text if when else "", as_text(item.get("status"))
        yield Evidence(type_and_id(item), label_of((*values, *titles)), date, status, counted=not why, why=why)


def _is_of_another_cancer(item: Resource, case: Case) -> bool:
    """Whether the cancer that an Observation is about is not that of the pancreas."""
    words = vocabulary_of(case)
    return named_elsewhere(words.both(words.follow(item.get("focus"), item, "code")))


@fact(
    "tissue_scope_extends",
    source="Q1",
    states=("yes:metastatic", "yes:systemic", "no", "unknown:not-searched"),
    searches=(),
    asks=("other_distant_disease",),
)
def tissue_scope_extends(case: Case) -> Fact:
    """Whether the site asks for tissue beyond liver metastases, and this patient is in that scope."""
    scope = case.settings.tissue_scope
    if scope == "liver":
        return Fact("tissue_scope_extends", "no")
    if scope == "systemic":
        return Fact("tissue_scope_extends", "yes", "systemic")
    spread = case.fact("other_distant_disease")
    reason = "metastatic" if spread.value == "yes" else spread.reason
    return Fact("tissue_scope_extends", spread.value, reason, spread.evidence, as_of=spread.as_of, gaps=spread.gaps)
