"""Since when this cancer is known: the yardstick for old tissue (F4) and earlier drugs (F9)."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.fhir.shapes import When, read_when


def first_pancreatic_evidence(case: Case) -> When | None:
    """The earliest date among the items that F1 rests on; None if all of them are undated."""
    dates = (read_when(line.date) for line in case.fact("pancreatic_cancer").evidence if line.counted)
    return min((when for when in dates if when is not None), key=lambda when: when.first, default=None)
