"""The reviewed lexicon, loaded once for all reading tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.reading import Lexicon, load_lexicon


@pytest.fixture(scope="session")
def lexicon_directory() -> Path:
    return find_cards() / "lexicon"


@pytest.fixture(scope="session")
def lexicon(lexicon_directory: Path) -> Lexicon:
    return load_lexicon(lexicon_directory)
