"""Tolerant readers: every JSON value gives a value or an empty one, never an exception."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir import shapes

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "coding",
                    "code",
                    "system",
                    "display",
                    "text",
                    "reference",
                    "start",
                    "end",
                    "extension",
                    "url",
                    "contained",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_reader_raises(value: Any) -> None:
    concept = shapes.read_concept(value)
    assert isinstance(concept.label, str)
    assert all(concept.names)
    shapes.read_concepts(value)
    shapes.read_coding(value)
    shapes.read_when(value)
    shapes.read_number(value)
    shapes.reference_text(value)
    shapes.reference_texts(value)
    list(shapes.extensions(value, "x"))
    shapes.Contained().find(shapes.as_object(value), "#a")
    shapes.type_and_id(shapes.as_object(value))


@pytest.mark.parametrize(
    ("value", "codes", "label"),
    [
        pytest.param(
            {"coding": [{"system": "s|2", "code": " c ", "display": "D"}]}, [("s", "c")], "D", id="version-and-blanks"
        ),
        pytest.param({"coding": {"system": "s", "code": "c"}}, [("s", "c")], "c", id="object-for-list"),
        pytest.param({"system": "s", "code": "c"}, [("s", "c")], "c", id="bare-coding"),
        pytest.param([{"text": ""}, {"text": "T"}], [], "T", id="list-of-concepts"),
        pytest.param("plain", [], "plain", id="string"),
        pytest.param({"coding": [{}]}, [], "", id="empty-coding"),
        pytest.param(None, [], "", id="nothing"),
    ],
)
def test_concepts(value: Any, codes: list[tuple[str, str]], label: str) -> None:
    concept = shapes.read_concept(value)
    assert [(coding.system, coding.code) for coding in concept.codings] == codes
    assert concept.label == label


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-12", "2025-12-01", "2025-12-31"),
        ("2026-03-01", "2026-03-01", "2026-03-01"),
        ("2026-03-01T23:30:00-05:00", "2026-03-02", "2026-03-02"),
        ("2026-03-01T23:30:00", "2026-03-01", "2026-03-01"),
    ],
)
def test_dates_are_the_interval_they_may_denote(text: str, first: str, last: str) -> None:
    when = shapes.read_when(text)
    assert when is not None
    assert (when.first.date().isoformat(), when.last.date().isoformat()) == (first, last)
    assert when.text == text[:10]


@pytest.mark.parametrize(
    "junk", ["", "soon", "2026-13", "2026-02-30", "0000", "9999-99-99T99:99", 7, None, [], "20260301x"]
)
def test_what_is_no_date_is_none(junk: Any) -> None:
    assert shapes.read_when(junk) is None


def test_a_period_is_its_start_else_its_end() -> None:
    start = shapes.read_when({"start": "2026-01-02", "end": "2026-02-02"})
    end = shapes.read_when({"end": "2026-02-02"})
    assert start is not None
    assert end is not None
    assert (start.text, end.text) == ("2026-01-02", "2026-02-02")


@pytest.mark.parametrize(
    ("text", "days", "older"),
    [("2026-01-01", 60, False), ("2025-12-31", 60, True), ("2026-01", 31, False), ("2025", 60, True)],
)
def test_older_than_counts_calendar_days_from_the_latest_possible_one(text: str, days: int, older: bool) -> None:
    when = shapes.read_when(text)
    assert when is not None
    assert when.is_older_than(days, NOW) is older


@pytest.mark.parametrize(
    ("text", "future"),
    [("2026-03-03T08:00:00Z", False), ("2026-03-03T10:00:00Z", True), ("2026-03-04", True), ("2026", False)],
)
def test_future_means_certainly_more_than_a_day_ahead(text: str, future: bool) -> None:
    when = shapes.read_when(text)
    assert when is not None
    assert when.is_future(NOW) is future


@pytest.mark.parametrize(
    ("reference", "relative"),
    [
        ("Patient/1", "Patient/1"),
        ("https://h/f/Patient/1", "Patient/1"),
        ("https://h/f/Patient/1/_history/4", "Patient/1"),
        ("Patient/1/", "Patient/1"),
        ("urn:uuid:x", "urn:uuid:x"),
        ("#c", "#c"),
        ("bare", "bare"),
        ("Patient/1?x=y/z", "Patient/1"),
    ],
)
def test_relative_references(reference: str, relative: str) -> None:
    assert shapes.relative_reference(reference) == relative


def test_small_readers() -> None:
    assert shapes.type_and_id({"resourceType": "A", "id": "b"}) == "A/b"
    assert shapes.type_and_id({"resourceType": "A"}) == "A"
    assert shapes.read_number(True) is None
    assert shapes.read_number(3) == 3.0
    assert shapes.reference_text([{}, {"reference": "A/1"}]) == "A/1"
    assert shapes.reference_texts([{"reference": "A/1"}, 3]) == ("A/1",)
    inside = shapes.Contained()
    holder = {"contained": [{"id": "c"}, {"id": "c", "second": True}, "junk", {"id": "e"}]}
    assert inside.find(holder, "#c") == {"id": "c"}
    assert inside.find(holder, "#e") == {"id": "e"}
    assert inside.find(holder, "#d") is None
    assert inside.find(holder, "c") is None
    assert inside.find({}, "#c") is None
    assert inside.find({"contained": {"id": "c"}}, "#c") == {"id": "c"}
    assert [
        found["url"] for found in shapes.extensions({"extension": [{"url": "https://x/y"}, {"url": "z"}]}, "y")
    ] == ["https://x/y"]
