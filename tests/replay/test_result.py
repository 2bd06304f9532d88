"""Comparing, reading and writing what calls come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.content_files import parse_yaml
from cds_service.errors import ContentError
from cds_service.replay.result import (
    CardLine,
    Difference,
    Result,
    compare,
    map_summaries,
    read_results,
    updated,
    write_results,
)

HOOKS = {"order-select": 0, "order-sign": 0}
CARD = CardLine("TissueFirst", "not-found", "warning", "Obtain tissue (2026-02-17)")
OTHER = CardLine("TissueFirst", "pending", "info", "Wait")


@pytest.mark.parametrize(
    ("expected", "observed", "differing"),
    [
        pytest.param(Result((CARD,)), Result((CARD,)), [], id="equal"),
        pytest.param(Result(), Result((CARD,)), ["topic", "variant", "indicator", "summary"], id="card-too-many"),
        pytest.param(Result((CARD,)), Result(), ["topic", "variant", "indicator", "summary"], id="card-missing"),
        pytest.param(Result((CARD,)), Result((OTHER,)), ["variant", "indicator", "summary"], id="another-variant"),
        pytest.param(Result((CARD, OTHER)), Result((OTHER, CARD)), ["variant", "indicator", "summary"] * 2, id="order"),
        pytest.param(Result(error=412), Result(error=412), [], id="same-error"),
        pytest.param(Result(error=412), Result(error=400), ["error"], id="another-error"),
        pytest.param(Result(error=412), Result(), ["error"], id="answered-in-place-of-error"),
        pytest.param(Result((CARD,)), Result(error=412), ["error"], id="error-in-place-of-answer"),
        pytest.param(Result(silence={"a": "x"}), Result(silence={"a": "y"}), ["silence.a"], id="another-silence"),
        pytest.param(Result(silence={"a": "x"}), Result(), ["silence.a"], id="silence-lost"),
        pytest.param(Result(), Result(silence={"a": "x"}), [], id="silence-that-nobody-asked-about"),
        pytest.param(Result(), Result(silence={"call": "x"}), ["silence.call"], id="whole-call-silence-always-counts"),
        pytest.param(Result(facts={"f": "yes"}), Result(facts={"f": "no", "g": "no"}), ["facts.f"], id="fact"),
        pytest.param(Result(facts={"f": "yes"}), Result(), ["facts.f"], id="fact-not-computed"),
        pytest.param(
            Result(silence={"call": "x"}, facts={"f": "yes"}),
            Result(silence={"call": "x"}),
            [],
            id="no-facts-in-silent-call",
        ),
    ],
)
def test_compare(expected: Result, observed: Result, differing: list[str]) -> None:
    assert [found.what.split("].")[-1] for found in compare(expected, observed)] == differing


def test_difference_shows_both_sides() -> None:
    found = compare(Result(error=412), Result())
    assert found == (Difference("error", "412", "answered"),)


@pytest.mark.parametrize(
    ("observed", "differing"),
    [
        pytest.param(CardLine("TissueFirst", "", "warning", CARD.summary), [], id="variant-not-told"),
        pytest.param(
            CardLine("TissueFirst", "pending", "warning", CARD.summary), ["cards[0].variant"], id="variant-told"
        ),
        pytest.param(CardLine("TissueFirst", "", "info", CARD.summary), ["cards[0].indicator"], id="indicator"),
    ],
)
def test_compare_over_http_sees_what_a_client_sees(observed: CardLine, differing: list[str]) -> None:
    expected = Result((CARD,), {"other-card": "silent"}, {"fact": "yes"})
    assert [found.what for found in compare(expected, Result((observed,)), over_http=True)] == differing


def test_missing_card_over_http_is_a_difference() -> None:
    assert len(compare(Result((CARD,)), Result(), over_http=True)) == 4


def test_written_results_read_back_equal() -> None:
    results = {
        "order-select": Result((CARD, OTHER), {"another-card": "quiet_at hook"}, {"fact": "yes:weak"}),
        "order-sign": Result((), {"call": "no"}, {"fact": "yes:weak"}),
    }
    text = write_results(results, "2026-03-02T09:00:00Z")
    node = parse_yaml(text, Path("expected.yaml"))
    assert node["now"] == "2026-03-02T09:00:00Z"
    assert read_results(node, "expected.yaml", HOOKS) == results
    assert write_results(read_results(node, "expected.yaml", HOOKS), "2026-03-02T09:00:00Z") == text


def test_written_error_reads_back_equal() -> None:
    text = write_results({"order-sign": Result(error=412)})
    assert read_results(parse_yaml(text, Path("e")), "e", HOOKS) == {"order-sign": Result(error=412)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("[]", "must be a mapping", id="list"),
        pytest.param("order-signs: {cards: []}", "expected.yaml:1: unknown key 'order-signs'", id="unknown-hook"),
        pytest.param("order-sign: []", "holds `cards`", id="block-not-a-mapping"),
        pytest.param("order-sign: {}", "holds `cards`", id="empty-block"),
        pytest.param("order-sign: {card: []}", "holds `cards`", id="unknown-member"),
        pytest.param("order-sign: {cards: {}}", "is a list", id="cards-not-a-list"),
        pytest.param("order-sign: {error: 412, cards: []}", "stands alone", id="error-with-cards"),
        pytest.param("order-sign: {error: '412'}", "stands alone", id="error-as-text"),
        pytest.param("order-sign: {cards: [{topic: A}]}", "exactly these texts", id="card-incomplete"),
        pytest.param("order-sign: {cards: [A]}", "exactly these texts", id="card-not-a-mapping"),
        pytest.param(
            "order-sign: {cards: [{topic: A, variant: b, indicator: info, summary: 1}]}",
            "exactly these texts",
            id="number",
        ),
        pytest.param("order-sign: {cards: [], silence: quiet}", "`silence` maps", id="silence-not-a-mapping"),
        pytest.param("facts: {f: true}\norder-sign: {cards: []}", "`facts` maps", id="fact-not-a-text"),
    ],
)
def test_read_results_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ContentError, match=problem):
        read_results(parse_yaml(text, Path("expected.yaml")), "expected.yaml", HOOKS)


def test_updated_keeps_telling_about_the_same_things() -> None:
    expected = Result((CARD,), {"a": "x", "gone": "y"}, {"f": "yes", "lost": "no"})
    observed = Result((OTHER,), {"a": "z", "b": "w"}, {"f": "no", "g": "yes"})
    assert updated(expected, observed) == Result((OTHER,), {"a": "z"}, {"f": "no"})


def test_updated_names_the_silence_that_took_the_place_of_a_card() -> None:
    assert updated(Result((CARD,)), Result(silence={"a": "x"})) == Result(silence={"a": "x"})


def test_updated_error() -> None:
    assert updated(Result((CARD,), facts={"f": "yes"}), Result(error=412)) == Result(error=412)


def test_map_summaries_changes_nothing_else() -> None:
    before = Result((CARD,), {"a": "x"}, {"f": "yes"})
    after = map_summaries(before, str.upper)
    assert after.cards[0].summary == "OBTAIN TISSUE (2026-02-17)"
    assert map_summaries(after, lambda text: CARD.summary) == before
