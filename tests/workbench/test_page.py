"""The parts of the page as HTML: Markdown without markup of its own, and the words that a story leads to."""

from __future__ import annotations

import re
from functools import cache

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import MalformedCall
from cds_service.pathway.content import Content, load_content
from cds_service.workbench.page import describe_refusal, render_shell, to_html
from cds_service.workbench.patients import FIRST_PATIENT, find_fixtures, load_shelf
from tests.workbench.test_routes import evaluate, wish


@cache
def content() -> Content:
    return load_content(find_cards())


@pytest.mark.parametrize(
    "markdown",
    [
        "<img src=x onerror=alert(1)>",
        "a <script>alert(1)</script>",
        "<div onclick=x>",
        "![picture](https://evil.example/p.png)",
        "[link](javascript:alert(1))",
        "[link](data:text/html,x)",
        "<javascript:alert(1)>",
    ],
)
def test_markdown_brings_no_markup_of_its_own(markdown: str) -> None:
    assert not re.search(r"<(img|script|div)|(href|src)=\"(javascript|data)", to_html(markdown))


def test_markdown_of_cards_is_drawn() -> None:
    html = to_html("**Bold**\n\n- one\n- two\n\n[web](https://nice.org.uk)")
    assert html.count("<li>") == 2
    assert "<strong>Bold</strong>" in html
    assert 'href="https://nice.org.uk"' in html


def test_the_shell_lists_every_patient_and_order_once() -> None:
    shelf = load_shelf(find_fixtures(), content())
    html = render_shell(shelf, content())
    assert sorted(re.findall('data-patient="([^"]+)"', html)) == sorted(shelf.patients)
    assert sorted(re.findall('data-order="([^"]+)"', html)) == sorted(order.name for order in shelf.orders)
    assert sorted(re.findall('data-missing="([^"]+)"', html)) == sorted(content().prefetch)
    assert f'data-first="{FIRST_PATIENT}"' in html


def test_without_stored_patients_the_shell_says_so() -> None:
    html = render_shell(load_shelf(None, content()), content())
    assert "No stored patients" in html
    assert 'data-first=""' in html


def test_only_a_search_can_be_cut_short() -> None:
    html = render_shell(load_shelf(None, content()), content())
    rows = {key: html.split(f'data-missing="{key}"')[1].split("</select>")[0] for key in content().prefetch}
    assert {key for key, row in rows.items() if 'value="partial"' not in row} == {"patient"}


def test_a_card_is_drawn_as_an_ehr_draws_it() -> None:
    found = evaluate(wish("folfirinox-no-tissue"))
    (card,) = found["response"]["cards"]
    html = found["html"]["cards"]
    assert f'data-card="{card["uuid"]}"' in html
    assert '<p class="indicator">Warning</p>' in html
    assert html.count("data-suggestion=") == len(card["suggestions"]) == 2
    assert html.count("<option") == len(card["overrideReasons"])
    assert all(link["url"] in html for link in card["links"])


def test_every_unknown_fact_is_told_with_what_could_not_be_read() -> None:
    found = evaluate(wish("folfirinox-no-tissue", missing={"reports": "partial"}))
    unknown = [name for name, fact in found["explanation"]["facts"].items() if fact["value"] == "unknown"]
    assert unknown
    why = found["html"]["why"]
    for name in unknown:
        assert f"<code>{name} = unknown" in why
    assert why.index("= unknown") < why.index("= yes")
    assert "Not read: reports: only 0 of 1 results were sent" in why


def test_a_search_that_is_not_complete_is_not_drawn_as_one_that_is() -> None:
    found = evaluate(wish("folfirinox-no-tissue", missing={"reports": "partial", "documents": "null"}))
    drawn = re.findall(
        r'<th scope="row">(\w+)</th><td><span class="state (\w+)">([\w-]+)</span></td>', found["html"]["why"]
    )
    searches = found["explanation"]["searches"]
    assert {key: word for key, _, word in drawn} == {key: item["completeness"] for key, item in searches.items()}
    assert {key for key, tone, _ in drawn if tone != "yes"} == {"reports"}
    assert ("reports", "unknown", "failed") in drawn


def test_facts_that_are_unknown_come_first_then_those_that_hold() -> None:
    why = evaluate(wish("folfirinox-no-tissue"))["html"]["why"]
    values = [state.split(":")[0] for state in re.findall(r"<code>\w+ = ([\w:-]+)</code>", why)]
    assert sorted(values, key=["unknown", "yes", "no"].index) == values
    assert set(values) == {"unknown", "yes", "no"}


def test_no_card_and_no_call_say_why() -> None:
    assert "None of the orders is one" in evaluate(wish("order-fluorouracil-cream"))["html"]["cards"]
    assert "for a named reason" in evaluate(wish("ct-biopsy-after-failed-ultrasound"))["html"]["cards"]
    told = describe_refusal(MalformedCall("the <body> is wrong"))
    assert "the &lt;body&gt; is wrong" in told["html"]["cards"]
    assert told["request"] is None
