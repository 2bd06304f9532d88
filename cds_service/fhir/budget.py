"""Budget: what one call may spend on fetching, in time and in bytes, shared by all its searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be fetched. ``seconds`` is the deadline of a whole call; ``page_size`` is what is asked for."""

    seconds: float = 0.45
    bytes_of_search: int = 5_000_000
    bytes_of_call: int = 20_000_000
    pages_of_search: int = 20
    page_size: int = 200


class Budget:
    """The time left until the one deadline of a call, by a clock that only goes forward, and the bytes left."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._ends = clock() + limits.seconds
        self._bytes = limits.bytes_of_call
        self._is_over = False
        self._lock = Lock()

    def left(self) -> float:
        """Seconds left, 0 once the deadline has passed or the call is over."""
        return 0.0 if self._is_over else max(0.0, self._ends - self._clock())

    def end(self) -> None:
        """The call is over: nobody may spend any more."""
        self._is_over = True

    def take(self, size: int) -> bool:
        """Spend so many bytes; False if they are not left."""
        with self._lock:
            self._bytes -= size
            return self._bytes >= 0
