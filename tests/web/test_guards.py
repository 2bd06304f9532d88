"""Who is answered, and what headers they get (decisions 9 and 35, conformance SEC-12)."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from cds_service.config import Config
from tests.web.service_calls import ID, check_error, client, post, stored

SANDBOX = "https://sandbox.cds-hooks.org"
OPEN = Config(cors_origins=(SANDBOX, "http://localhost:8081"))
INSECURE = Config(insecure=True)
NAME = "sandbox-pama-opened"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.9.9.9:1", "[::1]", "[::1]:8080"]
)
def test_loopback_hosts_are_answered(host: str) -> None:
    assert client().get("/cds-services", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "cds.example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "10.0.0.1:8080",
        "0.0.0.0:8080",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
        "",
        ":8080",
        "[",
        "a b",
        "127.0.0.1@evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/cds-services", "/healthz", "/none"])
def test_other_hosts_are_refused(host: str, path: str) -> None:
    check_error(client().get(path, headers={"Host": host}), 403, "forbidden")


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Anything",
        "x-forwarded-for",
    ],
)
def test_forwarded_calls_are_refused(header: str) -> None:
    check_error(post(stored(NAME), headers={header: "127.0.0.1"}), 403, "forbidden")


def test_a_call_without_host_is_refused() -> None:
    check_error(client().get("/cds-services", environ_overrides={"HTTP_HOST": ""}), 403, "forbidden")


@pytest.mark.parametrize(
    "headers", [{"Host": "cds.example.org"}, {"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}]
)
def test_insecure_lifts_the_rule(headers: dict[str, str]) -> None:
    assert post(stored(NAME), config=INSECURE, headers=headers).status_code == 200


def test_an_odd_host_is_no_failure_of_ours() -> None:
    answer = client(INSECURE).get("/cds-services", headers={"Host": "a b/c"})
    assert answer.status_code in (200, 400)


def cors(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control")}


def test_cors_is_off_by_default() -> None:
    answer = post(stored(NAME), headers={"Origin": SANDBOX})
    assert answer.status_code == 200
    assert cors(answer) == {}
    assert "Vary" not in answer.headers


def answers(origin: str, config: Config = OPEN) -> list[TestResponse]:
    """One answer of each status."""
    head: dict[str, Any] = {"headers": {"Origin": origin}}
    page = client(config)
    return [
        page.get("/cds-services", **head),
        post(stored(NAME), config=config, **head),
        post(b"{", config=config, **head),
        page.get("/none", **head),
        page.get(f"/cds-services/{ID}order-sign", **head),
        post(stored("epic-no-prefetch"), config=config, **head),
        post(b"x", config=config, headers={"Origin": origin, "Content-Encoding": "gzip"}),
        post(stored(NAME), config=config, headers={"Origin": origin, "X-Forwarded-For": "1.2.3.4"}),
        page.options("/cds-services", **head),
    ]


@pytest.mark.parametrize("origin", OPEN.cors_origins)
def test_an_allowed_origin_gets_its_headers_on_every_status(origin: str) -> None:
    seen = answers(origin)
    assert [answer.status_code for answer in seen] == [200, 200, 400, 404, 405, 412, 415, 403, 204]
    for answer in seen:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers.getlist("Vary") == ["Origin"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://sandbox.cds-hooks.org",
        "https://sandbox.cds-hooks.org:444",
        "https://sandbox.cds-hooks.org/",
        "https://sandbox.cds-hooks.org.evil.example",
        "https://SANDBOX.cds-hooks.org",
        "null",
        "*",
        "",
    ],
)
def test_a_stranger_gets_none_but_caches_are_told(origin: str) -> None:
    for answer in answers(origin):
        assert cors(answer) == {}
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "path",
    [
        "/cds-services",
        "/cds-services/",
        f"/cds-services/{ID}order-select",
        f"/cds-services//{ID}order-sign",
        "/cds-services/none",
    ],
)
def test_preflight(path: str) -> None:
    asked = {
        "Origin": SANDBOX,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = client(OPEN).options(path, headers=asked)
    assert answer.status_code == 204
    assert cors(answer) == {
        "Access-Control-Allow-Origin": SANDBOX,
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
        "Access-Control-Max-Age": "600",
    }


def test_security_headers_are_on_every_answer() -> None:
    for answer in answers(SANDBOX):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
