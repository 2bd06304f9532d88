"""Replaying over HTTP: against our own application, and against servers that are not what they should be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.pathway.content import Content
from cds_service.replay.remote import RemoteError, discover, replay_remote, shift_dates, shift_text
from cds_service.replay.report import replay_in_process
from cds_service.replay.stored import load_call, load_stored

FIXTURES = Path(__file__).parents[2] / "fixtures"
TODAY = date(2031, 2, 28)


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@contextmanager
def served(application: Any) -> Iterator[str]:
    """The address of a WSGI application that runs in a thread on this machine."""
    with make_server("127.0.0.1", 0, application, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Stub:
    """A service that gives one fixed answer per path, and remembers the bodies it was sent."""

    def __init__(self, answers: Mapping[str, tuple[int, object]]) -> None:
        self.answers = answers
        self.sent: list[Any] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if sent:
            self.sent.append(json.loads(sent))
        status, answer = self.answers.get(environ["PATH_INFO"], (404, {}))
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        start_response(f"{status} Stub", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]


def _service(ident: str = "s", hook: str = "order-select", **more: object) -> dict[str, object]:
    return {"id": ident, "hook": hook, "description": "d", **more}


@pytest.fixture(scope="module")
def ours(content: Content) -> Iterator[str]:
    app = create_app(Config(), content, lambda: datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC))
    with served(app) as address:
        yield address


def test_our_own_service_answers_as_the_core_does_in_process(ours: str, content: Content) -> None:
    calls = load_stored(FIXTURES)
    local = replay_in_process(calls, content)
    expecting = [replace(row.call, expected=row.observed) for row in local.rows]
    report = replay_remote(expecting, ours, TODAY)
    assert not report.failed, report.as_text()
    assert any(card.variant for row in report.rows for card in row.observed.cards)
    assert report.target == ours


def test_the_discovery_address_will_do_as_well(ours: str) -> None:
    call = load_call(FIXTURES / "calls" / "folfirinox-no-tissue.json")
    assert not replay_remote((call,), f"{ours}/cds-services/", TODAY).failed


def test_prefetch_is_filled_by_the_templates_of_the_other_service(small: Path) -> None:
    service = _service(
        prefetch={"who": "Patient/{{context.patientId}}", "odd": "Condition?encounter={{context.x}}", "n": 1}
    )
    application = Stub({"/cds-services": (200, {"services": [service]}), "/cds-services/s": (200, {"cards": []})})
    with served(application) as address:
        report = replay_remote(load_stored(small)[:1], address, date(2026, 3, 3))
    assert not report.failed
    sent = application.sent[0]
    assert list(sent["prefetch"]) == ["who"]
    assert sent["prefetch"]["who"]["birthDate"] == "1958-04-12"


def test_differences_of_another_service_are_shown(small: Path) -> None:
    card = {"summary": "No tissue", "indicator": "warning", "source": {"label": "x"}}
    answers = {"/cds-services": (200, {"services": [_service()]}), "/cds-services/s": (200, {"cards": [card, "odd"]})}
    with served(Stub(answers)) as address:
        report = replay_remote(load_stored(small)[2:], address, TODAY)
    whats = [found.what for found in report.failed[0].differences]
    assert whats[:2] == ["cards[0].topic", "cards[0].summary"]
    assert {what.partition(".")[0] for what in whats[2:]} == {"cards[1]"}


def test_a_refusal_is_compared_by_its_status(small: Path) -> None:
    with served(Stub({"/cds-services": (200, {"services": [_service()]})})) as address:
        report = replay_remote(load_stored(small)[:1], address, TODAY)
    assert report.rows[0].observed.error == 404


@pytest.mark.parametrize(
    ("status", "answer", "problem"),
    [
        pytest.param(500, {"services": []}, "answered 500", id="error"),
        pytest.param(302, {"services": []}, "answered 302", id="redirect-is-not-followed"),
        pytest.param(200, b"<html>", "without a JSON object", id="not-json"),
        pytest.param(200, [], "without a JSON object", id="not-an-object"),
        pytest.param(200, {"services": []}, "no service for the hook order-select", id="no-service"),
        pytest.param(200, {"services": [_service("a"), _service("b")]}, "several services", id="two-services-one-hook"),
    ],
)
def test_what_is_no_service_is_named(small: Path, status: int, answer: object, problem: str) -> None:
    with served(Stub({"/cds-services": (status, answer)})) as address, pytest.raises(RemoteError, match=problem):
        replay_remote(load_stored(small), address, TODAY)


def test_an_answer_without_json_is_an_error(small: Path) -> None:
    answers = {"/cds-services": (200, {"services": [_service()]}), "/cds-services/s": (200, b"cards")}
    with served(Stub(answers)) as address, pytest.raises(RemoteError, match="/cds-services/s: answered 200"):
        replay_remote(load_stored(small)[:1], address, TODAY)


def test_no_answer_is_an_error() -> None:
    with served(Stub({})) as address:
        pass
    with requests.Session() as session, pytest.raises(RemoteError, match="is the service running there"):
        discover(session, address)


@pytest.mark.parametrize(
    ("value", "shifted"),
    [
        pytest.param("2026-02-27", "2026-03-01", id="date-over-the-end-of-a-month"),
        pytest.param("2026-02-27T23:59:00Z", "2026-03-01T23:59:00Z", id="time-of-day-kept"),
        pytest.param("2026-02", "2026-02", id="month-stays"),
        pytest.param("S26-2026-02-27", "S26-2026-02-27", id="identifier-stays"),
        pytest.param("seen on 2026-02-27", "seen on 2026-02-27", id="record-text-stays"),
        pytest.param(20260227, 20260227, id="number-stays"),
        pytest.param({"a": ["2026-02-27"]}, {"a": ["2026-03-01"]}, id="nested"),
    ],
)
def test_shift_dates(value: object, shifted: object) -> None:
    assert shift_dates(value, 2) == shifted


@pytest.mark.parametrize(
    ("text", "shifted"),
    [
        pytest.param("Biopsy (2026-02-27) and 2024-02-28", "Biopsy (2026-02-28) and 2024-02-29", id="every-date"),
        pytest.param("2026-02-31, 12026-02-27, 9999-12-31", "2026-02-31, 12026-02-27, 9999-12-31", id="not-dates"),
    ],
)
def test_shift_text(text: str, shifted: str) -> None:
    assert shift_text(text, 1) == shifted
