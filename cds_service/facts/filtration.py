"""Renal filtration: eGFR results and diagnoses of renal failure that argue against contrast agents (F13, C6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.facts.case import Case, once
from cds_service.facts.fact import Evidence
from cds_service.facts.marks import with_mark
from cds_service.facts.measurements import ASIDE, Quantity, early_verdict, line_of, result_of
from cds_service.facts.problems import problems_of
from cds_service.facts.reports import report_date
from cds_service.facts.vocabulary import concepts_of, vocabulary_of

_EGFR = "lab.egfr"
_UNREAD = "observations: the latest eGFR could not be compared"


@dataclass(frozen=True, slots=True)
class Filtration:
    """The eGFR results of a record, each with its line; the latest that can be compared decides.

    ``value`` is that one in mL/min/1.73m2 (None if there is none), ``is_low`` whether it certainly lies below the
    limit. Its line is then the one that counts. ``is_unread``: a result as late as that, or later, cannot be compared.
    Of one time, a result by code ranks above one that is known by its name only, and a low one above a high one.
    """

    value: float | None
    is_low: bool
    is_unread: bool
    lines: tuple[Evidence, ...]

    @property
    def gaps(self) -> tuple[str, ...]:
        """One clause if the latest result could not be compared: then no result says that there is no reason."""
        return (_UNREAD,) if self.is_unread else ()


@dataclass(frozen=True, slots=True)
class _Result:
    """One eGFR: ``value`` is None if it cannot be compared; ``stands`` unless it is withdrawn, not final or ahead."""

    value: float | None
    is_low: bool
    stands: bool
    rank: tuple[str, bool]
    line: Evidence


@once
def filtration_of(case: Case) -> Filtration:
    """What the eGFR results say of contrast agents."""
    results = tuple(_results(case))
    latest: _Result | None = None
    for item in results:
        if item.value is not None and (latest is None or _weight(item) > _weight(latest)):
            latest = item
    is_low = latest is not None and latest.is_low
    lines = tuple(item.line._replace(counted=item is latest and is_low) for item in results)
    since = latest.rank if latest else ("", False)
    is_unread = any(item.stands and item.value is None and item.rank >= since for item in results)
    return Filtration(latest.value if latest else None, is_low, is_unread, lines)


def _weight(item: _Result) -> tuple[tuple[str, bool], bool, float]:
    return (item.rank, item.is_low, -(item.value or 0.0))


def _results(case: Case) -> Iterator[_Result]:
    """The eGFR results by code, and as a weaker source those with a local code that bear its name."""
    words = vocabulary_of(case)
    for item in with_mark(case, "Observation", (_EGFR,)):
        titles = concepts_of(item, "code")
        is_coded = _EGFR in words.coded(titles)
        if not is_coded and _EGFR not in words.worded(titles):
            continue
        when, result, limit = report_date(item, case), result_of(item), case.settings.egfr_contrast_minimum
        verdict, why = early_verdict(item, when, case)
        why = why or _incomparable(result, limit)
        value = None if why else result.value
        line = line_of(item, when, result.text, why or ("" if is_coded else "recognised by its name only"))
        rank = (when.last.isoformat() if when else "", is_coded)
        yield _Result(value, result.below(limit) is True, verdict != ASIDE, rank, line)


def renal_failure(case: Case) -> tuple[Evidence, ...]:
    """The Conditions that name renal failure, chronic kidney disease of stage 4 or 5, or dialysis; no code is verified.

    The line of each that is current counts, whatever the eGFR is: dialysis raises it.
    """
    found = []
    for problem in problems_of(case):
        if "renal.failure" in problem.named:
            why = problem.void or ("" if problem.is_current else "past")
            found.append(problem.line(not why, why))
    return tuple(found)


def _incomparable(result: Quantity, limit: int) -> str:
    """Why a value cannot be compared with the limit, "" if it can: ``<`` proves only what lies below it."""
    if result.value is None or (result.unit and not result.unit.startswith("ml/min")):
        return "no value in mL/min"
    return "a bound that does not tell on which side of the limit it lies" if result.below(limit) is None else ""
