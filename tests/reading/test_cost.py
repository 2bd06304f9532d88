"""Reading is linear in the text: judged by ratio, so that the speed of the machine does not matter."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pytest

from cds_service.reading import Lexicon, html_to_text
from cds_service.reading.attempt import read_attempt
from cds_service.reading.liver import read_liver
from cds_service.reading.pathology import read_pathology
from cds_service.reading.protocol_ct import read_protocol_ct
from cds_service.reading.resectability import read_resectability

_LINE = (
    "Liver: multiple hypodense lesions in segments V and VI, suspicious for metastases; no ascites. Pancreas: 3 cm"
    " mass, no evidence of arterial contact. Core biopsy shows adenocarcinoma, consistent with a pancreatic primary.\n"
)
_HARD = {
    "ordinary": _LINE * 500,
    "one-word": "adenocarcinoma " * 7_000,
    "no-blank": "x" * 100_000,
    "blanks": " " * 100_000,
    "short-lines": "a\n" * 50_000,
    "stops": ". " * 50_000,
    "questions": "?" * 100_000,
    "headings": "FINDINGS: " * 10_000,
    "addenda": "ADDENDUM " * 11_000,
    "negations": "no evidence of " * 6_000,
    "half-phrases": "do not have the features " * 4_000,
    "colons": ": " * 50_000,
    "parentheses": "(" * 100_000,
    "numbers": "1. " * 33_000,
}


def _seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(2):
        begin = perf_counter()
        work()
        best = min(best, perf_counter() - begin)
    return best


@pytest.mark.parametrize("reader", [read_pathology, read_liver, read_attempt, read_resectability, read_protocol_ct])
@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in _HARD.items()])
def test_hard_texts_cost_no_more_than_ordinary_ones(
    lexicon: Lexicon, reader: Callable[[str, Lexicon], object], text: str
) -> None:
    """100 kB is forty pages of 2.5 kB: three times the cost in proportion is allowed, for noise."""
    page = _seconds(lambda: reader(_LINE * 12, lexicon))
    assert _seconds(lambda: reader(text[:100_000], lexicon)) < 120 * page


def test_a_long_report_costs_in_proportion(lexicon: Lexicon) -> None:
    page = _seconds(lambda: read_liver(_LINE * 10, lexicon))
    assert _seconds(lambda: read_liver(_LINE * 100, lexicon)) < 30 * page


def test_html_costs_in_proportion() -> None:
    page = _seconds(lambda: html_to_text("<p>liver</p>" * 100))
    assert _seconds(lambda: html_to_text("<p>liver</p>" * 8_000)) < 400 * page
