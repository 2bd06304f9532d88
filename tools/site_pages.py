"""Hooks of mkdocs: what the documentation site holds beside ``docs/``.

Pages of the repository's root, one page per card as ``cds-service describe`` writes it, and the paths of
``docs/openapi.yaml`` as text. Links are turned from where files lie in the repository to where pages stand on the site.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from cds_service.content_files import find_cards, read_text, read_yaml
from cds_service.describe.pages import make_pages
from cds_service.pathway.content import load_content

ROOT: Final = Path(__file__).resolve().parents[1]
OUTSIDE: Final[Mapping[str, str]] = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "fixtures/README.md": "fixtures.md",
}
"""Pages from outside ``docs/``, by their path in the repository."""
CARDS: Final = "cards/"
_LINK: Final = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)")
_MERMAID: Final = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
_HERE: Final = "<!-- operations -->"
_JSON: Final = "application/json"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the cards into the navigation, in the order of their index."""
    pages = [name for name in card_pages() if name.endswith(".md") and name != "index.md"]
    for section in config.nav or []:
        for entry in next(iter(section.values())):
            if isinstance(entry, dict) and "Cards" in entry:
                entry["Cards"] = [f"{CARDS}index.md", *(CARDS + name for name in pages)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere or in no file."""
    for source, name in OUTSIDE.items():
        files.append(File.generated(config, name, content=read_text(ROOT / source)))
    for name, text in card_pages().items():
        files.append(File.generated(config, CARDS + name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links, and write out the paths of the API where its page says so."""
    name = page.file.src_uri
    if name.startswith(CARDS):
        return markdown
    sources = {site: source for source, site in OUTSIDE.items()}
    folder = posixpath.dirname(sources.get(name, f"docs/{name}"))

    def turned(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[2]))
        # The start page says for the site what the README says for the repository.
        site = "index.md" if target == "README.md" else OUTSIDE.get(target, target.removeprefix("docs/"))
        return found[1] + posixpath.relpath(site, posixpath.dirname(name) or ".")

    if _HERE in markdown:
        markdown = markdown.replace(_HERE, describe_api(read_yaml(ROOT / "docs" / "openapi.yaml")))
    return _LINK.sub(turned, markdown)


@cache
def card_pages() -> Mapping[str, str]:
    """What ``describe`` writes in Markdown, by file name; of the flow the picture alone: no script here draws it."""
    cards = find_cards()
    made = make_pages(load_content(cards), cards, datetime.now(UTC).date())
    return {name: _MERMAID.sub("", text) for name, text in made.items() if name.endswith((".md", ".svg"))}


def describe_api(document: Mapping[str, Any]) -> str:
    """The paths of an OpenAPI document in Markdown: purpose, statuses, and each example with its answer."""
    named = document["components"]["responses"]
    lines = [document["info"]["description"]]
    for path, item in document["paths"].items():
        for method, node in item.items():
            answers = {code: named.get(_name(answer), answer) for code, answer in node["responses"].items()}
            lines += [f"## {method.upper()} {path}", f"{node['summary']}.", node.get("description", "")]
            lines.append("\n".join(["| status | meaning |", "|---|---|", *map(_row, answers.items())]))
            for name, example in _examples(node.get("requestBody", {})).items():
                lines += [f"**{example['summary']}**", _fenced(example["value"])]
                for code, answer in answers.items():
                    if name in _examples(answer):
                        lines += [f"is answered {code}:", _fenced(_examples(answer)[name]["value"])]
    return "\n\n".join(filter(None, lines))


def _name(answer: Mapping[str, str]) -> str:
    return answer.get("$ref", "").rpartition("/")[2]


def _row(answer: tuple[str, Mapping[str, Any]]) -> str:
    code, told = answer
    return f"| {code} {HTTPStatus(int(code)).phrase} | {told['description']} |"


def _examples(node: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = node.get("content", {}).get(_JSON, {}).get("examples", {})
    return found


def _fenced(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"
