"""The tumour itself: F16 left_sided_tumour and tumour_large."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "left_sided_tumour",
    source="F16",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched", "unknown:indeterminate", "unknown:conflict"),
    searches=("conditions",),
)
def left_sided_tumour(case: Case) -> Fact:
    """Body or tail of the pancreas (yes), head (no)."""
    raise NotImplementedError("left_sided_tumour")


@fact(
    "tumour_large",
    source="F16",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched", "unknown:uninterpretable"),
    searches=("observations",),
)
def tumour_large(case: Case) -> Fact:
    """The greatest diameter of the primary, by a coded or named size Observation, is above the limit."""
    raise NotImplementedError("tumour_large")
