"""Banned words and figures: all of the pathway's are listed, and found in every spelling."""

from __future__ import annotations

import re

import pytest

from cds_service.pathway.banned import banned_in
from cds_service.pathway.content import Content

# Pathway 2.2: the figures that "never appear in a card", and those of the series that show why.
OF_2_2 = "93 % 100 % 38.7 % 8 % 8.0 % 93.2 % 8.6 % 92.5 % 9.3 % 2.7 % 1.2 % 1.3-3.1 % 95 % 4.6 % 0.3 % 10 % 2 %"
# Pathway 2.3, with the ranges of the documents (part 1).
OF_2_3 = """
73-80 % 45-76 % 83-100 % 83-94 % 75 % 85 % 94 % 98 % 53 % 69 % 34 % 72 % 6-17 % 17-94 % 74-77 % 74-76 % 92-94 %
10-23 % 10.2 % 3.4 % 2.9 % 24 % 29 % 1.5-2.3 % 10.5-13.6 % 8-27 % 25 % 15-23 % 13-28 % 4-15 % 19 % 5 % 1 % 4.5 %
2.1 % 16 %
"""
# Pathway 2.6, and the heading of 2.4 that is never quoted.
OF_2_6 = ("mandatory", "futile", "definitive", "must not", "survival", "based on biopsy failure")
FIGURES = re.findall(r"[\d.-]+(?= %)", OF_2_2 + OF_2_3)
# Pathway 2.3: "Allowed only as ..." (MRI), "Allowed" (secondary tumours, S60).
MRI_SENTENCE = (
    "in patients thought resectable on CT; published yields run from about 2 % to over 20 % and are highest when CT is "
    "indeterminate"
)


def found(text: str, content: Content) -> tuple[str, ...]:
    return banned_in(text, content.pathway.banned, content.pathway.allowed)


def listed(text: str, content: Content) -> bool:
    """Whether a term of the list itself is found, not only a figure in per cent."""
    return any(term in content.pathway.banned for term in found(text, content))


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(
    "spelling", ["{} %", "{}%", "{} per cent", "{} percent", "{}\u00a0%", "up to {}\n per\u00a0cent.", "({} %)"]
)
def test_every_banned_figure_is_listed_in_every_spelling(content: Content, figure: str, spelling: str) -> None:
    assert listed(f"biopsy: {spelling.format(figure)} of patients", content)


@pytest.mark.parametrize("figure", [figure for figure in FIGURES if "-" in figure])
@pytest.mark.parametrize("spelling", ["{}\u2013{} %", "{} - {}", "{} to {} per cent", "{} % to {} %", "{}%-{}%"])
def test_every_banned_range_is_listed_in_every_spelling(content: Content, figure: str, spelling: str) -> None:
    assert listed(f"yield {spelling.format(*figure.split('-'))} in series", content)


@pytest.mark.parametrize("word", OF_2_6)
def test_every_banned_word_is_listed(content: Content, word: str) -> None:
    assert listed(f"This is {word.upper()} here", content)
    assert listed(f"This is {word.replace(' ', chr(10))} here", content)


@pytest.mark.parametrize("text", ["38.7 of them", "about 24 of 535", "a gap of 5.3 years"])
def test_figures_without_per_cent(content: Content, text: str) -> None:
    assert listed(text, content)


def test_a_figure_in_per_cent_that_is_not_listed_is_found_all_the_same(content: Content) -> None:
    assert found("works in 61 % of cases", content) == ("61%",)
    assert found("ninety-three per cent", content)


@pytest.mark.parametrize(
    "text",
    [
        MRI_SENTENCE,
        "they are 2-5 % of pancreatic malignancies",
        "they are 2\u20135% of pancreatic malignancies",
        "on 2026-10-23, and 2026-08-27",
        "ECOG 2, 93 mm, 100 U/mL, bilirubin 38 umol/L, segment 8",
        "10-230 and 138.7",
        "not definite, and a must",
    ],
)
def test_what_may_stand(content: Content, text: str) -> None:
    assert found(text, content) == ()


@pytest.mark.parametrize("text", ["12-5 %", "run from about 2 % to over 25 %", "from 2 % to 20 %"])
def test_an_allowed_phrase_excuses_nothing_else(content: Content, text: str) -> None:
    assert found(text, content)
