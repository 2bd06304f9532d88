"""The one place in which a call is computed: who waits for it, and who leaves it while waiting for somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from cds_service.errors import Overloaded

_GATE = Lock()
"""Held by the one call that is computed. Calls share one interpreter: two at once only take turns in it, each losing
the processor's caches to the other, and hold two parsed bodies in memory."""
PATIENCE_SECONDS = 5.0


@contextmanager
def compute_slot() -> Iterator[None]:
    """A place among the calls being computed; Overloaded when none comes free in time."""
    if not _GATE.acquire(timeout=PATIENCE_SECONDS):
        raise Overloaded("the service is busy: call again")
    try:
        yield
    finally:
        _GATE.release()


@contextmanager
def outside_slot() -> Iterator[None]:
    """Let another call be computed while this one waits for somebody far away. A call begun is not refused any more."""
    _GATE.release()
    try:
        yield
    finally:
        _GATE.acquire()
