"""Decision records in the store: written whole, found by what they hold, purged by age."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from cds_service.errors import StoreError
from cds_service.hooks.feedback import FeedbackItem
from cds_service.store import decisions as subject
from cds_service.store.database import reading
from cds_service.store.decisions import Wanted, client_names, find_decisions, purge_decisions
from cds_service.store.feedback import FeedbackOrigin
from cds_service.store.schema import shown_cards
from cds_service.store.show import decision_lines
from cds_service.store.store import Store
from tests.store.records import NOW, SERVICE, card, record


def ids(store: Store, **wanted: Any) -> list[str]:
    return [found["id"] for found in find_decisions(store.engine, Wanted(**wanted))]


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    store.record(record("d-1", "card-1", "card-2"))
    item = FeedbackItem("card-1", "overridden", NOW, (), "s:x", "biopsy-declined", True)
    store.take_feedback([item], FeedbackOrigin("", SERVICE, NOW))
    [found] = find_decisions(store.engine, Wanted())
    said = {
        "outcome": "overridden",
        "outcome_at": "2026-03-02T09:00:00.000000Z",
        "suggestions": [],
        "reason_system": "s:x",
        "reason_code": "biopsy-declined",
        "commented": 1,
    }
    shown = {"topic": "TissueBeforeSystemicTherapy", "variant": "not-found", "indicator": "warning"}
    assert found == {
        "id": "d-1",
        "at": "2026-03-02T09:00:00.000000Z",
        "service": SERVICE,
        "hook": "order-select",
        "client": "",
        "patient": "p" * 64,
        "engine": "0.1.0",
        "pathway": "pancreatic-liver-metastases 0.1.0",
        "content": "c" * 64,
        "silence": "",
        "outcomes": [{"topic": "TissueBeforeSystemicTherapy", "silence": ""}],
        "facts": {"liver_metastases": {"value": "yes", "reason": "imaging-definite", "evidence": ["Condition/c1"]}},
        "searches": {"conditions": "complete"},
        "cards": [
            {"card": "card-1", **shown, "feedback": [said]},
            {"card": "card-2", **shown, "feedback": []},
        ],
    }


def test_the_same_card_may_stand_under_several_decisions(store: Store) -> None:
    for ident in ("d-1", "d-2"):
        store.record(record(ident, "card-1"))
    assert ids(store) == ["d-1", "d-2"]


def test_one_id_twice_is_an_error(store: Store) -> None:
    store.record(record())
    with pytest.raises(StoreError):
        store.record(record())


def test_a_character_that_a_database_does_not_take_harms_that_record_alone(store: Store) -> None:
    """A lone surrogate has no UTF-8. None can reach a record; if one did, the others of its transaction would stay."""
    with pytest.raises(StoreError):
        store.record(record("d-1", client="\ud800"))
    store.record(record("d-2"))
    assert ids(store) == ["d-2"]


@pytest.fixture
def several(store: Store) -> Store:
    """Four decisions, an hour apart."""
    different: list[dict[str, Any]] = [
        {},
        {"service": "other"},
        {"client": "general", "patient": "q" * 64},
        {"shown": (replace(card(), topic="PetCt"),)},
    ]
    for number, changes in enumerate(different):
        store.record(record(f"d-{number}", **{"at": NOW + timedelta(hours=number), **changes}))
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["d-3", "d-2", "d-1", "d-0"]),
        ({"limit": 2}, ["d-3", "d-2"]),
        ({"id": "d-1"}, ["d-1"]),
        ({"id": "none"}, []),
        ({"service": "other"}, ["d-1"]),
        ({"client": "general"}, ["d-2"]),
        ({"client": ""}, ["d-3", "d-1", "d-0"]),
        ({"patients": ("q" * 64, "r" * 64)}, ["d-2"]),
        ({"topic": "PetCt"}, ["d-3"]),
        ({"since": NOW + timedelta(hours=1), "until": NOW + timedelta(hours=3)}, ["d-2", "d-1"]),
    ],
)
def test_what_is_asked_for(several: Store, wanted: dict[str, Any], found: list[str]) -> None:
    assert ids(several, **wanted) == found


def test_clients_are_named_once_each(several: Store) -> None:
    assert sorted(client_names(several.engine)) == ["", "general"]


@pytest.mark.parametrize(
    ("before", "gone", "left"),
    [
        (NOW, 0, ["d-3", "d-2", "d-1", "d-0"]),
        (NOW + timedelta(hours=2), 2, ["d-3", "d-2"]),
        (NOW + timedelta(days=1), 4, []),
    ],
)
def test_old_ones_are_purged_with_their_cards(
    several: Store, before: datetime, gone: int, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "_PAGE", 2)
    assert purge_decisions(several.engine, before) == gone
    assert ids(several) == left
    with reading(several.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(shown_cards)) == int("d-3" in left)


def test_a_line_says_what_was_shown_what_was_said_or_why_nothing(store: Store) -> None:
    store.record(record("d-1", "card-1"))
    origin = FeedbackOrigin("", SERVICE, NOW)
    store.take_feedback(
        [
            FeedbackItem("card-1", "accepted", NOW, ("s-1",)),
            FeedbackItem("card-1", "overridden", NOW + timedelta(hours=1), (), "s:x", "biopsy-declined"),
        ],
        origin,
    )
    silent = [{"topic": "PetCt", "silence": "quiet-at-hook"}]
    store.record(record("d-2", at=NOW - timedelta(hours=1), outcomes=silent, client="general"))
    store.record(record("d-3", at=NOW - timedelta(hours=2), silence="not-our-patient"))
    assert [line.split(" ", 1)[1] for line in decision_lines(find_decisions(store.engine, Wanted()))] == [
        f"d-1 {SERVICE} - TissueBeforeSystemicTherapy:not-found:warning [accepted, overridden biopsy-declined]",
        f"d-2 {SERVICE} general no card (PetCt:quiet-at-hook)",
        f"d-3 {SERVICE} - no card (not-our-patient)",
    ]
