"""How the liver metastases are proven, beyond the level of F3."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "definite_beyond_ct",
    source="F3",
    states=("yes", "no", "unknown:not-searched"),
    searches=("reports",),
)
def definite_beyond_ct(case: Case) -> Fact:
    """Imaging shows definite liver metastases on MRI, or on two modalities."""
    raise NotImplementedError("definite_beyond_ct")


@fact(
    "liver_pathology_recent",
    source="C3",
    states=("yes", "no"),
    searches=(),
)
def liver_pathology_recent(case: Case) -> Fact:
    """The pathology that proves the liver metastases is within its window."""
    raise NotImplementedError("liver_pathology_recent")


@fact(
    "liver_imaging_recent",
    source="C3",
    states=("yes", "no", "unknown:not-searched"),
    searches=("reports",),
)
def liver_imaging_recent(case: Case) -> Fact:
    """The latest imaging of the liver is within the restaging window."""
    raise NotImplementedError("liver_imaging_recent")
