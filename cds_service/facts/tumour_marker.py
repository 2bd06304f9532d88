"""F15 ca19_9_markedly_elevated, and what it must be read beside: bilirubin and cholangitis."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "ca19_9_markedly_elevated",
    source="F15",
    states=(
        "yes",
        "no",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
        "unknown:indeterminate",
        "unknown:stale",
    ),
    searches=("observations", "conditions"),
)
def ca19_9_markedly_elevated(case: Case) -> Fact:
    """CA 19-9 above the limit while bilirubin does not explain it."""
    raise NotImplementedError("ca19_9_markedly_elevated")


@fact(
    "bilirubin_raised",
    source="F15",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched", "unknown:uninterpretable", "unknown:stale"),
    searches=("observations",),
)
def bilirubin_raised(case: Case) -> Fact:
    """The latest total bilirubin is above its upper limit of normal."""
    raise NotImplementedError("bilirubin_raised")
