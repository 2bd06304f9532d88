"""Many ways to word a finding, and the state that each must give (``wordings-*.yaml``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cds_service.content_files import read_yaml
from cds_service.reading import (
    AttemptReading,
    Lexicon,
    LiverReading,
    PathologyReading,
    read_attempt,
    read_liver,
    read_pathology,
)

_READERS: Mapping[str, Callable[[str, Lexicon], PathologyReading | LiverReading | AttemptReading]] = {
    "pathology": read_pathology,
    "liver": read_liver,
    "attempt": read_attempt,
}


def _wordings() -> list[tuple[str, str, str]]:
    here = Path(__file__).parent
    return [
        (question, state, text)
        for question in _READERS
        for state, texts in read_yaml(here / f"wordings-{question}.yaml").items()
        for text in texts
    ]


@pytest.mark.parametrize(
    ("question", "state", "text"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{number:03}") for number, row in enumerate(_wordings())],
)
def test_wording(lexicon: Lexicon, question: str, state: str, text: str) -> None:
    read = _READERS[question](text, lexicon).state
    assert read.removesuffix("-hedged") == state


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-confirmed.yaml"))
def test_never_confirmed(lexicon: Lexicon, text: str) -> None:
    assert read_pathology(text, lexicon).state in {"non-diagnostic", "uninterpretable"}
