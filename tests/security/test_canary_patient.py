"""A canary patient through every fixture and every error: not one canary in logs, metrics, errors or the store.

Reliability 2.14 and 2.27. ``canary.py`` says where the canaries stand.
"""

from __future__ import annotations

import base64
import json
import logging
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.test import TestResponse

from cds_service.app import STORE, create_app
from cds_service.config import Config
from cds_service.replay.stored import StoredCall, load_stored
from cds_service.store import store as store_module
from cds_service.trust.clients import Client, Registry
from cds_service.web import slot
from tests.fhir.fault_server import FhirServer, Handler, Request, send_bytes, send_json
from tests.fhir.faults import FAULTS
from tests.security.canary import (
    COMMENT,
    MARK,
    NAME,
    NOTE,
    NUMBER,
    OTHER,
    TOKEN,
    Json,
    Written,
    call_with_canary,
    entries_with_canary,
    found_in,
)
from tests.store.nursery import nursery
from tests.trust.forged_tokens import FORGED
from tests.trust.tokens_made import PATH as TOKEN_PATH
from tests.trust.tokens_made import PUBLIC_URL, REGISTRY, bearer, claims, header, sign, verifier
from tests.web.service_calls import ID, NOW, content, stored
from tests.web.test_server import WAIT_SECONDS

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
HOOKS = ("order-select", "order-sign")
KEY = b"a key of this test, long enough"
PATH = f"/cds-services/{ID}order-select"
CALL = "sandbox-rx-capecitabine"
HEADERS = {"X-Note": OTHER, "User-Agent": OTHER, "Referer": f"https://ehr.example/{NUMBER}", "Cookie": f"a={TOKEN}"}
WHEN = "2026-03-02T08:59:00Z"


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Written:
    return Written(caplog, capfd)


def at(now: datetime) -> Callable[[], datetime]:
    """A clock that stands."""
    return lambda: now


def on_disk(folder: Path) -> bytes:
    """Every byte of a store: the database, what is not yet moved into it, and the memory that processes share."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def metrics_of(web: FlaskClient) -> str:
    answer = web.get("/metrics")
    assert answer.status_code == 200
    assert b"cds_requests_total{" in answer.data
    return answer.text


def feedback_on(cards: list[Json]) -> Json:
    """Everything that an EHR may say of these cards, with canaries wherever it can write."""
    items: list[Json] = []
    for card in cards:
        reason = {"code": f"{NOTE} x", "system": f"{NOTE} x", "display": NOTE}
        # Without a blank they look like codes.
        coded = {"code": NOTE, "system": f"urn:{NUMBER}", "display": NOTE}
        ours = {"code": NOTE, "system": content().pathway.override_system}
        said = {"card": card["uuid"], "outcomeTimestamp": WHEN, OTHER: OTHER}
        items += [
            {**said, "outcome": "overridden", "overrideReason": {"reason": reason, "userComment": COMMENT}},
            {**said, "outcome": "overridden", "overrideReasons": {"reason": reason, "userComment": COMMENT}},
            {**said, "outcome": "overridden", "overrideReason": {"reason": coded}},
            {**said, "outcome": "overridden", "overrideReason": {"reason": {"coding": [ours]}}},
            {**said, "outcome": "accepted", "acceptedSuggestions": [{"id": f"{OTHER} x"}, {"id": NUMBER}]},
            {**said, "outcome": COMMENT},
            {**said, "outcome": "overridden", "card": NUMBER},
            {**said, "outcome": "overridden", "outcomeTimestamp": NOTE},
        ]
    return {"feedback": items}


# Every fixture


@cache
def stories() -> tuple[StoredCall, ...]:
    """Every stored patient at both hooks, and every stored call."""
    return load_stored(FIXTURES)


def test_every_fixture_at_both_hooks(tmp_path: Path, written: Written) -> None:
    """The cards are those of the story without canaries: every call has been through the whole walk."""
    patients = [(story.name, story.hook) for story in stories() if story.recorded is None]
    assert sorted(patients) == sorted((name, hook) for name in {name for name, _ in patients} for hook in HOOKS)
    for story in stories():
        config = Config(store=str(tmp_path), uuid_key=KEY, log_level="debug")
        app = create_app(config, story.content(content()), at(story.now))
        web, path = app.test_client(), f"/cds-services/{ID}{story.hook}"
        answer = web.post(path, json=call_with_canary(story.body(content().prefetch)), headers=HEADERS)
        assert answer.status_code == (story.expected.error or 200), story.title
        if answer.status_code == 200:
            cards = answer.get_json()["cards"]
            topics = [card["source"]["topic"]["code"] for card in cards]
            assert topics == [card.topic for card in story.expected.cards], story.title
            sent = web.post(f"{path}/feedback", json=feedback_on(cards), headers=HEADERS)
            assert sent.status_code == 200
        else:
            assert found_in(answer.data) == [], story.title
        assert found_in(written.take()) == [], story.title
        assert found_in(metrics_of(web)) == [], story.title
        app.extensions[STORE].close()
    assert b"heartbeats" in on_disk(tmp_path)
    assert found_in(on_disk(tmp_path)) == []


# Every error


class Unexpected(Exception):
    """An error whose text holds what it failed on, as those of many libraries do."""


def fail(*_: object, **__: object) -> Any:
    try:
        raise KeyError(NAME)
    except KeyError as error:
        raise Unexpected(f"cannot read {NOTE}", NUMBER) from error


def lose(*_: object, **__: object) -> Any:
    """As a database does that fails: its error holds the statement and all values."""
    raise OperationalError(f"INSERT {NOTE}", {"x": NUMBER}, DBAPIError(NAME, NOTE, ValueError(TOKEN)))


def call(**changes: Any) -> Json:
    """A call with canaries, some of whose members are others."""
    return {**call_with_canary(stored(CALL)), **changes}


def in_context(**changes: Any) -> Json:
    body = call()
    return {**body, "context": {**body["context"], **changes}}


def with_outcome() -> Json:
    issue = {"severity": "error", "code": NOTE, "diagnostics": NOTE, "details": {"text": NOTE}}
    body = call()
    body["prefetch"]["conditions"] = {"resourceType": "OperationOutcome", "issue": [issue]}
    return body


Send = Callable[[FlaskClient], TestResponse]


def posted(body: Any, path: str = PATH, **headers: str) -> Send:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda web: web.post(path, data=data, headers={**HEADERS, **headers})


ERRORS: dict[str, tuple[int, Send]] = {
    "no-json": (400, posted(f"{{{NOTE}".encode())),
    "cut-short": (400, posted(json.dumps(call()).encode()[:-30])),
    "twice": (400, posted(f'{{"{NAME}": 1, "{NAME}": 2}}'.encode())),
    "not-utf-8": (400, posted(f'"{NAME}\xff"'.encode("latin-1"))),
    "lone-surrogate": (400, posted(f'["{NAME}\\ud800"]'.encode())),
    "deep": (400, posted(b"[" * 5_000 + NAME.encode())),
    "a-text": (400, posted(NAME)),
    "other-hook": (400, posted(call(hook=NAME))),
    "no-instance": (400, posted(call(hookInstance={NAME: NAME}))),
    "no-patient": (400, posted(in_context(patientId=f"Patient/{NUMBER}"))),
    "patient-a-list": (400, posted(in_context(patientId=[NUMBER]))),
    "drafts-a-text": (400, posted(in_context(draftOrders=NOTE))),
    "draft-a-text": (400, posted(in_context(draftOrders={"resourceType": "Bundle", "entry": [NOTE]}))),
    "kind-unknown": (400, posted(in_context(draftOrders={"resourceType": NAME}))),
    "selections": (400, posted(in_context(selections={NAME: NOTE}))),
    "prefetch-a-text": (400, posted(call(prefetch=NOTE))),
    "server-a-list": (400, posted(call(fhirServer=[NAME]))),
    "feedback-bad-items": (400, posted({"feedback": [{"card": NUMBER, "outcome": COMMENT}]}, f"{PATH}/feedback")),
    "feedback-no-list": (400, posted({"feedback": COMMENT}, f"{PATH}/feedback")),
    "another-host": (403, posted(call(), Host=f"{NUMBER}.example")),
    "forwarded": (403, posted(call(), Forwarded=f"for={NUMBER}")),
    "unknown-service": (404, posted(call(), f"/cds-services/{NUMBER}")),
    "unknown-feedback": (404, posted(call(), f"/cds-services/{NUMBER}/feedback")),
    "unknown-path": (404, posted(call(), f"/{NUMBER}?name={NAME}#{NOTE}")),
    "metadata-path": (404, lambda web: web.get(f"/{NUMBER}/../{NAME}", headers=HEADERS)),
    "method": (405, lambda web: web.put(f"{PATH}?name={NAME}", data=json.dumps(call()), headers=HEADERS)),
    "method-of-the-patient": (405, lambda web: web.open(PATH, method=NAME.upper(), headers=HEADERS)),
    "no-prefetch": (412, posted(call(prefetch={}, fhirServer=f"https://{NAME}.example/{NUMBER}"))),
    "failed-prefetch": (412, posted(with_outcome())),
    "too-large": (413, posted(json.dumps(call()).encode().ljust(50_000_000))),
    "feedback-too-large": (413, posted(COMMENT.encode() * 1_000_000, f"{PATH}/feedback")),
    "compressed": (415, posted(call(), **{"Content-Encoding": NAME})),
    "charset": (200, posted(call(), **{"Content-Type": f"text/{NAME}; charset={NOTE}"})),
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(
        Config(store=str(tmp_path), uuid_key=KEY, log_level="debug", require_record=True), content(), lambda: NOW
    )
    yield made
    made.extensions[STORE].close()


def check(answer: TestResponse, status: int, written: Written, web: FlaskClient) -> None:
    """The status, and no canary in the error, its headers, the log or the metrics."""
    assert answer.status_code == status, answer.data
    if status != 200:
        assert found_in(answer.data) == []
        assert json.loads(answer.data)["resourceType"] == "OperationOutcome"
    assert found_in(str(answer.headers)) == []
    assert f'"status":{status}' in (text := written.take())
    assert found_in(text) == []
    assert found_in(metrics_of(web)) == []


@pytest.mark.parametrize("name", ERRORS)
def test_every_refusal(name: str, app: Flask, written: Written, tmp_path: Path) -> None:
    status, send = ERRORS[name]
    check(send(app.test_client()), status, written, app.test_client())
    assert found_in(on_disk(tmp_path)) == []


@pytest.mark.parametrize(
    "place",
    [
        "cds_service.web.services.parse_json",
        "cds_service.web.services.parse_call",
        "cds_service.web.services.evaluate",
        "cds_service.web.services.render_response",
        "cds_service.web.recording.describe_decision",
        "cds_service.web.reach.PrefetchSource",
        "cds_service.pathway.evaluate.build_record",
    ],
)
def test_every_stage_that_fails(
    place: str, app: Flask, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, fail)
    check(posted(call())(app.test_client()), 500, written, app.test_client())
    assert found_in(on_disk(tmp_path)) == []


@pytest.mark.parametrize("how", [fail, lose])
def test_a_store_that_fails(
    how: Callable[..., Any], app: Flask, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = app.test_client()
    cards = posted(call())(web).get_json()["cards"]
    assert found_in(written.take()) == []
    monkeypatch.setattr(store_module, "_PROBE_SECONDS", -1)
    for name in ("insert_decision", "insert_feedback", "_beat"):
        monkeypatch.setattr(store_module, name, how)
    check(posted(call())(web), 503, written, web)
    check(posted(feedback_on(cards), f"{PATH}/feedback")(web), 503, written, web)
    check(web.get("/readyz", headers=HEADERS), 503, written, web)
    # The same without `require_record`: the card is served, the loss is told.
    served = create_app(Config(store=str(tmp_path), uuid_key=KEY), content(), lambda: NOW)
    check(posted(call())(served.test_client()), 200, written, served.test_client())
    served.extensions[STORE].close()
    assert found_in(on_disk(tmp_path)) == []


def test_a_service_that_is_busy(app: Flask, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "PATIENCE_SECONDS", 0.01)
    web = app.test_client()
    with slot.compute_slot():
        answer = posted(call())(web)
    check(answer, 503, written, web)


def test_every_status_of_decision_30_is_met() -> None:
    """401 stands in the next test, 500 and 503 in those above."""
    assert {status for status, _ in ERRORS.values()} == {200, 400, 403, 404, 405, 412, 413, 415}


def test_every_forged_token(written: Written) -> None:
    """And valid ones: neither the token nor what it says of the user."""
    config = Config(uuid_key=KEY, registry=REGISTRY, log_level="debug")
    web = create_app(config, content(), lambda: NOW, verifier=verifier()).test_client()
    who = {"sub": NAME, "patient": NUMBER, "fhirUser": f"Practitioner/{NAME}", "jti": f"{MARK}-1"}
    signed = sign(claims(**who), header(x=OTHER))
    forged = [
        bearer(signed + "A"),
        bearer(signed.rsplit(".", 1)[0] + "."),
        bearer(sign(claims(**who, iss=f"https://{NAME}.example"), header())),
        bearer(sign(claims(**who), header(kid=NAME))),
        bearer(sign(claims(**who), header(jku=f"https://{NAME}.example"))),
        bearer(sign(claims(**who), header(typ=NAME))),
        bearer(sign(claims(**who, aud=NUMBER), header())),
        bearer(sign(claims(**{**who, "jti": [NUMBER]}), header())),
        f"{NAME} {signed}",
        *(authorization for authorization, _ in FORGED.values()),
    ]
    local = {"Host": "127.0.0.1"}
    for authorization in forged:
        sent = {"Authorization": authorization} if authorization.strip() else {}
        answer = posted(call(), TOKEN_PATH, **local, **sent)(web)
        assert answer.status_code == 401
        assert found_in(answer.data) == []
        text = written.take()
        assert found_in(text) == []
        assert not any(len(part) > 20 and part in text for part in authorization.split("."))
    for status in (200, 401):
        assert posted(call(), TOKEN_PATH, **local, Authorization=bearer(signed))(web).status_code == status
        text = written.take()
        assert found_in(text) == []
        assert not any(part in text for part in signed.split("."))
    assert PUBLIC_URL not in text


# What a FHIR server answers


def _echo_outcome(server: FhirServer, request: Request) -> None:
    """An error that repeats the question, the token and the patient."""
    said = f"{request.target} {request.headers.get('authorization')} {NAME}"
    issue = {"severity": "error", "code": NAME, "diagnostics": said, "details": {"text": NOTE}}
    send_json(request, {"resourceType": "OperationOutcome", "issue": [issue]}, 403, f"WWW-Authenticate: {TOKEN}")


def _echo_status(server: FhirServer, request: Request) -> None:
    request.send(f"HTTP/1.1 500 {NAME} {TOKEN}\r\nX-{NAME}: {NOTE}\r\nContent-Length: 0\r\n\r\n".encode())


def _echo_no_http(server: FhirServer, request: Request) -> None:
    request.send(f"{NAME} {NOTE} {TOKEN}\r\n\r\n".encode())
    request.connection.close()


def _echo_no_json(server: FhirServer, request: Request) -> None:
    send_bytes(request, f'{{"{NAME}": "{NOTE}'.encode(), 200, f"Content-Type: {NAME}", f"Content-Encoding: {NOTE}")


def _echo_redirect(server: FhirServer, request: Request) -> None:
    send_bytes(request, b"", 302, f"Location: https://{NAME}.example/{NUMBER}?token={TOKEN}")


def _echo_link(server: FhirServer, request: Request) -> None:
    link = {"relation": "next", "url": f"https://{NAME}.example/{NUMBER}"}
    resource = {"resourceType": "Condition", "id": NAME, "subject": {"reference": f"Patient/{NAME}"}, NAME: NOTE}
    send_json(
        request, {"resourceType": "Bundle", "type": "searchset", "link": [link], "entry": [{"resource": resource}]}
    )


ECHOES: dict[str, Handler] = {
    "echo-outcome": _echo_outcome,
    "echo-status": _echo_status,
    "echo-no-http": _echo_no_http,
    "echo-no-json": _echo_no_json,
    "echo-redirect": _echo_redirect,
    "echo-link": _echo_link,
    "none": FhirServer.answer,
}


@pytest.mark.parametrize("name", [*ECHOES, *FAULTS])
def test_every_fault_of_a_fhir_server(name: str, written: Written, tmp_path: Path) -> None:
    story = next(story for story in stories() if story.name == "patients/biopsy-insufficient")
    entries = entries_with_canary(story.entries, story.context["patientId"])
    with FhirServer(entries, {**FAULTS, **ECHOES}[name]) as server:
        registry = Registry(development=True, clients=(Client("ehr", fhir_servers=(server.url,)),))
        config = Config(registry=registry, store=str(tmp_path), uuid_key=KEY, fetch_ms=100, log_level="debug")
        app = create_app(config, content(), lambda: story.now, timer=server.clock)
        body = call_with_canary(story.body(content().prefetch))
        few = {key: value for key, value in body["prefetch"].items() if key in {"conditions", "patient"}}
        for prefetch in ({}, few):
            sent = json.dumps({**body, "prefetch": prefetch, "fhirServer": server.url})
            answer = app.test_client().post(f"/cds-services/{ID}{story.hook}", data=sent, headers=HEADERS)
            assert answer.status_code in (200, 412)
            if answer.status_code != 200:
                assert found_in(answer.data) == []
        assert server.requests
        assert found_in(metrics_of(app.test_client())) == []
        app.extensions[STORE].close()
    text = written.take()
    assert '"fetches":' in text
    assert found_in(text) == []
    assert found_in(on_disk(tmp_path)) == []


# A real server


def raw(port: int, data: bytes) -> bytes:
    """What comes back for these bytes, until the server closes or a moment has passed."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(data)
        try:
            return connection.recv(65_536)
        except OSError:
            return b""


def test_a_real_server_writes_nothing_of_it(tmp_path: Path) -> None:
    """All that the process, its workers and the libraries under them write: both output streams, and the store."""
    folder, log = tmp_path / "store", tmp_path / "log"
    folder.mkdir()
    with nursery() as servers:
        running = servers.start(log, CDS_STORE=str(folder), CDS_LOG_LEVEL="debug")
        connection = HTTPConnection("127.0.0.1", running.port, timeout=WAIT_SECONDS)
        for path, body in (
            (PATH, call()),
            (PATH, NAME),
            (f"/{NUMBER}?name={NAME}", call()),
            (f"{PATH}/feedback", feedback_on([{"uuid": NUMBER}])),
        ):
            connection.request("POST", path, json.dumps(body), HEADERS)
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status == 200 or found_in(data) == []
        connection.close()
        # What the HTTP layer refuses by itself.
        for head in (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {NUMBER}\r\n\r\n{NOTE}",
            f"GET /{NAME} HTTP/9.9\r\n\r\n",
            f"{NAME} {NOTE}\r\n\r\n",
            f"GET /{NAME * 20_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{NAME}\x00: {NOTE}\r\n\r\n",
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n{NAME}\r\n",
        ):
            assert found_in(raw(running.port, head.encode())) == []
        assert b"heartbeats" in on_disk(folder)
        assert found_in(on_disk(folder)) == []
        running.stop()
        assert servers.wait(running) == 0
    assert '"status":200' in log.read_text()
    assert found_in(log.read_bytes()) == []
    assert found_in(on_disk(folder)) == []


def test_the_search_finds_every_spelling() -> None:
    """Otherwise the other tests would prove nothing."""
    for before in ("", "a", "ab", "abc"):
        for behind in ("", "z", "yz"):
            hidden = before + MARK + behind
            for spelling in (hidden, hidden.upper(), hidden.encode().hex(), base64.b64encode(hidden.encode()).decode()):
                assert found_in(f"-- {spelling} --")
    assert found_in("nothing of it") == []
    body = call_with_canary(stored(CALL))
    assert all(word in json.dumps(body) for word in (NAME, NUMBER, NOTE, TOKEN, OTHER))
    assert stored(CALL)["context"]["patientId"] not in body["context"].values()


def test_the_log_is_heard_at_every_level(written: Written) -> None:
    logging.getLogger("some.library").debug("%s", NAME)
    assert found_in(written.take())
    try:
        fail()
    except Unexpected:
        logging.getLogger("some.library").exception("failed")
    assert found_in(written.take())
    assert found_in(written.take()) == []
