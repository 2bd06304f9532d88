"""F20 emergency_context, and recorded cholangitis."""

from __future__ import annotations

from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.registry import fact


@fact(
    "emergency_context",
    source="F20",
    states=("yes", "yes:named", "no", "unknown:not-searched"),
    searches=("encounters",),
)
def emergency_context(case: Case) -> Fact:
    """An emergency encounter or stat order (yes), or a named bleeding, perforation, obstruction or cholangitis (yes:named). It only lowers."""
    raise NotImplementedError("emergency_context")


@fact(
    "cholangitis_recorded",
    source="F15",
    states=("yes", "no", "unknown:not-searched"),
    searches=("conditions",),
)
def cholangitis_recorded(case: Case) -> Fact:
    """A current cholangitis is recorded."""
    raise NotImplementedError("cholangitis_recorded")
