"""F10 resectability, as far as the choice of suggestions needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cds_service.facts.case import Case
from cds_service.facts.fact import CONFLICT, NOT_FOUND, NOT_SEARCHED, STALE, Evidence, Fact
from cds_service.facts.liver_imaging import imaging_reports
from cds_service.facts.marks import with_mark
from cds_service.facts.problems import Problem, problems_of
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date, report_modality, report_status, report_text
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.spread import named_elsewhere, origin_of
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, notes_of, vocabulary_of
from cds_service.fhir.shapes import When, as_list, as_object, as_text, read_when, reference_texts, type_and_id
from cds_service.fhir.source import Resource
from cds_service.reading import read_resectability

_SEARCHES = ("observations", "conditions", "carePlans", "reports")
_STATES = ("resectable", "borderline", "locally_advanced", "metastatic")
_WITHDRAWN = frozenset({"revoked", "entered-in-error"})
_OF_CANCER = frozenset({"mcode.codes", "mcode.tnm_distant", "title.cancer_stage"})
_METASTASIS = "mcode.distant_metastasis_present"
_SPREAD = frozenset(
    {
        *("cond.liver_metastasis", "cond.other_metastasis", "cond.peritoneal_metastasis"),
        *("cond.metastasis_any_site", "cond.metastasis_from_pancreas"),
    }
)
_OBSERVED, _STAGED, _PLANNED, _IMAGED = 4, 3, 2, 1
"""Which source weighs more: a coded observation, a recorded stage, the plan of a meeting, the words of a CT or MRI."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement; ``rank`` 0 if it does not count."""

    rank: int
    state: str
    when: When | None
    line: Evidence


@fact(
    "resectability",
    source="F10",
    states=(
        *("yes:resectable", "yes:borderline", "yes:locally-advanced", "yes:metastatic"),
        *("unknown:not-found", "unknown:not-searched", "unknown:stale", "unknown:conflict"),
    ),
    searches=_SEARCHES,
    asks=("liver_metastases", "prior_systemic_therapy"),
)
def resectability(case: Case) -> Fact:
    """How resectable the tumour was last said to be. An order for resection says nothing about it.

    Liver metastases proven by pathology make it metastatic, whatever was said before.
    """
    liver = case.fact("liver_metastases")
    missing = unfinished(case, _SEARCHES)
    gaps = tuple(dict.fromkeys((*gaps_of(missing), *liver.gaps)))
    statements = tuple(_aged(item, case) for item in _statements(case))
    if liver.state == "yes:pathology":
        lines = (*(line for line in liver.evidence if line.counted), *(item.line for item in statements))
        return Fact("resectability", "yes", "metastatic", lines + evidence_of(missing), as_of=liver.as_of, gaps=gaps)
    fresh = [item for item in statements if item.rank > 0]
    best = max(((item.rank, _day(item)) for item in fresh), default=None)
    deciding = [item for item in fresh if (item.rank, _day(item)) == best]
    lines = (*(item.line._replace(counted=item in deciding) for item in statements), *evidence_of(missing))
    if deciding:
        states = {item.state for item in deciding}
        return Fact(
            "resectability",
            "yes" if len(states) == 1 else "unknown",
            deciding[0].state.replace("_", "-") if len(states) == 1 else CONFLICT,
            lines,
            as_of=deciding[0].line.date,
            gaps=gaps,
        )
    if gaps:
        return Fact("resectability", "unknown", NOT_SEARCHED, lines, gaps=gaps)
    old = [item.line.date for item in statements if item.rank < 0]
    return Fact("resectability", "unknown", STALE if old else NOT_FOUND, lines, as_of=max(old, default=""))


def _day(item: _Statement) -> str:
    return item.when.last.date().isoformat() if item.when else ""


def _statements(case: Case) -> Iterator[_Statement]:
    words = vocabulary_of(case)
    yield from _observations(case, words)
    yield from _stages(case, words)
    yield from _plans(case)
    yield from _conclusions(case)


def _aged(item: _Statement, case: Case) -> _Statement:
    """A statement past its window, or older than systemic therapy, must be made again: its rank turns negative."""
    if item.rank == 0:
        return item
    window = case.settings.resectability_window
    if item.when is None or item.when.is_older_than(window, case.now):
        return replace(item, rank=-1, line=item.line._replace(why=f"not from the last {window} days"))
    therapy = case.fact("prior_systemic_therapy")
    if therapy.value == "yes" and _day(item) < therapy.as_of:
        return replace(item, rank=-1, line=item.line._replace(why="from before systemic therapy"))
    return item


def _statement(rank: int, names: frozenset[str], when: When | None, line: Evidence, case: Case) -> Iterator[_Statement]:
    """A statement from what was recognised; none if nothing was, a contradictory one does not count."""
    states = [state for state in _STATES if f"resectability.{state}" in names]
    if not states:
        return
    why = "names more than one state" if len(states) > 1 else ""
    if when is not None and when.is_future(case.now):
        why = "dated in the future"
    why = line.why or why
    yield _Statement(0 if why else rank, states[0], when, line._replace(counted=False, why=why))


def _line(resource: Resource, text: str, when: When | None, why: str = "") -> Evidence:
    date = when.text if when else ""
    return Evidence(type_and_id(resource), text, date, as_text(resource.get("status")), why=why)


def _observations(case: Case, words: Vocabulary) -> Iterator[_Statement]:
    for item in with_mark(case, "Observation", ("resectability.", _METASTASIS)):
        values = concepts_of(item, "valueCodeableConcept", "valueString")
        names = words.worded(values)
        if _METASTASIS in words.coded(values):
            names |= {"resectability.metastatic"}
        when = report_date(item, case)
        is_tumours = "value.resectability" in names
        why = "not final or withdrawn"
        if report_status(item) == "final":
            why = _not_of_this_cancer(item, words, case, is_tumours=is_tumours)
        yield from _statement(_OBSERVED, names, when, _line(item, label_of(values), when, why), case)


def _not_of_this_cancer(item: Resource, words: Vocabulary, case: Case, *, is_tumours: bool) -> str:
    """Why an Observation is no stage or resectability of this cancer, "" if it is: other diseases have stages too.

    ``is_tumours``: its value is said of tumours alone, so that its own name, often a local one, need not be known.
    """
    is_known = is_tumours or not words.both(concepts_of(item, "code")).isdisjoint(_OF_CANCER)
    if not is_known and _METASTASIS not in words.coded(concepts_of(item, "code", "valueCodeableConcept")):
        return "not known to be a stage or the resectability of a cancer"
    for reference in reference_texts(item.get("focus")):
        target = case.record.resolve(reference, item)
        problem = next((problem for problem in problems_of(case) if problem.resource is target), None)
        if problem is not None and not _is_of_this_cancer(problem, case):
            return "about another condition"
    told = words.both(words.follow(item.get("focus"), item, "code"))
    return "about another condition" if named_elsewhere(told) else ""


def _is_of_this_cancer(problem: Problem, case: Case) -> bool:
    """Whether a Condition is the cancer of the pancreas, or a metastasis that is not said to be another cancer's."""
    known = problem.coded | problem.named
    if "cond.pancreas_primary" in known:
        return True
    return not known.isdisjoint(_SPREAD) and origin_of(problem, case) != "elsewhere"


def _stages(case: Case, words: Vocabulary) -> Iterator[_Statement]:
    """The stage of a pancreatic cancer, dated by when it was recorded."""
    for problem in problems_of(case):
        if "cond.pancreas_primary" not in problem.coded | problem.named:
            continue
        when = read_when(problem.resource.get("recordedDate")) or problem.when
        for stage in as_list(problem.resource.get("stage")):
            summary = concepts_of(as_object(stage), "summary")
            why = problem.void or ("" if problem.is_current else "past disease")
            line = problem.line(counted=False, why=why)._replace(text=label_of(summary), date=when.text if when else "")
            yield from _statement(_STAGED, words.worded(summary), when, line, case)


def _plans(case: Case) -> Iterator[_Statement]:
    """What the notes of a meeting call it, read as a report is: not what they hope for, ask or recall."""
    for plan in case.record.of("CarePlan"):
        texts = (as_text(plan.get("title")), as_text(plan.get("description")), *notes_of(plan))
        when = read_when(plan.get("created")) or read_when(plan.get("period"))
        why = "withdrawn" if as_text(plan.get("status")) in _WITHDRAWN else ""
        shown = next((text for text in texts if text), "")
        line = _line(plan, shown, when, why)
        yield from _statement(_PLANNED, _read("\n\n".join(texts), case), when, line, case)


def _conclusions(case: Case) -> Iterator[_Statement]:
    """What a CT or MRI calls it: about the vessels, never "metastatic", which imaging alone does not prove."""
    for report, newer in imaging_reports(case):
        if report_modality(report, case) not in {"ct", "mri"}:
            continue
        names = _read(report_text(report, case).text, case) - {"resectability.metastatic"}
        when = report_date(report, case)
        why = "" if report_status(report) == "final" else "not final or withdrawn"
        why = "replaced by a newer version" if newer is not None else why
        line = _line(report, label_of(concepts_of(report, "code")), when, why)
        yield from _statement(_IMAGED, names, when, line, case)


def _read(text: str, case: Case) -> frozenset[str]:
    """The category that a longer text states, as a concept; none if it states none."""
    state = read_resectability(text, case.lexicon).state.replace("-", "_")
    return frozenset({f"resectability.{state}"} if state in _STATES else ())
