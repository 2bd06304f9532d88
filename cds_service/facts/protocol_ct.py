"""F11 pancreas_protocol_ct_done, and reasons against contrast CT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from cds_service.facts.case import Case
from cds_service.facts.examinations import (
    Examination,
    Standing,
    examination_of,
    parts_named,
    series_descriptions,
    settle_examinations,
)
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact, Value
from cds_service.facts.filtration import filtration_of
from cds_service.facts.liver_imaging import imaging_reports
from cds_service.facts.problems import problems_of, status_code
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date, report_modality, report_region, report_status, report_text
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import Concept, as_list, as_object, as_text, read_when, type_and_id
from cds_service.fhir.source import Resource
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


_CONTRAST, _NO_REASON = "allergy.iodinated_contrast", "allergy.iodine_other"
_UNREAD = "observations: the latest eGFR could not be compared"


@fact(
    "ct_contrast_contraindicated",
    source="C6",
    states=("yes", "no", "unknown:not-searched"),
    searches=_BARRED_SEARCHES,
)
def ct_contrast_contraindicated(case: Case) -> Fact:
    """An allergy to iodinated contrast, or renal failure.

    The allergy is recognised by its name: no code is verified. One to iodine, povidone or shellfish is no reason.
    ``number`` is the latest eGFR in mL/min/1.73m2, where there is one.
    """
    filtration = filtration_of(case)
    allergies = (*_allergies(case), *_recorded_allergies(case))
    lines = (*(line for line, _ in allergies), *filtration.lines)
    missing = unfinished(case, _BARRED_SEARCHES)
    counted = [line.date for line in lines if line.counted]
    gaps = list(gaps_of(missing))
    gaps += [f"allergies: {_NAMELESS}"] if any(is_nameless for _, is_nameless in allergies) else []
    gaps += [_UNREAD] if filtration.is_unread else []
    value: Value = "yes" if counted else "unknown" if gaps else "no"
    return Fact(
        "ct_contrast_contraindicated",
        value,
        NOT_SEARCHED if value == "unknown" else "",
        lines + evidence_of(missing),
        as_of=max(counted, default=""),
        number=filtration.value,
        gaps=tuple(gaps),
    )


_NAMELESS = "an allergy does not say to what"


def _allergies(case: Case) -> Iterator[tuple[Evidence, bool]]:
    """A line for each allergy to contrast or iodine, and for each that does not say to what (True)."""
    words = vocabulary_of(case)
    for allergy in case.record.of("AllergyIntolerance"):
        reactions = (as_object(item) for item in as_list(allergy.get("reaction")))
        titles = (*concepts_of(allergy, "code"), *(one for item in reactions for one in concepts_of(item, "substance")))
        names = words.worded(titles)
        when = next((when for name in _DATES if (when := read_when(allergy.get(name)))), None)
        why = _standing(allergy) or ("dated in the future" if when and when.is_future(case.now) else "")
        is_nameless = not why and not any(title.names for title in titles)
        if not is_nameless and names.isdisjoint({_CONTRAST, _NO_REASON}):
            continue
        is_reason = _CONTRAST in names and not why
        why = why or (_NAMELESS if is_nameless else "" if is_reason else "no reason against contrast")
        date, status = when.text if when else "", status_code(allergy, "clinicalStatus")
        yield Evidence(type_and_id(allergy), label_of(titles), date, status, counted=is_reason, why=why), is_nameless


_DATES = ("onsetDateTime", "onsetPeriod", "recordedDate")
_REFUTED = frozenset({"refuted", "entered-in-error"})


def _standing(allergy: Resource) -> str:
    """Why an allergy is none of today, "" if it is; one without a status is taken as active."""
    verified, clinical = status_code(allergy, "verificationStatus"), status_code(allergy, "clinicalStatus")
    if verified in _REFUTED:
        return "refuted" if verified == "refuted" else "entered in error"
    return "" if clinical in {"", "active"} else f"not active: {clinical}"


def _recorded_allergies(case: Case) -> Iterator[tuple[Evidence, bool]]:
    """Contrast allergies that stand among the Conditions ("radiographic dye allergy status")."""
    for problem in problems_of(case):
        if _CONTRAST in problem.named:
            why = problem.void or ("" if problem.is_current else "past")
            yield problem.line(not why, why), False
