"""F19 conversion_response."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "conversion_response",
    source="F19",
    states=("yes", "unknown:not-found", "unknown:not-searched", "unknown:indeterminate"),
    searches=(
        "medicationAdministrations",
        "medicationStatements",
        "medicationRequests",
        "procedures",
        "reports",
        "carePlans",
    ),
)
def conversion_response(case: Case) -> Fact:
    """Response of proven liver metastases to systemic therapy: all four proofs, else unknown."""
    raise NotImplementedError("conversion_response")
