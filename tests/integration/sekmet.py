"""sekmet-fhir, a FHIR R4 server by somebody else, run on this machine for the length of a test.

It lives in an environment of its own (``make test`` makes it from ``requirements.txt``), so that its libraries are none
of ours. It listens on 127.0.0.1 alone, wants a bearer token, and does nothing by itself: its workflow simulator, which
answers orders with results, is off. It stores whatever it is given: what an EHR holds is not always valid, and the
stored patients are validated elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".venv-sekmet" / "bin" / "sekmet"
TOKEN = "Quincunx-t0ken"
START_SECONDS = 60.0
_AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True, slots=True)
class Sekmet:
    """A running server. ``url`` is its FHIR base."""

    url: str

    def store(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Put resources under their own ids. AssertionError names the first that the server refuses."""
        entries = [
            {"resource": item, "request": {"method": "PUT", "url": f"{item['resourceType']}/{item['id']}"}}
            for item in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = requests.post(self.url, json=bundle, headers=_AUTHORIZED, timeout=60)
        assert answer.status_code == 200, answer.text
        for entry, done in zip(entries, answer.json()["entry"], strict=True):
            assert done["response"]["status"].startswith("2"), (entry["request"], done)

    def read(self, query: str) -> Any:
        """What the server answers to a GET below its base, as an EHR would read it."""
        answer = requests.get(f"{self.url}/{query}", headers=_AUTHORIZED, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def delete(self, reference: str) -> None:
        """Take one resource away."""
        assert requests.delete(f"{self.url}/{reference}", headers=_AUTHORIZED, timeout=60).ok


@contextlib.contextmanager
def running(home: Path, **behaviour: Any) -> Iterator[Sekmet]:
    """An empty server with its files in ``home``; ``behaviour`` are settings of its ``server_behaviour``.

    Without an installed server the test is skipped with the reason; in CI that is a failure.
    """
    if not PROGRAM.exists():
        reason = f"sekmet-fhir is not installed: `make {PROGRAM.parents[1].name}/.installed`, with a package index"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    port = _free_port()
    url = f"http://127.0.0.1:{port}/fhir"
    settings = {
        "base_url": url,
        "host": "127.0.0.1",
        "port": port,
        "data_dir": str(home / "data"),
        "own_private_key_path": str(home / "key.pem"),
        "server_auth": {"types": ["bearer"], "tokens": [TOKEN]},
        "simulator": {"enabled": False},
        "validation": {"inbound": "off"},
        "server_behaviour": behaviour,
        "log_inbound": False,
    }
    home.mkdir(exist_ok=True)
    (home / "settings.yaml").write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    command = [str(PROGRAM), "serve", "--config", str(home / "settings.yaml")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SEKMET_", "PYTHON"))}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        _wait(f"{url}/metadata", process, home / "log")
        yield Sekmet(url)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"sekmet-fhir did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")
        time.sleep(0.05)
