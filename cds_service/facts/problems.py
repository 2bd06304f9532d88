"""Problems: the Conditions of a record, each read once for the facts about diagnosis and spread."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds_service.facts.case import once
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact
from cds_service.facts.marks import marked
from cds_service.facts.searches import evidence_of, gaps_of
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import Concept, When, as_text, read_when, type_and_id
from cds_service.fhir.source import Resource
from cds_service.record import Search

if TYPE_CHECKING:
    from cds_service.facts.case import Case

_CURRENT = frozenset({"", "active", "recurrence", "relapse"})
_WITHDRAWN = frozenset({"refuted", "entered-in-error"})
_DOUBTFUL = frozenset({"provisional", "differential", "unconfirmed"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One Condition.

    ``coded`` are the ``cond.*`` and ``path.*`` value sets of its code, ``named`` what the lexicon recognises in its
    words, ``sites`` the ``site.*`` names of its body sites; ``is_current`` unless resolved, inactive or in remission;
    ``is_doubtful`` while provisional, differential or unconfirmed; ``void`` says why it is not used ("" if it is).
    """

    resource: Resource
    reference: str
    concepts: tuple[Concept, ...]
    coded: frozenset[str]
    named: frozenset[str]
    sites: frozenset[str]
    when: When | None
    status: str
    is_current: bool
    is_doubtful: bool
    void: str

    def line(self, counted: bool, why: str = "") -> Evidence:
        """The evidence line of this problem."""
        date = self.when.text if self.when else ""
        return Evidence(self.reference, label_of(self.concepts), date, self.status, counted=counted, why=why)

    def coded_only_as(self, *allowed: str) -> bool:
        """Whether its code says nothing that we know, or nothing beyond these: then its words may be asked."""
        return all(name in allowed or not name.startswith("cond.") for name in self.coded)


@once
def problems_of(case: Case) -> tuple[Problem, ...]:
    """Every Condition of the record whose code or words say anything we know, also those that are void."""
    return tuple(_read(resource, case) for resource, _ in marked(case, "Condition"))


def _read(resource: Resource, case: Case) -> Problem:
    words = vocabulary_of(case)
    concepts = concepts_of(resource, "code")
    sites = words.both(concepts_of(resource, "bodySite"))
    clinical, verified = status_code(resource, "clinicalStatus"), status_code(resource, "verificationStatus")
    when = next((found for name in _DATES if (found := read_when(resource.get(name)))), None)
    void = ""
    if verified in _WITHDRAWN:
        void = "refuted" if verified == "refuted" else "entered in error"
    elif when is not None and when.is_future(case.now):
        void = "dated in the future"
    return Problem(
        resource,
        type_and_id(resource),
        concepts,
        words.coded(concepts),
        words.worded(concepts),
        frozenset(name for name in sites if name.startswith("site.")),
        when,
        ", ".join(part for part in (clinical, verified) if part),
        clinical in _CURRENT,
        verified in _DOUBTFUL,
        void,
    )


def recorded_by_name(name: str, found: Iterable[Evidence], missing: tuple[Search, ...]) -> Fact:
    """The fact that a disease is recorded which no verified code tells, only its name; ``as_of`` is the last date.

    ``found`` are the lines of the problems with that name, ``missing`` the searches without which none is no "no".
    """
    lines = tuple(found)
    evidence = (*lines, *evidence_of(missing))
    gaps = gaps_of(missing)
    counted = [line.date for line in lines if line.counted]
    if counted:
        return Fact(name, "yes", evidence=evidence, as_of=max(counted), quality="name-only", gaps=gaps)
    if missing:
        return Fact(name, "unknown", NOT_SEARCHED, evidence, gaps=gaps)
    return Fact(name, "no", evidence=evidence)


_DATES = ("onsetDateTime", "onsetPeriod", "recordedDate")


def is_withdrawn(condition: Resource) -> bool:
    """Whether a Condition is refuted or entered in error: what it says was never so."""
    return status_code(condition, "verificationStatus") in _WITHDRAWN


def status_code(resource: Resource, element: str) -> str:
    """The code of a status element, "" if it is absent."""
    for concept in concepts_of(resource, element):
        for coding in concept.codings:
            return coding.code.lower()
        return concept.text.lower()
    return as_text(resource.get(element)).lower()


def carry_problems(earlier: Case, later: Case) -> None:
    """Spare a case the reading of Conditions that an earlier one, on the same Conditions, has done."""
    before, after = earlier.record.of("Condition"), later.record.of("Condition")
    if len(before) == len(after) and all(map(operator.is_, before, after)):
        later.memory[problems_of] = problems_of(earlier)
