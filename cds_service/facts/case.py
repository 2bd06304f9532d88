"""Case: everything a fact function may look at, and the memory of facts already computed in this call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from cds_service.facts.fact import Fact
from cds_service.facts.registry import all_facts

T = TypeVar("T")

if TYPE_CHECKING:
    from cds_service.facts.orders import Orders
    from cds_service.facts.regimen_table import RegimenTable
    from cds_service.facts.settings import Settings
    from cds_service.facts.terminology import Terminology
    from cds_service.fhir.source import Resource
    from cds_service.reading.lexicon import Lexicon
    from cds_service.record import PatientRecord


@dataclass(frozen=True)
class Case:
    """One call's question: the record, the orders, the content to read them with, and ``now`` (aware, UTC).

    ``fact(name)`` computes a fact at most once; ``memory`` is where ``once`` keeps what facts share.
    """

    record: PatientRecord
    orders: Orders
    terms: Terminology
    lexicon: Lexicon
    settings: Settings
    regimens: RegimenTable
    now: datetime
    _known: dict[str, Fact] = field(default_factory=dict, repr=False, compare=False)
    memory: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def fact(self, name: str) -> Fact:
        """The fact of that name; KeyError for a name that is not registered."""
        known = self._known.get(name)
        if known is None:
            spec = all_facts()[name]
            known = spec.compute(self)
            if known.state not in spec.states or known.name != name:
                raise ValueError(f"fact {name} answered {known.name}={known.state}, which it does not declare")
            self._known[name] = known
        return known

    def known(self) -> dict[str, Fact]:
        """The facts computed so far, by name."""
        return dict(self._known)


def once(function: Callable[[Case], T]) -> Callable[[Case], T]:
    """Several facts ask the same of a record: the function runs once in a call."""

    @wraps(function)
    def remembered(case: Case) -> T:
        memory = case.memory
        if remembered not in memory:
            memory[remembered] = function(case)
        known: T = memory[remembered]
        return known

    return remembered


def once_per_resource(function: Callable[[Resource, Case], T]) -> Callable[[Resource, Case], T]:
    """The same for questions about one resource. The record keeps its resources alive, so their identity is a key."""

    @wraps(function)
    def remembered(resource: Resource, case: Case) -> T:
        memory, key = case.memory, (function, id(resource))
        if key not in memory:
            memory[key] = function(resource, case)
        known: T = memory[key]
        return known

    return remembered
