"""Record text in cards: whatever it holds, it shows as text."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_service.pathway.escape import escape_clause, escape_markdown, fold, plain_label, show_date, show_reference

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![x](https://evil.example/a.png)",
    "https://evil.example and www.evil.example",
    "<https://evil.example>",
    "`<b>code</b>`",
    "```\n<b>\n```",
    "# heading\n\n- list\n1. list",
    "| a | b |\n|---|---|",
    "**bold** _em_ ~~del~~",
    "&lt;script&gt; &#60;b&#62;",
    "\\<b\\>",
    "a\u202egpj.exe",
    "a\u2028b\u0000c\td",
    "{{ tissue_confirmation }}",
]
MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def shown(markdown: str) -> str:
    html: str = MARKDOWN.render(f"- x: {markdown} y")
    body = html.replace("<ul>", "").replace("</ul>", "").replace("<li>", "").replace("</li>", "").strip()
    assert "<" not in body, body
    text = body
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, char)
    return text


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_show_as_text(attack: str) -> None:
    escaped = escape_markdown(attack)
    assert not re.search(r"<[a-zA-Z/!]", escaped)
    assert shown(escaped) == f"x: {fold(attack, 120)} y"


@given(st.text(alphabet=st.sampled_from(string.printable + "é\u202e\u2028<>&[]()`*_"), max_size=60))
def test_any_text_shows_as_itself(text: str) -> None:
    assert shown(escape_markdown(text)).split() == ["x:", *fold(text, 120).split(), "y"]
    assert shown(escape_clause(text)).split() == ["x:", *fold(text, 300).split(), "y"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_in_a_clause_show_as_text(attack: str) -> None:
    """A clause is ours, and what it holds of a record is not."""
    for text in (attack, f"not carried out: {attack}", f"replaced by {attack}, dated 2026-01-02"):
        assert shown(escape_clause(text)) == f"x: {fold(text, 300)} y"
    assert not re.search(r"<[a-zA-Z/!]", escape_clause(attack))


def test_no_address_in_a_clause_becomes_a_link() -> None:
    linking = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    for address in ("http://evil.example", "www.evil.example", "mailto:a@evil.example", "a@evil.example"):
        assert "href" not in linking.render(f"- x ({escape_clause(f'not final: {address}')})")


def test_a_clause_in_our_own_words_stays_as_it_is() -> None:
    clause = "not final, or withdrawn; of 60 days (2026-01-02): DiagnosticReport/d-1 doesn't say. Half: 50% of it."
    assert escape_clause(clause) == clause
    assert escape_clause("x" * 301) == "x" * 299 + "…"


@pytest.mark.parametrize(
    ("text", "limit", "expected"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a\nb", 9, "a b"), ("ab cd", 4, "ab…")]
)
def test_fold_caps_and_keeps_one_line(text: str, limit: int, expected: str) -> None:
    assert fold(text, limit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("gemcitabine 1000 mg/m2, IV (50%)", "gemcitabine 1000 mg/m2, IV (50%)"), ("<b>x</b> & [y]`", "b x /b y")],
)
def test_plain_labels_keep_names_and_drop_markup(text: str, expected: str) -> None:
    assert plain_label(text) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("DiagnosticReport/ct-1.2", "DiagnosticReport/ct-1.2"),
        ("DiagnosticReport/a_b", "DiagnosticReport\\/a\\_b"),
        ("urn:uuid:1", "urn\\:uuid\\:1"),
        ("Type/<b>", "Type\\/&lt;b&gt;"),
        ("Type/", "Type\\/"),
        ("Observation/" + "a" * 257, "Observation\\/" + "a" * 67 + "…"),
        ("Typé/1", "Typé\\/1"),
        ("1/1", "1\\/1"),
    ],
)
def test_only_plain_references_stand_as_they_are(reference: str, expected: str) -> None:
    assert show_reference(reference) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", "2026"),
        ("2026-01", "2026-01"),
        ("2026-01-02", "2026-01-02"),
        ("", "undated"),
        ("2026-1-2", "undated"),
        ("<b>", "undated"),
        ("٢٠٢٦", "undated"),
    ],
)
def test_only_iso_dates_stand_as_they_are(text: str, expected: str) -> None:
    assert show_date(text) == expected
