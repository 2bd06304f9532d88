"""Whether decisions and feedback can be kept: the store is there, takes writes, keeps its promises, has room."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cds_service.doctor.findings import Finding, blame, fine, skip, warn
from cds_service.errors import ConfigError, StoreError
from cds_service.store.condition import Condition, read_condition, try_to_write
from cds_service.store.database import open_engine, show_url, store_url

if TYPE_CHECKING:
    from sqlalchemy import Engine

LITTLE_BYTES = 5_000_000_000
"""Some 800,000 decisions: weeks of a large hospital."""
NO_BYTES = 200_000_000
_LOST = "cards are served all the same, but decisions and feedback are lost (CDS_REQUIRE_RECORD: calls get 503)"


def check_store(
    setting: str, now: datetime, may_write: Callable[[Path], bool], free_bytes: Callable[[Path], int]
) -> tuple[Finding, ...]:
    """Look at the store that CDS_STORE names; nothing is made or changed in it.

    ``may_write`` tells whether this user may make files in a directory, ``free_bytes`` the room on its disk.
    """
    if not setting:
        return (skip("store", "CDS_STORE is not set"),)
    try:
        url = store_url(setting)
    except ConfigError as error:
        return (blame("store", str(error), _LOST, "mend CDS_STORE"),)
    if url.get_backend_name() != "sqlite":
        return (*check_database(open_engine(url), show_url(url), now), skip("disk", "the disk is the database's own"))
    file = Path(url.database or "")
    directory = file.parent
    if not directory.is_dir():
        return (blame("store", f"{directory} is not a directory", _LOST, "make it, for the user of the service alone"),)
    room = check_room(directory, free_bytes(directory))
    if not may_write(directory):
        advice = "give it to the user that runs the service, and run this command as that user"
        return (blame("store", f"{directory} cannot be written by this user", _LOST, advice), room)
    if not file.exists():
        return (fine("store", f"{directory} can be written; its tables are made at the first start"), room)
    return (*check_database(open_engine(url), str(file), now), room)


def check_database(engine: Engine, shown: str, now: datetime) -> tuple[Finding, ...]:
    """Reachable, current, durable, writable; ``shown`` names it without its password."""
    try:
        condition = read_condition(engine)
        if condition.is_current:
            try_to_write(engine, now)
    except StoreError as error:
        advice = "look whether it runs, whether this user may use it, and for what the kind of error says"
        return (blame("store", f"{shown} cannot be used ({error.kind})", _LOST, advice),)
    finally:
        engine.dispose()
    return (judge_tables(condition, shown), judge_durability(condition))


def judge_tables(condition: Condition, shown: str) -> Finding:
    """Whether the tables are those of this version."""
    if condition.is_current:
        return fine("store", f"{shown} has the tables of this version and takes writes")
    if not condition.has_tables:
        return fine("store", f"{shown} answers; its tables are made at the first start")
    return warn(
        "store",
        f"{shown} has the tables of an older version",
        "the next start renews them, and the older version may not use them then",
        "make a backup before that start (docs/operate.md)",
    )


def judge_durability(condition: Condition) -> Finding:
    """Whether a commit is on disk."""
    if not condition.weak:
        return fine("store durability", "a commit is on disk when it returns")
    return blame(
        "store durability",
        ", ".join(f"{name} is {value}" for name, value in condition.weak.items()),
        "what was acknowledged can be gone after a loss of power",
        "put SQLite on a local disk (no network share), and switch these settings on in PostgreSQL",
    )


def check_room(directory: Path, free: int) -> Finding:
    """``free`` bytes on the disk of a directory."""
    text = f"{free / 1e9:.1f} GB free for {directory}"
    advice = "make room, or keep less: cds-service purge --keep-days N"
    if free < NO_BYTES:
        return blame("disk", text, _LOST, advice)
    if free < LITTLE_BYTES:
        return warn("disk", text, "a decision with its cards takes some 6 kB; on a full disk none is kept", advice)
    return fine("disk", text)
