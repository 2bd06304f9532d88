"""Renal filtration: the eGFR results that argue against contrast agents (F13, C6)."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.facts.case import Case, once
from cds_service.facts.fact import Evidence
from cds_service.facts.marks import with_mark
from cds_service.facts.measurements import ASIDE, Quantity, early_verdict, line_of, result_of
from cds_service.facts.reports import report_date
from cds_service.facts.vocabulary import concepts_of, vocabulary_of


@dataclass(frozen=True, slots=True)
class Filtration:
    """The eGFR results of a record, each with its line; the latest that can be compared decides.

    ``value`` is that one in mL/min/1.73m2 (None if there is none), ``is_low`` whether it certainly lies below the
    limit. Its line is then the one that counts. ``is_unread``: a result as late as that, or later, cannot be compared.
    """

    value: float | None
    is_low: bool
    is_unread: bool
    lines: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    """One eGFR: ``value`` is None if it cannot be compared; ``stands`` unless it is withdrawn, not final or ahead."""

    value: float | None
    is_low: bool
    stands: bool
    day: str
    line: Evidence


@once
def filtration_of(case: Case) -> Filtration:
    """What the eGFR results say of contrast agents."""
    results = _results(case)
    latest = max((item for item in results if item.value is not None), key=lambda item: item.day, default=None)
    is_low = latest is not None and latest.is_low
    lines = tuple(item.line._replace(counted=item is latest and is_low) for item in results)
    since = latest.day if latest else ""
    is_unread = any(item.stands and item.value is None and item.day >= since for item in results)
    return Filtration(latest.value if latest else None, is_low, is_unread, lines)


def _results(case: Case) -> tuple[_Result, ...]:
    words = vocabulary_of(case)
    found: list[_Result] = []
    for item in with_mark(case, "Observation", ("lab.egfr",)):
        titles = concepts_of(item, "code")
        if "lab.egfr" not in words.coded(titles):
            continue
        when, result, limit = report_date(item, case), result_of(item), case.settings.egfr_contrast_minimum
        verdict, why = early_verdict(item, when, case)
        why = why or _incomparable(result, limit)
        is_low = result.below(limit) is True
        value = None if why else result.value
        line = line_of(item, when, result.text, why)
        found.append(_Result(value, is_low, verdict != ASIDE, when.last.isoformat() if when else "", line))
    return tuple(found)


def _incomparable(result: Quantity, limit: int) -> str:
    """Why a value cannot be compared with the limit, "" if it can: ``<`` proves only what lies below it."""
    if result.value is None or (result.unit and not result.unit.startswith("ml/min")):
        return "no value in mL/min"
    return "a bound that does not tell on which side of the limit it lies" if result.below(limit) is None else ""
