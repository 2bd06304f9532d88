"""The readers against the labelled texts: every text of the development sets, and limits on the frozen half.

The frozen half is there to measure with. Nothing here may show its texts or its single results.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.reading import Lexicon
from cds_service.replay.reading_set import DEVELOPMENT, LabelledText, Matrix, confusion, read_all, read_set

_SET = Path(__file__).resolve().parents[2] / "fixtures" / "reading"
_DEVELOPMENT = [each for name in DEVELOPMENT for each in read_set(_SET / f"{name}.yaml")]
_KNOWN_DISAGREEMENTS: dict[str, str] = {}
"""Texts of the development sets that are read otherwise than labelled, with the reason. Now none."""


@pytest.mark.parametrize("each", [pytest.param(each, id=each.id) for each in _DEVELOPMENT])
def test_development_sets(lexicon: Lexicon, each: LabelledText) -> None:
    ((text, state),) = read_all([each], lexicon)
    assert (state == text.expect) == (text.id not in _KNOWN_DISAGREEMENTS)


def test_every_known_disagreement_is_of_a_development_text() -> None:
    assert _KNOWN_DISAGREEMENTS.keys() <= {each.id for each in _DEVELOPMENT}


@pytest.fixture(scope="module")
def frozen(lexicon: Lexicon) -> dict[str, Matrix]:
    return {matrix.question: matrix for matrix in confusion(read_set(_SET / "frozen.yaml"), lexicon)}


def test_frozen_half_nothing_is_wrongly_confirmed(frozen: dict[str, Matrix]) -> None:
    count = frozen["pathology"].wrongly_positive
    assert count == 0


def test_frozen_half_nothing_is_wrongly_definite(frozen: dict[str, Matrix]) -> None:
    count = frozen["liver"].wrongly_positive
    assert count == 0


def test_frozen_half_confirming_texts_are_confirmed(frozen: dict[str, Matrix]) -> None:
    rate = frozen["pathology"].recall
    assert rate >= 0.9


def test_frozen_half_few_texts_are_uninterpretable(frozen: dict[str, Matrix]) -> None:
    rates = {question: matrix.unread for question, matrix in frozen.items()}
    assert max(rates.values()) <= 0.1
