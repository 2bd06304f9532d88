"""Databases for tests: SQLite in a directory, and a fresh PostgreSQL database where a server was given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from cds_service.store.database import store_url
from cds_service.store.store import Store

KINDS = ("sqlite", "postgresql")
SERVER = "TEST_POSTGRES_URL"
_NAMES = count(1)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """A setting for CDS_STORE that names an empty database; PostgreSQL is skipped without a server, never in CI."""
    if kind == "sqlite":
        yield str(folder)
        return
    server = os.environ.get(SERVER, "")
    if not server:
        reason = f"no PostgreSQL server: run under tools/with-postgres, or set {SERVER}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    name = sql.Identifier(f"cds_test_{os.getpid()}_{next(_NAMES)}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield make_url(server).set(database=name.as_string().strip('"')).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def opened(setting: str, patience: float = 20.0) -> Iterator[Store]:
    """A store, closed at the end."""
    store = Store(store_url(setting), patience)
    try:
        yield store
    finally:
        store.close()
