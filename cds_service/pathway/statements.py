"""Statements: the sentences of the seed documents (pathway part 1) and what became of each.

A card names the statements it carries. A statement that no card carries needs the fact that uses it, or the reason
why nothing does: no sentence of the documents is lost without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card
from cds_service.pathway.card_file import check_shape, shape

_VALIDATOR = shape("statements")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``use`` is its mark in the pathway; ``fact`` uses it, or ``reason`` says why nothing does."""

    id: str
    seed: str
    use: str
    says: str
    fact: str
    reason: str
    where: str


def load_statements(path: Path) -> Mapping[str, Statement]:
    """Every statement by id, in the order of the file; ContentError with file and line on a wrong one."""
    node = read_yaml(path)
    check_shape(_VALIDATOR, node, path)
    found: dict[str, Statement] = {}
    for name, item in node.items():
        where = f"{path}:{line_of(node, name)}"
        texts = {key: str(item.get(key, "")) for key in ("seed", "use", "says", "fact", "reason")}
        if texts["fact"] and texts["fact"] not in all_facts():
            raise ContentError(where, f"{name} names the unknown fact {texts['fact']!r}")
        found[str(name)] = Statement(str(name), where=where, **texts)
    return MappingProxyType(found)


def check_carried(card: Card, statements: Mapping[str, Statement]) -> None:
    """ContentError if a card names a statement that there is not."""
    for name in card.statements:
        if name not in statements:
            raise ContentError(
                card.where("statements", name), f"unknown statement {name!r}: statements.yaml lists them all"
            )


def carriers(statement: Statement, cards: Iterable[Card]) -> tuple[Card, ...]:
    """The cards that carry a statement."""
    return tuple(card for card in cards if statement.id in card.statements)


def untraced(statements: Mapping[str, Statement], cards: Iterable[Card]) -> tuple[str, ...]:
    """A line for every statement that leads nowhere, or that has a reason not to be carried and is."""
    known = tuple(cards)
    lines = []
    for statement in statements.values():
        carried = [card.id for card in carriers(statement, known)]
        if carried and statement.reason:
            lines.append(
                f"{statement.where}: {statement.id} has a reason to be in no card, but {carried[0]} carries it"
            )
        elif not (carried or statement.fact or statement.reason):
            lines.append(
                f"{statement.where}: no card carries {statement.id}: name it in `statements` of a card, "
                "or give a `fact` or a `reason`"
            )
    return tuple(lines)
