"""The condition of a store, for ``cds-service doctor``: what it is asked leaves nothing behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from cds_service.store.database import alembic_config, as_store_error, reading
from cds_service.store.schema import as_time, heartbeats, insert_new

_SQLITE: Final = {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2"}
_POSTGRESQL: Final = {"SHOW fsync": "on", "SHOW full_page_writes": "on"}
"""What the server alone can set: ``synchronous_commit`` is set by each of our connections."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``has_tables``: there are any. ``is_current``: they are those of this version.

    ``weak`` are settings of the database under which a commit is no promise, by name with their value.
    """

    has_tables: bool
    is_current: bool
    weak: Mapping[str, str]


def read_condition(engine: Engine) -> Condition:
    """The condition of a store that answers. StoreError if it does not, or was made by a newer version."""
    wanted = _POSTGRESQL if engine.dialect.name == "postgresql" else _SQLITE
    with reading(engine) as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        values = {ask: str(connection.exec_driver_sql(ask).scalar()) for ask in wanted}
    with as_store_error():
        script = ScriptDirectory.from_config(alembic_config())
        if revision is not None:
            script.get_revision(revision)
        is_current = revision == script.get_current_head()
    weak = {ask.split()[1]: value for ask, value in values.items() if value != wanted[ask]}
    return Condition(revision is not None, is_current, weak)


def try_to_write(engine: Engine, now: datetime) -> None:
    """Write into a store whose tables are current, and take it back. StoreError if it cannot be done."""
    with as_store_error(), engine.connect() as connection, connection.begin() as transaction:
        _beat(connection, now)
        transaction.rollback()


def _beat(connection: Connection, now: datetime) -> None:
    insert_new(connection, heartbeats, [{"name": "service", "at": ""}])
    connection.execute(heartbeats.update().values(at=as_time(now)))
