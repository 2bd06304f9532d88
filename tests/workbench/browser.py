"""What the browser tests share: the service on a free port, a page that notes what it must not do, screenshots."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, ViewportSize, sync_playwright
from werkzeug.serving import make_server

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.content_files import find_cards
from cds_service.pathway.content import load_content

SHOTS = Path("build") / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHOUT_BROWSER = "no Chromium on this machine: install the package chromium"
WIDE: ViewportSize = {"width": 1440, "height": 900}


def require_browser() -> str:
    """The path of Chromium. Without one the test is skipped, in CI failed."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail(WITHOUT_BROWSER)
        pytest.skip(WITHOUT_BROWSER)
    return CHROMIUM


@contextmanager
def serving() -> Iterator[str]:
    """The service on a free port of this machine; its address."""
    app = create_app(Config(log_level="error"), load_content(find_cards()))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless Chromium."""
    path = require_browser()
    with sync_playwright() as playwright:
        browser = launch(playwright, path)
        try:
            yield browser
        finally:
            browser.close()


def launch(playwright: Playwright, path: str) -> Browser:
    """Start Chromium; as root it runs without its sandbox only."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=flags)


@dataclass
class Visit:
    """One visit of the page: where it is, and everything that it must not do."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, fragment: str = "") -> None:
        """Open the page in a state; returns when the cards of that state are there."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/{fragment}")
        self.settle()

    def settle(self) -> None:
        """Wait until an answer stands on the page."""
        self.page.wait_for_selector("#cards:not([aria-busy]) article.card")

    def shot(self, name: str) -> bytes:
        """Keep a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        return self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def watch(self) -> None:
        """Note what the console says, and stop and note every request to elsewhere."""
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._route)

    def _route(self, route: Route) -> None:
        url = route.request.url
        self.asked.append(url)
        if url.startswith(self.address):
            route.continue_()
        else:
            self.strangers.append(url)
            route.abort()
