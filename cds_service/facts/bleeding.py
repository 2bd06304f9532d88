"""Bleeding risk data, shown beside advice to biopsy and never computed on (pathway F7, C1 evidence).

Values, anticoagulants and coagulopathies are listed; nothing follows from them but that there is something to look at.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.medications import drug_of
from cds_service.facts.problems import problems_of
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import concepts_of, label_of, says_not_to, vocabulary_of
from cds_service.fhir.shapes import When, as_object, as_text, read_number, read_when, type_and_id
from cds_service.fhir.source import Resource

_SEARCHES = ("observations", "conditions", "medicationRequests", "medicationStatements")
_ANTICOAGULANT = "drug.anticoagulant"
_LABORATORY = ("lab.inr", "lab.platelets")
_VALUED = frozenset({"final", "amended", "corrected", "appended", "preliminary"})


@fact(
    "bleeding_risk",
    source="F7",
    states=("yes", "no", "unknown:not-searched"),
    searches=_SEARCHES,
)
def bleeding_risk(case: Case) -> Fact:
    """INR, platelets, anticoagulant use or a coagulopathy is on record; of each analyte the latest value is shown."""
    missing = unfinished(case, _SEARCHES)
    lines = (*_laboratory(case), *_anticoagulants(case), *_conditions(case))
    evidence = (*lines, *evidence_of(missing))
    if any(line.counted for line in lines):
        return Fact("bleeding_risk", "yes", evidence=evidence, gaps=gaps_of(missing))
    if missing:
        return Fact("bleeding_risk", "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact("bleeding_risk", "no", evidence=evidence)


def _laboratory(case: Case) -> Iterator[Evidence]:
    for analyte in _LABORATORY:
        ours = [
            (_taken(resource), resource)
            for resource in with_mark(case, "Observation", (analyte,))
            if as_text(resource.get("status")) in _VALUED
        ]
        dated = [(when.last, when, resource) for when, resource in ours if when and not when.is_future(case.now)]
        if dated:
            _, when, resource = max(dated, key=lambda value: value[0])
            yield _line(resource, when, f"{label_of(concepts_of(resource, 'code'))} {_value(resource)}", "latest value")
        elif ours and (undated := [resource for when, resource in ours if when is None]):
            label = label_of(concepts_of(undated[0], "code"))
            yield _line(undated[0], None, f"{label} {_value(undated[0])}", "undated")


def _taken(resource: Resource) -> When | None:
    names = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")
    return next((when for name in names if (when := read_when(resource.get(name))) is not None), None)


def _value(resource: Resource) -> str:
    """The value with comparator and unit as sent, or its text."""
    quantity = as_object(resource.get("valueQuantity"))
    number = read_number(quantity.get("value"))
    if number is None:
        return as_text(resource.get("valueString"))
    unit = as_text(quantity.get("unit")) or as_text(quantity.get("code"))
    return f"{as_text(quantity.get('comparator'))}{number:.10g} {unit}".strip()


def _anticoagulants(case: Case) -> Iterator[Evidence]:
    """Active orders and statements of an anticoagulant, by name: the verified codes hold none."""
    vocabulary = vocabulary_of(case)
    for kind in ("MedicationRequest", "MedicationStatement"):
        named = {id(item) for item in with_mark(case, kind, (_ANTICOAGULANT,))}
        for resource in case.record.of(kind):
            if id(resource) not in named and "medicationReference" not in resource:
                continue
            drug = drug_of(resource, vocabulary)
            is_live = as_text(resource.get("status")) == "active" and not says_not_to(resource)
            if is_live and _ANTICOAGULANT in vocabulary.worded(drug):
                when = read_when(resource.get("authoredOn")) or read_when(resource.get("dateAsserted"))
                yield _line(resource, when, label_of(drug), "an anticoagulant, recognised by its name only")


def _conditions(case: Case) -> Iterator[Evidence]:
    for problem in problems_of(case):
        if "cond.coagulopathy" in problem.coded | problem.named:
            why = problem.void or ("" if problem.is_current else "no longer active")
            yield problem.line(not why, why or "on record")


def _line(resource: Resource, when: When | None, text: str, why: str, counted: bool = True) -> Evidence:
    date, status = when.text if when else "", as_text(resource.get("status"))
    return Evidence(type_and_id(resource), text.strip(), date, status, counted=counted, why=why)
