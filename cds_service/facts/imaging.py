"""F12 mri_liver_done and F13 mri_contraindicated."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.allergies import allergies_to
from cds_service.facts.case import Case
from cds_service.facts.examinations import (
    Examination,
    Standing,
    examination_of,
    parts_named,
    settle_examinations,
    sites_told,
)
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact, Value
from cds_service.facts.filtration import filtration_of, renal_failure
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
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import as_text, read_when, type_and_id

_DONE_SEARCHES = ("reports", "imagingStudies")
_BARRED_SEARCHES = ("conditions", "procedures", "observations", "allergies")
_ENHANCED = "mri.contrast_or_diffusion"
_LIVER_MRI = frozenset({"img.mri_abdomen_liver", "img.mri_pancreas_mrcp"})
_SHOWS_LIVER = _LIVER_MRI | {"site.liver", "site.pancreas", "site.abdomen"}
_ELSEWHERE = frozenset({"img.mri_other_region", "site.other"})


@fact(
    "mri_liver_done",
    source="F12",
    states=("yes", "no", "unknown:not-searched", "unknown:indeterminate", "unknown:stale"),
    searches=_DONE_SEARCHES,
)
def mri_liver_done(case: Case) -> Fact:
    """An MRI of liver or upper abdomen with contrast or diffusion, reported, within its window.

    ``indeterminate``: an MRI of the region, or that may be, whose technique is not told or that has no final report.
    """
    return settle_examinations(
        "mri_liver_done", (*_reported(case), *_unreported(case)), unfinished(case, _DONE_SEARCHES)
    )


def _reported(case: Case) -> Iterator[Examination]:
    words = vocabulary_of(case)
    for report, newer in imaging_reports(case):
        if report_modality(report, case) != "mri":
            continue
        titles = concepts_of(report, "code")
        known = words.both(titles) | words.named((report_text(report, case).text,))
        status = report_status(report)
        standing: Standing = "done"
        why = "reported"
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
        yield examination_of(report, report_date(report, case), standing, why, titles, case.settings.mri_window, case)


def _unreported(case: Case) -> Iterator[Examination]:
    """MRI examinations of the region that stand as ImagingStudy: an examination, never a report."""
    words = vocabulary_of(case)
    for study in case.record.of("ImagingStudy"):
        titles = concepts_of(study, "procedureCode")
        described = as_text(study.get("description"))
        known = words.both(titles) | words.named((described,)) | parts_named(study, words)
        if not known & (_LIVER_MRI | {"img.modality_mri"}):
            continue
        sites = sites_told(study)
        # A region that is told beside the modality names no MRI by itself.
        named = (*(name for title in titles for name in title.names), described, *sites)
        known |= words.named(f"MRI {name}" for name in named if name)
        standing: Standing = "unsure"
        why = "an examination without a report here"
        if as_text(study.get("status")) not in {"available", ""}:
            standing, why = "", "not finished or withdrawn"
        elif known.isdisjoint(_SHOWS_LIVER):
            is_elsewhere = bool(sites) or not known.isdisjoint(_ELSEWHERE)
            standing, why = ("", "of another region") if is_elsewhere else ("unsure", "its region is not told")
        shown = titles if label_of(titles) else concepts_of({"code": described}, "code")
        yield examination_of(
            study, read_when(study.get("started")), standing, why, shown, case.settings.mri_window, case
        )


_BARRED = "mri.contraindication"
_NOT_DONE = frozenset({"not-done", "entered-in-error", "preparation", "on-hold"})


@fact(
    "mri_contraindicated",
    source="F13",
    states=("yes", "yes:contrast-only", "no", "unknown:not-searched"),
    searches=_BARRED_SEARCHES,
)
def mri_contraindicated(case: Case) -> Fact:
    """A device or severe claustrophobia recorded (yes), or what bars the contrast agent only.

    That is renal failure, recorded or by a low eGFR, or an allergy to gadolinium; one to iodine is no reason. A device
    is known by Conditions and Procedures: Device resources are not searched, so that "no" says nothing of them.
    ``number`` is the latest eGFR in mL/min/1.73m2, where there is one.
    """
    barred = (*_problems(case), *_implants(case))
    filtration = filtration_of(case)
    allergies = allergies_to(
        "allergy.gadolinium", case, beside="allergy.iodinated_contrast", denial="no reason against MRI contrast"
    )
    lines = (*barred, *renal_failure(case), *allergies.lines, *filtration.lines)
    counted = [line.date for line in lines if line.counted]
    missing = unfinished(case, _BARRED_SEARCHES)
    gaps = (*gaps_of(missing), *allergies.gaps, *filtration.gaps)
    value: Value = "yes" if counted else "unknown" if gaps else "no"
    reason = "" if value == "no" or any(line.counted for line in barred) else "contrast-only"
    return Fact(
        "mri_contraindicated",
        value,
        NOT_SEARCHED if value == "unknown" else reason,
        lines + evidence_of(missing),
        as_of=max(counted, default=""),
        number=filtration.value,
        gaps=gaps,
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
