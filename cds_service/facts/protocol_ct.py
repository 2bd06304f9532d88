"""F11 pancreas_protocol_ct_done, and reasons against contrast CT."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "pancreas_protocol_ct_done",
    source="F11",
    states=("yes", "no", "unknown:not-searched", "unknown:indeterminate", "unknown:stale"),
    searches=("reports", "imagingStudies"),
)
def pancreas_protocol_ct_done(case: Case) -> Fact:
    """A CT with a stated pancreas protocol, within its window."""
    raise NotImplementedError("pancreas_protocol_ct_done")


@fact(
    "ct_contrast_contraindicated",
    source="C6",
    states=("yes", "no", "unknown:not-searched"),
    searches=("allergies", "observations"),
)
def ct_contrast_contraindicated(case: Case) -> Fact:
    """An allergy to iodinated contrast, or renal failure."""
    raise NotImplementedError("ct_contrast_contraindicated")
