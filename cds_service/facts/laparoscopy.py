"""Staging laparoscopy done, asked for or described in the order (C5)."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "staging_laparoscopy_arranged",
    source="C5",
    states=("yes", "no", "unknown:not-searched"),
    searches=("procedures", "serviceRequests", "appointments"),
)
def staging_laparoscopy_arranged(case: Case) -> Fact:
    """A staging laparoscopy was done within its window, is requested, booked, drafted or stated in the resection order."""
    raise NotImplementedError("staging_laparoscopy_arranged")
