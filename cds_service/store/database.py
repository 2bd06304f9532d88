"""Opening a database: from the setting to an engine on which a commit is a promise, and its tables made."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

import orjson
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from cds_service.errors import ConfigError, StoreError

FILE: Final = "cds-service.sqlite3"
"""The file in the directory that CDS_STORE names."""
LOCK_WAIT_MS: Final = 2_000
"""How long a write waits for another process's, and how long PostgreSQL may take over one statement."""
_MIGRATION_LOCK: Final = 7_306_514_209
"""Any number that nobody else in the database uses: held while one of several hosts makes the tables."""
_READ_ONLY: Final = "read_only"
_COLLISIONS: Final = frozenset({"40001", "40P01"})
"""serialization_failure and deadlock_detected (PostgreSQL, appendix A)."""


class Collision(StoreError):
    """Two transactions got into each other's way and this one gave way: nothing is wrong, and it may be done again."""


def store_url(setting: str) -> URL:
    """The URL of a store: a directory means SQLite in it. ConfigError names CDS_STORE, and repeats no password."""
    if "://" not in setting:
        return URL.create("sqlite", database=str(Path(setting).absolute() / FILE))
    try:
        url = make_url(setting)
    except (ArgumentError, ValueError):
        raise ConfigError("CDS_STORE is not a database URL: give a directory, or postgresql://user@host/name") from None
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    raise ConfigError("CDS_STORE must be a directory (SQLite) or a postgresql:// URL")


def show_url(url: URL) -> str:
    """The URL as it may be printed."""
    hidden = {name: "***" for name in url.query if "password" in name}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def open_engine(url: URL) -> Engine:
    """An engine for the URL. Connects to nothing yet; a transaction on it is on disk once it is committed."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, json_serializer=_dump, json_deserializer=orjson.loads)
        event.listen(engine, "do_connect", partial(_create_private, url.database or ""))
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    connect = {
        "connect_timeout": 3,
        "tcp_user_timeout": 3_000,
        "keepalives_idle": 10,
        "application_name": "cds-service",
    }
    engine = create_engine(
        url, json_serializer=_dump, json_deserializer=orjson.loads, pool_pre_ping=True, connect_args=connect
    )
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def open_existing(setting: str) -> Engine:
    """The engine of a store that is there: to look at one must not make one. ConfigError."""
    url = store_url(setting)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise ConfigError(f"CDS_STORE: there is no store in {setting}: give the directory that the service has")
    return open_engine(url)


def migrate(engine: Engine) -> None:
    """Make or renew the tables. Safe to call from several processes at once; StoreError if it cannot be done."""
    with as_store_error(), engine.connect() as connection:
        if _is_current(connection):
            return
    with as_store_error(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Other hosts wait here while one makes the tables; a change of large tables may take its time.
            connection.exec_driver_sql("SET LOCAL lock_timeout TO 0")
            connection.exec_driver_sql("SET LOCAL statement_timeout TO 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> AlembicConfig:
    """Where the migrations are: inside the package."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(resources.files("cds_service.store") / "migrations"))
    return config


def empty_journal(engine: Engine) -> bool:
    """Bring what stands in SQLite's journal into its file, and empty it: deleted rows stand there until then.

    False if somebody reads an older state, so that it has to stay. Nothing to do on PostgreSQL. StoreError.
    """
    if engine.dialect.name != "sqlite":
        return True
    # Past the engine's transactions: it cannot be done inside one. What a driver raises here comes as it is.
    try:
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [(is_busy, *_)] = cursor.fetchall()
            return not is_busy
    except sqlite3.Error as error:
        raise StoreError(_kind(error)) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads and waits for no writer; StoreError if the store cannot be read."""
    with as_store_error(), engine.connect().execution_options(**{_READ_ONLY: True}) as connection:
        yield connection


@contextmanager
def as_store_error() -> Iterator[None]:
    """Turn errors of the database into StoreError: the kind alone, since their texts hold statements and values."""
    try:
        yield
    except DBAPIError as error:
        collided = getattr(error.orig, "sqlstate", None) in _COLLISIONS
        raise (Collision if collided else StoreError)(_kind(error.orig)) from None
    except CommandError:
        raise StoreError("made by a newer version of this service") from None
    except SQLAlchemyError as error:
        raise StoreError(type(error).__name__) from None
    except OSError as error:
        raise StoreError(type(error).__name__) from None


def _kind(error: BaseException | None) -> str:
    """``SQLITE_FULL``, ``OperationalError 57P01`` and the like."""
    name = getattr(error, "sqlite_errorname", "")
    if name:
        return str(name)
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def _is_current(connection: Connection) -> bool:
    script = ScriptDirectory.from_config(alembic_config())
    return MigrationContext.configure(connection).get_current_revision() == script.get_current_head()


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def _create_private(path: str, *_: object) -> None:
    """A new file is readable to its owner alone; SQLite's companion files take over its mode."""
    if not os.path.exists(path):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _set_up_sqlite(connection: Any, _: object) -> None:
    # The driver would open transactions by itself, too late and never for a read.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {LOCK_WAIT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer asks for its lock at once: to turn from reader into writer half-way can fail without waiting.
    wants = "BEGIN" if connection.get_execution_options().get(_READ_ONLY) else "BEGIN IMMEDIATE"
    connection.exec_driver_sql(wants)


def _set_up_postgresql(connection: Any, _: object) -> None:
    # A role or a database may have switched off what makes a commit a promise.
    before, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO on")
        cursor.execute(f"SET lock_timeout TO {LOCK_WAIT_MS}")
        cursor.execute(f"SET statement_timeout TO {LOCK_WAIT_MS}")
    connection.autocommit = before
