"""Marks: which names a resource carries, found quickly, so that facts look closely only at what may concern them.

A chart holds thousands of resources and a handful that matter. A mark is a value set of a coding or a name that the
lexicon finds in a display or text: a wide net, exact in one direction. A resource without a mark that a fact asks
for cannot count for that fact; one with it is read with care.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cds_service.facts.terminology import MOST_REMEMBERED
from cds_service.facts.vocabulary import vocabulary_of
from cds_service.fhir.shapes import read_concepts
from cds_service.fhir.source import Resource

if TYPE_CHECKING:
    from cds_service.facts.case import Case

_NONE: frozenset[str] = frozenset()
_ELEMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Condition": ("code", "bodySite"),
        "MedicationAdministration": ("medicationCodeableConcept",),
        "MedicationRequest": ("medicationCodeableConcept",),
        "MedicationStatement": ("medicationCodeableConcept",),
        "Observation": ("code", "valueCodeableConcept", "valueString"),
        "Procedure": ("code",),
        "ServiceRequest": ("code",),
    }
)
"""Where each type of resource carries its marks."""
Marked = tuple[Resource, frozenset[str]]


def marked(case: Case, kind: str) -> tuple[Marked, ...]:
    """The resources of a type that carry any mark, each with its marks."""
    key = ("marked", kind)
    known: tuple[Marked, ...] | None = case.memory.get(key)
    if known is None:
        known = case.memory[key] = _look(case, kind, _ELEMENTS[kind])
    return known


def with_mark(case: Case, kind: str, wanted: Iterable[str]) -> tuple[Resource, ...]:
    """The resources of a type that carry one of the wanted marks; a name that ends with a dot is a beginning."""
    found = marked(case, kind)
    if not found:
        return ()
    names = frozenset(wanted)
    starts = tuple([name for name in names if name.endswith(".")])
    return tuple(
        [
            resource
            for resource, marks in found
            if not names.isdisjoint(marks) or (starts and any(mark.startswith(starts) for mark in marks))
        ]
    )


def marks_in(resource: Resource, elements: Iterable[str], case: Case) -> frozenset[str]:
    """The marks of the named elements of one resource."""
    marks = _NONE
    for name in elements:
        if name in resource:
            found = _marks_of(resource[name], case)
            if found:
                marks = marks | found
    return marks


def _look(case: Case, kind: str, elements: tuple[str, ...]) -> tuple[Marked, ...]:
    found = []
    for resource in case.record.by_type.get(kind, ()):
        marks = marks_in(resource, elements, case)
        if marks:
            found.append((resource, marks))
    return tuple(found)


def _marks_of(value: Any, case: Case) -> frozenset[str]:
    """The usual CodeableConcept, one coding and perhaps a text, is looked up as it stands: charts repeat themselves."""
    if isinstance(value, dict):
        codings = value.get("coding")
        if isinstance(codings, list) and len(codings) == 1 and isinstance(codings[0], dict):
            coding = codings[0]
            key = (value.get("text"), coding.get("system"), coding.get("code"), coding.get("display"))
            try:
                known = case.terms.remembered.get(key)
            except TypeError:  # a part that is no text cannot be looked up
                known = None
            return known if known is not None else _read_anew(key, value, case)
    elif isinstance(value, list) and len(value) == 1:
        return _marks_of(value[0], case)
    return vocabulary_of(case).both(read_concepts(value))


def _read_anew(key: tuple[Any, ...], value: Any, case: Case) -> frozenset[str]:
    found = vocabulary_of(case).both(read_concepts(value))
    if len(case.terms.remembered) < MOST_REMEMBERED and all(map(_is_plain, key)):
        case.terms.remembered[key] = found
    return found


def _is_plain(part: object) -> bool:
    return part is None or (isinstance(part, str) and len(part) <= _LONGEST_DISPLAY)


_LONGEST_DISPLAY = 80
