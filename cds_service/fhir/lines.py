"""Lines: the threads and the kept connections to one FHIR server.

Each server has its own, so that a slow hospital cannot use up the threads of another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from cds_service.fhir.addresses import AllowedServer, Place
from cds_service.fhir.line import Line, Resolver

FIRST_AT_ONCE = 64
"""Searches of one server at the same time that a call is refused without: two for each of 32 calls. Nothing else waits
in this line, so that they never stand behind what an earlier call would merely like to know."""
MOST_AT_ONCE = 192
"""All other searches of one server at the same time: those of some twelve calls. The rest wait, within their deadlines.
More would cost little memory and gain nothing: with twice as many the core is full, and the first searches come late.
"""
KEPT_SECONDS = 15.0
"""How long an unused connection is kept: less than what servers usually wait."""
MOST_PLACES = 1000
"""Bases of one server of which something is remembered: a client may name any below the path that it is allowed."""


class Lines:
    """Two bounded pools of threads, and idle lines, the freshest first.

    ``first`` runs the searches that a call is refused without, ``threads`` all others. No search uses more than one
    line at a time, so there are never more connections than threads.
    """

    def __init__(self, server: AllowedServer, resolver: Resolver, clock: Callable[[], float]) -> None:
        self.first = ThreadPoolExecutor(FIRST_AT_ONCE, thread_name_prefix="fhir-first")
        self.threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="fhir")
        self._takes_bare_ids: dict[Place, bool] = {}
        self._server = server
        self._resolver = resolver
        self._clock = clock
        self._idle: deque[tuple[float, Line]] = deque()
        self._lock = Lock()
        self._is_closed = False

    def takes_bare_ids(self, base: Place) -> bool | None:
        """Whether ``patient=X`` finds at this base what ``patient=Patient/X`` finds; None if nobody knows yet."""
        return self._takes_bare_ids.get(base)

    def learn_bare_ids(self, base: Place, *, taken: bool) -> None:
        """Remember whether bare ids are taken at a base. Once they were seen to miss something they stay untrusted."""
        with self._lock:
            if len(self._takes_bare_ids) >= MOST_PLACES and base not in self._takes_bare_ids:
                self._takes_bare_ids.clear()
            self._takes_bare_ids[base] = taken and self._takes_bare_ids.get(base, True)

    def take(self) -> Line:
        """A line of one's own."""
        with self._lock:
            kept = self._idle.pop()[1] if self._idle else None
        return kept or Line(self._server, self._resolver)

    def give_back(self, line: Line) -> None:
        """Keep a line whose last answer was read to its end; old ones are closed."""
        now = self._clock()
        with self._lock:
            self._idle.append((now, line))
            limit = now + 1 if self._is_closed else now - KEPT_SECONDS
            old = []
            while self._idle and self._idle[0][0] < limit:
                old.append(self._idle.popleft()[1])
        for found in old:
            found.close()

    def close(self) -> None:
        """Close what is idle and start nothing more; what is under way ends with its budget."""
        with self._lock:
            self._is_closed = True
            idle = [line for _, line in self._idle]
            self._idle.clear()
        for line in idle:
            line.close()
        for pool in (self.first, self.threads):
            pool.shutdown(wait=True, cancel_futures=True)
