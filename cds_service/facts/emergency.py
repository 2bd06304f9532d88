"""F20 emergency_context, and recorded cholangitis (F15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact
from cds_service.facts.problems import is_withdrawn, problems_of, recorded_by_name
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import as_list, as_object, as_text, read_when, reference_text, type_and_id
from cds_service.fhir.source import Resource

if TYPE_CHECKING:
    from cds_service.facts.orders import Order

_ENCOUNTER_SEARCHES = ("encounters",)
_CHOLANGITIS_SEARCHES = ("conditions",)
_CHOLANGITIS = "emergency.cholangitis"

_UNDER_WAY = frozenset({"arrived", "triaged", "in-progress", "onleave", "on-hold"})
_NOT_UNDER_WAY = frozenset(
    {"planned", "finished", "discharged", "completed", "cancelled", "discontinued", "entered-in-error"}
)

_NAMED = {
    "emergency.bleeding": "bleeding",
    "emergency.perforation": "perforation",
    "emergency.obstruction": "obstruction",
    "cond.duodenal_obstruction": "obstruction",
    _CHOLANGITIS: "cholangitis",
}
_BILIARY = {
    "emergency.biliary_obstruction": "biliary obstruction",
    "cond.biliary_obstruction": "biliary obstruction",
}
"""Jaundice is the usual reason of these operations: an emergency only in an encounter that was not planned (F20)."""

_Level = Literal["named", "yes", "unread", ""]


@dataclass(frozen=True, slots=True)
class _Item:
    """One order or encounter: what it amounts to, the emergencies that it names, its line."""

    level: _Level
    named: tuple[str, ...]
    line: Evidence


@fact(
    "emergency_context",
    source="F20",
    states=("yes", "yes:named", "no", "unknown:not-searched"),
    searches=_ENCOUNTER_SEARCHES,
)
def emergency_context(case: Case) -> Fact:
    """An emergency encounter or stat order (yes); a named bleeding, perforation, obstruction, cholangitis (yes:named).

    Decision 14; it only lowers. The encounter is the one of the call; where the call names none, or one that is not
    in the data, those under way. ``label`` names the emergencies, ``as_of`` is when the deciding encounter began.
    """
    encounters, absent = _encounters(case)
    unplanned = any(_is_unplanned(encounter, case) for encounter in encounters)
    items = (
        *(_of_order(order, unplanned, case) for order in case.orders.selected if order.kinds),
        *(_of_encounter(encounter, unplanned, case) for encounter in encounters),
    )
    missing = unfinished(case, _ENCOUNTER_SEARCHES)
    unread = tuple(item.line.why for item in items if item.level == "unread")
    doubts = (*unread, *(["the encounter of the call is not in the data"] if absent else []))
    gaps = (*gaps_of(missing), *(f"encounters: {doubt}" for doubt in doubts))
    lines = (*(item.line for item in items), *evidence_of(missing), *_absence(case, absent))
    for level, reason in (("named", "named"), ("yes", "")):
        deciding = [item for item in items if item.level == level]
        if deciding:
            return Fact(
                "emergency_context",
                "yes",
                reason,
                lines,
                as_of=max(item.line.date for item in deciding),
                label=", ".join(sorted({name for item in deciding for name in item.named})),
                gaps=gaps,
            )
    if gaps:
        return Fact("emergency_context", "unknown", NOT_SEARCHED, lines, gaps=gaps)
    return Fact("emergency_context", "no", evidence=lines)


def _encounters(case: Case) -> tuple[tuple[Resource, ...], bool]:
    """The encounters to look at, and whether the call names one that is not among the data."""
    known = case.record.of("Encounter")
    wanted = case.orders.encounter_id
    called = tuple(encounter for encounter in known if as_text(encounter.get("id")) == wanted) if wanted else ()
    return called or known, bool(wanted) and not called


def _absence(case: Case, absent: bool) -> tuple[Evidence, ...]:
    if not absent:
        return ()
    named = f"Encounter/{case.orders.encounter_id}"
    return (Evidence(named, "", counted=False, why="the encounter of the call, not in the data"),)


def _of_order(order: Order, unplanned: bool, case: Case) -> _Item:
    """An order of ours: urgent in itself, or for an emergency. Notes tell of risks as well: only its reason is read."""
    named = _emergencies(order.resource, unplanned, case)
    is_stat = as_text(order.resource.get("priority")).lower() == "stat"
    level: _Level = "named" if named else "yes" if is_stat else ""
    why = f"ordered for {', '.join(named)}" if named else "its priority is stat" if is_stat else "names no emergency"
    status = as_text(order.resource.get("status"))
    return _Item(level, named, Evidence(order.reference, order.label, "", status, counted=bool(level), why=why))


def _of_encounter(encounter: Resource, unplanned: bool, case: Case) -> _Item:
    """An encounter: for an emergency, an emergency in itself, or neither; "unread" if it may be either."""
    kind = _class_of(encounter)
    when = read_when(encounter.get("period"))
    status = as_text(encounter.get("status"))
    named: tuple[str, ...] = ()
    level: _Level = ""
    why = _not_under_way(encounter, case)
    if not why and status.lower() not in _UNDER_WAY:
        level, why = "unread", "the status of an encounter could not be read"
    elif not why:
        named = () if _is_elective(encounter, case) else _emergencies(encounter, unplanned, case)
        level, why = _weigh(named, kind, case)
    label = label_of(concepts_of(encounter, "reasonCode", "type", "class"))
    date = when.text if when else ""
    line = Evidence(type_and_id(encounter), label, date, status, counted=level in ("named", "yes"), why=why)
    return _Item(level, named, line)


def _weigh(named: tuple[str, ...], kind: tuple[str, ...], case: Case) -> tuple[_Level, str]:
    """What an encounter under way amounts to, and why, by the emergencies that it names and its class."""
    if named:
        return "named", f"for {', '.join(named)}"
    if not kind:
        return "unread", "the class of an encounter could not be read"
    is_emergency = "encounter.emergency" in vocabulary_of(case).named(kind)
    return ("yes", "an emergency encounter") if is_emergency else ("", "no emergency encounter")


def _not_under_way(encounter: Resource, case: Case) -> str:
    """Why an encounter is certainly not under way, "" if it may be."""
    status = as_text(encounter.get("status")).lower()
    if status in _NOT_UNDER_WAY:
        return f"not under way: {status}"
    when = read_when(encounter.get("period"))
    if when is not None and when.is_future(case.now):
        return "dated in the future"
    end = read_when(as_object(encounter.get("period")).get("end"))
    return "its period has ended" if end is not None and end.last < case.now else ""


def _class_of(encounter: Resource) -> tuple[str, ...]:
    """The letters and words of the class of an encounter: one Coding in R4, a list of concepts in R5.

    A Coding without a code says it in its display.
    """
    kinds = concepts_of(encounter, "class")
    codes = (coding.code for kind in kinds for coding in kind.codings)
    told = tuple(text for text in (*codes, *(name for kind in kinds for name in kind.names)) if text)
    displays = (as_text(as_object(item).get("display")) for item in as_list(encounter.get("class")))
    return told or tuple(display for display in displays if display)


def _is_unplanned(encounter: Resource, case: Case) -> bool:
    """Whether an encounter is under way that its class or priority calls an emergency, urgent or unplanned."""
    if _not_under_way(encounter, case) or as_text(encounter.get("status")).lower() not in _UNDER_WAY:
        return False
    words = vocabulary_of(case)
    priority = words.worded(concepts_of(encounter, "priority"))
    return "encounter.emergency" in words.named(_class_of(encounter)) or "encounter.unplanned" in priority


def _is_elective(encounter: Resource, case: Case) -> bool:
    return "encounter.elective" in vocabulary_of(case).worded(concepts_of(encounter, "priority"))


def _emergencies(resource: Resource, unplanned: bool, case: Case) -> tuple[str, ...]:
    """The emergencies that the reason of an order or an encounter names (decision 14)."""
    words = vocabulary_of(case)
    stated = [item for item in as_list(resource.get("reasonReference")) if not _is_refuted(item, resource, case)]
    names = words.both((*concepts_of(resource, "reasonCode"), *words.follow(stated, resource, "code")))
    known = {**_NAMED, **_BILIARY} if unplanned else _NAMED
    return tuple(sorted({known[name] for name in names if name in known}))


def _is_refuted(reference: object, holder: Resource, case: Case) -> bool:
    target = case.record.resolve(reference_text(reference), holder)
    return target is not None and is_withdrawn(target)


@fact(
    "cholangitis_recorded",
    source="F15",
    states=("yes", "no", "unknown:not-searched"),
    searches=_CHOLANGITIS_SEARCHES,
)
def cholangitis_recorded(case: Case) -> Fact:
    """A current cholangitis is recorded: the infection, not primary sclerosing or autoimmune cholangitis.

    Recognised by its name. A provisional diagnosis counts, for it is treated as one. ``as_of`` is its date.
    """
    return recorded_by_name("cholangitis_recorded", _cholangitis(case), unfinished(case, _CHOLANGITIS_SEARCHES))


def _cholangitis(case: Case) -> Iterator[Evidence]:
    for problem in problems_of(case):
        if _CHOLANGITIS in problem.named:
            refusal = problem.void or ("" if problem.is_current else "no longer active")
            why = "a current diagnosis, not confirmed" if problem.is_doubtful else "a current diagnosis"
            yield problem.line(not refusal, refusal or why)
