"""Liver MRI asked for, and what the last one found."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "mri_liver_requested",
    source="C4",
    states=("yes", "no", "unknown:not-searched"),
    searches=("serviceRequests", "appointments"),
)
def mri_liver_requested(case: Case) -> Fact:
    """A liver MRI is requested, booked or among the drafts."""
    raise NotImplementedError("mri_liver_requested")


@fact(
    "mri_liver_finding",
    source="C4",
    states=(
        "yes:definite",
        "yes:suspected",
        "yes:indeterminate",
        "no",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
    ),
    searches=("reports",),
)
def mri_liver_finding(case: Case) -> Fact:
    """What the latest reported liver MRI within its window says of the liver."""
    raise NotImplementedError("mri_liver_finding")
