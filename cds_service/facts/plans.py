"""What is planned for this patient: resection, neoadjuvant therapy, a trial."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "resection_planned",
    source="F10",
    states=("yes", "no", "unknown:not-searched"),
    searches=("serviceRequests", "appointments", "carePlans"),
)
def resection_planned(case: Case) -> Fact:
    """A resection is ordered, booked or planned."""
    raise NotImplementedError("resection_planned")


@fact(
    "neoadjuvant_planned",
    source="C8",
    states=("yes", "no", "unknown:not-searched"),
    searches=("carePlans", "serviceRequests", "medicationRequests"),
)
def neoadjuvant_planned(case: Case) -> Fact:
    """Therapy before surgery is planned or ordered."""
    raise NotImplementedError("neoadjuvant_planned")


@fact(
    "trial_documented",
    source="C3",
    states=("yes", "no", "unknown:not-searched"),
    searches=("carePlans",),
)
def trial_documented(case: Case) -> Fact:
    """A resection within a trial is documented, in the order or in a plan."""
    raise NotImplementedError("trial_documented")
