"""Biopsies asked for and biopsies ruled out: F6 biopsy_requested, F7 biopsy_declined_or_contraindicated.

Earlier attempts (F8) are in ``attempts``, the data beside a decision to biopsy in ``bleeding``.

An item without a date is kept and shown as undated (pathway part 4, rule 4): a procedure that was not done often has
none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from cds_service.facts.biopsies import (
    BIOPSY_MARKS,
    LIVER_BIOPSY,
    PANCREAS_BIOPSY,
    Biopsy,
    biopsy_of,
    performed_when,
    read_biopsy,
    reasons_in,
    stop_reasons,
)
from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, STALE, Evidence, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.pathology_reports import pathology_findings
from cds_service.facts.problems import problems_of
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, notes_of, says_not_to, vocabulary_of
from cds_service.fhir.shapes import (
    Concept,
    When,
    as_list,
    as_object,
    as_text,
    extensions,
    read_concept,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource
from cds_service.record import Search

_BOOKED = frozenset({"booked", "pending", "arrived", "checked-in"})
_CARRIED_OUT = frozenset({"completed", "preliminary", "partial", "final", "amended", "corrected", "appended"})
_PERFORMED = frozenset({"in-progress", "completed"})
_SITES = {"liver": LIVER_BIOPSY, "pancreas": PANCREAS_BIOPSY}
_UNCORRECTABLE = "cond.uncorrectable_coagulopathy"
_BOOKING_GRACE = timedelta(days=1)
_BIOPSIES = frozenset({"proc.liver_biopsy", "proc.pancreas_biopsy"})
_ACCEPTED_REASONS = frozenset({"reason.refusal", "reason.contraindication"})

_REQUESTED_SEARCHES = ("serviceRequests", "appointments")
_DECLINED_SEARCHES = ("procedures", "serviceRequests", "consents", "flags", "conditions")


@dataclass(frozen=True, slots=True)
class _Item:
    """One item considered: whether it holds, held too long ago, or does not; its line; of a request, when written."""

    verdict: Literal["yes", "stale", "no"]
    when: When | None
    line: Evidence
    asked: When | None = None


@fact(
    "biopsy_requested",
    source="F6",
    states=("yes", "no", "unknown:not-searched", "unknown:stale"),
    searches=_REQUESTED_SEARCHES,
)
def biopsy_requested(case: Case) -> Fact:
    """A biopsy of liver or pancreas is requested, booked, or among the draft orders of the call.

    ``as_of`` is the date of the latest such item. A request that nobody fulfilled within its window is ``stale``.
    """
    items = (*_drafts(case), *_requests(case), *_appointments(case))
    return _settle("biopsy_requested", items, unfinished(case, _REQUESTED_SEARCHES))


@fact(
    "biopsy_declined_or_contraindicated",
    source="F7",
    states=("yes", "no", "unknown:not-searched", "unknown:stale"),
    searches=_DECLINED_SEARCHES,
)
def biopsy_declined_or_contraindicated(case: Case) -> Fact:
    """A refusal of biopsy or a contraindication to it is documented and recent (decision 11).

    Laboratory values never make it yes, and a coagulopathy does only when the record calls it a contraindication.
    ``as_of`` is the date of the latest such item.
    """
    vocabulary = vocabulary_of(case)
    performed = [
        when
        for resource in with_mark(case, "Procedure", BIOPSY_MARKS)
        if as_text(resource.get("status")) in _PERFORMED
        and biopsy_of(resource, vocabulary).kinds
        and (when := performed_when(resource)) is not None
    ]
    asked = [item.asked for item in _requests(case) if item.verdict == "yes" and item.asked is not None]
    once = (*_not_done(case, vocabulary), *_revoked(case, vocabulary), *_denied(case, vocabulary))
    items = (
        *(_superseded(_superseded(item, performed, "performed"), asked, "requested") for item in once),
        *(_superseded(item, performed, "performed") for item in _standing(case, vocabulary)),
    )
    return _settle("biopsy_declined_or_contraindicated", items, unfinished(case, _DECLINED_SEARCHES))


def _settle(name: str, items: Iterable[_Item], missing: tuple[Search, ...]) -> Fact:
    """Yes if any item holds; else stale or no, which need every search (decision 29)."""
    known = tuple(items)
    evidence = (*(item.line for item in known), *evidence_of(missing))
    for verdict in ("yes", "stale"):
        whens = [item.when for item in known if item.verdict == verdict]
        if not whens or (verdict == "stale" and missing):
            continue
        as_of = max((when for when in whens if when is not None), key=lambda when: when.last, default=None)
        date = as_of.text if as_of else ""
        if verdict == "yes":
            return Fact(name, "yes", evidence=evidence, as_of=date, gaps=gaps_of(missing))
        return Fact(name, "unknown", STALE, evidence, as_of=date)
    if missing:
        return Fact(name, "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact(name, "no", evidence=evidence)


def _first_when(resource: Resource, *elements: str) -> When | None:
    return next((when for name in elements if (when := read_when(resource.get(name))) is not None), None)


def _item(resource: Resource, when: When | None, text: str, refusal: str, why: str, case: Case, window: int) -> _Item:
    """An item that holds unless there is a refusal, and that is stale when certainly older than its window."""
    stale = when is not None and when.is_older_than(window, case.now)
    verdict: Literal["yes", "stale", "no"] = "no" if refusal else "stale" if stale else "yes"
    because = refusal or (f"{why}, more than {window} days ago" if stale else why if when else f"{why}, undated")
    return _Item(verdict, when, _line(resource, when, text, verdict == "yes", because))


def _line(resource: Resource, when: When | None, text: str, counted: bool, why: str) -> Evidence:
    return Evidence(
        type_and_id(resource),
        text,
        when.text if when else "",
        as_text(resource.get("status")),
        counted=counted,
        why=why,
    )


# F6


def _drafts(case: Case) -> Iterator[_Item]:
    for order in case.orders.drafts:
        if order.kinds & {LIVER_BIOPSY, PANCREAS_BIOPSY}:
            status = as_text(order.resource.get("status"))
            line = Evidence(order.reference, order.label, status=status, why="among the draft orders")
            yield _Item("yes", None, line)


def _requests(case: Case) -> Iterator[_Item]:
    vocabulary = vocabulary_of(case)
    drafts = {order.reference for order in case.orders.drafts}
    window = case.settings.biopsy_request_window
    for resource in with_mark(case, "ServiceRequest", BIOPSY_MARKS):
        biopsy = biopsy_of(resource, vocabulary)
        if not biopsy.kinds or type_and_id(resource) in drafts:
            continue
        planned = _first_when(resource, "occurrenceDateTime", "occurrencePeriod")
        authored = read_when(resource.get("authoredOn"))
        status = as_text(resource.get("status"))
        refusal = ""
        if status != "active":
            refusal = f"not an active request: {status or 'no status'}"
        elif says_not_to(resource):
            refusal = "an instruction not to do it"
        elif authored is not None and authored.is_future(case.now):
            refusal = "written in the future"
        when = max((when for when in (planned, authored) if when is not None), key=lambda when: when.last, default=None)
        if not refusal and (_is_fulfilled(resource, case) or _is_overtaken(biopsy, when, case)):
            refusal = "already carried out"
        why = _named("requested", biopsy)
        item = _item(resource, when, label_of(concepts_of(resource, "code")), refusal, why, case, window)
        yield replace(item, asked=authored)


def _is_fulfilled(request: Resource, case: Case) -> bool:
    """Whether a procedure or a report says that it was done for this request."""
    name = type_and_id(request)
    return any(
        as_text(done.get("status")) in _CARRIED_OUT
        and name in {relative_reference(text) for text in reference_texts(done.get("basedOn"))}
        for done in case.record.of("Procedure", "DiagnosticReport")
    )


def _is_overtaken(biopsy: Biopsy, when: When | None, case: Case) -> bool:
    """Whether tissue of the same site was taken, or reported, after the request. An undated request ranks oldest."""
    vocabulary = vocabulary_of(case)
    taken = [
        performed_when(resource)
        for resource in with_mark(case, "Procedure", BIOPSY_MARKS)
        if as_text(resource.get("status")) == "completed" and biopsy.kinds & biopsy_of(resource, vocabulary).kinds
    ]
    taken += [
        finding.date
        for finding in pathology_findings(case)
        if _SITES.get(finding.site) in biopsy.kinds
        and finding.state not in {"void", "future"}
        and not (finding.molecular or finding.blood)
    ]
    past = [later for later in taken if later is not None and not later.is_future(case.now)]
    return any(when is None or later.first > when.last for later in past)


def _appointments(case: Case) -> Iterator[_Item]:
    vocabulary = vocabulary_of(case)
    window = case.settings.biopsy_request_window
    for resource in case.record.of("Appointment"):
        description = as_text(resource.get("description"))
        what = (*concepts_of(resource, "serviceType"), Concept((), description))
        requests = (case.record.resolve(text, resource) for text in reference_texts(resource.get("basedOn")))
        asked = next((found for item in requests if item and (found := biopsy_of(item, vocabulary)).kinds), None)
        biopsy = asked or read_biopsy(vocabulary, what)
        if not biopsy.kinds:
            continue
        status = as_text(resource.get("status"))
        refusal = "" if status in _BOOKED else f"not booked: {status or 'no status'}"
        periods = as_list(resource.get("requestedPeriod"))
        start = _first_when(resource, "start")
        if not refusal and start is not None and start.last < case.now - _BOOKING_GRACE:
            refusal = "its time has passed"
        when = start or (read_when(periods[0]) if periods else None)
        yield _item(resource, when, label_of(what), refusal, _named("booked", biopsy), case, window)


def _named(what: str, biopsy: Biopsy) -> str:
    return f"{what}, recognised by its name only" if biopsy.by_name else what


# F7


def _not_done(case: Case, vocabulary: Vocabulary) -> Iterator[_Item]:
    """Biopsy procedures that were not done or were stopped, with the reason given."""
    for resource in with_mark(case, "Procedure", BIOPSY_MARKS):
        status = as_text(resource.get("status"))
        if status not in ("not-done", "stopped") or not biopsy_of(resource, vocabulary).kinds:
            continue
        reasons = stop_reasons(resource, vocabulary)
        yield _reasoned(resource, performed_when(resource), reasons, case)


def _revoked(case: Case, vocabulary: Vocabulary) -> Iterator[_Item]:
    """Biopsy requests that were withdrawn, or that say not to do it, with the reason given."""
    for resource in with_mark(case, "ServiceRequest", BIOPSY_MARKS):
        withdrawn = as_text(resource.get("status")) == "revoked" or says_not_to(resource)
        if not withdrawn or not biopsy_of(resource, vocabulary).kinds:
            continue
        given = [read_concept(item.get("valueCodeableConcept")) for item in extensions(resource, "statusReason")]
        stated = reasons_in(vocabulary.both((*given, *concepts_of(resource, "reasonCode"))))
        reasons = stated or reasons_in(vocabulary.named(notes_of(resource)))
        yield _reasoned(resource, read_when(resource.get("authoredOn")), reasons, case)


def _reasoned(resource: Resource, when: When | None, reasons: frozenset[str], case: Case) -> _Item:
    refusal = ""
    if not reasons & _ACCEPTED_REASONS:
        refusal = "states neither a refusal nor a contraindication"
    elif when is not None and when.is_future(case.now):
        refusal = "dated in the future"
    why = "patient declined" if "reason.refusal" in reasons else "contraindicated"
    text = label_of(concepts_of(resource, "code"))
    return _item(resource, when, text, refusal, why, case, case.settings.biopsy_refusal_window)


def _denied(case: Case, vocabulary: Vocabulary) -> Iterator[_Item]:
    """Consents in force that deny a biopsy."""
    for resource in case.record.of("Consent"):
        for provision in _provisions(resource):
            codes = concepts_of(provision, "code")
            if as_text(provision.get("type")) != "deny" or not read_biopsy(vocabulary, codes).kinds:
                continue
            status = as_text(resource.get("status"))
            refusal = f"not in force: {status or 'no status'}" if status != "active" else _over(provision, case)
            when = read_when(resource.get("dateTime"))
            window = case.settings.biopsy_refusal_window
            yield _item(resource, when, label_of(codes), refusal, "consent denied", case, window)


def _provisions(consent: Resource) -> Iterator[Resource]:
    waiting = [as_object(item) for item in as_list(consent.get("provision"))]
    while waiting:
        provision = waiting.pop()
        yield provision
        waiting.extend(as_object(item) for item in as_list(provision.get("provision")))


def _over(resource: Resource, case: Case) -> str:
    """Says so if the period of an item ended before now."""
    end = read_when(as_object(resource.get("period")).get("end"))
    return "its period has ended" if end is not None and end.last < case.now else ""


def _standing(case: Case, vocabulary: Vocabulary) -> Iterator[_Item]:
    """Flags and Conditions that call a biopsy contraindicated."""
    window = case.settings.biopsy_refusal_window
    for flag in case.record.of("Flag"):
        what = concepts_of(flag, "code")
        if _forbids_biopsy(vocabulary.both(what)):
            status = as_text(flag.get("status"))
            refusal = f"not in force: {status or 'no status'}" if status != "active" else _over(flag, case)
            yield _item(flag, read_when(flag.get("period")), label_of(what), refusal, "contraindicated", case, window)
    for problem in problems_of(case):
        if _forbids_biopsy(problem.coded | problem.named | vocabulary.named(notes_of(problem.resource))):
            refusal = problem.void or ("" if problem.is_current else "no longer active")
            when = read_when(problem.resource.get("recordedDate")) or problem.when
            text = label_of(problem.concepts)
            yield _item(problem.resource, when, text, refusal, "contraindicated", case, window)


def _forbids_biopsy(names: frozenset[str]) -> bool:
    """A contraindication said of a biopsy, or an uncorrectable coagulopathy; one without that word may be corrected."""
    return _UNCORRECTABLE in names or ("reason.contraindication" in names and not _BIOPSIES.isdisjoint(names))


def _superseded(item: _Item, performed: Iterable[When], what: str) -> _Item:
    """A refusal or contraindication is over once a biopsy was performed, or asked for again, after it."""
    when = item.when
    if item.verdict == "no" or when is None or not any(later.first > when.last for later in performed):
        return item
    line = Evidence(
        item.line.reference,
        item.line.text,
        item.line.date,
        item.line.status,
        counted=False,
        why=f"a biopsy was {what} later",
    )
    return _Item("no", when, line)
