"""--json: every command has it, and prints JSON and nothing else."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.store.database import store_url
from cds_service.store.store import Store
from tests.store.records import record

FIXTURES = Path(__file__).parents[2] / "fixtures"
EXAMPLES = {
    "serve": [],
    "doctor": [],
    "completion": ["zsh"],
    "explain": [str(FIXTURES / "calls" / "folfirinox-no-tissue.json"), "--now", "2026-03-02T09:00:00Z"],
    "replay": ["FOLDER"],
    "reading": ["FOLDER/reading"],
    "check": [],
    "cards": [],
    "describe": ["--out", "FOLDER/pages"],
    "trace": [],
    "prefetch": [],
    "decisions": ["--store", "FOLDER/store"],
    "purge": ["--store", "FOLDER/store", "--keep-days", "9"],
}
"""For each command arguments with which it has something to print. FOLDER is one that a test fills."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stored patient, a labelled text and a store with a decision."""
    for part in ("patients/tissue-coded", "orders"):
        shutil.copytree(FIXTURES / part, tmp_path / part)
    (tmp_path / "reading").mkdir()
    shutil.copy(FIXTURES / "reading" / "tuning.yaml", tmp_path / "reading")
    (tmp_path / "store").mkdir()
    store = Store(store_url(str(tmp_path / "store")))
    store.record(record("d-1", "card-1"))
    store.close()
    return tmp_path


def test_there_is_an_example_of_every_command() -> None:
    assert set(EXAMPLES) == set(main.commands)


@pytest.mark.parametrize("name", [*main.commands])
def test_every_command_prints_json(name: str, folder: Path) -> None:
    [option] = [item for item in main.commands[name].params if "--json" in item.opts]
    assert isinstance(option, click.Option)
    assert option.is_flag
    arguments = [text.replace("FOLDER", str(folder)) for text in EXAMPLES[name]]
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = str(server.getsockname()[1])
    done = CliRunner().invoke(main, [name, *arguments, "--json"], env={"CDS_PORT": free})
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout), name
    assert done.stderr == ""
