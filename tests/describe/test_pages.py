"""The written pages: complete, escaped, with nothing from elsewhere, the same each time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from cds_service.content_files import find_cards
from cds_service.describe.pages import escape_text, fenced, make_pages, write_pages
from cds_service.errors import ContentError
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content
from tests.describe.conftest import TODAY

VOID = {"meta", "br"}


class Shape(HTMLParser):
    """Tags that do not close, tables without headers, and every address of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)
        self.faults += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "th" and "scope" not in given:
            self.faults.append("a header cell without scope")
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        self.ids += [given["id"] or ""] if "id" in given else []

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")


def test_every_card_has_a_page_of_each_kind(made: dict[str, str], content: Content) -> None:
    names = {f"{name}.{kind}" for name in ("index", *content.pathway.order) for kind in ("md", "html")}
    assert set(made) == names | {"pathway.mmd", "pathway.svg"}


def test_equal_content_gives_equal_pages(made: dict[str, str], content: Content) -> None:
    assert make_pages(content, find_cards(), TODAY) == made


def test_html_is_well_formed_and_stands_alone(made: dict[str, str]) -> None:
    for name, html in made.items():
        if not name.endswith(".html"):
            continue
        shape = Shape(html)
        assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
        assert shape.faults == [], name
        assert len(shape.ids) == len(set(shape.ids))
        assert not {"script", "link", "img", "iframe", "object"} & shape.tags, name
        assert "@import" not in html
        assert "url(http" not in html
        for link in shape.links:
            is_ours = link in made or (link.startswith("#") and link[1:] in shape.ids)
            assert is_ours or link.startswith("https://"), link


def test_markdown_links_and_tables_hold(made: dict[str, str]) -> None:
    reader = MarkdownIt("commonmark").enable("table")
    for name, text in made.items():
        if not name.endswith(".md"):
            continue
        tokens = reader.parse(text)
        for token in [part for whole in tokens for part in whole.children or ()]:
            target = token.attrGet("href") or token.attrGet("src")
            assert target is None or str(target).startswith("https://") or target in made
            assert token.type != "html_inline", f"{name}: {token.content}"
        assert not [token for token in tokens if token.type == "html_block"], name
        assert not re.search(r"\n{4,}", text), name
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert all(line.endswith("|") for line in rows), name


@pytest.mark.parametrize("kind", ["md", "html"])
def test_a_page_shows_the_whole_card(made: dict[str, str], content: Content, kind: str) -> None:
    for card in content.cards:
        text = " ".join(made[f"{card.id}.{kind}"].replace("\\", "").replace("&#39;", "'").split())
        for rule in card.rules:
            assert rule.id in text
            assert rule.is_silence or " ".join(rule.lead.split()) in text
        for name in (*card.deciding_facts(), *card.wording_facts(), *card.shown_facts, *card.orders, *card.statements):
            assert name in text
        for source in card.sources:
            assert content.links[source].url in text
            assert content.links[source].reviewed in text
        for reason in card.override_reasons:
            assert content.override_reasons[reason] in text
        assert content.pathway.closing in text
        assert "Not assessed" in text
        assert "not described" not in text


def test_codes_of_the_trigger_stand_on_the_page(made: dict[str, str]) -> None:
    page = made["tissue-before-systemic-therapy.html"]
    assert "<code>12574</code>" in page
    assert "(not carried: licence)" in page


def hostile(content: Content, tissue_card: Card) -> Content:
    """Content as nobody should write it: marks of HTML and Markdown in every text that a page shows."""
    evil = "<script>alert(1)</script> [x](javascript:1) `a` | b"
    rules = tuple(rule if rule.is_silence else replace(rule, lead=evil) for rule in tissue_card.rules)
    return replace(content, cards=(replace(tissue_card, title=evil, owner=evil, rules=rules, body=evil),))


def test_what_content_holds_is_escaped(content: Content, tissue_card: Card) -> None:
    made = make_pages(hostile(content, tissue_card), find_cards(), TODAY)
    for name, text in made.items():
        if name.endswith((".html", ".svg")):
            assert "<script" not in text, name
    reader = MarkdownIt("commonmark").enable("table")
    for name in ("index.md", f"{tissue_card.id}.md"):
        tokens = [part for token in reader.parse(made[name]) for part in (token, *(token.children or ()))]
        assert not [token for token in tokens if token.type in ("html_inline", "html_block")], name
        assert not [token for token in tokens if str(token.attrGet("href")).startswith("javascript")], name


def test_text_in_markdown() -> None:
    assert escape_text("a *b* [c] <d> & e\nf | g_h") == r"a \*b\* \[c\] &lt;d&gt; &amp; e f \| g\_h"


def test_pages_are_written_and_others_left_alone(made: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "new" / "pages"
    out.mkdir(parents=True)
    (out / "minutes.txt").write_text("ours", encoding="utf-8")
    paths = write_pages(made, out)
    assert [path.name for path in paths] == sorted(made)
    assert (out / "index.html").read_text(encoding="utf-8") == made["index.html"]
    assert (out / "minutes.txt").exists()


def test_no_text_closes_the_fence_it_stands_in() -> None:
    assert fenced("a\n```\n<b>") == "````\na\n```\n<b>\n````"
    assert fenced("flowchart TD\n", "mermaid") == "```mermaid\nflowchart TD\n```"


def test_a_body_with_a_fence_stays_one_block(content: Content, tissue_card: Card) -> None:
    odd = replace(tissue_card, body="```\n\n<script>alert(1)</script>\n\n````\n\n<img src=x>")
    page = make_pages(replace(content, cards=(odd,)), find_cards(), TODAY)[f"{odd.id}.md"]
    assert not [token for token in MarkdownIt("commonmark").parse(page) if token.type == "html_block"]


def test_a_card_may_not_take_the_page_of_another(content: Content, tissue_card: Card) -> None:
    named = replace(tissue_card, id="index")
    pathway = replace(content.pathway, order=("index",))
    with pytest.raises(ContentError, match=r"md:\d+: the page index.md is not a card's"):
        make_pages(replace(content, cards=(named,), pathway=pathway), find_cards(), TODAY)
