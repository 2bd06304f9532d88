"""A remembered reading is the reading: same words, no text kept, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.reading import load_lexicon, read_attempt, read_liver, read_pathology

_TEXTS = [
    "Liver: metastatic adenocarcinoma.",
    "US liver biopsy. Lesion not seen.",
    "Liver metastases.",
    "",
    "Zzz \ud800",
]


@pytest.mark.parametrize("bound", [0, 1, 20_000])
def test_a_second_reading_is_the_first(lexicon_directory: Path, monkeypatch: pytest.MonkeyPatch, bound: int) -> None:
    monkeypatch.setattr("cds_service.reading.memory.MOST_REMEMBERED", bound)
    lexicon = load_lexicon(lexicon_directory)
    first = [reader(text, lexicon) for text in _TEXTS for reader in (read_pathology, read_liver, read_attempt)]
    again = [reader(text, lexicon) for text in _TEXTS for reader in (read_pathology, read_liver, read_attempt)]
    assert again == first
    assert len(lexicon.readings) <= bound
    assert "adenocarcinoma" not in repr(lexicon.readings)
