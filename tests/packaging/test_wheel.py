"""The wheel holds the content and works outside the checkout, with nothing but what it requires."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

from cds_service import __version__
from tests.packaging.commands import ROOT, run

pytestmark = pytest.mark.network

CALL = ROOT / "fixtures" / "calls" / "folfirinox-no-tissue.json"
START_SECONDS = 30


def test_wheel_holds_code_content_and_licences_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = f"cds_service-{__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"cds_service", info}
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= names
    shipped = {path.relative_to(ROOT / "cards").as_posix() for path in (ROOT / "cards").rglob("*") if path.is_file()}
    assert {name.removeprefix("cds_service/cards/") for name in names if "/cards/" in name} == shipped
    patients = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fixtures" / "patients").rglob("*.*")}
    orders = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fixtures" / "orders").rglob("*.*")}
    assert {name.removeprefix("cds_service/") for name in names if "/fixtures/" in name} == patients | orders
    kinds = ("*.json", "*.j2", "*.css", "*.js", "*.svg", "*.mako", "*.py")
    data = {path.relative_to(ROOT).as_posix() for kind in kinds for path in (ROOT / "cds_service").rglob(kind)}
    assert data <= names


def test_wheel_requires_only_what_runs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"cds_service-{__version__}.dist-info/METADATA").decode())
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not [line for line in required if line.startswith(("pytest", "ruff", "mypy", "hypothesis"))]
    assert metadata["Requires-Python"] == ">=3.11"


def test_check_passes_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    run([installed / "cds-service", "check"], cwd=tmp_path)
    run([installed / "cds-service", "describe", "--out", "pages"], cwd=tmp_path)
    assert (tmp_path / "pages" / "index.html").is_file()
    where = run([installed / "python", "-c", "import cds_service; print(cds_service.__file__)"], cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


@pytest.fixture
def address(installed: Path, tmp_path: Path) -> Iterator[str]:
    """A running service of the installed wheel."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(installed / "cds-service"), "serve", "--port", str(port)]
    log = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{url}/healthz", process)
            yield url
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "the service stopped at the start"
            assert time.monotonic() < deadline, "the service did not answer in time"
            time.sleep(0.1)


def _answer(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_served_wheel_shows_the_workbench_with_its_patients(address: str) -> None:
    with urllib.request.urlopen(address, timeout=30) as response:
        page = response.read().decode()
    assert page.count("data-patient=") == len(list((ROOT / "fixtures" / "patients").iterdir()))
    assert _answer(f"{address}/workbench/patients/folfirinox-no-tissue")["orders"] == "folfirinox"


def test_served_wheel_answers_a_call_with_a_card(address: str) -> None:
    services = _answer(f"{address}/cds-services")["services"]
    call = CALL.read_bytes()
    (service,) = [item["id"] for item in services if item["hook"] == json.loads(call)["hook"]]
    cards = _answer(f"{address}/cds-services/{service}", call)["cards"]
    assert "tissue" in cards[0]["summary"]
