"""The running server: a real process on a real port, its body limits, and an orderly end."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from sqlalchemy import inspect

from cds_service import app
from cds_service.config import Config
from cds_service.errors import ConfigError, ContentError
from cds_service.pathway.content import Content
from cds_service.store.database import open_existing
from cds_service.web import server, worker
from tests.web.service_calls import ID, ROOT, stored

WAIT_SECONDS = 30
BODY = json.dumps(stored("sandbox-pama-opened")).encode()
PATH = f"/cds-services/{ID}order-select"
Running = tuple[subprocess.Popen[bytes], int, Path]
START = """
from os import environ
from cds_service.config import read_config
from cds_service.web.server import serve
serve(read_config(environ))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server process, its port, and the file that takes all it writes; stopped at the end."""
    port = free_port()
    environ = {**os.environ, "CDS_PORT": str(port), "CDS_MAX_BODY_BYTES": "20000", "PYTHONPATH": str(ROOT)}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-c", START], env=environ, stderr=sink, stdout=sink)
        try:
            wait_for(port, process, log)
            yield process, port, log
        finally:
            # Not kill: the worker would outlive its parent.
            process.terminate()
            process.wait(timeout=WAIT_SECONDS)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the port answers; fails with the log if the process ends or does not come up."""
    patience = threading.Event()
    for _ in range(WAIT_SECONDS * 20):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        patience.wait(0.05)
    raise AssertionError(log.read_text())


def ask(
    port: int, method: str, path: str, body: bytes | None = None, chunked: bool = False
) -> tuple[int, dict[str, object]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    payload = iter([body[:100], body[100:]]) if chunked and body is not None else body
    connection.request(
        method, path, body=payload, encode_chunked=chunked, headers={"Transfer-Encoding": "chunked"} if chunked else {}
    )
    answer = connection.getresponse()
    parsed = json.loads(answer.read())
    connection.close()
    return answer.status, parsed


@pytest.mark.parametrize("chunked", [False, True], ids=["with-length", "chunked"])
@pytest.mark.parametrize(("padding", "status"), [(0, 200), (20_000, 413)])
def test_calls_over_a_socket(running: Running, chunked: bool, padding: int, status: int) -> None:
    _, port, _ = running
    assert ask(port, "POST", PATH, BODY + b" " * padding, chunked)[0] == status


def test_stalled_clients_do_not_stop_the_service(running: Running) -> None:
    """Ten clients that never finish their bodies: the eleventh is answered."""
    _, port, _ = running
    stalled = []
    try:
        for _ in range(10):
            client = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
            client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{{".encode())
            stalled.append(client)
        assert ask(port, "GET", "/healthz")[0] == 200
        assert ask(port, "POST", PATH, BODY)[0] == 200
    finally:
        for client in stalled:
            client.close()


def test_discovery_and_health_over_a_socket(running: Running) -> None:
    _, port, _ = running
    assert ask(port, "GET", "/healthz") == (200, {"status": "ok"})
    status, body = ask(port, "GET", "/cds-services/")
    assert (status, len(body["services"] if isinstance(body["services"], list) else [])) == (200, 2)


def test_a_double_slash_survives_the_server(running: Running) -> None:
    _, port, _ = running
    assert ask(port, "POST", PATH.replace("services/", "services//"), BODY)[0] == 200


def test_forwarded_calls_are_refused_over_a_socket(running: Running) -> None:
    _, port, _ = running
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    connection.request("GET", "/healthz", headers={"X-Forwarded-For": "10.0.0.1"})
    assert connection.getresponse().status == 403
    connection.close()


def test_sigterm_ends_in_order(running: Running) -> None:
    process, port, log = running
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=WAIT_SECONDS) == 0
    assert "Traceback" not in log.read_text()
    with pytest.raises(ConnectionRefusedError):
        ask(port, "GET", "/healthz")


def test_wrong_content_stops_the_start_before_the_port_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ContentError):
        server.serve(Config(cards=tmp_path))


@pytest.fixture
def _collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_collector")
def test_a_worker_tunes_the_collector_and_shares_loaded_content(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(port=1234)
    worker.preload(config)
    monkeypatch.setattr(app, "load_content", None)
    for name, value in config.as_environ().items():
        monkeypatch.setenv(name, value)
    assert worker.build().test_client().get("/cds-services").status_code == 200
    assert gc.get_threshold() == (200_000, 50, 50)
    assert gc.get_freeze_count() > 0


@pytest.mark.usefixtures("_collector")
def test_a_worker_has_the_site_of_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content is kept by content directory and site file: without the site it is another content."""
    config = Config(site=ROOT / "docs" / "site-example.toml")
    built: list[Content | None] = []

    def record(_: Config, content: Content | None) -> None:
        built.append(content)

    monkeypatch.setattr(worker, "_loaded", {})
    worker.preload(config)
    monkeypatch.setattr(worker, "create_app", record)
    for site in (config.site, None):
        for name, value in Config(port=1234, site=site).as_environ().items():
            monkeypatch.setenv(name, value)
        worker.build()
    assert [built[0] is not None and built[0].settings.mri_window, built[1]] == [28, None]


def test_serve_hands_its_configuration_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    class Recorder:
        def __init__(self, **settings: object) -> None:
            seen.update(settings)

        def serve(self) -> None:
            seen["served"] = True

    monkeypatch.setattr(server, "Server", Recorder)
    for name in Config().as_environ():
        monkeypatch.setenv(name, "")
    server.serve(Config(port=1234, log_level="error"))
    assert (seen["address"], seen["port"], seen["workers"], seen["served"]) == ("127.0.0.1", 1234, 1, True)
    assert (seen["target"], seen["factory"]) == ("cds_service.web.worker:build", True)
    assert os.environ["CDS_PORT"] == "1234"
    assert seen["log_access"] is False


def test_the_tables_are_made_before_workers_ask_for_them(tmp_path: Path) -> None:
    assert server.prepare_store(Config(store=str(tmp_path))) == ()
    engine = open_existing(str(tmp_path))
    assert "decisions" in inspect(engine).get_table_names()
    engine.dispose()
    assert server.prepare_store(Config()) == ()


def test_a_store_that_cannot_be_used_is_a_warning(tmp_path: Path) -> None:
    """Decision 42: cards are served all the same."""
    [warning] = server.prepare_store(Config(store="postgresql://cds:s3cret-word@127.0.0.1:9/cds"))
    assert warning.startswith("CDS_STORE cannot be used (OperationalError")
    assert "s3cret-word" not in warning


def test_a_store_of_another_kind_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="CDS_STORE"):
        server.serve(Config(store="mysql://db/x"))


def test_a_port_in_use_stops_the_start_and_is_named() -> None:
    """The server itself would share the port, and two contents would answer in turn."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(ConfigError, match=f"CDS_PORT {port} on 127.0.0.1 is not free"):
            server.claim_port("127.0.0.1", port)
