"""Review: what the review pages say beside the cards (``review.yaml``): decision points, states, source attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.orders import ORDER_KINDS
from cds_service.facts.registry import all_facts
from cds_service.pathway.card_file import check_shape, shape

_VALIDATOR = shape("review")


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """One question of pathway 3.1. ``orders`` are the order kinds that lead to it, ``fact`` is what it asks."""

    id: str
    question: str
    fact: str
    orders: tuple[str, ...]
    otherwise: str


@dataclass(frozen=True, slots=True)
class SourceAttribute:
    """One of the thirteen attributes. ``taken_from`` is "" or sources, owner, dates; ``facts`` use such data."""

    name: str
    taken_from: str
    facts: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Review:
    """Words for reviewers. ``states`` holds a meaning for each state, ``facts`` closer ones for one fact's states."""

    decision_points: tuple[DecisionPoint, ...]
    order_kinds: Mapping[str, str]
    states: Mapping[str, str]
    facts: Mapping[str, Mapping[str, str]]
    source_attributes: tuple[SourceAttribute, ...]

    def meaning(self, fact: str, state: str) -> str:
        """What a state of a fact means, "" if nobody has written it down."""
        return self.facts.get(fact, {}).get(state) or self.states.get(state, "")


def load_review(path: Path) -> Review:
    """Read ``review.yaml``; ContentError with file and line if it does not have its shape or names an unknown fact."""
    node = read_yaml(path)
    check_shape(_VALIDATOR, node, path)
    for name, item in _facts_named(node):
        if name not in all_facts():
            raise ContentError(f"{path}:{line_of(item)}", f"unknown fact {name!r}")
    for kind, line in _kinds_named(node):
        if kind not in ORDER_KINDS:
            raise ContentError(f"{path}:{line}", f"unknown order kind {kind!r}")
    return Review(
        tuple(
            DecisionPoint(
                str(item["id"]),
                str(item["question"]),
                str(item.get("fact", "")),
                tuple(map(str, item.get("orders", ()))),
                str(item.get("otherwise", "")),
            )
            for item in node["decision_points"]
        ),
        _texts(node["order_kinds"]),
        _texts(node["states"]),
        MappingProxyType({str(name): _texts(item) for name, item in node["facts"].items()}),
        tuple(
            SourceAttribute(
                str(item["name"]),
                str(item.get("from", "")),
                tuple(map(str, item.get("facts", ()))),
                str(item.get("says", "")),
            )
            for item in node["source_attributes"]
        ),
    )


def _facts_named(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((str(name), item) for name, item in node["facts"].items())
    yield from ((str(item["fact"]), item) for item in node["decision_points"] if "fact" in item)
    yield from ((str(name), item) for item in node["source_attributes"] for name in item.get("facts", ()))


def _kinds_named(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    yield from ((str(kind), line_of(node["order_kinds"], kind)) for kind in node["order_kinds"])
    yield from ((str(kind), line_of(item)) for item in node["decision_points"] for kind in item.get("orders", ()))


def _texts(node: Mapping[str, Any]) -> Mapping[str, str]:
    return MappingProxyType({str(name): str(text) for name, text in node.items()})
