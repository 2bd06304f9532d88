"""Group commit: one sync for many, nobody harmed by another's failure, nobody kept by a store that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from cds_service.errors import StoreError
from cds_service.store import group_commit
from cds_service.store.database import FILE, Collision, migrate, open_engine, reading, store_url
from cds_service.store.group_commit import GroupCommit, Place
from tests.store.databases import database

LONG = 20.0


def insert(name: str) -> Callable[[Connection], str]:
    def write(connection: Connection) -> str:
        connection.execute(text("INSERT INTO heartbeats (name) VALUES (:name)"), {"name": name})
        return name

    return write


def names(setting: str) -> set[str]:
    engine = open_engine(store_url(setting))
    with reading(engine) as connection:
        found = set(connection.scalars(text("SELECT name FROM heartbeats")))
    engine.dispose()
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    patience = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        patience.wait(0.002)
    raise AssertionError("it did not happen")


class Held:
    """A write that keeps the thread busy until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self.entered.set()
        self.go.wait(LONG)


def test_what_waits_goes_out_in_one_transaction(setting: str) -> None:
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    held = Held()
    with ThreadPoolExecutor(30) as pool:
        first = pool.submit(commits.run, held)
        assert held.entered.wait(LONG)
        rest = [pool.submit(commits.run, insert(str(number))) for number in range(29)]
        until(lambda: len(commits._waiting) == 29)
        held.go.set()
        first.result()
        assert [job.result() for job in rest] == [str(number) for number in range(29)]
    assert commits.transactions == 2
    commits.close()
    assert len(names(setting)) == 29


def test_without_a_thread_a_write_fails_and_the_next_one_tries_again(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StoreError, match="no thread"):
            commits.run(insert("a"))
    assert commits.run(insert("b")) == "b"
    commits.close()
    assert names(setting) == {"b"}


def test_what_was_done_in_a_transaction_that_gave_way_is_forgotten(setting: str) -> None:
    """A write that failed there and succeeds when it is done again has succeeded; and the other way round."""
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    held, tries = Held(), list[str]()

    def fails_first(connection: Connection) -> str:
        tries.append("fails first")
        if tries.count("fails first") == 1:
            raise StoreError("first time")
        return insert("a")(connection)

    def fails_later(connection: Connection) -> str:
        tries.append("fails later")
        if tries.count("fails later") == 2:
            raise StoreError("second time")
        return insert("b")(connection)

    def gives_way(connection: Connection) -> str:
        tries.append("gives way")
        if tries.count("gives way") == 1:
            raise Collision("40P01")
        return insert("c")(connection)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commits.run, held)
        assert held.entered.wait(LONG)
        writes = (fails_first, fails_later, gives_way)
        rest = [pool.submit(commits.run, write, (place, "")) for place, write in enumerate(writes)]
        until(lambda: len(commits._waiting) == 3)
        held.go.set()
        first.result()
        assert rest[0].result() == "a"
        assert getattr(rest[1].exception(), "kind", "") == "second time"
        assert rest[2].result() == "c"
    commits.close()
    assert names(setting) == {"a", "c"}


def test_a_write_that_fails_takes_no_other_with_it(setting: str) -> None:
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    held = Held()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commits.run, held)
        assert held.entered.wait(LONG)
        rest = [pool.submit(commits.run, insert(name)) for name in ("a", "a", "b")]
        until(lambda: len(commits._waiting) == 3)
        held.go.set()
        first.result()
        errors = [job.exception() for job in rest]
    assert [type(error) for error in errors].count(StoreError) == 1
    assert commits.transactions == 2
    commits.close()
    assert names(setting) == {"a", "b"}


def test_writes_go_out_in_order_of_their_place_not_of_their_arrival(setting: str) -> None:
    """Every process writes in this order: else two that share rows wait for each other, until one is thrown out."""
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    held, written = Held(), list[object]()

    def all_at_once(_: Connection, parts: Sequence[str]) -> Sequence[int]:
        written.append(tuple(parts))
        return [len(part) for part in parts]

    def note(place: Place, _: Connection) -> int | None:
        written.append(place)
        return None

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(commits.run, held)
        assert held.entered.wait(LONG)
        jobs: list[Future[int | None]] = []
        for place in ((9, ""), (1, "b"), (2, "parts"), (0, "z"), (1, "a"), (2, "parts")):
            if place == (2, "parts"):
                jobs.append(pool.submit(commits.run_together, all_at_once, "part" * (1 + len(jobs) // 5), place))
            else:
                jobs.append(pool.submit(commits.run, partial(note, place), place))
            until(lambda: len(commits._waiting) == len(jobs))
        held.go.set()
        first.result()
        results = [job.result() for job in jobs]
    assert written == [(0, "z"), (1, "a"), (1, "b"), ("part", "partpart"), (9, "")]
    assert results == [None, None, 4, None, None, 8]
    commits.close()


def test_of_parts_written_together_one_that_fails_takes_no_other_with_it(setting: str) -> None:
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    held = Held()

    def insert_all(connection: Connection, parts: Sequence[str]) -> Sequence[str]:
        return [insert(part)(connection) for part in parts]

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commits.run, held)
        assert held.entered.wait(LONG)
        jobs = [pool.submit(commits.run_together, insert_all, part, (1, "")) for part in ("a", "a", "b")]
        until(lambda: len(commits._waiting) == 3)
        held.go.set()
        first.result()
        errors = [job.exception() for job in jobs]
    assert [type(error) for error in errors].count(StoreError) == 1
    commits.close()
    assert names(setting) == {"a", "b"}


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_transaction_that_gave_way_to_another_is_done_again(tmp_path: Path, state: str) -> None:
    with database("postgresql", tmp_path) as setting:
        commits, tries = GroupCommit(open_engine(store_url(setting)), LONG), list[float | None]()

        def collide(connection: Connection) -> str:
            tries.append(commits._busy_since)
            insert("a")(connection)
            if len(tries) == 1:
                raised(state, connection)
            return "written"

        assert commits.run(collide) == "written"
        assert len(tries) == 2
        assert None not in tries
        assert tries[0] != tries[1], "the first attempt counts as time in which the store hangs"
        commits.close()
        assert names(setting) == {"a"}


def test_it_is_done_again_but_once_and_then_told(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as setting:
        commits, tries = GroupCommit(open_engine(store_url(setting)), LONG), list[int]()

        def collide(connection: Connection) -> None:
            tries.append(1)
            raised("40P01", connection)

        with pytest.raises(StoreError, match="DeadlockDetected 40P01"):
            commits.run(collide)
        assert len(tries) == 2
        assert commits.run(insert("after")) == "after"
        commits.close()


def raised(state: str, connection: Connection) -> None:
    connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")


def test_a_fault_of_ours_reaches_the_caller_and_ends_nothing(setting: str) -> None:
    commits = GroupCommit(open_engine(store_url(setting)), LONG)

    def wrong(_: Connection) -> None:
        raise KeyError("x")

    with pytest.raises(StoreError, match="KeyError"):
        commits.run(wrong)
    assert commits.run(insert("a")) == "a"
    commits.close()


def test_nobody_waits_for_a_store_that_hangs(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    commits.run(insert("before"))
    commits._patience = 0.02
    held = Held()
    with pytest.raises(StoreError, match="does not answer"):
        commits.run(held)
    # Now it is known to hang: not even the patience is spent.
    monkeypatch.setattr(threading.Event, "wait", None)
    with pytest.raises(StoreError, match="does not answer"):
        commits.run(insert("never"))
    monkeypatch.undo()
    held.go.set()
    commits._patience = LONG
    assert commits.run(insert("after")) == "after"
    commits.close()
    assert names(setting) == {"before", "after"}


def test_as_many_as_may_wait(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_WAITING", 0)
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    with pytest.raises(StoreError, match="does not answer"):
        commits.run(insert("a"))
    commits.close()


def test_closing_writes_what_waits_and_takes_no_more(setting: str) -> None:
    commits = GroupCommit(open_engine(store_url(setting)), LONG)
    held = Held()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commits.run, held)
        assert held.entered.wait(LONG)
        last = pool.submit(commits.run, insert("last"))
        until(lambda: bool(commits._waiting))
        closing = pool.submit(commits.close)
        until(lambda: commits._closed)
        held.go.set()
        first.result()
        assert last.result() == "last"
        closing.result()
    with pytest.raises(StoreError, match="closed"):
        commits.run(insert("late"))
    assert names(setting) == {"last"}


def test_a_store_never_used_is_closed(tmp_path: Path) -> None:
    GroupCommit(open_engine(store_url(str(tmp_path)))).close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_fails_all_of_the_transaction_and_passes(tmp_path: Path) -> None:
    engine = open_engine(store_url(str(tmp_path)))
    migrate(engine)
    commits = GroupCommit(engine, LONG)
    commits.run(insert("before"))

    def fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        insert("x" * 1_000_000)(connection)

    with pytest.raises(StoreError, match="SQLITE_FULL"):
        commits.run(fill)
    with pytest.raises(StoreError, match="SQLITE_FULL"):
        commits.run(insert("y" * 1_000_000))
    commits.run(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000"))
    commits.run(insert("after"))
    commits.close()
    assert names(str(tmp_path)) == {"before", "after"}
    assert (tmp_path / FILE).stat().st_size < 1_000_000
