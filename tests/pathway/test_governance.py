"""Governance: a card speaks with a clinician's name only while that name holds; a draft says that it is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.errors import ContentError
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.governance import check_named_review, check_reviews, is_date, is_expired, standing
from cds_service.pathway.proof import check
from cds_service.pathway.render import status_line

DAY = date(2026, 3, 2)
CARD = "pancreatic-liver-metastases/tissue-before-systemic-therapy.md"
ACTIVE = 'status: "active"\nreviewed_by: "Dr. A. Reviewer"\nreview_due: "2026-03-01"'
Damage = Callable[[str, str, str], Path]


@pytest.fixture
def active(tissue_card: Card) -> Card:
    return replace(tissue_card, status="active", reviewed_by="Dr. A. Reviewer", review_due="2026-03-02")


@pytest.mark.parametrize(
    ("status", "due", "expired", "shown"),
    [
        pytest.param("active", "2026-03-01", True, "expired on 2026-03-01", id="yesterday"),
        pytest.param("active", "2026-03-02", False, "active until 2026-03-02", id="the-day-itself-is-good"),
        pytest.param("active", "2027-03-01", False, "active until 2027-03-01", id="next-year"),
        pytest.param("draft", "2020-01-01", False, "draft", id="a-draft-never-expires"),
        pytest.param("retired", "2020-01-01", False, "retired", id="nor-a-retired-card"),
        pytest.param("draft", "", False, "draft", id="draft-without-date"),
    ],
)
def test_standing(active: Card, status: str, due: str, expired: bool, shown: str) -> None:
    card = replace(active, status=status, review_due=due)
    assert is_expired(card, DAY) is expired
    assert standing(card, DAY) == shown
    if expired:
        with pytest.raises(ContentError, match=r"md:\d+: the review of this active card was due on 2026-03-01"):
            check_reviews([replace(card, status="draft"), card], DAY)
    else:
        check_reviews([card], DAY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"reviewed_by": ""}, "needs reviewed_by and review_due", id="no-name"),
        pytest.param({"reviewed_by": "  "}, "needs reviewed_by and review_due", id="a-blank-is-no-name"),
        pytest.param({"review_due": ""}, "needs reviewed_by and review_due", id="no-date"),
        pytest.param({"review_due": "2026-02-30"}, "no day of the calendar", id="no-such-day"),
        pytest.param({"status": "draft", "review_due": "2026-02-30"}, "no day of the calendar", id="also-in-a-draft"),
        pytest.param({"released": "2026-13-01"}, "released is 2026-13-01", id="release-date"),
        pytest.param({"revised": "2026-00-01"}, "revised is 2026-00-01", id="revision-date"),
    ],
)
def test_what_is_refused_at_load(active: Card, change: dict[str, Any], message: str) -> None:
    check_named_review(active)
    with pytest.raises(ContentError, match=message):
        check_named_review(replace(active, **change))


@pytest.mark.parametrize(
    ("text", "known"), [("2026-03-02", True), ("20260302", False), ("2026-3-2", False), ("", False), ("soon", False)]
)
def test_a_day_is_written_in_one_way(text: str, known: bool) -> None:
    assert is_date(text) is known


def test_the_line_of_the_review_date_is_named(damage: Damage) -> None:
    content = load_content(damage(CARD, 'status: "draft"', ACTIVE))
    with pytest.raises(ContentError) as error:
        check_reviews(content.cards, DAY)
    path, _, line = error.value.where.rpartition(":")
    assert Path(path).read_text(encoding="utf-8").split("\n")[int(line) - 1] == 'review_due: "2026-03-01"'


@pytest.mark.parametrize(("day", "starts"), [(1, True), (2, False)])
def test_an_expired_active_card_stops_the_start(damage: Damage, day: int, starts: bool) -> None:
    config = Config(cards=damage(CARD, 'status: "draft"', ACTIVE))

    def start() -> None:
        create_app(config, clock=lambda: datetime(2026, 3, day, tzinfo=UTC))

    if starts:
        start()
    else:
        with pytest.raises(ContentError, match="was due on 2026-03-01"):
            start()


def test_check_finds_an_expired_card(damage: Damage) -> None:
    cards = damage(CARD, 'status: "draft"', ACTIVE)
    assert any("was due on 2026-03-01" in problem for problem in check(cards, DAY).problems)
    assert not any("was due" in problem for problem in check(cards, date(2026, 3, 1)).problems)


def test_a_source_has_a_day_on_which_it_was_looked_at(damage: Damage) -> None:
    with pytest.raises(ContentError, match=r"sources.yaml:\d+: 'esmo-pancreas' was reviewed on '2026-11'"):
        load_content(damage("sources.yaml", 'reviewed: "2026-11-22"', 'reviewed: "2026-11"'))


def test_every_card_says_its_status_in_its_text(content: Content) -> None:
    for card in content.cards:
        assert "{{ status }}" in card.body
        assert status_line(card).startswith(f"Content status: {card.status}, version {card.version}")
