"""Feedback in the store: on cards that went to this client from this service, each item once (decision 37)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cds_service.hooks.feedback import FeedbackItem
from cds_service.store import feedback as subject
from cds_service.store.database import reading
from cds_service.store.feedback import FeedbackOrigin, purge_feedback
from cds_service.store.schema import feedback
from cds_service.store.store import Store
from tests.store.databases import opened
from tests.store.records import NOW, SERVICE, record

ORIGIN = FeedbackOrigin("", SERVICE, NOW)
ITEM = FeedbackItem("card-1", "overridden", NOW, (), "s:x", "biopsy-declined", True)


def rows(store: Store) -> list[dict[str, Any]]:
    with reading(store.engine) as connection:
        return [dict(row) for row in connection.execute(select(feedback).order_by(feedback.c.outcome_at)).mappings()]


@pytest.fixture
def known(store: Store) -> Store:
    """A store in which one card was shown, twice."""
    store.record(record("d-1", "card-1"))
    store.record(record("d-2", "card-1"))
    return store


def test_an_item_is_kept_with_the_card_that_it_names(known: Store) -> None:
    assert known.take_feedback([ITEM], ORIGIN)[:2] == (1, 0)
    [row] = rows(known)
    assert len(row.pop("digest")) == 64
    assert row == {
        "received_at": "2026-03-02T09:00:00.000000Z",
        "client": "",
        "service": SERVICE,
        "card": "card-1",
        "topic": "TissueBeforeSystemicTherapy",
        "variant": "not-found",
        "outcome": "overridden",
        "outcome_at": "2026-03-02T09:00:00.000000Z",
        "suggestions": [],
        "reason_system": "s:x",
        "reason_code": "biopsy-declined",
        "commented": 1,
    }


def test_ten_thousand_repeats_are_one_row(known: Store) -> None:
    assert known.take_feedback([ITEM] * 10_000, ORIGIN)[:2] == (10_000, 0)
    later = replace(ORIGIN, received=NOW + timedelta(days=1))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: known.take_feedback([ITEM], later)[:2], range(50))) == {(1, 0)}
    [row] = rows(known)
    assert row["received_at"] == "2026-03-02T09:00:00.000000Z"


def test_hosts_that_write_the_same_items_in_another_order_do_not_block_each_other(known: Store, setting: str) -> None:
    items = [replace(ITEM, at=NOW + timedelta(seconds=number)) for number in range(50)]
    with opened(setting) as other, ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(store.take_feedback, batch, ORIGIN)
            for _ in range(10)
            for store, batch in ((known, items), (other, items[::-1]))
        ]
        assert {job.result()[:2] for job in jobs} == {(50, 0)}
    assert len(rows(known)) == 50


def test_a_thousand_different_items_in_one_batch(known: Store) -> None:
    items = [replace(ITEM, at=NOW + timedelta(seconds=number)) for number in range(1_201)]
    assert known.take_feedback([*items, FeedbackItem("x", "accepted", NOW)], ORIGIN)[:2] == (1_201, 1)
    assert len(rows(known)) == 1_201


@pytest.mark.parametrize(
    ("item", "origin"),
    [
        pytest.param(replace(ITEM, card="card-2"), ORIGIN, id="unknown-card"),
        pytest.param(ITEM, replace(ORIGIN, client="another"), id="another-client"),
        pytest.param(ITEM, replace(ORIGIN, service="another"), id="another-service"),
        pytest.param(replace(ITEM, card="x" * 100_000), ORIGIN, id="long"),
        pytest.param(replace(ITEM, card="a\0b"), ORIGIN, id="nul"),
        pytest.param(replace(ITEM, card="Jörg \U0001f600"), ORIGIN, id="other-letters"),
        pytest.param(replace(ITEM, card="' OR 1=1 --"), ORIGIN, id="quotes"),
    ],
)
def test_cards_that_did_not_go_there_are_ignored(known: Store, item: FeedbackItem, origin: FeedbackOrigin) -> None:
    assert known.take_feedback([item], origin)[:2] == (0, 1)
    assert known.take_feedback([item, ITEM], ORIGIN).received >= 1
    assert {row["card"] for row in rows(known)} == {"card-1"}


def test_nothing_to_keep(known: Store) -> None:
    assert known.take_feedback([], ORIGIN)[:2] == (0, 0)


@pytest.mark.parametrize(
    "other",
    [
        replace(ITEM, at=NOW + timedelta(seconds=1)),
        replace(ITEM, reason_code="other"),
        replace(ITEM, commented=False),
        FeedbackItem("card-1", "accepted", NOW, ("s-1",)),
        FeedbackItem("card-1", "accepted", NOW, ("s-2",)),
    ],
)
def test_something_else_said_is_another_row(known: Store, other: FeedbackItem) -> None:
    known.take_feedback([ITEM, other], ORIGIN)
    assert len(rows(known)) == 2


def test_feedback_outlives_its_decision_and_is_purged_by_age(known: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_PAGE", 2)
    for day in range(5):
        origin = replace(ORIGIN, received=NOW + timedelta(days=day))
        known.take_feedback([replace(ITEM, at=NOW + timedelta(days=day))], origin)
    assert purge_feedback(known.engine, NOW + timedelta(days=3)) == 3
    assert [row["outcome_at"][:10] for row in rows(known)] == ["2026-03-05", "2026-03-06"]
