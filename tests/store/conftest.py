"""Every test of the store runs on SQLite, and on PostgreSQL where there is a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.store.store import Store
from tests.store.databases import KINDS, database, opened


@pytest.fixture(params=KINDS)
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """CDS_STORE for an empty database."""
    with database(str(request.param), tmp_path) as found:
        yield found


@pytest.fixture
def store(setting: str) -> Iterator[Store]:
    """A store in an empty database."""
    with opened(setting) as found:
        yield found
