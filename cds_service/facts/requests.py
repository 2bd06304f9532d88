"""What is already asked for: drafts of the call, live requests and bookings of one kind of service (F6, C2, C4, C5).

An item without a date is kept and shown as undated (pathway part 4, rule 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cds_service.facts.case import once
from cds_service.facts.fact import NOT_SEARCHED, STALE, Evidence, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.searches import evidence_of, gaps_of
from cds_service.facts.vocabulary import concepts_of, label_of, says_not_to
from cds_service.fhir.shapes import (
    Concept,
    When,
    as_list,
    as_text,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource
from cds_service.record import Search

if TYPE_CHECKING:
    from cds_service.facts.case import Case
    from cds_service.facts.orders import Order

REQUEST_SEARCHES = ("serviceRequests", "appointments")

_BOOKED = frozenset({"booked", "pending", "arrived", "checked-in"})
_CARRIED_OUT = frozenset({"completed", "preliminary", "partial", "final", "amended", "corrected", "appended"})
_BOOKING_GRACE = timedelta(days=1)

Known = Literal["coded", "name-only", ""]
"""How a resource shows that it is what is looked for; "" if it is not."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item considered: whether it holds, held too long ago, or does not; its line."""

    verdict: Literal["yes", "stale", "no"]
    when: When | None
    line: Evidence


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for among requests and bookings.

    ``marks``: requests that carry none of them are not looked at. ``know`` recognises it by the resource and the
    concepts that say what is done. ``is_overtaken`` tells whether the same was done after a request of that date.
    ``window``: an item older than so many days is stale.
    """

    marks: tuple[str, ...]
    know: Callable[[Resource, tuple[Concept, ...]], Known]
    is_overtaken: Callable[[Resource, When | None], bool]
    window: int


def drafts_of(case: Case, is_sought: Callable[[Order], bool]) -> Iterator[Item]:
    """The drafts of the call that are what is looked for, selected or not."""
    for order in case.orders.drafts:
        if is_sought(order):
            status = as_text(order.resource.get("status"))
            line = Evidence(order.reference, order.label, status=status, why="among the draft orders")
            yield Item("yes", None, line)


def requests_of(case: Case, sought: Sought) -> Iterator[Item]:
    """The ServiceRequests that ask for it, apart from the drafts of the call."""
    drafts = {order.reference for order in case.orders.drafts}
    for resource in with_mark(case, "ServiceRequest", sought.marks):
        known = sought.know(resource, concepts_of(resource, "code"))
        if not known or type_and_id(resource) in drafts:
            continue
        planned = first_when(resource, "occurrenceDateTime", "occurrencePeriod")
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
        if not refusal and (type_and_id(resource) in _fulfilled(case) or sought.is_overtaken(resource, when)):
            refusal = "already carried out"
        label, why = label_of(concepts_of(resource, "code")), _named("requested", known)
        yield item_of(resource, when, label, refusal, why, case, sought.window)


def bookings_of(case: Case, sought: Sought) -> Iterator[Item]:
    """The Appointments for it, by the request that they are based on or by their own words."""
    for resource in case.record.of("Appointment"):
        what = (*concepts_of(resource, "serviceType"), Concept((), as_text(resource.get("description"))))
        requests = (case.record.resolve(text, resource) for text in reference_texts(resource.get("basedOn")))
        asked = (sought.know(item, concepts_of(item, "code")) for item in requests if item)
        known: Known = next((found for found in asked if found), "") or sought.know(resource, what)
        if not known:
            continue
        status = as_text(resource.get("status"))
        refusal = "" if status in _BOOKED else f"not booked: {status or 'no status'}"
        periods = as_list(resource.get("requestedPeriod"))
        start = first_when(resource, "start")
        if not refusal and start is not None and start.last < case.now - _BOOKING_GRACE:
            refusal = "its time has passed"
        when = start or (read_when(periods[0]) if periods else None)
        yield item_of(resource, when, label_of(what), refusal, _named("booked", known), case, sought.window)


def settle(name: str, items: Iterable[Item], missing: tuple[Search, ...], *, tells_stale: bool = True) -> Fact:
    """Yes if any item holds; else stale or no, which need every search (decision 29).

    ``as_of`` is the date of the latest deciding item. A fact that does not tell ``stale`` says ``no`` instead.
    """
    known = tuple(items)
    evidence = (*(item.line for item in known), *evidence_of(missing))
    for verdict in ("yes", "stale") if tells_stale else ("yes",):
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


def item_of(resource: Resource, when: When | None, text: str, refusal: str, why: str, case: Case, window: int) -> Item:
    """An item that holds unless there is a refusal, and that is stale when certainly older than its window."""
    stale = when is not None and when.is_older_than(window, case.now)
    verdict: Literal["yes", "stale", "no"] = "no" if refusal else "stale" if stale else "yes"
    because = refusal or (f"{why}, more than {window} days ago" if stale else why if when else f"{why}, undated")
    date, status = when.text if when else "", as_text(resource.get("status"))
    line = Evidence(type_and_id(resource), text, date, status, counted=verdict == "yes", why=because)
    return Item(verdict, when, line)


def first_when(resource: Resource, *elements: str) -> When | None:
    """The first of the named elements that holds a date."""
    return next((when for name in elements if (when := read_when(resource.get(name))) is not None), None)


@once
def _fulfilled(case: Case) -> frozenset[str]:
    """The requests for which a procedure or a report says that it was done, by ``Type/id``."""
    return frozenset(
        relative_reference(text)
        for done in case.record.of("Procedure", "DiagnosticReport")
        if as_text(done.get("status")) in _CARRIED_OUT
        for text in reference_texts(done.get("basedOn"))
    )


def _named(what: str, known: Known) -> str:
    return f"{what}, recognised by its name only" if known == "name-only" else what
