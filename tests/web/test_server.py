"""The running server: a real process on a real port, its body limits, and an orderly end."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect

from cds_service import __version__, app
from cds_service.config import Config, read_config
from cds_service.errors import ConfigError, ContentError
from cds_service.pathway.content import Content
from cds_service.store.database import open_existing, store_url
from cds_service.store.decisions import Wanted, find_decisions
from cds_service.store.store import Store
from cds_service.web import server, worker
from cds_service.web.call_log import ServerLines
from tests.web.service_calls import ID, NOW, ROOT, content, stored

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


def test_the_start_is_logged_with_version_and_content(running: Running) -> None:
    _, port, log = running
    [start] = [line for line in lines_of(log) if line["event"] == "start"]
    assert set(start) == {"event", "version", "pathway", "content", "workers", "workbench"}
    assert start["workbench"] == f"open http://127.0.0.1:{port}/ in a browser"
    assert (start["version"], start["content"], start["workers"]) == (__version__, content().digest, 1)


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

    def record(_: Config, content: Content | None) -> Flask:
        built.append(content)
        return Flask("recorded")

    monkeypatch.setattr(worker, "_loaded", {})
    worker.preload(config)
    monkeypatch.setattr(worker, "create_app", record)
    for site in (config.site, None):
        for name, value in Config(port=1234, site=site).as_environ().items():
            monkeypatch.setenv(name, value)
        worker.build()
    assert [built[0] is not None and built[0].settings.mri_window, built[1]] == [28, None]


@pytest.mark.usefixtures("_collector")
@pytest.mark.parametrize("later", ["clients = 3", 'name = "x"\n[[clients]]\nname = "renamed"\n', None])
def test_a_worker_started_later_has_the_clients_of_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, later: str | None
) -> None:
    """The site file was changed, is broken or gone meanwhile: the other workers have not read it either."""
    site = tmp_path / "site.toml"
    site.write_text('name = "x"\n[[clients]]\nname = "before"\n')
    config = read_config({"CDS_SITE": str(site)})
    monkeypatch.setattr(worker, "_checked", {})
    monkeypatch.setattr(worker, "_loaded", {})
    worker.preload(config)
    for name, value in config.as_environ().items():
        monkeypatch.setenv(name, value)
    if later is None:
        site.unlink()
    else:
        site.write_text(later)
    built: list[Config] = []

    def record(found: Config, content: Content | None) -> Flask:
        assert content is not None
        built.append(found)
        return Flask("recorded")

    monkeypatch.setattr(worker, "create_app", record)
    worker.build()
    assert built == [config]
    assert [client.name for client in built[0].registry.clients] == ["before"]


@pytest.mark.usefixtures("_collector")
def test_a_worker_with_other_settings_than_the_start_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def record(found: Config, _: Content | None) -> Flask:
        built.append(found.port)
        return Flask("recorded")

    monkeypatch.setattr(worker, "_checked", {})
    monkeypatch.setattr(worker, "create_app", record)
    worker.preload(Config(port=1234))
    for port in (1234, 1235):
        for name, value in Config(port=port).as_environ().items():
            monkeypatch.setenv(name, value)
        worker.build()
    assert built == [1234, 1235]


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


@contextmanager
def served(log: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server process with settings of its own, and its port; ended if the test did not."""
    port = free_port()
    settings = {**os.environ, "CDS_PORT": str(port), "PYTHONPATH": str(ROOT), **environ}
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-c", START], env=settings, stderr=sink, stdout=sink)
        try:
            wait_for(port, process, log)
            yield process, port
        finally:
            process.terminate()
            process.wait(timeout=WAIT_SECONDS)


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def wait_until_refused(port: int) -> None:
    """Wait until nobody is let in any more: the signal has arrived."""
    patience = threading.Event()
    for _ in range(WAIT_SECONDS * 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        patience.wait(0.05)
    raise AssertionError("the port still answers")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_lets_a_call_finish_whose_body_is_still_coming(tmp_path: Path, workers: str) -> None:
    log = tmp_path / "log"
    with served(log, CDS_STORE=str(tmp_path), CDS_WORKERS=workers) as (process, port):
        wait_for_lines(log, "worker-start", int(workers))
        body = json.dumps(stored("folfirinox-no-tissue")).encode()
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as caller:
            caller.sendall(head.encode())
            # Said when the body is asked for: the call is in the hands of a worker.
            assert caller.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            caller.sendall(body[:100])
            process.send_signal(signal.SIGTERM)
            wait_until_refused(port)
            caller.sendall(body[100:])
            answer = HTTPResponse(caller)
            answer.begin()
            assert answer.status == 200
            assert json.loads(answer.read())["cards"]
        assert process.wait(timeout=WAIT_SECONDS) == 0
    events = [line["event"] for line in lines_of(log)]
    assert events.count("worker-stop") == int(workers)
    assert events[-1] == "stop"
    assert not list(tmp_path.glob("*-wal")), "the last connection to a store removes its journal: one was left open"
    [kept] = recorded(tmp_path)
    assert kept["id"] in log.read_text()


def recorded(folder: Path) -> list[dict[str, Any]]:
    """The decisions of a store that nobody serves from."""
    engine = open_existing(str(folder))
    found = list(find_decisions(engine, Wanted()))
    engine.dispose()
    return found


class SlowFhir(BaseHTTPRequestHandler):
    """Answers every search with an empty Bundle, once the test lets it."""

    asked = threading.Event()
    may_answer = threading.Event()

    def do_GET(self) -> None:
        self.asked.set()
        self.may_answer.wait(WAIT_SECONDS)
        body = json.dumps({"resourceType": "Bundle", "type": "searchset", "total": 0}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_sigterm_lets_a_call_finish_that_waits_for_a_fhir_server(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowFhir) as fhir:
        threading.Thread(target=fhir.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{fhir.server_port}/fhir"
        site = tmp_path / "site.toml"
        site.write_text(f'development = true\n[[clients]]\nname = "here"\nfhir_servers = ["{base}"]\n')
        call = stored("folfirinox-no-tissue")
        del call["prefetch"]["pathology"]
        call["fhirServer"] = base
        answers: list[tuple[int, dict[str, object]]] = []
        with served(tmp_path / "log", CDS_SITE=str(site), CDS_FETCH_MS="10000") as (process, port):
            caller = threading.Thread(target=lambda: answers.append(ask(port, "POST", PATH, json.dumps(call).encode())))
            caller.start()
            assert SlowFhir.asked.wait(WAIT_SECONDS)
            process.send_signal(signal.SIGTERM)
            wait_until_refused(port)
            SlowFhir.may_answer.set()
            caller.join(WAIT_SECONDS)
            assert process.wait(timeout=WAIT_SECONDS) == 0
        fhir.shutdown()
    [(status, body)] = answers
    assert status == 200
    assert body["cards"]
    [logged] = [line for line in lines_of(tmp_path / "log") if line["event"] == "call"]
    assert set(logged["fetches"]) == {"answered"}


def counts(port: int) -> dict[str, float]:
    """The samples of ``/metrics`` by name and labels."""
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    lines = answer.read().decode().splitlines()
    connection.close()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_several_workers_add_up_their_metrics_and_share_the_store(tmp_path: Path) -> None:
    """Each answers some of the calls, and each tells the sum; what it takes is gone at the end."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    log = tmp_path / "log"
    with served(log, CDS_STORE=str(tmp_path), CDS_WORKERS="2", TMPDIR=str(temporary)) as (process, port):
        body = json.dumps(stored("folfirinox-no-tissue")).encode()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(port, "POST", PATH, body), range(48)))
        assert {status for status, _ in answers} == {200}
        shared = f'{{hook="order-select",service="{ID}order-select"'
        for _ in range(8):
            found = counts(port)
            assert found[f'cds_calls_total{shared},status="2xx"}}'] == 48
            assert found[f"cds_call_duration_seconds_count{shared}}}"] == 48
            assert found['cds_decisions_total{result="kept"}'] == 48
        [directory] = temporary.iterdir()
        assert len(list(directory.glob("counter_*.db"))) == 2
        assert len({line["pid"] for line in lines_of(log) if line["event"] == "worker-start"}) == 2
        process.terminate()
        assert process.wait(timeout=WAIT_SECONDS) == 0
    assert list(temporary.iterdir()) == []
    assert len(recorded(tmp_path)) == 48


def test_a_worker_that_is_killed_is_replaced_when_there_are_several(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with served(log, CDS_WORKERS="2") as (_, port):
        wait_for_lines(log, "worker-start", 2)
        os.kill(next(line["pid"] for line in lines_of(log) if line["event"] == "worker-start"), signal.SIGKILL)
        wait_for_lines(log, "worker-start", 3)
        assert ask(port, "GET", "/healthz")[0] == 200


def wait_for_lines(log: Path, event: str, number: int) -> None:
    patience = threading.Event()
    for _ in range(WAIT_SECONDS * 20):
        # The last line may be half written.
        if sum(f'"event":"{event}"' in line for line in log.read_text().splitlines()) >= number:
            return
        patience.wait(0.05)
    raise AssertionError(log.read_text())


def test_what_a_worker_would_stumble_over_stops_the_start(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[[clients]]\nname = "x"\nfhir_servers = ["https://10.0.0.1/fhir"]\n')
    with pytest.raises(ConfigError, match=r"10\.0\.0\.1"):
        server.serve(read_config({"CDS_SITE": str(site)}))


def test_several_workers_need_a_directory_to_add_up_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"CDS_WORKERS is 2, .* TMPDIR"), server.counted_together(2):
        pytest.fail("there is no directory")
    with server.counted_together(1) as directory:
        assert directory is None


def test_a_worker_closes_its_store_at_its_end(tmp_path: Path) -> None:
    store = Store(store_url(str(tmp_path)))
    assert store.trouble(NOW) == ""
    worker.end(Config(store=str(tmp_path)), store)
    assert not list(tmp_path.glob("*-wal"))
    worker.end(Config(), None)


def test_messages_of_the_server_are_lines_of_json_without_texts_of_exceptions() -> None:
    try:
        raise ValueError("Jane Doe")
    except ValueError:
        record = logging.LogRecord("_granian", logging.ERROR, "", 0, "it %s", ("fell",), sys.exc_info())
    shown = json.loads(ServerLines().format(record))
    assert shown == {"event": "server", "level": "error", "text": "it fell", "types": ["ValueError"]}
    plain = logging.LogRecord("_granian", logging.INFO, "", 0, "up", (), None)
    assert json.loads(ServerLines().format(plain)) == {"event": "server", "level": "info", "text": "up"}
