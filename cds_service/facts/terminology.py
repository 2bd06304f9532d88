"""Terminology: which of our value sets a coding belongs to.

Value sets are FHIR R4 ValueSet files (``cards/value-sets/<name>.json``); how systems are spelled and codes
compared stands beside them in ``code-systems.yaml``. Everything is indexed at load: a question is a few
dictionary look-ups. A coding without system, or of a system that is not listed, belongs to nothing. A site adds codes
of its own (``extended``), in systems of ours or of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cds_service.content_files import line_of, read_json, read_yaml
from cds_service.errors import ContentError
from cds_service.fhir.shapes import Concept

SYSTEMS_FILE = "code-systems.yaml"
OID = "urn:oid:"
"""How the URI of a code system begins that has an OID for a name."""
_NONE: frozenset[str] = frozenset()
MOST_REMEMBERED = 20_000
"""Codes whose answer is kept, so that a stranger's codes cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """One code system as ``code-systems.yaml`` describes it.

    ``uris`` are all accepted spellings, the preferred one first; ``compares_letters`` means that dots, blanks and
    case are ignored; ``has_prefixes`` that a category covers every code which begins with it. ``displays`` (all,
    gps, inn, none), ``not_displayed`` and ``copyright`` tell what a published value set may hold. ``shared_codes``
    are the codes that mean the same under ``shared_uris``, the URIs of another system.
    """

    key: str
    name: str
    uris: tuple[str, ...]
    compares_letters: bool
    has_prefixes: bool
    displays: str
    not_displayed: frozenset[str]
    copyright: str
    shared_uris: tuple[str, ...] = ()
    shared_codes: frozenset[str] = frozenset()

    def comparable(self, code: str) -> str:
        """The form in which codes of this system are compared."""
        if self.compares_letters:
            return code.replace(".", "").replace(" ", "").upper()
        return code.strip()


@dataclass(frozen=True, slots=True)
class LocalCode:
    """A code that a site adds to the value set ``name``. ``system`` is a URI; OIDs are written ``urn:oid:...``."""

    name: str
    system: str
    code: str


@dataclass(slots=True)
class _Index:
    """The value sets of one code system: by code, by category, and by category carved out."""

    system: CodeSystem
    exact: dict[str, frozenset[str]] = field(default_factory=dict)
    under: dict[str, frozenset[str]] = field(default_factory=dict)
    carved: dict[str, frozenset[str]] = field(default_factory=dict)
    displays: dict[str, str] = field(default_factory=dict)

    def names(self, code: str) -> frozenset[str]:
        wanted = self.system.comparable(code)
        found = self.exact.get(wanted, _NONE)
        if not self.under:
            return found
        carved = _NONE
        for length in range(1, len(wanted) + 1):
            category = wanted[:length]
            found = found | self.under.get(category, _NONE)
            carved = carved | self.carved.get(category, _NONE)
        return found - carved


@dataclass(frozen=True, slots=True)
class _SharedIndex:
    """Another system's view of an index: only the codes that mean the same in both."""

    index: _Index

    @property
    def system(self) -> CodeSystem:
        return self.index.system

    @property
    def displays(self) -> dict[str, str]:
        return self.index.displays

    def names(self, code: str) -> frozenset[str]:
        shared = self.system.comparable(code) in self.system.shared_codes
        return self.index.names(code) if shared else _NONE


@dataclass(frozen=True, slots=True)
class _ExtendedIndex:
    """An index and the codes that a site adds to it; the index itself stays as it is."""

    index: _Index | _SharedIndex
    added: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def system(self) -> CodeSystem:
        return self.index.system

    @property
    def displays(self) -> dict[str, str]:
        return self.index.displays

    def names(self, code: str) -> frozenset[str]:
        return self.index.names(code) | self.added.get(self.system.comparable(code), _NONE)


_AnyIndex = _Index | _SharedIndex | _ExtendedIndex


class Terminology:
    """Every value set, indexed by code system and code. Built by ``load_terminology``; never changes."""

    def __init__(self, names: frozenset[str], indexes: Mapping[str, _AnyIndex]) -> None:
        self._names = names
        self._indexes = indexes
        self._memory: dict[tuple[str, str], frozenset[str]] = {}
        self.remembered: dict[tuple[str | None, ...], frozenset[str]] = {}
        """What whole CodeableConcepts were found to mean (see ``marks``): displays and codes, no other text."""

    @property
    def names(self) -> frozenset[str]:
        """The names of all value sets."""
        return self._names

    def concepts(self, concept: Concept) -> frozenset[str]:
        """The value sets that any coding of a CodeableConcept belongs to; its text is not read."""
        found = _NONE
        for coding in concept.codings:
            found = found | self.concepts_of_code(coding.system, coding.code)
        return found

    def concepts_of_code(self, system: str, code: str) -> frozenset[str]:
        """The value sets of one code. ``system`` may be any accepted spelling, with or without ``|version``."""
        known = self._memory.get((system, code))
        if known is None:
            index = self._index(system)
            known = index.names(code) if index else _NONE
            if len(self._memory) < MOST_REMEMBERED:
                self._memory[system, code] = known
        return known

    def display(self, system: str, code: str) -> str:
        """Our own display of a code, "" where there is none or its licence forbids to carry it."""
        index = self._index(system)
        return index.displays.get(index.system.comparable(code), "") if index else ""

    def system(self, uri: str) -> CodeSystem | None:
        """The code system of an accepted spelling, None for a system that no value set knows."""
        index = self._index(uri)
        return index.system if index else None

    def systems(self) -> Mapping[str, CodeSystem]:
        """Every accepted spelling of a system, with its system."""
        return {uri: index.system for uri, index in self._indexes.items()}

    def short_names(self) -> Mapping[str, str]:
        """The preferred URI of each of our systems, by its name in ``code-systems.yaml``."""
        return {system.key: system.uris[0] for system in self.systems().values()}

    def extended(self, codes: Iterable[LocalCode]) -> Terminology:
        """The same with the codes of a site; a system that is not ours compares exactly."""
        indexes: dict[str, _AnyIndex] = dict(self._indexes)
        added: list[str] = []
        for local in codes:
            found = indexes.get(local.system)
            if not isinstance(found, _ExtendedIndex):
                base = found or _Index(_local_system(local.system))
                spellings = [uri for uri, index in indexes.items() if index is base or _is_same_share(index, base)]
                found = _ExtendedIndex(base)
                indexes.update(dict.fromkeys(spellings or base.system.uris, found))
            _insert(found.added, found.system.comparable(local.code), local.name)
            added.append(local.name)
        return Terminology(self._names.union(added), indexes)

    def _index(self, system: str) -> _AnyIndex | None:
        return self._indexes.get(system) or self._indexes.get(system.partition("|")[0].strip())


def _is_same_share(index: _AnyIndex, base: _AnyIndex) -> bool:
    """Whether both are views of one system for another: each spelling of the other has a view of its own."""
    return isinstance(index, _SharedIndex) and isinstance(base, _SharedIndex) and index.index is base.index


def _local_system(uri: str) -> CodeSystem:
    """A system of a site. Clients write an OID with and without ``urn:oid:``."""
    uris = (uri, uri.removeprefix(OID)) if uri.startswith(OID) else (uri,)
    return CodeSystem(uri, uri, uris, False, False, "none", _NONE, "")


def load_terminology(directory: Path) -> Terminology:
    """Read every ValueSet of a directory; ContentError with the file if one cannot be used."""
    indexes: dict[str, _Index] = {}
    for system in load_systems(directory / SYSTEMS_FILE):
        index = _Index(system)
        indexes.update(dict.fromkeys(system.uris, index))
    files = sorted(directory.glob("*.json"))
    if not files:
        raise ContentError(str(directory), "holds no value sets: run tools/make_value_sets.py or check the path")
    for path in files:
        _add_value_set(path, indexes)
    shared = {uri: _SharedIndex(index) for index in indexes.values() for uri in index.system.shared_uris}
    return Terminology(frozenset(path.stem for path in files), {**shared, **indexes})


def load_systems(path: Path) -> tuple[CodeSystem, ...]:
    """Read ``code-systems.yaml``; ContentError with file and line on a wrong entry."""
    systems = []
    seen: dict[str, str] = {}
    for key, node in _mapping(read_yaml(path), str(path)).items():
        where = f"{path}:{line_of(node)}"
        entry = _mapping(node, where)
        options = {name: _choice(entry, name, allowed, where) for name, allowed in _CHOICES.items()}
        uris = (_text(entry, "uri", where), *_texts(entry, "also", where))
        shared_uris = _texts(entry, "shared_uris", where)
        for uri in uris + shared_uris:
            if uri in seen:
                raise ContentError(where, f"{uri} stands under {seen[uri]} as well: keep one of them")
            seen[uri] = str(key)
        system = CodeSystem(
            key=str(key),
            name=_text(entry, "name", where),
            uris=uris,
            compares_letters=options["compare"] == "letters",
            has_prefixes=options["hierarchy"] == "prefix",
            displays=options["displays"],
            not_displayed=frozenset(_texts(entry, "not_displayed", where)),
            copyright=_text(entry, "copyright", where),
            shared_uris=shared_uris,
        )
        shared = frozenset(map(system.comparable, _texts(entry, "shared_codes", where)))
        systems.append(replace(system, shared_codes=shared))
    return tuple(systems)


_CHOICES = {
    "compare": ("exact", "letters"),
    "hierarchy": ("prefix", "none"),
    "displays": ("all", "gps", "inn", "none"),
}


def _add_value_set(path: Path, indexes: Mapping[str, _Index]) -> None:
    where = str(path)
    value_set = _mapping(read_json(path), where)
    if value_set.get("resourceType") != "ValueSet":
        raise ContentError(where, "is not a FHIR ValueSet")
    compose = _mapping(value_set.get("compose"), where)
    for part in _list(compose, "include", where):
        index = _index_of(part, indexes, where)
        for member in _list(part, "concept", where):
            code = index.system.comparable(_text(member, "code", where))
            _insert(index.exact, code, path.stem)
            if "display" in member:
                index.displays.setdefault(code, _text(member, "display", where))
        for category in _categories(part, index, where):
            _insert(index.under, category, path.stem)
    for part in _list(compose, "exclude", where):
        index = _index_of(part, indexes, where)
        for category in _categories(part, index, where):
            _insert(index.carved, category, path.stem)


def _index_of(part: Mapping[str, Any], indexes: Mapping[str, _Index], where: str) -> _Index:
    system = _text(part, "system", where)
    if system not in indexes:
        raise ContentError(where, f"the system {system} is not in {SYSTEMS_FILE}: add it there")
    return indexes[system]


def _categories(part: Mapping[str, Any], index: _Index, where: str) -> Iterable[str]:
    for rule in _list(part, "filter", where):
        if (rule.get("property"), rule.get("op")) != ("concept", "is-a") or not index.system.has_prefixes:
            raise ContentError(where, f"only the filter concept is-a, in a system with prefixes, is read: {dict(rule)}")
        yield index.system.comparable(_text(rule, "value", where))


def _insert(index: dict[str, frozenset[str]], code: str, name: str) -> None:
    index[code] = index.get(code, _NONE) | {name}


def _mapping(node: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        raise ContentError(where, "must be a mapping of names to values")
    return node


def _list(node: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    """The objects of an optional list."""
    value = node.get(key, [])
    if not isinstance(value, list):
        raise ContentError(where, f"{key} must be a list")
    return [_mapping(item, where) for item in value]


def _text(node: Mapping[str, Any], key: str, where: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value:
        raise ContentError(where, f"{key} must be a text, in quotes")
    return value


def _texts(node: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = node.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ContentError(where, f"{key} must be a list of texts, in quotes")
    return tuple(value)


def _choice(node: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> str:
    value = _text(node, key, where)
    if value not in allowed:
        raise ContentError(where, f"{key} must be one of {', '.join(allowed)}")
    return value
