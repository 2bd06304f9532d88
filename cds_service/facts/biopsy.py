"""Biopsies asked for and biopsies ruled out: F6 biopsy_requested, F7 biopsy_declined_or_contraindicated.

Earlier attempts (F8) are in ``attempts``, the data beside a decision to biopsy in ``bleeding``.

An item without a date is kept and shown as undated (pathway part 4, rule 4): a procedure that was not done often has
none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from cds_service.facts.biopsies import (
    BIOPSY_MARKS,
    LIVER_BIOPSY,
    PANCREAS_BIOPSY,
    biopsy_of,
    performed_when,
    read_biopsy,
    reasons_in,
    stop_reasons,
)
from cds_service.facts.case import Case, once
from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.pathology_reports import pathology_findings
from cds_service.facts.problems import problems_of
from cds_service.facts.registry import fact
from cds_service.facts.requests import (
    REQUEST_SEARCHES,
    Item,
    Known,
    Sought,
    bookings_of,
    drafts_of,
    item_of,
    requests_of,
    settle,
)
from cds_service.facts.searches import unfinished
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
    type_and_id,
)
from cds_service.fhir.source import Resource

_PERFORMED = frozenset({"in-progress", "completed"})
_SITES = {"liver": LIVER_BIOPSY, "pancreas": PANCREAS_BIOPSY}
_UNCORRECTABLE = "cond.uncorrectable_coagulopathy"
_BIOPSIES = frozenset({"proc.liver_biopsy", "proc.pancreas_biopsy"})
_GUIDED_OTHERWISE = frozenset(
    {
        *("guidance.ct", "guidance.mri", "guidance.ceus", "guidance.fusion", "guidance.laparoscopic"),
        "proc.liver_biopsy_laparoscopic",
    }
)
_ACCEPTED_REASONS = frozenset({"reason.refusal", "reason.contraindication"})

_DECLINED_SEARCHES = ("procedures", "serviceRequests", "consents", "flags", "conditions")


@fact(
    "biopsy_requested",
    source="F6",
    states=("yes", "no", "unknown:not-searched", "unknown:stale"),
    searches=REQUEST_SEARCHES,
    reads=("observations", "reports", "procedures", "documents"),
)
def biopsy_requested(case: Case) -> Fact:
    """A biopsy of liver or pancreas is requested, booked, or among the draft orders of the call.

    ``as_of`` is the date of the latest such item. A request that nobody fulfilled within its window is ``stale``.
    """
    items = (*_drafts(case), *_requests(case), *bookings_of(case, _sought(case)))
    return settle("biopsy_requested", items, unfinished(case, REQUEST_SEARCHES))


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
    asked = tuple(_asked(case, vocabulary))
    once = (*_not_done(case, vocabulary), *_revoked(case, vocabulary), *_denied(case, vocabulary))
    items = (
        *(_superseded(_superseded(item, performed, "performed"), asked, "requested") for item in once),
        *(_superseded(item, performed, "performed") for item in _standing(case, vocabulary)),
    )
    return settle("biopsy_declined_or_contraindicated", items, unfinished(case, _DECLINED_SEARCHES))


@fact(
    "guided_biopsy_requested",
    source="C2",
    states=("yes", "no", "unknown:not-searched", "unknown:stale"),
    searches=REQUEST_SEARCHES,
    reads=("observations", "reports", "procedures", "documents"),
)
def guided_biopsy_requested(case: Case) -> Fact:
    """A biopsy of the liver with CT, contrast ultrasound, fusion, MRI or laparoscopic guidance is asked for already.

    Requested, booked, or among the drafts. ``as_of`` and ``stale`` as in ``biopsy_requested``.
    """
    sought = _sought(case, guided=True)
    items = (
        *drafts_of(case, lambda order: _is_guided_otherwise(order.kinds, order.concepts)),
        *requests_of(case, sought),
        *bookings_of(case, sought),
    )
    return settle("guided_biopsy_requested", items, unfinished(case, REQUEST_SEARCHES))


# F6


def _drafts(case: Case) -> Iterator[Item]:
    return drafts_of(case, lambda order: not order.kinds.isdisjoint({LIVER_BIOPSY, PANCREAS_BIOPSY}))


def _sought(case: Case, *, guided: bool = False) -> Sought:
    """Biopsies of liver or pancreas among requests and bookings; ``guided``: only those that C2 would advise."""
    vocabulary = vocabulary_of(case)

    def know(resource: Resource, what: tuple[Concept, ...]) -> Known:
        biopsy = read_biopsy(vocabulary, what, concepts_of(resource, "bodySite"), concepts_of(resource, "orderDetail"))
        if not biopsy.kinds or (guided and not _is_guided_otherwise(biopsy.kinds, biopsy.concepts)):
            return ""
        return "name-only" if biopsy.by_name else "coded"

    return Sought(
        BIOPSY_MARKS,
        know,
        lambda resource, when: _is_overtaken(resource, when, case),
        case.settings.biopsy_request_window,
    )


def _requests(case: Case) -> Iterator[Item]:
    return requests_of(case, _sought(case))


def _is_overtaken(request: Resource, when: When | None, case: Case) -> bool:
    """Whether tissue of the same site was taken, or reported, after the request. An undated request ranks oldest."""
    last = _last_taken(case)
    kinds = biopsy_of(request, vocabulary_of(case)).kinds
    return any(when is None or last[kind] > when.last for kind in kinds if kind in last)


@once
def _last_taken(case: Case) -> Mapping[str, datetime]:
    """When tissue was last taken, or reported, by kind of biopsy; what lies ahead does not count."""
    vocabulary = vocabulary_of(case)
    taken = [
        (kind, performed_when(resource))
        for resource in with_mark(case, "Procedure", BIOPSY_MARKS)
        if as_text(resource.get("status")) == "completed"
        for kind in biopsy_of(resource, vocabulary).kinds
    ]
    taken += [
        (_SITES[finding.site], finding.date)
        for finding in pathology_findings(case)
        if finding.site in _SITES
        and finding.state not in {"void", "future"}
        and not (finding.molecular or finding.blood)
    ]
    last: dict[str, datetime] = {}
    for kind, when in taken:
        if when is not None and not when.is_future(case.now):
            last[kind] = max(last.get(kind, when.first), when.first)
    return last


# C2


def _is_guided_otherwise(kinds: frozenset[str], concepts: frozenset[str]) -> bool:
    """A biopsy of the liver with another guidance stated than plain ultrasound; an endoscope is not meant.

    A choice left open between ultrasound and CT states neither.
    """
    stated = concepts & _GUIDED_OTHERWISE
    is_open = "guidance.us" in concepts and stated == {"guidance.ct"}
    return LIVER_BIOPSY in kinds and bool(stated) and not is_open


# F7


def _not_done(case: Case, vocabulary: Vocabulary) -> Iterator[Item]:
    """Biopsy procedures that were not done or were stopped, with the reason given."""
    for resource in with_mark(case, "Procedure", BIOPSY_MARKS):
        status = as_text(resource.get("status"))
        if status not in ("not-done", "stopped") or not biopsy_of(resource, vocabulary).kinds:
            continue
        reasons = stop_reasons(resource, vocabulary)
        yield _reasoned(resource, performed_when(resource), reasons, case)


def _revoked(case: Case, vocabulary: Vocabulary) -> Iterator[Item]:
    """Biopsy requests that were withdrawn, or that say not to do it, with the reason given."""
    for resource in with_mark(case, "ServiceRequest", BIOPSY_MARKS):
        withdrawn = as_text(resource.get("status")) == "revoked" or says_not_to(resource)
        if not withdrawn or not biopsy_of(resource, vocabulary).kinds:
            continue
        given = [read_concept(item.get("valueCodeableConcept")) for item in extensions(resource, "statusReason")]
        stated = reasons_in(vocabulary.both((*given, *concepts_of(resource, "reasonCode"))))
        reasons = stated or reasons_in(vocabulary.named(notes_of(resource)))
        yield _reasoned(resource, read_when(resource.get("authoredOn")), reasons, case)


def _reasoned(resource: Resource, when: When | None, reasons: frozenset[str], case: Case) -> Item:
    refusal = ""
    if not reasons & _ACCEPTED_REASONS:
        refusal = "states neither a refusal nor a contraindication"
    elif when is not None and when.is_future(case.now):
        refusal = "dated in the future"
    why = "patient declined" if "reason.refusal" in reasons else "contraindicated"
    text = label_of(concepts_of(resource, "code"))
    return item_of(resource, when, text, refusal, why, case, case.settings.biopsy_refusal_window)


def _denied(case: Case, vocabulary: Vocabulary) -> Iterator[Item]:
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
            yield item_of(resource, when, label_of(codes), refusal, "consent denied", case, window)


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


def _standing(case: Case, vocabulary: Vocabulary) -> Iterator[Item]:
    """Flags and Conditions that call a biopsy contraindicated."""
    window = case.settings.biopsy_refusal_window
    for flag in case.record.of("Flag"):
        what = concepts_of(flag, "code")
        if _forbids_biopsy(vocabulary.both(what)):
            status = as_text(flag.get("status"))
            refusal = f"not in force: {status or 'no status'}" if status != "active" else _over(flag, case)
            yield item_of(flag, read_when(flag.get("period")), label_of(what), refusal, "contraindicated", case, window)
    for problem in problems_of(case):
        if _forbids_biopsy(problem.coded | problem.named | vocabulary.named(notes_of(problem.resource))):
            refusal = problem.void or ("" if problem.is_current else "no longer active")
            when = read_when(problem.resource.get("recordedDate")) or problem.when
            text = label_of(problem.concepts)
            yield item_of(problem.resource, when, text, refusal, "contraindicated", case, window)


def _forbids_biopsy(names: frozenset[str]) -> bool:
    """A contraindication said of a biopsy, or an uncorrectable coagulopathy; one without that word may be corrected."""
    return _UNCORRECTABLE in names or ("reason.contraindication" in names and not _BIOPSIES.isdisjoint(names))


def _asked(case: Case, vocabulary: Vocabulary) -> Iterator[When]:
    """When a biopsy was asked for by a request that stands, carried out since or not; the drafts of the call apart."""
    drafts = {order.reference for order in case.orders.drafts}
    for resource in with_mark(case, "ServiceRequest", BIOPSY_MARKS):
        authored = read_when(resource.get("authoredOn"))
        if authored is None or authored.is_future(case.now) or type_and_id(resource) in drafts:
            continue
        stands = as_text(resource.get("status")) == "active" and not says_not_to(resource)
        if stands and biopsy_of(resource, vocabulary).kinds:
            yield authored


def _superseded(item: Item, performed: Iterable[When], what: str) -> Item:
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
    return Item("no", when, line)
