"""Which codes make an order one of ours, found by asking the classifier about every published code.

The pages so show what the service does, not what somebody once wrote down about it. A code that needs more than
itself (paclitaxel needs a reason, a general biopsy code its body site) is tried again with it, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.describe.value_sets import ListedCode, ListedSet
from cds_service.facts.orders import read_orders
from cds_service.fhir.source import Entry
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content

_DIAGNOSIS = "cond.pancreas_primary"
_SITES = {"site.liver": "the liver as body site", "site.pancreas": "the pancreas as body site"}


@dataclass(frozen=True, slots=True)
class TriggerCode:
    """One code that makes an order of a kind; ``needs`` is what must stand beside it ("" if nothing)."""

    listed: ListedCode
    needs: str


@dataclass(frozen=True, slots=True)
class TriggerSet:
    """The codes of one value set that make an order of a kind."""

    name: str
    title: str
    codes: tuple[TriggerCode, ...]


def trigger_sets(content: Content, value_sets: Mapping[str, ListedSet]) -> dict[str, tuple[TriggerSet, ...]]:
    """Order kind to the value sets whose codes make an order of that kind."""
    found: dict[str, list[TriggerSet]] = {}
    for listed in value_sets.values():
        codes: dict[str, list[TriggerCode]] = {}
        for code in listed.codes:
            for kind, needs in _kinds(code, content, value_sets).items():
                codes.setdefault(kind, []).append(TriggerCode(code, needs))
        for kind, items in codes.items():
            found.setdefault(kind, []).append(TriggerSet(listed.name, listed.title, tuple(items)))
    return {kind: tuple(sets) for kind, sets in sorted(found.items())}


def _kinds(code: ListedCode, content: Content, value_sets: Mapping[str, ListedSet]) -> dict[str, str]:
    """The order kinds of a draft with this code, each with the least that must stand beside it."""
    kinds: dict[str, str] = {}
    for needs, draft in _drafts(code, value_sets):
        call = HookCall("order-select", "review", "p", "", "", None, (Entry(draft),), {}, "")
        for order in read_orders(call, content.terms, content.lexicon).drafts:
            for kind in sorted(order.kinds):
                kinds.setdefault(kind, needs)
    return kinds


def _drafts(code: ListedCode, value_sets: Mapping[str, ListedSet]) -> Iterator[tuple[str, dict[str, Any]]]:
    reason = {"reasonCode": [_concept(value_sets[_DIAGNOSIS].codes[0])]}
    for kind, element in (("MedicationRequest", "medicationCodeableConcept"), ("ServiceRequest", "code")):
        draft = {
            "resourceType": kind,
            "id": "d",
            "status": "draft",
            "subject": {"reference": "Patient/p"},
            element: _concept(code),
        }
        yield "", draft
        yield "pancreatic cancer as the reason", {**draft, **reason}
        if kind == "ServiceRequest":
            for site, words in _SITES.items():
                yield words, {**draft, "bodySite": [_concept(value_sets[site].codes[0])]}


def _concept(code: ListedCode) -> dict[str, Any]:
    return {"coding": [{"system": code.uri, "code": code.code}]}
