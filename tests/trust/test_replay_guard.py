"""The replay guard in memory: once each, bounded, nothing valid forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cds_service.trust.replay_guard import TokenIdsInMemory, TokenIdsUnavailable, TokenIdsWithFallback


def test_the_first_claim_alone_succeeds() -> None:
    ids = TokenIdsInMemory()
    assert [ids.claim("i", token_id, 100, 0) for token_id in ("1", "1", "2")] == [True, False, True]
    assert ids.claim("other", "1", 100, 0)


def test_an_id_is_kept_until_its_end_and_no_longer() -> None:
    ids = TokenIdsInMemory()
    ids.claim("i", "late", 200, 0)
    ids.claim("i", "early", 100, 0)
    assert not ids.claim("i", "early", 100, 99.9)
    assert ids.claim("i", "early", 300, 100)
    assert not ids.claim("i", "late", 200, 199)


def test_a_full_guard_refuses_rather_than_forgets_and_recovers() -> None:
    ids = TokenIdsInMemory(most=2)
    assert ids.claim("i", "1", 100, 0)
    assert ids.claim("i", "2", 110, 0)
    with pytest.raises(TokenIdsUnavailable):
        ids.claim("i", "3", 110, 0)
    assert not ids.claim("i", "1", 100, 0)
    assert ids.claim("another issuer", "1", 100, 0)
    assert ids.claim("i", "3", 200, 100)


def test_of_many_threads_one_wins_each_id() -> None:
    ids, together = TokenIdsInMemory(), threading.Barrier(8)

    def race(_: int) -> int:
        together.wait(timeout=30)
        return sum(ids.claim("i", str(number), 100, 0) for number in range(500))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, range(8))) == 500


class Store:
    """A shared store that can fail."""

    def __init__(self) -> None:
        self.known = TokenIdsInMemory()
        self.is_down = False

    def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        if self.is_down:
            raise TokenIdsUnavailable("down")
        return self.known.claim(issuer, token_id, until, now)


def test_a_shared_store_decides_between_workers() -> None:
    store, losses = Store(), list[str]()
    one, other = (TokenIdsWithFallback(store, lambda: losses.append("lost")) for _ in range(2))
    assert one.claim("i", "1", 100, 0)
    assert not other.claim("i", "1", 100, 0)
    assert losses == []


def test_while_the_store_fails_each_worker_remembers_what_it_saw() -> None:
    store, losses = Store(), list[str]()
    ids = TokenIdsWithFallback(store, lambda: losses.append("lost"))
    assert ids.claim("i", "before", 100, 0)
    store.is_down = True
    assert not ids.claim("i", "before", 100, 0)
    assert ids.claim("i", "during", 100, 0)
    assert not ids.claim("i", "during", 100, 0)
    assert losses == ["lost"]
    store.is_down = False
    assert not ids.claim("i", "during", 100, 0)
