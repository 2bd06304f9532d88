"""Lines: the threads and the kept connections to one FHIR server.

Each server has its own, so that a slow hospital cannot use up the threads of another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from cds_service.fhir.addresses import AllowedServer
from cds_service.fhir.line import Line, Resolver

MOST_AT_ONCE = 96
"""Requests to one server at the same time: three for each of 32 calls. The rest wait, within their deadlines."""
KEPT_SECONDS = 15.0
"""How long an unused connection is kept: less than what servers usually wait."""


class Lines:
    """A bounded pool of threads, and idle lines, the freshest first.

    ``takes_bare_ids`` is what has been learnt of the server: whether ``patient=X`` finds what ``patient=Patient/X``
    finds; None until a search has found something.
    """

    def __init__(self, server: AllowedServer, resolver: Resolver, clock: Callable[[], float]) -> None:
        self.threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="fhir")
        self.takes_bare_ids: bool | None = None
        self._server = server
        self._resolver = resolver
        self._clock = clock
        self._idle: deque[tuple[float, Line]] = deque()
        self._lock = Lock()
        self._is_closed = False

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
        self.threads.shutdown(wait=True, cancel_futures=True)
