"""Whether the tissue that confirms this cancer states where it comes from: pancreatic_origin_stated (C9)."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.tissue import TISSUE_SEARCHES


@fact(
    "pancreatic_origin_stated",
    source="C9",
    states=("yes", "no", "unknown:not-searched"),
    searches=TISSUE_SEARCHES,
    asks=("tissue_confirmation",),
)
def pancreatic_origin_stated(case: Case) -> Fact:
    """The pathology behind a confirmed tissue diagnosis is of the pancreas, or names it as the origin in so many words.

    A sample of the pancreas counts, as does "of pancreatic (or pancreatobiliary) origin" or "pancreatic primary" said
    without doubt; "origin not determined", a pancreas only in the history and a diagnosis declared without its report
    do not. ``no`` where tissue is not confirmed. ``as_of`` is the date of the latest report that states it.
    """
    tissue = case.fact("tissue_confirmation")
    rests_on = {line.reference: line for line in tissue.evidence if line.counted and tissue.value == "yes"}
    stated: dict[str, str] = {}
    for finding in pathology_findings(case):
        if finding.reference in rests_on and (origin := _origin(finding)):
            stated[finding.reference] = origin
    missing = unfinished(case, TISSUE_SEARCHES, pathology_suffices=True)
    lines = (*(_line(line, stated, rests_on) for line in tissue.evidence if line.reference), *evidence_of(missing))
    if stated:
        as_of = max(rests_on[reference].date for reference in stated)
        return Fact("pancreatic_origin_stated", "yes", evidence=lines, as_of=as_of, gaps=gaps_of(missing))
    if missing:
        return Fact("pancreatic_origin_stated", "unknown", NOT_SEARCHED, lines, gaps=gaps_of(missing))
    return Fact("pancreatic_origin_stated", "no", evidence=lines)


def _origin(finding: PathologyFinding) -> str:
    """How a finding that tissue rests on states a pancreatic origin, "" if it does not."""
    if finding.site == "pancreas":
        return "from the pancreas"
    return "names the pancreas as its origin" if finding.names_pancreas else ""


def _line(line: Evidence, stated: Mapping[str, str], rests_on: Mapping[str, Evidence]) -> Evidence:
    if line.reference not in rests_on:
        return line._replace(counted=False)
    origin = stated.get(line.reference, "")
    return line._replace(counted=bool(origin), why=origin or f"{line.why}; states no pancreatic origin")
