"""Liver MRI asked for, and what the last one found (C4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cds_service.facts.case import Case, once
from cds_service.facts.fact import NOT_FOUND, NOT_SEARCHED, UNINTERPRETABLE, Evidence, Fact, Value
from cds_service.facts.imaging_orders import LIVER_MRI
from cds_service.facts.liver_imaging import Level, imaging_reports, items_of_report
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date, report_modality, report_region, report_status
from cds_service.facts.requests import (
    REQUEST_SEARCHES,
    Known,
    Sought,
    bookings_of,
    drafts_of,
    requests_of,
    settle,
)
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import vocabulary_of
from cds_service.fhir.shapes import Concept, When
from cds_service.fhir.source import Resource

_MARK = "img.mri_abdomen_liver"
_FINDING_SEARCHES = ("reports", "observations")

_FINDINGS: dict[str, tuple[Value, str]] = {
    "definite": ("yes", "definite"),
    "suspected": ("yes", "suspected"),
    "indeterminate": ("yes", "indeterminate"),
    "unclear": ("unknown", UNINTERPRETABLE),
    "negative": ("no", ""),
    "silent": ("unknown", UNINTERPRETABLE),
}
"""What an MRI may say of the liver. Of several of one day, the first of these that any of them says decides."""


@fact(
    "mri_liver_requested",
    source="C4",
    states=("yes", "no", "unknown:not-searched"),
    searches=REQUEST_SEARCHES,
)
def mri_liver_requested(case: Case) -> Fact:
    """An MRI of liver or abdomen is requested, booked or among the drafts, selected or not.

    A request that nobody fulfilled within the window of biopsy requests does not count. ``as_of`` as there.
    """
    vocabulary = vocabulary_of(case)

    def know(resource: Resource, what: tuple[Concept, ...]) -> Known:
        if _MARK in vocabulary.coded(what):
            return "coded"
        return "name-only" if _MARK in vocabulary.worded(what) else ""

    sought = Sought(
        (_MARK,), know, lambda resource, when: _was_done_after(when, case), case.settings.biopsy_request_window
    )
    items = (
        *drafts_of(case, lambda order: LIVER_MRI in order.kinds),
        *requests_of(case, sought),
        *bookings_of(case, sought),
    )
    return settle("mri_liver_requested", items, unfinished(case, REQUEST_SEARCHES), tells_stale=False)


def _was_done_after(asked: When | None, case: Case) -> bool:
    """Whether a liver MRI was reported that took place after a request of that date. Undated ranks oldest."""
    last = _last_done(case)
    return last is not None and (asked is None or last > asked.last)


@once
def _last_done(case: Case) -> datetime | None:
    done = [report_date(report, case) for report, newer in _mris(case) if newer is None and _is_of_liver(report, case)]
    return max((when.first for when in done if when is not None and not when.is_future(case.now)), default=None)


def _is_of_liver(report: Resource, case: Case) -> bool:
    return report_status(report) == "final" and report_region(report, case) == "liver"


def _mris(case: Case) -> Iterator[tuple[Resource, Resource | None]]:
    """The reports of an MRI, each with the newer version that replaces it."""
    return (pair for pair in imaging_reports(case) if report_modality(pair[0], case) == "mri")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One MRI: a key of ``_FINDINGS``, or "" if it does not count; ``is_final`` as far as its report is."""

    finding: str
    is_final: bool
    day: str
    lines: tuple[Evidence, ...]


@fact(
    "mri_liver_finding",
    source="C4",
    states=(
        "yes:definite",
        "yes:suspected",
        "yes:indeterminate",
        "no",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
    ),
    searches=_FINDING_SEARCHES,
)
def mri_liver_finding(case: Case) -> Fact:
    """What the latest final liver MRI within its window says of the liver, with contrast or diffusion or without.

    A negative one does not stand while the report of a later one is awaited. ``as_of`` is its date.
    """
    missing = unfinished(case, _FINDING_SEARCHES)
    readings = tuple(_readings(case))
    final = [item for item in readings if item.finding and item.is_final]
    # An MRI of the bile ducts that says nothing of the liver does not hide what another said.
    final = [item for item in final if item.finding != "silent"] or final
    awaited = [item for item in readings if item.finding and not item.is_final]
    last = max((item.day for item in final), default="")
    latest = [item for item in final if item.day == last]
    finding = next((name for name in _FINDINGS if any(item.finding == name for item in latest)), "")
    if awaited and (not finding or (finding == "negative" and max(item.day for item in awaited) >= last)):
        finding, latest = awaited[0].finding, awaited
    value, reason = _FINDINGS.get(finding, ("unknown", NOT_FOUND))
    if missing and (value == "no" or reason == NOT_FOUND):
        value, reason, latest = "unknown", NOT_SEARCHED, []
    deciding = [item for item in latest if item in awaited or item.finding == finding]
    lines = (line._replace(counted=item in deciding) for item in readings for line in item.lines)
    return Fact(
        "mri_liver_finding",
        value,
        reason,
        (*lines, *evidence_of(missing)),
        as_of=max((line.date for item in deciding for line in item.lines), default=""),
        gaps=gaps_of(missing),
    )


def _readings(case: Case) -> Iterator[_Reading]:
    """Each MRI with what it says of the liver; also those that do not count."""
    window = case.settings.mri_window
    for report, newer in _mris(case):
        when, status = report_date(report, case), report_status(report)
        items = items_of_report(report, newer, case)
        finding, why = _finding({item.level for item in items if item.level}), ""
        if status == "void" or newer is not None or (when is not None and when.is_future(case.now)):
            finding = ""
        elif report_region(report, case) != "liver" and finding == "silent":
            finding, why = "", "not known to show the liver"
        elif when is None or when.is_older_than(window, case.now):
            finding, why = "", f"not from the last {window} days"
        lines = tuple(item.line._replace(counted=False, why=why or item.line.why) for item in items)
        yield _Reading(finding, status == "final", when.last.date().isoformat() if when else "", lines)


def _finding(said: set[Level]) -> str:
    """What a report says; nothing of the liver is "silent", and a code that its words deny cannot be read."""
    if len(said) > 1:
        return "unclear"
    return next(iter(said), "silent")
