"""The benchmark sends what it says, counts what it gets, and judges by its limits. Speed itself is not tested here."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.load import load
from bench.payload import LOCAL, SIZES, build, count, encoded
from bench.run import LEAST_THROUGHPUT, Figures, cpu_seconds, process_tree, verdicts
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
