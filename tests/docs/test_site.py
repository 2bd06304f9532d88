"""The documentation site builds without a warning, holds a page for every card, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cds_service.content_files import read_yaml
from tests.web.service_calls import ROOT, content
from tools.site_pages import OUTSIDE, describe_api

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
"""Elements by which a page loads something, and the attribute that says from where."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` builds it."""
    out = tmp_path_factory.mktemp("site")
    # With --quiet no warning is counted, and --strict means nothing.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    built = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert built.returncode == 0, built.stderr
    return out


class Loads(HTMLParser):
    """Collects where the elements of a page load from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == LOADED.get(tag) and value]


def loads(page: str) -> list[str]:
    """What a page loads from another host."""
    parser = Loads()
    parser.feed(page)
    return [target for target in parser.found if re.match(r"(?:[a-z]+:)?//", target)]


def test_every_page_loads_from_the_site_alone(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert loads(text) == [], page
        # Mermaid would be fetched from elsewhere by the theme.
        assert 'class="mermaid"' not in text, page
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_what_a_page_loads_from_elsewhere_is_found() -> None:
    assert loads('<script src="https://cdn.example/x.js"></script><a href="https://x.example">x</a>') == [
        "https://cdn.example/x.js"
    ]
    assert loads('<link rel="stylesheet" href="//fonts.example/x.css"><img src="assets/x.png">') == [
        "//fonts.example/x.css"
    ]


def test_every_card_has_a_page_and_the_flow_its_picture(site: Path) -> None:
    index = (site / "cards" / "index.html").read_text(encoding="utf-8")
    for card in content().cards:
        assert f'href="{card.id}.html"' in index
        assert card.title in (site / "cards" / f"{card.id}.html").read_text(encoding="utf-8")
    assert 'src="pathway.svg"' in index
    assert (site / "cards" / "pathway.svg").is_file()


def test_pages_from_outside_are_there_and_links_to_them_turned(site: Path) -> None:
    for source, name in OUTSIDE.items():
        assert (ROOT / source).is_file()
        assert (site / name.replace(".md", ".html")).is_file()
    assert 'href="security.html"' in (site / "integrate.html").read_text(encoding="utf-8")
    assert 'href="site-file.html#clients"' in (site / "security.html").read_text(encoding="utf-8")


def test_the_api_page_tells_every_path_with_its_statuses_and_examples(site: Path) -> None:
    document = read_yaml(ROOT / "docs" / "openapi.yaml")
    parts = dict(part.split("\n", 1) for part in describe_api(document).split("\n\n## ")[1:])
    page = (site / "api.html").read_text(encoding="utf-8")
    for path, item in document["paths"].items():
        assert path in page
        for method, node in item.items():
            part = parts.pop(f"{method.upper()} {path}")
            assert all(f"| {code} " in part for code in node["responses"])
            examples = node["requestBody"]["content"]["application/json"]["examples"] if "requestBody" in node else {}
            assert all(example["summary"] in part for example in examples.values())
            assert part.count("is answered ") == len(examples)
    assert not parts
