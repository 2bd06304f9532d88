"""One service and one browser for all browser tests; a fresh page for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.workbench.browser import WIDE, Visit, browsing, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of a running service."""
    with serving() as found:
        yield found


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """A page that has been nowhere. Whatever a test does, the console is silent and nobody else is asked."""
    context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce")
    found = Visit(context.new_page(), address)
    found.watch()
    yield found
    context.close()
    assert found.complaints == []
    assert found.strangers == []
