"""F19 conversion_response: liver metastases that answered to systemic therapy, shown by four proofs.

Each proof is looked for by itself and has its lines; a proof that is missing has a line that says so. What CA 19-9 did
is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cds_service.facts.care_plans import plan_statements
from cds_service.facts.case import Case, once
from cds_service.facts.fact import INDETERMINATE, NOT_FOUND, NOT_SEARCHED, Evidence, Fact
from cds_service.facts.liver import weighed_items
from cds_service.facts.liver_imaging import LiverItem, imaging_reports
from cds_service.facts.marks import marks_in
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date, report_region, report_status, report_text
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import When, as_object, as_text, read_when, type_and_id
from cds_service.reading import read_liver

if TYPE_CHECKING:
    from cds_service.fhir.source import Resource

_SEARCHES = (
    *("medicationAdministrations", "medicationStatements", "medicationRequests", "procedures"),
    *("reports", "carePlans", "conditions", "observations", "documents", "specimens"),
)
_PROVEN = frozenset({"pathology", "definite"})
_DISEASE = frozenset({"definite", "suspected", "indeterminate", "unclear"})
_SAMPLED_DISEASE = frozenset({"pathology", "disputed"})
_OVER = frozenset({"completed", "stopped"})
_DECIDED = frozenset({"plan.resection", "plan.response"})
_AGAINST = "plan.no_resection"
_MEETING = "plan.mdt"
_SENTENCE_END = re.compile(r"[;\n]|(?<=\.)\s")


@dataclass(frozen=True, slots=True)
class _Proof:
    """One of the four proofs: what it is, its lines, the day that it sets for the next one, whether it is there."""

    what: str
    lines: tuple[Evidence, ...]
    day: date | None = None
    is_there: bool = False

    def shown(self) -> tuple[Evidence, ...]:
        """Its lines, the missing proof named."""
        gone = () if self.is_there else (Evidence("", self.what, counted=False, why="not shown"),)
        return (*self.lines, *gone)


@fact(
    "conversion_response",
    source="F19",
    states=("yes", "unknown:not-found", "unknown:not-searched", "unknown:indeterminate"),
    searches=_SEARCHES,
    asks=("pancreatic_cancer", "prior_systemic_therapy"),
)
def conversion_response(case: Case) -> Fact:
    """Response of proven liver metastases to systemic therapy: all four proofs, else unknown.

    The proofs: pathology or definite imaging of the metastases; systemic therapy that was given after it and began at
    least the days of the settings ago; the latest liver MRI since shows no active disease, and nothing later does; a
    meeting or care plan decided after that MRI. ``as_of`` is the date of the MRI.
    """
    disease = _disease(case)
    therapy = _therapy(disease.day, case)
    restaging = _restaging(therapy.day, case)
    decision = _decision(restaging.day or therapy.day, case)
    proofs = (disease, therapy, restaging, decision)
    missing = unfinished(case, _SEARCHES)
    lines = (*(line for proof in proofs for line in proof.shown()), *evidence_of(missing))
    there = [proof.is_there for proof in proofs]
    if all(there):
        as_of = max(line.date for line in restaging.lines if line.counted)
        gaps = tuple(dict.fromkeys((*gaps_of(missing), *case.fact("prior_systemic_therapy").gaps)))
        return Fact("conversion_response", "yes", evidence=lines, as_of=as_of, gaps=gaps)
    reason = NOT_SEARCHED if missing else INDETERMINATE if any(there) else NOT_FOUND
    return Fact("conversion_response", "unknown", reason, lines, gaps=gaps_of(missing))


def _disease(case: Case) -> _Proof:
    """Pathology or definite imaging of the metastases, also where later imaging has overturned it for F3."""
    proven = [item for item in weighed_items(case) if item.level in _PROVEN and not _is_clear(item, case)]
    days = [item.when.last.date() for item in proven if item.when is not None]
    is_dated = len(days) == len(proven)
    lines = tuple(item.line._replace(counted=True) for item in proven)
    first = min(days, default=None) if is_dated else None
    return _Proof("proven liver metastases", lines, first, bool(proven))


def _therapy(proven: date | None, case: Case) -> _Proof:
    """Systemic therapy that was given when the metastases were proven or after it, long enough ago."""
    prior = case.fact("prior_systemic_therapy")
    least = case.settings.conversion_minimum_therapy
    lines: list[Evidence] = []
    starts: list[When] = []
    for line in prior.evidence:
        when = read_when(line.date)
        if not line.counted or when is None:
            lines.append(line._replace(counted=False))
        elif proven is not None and not _was_given_after(line, when, proven, case):
            lines.append(line._replace(counted=False, why="given before the metastases were proven"))
        else:
            starts.append(when)
            lines.append(line)
    if not starts:
        return _Proof("systemic therapy for the metastases", tuple(lines))
    first = min(starts, key=lambda when: when.last)
    is_long = first.is_older_than(least - 1, case.now)
    if not is_long:
        why = f"begun less than {least} days ago"
        lines = [line._replace(counted=False, why=why) if line.counted else line for line in lines]
    return _Proof(f"systemic therapy begun at least {least} days ago", tuple(lines), first.last.date(), is_long)


def _was_given_after(line: Evidence, began: When, proven: date, case: Case) -> bool:
    """Whether a treatment began on that day or later, or began before it and went on."""
    if began.first.date() >= proven:
        return True
    resource = case.record.resolve(line.reference) or {}
    period = as_object(resource.get("effectivePeriod") or resource.get("performedPeriod"))
    end = read_when(period.get("end"))
    if end is not None:
        return end.first.date() >= proven
    return bool(period) and as_text(resource.get("status")) not in _OVER


def _restaging(began: date | None, case: Case) -> _Proof:
    """The latest MRI that tells of the liver since therapy began: no active disease, and none shown later."""
    what = "liver MRI after the start of therapy without active disease"
    if began is None:
        return _Proof(what, ())
    since = [item for item in weighed_items(case) if _is_since(item, began)]
    scans = [item for item in since if item.modality == "mri" and (item.level or _is_clear(item, case))]
    day = max((item.day for item in scans), default="")
    latest = [item for item in scans if item.day == day]
    later = [item for item in since if item.day >= day and item not in latest and _shows_disease(item, case)]
    is_clear = bool(latest) and all(_is_clear(item, case) for item in latest)
    is_there = is_clear and not later
    lines: list[Evidence] = []
    for item in sorted(since, key=lambda item: item.day, reverse=True):
        why = item.line.why
        if item in latest and is_clear:
            why = f"no active disease, but {later[0].line.reference} says otherwise" if later else "no active disease"
        lines.append(item.line._replace(counted=is_there and item in latest, why=why))
    when = latest[0].when if is_there else None
    return _Proof(what, tuple(lines), when.last.date() if when else None, is_there)


def _is_since(item: LiverItem, began: date) -> bool:
    """Whether an examination or sample of the liver is dated after a day; an undated one is not known to be."""
    is_examination = item.is_imaging or item.level in _SAMPLED_DISEASE
    return is_examination and item.when is not None and item.when.first.date() > began


def _shows_disease(item: LiverItem, case: Case) -> bool:
    """Whether an item leaves active disease standing: found, suspected, undecided or not to be read."""
    if item.is_imaging:
        return item.level in _DISEASE and not _is_clear(item, case)
    return item.level in _SAMPLED_DISEASE


def _is_clear(item: LiverItem, case: Case) -> bool:
    """Whether a final report on the liver says without a hedge that no active disease is left.

    Either it is read as absent, or it speaks of a complete response and of no lesion beside that. A response that is
    not complete is none.
    """
    report = _reports(case).get(item.line.reference) if item.is_imaging and item.quality == "from-text" else None
    if report is None or report_status(report) != "final" or report_region(report, case) != "liver":
        return False
    words = vocabulary_of(case)
    text = report_text(report, case).text
    if "response.liver_incomplete" in words.named((text,)):
        return False
    if item.level == "negative":
        return read_liver(text, case.lexicon).state == "absent"
    sentences = _SENTENCE_END.split(text)
    others = [sentence for sentence in sentences if "response.liver_complete" not in words.named((sentence,))]
    rest = "\n".join(others).strip()
    is_nothing_else = not rest or read_liver(rest, case.lexicon).state in {"absent", "not-found"}
    return len(others) < len(sentences) and is_nothing_else


@once
def _reports(case: Case) -> dict[str, Resource]:
    """The imaging reports that stand, by reference."""
    return {type_and_id(report): report for report, newer in imaging_reports(case) if newer is None}


def _decision(since: date | None, case: Case) -> _Proof:
    """A care plan or the note of a meeting that names resection, conversion or response, not before a day."""
    what = "meeting or care plan about resection after the response"
    notes = (*_planned(case), *_minuted(case))
    lines: list[Evidence] = []
    for note in notes:
        why = note.line.why
        if not why and (since is None or note.when is None or note.when.first.date() < since):
            why = "not dated after the start of therapy and the MRI"
        lines.append(note.line._replace(counted=not why, why=why or "decides after the response"))
    return _Proof(what, tuple(lines), is_there=any(line.counted for line in lines))


@dataclass(frozen=True, slots=True)
class _Note:
    """What a plan or a meeting said; the line's ``why`` says why it cannot count ("" if it can)."""

    when: When | None
    line: Evidence


def _planned(case: Case) -> Iterator[_Note]:
    against = {id(said.resource) for said in plan_statements(case) if _AGAINST in said.names}
    for said in plan_statements(case):
        if said.names & (_DECIDED | {_AGAINST}):
            why = said.void or ("decides against resection" if id(said.resource) in against else "")
            yield _Note(said.when, said.line(counted=False, why=why))


def _minuted(case: Case) -> Iterator[_Note]:
    """Reports and documents that are called notes of a meeting."""
    words = vocabulary_of(case)
    for resource in case.record.of("DiagnosticReport", "DocumentReference"):
        if _MEETING not in marks_in(resource, ("code", "type"), case):
            continue
        said = report_text(resource, case)
        names = words.named((said.text,))
        when = report_date(resource, case)
        why = ""
        if report_status(resource) != "final":
            why = "not final or withdrawn"
        elif when is not None and when.is_future(case.now):
            why = "dated in the future"
        elif not said.text:
            why = said.unreadable or "it holds no words"
        elif _AGAINST in names:
            why = "decides against resection"
        elif _DECIDED.isdisjoint(names):
            why = "names neither resection nor response"
        label = label_of(concepts_of(resource, "code", "type"))
        date = when.text if when else ""
        status = as_text(resource.get("status"))
        yield _Note(when, Evidence(type_and_id(resource), label, date, status, counted=False, why=why))
