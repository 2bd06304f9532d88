"""PatientRecord: the resources of one patient by type, and how far each search can be trusted.

Built once per call in one pass over the answers. An entry that cannot be read, or that belongs to
another patient, is dropped with a reason and makes its search incomplete (decision 32); it never
disappears silently and is never used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from cds_service.fhir.shapes import Contained, as_list, as_object, reference_text, relative_reference
from cds_service.fhir.source import Answer, Completeness, Resource


class Search(NamedTuple):
    """One search as the facts see it. ``problems`` are short clauses that are safe to show on a card.

    ``dropped`` counts entries that were there and could not be used: unreadable, or another patient's.
    """

    key: str
    completeness: Completeness
    problems: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether absence from this search may be read as absence."""
        return self.completeness is Completeness.COMPLETE


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """What could be read about one patient.

    ``by_type`` lists resources per resourceType, in the order they came, exact repeats left out.
    ``by_reference`` finds a resource by ``Type/id`` or fullUrl. ``searches`` holds one Search per key asked.
    """

    patient_id: str
    by_type: Mapping[str, tuple[Resource, ...]]
    by_reference: Mapping[str, Resource]
    searches: Mapping[str, Search]
    _inside: Contained = field(default_factory=Contained, init=False, repr=False, compare=False)

    def of(self, *types: str) -> tuple[Resource, ...]:
        """All resources of the given types."""
        if len(types) == 1:
            return self.by_type.get(types[0], ())
        return tuple(resource for kind in types for resource in self.by_type.get(kind, ()))

    def resolve(self, reference: str, holder: Resource | None = None) -> Resource | None:
        """The resource that a reference names, inside ``holder`` for ``#id``; None if it is not here."""
        if reference.startswith("#"):
            return self._inside.find(holder, reference) if holder is not None else None
        return self.by_reference.get(reference) or self.by_reference.get(relative_reference(reference))

    def search(self, key: str) -> Search:
        """The search of that name; NOT_ATTEMPTED if nobody asked."""
        return self.searches.get(key) or Search(key, Completeness.NOT_ATTEMPTED, ("was not asked for",))

    def unfinished(self, keys: Iterable[str]) -> tuple[Search, ...]:
        """Those of the named searches that are not complete."""
        searches = [self.searches.get(key) or self.search(key) for key in keys]
        return tuple([search for search in searches if search.completeness is not Completeness.COMPLETE])


def build_record(patient_id: str, answers: Iterable[Answer], fhir_server: str = "") -> PatientRecord:
    """Index answers into a record of the patient with that (bare) id.

    ``fhir_server`` is the client's FHIR base: an absolute subject on another server is another patient.
    """
    taken = tuple(answers)
    owner = _Owner(patient_id, taken, fhir_server.rstrip("/").lower())
    usual = f"Patient/{patient_id}"
    by_type: dict[str, list[Resource]] = {}
    by_reference: dict[str, Resource] = {}
    searches: dict[str, Search] = {}
    repeats: dict[str, set[str]] = {}
    for answer in taken:
        foreign = unreadable = 0
        for resource, full_url in answer.entries:
            kind = resource.get("resourceType") if isinstance(resource, dict) else None
            if not isinstance(kind, str) or not kind:
                unreadable += 1
                continue
            # The usual way of naming the patient is looked at first: charts have thousands of entries.
            subject = resource.get("subject")
            if not (isinstance(subject, dict) and subject.get("reference") == usual) or kind in _NOT_BY_SUBJECT:
                whose = owner.whose(resource, kind)
                if whose != "ours":
                    foreign += whose == "foreign"
                    unreadable += whose == "unreadable"
                    continue
            if kind in _DECISIVE and not _is_readable(resource):
                unreadable += 1
                continue
            ident = resource.get("id")
            if isinstance(ident, str) and ident:
                name = f"{kind}/{ident}"
                if name not in by_reference:
                    by_reference[name] = resource
                elif _is_repeat(name, resource, by_reference, repeats):
                    continue
            if full_url.startswith("urn:"):  # any other fullUrl ends with the type and the id
                by_reference.setdefault(full_url, resource)
            found = by_type.get(kind)
            if found is None:
                by_type[kind] = [resource]
            else:
                found.append(resource)
        searches[answer.key] = _search(answer, unreadable, foreign)
    return PatientRecord(
        patient_id,
        MappingProxyType({kind: tuple(found) for kind, found in by_type.items()}),
        MappingProxyType(by_reference),
        MappingProxyType(searches),
    )


def _search(answer: Answer, unreadable: int, foreign: int) -> Search:
    """The search that an answer was, after so many of its entries could not be used."""
    if not (unreadable or foreign):
        return Search(answer.key, answer.completeness, answer.problems, answer.dropped)
    problems = list(answer.problems)
    if unreadable:
        problems.append(f"{unreadable} of its entries could not be read")
    if foreign:
        problems.append(f"{foreign} of its entries belong to another patient and were not used")
    was_complete = answer.completeness is Completeness.COMPLETE
    completeness = Completeness.INCOMPLETE if was_complete else answer.completeness
    return Search(answer.key, completeness, tuple(problems), answer.dropped + unreadable + foreign)


# Types whose damage must show: read without the element in question they would pass for something harmless.
_DECISIVE = frozenset({"Condition", "DiagnosticReport", "DocumentReference", "Procedure", "ServiceRequest"})
_SHAPES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("status", (str,)),
    ("code", (dict, list, str)),
    ("type", (dict, list, str)),
    ("category", (dict, list, str)),
    ("conclusion", (str,)),
    ("conclusionCode", (dict, list)),
    ("presentedForm", (dict, list)),
    ("result", (dict, list)),
)


def _is_readable(resource: Resource) -> bool:
    """Whether the elements that tell what a resource says have a type that the tolerant readers know."""
    for name, types in _SHAPES:
        value = resource.get(name)
        if value is not None and not isinstance(value, types):
            return False
    return True


# Types whose patient stands elsewhere than in ``subject``; all others may have it in ``patient`` too.
_NOT_BY_SUBJECT = frozenset({"Patient", "Appointment", "Consent", "AllergyIntolerance"})
_NOT_A_PATIENTS = frozenset({"Medication", "Practitioner", "PractitionerRole", "Organization", "Location", "Device"})


@dataclass(frozen=True)
class _Owner:
    """The patient whose record is built, and how other resources may name them."""

    patient_id: str
    answers: tuple[Answer, ...]
    base: str

    def whose(self, resource: Resource, kind: str) -> str:
        """ "ours", "foreign" or "unreadable": by the subject that the resource names."""
        if kind == "Patient":
            return "ours" if resource.get("id") == self.patient_id else "foreign"
        if kind in _NOT_A_PATIENTS:
            return "ours"
        if kind == "Appointment":
            actors = [as_object(item).get("actor") for item in as_list(resource.get("participant"))]
            named = [text for text in map(reference_text, actors) if "Patient/" in text or text in self.aliases]
            return self._matches(named[0]) if named else "unreadable"
        subject = reference_text(
            resource.get("patient" if kind in _NOT_BY_SUBJECT else "subject") or resource.get("patient")
        )
        return self._matches(subject) if subject else "unreadable"

    def _matches(self, reference: str) -> str:
        if reference in self.aliases:
            return "ours"
        if relative_reference(reference) != f"Patient/{self.patient_id}":
            return "unreadable" if reference.startswith(("#", "urn:")) else "foreign"
        if self.base and "://" in reference and not reference.lower().startswith(self.base + "/"):
            return "foreign"
        return "ours"

    @cached_property
    def aliases(self) -> frozenset[str]:
        """References that name our patient beside ``Patient/id``: the fullUrl under which it came."""
        return frozenset(
            entry.full_url
            for answer in self.answers
            for entry in answer.entries
            if entry.full_url.startswith("urn:")
            and isinstance(entry.resource, dict)
            and entry.resource.get("resourceType") == "Patient"
            and entry.resource.get("id") == self.patient_id
        )


def _is_repeat(
    name: str, resource: Resource, by_reference: Mapping[str, Resource], repeats: dict[str, set[str]]
) -> bool:
    """Whether a resource of a name that is taken says what an earlier one of that name says."""
    # Compared as text, so that thousands of entries with one id cost no more than as many comparisons.
    texts = repeats.get(name)
    if texts is None:
        texts = repeats[name] = {_as_text(by_reference[name])}
    text = _as_text(resource)
    if text in texts:
        return True
    texts.add(text)
    return False


def _as_text(resource: Resource) -> str:
    return json.dumps(resource, sort_keys=True, separators=(",", ":"))
