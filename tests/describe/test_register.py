"""The register: generated, complete, and the same on every day."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cds_service.describe.register import COLUMNS, register_csv, register_json, register_text
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 3, 2)


def with_first(content: Content, **changes: Any) -> Content:
    first, *rest = content.cards
    return replace(content, cards=(replace(first, **changes), *rest))


def test_the_stored_register_is_the_generated_one(content: Content) -> None:
    """It is never typed: `make register` writes it."""
    stored = (ROOT / "cards" / "register.csv").read_text(encoding="utf-8")
    assert stored == register_csv(content), "run make register"


def test_a_row_per_card_in_the_order_of_the_pathway(content: Content) -> None:
    rows = list(csv.DictReader(register_csv(content).splitlines()))
    assert [row["id"] for row in rows] == list(content.pathway.order)
    assert tuple(rows[0]) == COLUMNS
    for row in rows:
        assert row["version"]
        assert row["status"] == "draft"
        assert row["owner"]
        assert row["file"] == f"{row['id']}.md"
        assert all("(" in source for source in row["sources"].split("; "))


def test_a_retired_card_stays_in_the_register(content: Content) -> None:
    first, *rest = content.cards
    retired = replace(content, cards=tuple(rest), retired=(replace(first, status="retired"),))
    (row,) = [row for row in csv.DictReader(register_csv(retired).splitlines()) if row["id"] == first.id]
    assert row["status"] == "retired"
    assert register_text(retired, TODAY).endswith("13 cards: 0 active, 12 draft, 1 retired")


def test_the_list_shows_who_answers_until_when(content: Content) -> None:
    named = with_first(content, status="active", reviewed_by="Dr. A. Reviewer", review_due="2026-03-01")
    text = register_text(named, TODAY)
    line = next(line for line in text.splitlines() if line.startswith(named.cards[0].id))
    assert "expired on 2026-03-01" in line
    assert "reviewed by Dr. A. Reviewer, due 2026-03-01" in line
    assert "source nice-ng85, looked at 2026-" in text
    assert "not reviewed" in text
    assert text.endswith("13 cards: 1 active, 12 draft, 0 retired")


def test_json_has_each_source_with_its_own_date(content: Content, tissue_card: Card) -> None:
    found = {row["id"]: row for row in register_json(content, TODAY)}
    row = found[tissue_card.id]
    assert row["standing"] == "draft"
    assert [source["id"] for source in row["sources"]] == list(tissue_card.sources)
    assert all(source["reviewed"] and source["claim"] for source in row["sources"])
    assert row["statements"] == list(tissue_card.statements)


def test_an_empty_installation_is_no_error(content: Content) -> None:
    assert register_text(replace(content, cards=(), retired=()), TODAY) == "0 cards: 0 active, 0 draft, 0 retired"


@pytest.mark.parametrize("first", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(content: Content, first: str) -> None:
    text = register_csv(with_first(content, owner=f'{first}HYPERLINK("http://x")'))
    assert f"\"'{first}HYPERLINK" in text
