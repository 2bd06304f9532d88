"""The shipped content and its pages, made once."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.content_files import find_cards
from cds_service.describe.pages import make_pages
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content, load_content

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="session")
def content() -> Content:
    return load_content(find_cards())


@pytest.fixture(scope="session")
def tissue_card(content: Content) -> Card:
    return next(card for card in content.cards if card.id == "tissue-before-systemic-therapy")


@pytest.fixture(scope="session")
def made(content: Content) -> dict[str, str]:
    return make_pages(content, find_cards(), TODAY)
