"""The store: made, current, writable, durable, with room; and nothing of what is asked stays in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from cds_service.doctor.findings import Finding, State
from cds_service.doctor.store import (
    LITTLE_BYTES,
    NO_BYTES,
    check_database,
    check_room,
    check_store,
    judge_durability,
    judge_tables,
)
from cds_service.errors import StoreError
from cds_service.store import condition as store_condition
from cds_service.store.condition import Condition, read_condition, try_to_write
from cds_service.store.database import FILE, migrate, open_engine, store_url
from tests.store.databases import KINDS, database

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLENTY = 10 * LITTLE_BYTES


def look(setting: str, may_write: bool = True, free: int = PLENTY) -> tuple[Finding, ...]:
    return check_store(setting, NOW, lambda _: may_write, lambda _: free)


def states(findings: tuple[Finding, ...]) -> dict[str, State]:
    return {finding.name: finding.state for finding in findings}


@pytest.fixture(params=KINDS)
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(str(request.param), tmp_path) as found:
        yield found


@pytest.fixture
def engine(setting: str) -> Iterator[Engine]:
    found = open_engine(store_url(setting))
    yield found
    found.dispose()


def test_no_store_is_skipped() -> None:
    assert states(look("")) == {"store": State.SKIPPED}


def test_a_store_before_its_first_start_is_fine_and_not_made(tmp_path: Path) -> None:
    found = look(str(tmp_path))
    assert states(found) == {"store": State.OK, "disk": State.OK}
    assert "first start" in found[0].found
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_is_looked_at_and_not_changed(setting: str, engine: Engine) -> None:
    migrate(engine)
    found = look(setting)
    assert found[0].state is State.OK
    assert "takes writes" in found[0].found
    assert found[1].state is State.OK
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM heartbeats").scalar() == 0


def test_a_database_without_tables(engine: Engine) -> None:
    assert read_condition(engine) == Condition(has_tables=False, is_current=False, weak={})


def test_a_store_of_a_newer_version(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    [found] = check_database(engine, "here", NOW)
    assert found.state is State.PROBLEM
    assert "newer version" in found.found


def test_a_store_that_takes_no_writes(tmp_path: Path) -> None:
    engine = open_engine(store_url(str(tmp_path)))
    migrate(engine)
    event.listen(engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreError):
        try_to_write(engine, NOW)
    [found] = check_database(engine, "here", NOW)
    assert found.state is State.PROBLEM
    assert "here cannot be used (SQLITE_READONLY" in found.found


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("something else altogether" * 100, encoding="utf-8")
    assert states(look(str(tmp_path))) == {"store": State.PROBLEM, "disk": State.OK}


def test_a_sqlite_file_that_is_locked_open_by_another_reader_is_fine(tmp_path: Path) -> None:
    engine = open_engine(store_url(str(tmp_path)))
    migrate(engine)
    with sqlite3.connect(tmp_path / FILE) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM heartbeats").fetchall()
        assert look(str(tmp_path))[0].state is State.OK
    reader.close()


def test_durable_settings_are_those_of_the_database(
    setting: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the databases answer for weak settings: the wanted value is turned round."""
    migrate(engine)
    for wanted, ask in (("_SQLITE", "PRAGMA synchronous"), ("_POSTGRESQL", "SHOW fsync")):
        monkeypatch.setattr(store_condition, wanted, {ask: "something else"})
    [(name, value)] = read_condition(engine).weak.items()
    assert (name, value) in {("synchronous", "2"), ("fsync", "on"), ("fsync", "off")}


def test_weak_settings_are_a_problem() -> None:
    assert judge_durability(Condition(True, True, {})).state is State.OK
    found = judge_durability(Condition(True, True, {"journal_mode": "delete"}))
    assert found.state is State.PROBLEM
    assert "journal_mode is delete" in found.found


def test_tables_of_an_older_version_are_a_warning() -> None:
    assert judge_tables(Condition(True, False, {}), "here").state is State.WARNING
    assert judge_tables(Condition(False, False, {}), "here").state is State.OK


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("/none/such", "/none/such is not a directory"),
        ("mysql://cds:s3cret-word@db/cds", "CDS_STORE must be"),
        ("postgresql://cds:s3cret-word@127.0.0.1:1/cds", "cds:***@127.0.0.1:1/cds cannot be used"),
    ],
)
def test_a_store_that_is_not_there(setting: str, said: str) -> None:
    first = look(setting)[0]
    assert first.state is State.PROBLEM
    assert said in first.found
    assert first.advice
    assert "s3cret-word" not in first.as_text()


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    found = look(str(tmp_path), may_write=False)
    assert states(found) == {"store": State.PROBLEM, "disk": State.OK}
    assert str(tmp_path) in found[0].found


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (NO_BYTES - 1, State.PROBLEM),
        (NO_BYTES, State.WARNING),
        (LITTLE_BYTES - 1, State.WARNING),
        (LITTLE_BYTES, State.OK),
    ],
)
def test_room(tmp_path: Path, free: int, state: State) -> None:
    assert check_room(tmp_path, free).state is state
    assert states(look(str(tmp_path), free=free))["disk"] is state
