"""Benign disease that can pass for cancer of the pancreas: diagnostic doubt for the card on biopsies (C8)."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.problems import problems_of, recorded_by_name
from cds_service.facts.registry import fact
from cds_service.facts.searches import unfinished

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
    return recorded_by_name("benign_mimic_recorded", _mimics(case), unfinished(case, _SEARCHES))


def _mimics(case: Case) -> Iterator[Evidence]:
    for problem in problems_of(case):
        if _MIMIC in problem.named:
            refusal = problem.void or ("" if problem.is_current else "no longer active")
            yield problem.line(not refusal, refusal or "can pass for cancer")
