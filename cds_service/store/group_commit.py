"""Group commit: writes of concurrent calls share one transaction and one sync, and each waits until it is on disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import StoreError
from cds_service.store.database import Collision, as_store_error, migrate

S = TypeVar("S")
T = TypeVar("T")
Write = Callable[[Connection], T]
WriteAll = Callable[[Connection, Sequence[S]], Sequence[T]]
Place = tuple[int, str]
"""Where a write stands in its transaction: its kind, then a text that is the same for the same row everywhere."""

MOST_TOGETHER: Final = 200
"""Writes in one transaction."""
MOST_WAITING: Final = 1_000
"""Writes that may wait for a store that hangs; one more fails at once."""
PATIENCE_SECONDS: Final = 2.0
"""How long a call waits for its write."""


@dataclass(eq=False, slots=True)
class _Job:
    write: Write[Any]
    place: Place = (0, "")
    write_all: WriteAll[Any, Any] | None = None
    part: Any = None
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: StoreError | None = None


class GroupCommit:
    """One thread that writes what all threads of this process hand in.

    The first write goes out at once; those that arrive while it is being synced go out together in the next
    transaction. Each write has a savepoint, so one that fails takes no other with it. ``patience`` bounds what a call
    waits; a write given up may still reach the disk later.

    Several processes may write the same rows. Each of them writes in order of ``place``, not of arrival, so that no two
    wait for each other. Should the database end a transaction for another all the same, it is done again, once.
    """

    def __init__(self, engine: Engine, patience: float = PATIENCE_SECONDS) -> None:
        self._engine = engine
        self._patience = patience
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None
        self._closed = False
        self._migrated = False
        self.transactions = 0

    def run_together(self, write_all: WriteAll[S, T], part: S, place: Place) -> T:
        """The same for one part of what ``write_all`` writes: it is given all parts of a transaction at once.

        For writes of many rows each, which no order of whole writes can bring into one order of rows.
        """
        return self.run(lambda connection: write_all(connection, [part])[0], place, write_all, part)

    def run(
        self, write: Write[T], place: Place = (0, ""), write_all: WriteAll[S, T] | None = None, part: S | None = None
    ) -> T:
        """Do ``write`` inside a transaction; its result, once that is on disk. StoreError if it is not known to be."""
        job = _Job(write, place, write_all, part)
        with self._changed:
            if self._closed:
                raise StoreError("closed")
            if len(self._waiting) >= MOST_WAITING or self._hangs():
                raise StoreError("does not answer")
            if self._thread is None:
                self._thread = self._start_thread()
            self._waiting.append(job)
            self._changed.notify()
        if not job.done.wait(self._patience):
            raise StoreError("does not answer")
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def close(self) -> None:
        """Write what waits, then end the thread and the connections."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(self._patience)
        self._engine.dispose()

    def _start_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="store", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            raise StoreError("no thread to write with") from None
        return thread

    def _hangs(self) -> bool:
        return self._busy_since is not None and time.monotonic() - self._busy_since > self._patience

    def _work(self) -> None:
        while jobs := self._next():
            try:
                try:
                    self._commit(jobs)
                except Collision:
                    self._start_again(jobs)
                    self._commit(jobs)
            except Exception as error:
                # Whatever it is: the thread must live, and the calls must hear of it.
                for job in jobs:
                    job.error = job.error or _told(error)
            with self._changed:
                self._busy_since = None
            for job in jobs:
                job.done.set()

    def _next(self) -> list[_Job]:
        """The writes that wait, as soon as there is one; none when closed and all is written."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            jobs = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
            self._busy_since = time.monotonic() if jobs else None
            return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        if not self._migrated:
            # Here and not at the start: a store that was down then is made ready when it comes back.
            migrate(self._engine)
            self._migrated = True
        with as_store_error(), self._engine.begin() as connection:
            # The order of arrival is kept within a place.
            for write_all, found in groupby(sorted(jobs, key=attrgetter("place")), key=attrgetter("write_all")):
                group = list(found)
                if write_all is None or len(group) == 1 or not _attempt_together(write_all, group, connection):
                    for job in group:
                        self._attempt(job, connection)
        self.transactions += 1

    def _start_again(self, jobs: list[_Job]) -> None:
        """Forget what a transaction that gave way came to; the time that it took is no sign of a store that hangs."""
        for job in jobs:
            job.result = job.error = None
        with self._changed:
            self._busy_since = time.monotonic()

    def _attempt(self, job: _Job, connection: Connection) -> None:
        savepoint = connection.begin_nested()
        try:
            with as_store_error():
                job.result = job.write(connection)
                savepoint.commit()
        except Collision:
            raise
        except Exception as error:
            job.error = _told(error)
            try:
                savepoint.rollback()
            except SQLAlchemyError:
                # The savepoint is gone with all of the transaction, as after a full disk.
                raise job.error from None


def _attempt_together(write_all: WriteAll[Any, Any], jobs: list[_Job], connection: Connection) -> bool:
    """Whether all parts could be written at once. If not, nothing of them is, and each is to be tried alone."""
    savepoint = connection.begin_nested()
    try:
        with as_store_error():
            results = write_all(connection, [job.part for job in jobs])
            savepoint.commit()
    except Collision:
        raise
    except Exception as error:
        try:
            savepoint.rollback()
        except SQLAlchemyError:
            raise _told(error) from None
        return False
    for job, result in zip(jobs, results, strict=True):
        job.result = result
    return True


def _told(error: Exception) -> StoreError:
    """The error as callers may hear it; a fault of ours by its type alone."""
    return error if isinstance(error, StoreError) else StoreError(type(error).__name__)
