"""Benign disease that can pass for cancer of the pancreas: diagnostic doubt for the card on biopsies (C8)."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact
from cds_service.facts.problems import problems_of
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished

_SEARCHES = ("conditions",)
_MIMIC = "cond.pancreas_mimic"


@fact(
    "benign_mimic_recorded",
    source="C8",
    states=("yes", "no", "unknown:not-searched"),
    searches=_SEARCHES,
)
def benign_mimic_recorded(case: Case) -> Fact:
    """Autoimmune or mass-forming pancreatitis is recorded, also provisionally: beside a cancer it leaves doubt.

    Recognised by its name: no code is verified. ``as_of`` is its date.
    """
    lines = tuple(_mimics(case))
    missing = unfinished(case, _SEARCHES)
    evidence = (*lines, *evidence_of(missing))
    counted = [line.date for line in lines if line.counted]
    if counted:
        return Fact(
            "benign_mimic_recorded",
            "yes",
            evidence=evidence,
            as_of=max(counted),
            quality="name-only",
            gaps=gaps_of(missing),
        )
    if missing:
        return Fact("benign_mimic_recorded", "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact("benign_mimic_recorded", "no", evidence=evidence)


def _mimics(case: Case) -> Iterator[Evidence]:
    for problem in problems_of(case):
        if _MIMIC in problem.named:
            refusal = problem.void or ("" if problem.is_current else "no longer active")
            yield problem.line(not refusal, refusal or "can pass for cancer")
