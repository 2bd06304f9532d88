"""Earlier biopsy attempts: F8 failed_ultrasound_biopsy.

An attempt counts as failed when plain ultrasound did not show the liver lesion or the needle missed it. A procedure
stopped for another reason is no failure of visibility, and an attempt older than the imaging that shows the lesion
says nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from cds_service.facts.biopsies import (
    BIOPSY_MARKS,
    LIVER_BIOPSY,
    Biopsy,
    biopsy_of,
    performed_when,
    read_biopsy,
    reasons_in,
    sample_links,
    stop_reasons,
)
from cds_service.facts.case import Case
from cds_service.facts.fact import INDETERMINATE, NOT_SEARCHED, UNINTERPRETABLE, Evidence, Fact, Value
from cds_service.facts.liver_imaging import liver_items
from cds_service.facts.marks import with_mark
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.registry import fact
from cds_service.facts.reports import (
    classify_report,
    report_date,
    report_modality,
    report_status,
    report_text,
    telling_reports,
)
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, notes_of, vocabulary_of
from cds_service.fhir.shapes import Concept, When, as_text, type_and_id
from cds_service.fhir.source import Resource
from cds_service.reading import read_attempt

_SEARCHES = ("procedures", "reports", "observations", "specimens")
_LESION_SHOWN = frozenset({"definite", "suspected", "indeterminate"})
_SECTIONAL = frozenset({"ct", "mri"})
_NOT_OF_VISIBILITY = frozenset({"reason.refusal", "reason.contraindication", "reason.laboratory", "reason.other_stop"})
_UNSUCCESSFUL = "reason.unsuccessful"
_REACHED = "sample.lesion"
_WHAT_IT_IS = "Ultrasound guided liver biopsy"
"""Heads the words of a Procedure, which its code shows to be a liver biopsy; ``_attempt`` looks at its guidance."""
_DAY = timedelta(days=1)

_Outcome = Literal["failed", "unsure", "unreadable", "not"]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt: how it went, when, and its evidence line."""

    outcome: _Outcome
    when: When | None
    line: Evidence


@fact(
    "failed_ultrasound_biopsy",
    source="F8",
    states=("yes", "no", "unknown:not-searched", "unknown:indeterminate", "unknown:uninterpretable"),
    searches=_SEARCHES,
    reads=("documents",),
)
def failed_ultrasound_biopsy(case: Case) -> Fact:
    """An ultrasound-guided liver biopsy failed because the lesion was not seen or not hit.

    ``number`` counts failed attempts (those of one day once); ``as_of`` is the date of the last.
    """
    attempts: list[_Attempt] = [*_procedures(case), *_accounts(case)]
    if any(attempt.outcome != "not" for attempt in attempts):
        shown = _lesion_first_shown(case)
        attempts = [_in_time(attempt, shown) for attempt in attempts]
    missing = unfinished(case, _SEARCHES)
    evidence = (*(attempt.line for attempt in attempts), *evidence_of(missing))
    failed = [attempt for attempt in attempts if attempt.outcome == "failed"]
    if failed:
        dates = [attempt.when for attempt in failed if attempt.when is not None]
        last = max(dates, key=lambda when: when.last, default=None)
        return Fact(
            "failed_ultrasound_biopsy",
            "yes",
            evidence=evidence,
            as_of=last.text if last else "",
            number=float(len({attempt.line.date or attempt.line.reference for attempt in failed})),
            gaps=gaps_of(missing),
        )
    outcomes = {attempt.outcome for attempt in attempts}
    answers: tuple[tuple[bool, Value, str], ...] = (
        ("unsure" in outcomes, "unknown", INDETERMINATE),
        ("unreadable" in outcomes, "unknown", UNINTERPRETABLE),
        (bool(missing), "unknown", NOT_SEARCHED),
        (True, "no", ""),
    )
    value, reason = next((value, reason) for holds, value, reason in answers if holds)
    return Fact("failed_ultrasound_biopsy", value, reason, evidence, gaps=gaps_of(missing))


def _lesion_first_shown(case: Case) -> datetime | None:
    """The day of the first CT or MRI that shows a liver lesion, moved back by the lead that an attempt may have."""
    shown = [
        item.when.first
        for item in liver_items(case)
        if item.when is not None and item.modality in _SECTIONAL and item.level in _LESION_SHOWN
    ]
    return min(shown) - timedelta(days=case.settings.failed_attempt_lead) if shown else None


def _in_time(attempt: _Attempt, shown: datetime | None) -> _Attempt:
    """An attempt older than the imaging that shows the lesion was not an attempt on that lesion."""
    if attempt.outcome == "not" or shown is None or attempt.when is None or attempt.when.last >= shown:
        return attempt
    line = attempt.line._replace(counted=False, why="older than the imaging that shows the lesion")
    return _Attempt("not", attempt.when, line)


def _procedures(case: Case) -> Iterator[_Attempt]:
    """Liver biopsies recorded as Procedures."""
    vocabulary = vocabulary_of(case)
    findings = pathology_findings(case)
    for resource in with_mark(case, "Procedure", BIOPSY_MARKS):
        biopsy = biopsy_of(resource, vocabulary)
        if LIVER_BIOPSY not in biopsy.kinds:
            continue
        when = performed_when(resource)
        failure, why = _failure(resource, when, findings, case, vocabulary)
        guided = _with_words(biopsy, vocabulary.named(notes_of(resource)))
        yield _attempt(resource, when, failure, why, guided, case)


def _failure(
    resource: Resource, when: When | None, findings: tuple[PathologyFinding, ...], case: Case, vocabulary: Vocabulary
) -> tuple[bool, str]:
    """Whether a liver biopsy failed to show or hit the lesion, and why we say so."""
    status = as_text(resource.get("status"))
    is_done = status == "completed"
    if not is_done and status not in ("not-done", "stopped"):
        return False, f"not carried out: {status or 'no status'}"
    outcome = reasons_in(vocabulary.both(concepts_of(resource, "outcome")))
    given = outcome | reasons_in(vocabulary.both(concepts_of(resource, "statusReason")))
    reasons = outcome or stop_reasons(resource, vocabulary)
    stopped = stop_reasons(resource, vocabulary) & _NOT_OF_VISIBILITY
    if "reason.not_visualised" in given and not given & _NOT_OF_VISIBILITY:
        return True, "lesion not seen"
    told = read_attempt(_own_words(resource, case), case.lexicon)
    if is_done and outcome == {_UNSUCCESSFUL} and not stopped and told.state != "not-failed":
        return True, "completed without success"
    if is_done and _missed_target(resource, when, findings, case):
        return True, "its sample was non-diagnostic"
    if told.state == "failed-visibility" and (told.names_target or not stopped):
        return True, "its own words say that the lesion was not seen"
    return False, "not done for another reason" if reasons else "nothing says that the lesion was not seen"


def _own_words(resource: Resource, case: Case) -> str:
    """What a Procedure says in words, as one account: what was done, where, why it was stopped, its outcome, notes.

    Where the client gives only a code for what was done, or where, our own display of it stands in.
    """
    what, where = (_names(concepts_of(resource, element), case) for element in ("code", "bodySite"))
    said = [name for concept in concepts_of(resource, "statusReason", "outcome") for name in concept.names]
    return ". ".join((_WHAT_IT_IS, *what, *where, *said, *notes_of(resource)))


def _names(concepts: Iterable[Concept], case: Case) -> list[str]:
    known = tuple(concepts)
    codings = (coding for concept in known for coding in concept.codings)
    names = [name for concept in known for name in concept.names]
    return names or [case.terms.display(coding.system, coding.code) for coding in codings]


def _missed_target(resource: Resource, when: When | None, findings: tuple[PathologyFinding, ...], case: Case) -> bool:
    """Whether the sample of this biopsy is non-diagnostic or normal liver; a named benign lesion is a diagnosis.

    Tissue that is suspicious, atypical or necrotic is of the lesion: the needle reached it.
    """
    links = sample_links(resource, case)
    standing = [finding for finding in findings if finding.state != "void"]
    ours = [finding for finding in standing if links & sample_links(finding.resource, case)]
    if not ours and when is not None:
        ours = [
            finding
            for finding in standing
            if finding.site == "liver" and finding.date is not None and abs(finding.date.first - when.first) <= _DAY
        ]
    words = vocabulary_of(case)
    if any(_REACHED in words.named((finding.quote,)) for finding in ours):
        return False
    states = {finding.state for finding in ours if not finding.molecular and not finding.entity}
    return states == {"non-diagnostic"}


def _accounts(case: Case) -> Iterator[_Attempt]:
    """Accounts of an attempt in reports: of a liver biopsy by name or code, or of an ultrasound examination."""
    vocabulary = vocabulary_of(case)
    for report in telling_reports(case):
        biopsy = read_biopsy(vocabulary, concepts_of(report, "code"))
        is_biopsy = LIVER_BIOPSY in biopsy.kinds
        by_ultrasound = report_modality(report, case) == "us"
        if not (is_biopsy or by_ultrasound) or classify_report(report, case) in ("pathology", "molecular"):
            continue
        if report_status(report) != "final":
            continue
        when = report_date(report, case)
        text = report_text(report, case)
        # The title says what was done, where the text says only how it went.
        titles = _names(concepts_of(report, "code"), case) if is_biopsy else []
        told = read_attempt("\n\n".join((*titles, text.text)), case.lexicon)
        state = told.state if text.text else "uninterpretable"
        guided = _with_words(biopsy, vocabulary.named((text.text,)))
        if by_ultrasound and not biopsy.guidance:
            guided = replace(guided, concepts=guided.concepts | {"guidance.us"})
        if state == "uninterpretable" and is_biopsy and (guided.is_plain_ultrasound or not guided.guidance):
            line = _line(report, when, False, text.unreadable or "could not be read automatically")
            yield _Attempt("unreadable", when, line)
        elif state == "failed-visibility" or is_biopsy:
            failed = state == "failed-visibility"
            why = (
                "its report says that the lesion was not seen"
                if failed
                else "nothing says that the lesion was not seen"
            )
            attempt = _attempt(report, when, failed, why, guided, case)
            yield replace(attempt, line=attempt.line._replace(quote=told.quote if failed else ""))


def _with_words(biopsy: Biopsy, names: frozenset[str]) -> Biopsy:
    """The biopsy with the guidance that its own words state, where its code states none."""
    if biopsy.guidance:
        return biopsy
    return replace(biopsy, concepts=biopsy.concepts | {name for name in names if name.startswith("guidance.")})


def _attempt(resource: Resource, when: When | None, failure: bool, why: str, biopsy: Biopsy, case: Case) -> _Attempt:
    """A failure counts under plain ultrasound, not under other guidance; without stated guidance nobody can tell."""
    outcome: _Outcome = "failed" if failure else "not"
    if failure and when is not None and when.is_future(case.now):
        outcome, why = "not", "dated in the future"
    elif failure and not biopsy.guidance:
        outcome, why = "unsure", f"{why}, guidance not stated"
    elif failure and not biopsy.is_plain_ultrasound:
        outcome, why = "not", f"{why}, but not under plain ultrasound"
    return _Attempt(outcome, when, _line(resource, when, outcome == "failed", why))


def _line(resource: Resource, when: When | None, counted: bool, why: str) -> Evidence:
    text, status = label_of(concepts_of(resource, "code")), as_text(resource.get("status"))
    return Evidence(type_and_id(resource), text, when.text if when else "", status, counted=counted, why=why)
