"""Placeholders in summaries and bodies."""

from __future__ import annotations

import pytest

from cds_service.facts.fact import Fact
from cds_service.pathway.wording import LABEL_LIMIT, fill_body, fill_summary, longest_summary, placeholders

FACTS = {
    "dated": Fact("dated", "yes", as_of="2026-01-02", label="colorectal", number=2.0),
    "bare": Fact("bare", "yes"),
    "odd": Fact("odd", "yes", as_of="<b>", label="<script>" + "x" * 99),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("on {{ dated.date }}: {{dated.label}} {{ dated.number }}", "on 2026-01-02: colorectal 2"),
        ("{{ bare.date }} {{ bare.label }} {{ bare.number }}", "undated not named unknown"),
        ("{{ odd.date }}", "undated"),
    ],
)
def test_summaries_take_typed_values(text: str, expected: str) -> None:
    assert fill_summary(text, FACTS) == expected


def test_a_label_from_a_record_is_plain_and_capped() -> None:
    filled = fill_summary("{{ odd.label }}", FACTS)
    assert len(filled) <= LABEL_LIMIT
    assert "<" not in filled


def test_no_filled_summary_is_longer_than_the_longest() -> None:
    text = "{{ odd.label }}{{ odd.date }}{{ dated.number }}"
    assert len(fill_summary(text, FACTS)) <= len(longest_summary(text))


@pytest.mark.parametrize("text", ["{{ a", "a }} b", "{{ {{ a }} }}", "x }} {{ a }}", "{ { a }} "])
def test_stray_braces_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        placeholders(text)


def test_empty_paragraphs_of_a_body_are_left_out() -> None:
    assert fill_body("{{ a }}\n\n{{ b }}\n\nend {{ a }}", {"a": "A", "b": ""}) == "A\n\nend A"
