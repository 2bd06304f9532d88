"""What the orders of the call are, as facts that cards may ask for (F21). Orders are always in the call: never unknown."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "systemic_drug_ordered",
    source="F21",
    states=("yes", "no"),
    searches=(),
)
def systemic_drug_ordered(case: Case) -> Fact:
    """A systemic anticancer drug is among the selected orders."""
    raise NotImplementedError("systemic_drug_ordered")


@fact(
    "resection_ordered",
    source="F21",
    states=("yes", "no"),
    searches=(),
)
def resection_ordered(case: Case) -> Fact:
    """A curative resection of pancreas or liver is among the selected orders."""
    raise NotImplementedError("resection_ordered")


@fact(
    "biopsy_guidance_ordered",
    source="F21",
    states=("yes:ultrasound", "yes:unstated", "yes:other", "no"),
    searches=(),
)
def biopsy_guidance_ordered(case: Case) -> Fact:
    """How the ordered liver biopsy is to be guided; no where none is ordered."""
    raise NotImplementedError("biopsy_guidance_ordered")


@fact(
    "biopsy_purpose_stated",
    source="F21",
    states=("yes", "no"),
    searches=(),
)
def biopsy_purpose_stated(case: Case) -> Fact:
    """The ordered biopsy states molecular testing, recurrence, a trial or another suspected primary as its purpose."""
    raise NotImplementedError("biopsy_purpose_stated")


@fact(
    "abdominal_ct_ordered",
    source="F21",
    states=("yes:pancreas-protocol", "yes:unstated", "yes:other", "no"),
    searches=(),
)
def abdominal_ct_ordered(case: Case) -> Fact:
    """Which abdominal CT is ordered: with a stated pancreas protocol, without saying, or one that cannot be (no contrast)."""
    raise NotImplementedError("abdominal_ct_ordered")
