"""No banned figure or word in any card: every card, rule, hook, wording and suggestion is rendered and searched.

More is rendered than can be reached: every wording and every suggestion of a rule, whether or not a state leads there.
What comes from a record (names, quotes) is not ours and stays as it is: here it is plain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pytest

from cds_service.content_files import find_cards
from cds_service.facts.fact import Evidence, Fact, Value
from cds_service.facts.orders import Order, Orders
from cds_service.facts.registry import all_facts
from cds_service.hooks.call import HookCall
from cds_service.pathway.banned import banned_in
from cds_service.pathway.card import QUIET, Card, Rule
from cds_service.pathway.condition import leaves
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.render import render_response
from cds_service.pathway.truth_table import rows

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PACKAGE = Path(__file__).resolve().parents[2] / "cds_service"
CONTENT = load_content(find_cards())


def fact_in(name: str, state: str) -> Fact:
    """A fact in a state, with one item that counts and one that does not."""
    value, _, reason = state.partition(":")
    items = (
        Evidence("DiagnosticReport/d1", "Report", "2026-01-02", "final", "as dictated"),
        Evidence("Condition/c1", "Item", "", "", "", False, "is older"),
    )
    gaps = ("reports: was not sent",)
    return Fact(name, cast(Value, value), reason, items, "2026-01-02", "kidney", 2.0, "coded", gaps)


def wordings(card: Card, rule: Rule) -> Iterator[dict[str, str]]:
    """States that lead to each wording of a rule in turn."""
    names = tuple(sorted({leaf.fact for summary in rule.summaries for leaf in leaves(summary.when)}))
    first: dict[str, dict[str, str]] = {}
    for states in rows(names, card):
        first.setdefault(rule.summary(states), states)
    assert set(first) == {summary.text for summary in rule.summaries}
    yield from first.values()


def rendered(card: Card, content: Content) -> Iterator[dict[str, Any]]:
    """The card in every rule, hook, wording, with all suggestions of the rule, and its facts in every state."""
    draft = Order("ServiceRequest/o1", {"status": "draft"}, frozenset(card.orders), frozenset(), "Ordered item", "")
    call = HookCall("order-sign", "i", "p1", "Practitioner/d", "e1", None, (), {}, "")
    most = max(len(spec.states) for spec in all_facts().values())
    for rule in card.rules:
        offered = tuple(dict.fromkeys(item.template for item in card.suggestions if rule.id in item.rules))
        for hook, indicator in rule.indicators.items():
            if indicator == QUIET:
                continue
            for fixed in wordings(card, rule):
                for turn in range(most):
                    known = {
                        name: fact_in(name, fixed.get(name, spec.states[turn % len(spec.states)]))
                        for name, spec in all_facts().items()
                    }
                    outcome = Outcome(
                        card.id, card.topic, rule.id, rule.variant, "", indicator, offered, card.excluded_by
                    )
                    orders = Orders(hook, (draft,), (draft,), ("a selection matched no draft order",))
                    decision = Decision(hook, orders, MappingProxyType(known), (outcome,), MappingProxyType({}))
                    yield from render_response(decision, content, call, NOW, b"a key")["cards"]


def texts(node: Any) -> Iterator[str]:
    """Every text of a rendered card but the bodies of suggested orders, whose words are displays of codes."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)


@pytest.mark.parametrize("card", CONTENT.cards, ids=lambda card: card.id)
def test_no_banned_figure_or_word(card: Card) -> None:
    seen: set[str] = set()
    for shown in rendered(card, CONTENT):
        seen.update(texts(shown))
    assert any(rule.lead in text for rule in card.rules if not rule.is_silence for text in seen)
    found = {text: hits for text in seen if (hits := banned_in(text, CONTENT.pathway.banned, CONTENT.pathway.allowed))}
    assert found == {}


def test_a_banned_word_in_any_place_would_be_seen() -> None:
    card = next(card for card in CONTENT.cards if card.suggestions)
    (shown,) = islice(rendered(card, CONTENT), 1)
    shown["suggestions"] = [{"label": "a futile step"}]
    assert [text for text in texts(shown) if banned_in(text, CONTENT.pathway.banned, ())] == ["a futile step"]


def test_retired_cards_are_no_exception() -> None:
    """A retired card is not rendered; should it come back, this test meets it."""
    assert {card.id for card in CONTENT.cards} | {card.id for card in CONTENT.retired} == set(CONTENT.pathway.order)


def clauses(path: Path) -> Iterator[tuple[int, str]]:
    """Line and value of every string of a module that is not a statement of its own, as docstrings are."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def test_no_clause_of_ours_outside_the_content_is_banned() -> None:
    """Facts, sources and the record say in their own words what is wrong with an item; cards show those words."""
    paths = [path for name in ("facts", "fhir", "reading") for path in PACKAGE.glob(f"{name}/*.py")]
    # What settings.py says is read by an operator.
    paths = [PACKAGE / "record.py", *(path for path in paths if path.stem != "settings")]
    assert len(paths) > 50
    hits = [
        f"{path.name}:{line}: {term}"
        for path in paths
        for line, text in clauses(path)
        for term in banned_in(text, CONTENT.pathway.banned, CONTENT.pathway.allowed)
        if term in CONTENT.pathway.banned
    ]
    assert hits == []
