"""Placeholders in summaries and bodies."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis.strategies import floats

from cds_service.facts.fact import Fact
from cds_service.pathway.wording import LABEL_LIMIT, fill_body, fill_summary, longest_summary, placeholders, show_number

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


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1_234_567.0, "1234567"),
        (37.25, "37.25"),
        (37.256, "37.26"),
        (1000.4, "1000.4"),
        (0.00001, "under 0.01"),
        (-0.00001, "0"),
        (0.0, "0"),
        (1e7, "over 9999999"),
        (inf, "over 9999999"),
        (-inf, "under -9999999"),
        (nan, "unknown"),
    ],
)
def test_a_number_has_no_exponent(number: float, shown: str) -> None:
    assert show_number(number) == shown


@given(floats())
def test_no_number_is_longer_than_the_longest(number: float) -> None:
    assert "e" not in show_number(number).replace("over", "").replace("under", "")
    assert len(show_number(number)) <= len(longest_summary("{{ a.number }}"))


@pytest.mark.parametrize("text", ["{{ a", "a }} b", "{{ {{ a }} }}", "x }} {{ a }}", "{ { a }} "])
def test_stray_braces_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        placeholders(text)


def test_empty_paragraphs_of_a_body_are_left_out() -> None:
    assert fill_body("{{ a }}\n\n{{ b }}\n\nend {{ a }}", {"a": "A", "b": ""}) == "A\n\nend A"
