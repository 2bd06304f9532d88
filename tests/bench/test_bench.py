"""The benchmark sends what it says, counts what it gets, and judges by its limits. Speed itself is not tested here."""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.fetch import Waits, fetch_verdicts
from bench.load import load
from bench.page import page_verdicts
from bench.payload import LOCAL, SIZES, build, count, encoded
from bench.processes import cpu_seconds, free_port, process_tree, served
from bench.run import LEAST_THROUGHPUT, Figures, verdicts
from cds_service.content_files import find_cards, read_yaml
from cds_service.facts.terminology import load_terminology
from cds_service.hooks import parse_call, parse_json


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "not-ours"])
@pytest.mark.parametrize("size", SIZES)
def test_call_has_the_promised_number_of_resources_and_every_prefetch_key(size: str, ours: bool) -> None:
    call = build(SIZES[size], ours)
    assert count(call) == SIZES[size]
    assert set(call["prefetch"]) == set(read_yaml(find_cards() / "prefetch.yaml"))
    assert len(encoded(call)) < 5_000_000


def test_call_is_the_same_each_time() -> None:
    assert encoded(build(200)) == encoded(build(200))


def test_ids_are_unique() -> None:
    bundles = [item for item in build(2000)["prefetch"].values() if item["resourceType"] == "Bundle"]
    ids = [entry["fullUrl"] for bundle in bundles for entry in bundle.get("entry", ())]
    assert len(ids) == len(set(ids))


def test_fewer_resources_than_what_decides_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 resources"):
        build(7)


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_call_is_one_that_the_service_reads(hook: str) -> None:
    call = parse_call(parse_json(encoded(build(20, hook=hook))), hook)
    assert len(call.drafts) == 4
    assert (call.selections is None) == (hook == "order-sign")


def test_noise_is_coded_where_no_value_set_looks() -> None:
    assert load_terminology(find_cards() / "value-sets").concepts_of_code(LOCAL, "C-1") == frozenset()


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.path == "/good" and body == b"{}" else 500)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 100_000)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output stays clean."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


@pytest.mark.parametrize(("path", "share"), [("/good", 0), ("/bad", 1)])
def test_load_counts_answers_and_failures(server: str, path: str, share: int) -> None:
    result = load(server + path, b"{}", 0.05, 2)
    assert result["requests"] >= 2
    assert result["failed"] == share * result["requests"]
    assert result["seconds"] >= 0.05
    assert 0 < result["median_ms"] <= result["longest_ms"] <= 1000 * result["seconds"]


WAIT = 0.02


@contextmanager
def wayward() -> Iterator[str]:
    """A server that closes one connection of four, talks nonsense on one, lets one wait and answers one once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_take, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _take(listening: socket.socket) -> None:
    for number in itertools.count():
        try:
            connection = listening.accept()[0]
        except OSError:
            return
        with connection:
            connection.recv(65_536)
            if number % 4 == 1:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            elif number % 4 == 2:
                time.sleep(WAIT)
            elif number % 4 == 3:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_load_goes_on_after_a_connection_that_ended_and_counts_it_with_its_wait() -> None:
    with wayward() as url:
        result = load(url, b"{}", 0.5, 1)
    # Four connections in each round, the fourth of which answers one call and fails at the next.
    assert result["requests"] >= 10
    assert 0.5 <= result["failed"] / result["requests"] < 1
    assert result["longest_ms"] >= 1000 * WAIT


def test_load_counts_what_nobody_answers() -> None:
    refused = load(f"http://127.0.0.1:{free_port()}/", b"{}", 0.05, 2)
    assert refused["failed"] == refused["requests"] >= 2


def figures(service: float, not_ours: float = 1.0) -> dict[str, Figures]:
    return {
        "service": Figures(service, 9.0),
        "floor": Figures(100.0, 9.0),
        "not ours": Figures(100.0, not_ours),
        "strict parse": Figures(100.0, 1.0),
    }


@pytest.mark.parametrize(
    ("size", "rate", "kept"), [("S", 30, True), ("S", 29, False), ("M", 80, True), ("M", 79, False), ("L", 119, False)]
)
def test_throughput_is_judged_by_the_limit_of_its_size(size: str, rate: float, kept: bool) -> None:
    name, ratio, limit, found = verdicts({size: figures(rate)})[0]
    assert (name, found) == (f"throughput {size}", kept)
    assert ratio == pytest.approx(rate / 100)
    assert str(LEAST_THROUGHPUT[size]) in limit


@pytest.mark.parametrize(("cpu", "kept"), [(1.3, True), (1.31, False)])
def test_cpu_of_a_call_that_is_not_ours_is_judged_at_the_middle_size_only(cpu: float, kept: bool) -> None:
    assert verdicts({"M": figures(100, cpu)})[1][3] is kept
    assert len(verdicts({"S": figures(100, cpu)})) == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU of another process is read from /proc")
def test_cpu_time_of_a_process_grows_with_its_work() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) == before:
        json.dumps(list(range(10_000)))
    assert os.getpid() in process_tree(os.getpid())


@pytest.mark.parametrize(
    ("median", "longest", "kept"),
    [(240, 550, [True, True]), (241, 550, [False, True]), (240, 551, [True, False])],
)
def test_fetches_are_judged_by_the_median_and_a_hanging_server_by_the_longest(
    median: float, longest: float, kept: list[bool]
) -> None:
    waits = {"three fetches": Waits(median, 9000, 100), "hanging": Waits(460, longest, 9)}
    assert [verdict[3] for verdict in fetch_verdicts(waits)] == kept


def test_nothing_is_judged_where_nothing_was_measured() -> None:
    assert fetch_verdicts({}) == []


@contextmanager
def slow_fhir(folder: Path, delay: str) -> Iterator[tuple[str, int]]:
    """The slow FHIR server with one Bundle, and its port."""
    file, port = folder / "answers.json", free_port()
    file.write_text(json.dumps({"Condition": {"resourceType": "Bundle", "total": 0}}), encoding="utf-8")
    with served(["-m", "bench.slow_fhir", str(port), delay, str(file)], port, "/asked", core=()):
        yield f"http://127.0.0.1:{port}", port


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def test_the_slow_server_answers_late_and_counts_what_it_was_asked(tmp_path: Path) -> None:
    with slow_fhir(tmp_path, "150") as (url, _):
        started = time.monotonic()
        assert get(f"{url}/fhir/Condition?patient=x&_count=200")["total"] == 0
        assert time.monotonic() - started >= 0.15
        assert get(f"{url}/asked") == 1


def test_the_hanging_server_takes_questions_and_says_nothing(tmp_path: Path) -> None:
    with slow_fhir(tmp_path, "never") as (url, port), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /fhir/Condition?patient=x HTTP/1.1\r\n\r\n")
        while get(f"{url}/asked") == 0:
            continue
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize(("found", "kept"), [([99.0, 100.0, 900.0], True), ([99.0, 101.0, 102.0], False)])
def test_the_page_is_judged_by_its_median(found: list[float], kept: bool) -> None:
    ((name, _, limit, is_kept),) = page_verdicts(found)
    assert (name, limit, is_kept) == ("page M", "at most 100 ms", kept)


def test_without_a_measure_of_the_page_there_is_no_verdict() -> None:
    assert page_verdicts([]) == []
