"""What is planned for this patient: resection (F10), therapy before it (C8), a trial (C3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.facts.care_plans import plan_statements
from cds_service.facts.case import Case, once
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.medications import COUNSELLING, SYSTEMIC_DRUG, read_medication, read_purpose
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.services import read_service
from cds_service.facts.surgery import RESECTIONS, Operation, operation_of, read_operation
from cds_service.facts.therapy import therapy_begun_lately
from cds_service.facts.vocabulary import concepts_of, label_of, notes_of, says_not_to, vocabulary_of
from cds_service.fhir.shapes import (
    Concept,
    When,
    as_text,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource
from cds_service.record import Search

_RESECTION_SEARCHES = ("serviceRequests", "appointments", "carePlans", "procedures")
_NEOADJUVANT_SEARCHES = (
    "carePlans",
    "serviceRequests",
    "medicationRequests",
    "medicationAdministrations",
    "medicationStatements",
    "procedures",
)
_TRIAL_SEARCHES = ("carePlans",)

_BOOKED = frozenset({"booked", "pending", "arrived", "checked-in"})
_BOOKING_GRACE = timedelta(days=1)
_LIVE = frozenset({"active", "on-hold"})
_NO_RESECTION = "plan.no_resection"
_PREOPERATIVE = "chemo_preoperative"
_ADJUVANT = "plan.adjuvant"
_NEOADJUVANT = frozenset({"plan.neoadjuvant", "plan.neoadjuvant_ahead"})
_TRIALS = frozenset({"plan.trial", "plan.resection_trial"})


@dataclass(frozen=True, slots=True)
class _Item:
    """One item considered; ``why_not`` says why it does not count ("" if it does), ``why`` what it is."""

    reference: str
    text: str
    when: When | None
    status: str
    why: str
    why_not: str = ""
    quote: str = ""

    @property
    def line(self) -> Evidence:
        date = self.when.text if self.when else ""
        counted = not self.why_not
        return Evidence(self.reference, self.text, date, self.status, self.quote, counted, self.why_not or self.why)


def _settle(name: str, items: Iterable[_Item], missing: tuple[Search, ...]) -> Fact:
    lines = tuple(item.line for item in items)
    evidence = (*lines, *evidence_of(missing))
    counted = [line.date for line in lines if line.counted]
    if counted:
        return Fact(name, "yes", evidence=evidence, as_of=max(counted), gaps=gaps_of(missing))
    if missing:
        return Fact(name, "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact(name, "no", evidence=evidence)


@fact(
    "resection_planned",
    source="F10",
    states=("yes", "no", "unknown:not-searched"),
    searches=_RESECTION_SEARCHES,
)
def resection_planned(case: Case) -> Fact:
    """A curative resection of pancreas or liver is among the draft orders, requested, booked or planned.

    A request or plan must be of the window of F10 (days): an older or undated one must be made again. One that an
    operation has overtaken is over. ``as_of`` is the date of the latest item that counts.
    """
    items = (*_drafts(case), *_requests(case), *_appointments(case), *_plans(case))
    return _settle("resection_planned", items, unfinished(case, _RESECTION_SEARCHES))


def _drafts(case: Case) -> Iterator[_Item]:
    for order in case.orders.drafts:
        if order.kinds & RESECTIONS:
            status = as_text(order.resource.get("status"))
            yield _Item(order.reference, order.label, None, status, "among the draft orders")


def _requests(case: Case) -> Iterator[_Item]:
    words = vocabulary_of(case)
    drafts = {order.reference for order in case.orders.drafts}
    for resource in with_mark(case, "ServiceRequest", ("proc.",)):
        operation = operation_of(resource, words)
        if not operation.kinds & RESECTIONS or type_and_id(resource) in drafts:
            continue
        authored = read_when(resource.get("authoredOn"))
        planned = read_when(resource.get("occurrenceDateTime")) or read_when(resource.get("occurrencePeriod"))
        status = as_text(resource.get("status"))
        when = max((found for found in (planned, authored) if found), key=lambda found: found.last, default=None)
        refusal = ""
        if status != "active":
            refusal = f"not an active request: {status or 'no status'}"
        elif says_not_to(resource):
            refusal = "an instruction not to do it"
        elif authored is not None and authored.is_future(case.now):
            refusal = "written in the future"
        elif type_and_id(resource) in _fulfilled(case):
            refusal = "already carried out"
        why_not = refusal or _over(when, case) or _ruled_out(authored, case)
        label = label_of(concepts_of(resource, "code"))
        yield _Item(type_and_id(resource), label, when, status, _named("requested", operation), why_not)


def _appointments(case: Case) -> Iterator[_Item]:
    words = vocabulary_of(case)
    for resource in case.record.of("Appointment"):
        what = (*concepts_of(resource, "serviceType"), Concept((), as_text(resource.get("description"))))
        orders = (case.record.resolve(text, resource) for text in reference_texts(resource.get("basedOn")))
        readings = (read_operation(words, what), *(operation_of(order, words) for order in orders if order))
        operation = next((reading for reading in readings if reading.kinds & RESECTIONS), None)
        if operation is None:
            continue
        status = as_text(resource.get("status"))
        start = read_when(resource.get("start")) or next(map(read_when, _periods(resource)), None)
        why_not = "" if status in _BOOKED else f"not booked: {status or 'no status'}"
        if not why_not and start is not None and start.last < case.now - _BOOKING_GRACE:
            why_not = "its time has passed"
        why_not = why_not or _ruled_out(read_when(resource.get("created")), case)
        yield _Item(type_and_id(resource), label_of(what), start, status, _named("booked", operation), why_not)


def _periods(appointment: Resource) -> tuple[object, ...]:
    found = appointment.get("requestedPeriod")
    return tuple(found) if isinstance(found, list) else (found,)


def _plans(case: Case) -> Iterator[_Item]:
    """Statements of care plans that plan a resection; a plan that rules one out anywhere plans none."""
    against = {id(said.resource) for said in plan_statements(case) if _NO_RESECTION in said.names}
    for said in plan_statements(case):
        if said.names.isdisjoint({"plan.resection", _NO_RESECTION}):
            continue
        why_not = said.void or ("" if said.is_active else "not an active plan")
        if not why_not and id(said.resource) in against:
            why_not = "the plan is not to resect"
        line = said.line(counted=False, why="")
        why_not = why_not or _over(said.when, case) or _ruled_out(said.when, case)
        yield _Item(line.reference, line.text, said.when, line.status, "planned", why_not, line.quote)


def _over(when: When | None, case: Case) -> str:
    """Why an intention of that date does not hold any more, or ""."""
    window = case.settings.resectability_window
    if when is None or when.is_older_than(window, case.now):
        return f"not from the last {window} days"
    last = _last_operated(case)
    return "already carried out" if last is not None and last >= when.first else ""


def _ruled_out(when: When | None, case: Case) -> str:
    """Why what was intended on that date was given up, or "": a plan against resection, not certainly older."""
    if when is None:
        return ""
    last = _last_against(case)
    return "a later plan is not to resect" if last is not None and last >= when.first else ""


@once
def _last_against(case: Case) -> datetime | None:
    against = (said.when for said in plan_statements(case) if _NO_RESECTION in said.names and not said.void)
    return max((when.last for when in against if when), default=None)


@once
def _last_operated(case: Case) -> datetime | None:
    """When the last resection was done."""
    done = [
        read_when(resource.get("performedDateTime")) or read_when(resource.get("performedPeriod"))
        for resource, _ in _resections(case)
    ]
    return max((when.first for when in done if when is not None and not when.is_future(case.now)), default=None)


@once
def _fulfilled(case: Case) -> frozenset[str]:
    """The requests that a resection was done for."""
    return frozenset[str]().union(*(names for _, names in _resections(case)))


def _resections(case: Case) -> Iterator[tuple[Resource, frozenset[str]]]:
    """The resections that were done, each with the requests that it was done for."""
    words = vocabulary_of(case)
    for resource in with_mark(case, "Procedure", ("proc.",)):
        if as_text(resource.get("status")) == "completed" and operation_of(resource, words).kinds & RESECTIONS:
            yield resource, frozenset(map(relative_reference, reference_texts(resource.get("basedOn"))))


def _named(what: str, operation: Operation) -> str:
    return f"{what}, recognised by its name only" if operation.by_name else what


@fact(
    "neoadjuvant_planned",
    source="C8",
    states=("yes", "no", "unknown:not-searched"),
    searches=_NEOADJUVANT_SEARCHES,
)
def neoadjuvant_planned(case: Case) -> Fact:
    """Therapy before surgery is planned, ordered or begun: in a care plan, a live request, the draft orders.

    A systemic drug for this cancer counts whatever its order calls it, unless that is adjuvant: ordered, or begun too
    lately to be earlier therapy (F9). It needs no date: a card that discourages a biopsy had better be silent.
    ``as_of`` is the latest date.
    """
    items = (*_neoadjuvant_orders(case), *_therapy_begun(case), *_neoadjuvant_plans(case))
    return _settle("neoadjuvant_planned", items, unfinished(case, _NEOADJUVANT_SEARCHES))


def _neoadjuvant_orders(case: Case) -> Iterator[_Item]:
    drafts = {order.reference for order in case.orders.drafts}
    for order in case.orders.drafts:
        is_systemic = SYSTEMIC_DRUG in order.kinds
        if order.kinds and (why := _before_surgery(order.resource, is_systemic, case)):
            status = as_text(order.resource.get("status"))
            yield _Item(order.reference, order.label, None, status, f"among the draft orders, {why}")
    for resource in case.record.of("ServiceRequest", "MedicationRequest"):
        status = as_text(resource.get("status"))
        if status not in _LIVE or type_and_id(resource) in drafts:
            continue
        why = _before_surgery(resource, _is_systemic(resource, case), case)
        if not why:
            continue
        authored = read_when(resource.get("authoredOn"))
        why_not = "an instruction not to do it" if says_not_to(resource) else ""
        if not why_not and authored is not None and authored.is_future(case.now):
            why_not = "written in the future"
        label = label_of(concepts_of(resource, "code", "medicationCodeableConcept"))
        yield _Item(type_and_id(resource), label, authored, status, why, why_not)


def _before_surgery(resource: Resource, is_systemic: bool, case: Case) -> str:
    """Why an order is for therapy before surgery, "" if it is not."""
    words = vocabulary_of(case)
    if _PREOPERATIVE in words.coded(concepts_of(resource, "code")):
        return "coded as chemotherapy before an operation"
    named = words.named(_words_of(resource, case))
    if not _NEOADJUVANT.isdisjoint(named):
        return "named as therapy before surgery"
    return "a systemic anticancer drug" if is_systemic and _ADJUVANT not in named else ""


def _is_systemic(resource: Resource, case: Case) -> bool:
    """Whether a request is for a systemic anticancer drug, a regimen or chemotherapy for this cancer."""
    words = vocabulary_of(case)
    if as_text(resource.get("resourceType")) == "MedicationRequest":
        return read_medication(resource, words).is_systemic
    if SYSTEMIC_DRUG in read_service(resource, words).kinds:
        return True
    # "Chemotherapy" alone triggers no card, yet it is therapy.
    worded = words.worded(concepts_of(resource, "code"))
    is_named = "plan.chemotherapy" in worded and COUNSELLING not in worded
    return is_named and read_purpose(resource, words) != "other-cancer"


def _therapy_begun(case: Case) -> Iterator[_Item]:
    """Therapy given for the first time within the last days, which is not earlier therapy yet."""
    for treatment, when in therapy_begun_lately(case):
        is_adjuvant = _ADJUVANT in vocabulary_of(case).named(_words_of(treatment.resource, case))
        why_not = "named as therapy after surgery" if is_adjuvant else ""
        status = as_text(treatment.resource.get("status"))
        yield _Item(type_and_id(treatment.resource), treatment.label, when, status, "begun lately", why_not)


def _words_of(resource: Resource, case: Case) -> tuple[str, ...]:
    """Everything that an order says in words: what, why, how, and its notes."""
    stated = (
        *concepts_of(resource, "code", "medicationCodeableConcept", "reasonCode", "orderDetail", "category"),
        *vocabulary_of(case).follow(resource.get("reasonReference"), resource, "code"),
    )
    return (*(name for concept in stated for name in concept.names), *notes_of(resource))


def _neoadjuvant_plans(case: Case) -> Iterator[_Item]:
    for said in plan_statements(case):
        if not _NEOADJUVANT.isdisjoint(said.names):
            why_not = said.void or ("" if said.is_active else "not an active plan")
            line = said.line(counted=False, why="")
            yield _Item(line.reference, line.text, said.when, line.status, "planned", why_not, line.quote)


@fact(
    "trial_documented",
    source="C3",
    states=("yes", "no", "unknown:not-searched"),
    searches=_TRIAL_SEARCHES,
)
def trial_documented(case: Case) -> Fact:
    """The ordered resection is part of a trial: its order says so, or a care plan names trial and resection together.

    A trial of drugs, and one that the patient is not or not yet in, does not count.
    """
    return _settle("trial_documented", (*_trial_orders(case), *_trial_plans(case)), unfinished(case, _TRIAL_SEARCHES))


def _trial_orders(case: Case) -> Iterator[_Item]:
    words = vocabulary_of(case)
    for order in case.orders.of_kind(*RESECTIONS):
        is_in = not _TRIALS.isdisjoint(words.named(_words_of(order.resource, case)))
        status = as_text(order.resource.get("status"))
        yield _Item(order.reference, order.label, None, status, "names a trial", "" if is_in else "names no trial")


def _trial_plans(case: Case) -> Iterator[_Item]:
    for said in plan_statements(case):
        if "plan.resection_trial" in said.names:
            why_not = said.void or ("" if said.is_active else "not an active plan")
            line = said.line(counted=False, why="")
            why = "names a trial and a resection"
            yield _Item(line.reference, line.text, said.when, line.status, why, why_not, line.quote)
