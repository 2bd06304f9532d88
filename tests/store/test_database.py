"""Opening a database: its URL, what a commit promises on it, and its tables."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import InvalidRequestError

from cds_service.errors import ConfigError, StoreError
from cds_service.store.database import (
    FILE,
    alembic_config,
    as_store_error,
    migrate,
    open_engine,
    open_existing,
    reading,
    show_url,
    store_url,
)
from cds_service.store.schema import metadata

SECRET = "s3cret-word"


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("/var/lib/cds", f"sqlite:////var/lib/cds/{FILE}"),
        (f"postgresql://cds:{SECRET}@db/cds", "postgresql+psycopg://cds:***@db/cds"),
        (
            f"postgres://cds:{SECRET}@db:5433/cds?sslmode=verify-full",
            "postgresql+psycopg://cds:***@db:5433/cds?sslmode=verify-full",
        ),
        ("postgresql+psycopg://db/cds", "postgresql+psycopg://db/cds"),
        (f"postgresql://db/cds?password={SECRET}&user=cds", "postgresql+psycopg://db/cds?password=%2A%2A%2A&user=cds"),
    ],
)
def test_a_setting_becomes_a_url_and_is_shown_without_password(setting: str, shown: str) -> None:
    assert show_url(store_url(setting)) == shown


@pytest.mark.parametrize(
    "setting", [f"mysql://u:{SECRET}@db/x", f"postgresql://u:{SECRET}@db:port/x", "sqlite:///x", "://"]
)
def test_other_urls_stop_the_start_and_are_not_repeated(setting: str) -> None:
    with pytest.raises(ConfigError, match="CDS_STORE") as caught:
        store_url(setting)
    assert SECRET not in str(caught.value)


def test_a_commit_is_a_promise(setting: str) -> None:
    engine = open_engine(store_url(setting))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
            assert found == ["wal", 2]
        else:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"
            assert connection.scalar(text("SHOW statement_timeout")) == "2s"
    engine.dispose()


def test_a_new_file_is_readable_to_its_owner_alone(tmp_path: Path) -> None:
    engine = open_engine(store_url(str(tmp_path)))
    migrate(engine)
    engine.dispose()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_migrations_make_the_tables_that_the_code_knows(setting: str) -> None:
    engine = open_engine(store_url(setting))
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_migrations_can_be_taken_back(setting: str) -> None:
    engine = open_engine(store_url(setting))
    migrate(engine)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    engine.dispose()


def test_several_processes_may_make_the_tables_at_once(setting: str) -> None:
    engines = [open_engine(store_url(setting)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(migrate, engines))
    for engine in engines:
        engine.dispose()


def test_tables_of_a_newer_version_are_left_alone(setting: str) -> None:
    engine = open_engine(store_url(setting))
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer version"):
        migrate(engine)
    engine.dispose()


def test_a_reader_waits_for_no_writer(setting: str) -> None:
    engine = open_engine(store_url(setting))
    migrate(engine)
    with engine.begin() as writer:
        writer.exec_driver_sql("INSERT INTO heartbeats (name, at) VALUES ('x', 'y')")
        with reading(engine) as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM heartbeats").scalar() == 0
    engine.dispose()


def test_to_look_at_a_store_makes_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no store"):
        open_existing(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_errors_say_the_kind_and_nothing_of_the_statement(setting: str) -> None:
    engine = open_engine(store_url(setting))
    with pytest.raises(StoreError) as caught, reading(engine) as connection:
        connection.execute(text("SELECT :word FROM nowhere"), {"word": SECRET})
    assert caught.value.kind in {"SQLITE_ERROR", "UndefinedTable 42P01"}
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    engine.dispose()


@pytest.mark.parametrize("error", [OSError(SECRET), InvalidRequestError(SECRET)])
def test_every_error_of_the_library_is_told_by_kind(error: Exception) -> None:
    with pytest.raises(StoreError) as caught, as_store_error():
        raise error
    assert caught.value.kind == type(error).__name__


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    engine = open_engine(store_url("postgresql://cds@127.0.0.1:9/cds"))
    with pytest.raises(StoreError, match="OperationalError"):
        migrate(engine)
    engine = open_engine(store_url(str(tmp_path / "none")))
    with pytest.raises(StoreError, match="FileNotFoundError"):
        migrate(engine)
