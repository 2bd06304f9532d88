"""Which regimens are standard for a histology other than pancreatic adenocarcinoma (C10), from ``regimens.yaml``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.medications import AGENTS
from cds_service.facts.terminology import Terminology
from cds_service.reading.lexicon import Lexicon

_UNNAMED = "regimen"
_AGENT = "drug."
_REGIMEN = "regimen."
_KEYS = frozenset({"named_regimens", "otherwise", "histologies"})
_OF_HISTOLOGY = frozenset({"label", "means", "labels", "standard"})


@dataclass(frozen=True, slots=True)
class Histology:
    """One histology: what it is called, the names and labels that mean it, and the combinations standard for it."""

    label: str
    means: frozenset[str]
    labels: frozenset[str]
    standard: frozenset[frozenset[str]]


@dataclass(frozen=True, slots=True)
class RegimenTable:
    """The reviewed table. ``agents`` are all drugs that it can tell apart, those that trigger no card included."""

    histologies: tuple[Histology, ...]
    named_regimens: Mapping[str, frozenset[str]]
    otherwise: str
    agents: frozenset[str]

    @property
    def companions(self) -> frozenset[str]:
        """The drugs that make a listed regimen and trigger no card."""
        return self.agents - AGENTS

    def histology_of(self, names: Collection[str], labels: Collection[str]) -> Histology:
        """The first histology that the names mean, else the first of those labels, else one without any regimen."""
        for entry in self.histologies:
            if not entry.means.isdisjoint(names):
                return entry
        for entry in self.histologies:
            if not entry.labels.isdisjoint(labels):
                return entry
        return Histology(self.otherwise, frozenset(), frozenset(), frozenset())

    def agents_of(self, concepts: frozenset[str]) -> frozenset[str]:
        """The agents of one order; a regimen that it names and the table does not know stays as "regimen"."""
        found = concepts & self.agents
        named = [agents for name, agents in self.named_regimens.items() if name in concepts]
        unnamed = {_UNNAMED} if _UNNAMED in concepts and not named else frozenset[str]()
        return found.union(unnamed, *named)


def load_regimens(path: Path, terms: Terminology, lexicon: Lexicon) -> RegimenTable:
    """Read and check the table; ContentError with file and line on a slip."""
    node = read_yaml(path)
    _only(node, _KEYS, str(path))
    known = terms.names | lexicon.naming.concepts
    named: dict[str, frozenset[str]] = {}
    for name, agents in _mapping(node["named_regimens"], f"{path}:{line_of(node, 'named_regimens')}").items():
        where = f"{path}:{line_of(node['named_regimens'], name)}"
        _check_known((name,), known, _REGIMEN, where)
        named[name] = _agents(agents, known, where)
    histologies = []
    entries = node["histologies"]
    for number, entry in enumerate(_list(entries, f"{path}:{line_of(node, 'histologies')}")):
        histologies.append(_histology(entry, known, f"{path}:{line_of(entries, number)}"))
    if len({entry.label for entry in histologies}) < len(histologies):
        raise ContentError(f"{path}:{line_of(entries)}", "two histologies have the same label: join them")
    told = (agents for entry in histologies for agents in entry.standard)
    return RegimenTable(
        tuple(histologies),
        MappingProxyType(named),
        _text(node["otherwise"], f"{path}:{line_of(node, 'otherwise')}"),
        (AGENTS - {_UNNAMED}).union(*told, *named.values()),
    )


def _histology(entry: Any, known: Collection[str], where: str) -> Histology:
    _only(entry, _OF_HISTOLOGY, where, needed=frozenset({"label"}))
    means = _texts(entry.get("means", []), where)
    labels = _texts(entry.get("labels", []), where)
    if not (means or labels):
        raise ContentError(where, "a histology needs `means` or `labels`")
    _check_known(means, known, "", where)
    standard = [_agents(agents, known, where) for agents in _list(entry.get("standard", []), where)]
    return Histology(_text(entry["label"], where), frozenset(means), frozenset(labels), frozenset(standard))


def _agents(node: Any, known: Collection[str], where: str) -> frozenset[str]:
    agents = _texts(node, where)
    if not agents:
        raise ContentError(where, "a regimen names its agents")
    _check_known(agents, known, _AGENT, where)
    return frozenset(agents)


def _check_known(names: Iterable[str], known: Collection[str], start: str, where: str) -> None:
    for name in names:
        if name not in known or not name.startswith(start):
            raise ContentError(where, f"{name!r} is neither a value set nor a name of names.yaml for this place")


def _only(node: Any, allowed: frozenset[str], where: str, needed: frozenset[str] | None = None) -> None:
    keys = set(_mapping(node, where))
    wrong = sorted(keys - allowed) or sorted((allowed if needed is None else needed) - keys)
    if wrong:
        raise ContentError(where, f"unknown or missing key {wrong[0]!r}; known: {', '.join(sorted(allowed))}")


def _mapping(node: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        raise ContentError(where, "must be a mapping")
    return node


def _list(node: Any, where: str) -> list[Any]:
    if not isinstance(node, list):
        raise ContentError(where, "must be a list")
    return node


def _text(node: Any, where: str) -> str:
    if not isinstance(node, str) or not node.strip():
        raise ContentError(where, "must be a text, in quotes")
    return node


def _texts(node: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(item, where) for item in _list(node, where))
