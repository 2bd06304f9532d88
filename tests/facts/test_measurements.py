"""Measured quantities: units, comparators, and what is read of a result."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.measurements import Finding, Quantity, latest, read_quantity, result_of
from cds_service.fhir.shapes import read_when
from tests.facts.cases import Json, make_case

UCUM = "http://unitsofmeasure.org"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param({"value": 5, "unit": "U/mL"}, (5, "", "u/ml"), id="unit-as-text"),
        pytest.param({"value": 5, "unit": "units", "code": "U/mL", "system": UCUM}, (5, "", "u/ml"), id="ucum"),
        pytest.param(
            {"value": 5, "unit": "U/mL", "code": "258", "system": "urn:x"}, (5, "", "u/ml"), id="other-system"
        ),
        pytest.param({"value": 5, "code": "mm"}, (5, "", "mm"), id="code-without-system"),
        pytest.param({"value": 5, "code": "mm", "system": "urn:x"}, (5, "", ""), id="code-of-another-system-alone"),
        pytest.param({"value": 5, "unit": "\u00b5mol / L"}, (5, "", "umol/l"), id="micro-sign"),
        pytest.param({"value": 5, "unit": "\u03bcmol/L"}, (5, "", "umol/l"), id="greek-mu"),
        pytest.param({"value": 5, "comparator": ">"}, (5, ">", ""), id="comparator"),
        pytest.param({"value": 5, "comparator": 7}, (5, "?", ""), id="comparator-of-a-wrong-type"),
        pytest.param({"value": "5", "unit": "mm"}, (None, "", "mm"), id="value-as-text"),
        pytest.param({"value": True, "unit": "mm"}, (None, "", "mm"), id="value-of-a-wrong-type"),
        pytest.param({"value": 5, "unit": 3, "code": []}, (5, "", ""), id="unit-of-a-wrong-type"),
        pytest.param([], (None, "", ""), id="no-object"),
        pytest.param(None, (None, "", ""), id="nothing"),
    ],
)
def test_read_quantity(node: Any, expected: tuple[float | None, str, str]) -> None:
    found = read_quantity(node)
    assert (found.value, found.comparator, found.unit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">1000 U/mL", (1000, ">", "u/ml")),
        ("> 1000 U/mL", (1000, ">", "u/ml")),
        ("\u2264 2.5 kU/L", (2.5, "<=", "ku/l")),
        ("\u226560 mL/min/1.73m2", (60, ">=", "ml/min/1.73m2")),
        ("37U/mL", (37, "", "u/ml")),
        ("1000", (None, "", "")),
        ("U/mL", (None, "", "")),
        ("1,234 U/mL", (None, "", "")),
        ("1.234 U/mL", (None, "", "")),
        ("1 000 U/mL", (None, "", "")),
        ("10-20 U/mL", (None, "", "")),
        ("10 - 20 U/mL", (None, "", "")),
        ("about 40 U/mL", (None, "", "")),
        ("see comment", (None, "", "")),
    ],
)
def test_a_result_as_text_needs_number_and_unit(text: str, expected: tuple[float | None, str, str]) -> None:
    found = result_of({"valueString": text})
    assert (found.value, found.comparator, found.unit, found.text) == (*expected, text)


@pytest.mark.parametrize("value", [None, 5, ["5 U/mL"], {"value": 5}])
def test_a_text_of_a_wrong_type_is_no_result(value: object) -> None:
    assert result_of({"valueString": value}) == Quantity(None)


def test_a_quantity_goes_before_a_text() -> None:
    both: Json = {"valueQuantity": {"value": 1, "unit": "mm"}, "valueString": "9 mm"}
    assert result_of(both).value == 1
    assert result_of({"valueQuantity": None, "valueString": "9 mm"}).value is None


@pytest.mark.parametrize(
    ("comparator", "value", "above", "below"),
    [
        ("", 9, False, True),
        ("", 10, False, False),
        ("", 11, True, False),
        (">", 9, None, None),
        (">", 10, True, False),
        (">", 11, True, False),
        (">=", 9, None, None),
        (">=", 10, None, False),
        (">=", 11, True, False),
        ("<", 9, False, True),
        ("<", 10, False, True),
        ("<", 11, None, None),
        ("<=", 9, False, True),
        ("<=", 10, False, None),
        ("<=", 11, None, None),
        ("~", 50, None, None),
        ("?", 5, None, None),
        ("", None, None, None),
        (">", None, None, None),
    ],
)
def test_a_bound_settles_only_what_it_proves(
    comparator: str, value: float | None, above: bool | None, below: bool | None
) -> None:
    quantity = Quantity(value, comparator)
    assert (quantity.above(10), quantity.below(10)) == (above, below)


def test_units_are_scaled_and_unlisted_ones_refused() -> None:
    units = {"mm": 1.0, "cm": 10.0}
    assert Quantity(3.5, ">", "cm").scaled(units) == Quantity(35, ">", "cm")
    assert Quantity(3.5, "", "in").scaled(units) is None
    assert Quantity(3.5).scaled(units) is None
    assert Quantity(None, "", "mm").scaled(units) is None


def test_the_latest_day_decides_and_undated_ranks_oldest() -> None:
    line = (
        make_case(
            {"resourceType": "Observation", "id": "x", "status": "final", "code": {"text": "ECOG"}, "valueInteger": 1}
        )
        .fact("performance_status")
        .evidence[0]
    )
    morning, evening, undated, old = (
        Finding("a", read_when(text), line)
        for text in ("2026-02-03T08:00:00Z", "2026-02-03T20:00:00Z", "", "2025-01-01")
    )
    aside, stale = Finding("aside", read_when("2026-03-01"), line), Finding("stale", read_when("2026-03-01"), line)
    assert latest([undated, old]) == (old,)
    assert latest([morning, old, evening, aside, stale, undated]) == (morning, evening)
    assert latest([undated]) == (undated,)
    assert latest([aside, stale]) == ()
