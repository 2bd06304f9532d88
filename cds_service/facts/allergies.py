"""Allergies to contrast agents, wherever they are recorded (F13, C6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.facts.case import Case
from cds_service.facts.fact import Evidence
from cds_service.facts.problems import problems_of, status_code
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import as_list, as_object, read_when, type_and_id
from cds_service.fhir.source import Resource

_NAMELESS = "an allergy does not say to what"
_DATES = ("onsetDateTime", "onsetPeriod", "recordedDate")
_REFUTED = frozenset({"refuted", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Allergies:
    """The allergies that concern one kind of agent: the lines, and ``gaps``, one clause if any names no substance."""

    lines: tuple[Evidence, ...]
    gaps: tuple[str, ...]


def allergies_to(agent: str, case: Case, *, beside: str, denial: str) -> Allergies:
    """The allergies to an agent, a name of the lexicon: no code is verified. The line of each that stands counts.

    Those of the name ``beside`` are listed with ``denial`` as the reason why they do not count.
    """
    found = (*_allergies(agent, beside, denial, case), *_among_conditions(agent, case))
    is_nameless = any(line.why == _NAMELESS for line in found)
    return Allergies(found, (f"allergies: {_NAMELESS}",) if is_nameless else ())


def _allergies(agent: str, beside: str, denial: str, case: Case) -> Iterator[Evidence]:
    """A line for each allergy to the agent or to what stands beside it, and for each that does not say to what."""
    words = vocabulary_of(case)
    for allergy in case.record.of("AllergyIntolerance"):
        reactions = (as_object(item) for item in as_list(allergy.get("reaction")))
        titles = (*concepts_of(allergy, "code"), *(one for item in reactions for one in concepts_of(item, "substance")))
        names = words.worded(titles)
        when = next((when for name in _DATES if (when := read_when(allergy.get(name)))), None)
        why = _standing(allergy) or ("dated in the future" if when and when.is_future(case.now) else "")
        is_nameless = not why and not any(title.names for title in titles)
        if not is_nameless and names.isdisjoint({agent, beside}):
            continue
        is_reason = agent in names and not why
        why = why or (_NAMELESS if is_nameless else "" if is_reason else denial)
        date, status = when.text if when else "", status_code(allergy, "clinicalStatus")
        yield Evidence(type_and_id(allergy), label_of(titles), date, status, counted=is_reason, why=why)


def _standing(allergy: Resource) -> str:
    """Why an allergy is none of today, "" if it is; one without a status is taken as active."""
    verified, clinical = status_code(allergy, "verificationStatus"), status_code(allergy, "clinicalStatus")
    if verified in _REFUTED:
        return "refuted" if verified == "refuted" else "entered in error"
    return "" if clinical in {"", "active"} else f"not active: {clinical}"


def _among_conditions(agent: str, case: Case) -> Iterator[Evidence]:
    """Allergies to the agent that stand among the Conditions ("radiographic dye allergy status")."""
    for problem in problems_of(case):
        if agent in problem.named:
            why = problem.void or ("" if problem.is_current else "past")
            yield problem.line(not why, why)
