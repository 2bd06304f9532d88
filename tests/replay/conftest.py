"""The shipped content and a small fixtures folder of its own for tests of replay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.pathway.content import Content, load_content

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="session")
def content() -> Content:
    return load_content(find_cards())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A copy of one stored patient and one stored call that a test may damage."""
    for part in ("patients/tissue-coded", "orders"):
        shutil.copytree(FIXTURES / part, tmp_path / part)
    (tmp_path / "calls").mkdir()
    for name in ("folfirinox-no-tissue.json", "folfirinox-no-tissue.expected.yaml"):
        shutil.copy(FIXTURES / "calls" / name, tmp_path / "calls" / name)
    return tmp_path
