"""The statements of the seed documents: all are there, and none is lost without a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.proof import check
from cds_service.pathway.statements import carriers, untraced
from tests.pathway.test_proof import TODAY

FILE = "pancreatic-liver-metastases/statements.yaml"
CARD = "pancreatic-liver-metastases/tissue-before-systemic-therapy.md"
Damage = Callable[[str, str, str], Path]

# Pathway part 1, column "Use".
ORDER = {
    *(3, 8, 13, 14, 16, 17, 18, 19, 20, 21, 24, 25, 28, 30, 32, 33, 34, 35),
    *(36, 40, 46, 48, 49, 52, 53, 55, 56, 58, 60, 61, 62, 63, 64),
}
TEXT = {1, 2, 4, 7, 11, 12, 15, 22, 23, 27, 31, 38, 41, 42, 43, 50, 59}
PROTOCOL = {9, 10, 39}
NONE = {5, 6, 26, 29, 37, 44, 45, 47, 51, 54, 57}


def test_all_statements_stand_with_their_document_and_their_mark(content: Content) -> None:
    assert list(content.statements) == [f"S{number}" for number in range(1, 65)]
    marks = {"order": ORDER, "text": TEXT, "protocol": PROTOCOL, "none": NONE}
    for number, statement in enumerate(content.statements.values(), 1):
        assert number in marks[statement.use], statement.id
        assert statement.seed == ("A" if number <= 35 else "B")


def test_no_statement_is_lost(content: Content) -> None:
    assert untraced(content.statements, content.cards) == ()


def test_what_can_drive_a_card_is_carried_by_one(content: Content) -> None:
    for number in ORDER:
        assert carriers(content.statements[f"S{number}"], content.cards), number


def test_what_is_not_for_a_card_is_in_none(content: Content) -> None:
    """S44 to S57 hold the banned figures and the unsafe wordings (pathway 2.2 to 2.4)."""
    for number in NONE:
        statement = content.statements[f"S{number}"]
        assert statement.reason
        assert carriers(statement, content.cards) == ()


def test_statements_hold_no_figure_of_the_documents(content: Content) -> None:
    """The trace is a document of ours and shows the figures nowhere."""
    for statement in content.statements.values():
        assert "%" not in statement.says + statement.reason


def test_a_lost_statement_is_named(content: Content, tissue_card: Card) -> None:
    (line,) = untraced({"S18": content.statements["S18"]}, [replace(tissue_card, statements=("S19",))])
    assert line.startswith(content.statements["S18"].where)
    assert "no card carries S18" in line


def test_a_reason_that_is_not_true_is_named(content: Content, tissue_card: Card) -> None:
    """Left in the file, it would say that a statement is in no card while one rests on it."""
    (line,) = untraced({"S5": content.statements["S5"]}, [replace(tissue_card, statements=("S5",))])
    assert "S5 has a reason to be in no card, but tissue-before-systemic-therapy carries it" in line


def test_a_fact_carries_a_statement_beside_cards(content: Content, tissue_card: Card) -> None:
    statements = {"S11": content.statements["S11"]}
    assert untraced(statements, ()) == ()
    assert untraced(statements, [replace(tissue_card, statements=("S11",))]) == ()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        pytest.param(CARD, '["S18", ', '["S65", ', r"tissue-before.*unknown statement 'S65'", id="unknown-in-a-card"),
        pytest.param(CARD, '["S18", ', '["18", ', r"md:\d+: statements/0", id="not-a-number-of-ours"),
        pytest.param(
            FILE,
            'fact: "liver_metastases"',
            'fact: "liver"',
            r"yaml:\d+: S11 names the unknown fact",
            id="unknown-fact",
        ),
        pytest.param(
            FILE,
            'fact: "liver_metastases"',
            'fact: "liver_metastases", reason: "x"',
            r"yaml:\d+: S11",
            id="fact-and-reason",
        ),
        pytest.param(
            FILE, 'use: "text"', 'use: "maybe"', r"yaml:\d+: S1/use: 'maybe' is not one of", id="unknown-mark"
        ),
        pytest.param(FILE, 'seed: "A", ', "", r"yaml:\d+: S1: 'seed' is a required property", id="no-document"),
        pytest.param(FILE, "S1: ", "T1: ", r"T1", id="misspelt-number"),
    ],
)
def test_a_slip_stops_the_load(damage: Damage, name: str, old: str, new: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        load_content(damage(name, old, new))


def test_check_finds_a_lost_statement(damage: Damage) -> None:
    problems = check(damage(CARD, '["S18", ', "["), TODAY).problems
    assert any("no card carries S18" in problem for problem in problems)
