"""The shipped content, loaded once, and a copy of it that a test may damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content, load_content


@pytest.fixture(scope="session")
def shipped() -> Content:
    """The whole content."""
    return load_content(find_cards())


@pytest.fixture(scope="session")
def content(shipped: Content) -> Content:
    """The content that a test module looks at; a module may take a part of it."""
    return shipped


@pytest.fixture(scope="session")
def tissue_card(shipped: Content) -> Card:
    return next(card for card in shipped.cards if card.id == "tissue-before-systemic-therapy")


@pytest.fixture
def cards_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_cards(), tmp_path / "cards"))


@pytest.fixture
def damage(cards_copy: Path) -> Callable[[str, str, str], Path]:
    """Replace ``old`` (which must be there) by ``new`` in one file of the copy; the copy is returned."""

    def replace(name: str, old: str, new: str) -> Path:
        path = cards_copy / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return cards_copy

    return replace
