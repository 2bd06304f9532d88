"""Group commit: one sync for many, nobody harmed by another's failure, nobody kept by a store that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from cds_service.errors import StoreError
from cds_service.store import group_commit
from cds_service.store.database import FILE, migrate, open_engine, reading, store_url
from cds_service.store.group_commit import GroupCommit

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
