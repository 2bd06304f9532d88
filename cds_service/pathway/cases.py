"""Case files: the proof beside each card. A case sets fact states and says what the card then comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.orders import ORDER_KINDS
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card
from cds_service.pathway.card_file import check_shape, shape
from cds_service.pathway.condition import States

_VALIDATOR = shape("cases")


@dataclass(frozen=True, slots=True)
class CardCase:
    """One case. ``expect`` is a rule id, a silence, or the fact that was required or excluded.

    ``suggest``, ``removes`` (template to the order kinds that it removes; all that remove any), ``summary`` and
    ``indicators`` are checked where the case gives them.
    """

    name: str
    states: States
    expect: str
    suggest: tuple[str, ...] | None
    removes: Mapping[str, frozenset[str]] | None
    summary: str | None
    indicators: Mapping[str, str]
    line: int


def read_cases(card: Card) -> tuple[CardCase, ...]:
    """The cases of a card (``<card>.cases.yaml``); ContentError if there are none or one names what does not exist."""
    path = Path(card.path).with_suffix(".cases.yaml")
    node = read_yaml(path)
    check_shape(_VALIDATOR, node, path)
    if node["card"] != card.id:
        raise ContentError(f"{path}:{line_of(node, 'card')}", f"is about {node['card']!r}, not {card.id!r}")
    names = {*card.deciding_facts(), *card.wording_facts()}
    base = _states(node["base"], names, path, line_of(node, "base"))
    if set(base) != names:
        raise ContentError(f"{path}:{line_of(node, 'base')}", f"base lacks {', '.join(sorted(names.difference(base)))}")
    return tuple(_case(item, base, names, path) for item in node["cases"])


def failure(case: CardCase, card: Card) -> str:
    """What is wrong with the card in this case, or ""."""
    decided = card.decide(case.states)
    if decided != case.expect:
        return f"expected {case.expect}, got {decided or 'no outcome'}"
    rule = next((rule for rule in card.rules if rule.id == decided and not rule.is_silence), None)
    if rule is None:
        return ""
    for hook, indicator in case.indicators.items():
        if rule.indicators.get(hook) != indicator:
            return f"expected {indicator} at {hook}, got {rule.indicators.get(hook)}"
    offers = card.offers(rule.id, case.states)
    offered = tuple(offer.template for offer in offers)
    if case.suggest is not None and offered != case.suggest:
        return f"expected suggestions {list(case.suggest)}, got {list(offered)}"
    removed = {offer.template: frozenset(offer.removes) for offer in offers if offer.removes}
    if case.removes is not None and removed != case.removes:
        return f"expected to remove {_in_words(case.removes)}, got {_in_words(removed)}"
    said = rule.summary(case.states)
    if case.summary is not None and case.summary != said:
        return f"expected summary {case.summary!r}, got {said!r}"
    return ""


def _case(node: Mapping[str, Any], base: States, names: set[str], path: Path) -> CardCase:
    line = line_of(node)
    states = {**base, **_states(node.get("set", {}), names, path, line)}
    return CardCase(
        str(node["name"]),
        MappingProxyType(states),
        str(node["expect"]),
        tuple(str(item) for item in node["suggest"]) if "suggest" in node else None,
        _removes(node["removes"], path) if "removes" in node else None,
        str(node["summary"]) if "summary" in node else None,
        MappingProxyType({str(hook): str(value) for hook, value in node.get("indicator", {}).items()}),
        line,
    )


def _removes(node: Mapping[str, Any], path: Path) -> Mapping[str, frozenset[str]]:
    for kinds in node.values():
        for place, kind in enumerate(kinds):
            if kind not in ORDER_KINDS:
                raise ContentError(f"{path}:{line_of(kinds, place)}", f"unknown order kind {kind!r}")
    return MappingProxyType({str(template): frozenset(map(str, kinds)) for template, kinds in node.items()})


def _in_words(removes: Mapping[str, frozenset[str]]) -> str:
    return "; ".join(f"{template}: {', '.join(sorted(kinds))}" for template, kinds in removes.items()) or "nothing"


def _states(node: Mapping[str, Any], names: set[str], path: Path, line: int) -> dict[str, str]:
    states = {str(name): str(state) for name, state in node.items()}
    for name, state in states.items():
        if name not in names:
            raise ContentError(f"{path}:{line}", f"the card does not use the fact {name!r}")
        if state not in all_facts()[name].states:
            raise ContentError(
                f"{path}:{line}", f"{name} has no state {state!r}: {', '.join(all_facts()[name].states)}"
            )
    return states
