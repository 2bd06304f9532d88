"""F11 pancreas_protocol_ct_done, and reasons against contrast CT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from cds_service.facts.allergies import allergies_to
from cds_service.facts.case import Case
from cds_service.facts.examinations import (
    Examination,
    Standing,
    examination_of,
    parts_named,
    series_descriptions,
    settle_examinations,
)
from cds_service.facts.fact import NOT_SEARCHED, Fact, Value
from cds_service.facts.filtration import filtration_of, renal_failure
from cds_service.facts.liver_imaging import imaging_reports
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date, report_modality, report_region, report_status, report_text
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import Concept, as_text, read_when
from cds_service.reading import read_protocol_ct
from cds_service.reading.protocol_ct import ProtocolState

_DONE_SEARCHES = ("reports", "imagingStudies")
_BARRED_SEARCHES = ("allergies", "conditions", "observations")

_WITHOUT = frozenset({"img.ct_abdomen_without_contrast", "ct.no_contrast"})
_CT = frozenset({"img.ct_abdomen", "img.ct_other_region", "img.modality_ct"})
_TOLD: Mapping[str, tuple[Standing, str]] = MappingProxyType(
    {"yes": ("done", "its protocol is stated"), "no": ("unsure", "another protocol is stated")}
)
_SHOWS_ABDOMEN = frozenset({"img.ct_abdomen", "site.liver", "site.pancreas", "site.abdomen"})
_ELSEWHERE = frozenset({"img.ct_other_region", "site.other"})


@fact(
    "pancreas_protocol_ct_done",
    source="F11",
    states=("yes", "no", "unknown:not-searched", "unknown:indeterminate", "unknown:stale"),
    searches=_DONE_SEARCHES,
    asks=("resection_ordered",),
)
def pancreas_protocol_ct_done(case: Case) -> Fact:
    """A CT with a stated pancreas protocol, within its window, which is shorter before a resection.

    ``indeterminate``: a CT that shows the abdomen, or may, whose protocol is not told or whose report is not final.
    """
    settings = case.settings
    resection = case.fact("resection_ordered").value == "yes"
    window = settings.protocol_ct_window_before_resection if resection else settings.protocol_ct_window
    examinations = (*_reported(case, window), *_imaged(case, window))
    return settle_examinations("pancreas_protocol_ct_done", examinations, unfinished(case, _DONE_SEARCHES))


def _reported(case: Case, window: int) -> Iterator[Examination]:
    """Reports of a CT: the protocol by title, or by what the report says was done."""
    words = vocabulary_of(case)
    for report, newer in imaging_reports(case):
        if report_modality(report, case) != "ct":
            continue
        titles = concepts_of(report, "code")
        known = words.both(titles) | words.named(_displays(titles, case))
        status, region = report_status(report), report_region(report, case)
        standing: Standing = "unsure"
        why = "its protocol is not told"
        if status == "void" or newer is not None:
            standing, why = "", "withdrawn or replaced"
        elif region == "other":
            standing, why = "", "of another region"
        elif status != "final":
            why = "its report is not final"
        elif known & _WITHOUT:
            standing, why = "", "without contrast"
        elif (told := _protocol((*_names(titles), report_text(report, case).text), case)) != "not-stated":
            standing, why = _TOLD[told]
        elif region == "unknown":
            why = "its region is not told"
        yield examination_of(report, report_date(report, case), standing, why, titles, window, case)


def _imaged(case: Case, window: int) -> Iterator[Examination]:
    """CT examinations that stand as ImagingStudy: the protocol by title, or by the names of its series."""
    words = vocabulary_of(case)
    for study in case.record.of("ImagingStudy"):
        titles = concepts_of(study, "procedureCode")
        described, series = as_text(study.get("description")), series_descriptions(study)
        called = words.both(titles) | words.named((*_displays(titles, case), described))
        known = called | parts_named(study, words)
        if known.isdisjoint(_CT):
            continue
        shows_abdomen = not known.isdisjoint(_SHOWS_ABDOMEN)
        standing: Standing = "unsure"
        why = "its protocol is not told"
        if as_text(study.get("status")) not in {"available", ""}:
            standing, why = "", "not finished or withdrawn"
        elif not shows_abdomen and not known.isdisjoint(_ELSEWHERE):
            standing, why = "", "of another region"
        elif called & _WITHOUT:
            standing, why = "", "without contrast"
        elif (told := _protocol((*_names(titles), described, *_scanned(series)), case)) != "not-stated":
            standing, why = _TOLD[told]
        elif not shows_abdomen:
            why = "its region is not told"
        shown = titles if label_of(titles) else (Concept((), described),)
        yield examination_of(study, read_when(study.get("started")), standing, why, shown, window, case)


def _names(titles: Sequence[Concept]) -> tuple[str, ...]:
    return tuple(name for title in titles for name in title.names)


def _scanned(series: Sequence[str]) -> tuple[str, ...]:
    """The names of the series as a report would tell them: they say how it was scanned."""
    return (f"Technique: {', '.join(series)}",) if series else ()


def _displays(titles: Sequence[Concept], case: Case) -> tuple[str, ...]:
    """Our own names of the codes, for clients that send none."""
    return tuple(case.terms.display(coding.system, coding.code) for title in titles for coding in title.codings)


def _protocol(lines: Iterable[str], case: Case) -> ProtocolState:
    """What titles, names of series and the text of a report say of the protocol; a stated failure beats a title."""
    return read_protocol_ct("\n".join(dict.fromkeys(line for line in lines if line)), case.lexicon).state


@fact(
    "ct_contrast_contraindicated",
    source="C6",
    states=("yes", "no", "unknown:not-searched"),
    searches=_BARRED_SEARCHES,
)
def ct_contrast_contraindicated(case: Case) -> Fact:
    """An allergy to iodinated contrast, or renal failure: recorded, or by the latest eGFR.

    The allergy is recognised by its name: no code is verified. One to iodine, povidone or shellfish is no reason.
    ``number`` is the latest eGFR in mL/min/1.73m2, where there is one.
    """
    filtration = filtration_of(case)
    allergies = allergies_to(
        "allergy.iodinated_contrast", case, beside="allergy.iodine_other", denial="no reason against contrast"
    )
    lines = (*allergies.lines, *renal_failure(case), *filtration.lines)
    missing = unfinished(case, _BARRED_SEARCHES)
    counted = [line.date for line in lines if line.counted]
    gaps = (*gaps_of(missing), *allergies.gaps, *filtration.gaps)
    value: Value = "yes" if counted else "unknown" if gaps else "no"
    return Fact(
        "ct_contrast_contraindicated",
        value,
        NOT_SEARCHED if value == "unknown" else "",
        lines + evidence_of(missing),
        as_of=max(counted, default=""),
        number=filtration.value,
        gaps=gaps,
    )
