"""The registry of facts: names, their possible states, and the searches that decide them.

A fact is one function with ``@fact``. Its declared states are what ``check`` enumerates when it proves a card
total; a function that answers with an undeclared state is an error at once, not a silent gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cds_service.facts.case import Case
    from cds_service.facts.fact import Fact


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One registered fact. ``searches`` are keys of ``cards/prefetch.yaml``; ``traits`` what it may carry.

    ``searches`` must all be complete before the fact says that something is not so. ``reads`` are further keys whose
    resources it looks at, and which no absence can rest on: they only take a finding away (a request was carried out
    since, a document replaces a report in progress), or the fact says itself that it does not know without them.
    ``asks`` are the facts that it asks. Together they say what has to be fetched for it (``searches_of``).
    `tests/properties/test_missing_data.py` believes none of it.
    """

    name: str
    source: str
    states: tuple[str, ...]
    searches: tuple[str, ...]
    reads: tuple[str, ...]
    asks: tuple[str, ...]
    traits: tuple[str, ...]
    compute: Callable[[Case], Fact]
    summary: str


_REGISTRY: dict[str, FactSpec] = {}


def fact(
    name: str,
    *,
    source: str,
    states: Iterable[str],
    searches: Iterable[str] = (),
    reads: Iterable[str] = (),
    asks: Iterable[str] = (),
    traits: Iterable[str] = (),
) -> Callable[[Callable[[Case], Fact]], Callable[[Case], Fact]]:
    """Register a fact function under ``name``. ``source`` is the pathway fact id (``F4``)."""

    def register(compute: Callable[[Case], Fact]) -> Callable[[Case], Fact]:
        if name in _REGISTRY:
            raise ValueError(f"the fact {name!r} is registered twice")
        summary = (compute.__doc__ or "").strip().splitlines()
        _REGISTRY[name] = FactSpec(
            name,
            source,
            tuple(states),
            tuple(searches),
            tuple(reads),
            tuple(asks),
            tuple(traits),
            compute,
            summary[0] if summary else "",
        )
        return compute

    return register


def all_facts() -> MappingProxyType[str, FactSpec]:
    """Every registered fact by name. ``cds_service.facts`` imports the modules that register them."""
    return MappingProxyType(_REGISTRY)


def searches_of(names: Iterable[str]) -> frozenset[str]:
    """Every search that these facts look at, with those of the facts that they ask, and so on."""
    todo, seen = list(names), set[str]()
    found: set[str] = set()
    while todo:
        spec = _REGISTRY[todo.pop()]
        if spec.name not in seen:
            seen.add(spec.name)
            found.update(spec.searches, spec.reads)
            todo.extend(spec.asks)
    return frozenset(found)
