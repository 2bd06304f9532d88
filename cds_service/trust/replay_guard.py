"""The replay guard: a token is good for one call (conformance SEC-09, reliability 2.6)."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from threading import Lock
from typing import Protocol

MOST_IDS = 100_000
"""Ids remembered for one issuer: with tokens that live for minutes, over 250 calls a second."""


class TokenIdsUnavailable(Exception):
    """It cannot be told whether an id was used before."""


class TokenIds(Protocol):
    """Where used token ids are kept. One call decides and remembers at once, whoever else asks at the same time."""

    def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        """Whether this id of this issuer is used for the first time; it is remembered ``until`` (seconds of the epoch).

        TokenIdsUnavailable if that cannot be told.
        """
        ...


class TokenIdsInMemory:
    """Token ids of one process: right for one worker, forgotten with it. Holds digests, a bounded number per issuer."""

    def __init__(self, most: int = MOST_IDS) -> None:
        self._most = most
        self._lock = Lock()
        self._known: dict[str, set[bytes]] = {}
        self._ends: dict[str, list[tuple[float, bytes]]] = {}

    def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        """As in ``TokenIds``. TokenIdsUnavailable when the issuer's place is full: nothing valid is forgotten."""
        digest = hashlib.sha256(token_id.encode()).digest()
        with self._lock:
            known, ends = self._known.setdefault(issuer, set()), self._ends.setdefault(issuer, [])
            while ends and ends[0][0] <= now:
                known.discard(heapq.heappop(ends)[1])
            if digest in known:
                return False
            if len(known) >= self._most:
                raise TokenIdsUnavailable("too many tokens of one issuer")
            known.add(digest)
            heapq.heappush(ends, (until, digest))
            return True


class TokenIdsWithFallback:
    """A shared store, and this process alone while the store fails.

    A failing store must not take the cards away (decision 42). A token that this process has seen is refused all the
    same; ``on_loss`` hears of every claim that the store did not take.
    """

    def __init__(self, shared: TokenIds, on_loss: Callable[[], None], local: TokenIds | None = None) -> None:
        self._shared = shared
        self._local = local or TokenIdsInMemory()
        self._on_loss = on_loss

    def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        """As in ``TokenIds``."""
        if not self._local.claim(issuer, token_id, until, now):
            return False
        try:
            return self._shared.claim(issuer, token_id, until, now)
        except TokenIdsUnavailable:
            self._on_loss()
            return True
