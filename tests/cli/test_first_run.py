"""First-run errors: what a newcomer gets wrong is answered with what, where and what to do; never with a traceback."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.errors import ConfigError
from cds_service.store.database import FILE
from cds_service.web.server import claim_port

ROOT = Path(__file__).parents[2]
CALL = str(ROOT / "fixtures" / "calls" / "folfirinox-no-tissue.json")


class Slip(NamedTuple):
    """Arguments (HERE is a folder that a test fills) and words of the answer: what, where, what to do."""

    arguments: str
    words: tuple[str, ...]


SLIPS = {
    "missing-file": Slip("explain HERE/none.json", ("HERE/none.json", "No such file", "check the path")),
    "folder-as-call": Slip("explain HERE", ("HERE", "Is a directory", "check the path")),
    "text-as-call": Slip("explain HERE/text.json", ("HERE/text.json", "not valid JSON", "line 1", "fixtures/calls/")),
    "bytes-as-call": Slip("explain HERE/bytes.json", ("HERE/bytes.json", "not valid JSON", "fixtures/calls/")),
    "empty-call": Slip("explain HERE/empty.json", ("HERE/empty.json", "the body is empty", "CDS Hooks request")),
    "bundle-as-call": Slip("explain HERE/bundle.json", ("HERE/bundle.json", "hook must be one of", "--data")),
    "json-as-call": Slip("explain HERE/other.json", ("HERE/other.json", "hook must be one of", "fixtures/calls/")),
    "deep-call": Slip("explain HERE/deep.json", ("HERE/deep.json", "nested deeper", "fixtures/calls/")),
    "call-as-data": Slip("explain CALL --data HERE/other.json", ("HERE/other.json", "must be a FHIR resource")),
    "empty-data": Slip("explain CALL --data HERE/empty", ("HERE/empty", "name a folder of FHIR resources")),
    "day-as-now": Slip("explain CALL --now 2026-03-02", ("--now", "2026-03-02T09:00:00Z")),
    "vendor": Slip("explain CALL --vendor cerner", ("--vendor", "'cerner' is not one of", "'oracle'")),
    "option": Slip("explain CALL --vendro epic", ("--vendro", "Did you mean")),
    "command": Slip("doctr", ("doctr", "Did you mean 'doctor'")),
    "broken-toml": Slip("serve --site HERE/broken.toml", ("HERE/broken.toml:2", "not valid TOML")),
    "broken-toml-explain": Slip("explain CALL --site HERE/broken.toml", ("HERE/broken.toml:2", "not valid TOML")),
    "no-site": Slip("serve --site HERE/none.toml", ("CDS_SITE", "HERE/none.toml", "give the site file")),
    "serve-other-folder": Slip("serve --cards HERE", ("HERE", "holds no folder pancreatic", "content directory")),
    "cards-other-folder": Slip("cards --cards HERE", ("HERE", "holds no folder pancreatic", "content directory")),
    "cards-no-folder": Slip("trace --cards HERE/none", ("HERE/none", "holds no folder", "content directory")),
    "log-level": Slip("serve --log-level loud", ("--log-level", "'loud' is not one of", "'warning'")),
    "port": Slip("serve --port web", ("CDS_PORT", "whole number from 1 to 65535")),
    "host-name": Slip("serve --host example", ("CDS_HOST", "IP address", "127.0.0.1")),
    "host-open": Slip("serve --host 0.0.0.0", ("CDS_HOST is 0.0.0.0", "CDS_SITE", "--insecure")),
    "no-store": Slip("serve --store HERE/none", ("CDS_STORE is HERE/none", "make it")),
    "file-as-store": Slip("serve --store CALL", ("CDS_STORE is CALL", "not a directory")),
    "decisions-no-store": Slip("decisions --store HERE", ("HERE", "there is no store", "give the directory")),
    "decisions-no-database": Slip(
        "decisions --store HERE/store", (f"HERE/store/{FILE}", "SQLITE_NOTADB", "cds-service doctor")
    ),
    "purge-no-database": Slip("purge --keep-days 9 --store HERE/store", (FILE, "SQLITE_NOTADB", "cds-service doctor")),
    "store-away": Slip(
        "decisions --store postgresql://cds:s3cret-word@127.0.0.1:1/cds",
        ("cds:***@127.0.0.1:1/cds", "cannot be used", "look whether it runs"),
    ),
    "decisions-where": Slip("decisions", ("--store", "CDS_STORE")),
    "replay-other-folder": Slip("replay HERE", ("HERE", "holds neither", "name a fixtures folder")),
    "replay-no-url": Slip("replay FIXTURES --against here", ("here", "http://host:port")),
    "reading-other-folder": Slip("reading HERE/none", ("HERE/none", "name a folder such as fixtures/reading")),
    "register-twice": Slip("cards --csv --json", ("--csv and --json", "give one of them")),
    "describe-into-file": Slip("describe --out CALL", ("CALL", "File exists", "check the path")),
    "completion": Slip("completion tcsh", ("'tcsh' is not one of", "'bash'")),
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with all the wrong files."""
    for name, data in {
        "text.json": b"hello",
        "bytes.json": b"\xff\xfe\x00",
        "empty.json": b"",
        "bundle.json": b'{"resourceType": "Bundle"}',
        "other.json": b'{"name": "package"}',
        "deep.json": b"[" * 100_000,
        "broken.toml": b"demo = true\n= 1\n",
    }.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "empty").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / FILE).write_text("this is something else altogether " * 100, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", [*SLIPS])
def test_a_slip_is_answered_with_what_where_and_what_to_do(name: str, here: Path) -> None:
    def fill(text: str) -> str:
        return text.replace("HERE", str(here)).replace("CALL", CALL).replace("FIXTURES", str(ROOT / "fixtures"))

    slip = SLIPS[name]
    done = CliRunner().invoke(main, [fill(word) for word in slip.arguments.split()])
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert done.stdout == ""
    for word in slip.words:
        assert fill(word) in done.stderr
    assert "s3cret-word" not in done.output
    assert "Traceback" not in done.output


def test_the_same_slip_is_told_once(here: Path) -> None:
    done = CliRunner().invoke(main, ["check", "--site", str(here / "broken.toml")])
    assert done.exit_code == 1
    assert done.stdout.count("not valid TOML") == 1
    assert done.stdout.endswith("1 problem\n")


def test_a_misspelt_setting_is_told_with_those_that_exist() -> None:
    done = CliRunner().invoke(main, ["serve"], env={"CDS_PROT": "8081"})
    assert done.exit_code == 2
    assert "CDS_PROT is not a setting" in done.stderr
    assert "CDS_PORT" in done.stderr


def test_a_taken_port_says_how_to_go_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = CliRunner().invoke(main, ["serve", "--port", port])
    assert done.exit_code == 2
    assert f"CDS_PORT {port} on 127.0.0.1 is not free (Address already in use)" in done.stderr
    assert "choose another CDS_PORT (--port)" in done.stderr


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EADDRINUSE, "end what uses it"),
        (errno.EACCES, "ports below 1024"),
        (errno.EADDRNOTAVAIL, "an address of this machine"),
        (errno.ENOBUFS, "choose another CDS_PORT"),
    ],
)
def test_a_port_that_cannot_be_had_says_why(number: int, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, _: object) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(ConfigError, match=advice):
        claim_port("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("Python 3.9.18", "Python 3.9.18 is too old: Python 3.11 or later is needed"),
        ("", "is not installed: Python 3.11 or later is needed"),
    ],
)
def test_make_with_a_wrong_python(tmp_path: Path, version: str, said: str) -> None:
    python = tmp_path / "python"
    if version:
        python.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit 0\nexit 1\n', encoding="utf-8")
        python.chmod(0o755)
    venv = tmp_path / "venv"
    done = subprocess.run(
        ["make", f"PYTHON={python}", f"VENV={venv}", f"{venv}/bin/python"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert not venv.exists()
