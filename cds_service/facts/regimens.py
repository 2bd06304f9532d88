"""Whether the ordered regimen fits the proven histology (C10)."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "histology_mismatch",
    source="C10",
    states=("yes", "no", "no:regimen-fits", "unknown:not-searched", "unknown:uninterpretable"),
    searches=("conditions", "reports", "documents", "observations"),
)
def histology_mismatch(case: Case) -> Fact:
    """Final pathology proves another histology than pancreatic adenocarcinoma, for which the ordered regimen is not listed as standard."""
    raise NotImplementedError("histology_mismatch")
