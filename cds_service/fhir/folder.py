"""FolderSource: the searches of a prefetch file answered from files that hold one patient's resources.

Fixtures, exports and bug reports come as a Bundle or a folder of FHIR JSON. This answers the same templates
from them as a FHIR server would, for the few search parameters that templates use. What it cannot search is
an Answer that was not attempted, never an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl

from cds_service.fhir.shapes import (
    as_list,
    as_object,
    read_concepts,
    reference_text,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Answer, Completeness, Entry, Resource

_TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_COMPARTMENT = frozenset({"patient", "subject"})
_CODED = MappingProxyType(
    {
        "category": "category",
        "clinical-status": "clinicalStatus",
        "code": "code",
        "status": "status",
        "type": "type",
        "verification-status": "verificationStatus",
    }
)
_PAGING = frozenset({"_count", "_sort"})
"""Accepted without effect: everything is given at once, in the order of the files."""
_PATIENT_ID = "context.patientId"
_NO_PATIENT = "it does not hold the patient of the call"


class CannotSearchError(ValueError):
    """A template asks for something that a folder of files does not answer. The message names no data."""


@dataclass(frozen=True, slots=True)
class Query:
    """One filled template: a read of ``kind/ident`` or, where ``ident`` is "", a search with ``parameters``."""

    kind: str
    ident: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def is_read(self) -> bool:
        """Whether a single resource is asked for."""
        return bool(self.ident)


def fill_template(template: str, values: Mapping[str, str]) -> Query:
    """The query of a CDS Hooks prefetch template with its ``{{tokens}}`` replaced from ``values``.

    CannotSearchError for a token without value and for a search parameter that is not supported.
    """

    def value_of(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise CannotSearchError(f"it needs {found[1]}, which is not known here")
        return values[found[1]]

    target, is_search, query = _TOKEN.sub(value_of, template).partition("?")
    kind, _, ident = target.strip("/").partition("/")
    parameters = tuple(parse_qsl(query, keep_blank_values=True)) if is_search else ()
    if bool(ident) == bool(is_search):
        raise CannotSearchError("it is neither a read by id nor a search")
    for name, _ in parameters:
        if name not in _COMPARTMENT | _PAGING | {"_id"} and name not in _CODED:
            raise CannotSearchError(f"it searches by {name}, which files are not searched by")
    return Query(kind, ident, parameters)


def find(entries: Iterable[Entry], query: Query) -> tuple[Entry, ...]:
    """The entries that a query matches, in their order, as a server that holds many patients finds them."""
    return _find(entries, query, lambda resource, wanted: wanted in _patients_of(resource))


def find_in_chart(entries: tuple[Entry, ...], query: Query) -> tuple[Entry, ...]:
    """The same where the entries are the chart of one patient: left out is only what names another patient alone.

    What names no patient, or one by a reference that is unknown here, may be the patient's: ``build_record`` judges
    and counts it. A Patient may be named by the fullUrl under which it came.
    """
    known = {
        relative_reference(entry.full_url): type_and_id(entry.resource)
        for entry in entries
        if entry.resource.get("resourceType") == "Patient" and entry.full_url
    }

    def is_possible(resource: Resource, wanted: str) -> bool:
        written = _patients_of(resource)
        named = [known.get(name, name) for name in written]
        return wanted in (*written, *named) or not any(name.startswith("Patient/") for name in named)

    return _find(entries, query, is_possible)


def _find(entries: Iterable[Entry], query: Query, is_of: Callable[[Resource, str], bool]) -> tuple[Entry, ...]:
    return tuple(
        entry
        for entry in entries
        if entry.resource.get("resourceType") == query.kind
        and (not query.is_read or entry.resource.get("id") == query.ident)
        and all(_matches(entry.resource, name, value, is_of) for name, value in query.parameters)
    )


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Answers searches from entries at hand. ``templates`` by key; ``values`` fill their tokens.

    ``doubts`` say why the entries may not be all there are (``fhir/chart.py``): then no search is complete. Nor is one
    where the entries are somebody else's, or nobody's that can be told. A chart without a Patient is read (decision 2).
    """

    entries: tuple[Entry, ...]
    templates: Mapping[str, str]
    values: Mapping[str, str]
    doubts: tuple[str, ...] = ()

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers to the named searches: complete, unless there are doubts that the files are all there is."""
        is_of_other = _PATIENT_ID in self.values and not self._holds_patient()
        doubts = (*self.doubts, _NO_PATIENT) if is_of_other else self.doubts
        return {key: self._answer(key, doubts) for key in keys}

    def _holds_patient(self) -> bool:
        """Whether the entries are those of the call's patient: by the Patient, or else by what they name."""
        wanted = f"Patient/{self.values[_PATIENT_ID]}"
        patients = {
            type_and_id(entry.resource) for entry in self.entries if entry.resource.get("resourceType") == "Patient"
        }
        if patients:
            return wanted in patients
        return any(wanted in _patients_of(entry.resource) for entry in self.entries)

    def _answer(self, key: str, doubts: tuple[str, ...]) -> Answer:
        try:
            query = fill_template(self.templates[key], self.values)
        except CannotSearchError as error:
            return Answer(key, (), Completeness.NOT_ATTEMPTED, (str(error),))
        found = find_in_chart(self.entries, query)
        if not doubts or (query.is_read and found):
            return Answer(key, found, Completeness.COMPLETE)
        return Answer(key, found, Completeness.INCOMPLETE if found else Completeness.FAILED, doubts)


def _matches(resource: Resource, name: str, value: str, is_of: Callable[[Resource, str], bool]) -> bool:
    if name in _PAGING:
        return True
    if name == "_id":
        return resource.get("id") in value.split(",")
    if name in _COMPARTMENT:
        return is_of(resource, value if "/" in value else f"Patient/{value}")
    held = _tokens(resource.get(_CODED[name]))
    return any(_token_matches(wanted, held) for wanted in value.split(","))


def _patients_of(resource: Resource) -> tuple[str, ...]:
    """What a resource names where its patient may stand."""
    actors = [as_object(item).get("actor") for item in as_list(resource.get("participant"))]
    named = map(reference_text, (resource.get("subject"), resource.get("patient"), *actors))
    return tuple(map(relative_reference, named))


def _tokens(value: object) -> frozenset[tuple[str, str]]:
    """(system, code) of each coding; a plain code such as a status has the system ""."""
    plain = {("", item.strip()) for item in as_list(value) if isinstance(item, str)}
    coded = {(coding.system, coding.code) for concept in read_concepts(value) for coding in concept.codings}
    return frozenset(plain | coded)


def _token_matches(wanted: str, held: frozenset[tuple[str, str]]) -> bool:
    """FHIR token search by equality: ``code``, ``system|code``, ``|code`` (no system) or ``system|``."""
    system, bar, code = wanted.rpartition("|")
    if not bar:
        return any(code == found for _, found in held)
    return any(system == where and (not code or code == found) for where, found in held)
