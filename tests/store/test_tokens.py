"""Used tokens: one winner, however many ask, from however many processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from cds_service.store import store as subject
from cds_service.store import tokens
from cds_service.store.database import reading
from cds_service.store.schema import used_tokens
from cds_service.store.store import Store
from cds_service.store.tokens import purge_tokens
from tests.store.databases import opened

NOW = 1_772_442_000.0


def count(store: Store) -> int:
    with reading(store.engine) as connection:
        return int(connection.scalar(select(func.count()).select_from(used_tokens)) or 0)


def test_a_token_is_taken_once(store: Store) -> None:
    assert store.claim_token("a", "1", NOW + 300, NOW)
    assert not store.claim_token("a", "1", NOW + 300, NOW)
    assert store.claim_token("b", "1", NOW + 300, NOW)
    assert store.claim_token("a", "2", NOW + 300, NOW)
    assert store.claim_token("a1", "", NOW + 300, NOW)
    assert store.claim_token("a", "x" * 100_000, NOW + 300, NOW)


def test_it_stays_taken_after_a_restart(setting: str) -> None:
    with opened(setting) as first:
        assert first.claim_token("a", "1", NOW + 300, NOW)
    with opened(setting) as second:
        assert not second.claim_token("a", "1", NOW + 300, NOW)


def test_of_several_stores_one_wins_each_token(setting: str) -> None:
    with opened(setting) as first, opened(setting) as second, opened(setting) as third:
        stores = [first, second, third]

        def race(number: int) -> int:
            return sum(store.claim_token("a", str(number), NOW + 300, NOW) for store in stores)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(race, [number // 2 for number in range(120)])).count(1) == 60
        assert count(first) == 60


def test_expired_ones_are_forgotten_on_the_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_CLAIMS_BETWEEN_CLEANINGS", 3)
    store.claim_token("a", "1", NOW - 1, NOW)
    store.claim_token("a", "2", NOW + 300, NOW)
    assert count(store) == 2
    store.claim_token("a", "3", NOW + 300, NOW)
    assert count(store) == 2


def test_a_cleaning_that_fails_takes_no_claim_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as lost, the claim would be decided by one process alone, and a replay would pass."""
    monkeypatch.setattr(subject, "_CLAIMS_BETWEEN_CLEANINGS", 1)

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(subject, "forget_tokens", fail)
    assert store.claim_token("a", "1", NOW + 300, NOW)
    assert not store.claim_token("a", "1", NOW + 300, NOW)


def test_all_expired_ones_are_purged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_PAGE", 2)
    for number in range(5):
        store.claim_token("a", str(number), NOW - 1, NOW)
    store.claim_token("a", "valid", NOW + 300, NOW)
    assert purge_tokens(store.engine, NOW) == 5
    assert count(store) == 1
