"""F12 mri_liver_done and F13 mri_contraindicated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cds_service.facts.case import Case
from cds_service.facts.fact import INDETERMINATE, NOT_SEARCHED, STALE, Evidence, Fact, Value
from cds_service.facts.liver_imaging import imaging_reports
from cds_service.facts.marks import with_mark
from cds_service.facts.problems import problems_of
from cds_service.facts.registry import fact
from cds_service.facts.reports import (
    report_date,
    report_modality,
    report_region,
    report_status,
    report_text,
)
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import Concept, When, as_list, as_object, as_text, read_number, read_when, type_and_id
from cds_service.fhir.source import Resource

_DONE_SEARCHES = ("reports", "imagingStudies")
_BARRED_SEARCHES = ("conditions", "procedures", "observations")
_ENHANCED = "mri.contrast_or_diffusion"
_LIVER_MRI = frozenset({"img.mri_abdomen_liver", "img.mri_pancreas_mrcp"})
_SHOWS_LIVER = _LIVER_MRI | {"site.liver", "site.pancreas", "site.abdomen"}

_ANSWERS: tuple[tuple[str, Value, str], ...] = (
    ("done", "yes", ""),
    ("unsure", "unknown", INDETERMINATE),
    ("stale", "unknown", STALE),
)


@dataclass(frozen=True, slots=True)
class _Study:
    """One MRI: "done", "unsure", "stale", or "" if it does not count."""

    standing: str
    when: When | None
    line: Evidence


@fact(
    "mri_liver_done",
    source="F12",
    states=("yes", "no", "unknown:not-searched", "unknown:indeterminate", "unknown:stale"),
    searches=_DONE_SEARCHES,
)
def mri_liver_done(case: Case) -> Fact:
    """An MRI of liver or upper abdomen with contrast or diffusion, reported, within its window.

    ``indeterminate``: an MRI of the region whose technique is not told, or that has no final report.
    """
    studies = (*_reported(case), *_unreported(case))
    missing = unfinished(case, _DONE_SEARCHES)
    for standing, value, reason in _ANSWERS:
        deciding = [study for study in studies if study.standing == standing]
        if deciding and (standing != "stale" or not missing):
            last = max(deciding, key=lambda study: study.line.date)
            lines = tuple(replace(study.line, counted=study.standing == standing) for study in studies)
            return Fact(
                "mri_liver_done",
                value,
                reason,
                lines + evidence_of(missing),
                as_of=last.line.date,
                gaps=gaps_of(missing),
            )
    lines = tuple(study.line for study in studies) + evidence_of(missing)
    if missing:
        return Fact("mri_liver_done", "unknown", NOT_SEARCHED, lines, gaps=gaps_of(missing))
    return Fact("mri_liver_done", "no", evidence=lines)


def _reported(case: Case) -> Iterator[_Study]:
    words = vocabulary_of(case)
    for report, newer in imaging_reports(case):
        if report_modality(report, case) != "mri":
            continue
        titles = concepts_of(report, "code")
        known = words.both(titles) | words.named((report_text(report, case).text,))
        status = report_status(report)
        standing, why = "done", "reported"
        if status == "void" or newer is not None:
            standing, why = "", "withdrawn or replaced"
        elif report_region(report, case) == "other":
            standing, why = "", "of another region"
        elif status != "final":
            standing, why = "unsure", "its report is not final"
        elif report_region(report, case) == "unknown":
            standing, why = "unsure", "its region is not told"
        elif _ENHANCED not in known:
            standing, why = "unsure", "neither contrast nor diffusion is told"
        yield _study(report, report_date(report, case), standing, why, titles, case)


def _unreported(case: Case) -> Iterator[_Study]:
    """MRI examinations of the region that stand as ImagingStudy: an examination, never a report."""
    words = vocabulary_of(case)
    for study in case.record.of("ImagingStudy"):
        titles = concepts_of(study, "procedureCode")
        described = as_text(study.get("description"))
        known = words.both(titles) | words.named((described,)) | _series(study, words)
        if not known & (_LIVER_MRI | {"img.modality_mri"}):
            continue
        standing, why = "unsure", "an examination without a report here"
        if as_text(study.get("status")) not in {"available", ""}:
            standing, why = "", "not finished or withdrawn"
        elif not known & _SHOWS_LIVER:
            standing, why = "", "not known to show the liver"
        shown = titles if label_of(titles) else concepts_of({"code": described}, "code")
        yield _study(study, read_when(study.get("started")), standing, why, shown, case)


def _series(study: Resource, words: Vocabulary) -> frozenset[str]:
    """The modality and body sites of a study and its series: bare Codings in R4."""
    parts = [study, *(as_object(item) for item in as_list(study.get("series")))]
    return words.both(concept for part in parts for concept in concepts_of(part, "modality", "bodySite"))


def _study(
    resource: Resource, when: When | None, standing: str, why: str, titles: tuple[Concept, ...], case: Case
) -> _Study:
    window = case.settings.mri_window
    if standing and when is not None and when.is_future(case.now):
        standing, why = "", "dated in the future"
    elif standing and (when is None or when.is_older_than(window, case.now)):
        why = f"older than {window} days" if when else "undated"
        standing = "stale"
    line = Evidence(
        type_and_id(resource),
        label_of(titles),
        when.text if when else "",
        as_text(resource.get("status")),
        counted=False,
        why=why,
    )
    return _Study(standing, when, line)


_BARRED = "mri.contraindication"
_NOT_DONE = frozenset({"not-done", "entered-in-error", "preparation", "on-hold"})


@fact(
    "mri_contraindicated",
    source="F13",
    states=("yes", "yes:contrast-only", "no", "unknown:not-searched"),
    searches=_BARRED_SEARCHES,
)
def mri_contraindicated(case: Case) -> Fact:
    """A device or severe claustrophobia recorded (yes), or a low eGFR, which bars the contrast agent only.

    ``number`` is the latest eGFR in mL/min/1.73m2, where there is one. An allergy to iodine is no reason.
    """
    barred = (*_problems(case), *_implants(case))
    filtration = _filtration(case)
    latest = max((item for item in filtration if item.value is not None), key=lambda item: item.day, default=None)
    is_low = latest is not None and latest.is_low
    lines = (*barred, *(replace(item.line, counted=item is latest and is_low) for item in filtration))
    counted = [line.date for line in lines if line.counted]
    missing = unfinished(case, _BARRED_SEARCHES)
    value: Value = "yes" if counted else "unknown" if missing else "no"
    reason = "" if value == "no" or any(line.counted for line in barred) else "contrast-only"
    return Fact(
        "mri_contraindicated",
        value,
        NOT_SEARCHED if value == "unknown" else reason,
        lines + evidence_of(missing),
        as_of=max(counted, default=""),
        number=latest.value if latest else None,
        gaps=gaps_of(missing),
    )


def _problems(case: Case) -> Iterator[Evidence]:
    for problem in problems_of(case):
        if _BARRED in problem.coded | problem.named:
            why = problem.void or ("" if problem.is_current else "past")
            yield problem.line(not why, why)


def _implants(case: Case) -> Iterator[Evidence]:
    for procedure in with_mark(case, "Procedure", (_BARRED,)):
        titles = concepts_of(procedure, "code")
        when = read_when(procedure.get("performedDateTime")) or read_when(procedure.get("performedPeriod"))
        status = as_text(procedure.get("status"))
        ahead = when is not None and when.is_future(case.now)
        why = "dated in the future" if ahead else "not done" if status in _NOT_DONE else ""
        yield Evidence(type_and_id(procedure), label_of(titles), when.text if when else "", status, "", not why, why)


@dataclass(frozen=True, slots=True)
class _Filtration:
    """One eGFR in mL/min/1.73m2: None if it cannot be compared; ``is_low`` if certainly below the limit."""

    value: float | None
    is_low: bool
    day: str
    line: Evidence


def _filtration(case: Case) -> tuple[_Filtration, ...]:
    words = vocabulary_of(case)
    found: list[_Filtration] = []
    for item in with_mark(case, "Observation", ("lab.egfr",)):
        titles = concepts_of(item, "code")
        if "lab.egfr" not in words.coded(titles):
            continue
        when = report_date(item, case)
        quantity = as_object(item.get("valueQuantity"))
        comparator, unit = as_text(quantity.get("comparator")), as_text(quantity.get("unit"))
        value, limit = read_number(quantity.get("value")), case.settings.egfr_contrast_minimum
        why = _unusable(item, when, case) or _incomparable(value, comparator, unit, limit)
        shown = f"{label_of(titles)} {comparator}{quantity.get('value', '')} {unit}".strip()
        line = Evidence(type_and_id(item), shown, when.text if when else "", as_text(item.get("status")), why=why)
        is_low = value is not None and (value < limit or (comparator == "<" and value == limit))
        found.append(_Filtration(None if why else value, is_low, when.last.isoformat() if when else "", line))
    return tuple(found)


def _unusable(item: Resource, when: When | None, case: Case) -> str:
    if report_status(item) != "final":
        return "not final or withdrawn"
    return "dated in the future" if when is not None and when.is_future(case.now) else ""


def _incomparable(value: float | None, comparator: str, unit: str, limit: int) -> str:
    """Why a value cannot be compared with the limit, "" if it can: ``<`` proves only what lies below it."""
    if value is None or (unit and not unit.lower().replace(" ", "").startswith("ml/min")):
        return "no value in mL/min"
    settled = {"": True, "<": value <= limit, "<=": value < limit, ">": value >= limit, ">=": value >= limit}
    return "" if settled.get(comparator) else "a bound that does not tell on which side of the limit it lies"
