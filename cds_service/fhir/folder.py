"""FolderSource: the searches of a prefetch file answered from files that hold one patient's resources.

Fixtures, exports and bug reports come as a Bundle or a folder of FHIR JSON. This answers the same templates
from them as a FHIR server would, for the few search parameters that templates use. What it cannot search is
an Answer that was not attempted, never an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

from cds_service.content_files import read_json
from cds_service.errors import ContentError
from cds_service.fhir.shapes import as_list, as_object, as_text, read_concepts, reference_text, relative_reference
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
    """The entries that a query matches, in their order."""
    return tuple(
        entry
        for entry in entries
        if entry.resource.get("resourceType") == query.kind
        and (not query.is_read or entry.resource.get("id") == query.ident)
        and all(_matches(entry.resource, name, value) for name, value in query.parameters)
    )


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Answers searches from entries at hand. ``templates`` by key; ``values`` fill their tokens.

    ``doubts`` say why the entries may not be all there are (``fhir/chart.py``): then no search is complete.
    """

    entries: tuple[Entry, ...]
    templates: Mapping[str, str]
    values: Mapping[str, str]
    doubts: tuple[str, ...] = ()

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers to the named searches: complete, unless there are doubts that the files are all there is."""
        return {key: self._answer(key) for key in keys}

    def _answer(self, key: str) -> Answer:
        try:
            query = fill_template(self.templates[key], self.values)
        except CannotSearchError as error:
            return Answer(key, (), Completeness.NOT_ATTEMPTED, (str(error),))
        found = find(self.entries, query)
        if not self.doubts or (query.is_read and found):
            return Answer(key, found, Completeness.COMPLETE)
        return Answer(key, found, Completeness.INCOMPLETE if found else Completeness.FAILED, self.doubts)


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The resources of a Bundle file, of one resource file, or of every ``*.json`` of a folder.

    ContentError names the file that is missing, is not JSON, or holds no FHIR resource.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise ContentError(str(path), "holds no *.json file: name a folder of FHIR resources or a Bundle")
        return tuple(entry for file in files for entry in read_entries(file))
    node = as_object(read_json(path))
    if node.get("resourceType") != "Bundle":
        return (_entry(node, "", path),)
    return tuple(
        _entry(as_object(item.get("resource")), as_text(item.get("fullUrl")), path)
        for item in map(as_object, as_list(node.get("entry")))
    )


def _entry(resource: Resource, full_url: str, path: Path) -> Entry:
    if not as_text(resource.get("resourceType")):
        raise ContentError(str(path), "holds something without resourceType: every entry must be a FHIR resource")
    return Entry(resource, full_url)


def _matches(resource: Resource, name: str, value: str) -> bool:
    if name in _PAGING:
        return True
    if name == "_id":
        return resource.get("id") in value.split(",")
    if name in _COMPARTMENT:
        wanted = value if "/" in value else f"Patient/{value}"
        return any(relative_reference(found) == wanted for found in _patients_of(resource))
    held = _tokens(resource.get(_CODED[name]))
    return any(_token_matches(wanted, held) for wanted in value.split(","))


def _patients_of(resource: Resource) -> tuple[str, ...]:
    actors = [as_object(item).get("actor") for item in as_list(resource.get("participant"))]
    return tuple(map(reference_text, (resource.get("subject"), resource.get("patient"), *actors)))


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
