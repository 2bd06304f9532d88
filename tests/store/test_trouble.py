"""A store that fails, is full, cannot be written or is not there: told by kind, and used again when it is mended."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from cds_service.errors import StoreError
from cds_service.store import store as subject
from cds_service.store.database import FILE, LOCK_WAIT_MS, open_engine, store_url
from cds_service.store.decisions import Wanted, find_decisions, insert_decision
from cds_service.store.store import Store
from tests.store.databases import database, opened
from tests.store.records import NOW, record


def test_a_store_that_can_be_written_has_no_trouble(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.trouble(NOW) == ""
    written = store._commits.transactions
    assert store.trouble(NOW) == ""
    assert store._commits.transactions == written, "asked again at once, it is not written again"
    monkeypatch.setattr(subject, "_PROBE_SECONDS", -1)
    assert store.trouble(NOW) == ""
    assert store._commits.transactions == written + 1


def test_a_store_that_comes_back_is_made_ready_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_PROBE_SECONDS", -1)
    folder = tmp_path / "later"
    with opened(str(folder)) as store:
        with pytest.raises(StoreError, match="FileNotFoundError"):
            store.record(record("d-1"))
        assert store.trouble(NOW) == "FileNotFoundError"
        folder.mkdir()
        assert store.trouble(NOW) == ""
        store.record(record("d-2"))
        assert [found["id"] for found in find_decisions(store.engine, Wanted())] == ["d-2"]


def test_a_read_only_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only file system; a mode would not stop root."""
    with opened(str(tmp_path)) as store:
        store.record(record("d-1"))
    engine = open_engine(store_url(str(tmp_path)))
    monkeypatch.setattr(subject, "open_engine", lambda _: engine)
    with opened(str(tmp_path)) as store:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="SQLITE_READONLY"):
            store.record(record("d-2"))
        assert store.trouble(NOW) == "SQLITE_READONLY"
        assert [found["id"] for found in find_decisions(engine, Wanted())] == ["d-1"]


def test_a_full_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(store_url(str(tmp_path)))
    monkeypatch.setattr(subject, "open_engine", lambda _: engine)
    with opened(str(tmp_path)) as store:
        store.record(record("d-1"))
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match="SQLITE_FULL"):
            store.record(record("d-2", content="c" * 100_000))
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        store.record(record("d-3"))
        assert {found["id"] for found in find_decisions(engine, Wanted())} == {"d-1", "d-3"}


def test_a_store_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LOCK_WAIT_MS == 2_000
    monkeypatch.setattr("cds_service.store.database.LOCK_WAIT_MS", 10)
    with opened(str(tmp_path)) as store:
        store.record(record("d-1"))
        holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="SQLITE_BUSY"):
            store.record(record("d-2"))
        holder.execute("ROLLBACK")
        holder.close()
        store.record(record("d-3"))


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1_000)
    with opened(str(tmp_path)) as store, pytest.raises(StoreError, match="SQLITE_NOTADB"):
        store.record(record())


def run_on(setting: str, statement: str) -> None:
    with psycopg.connect(setting, autocommit=True) as connection:
        connection.execute(statement.encode())


END_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'cds-service' AND datname = current_database()
"""


def test_a_server_that_was_restarted_is_used_again(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as setting, opened(setting) as store:
        store.record(record("d-1"))
        run_on(setting, END_CONNECTIONS)
        store.record(record("d-2"))
        assert len(list(find_decisions(store.engine, Wanted()))) == 2


def test_a_connection_that_ends_within_a_transaction_loses_it_all_and_is_told(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as setting, opened(setting) as store:
        store.record(record("d-1"))

        def cut(connection: Connection) -> None:
            insert_decision(connection, record("d-2"))
            run_on(setting, END_CONNECTIONS)

        with pytest.raises(StoreError):
            store._commits.run(cut)
        store.record(record("d-3"))
        assert {found["id"] for found in find_decisions(store.engine, Wanted())} == {"d-1", "d-3"}


def test_a_server_that_has_become_read_only(tmp_path: Path) -> None:
    """As a standby is, or a primary whose disk filled up under some managed services."""
    with database("postgresql", tmp_path) as setting, opened(setting) as store:
        store.record(record("d-1"))
        run_on(setting, f"ALTER DATABASE {setting.rsplit('/', 1)[1]} SET default_transaction_read_only = on")
        run_on(setting, END_CONNECTIONS)
        with pytest.raises(StoreError, match="25006"):
            store.record(record("d-2"))
        assert store.trouble(NOW) == "ReadOnlySqlTransaction 25006"
