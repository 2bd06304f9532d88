"""Staging laparoscopy done, asked for or described in the order (C5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cds_service.facts.biopsies import performed_when
from cds_service.facts.case import Case, once
from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.marks import with_mark
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
from cds_service.facts.surgery import RESECTIONS, STAGING_LAPAROSCOPY, Operation, operation_of, read_operation
from cds_service.facts.vocabulary import concepts_of, label_of, notes_of, vocabulary_of
from cds_service.fhir.shapes import Concept, When, as_text
from cds_service.fhir.source import Resource

_SEARCHES = ("procedures", *REQUEST_SEARCHES)
_MARK = "proc.staging_laparoscopy"
_DONE = frozenset({"completed", "in-progress"})


@fact(
    "staging_laparoscopy_arranged",
    source="C5",
    states=("yes", "no", "unknown:not-searched"),
    searches=_SEARCHES,
)
def staging_laparoscopy_arranged(case: Case) -> Fact:
    """A staging laparoscopy was done within its window, is requested, booked, drafted or stated in the resection order.

    A diagnostic laparoscopy counts; one that was the way to another operation (cholecystectomy) does not. ``as_of`` is
    the date of the latest item, "" for a draft.
    """
    vocabulary = vocabulary_of(case)

    def know(resource: Resource, what: tuple[Concept, ...]) -> Known:
        if resource.get("resourceType") == "ServiceRequest":
            return _known(operation_of(resource, vocabulary))
        return _known(read_operation(vocabulary, what))

    sought = Sought(
        (_MARK,), know, lambda resource, when: _was_done_after(when, case), case.settings.biopsy_request_window
    )
    items = (
        *drafts_of(case, lambda order: STAGING_LAPAROSCOPY in order.kinds),
        *_in_resection_orders(case),
        *requests_of(case, sought),
        *bookings_of(case, sought),
        *_done(case),
    )
    return settle("staging_laparoscopy_arranged", items, unfinished(case, _SEARCHES), tells_stale=False)


def _known(operation: Operation) -> Known:
    if STAGING_LAPAROSCOPY not in operation.kinds:
        return ""
    return "name-only" if operation.by_name else "coded"


def _in_resection_orders(case: Case) -> Iterator[Item]:
    """Selected orders for a resection that describe the laparoscopy themselves: "staging laparoscopy, then proceed"."""
    vocabulary = vocabulary_of(case)
    for order in case.orders.of_kind(*RESECTIONS):
        resource = order.resource
        titles = concepts_of(resource, "code", "orderDetail", "reasonCode")
        texts = (*(name for title in titles for name in title.names), *notes_of(resource))
        told = (*texts, as_text(resource.get("patientInstruction")))
        saying = next((text for text in told if _MARK in vocabulary.named((text,))), "")
        if saying:
            status, why = as_text(resource.get("status")), "the order describes a laparoscopy first"
            yield Item("yes", None, Evidence(order.reference, order.label, "", status, saying[:120], why=why))


def _procedures(case: Case) -> Iterator[tuple[Resource, When | None]]:
    vocabulary = vocabulary_of(case)
    for resource in with_mark(case, "Procedure", (_MARK,)):
        if STAGING_LAPAROSCOPY in operation_of(resource, vocabulary).kinds:
            yield resource, performed_when(resource)


def _done(case: Case) -> Iterator[Item]:
    """Laparoscopies done. One without a date is not known to lie within the window."""
    for resource, when in _procedures(case):
        status = as_text(resource.get("status"))
        refusal = "" if status in _DONE else f"not carried out: {status or 'no status'}"
        if not refusal and when is None:
            refusal = "carried out, undated"
        elif not refusal and when is not None and when.is_future(case.now):
            refusal = "dated in the future"
        label = label_of(concepts_of(resource, "code"))
        yield item_of(resource, when, label, refusal, "carried out", case, case.settings.laparoscopy_window)


def _was_done_after(asked: When | None, case: Case) -> bool:
    """Whether one was carried out after a request of that date: the request is then fulfilled. Undated ranks oldest."""
    last = _last_done(case)
    return last is not None and (asked is None or last > asked.last)


@once
def _last_done(case: Case) -> datetime | None:
    done = [
        when for resource, when in _procedures(case) if when is not None and as_text(resource.get("status")) in _DONE
    ]
    return max((when.first for when in done if not when.is_future(case.now)), default=None)
