"""The port: free, taken by ourselves, or by another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.doctor.findings import Finding, State
from cds_service.doctor.network import Reply, Unreachable
from cds_service.doctor.port import check_port
from cds_service.errors import ConfigError
from tests.trust.tokens_made import NOW
from tests.web.service_calls import content

ALIVE = {"status": "ok"}
READY = {"status": "ok", "decisions": {"kept": 0, "lost": 0}}
NOT_READY = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "the store cannot be written"}]}


def taken(host: str, port: int) -> None:
    raise ConfigError(f"CDS_PORT {port} on {host} is not free")


def look(answers: dict[str, tuple[int, Any]], host: str = "127.0.0.1") -> Finding:
    asked: list[str] = []

    def ask(url: str, _: Callable[[str], bool]) -> Reply:
        asked.append(url)
        base, path = url[: url.rindex("/")], url[url.rindex("/") :]
        assert base == {"0.0.0.0": "http://127.0.0.1:80", "::1": "http://[::1]:80"}.get(host, f"http://{host}:80")
        if path not in answers:
            raise Unreachable("nothing listens")
        status, node = answers[path]
        return Reply(status, json.dumps(node).encode(), NOW)

    return check_port(host, 80, taken, ask)


def test_a_free_port() -> None:
    found = check_port("127.0.0.1", 80, lambda *_: None, lambda *_: pytest.fail("asked"))
    assert (found.state, found.found) == (State.OK, "free on 127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1"])
def test_our_own_service_is_there(host: str) -> None:
    found = look({"/healthz": (200, ALIVE), "/readyz": (200, READY)}, host)
    assert found.state is State.OK
    assert "this service runs here and is ready" in found.found


def test_what_it_looks_for_is_what_the_service_answers() -> None:
    client = create_app(Config(), content(), lambda: NOW).test_client()
    replies = {path: client.get(path, base_url="http://127.0.0.1") for path in ("/healthz", "/readyz")}
    found = look({path: (reply.status_code, reply.get_json()) for path, reply in replies.items()})
    assert "this service runs here and is ready" in found.found


def test_our_own_service_is_not_ready() -> None:
    found = look({"/healthz": (200, ALIVE), "/readyz": (503, NOT_READY)})
    assert found.state is State.WARNING
    assert "the store cannot be written" in found.found


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({}, id="silent"),
        pytest.param({"/healthz": (200, "ok"), "/readyz": (200, "ok")}, id="other-words"),
        pytest.param({"/healthz": (404, {}), "/readyz": (404, {})}, id="404"),
        pytest.param({"/healthz": (200, ALIVE), "/readyz": (200, ALIVE)}, id="another-with-healthz"),
        pytest.param({"/healthz": (200, ALIVE), "/readyz": (503, {})}, id="another-not-ready"),
        pytest.param({"/healthz": (200, ALIVE)}, id="no-readyz"),
    ],
)
def test_somebody_else_is_there(answers: dict[str, tuple[int, Any]]) -> None:
    found = look(answers)
    assert found.state is State.PROBLEM
    assert "CDS_PORT 80 on 127.0.0.1 is not free" in found.found
