"""F18 other_distant_disease, and the scope of the tissue rule (question Q1)."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "other_distant_disease",
    source="F18",
    states=("yes", "no", "unknown:not-searched"),
    searches=("conditions", "observations"),
)
def other_distant_disease(case: Case) -> Fact:
    """Metastases outside the liver: lung, peritoneum, bone, distant nodes."""
    raise NotImplementedError("other_distant_disease")


@fact(
    "tissue_scope_extends",
    source="Q1",
    states=("yes:metastatic", "yes:systemic", "no", "unknown:not-searched"),
    searches=("conditions", "observations"),
)
def tissue_scope_extends(case: Case) -> Fact:
    """Whether the site asks for tissue beyond liver metastases, and this patient is in that scope."""
    raise NotImplementedError("tissue_scope_extends")
