"""F17 performance_status."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "performance_status",
    source="F17",
    states=(
        "yes:ecog-0",
        "yes:ecog-1",
        "yes:ecog-2",
        "yes:ecog-3-or-more",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
        "unknown:stale",
        "unknown:conflict",
    ),
    searches=("observations",),
)
def performance_status(case: Case) -> Fact:
    """The latest ECOG grade, or Karnofsky score read as one; absent is unknown, never fit."""
    raise NotImplementedError("performance_status")
