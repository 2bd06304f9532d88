"""The feedback endpoint: both slash spellings, batches, repeats, cards that we do not know (decisions 36, 37, 42)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.app import STORE, create_app
from cds_service.config import Config
from cds_service.errors import StoreError
from cds_service.store.decisions import Wanted, find_decisions
from cds_service.store.store import Store
from cds_service.web.call_log import LOGGER
from tests.web.service_calls import ID, NOW, check_error, client, content, stored

SELECT = f"/cds-services/{ID}order-select"
CALL = "sandbox-rx-capecitabine"
WHEN = "2026-03-02T08:59:00Z"
CANARY = "Quincunx-Vandersloot"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An application with a store of its own."""
    made = create_app(Config(store=str(tmp_path)), content(), lambda: NOW)
    yield made
    made.extensions[STORE].close()


@pytest.fixture
def web(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def card(web: FlaskClient) -> dict[str, Any]:
    """A card that was shown."""
    body = web.post(SELECT, data=json.dumps(stored(CALL))).get_json()
    found: dict[str, Any] = body["cards"][0]
    return found


def send(web: FlaskClient, *items: Any, path: str = f"{SELECT}/feedback") -> tuple[int, dict[str, Any]]:
    answer = web.post(path, data=json.dumps({"feedback": items}))
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_json()


def overridden(card: str, **more: Any) -> dict[str, Any]:
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": WHEN, **more}


def kept(app: Flask) -> list[dict[str, Any]]:
    """The feedback on the first card of every decision."""
    store: Store = app.extensions[STORE]
    return [said for found in find_decisions(store.engine, Wanted()) for said in found["cards"][0]["feedback"]]


def test_fb_01_accepted(app: Flask, web: FlaskClient, card: dict[str, Any]) -> None:
    suggestion = card["suggestions"][0]["uuid"]
    item = {**overridden(card["uuid"]), "outcome": "accepted", "acceptedSuggestions": [{"id": suggestion}]}
    assert send(web, item) == (200, {"received": 1, "ignored": 0})
    [said] = kept(app)
    assert (said["outcome"], said["suggestions"]) == ("accepted", [suggestion])


@pytest.mark.parametrize("key", ["overrideReason", "overrideReasons"])
def test_fb_05_08_overridden_with_a_reason_of_the_card(
    app: Flask, web: FlaskClient, card: dict[str, Any], key: str
) -> None:
    reason = {name: card["overrideReasons"][0][name] for name in ("code", "system")}
    assert send(web, overridden(card["uuid"], **{key: {"reason": reason, "userComment": CANARY}}))[0] == 200
    [said] = kept(app)
    assert (said["reason_code"], said["reason_system"], said["commented"]) == (reason["code"], reason["system"], 1)


@pytest.mark.parametrize(
    "reason",
    [
        {"system": "ours", "code": "Maria.Musterfrau-1950-01-02"},
        {"system": "urn:Maria-Musterfrau", "code": "biopsy-declined"},
        {"code": "42"},
        {"code": "John Smith"},
    ],
)
def test_of_reasons_that_are_not_ours_is_kept_that_there_was_one(
    app: Flask, web: FlaskClient, card: dict[str, Any], reason: dict[str, str]
) -> None:
    if reason.get("system") == "ours":
        reason = {**reason, "system": content().pathway.override_system}
    assert send(web, overridden(card["uuid"], overrideReason={"reason": reason})) == (
        200,
        {"received": 1, "ignored": 0},
    )
    assert [(said["reason_system"], said["reason_code"]) for said in kept(app)] == [("", "other")]


def test_ids_of_suggestions_that_are_not_ours_are_left_out(app: Flask, web: FlaskClient, card: dict[str, Any]) -> None:
    ids = [card["suggestions"][0]["uuid"], "MRN-4711-Musterfrau"]
    item = {**overridden(card["uuid"]), "outcome": "accepted", "acceptedSuggestions": [{"id": ident} for ident in ids]}
    assert send(web, item) == (200, {"received": 1, "ignored": 0})
    assert [said["suggestions"] for said in kept(app)] == [ids[:1]]


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("slashes", ["/", "//"])
def test_decision_36_every_spelling_of_the_path(web: FlaskClient, card: dict[str, Any], slashes: str, end: str) -> None:
    path = f"/cds-services{slashes}{ID}order-select/feedback{end}"
    assert send(web, overridden(card["uuid"]), path=path) == (200, {"received": 1, "ignored": 0})
    answer = web.options(path)
    assert (answer.status_code, answer.data, answer.headers["Allow"]) == (204, b"", "OPTIONS, POST")
    check_error(web.get(path), 405, "not-supported")


def test_fb_06_repeats_are_received_and_kept_once(app: Flask, web: FlaskClient, card: dict[str, Any]) -> None:
    for _ in range(3):
        assert send(web, *[overridden(card["uuid"])] * 4) == (200, {"received": 4, "ignored": 0})
    assert len(kept(app)) == 1


def test_fb_07_unknown_cards_are_counted_apart(app: Flask, web: FlaskClient, card: dict[str, Any]) -> None:
    unknown = [overridden("123456"), overridden("0b2cd2de-9a56-4f84-8b6a-4f1e0a1c9d11")]
    assert send(web, *unknown) == (200, {"received": 0, "ignored": 2})
    assert send(web, overridden(card["uuid"]), *unknown) == (200, {"received": 1, "ignored": 2})
    assert len(kept(app)) == 1


def test_a_card_of_the_other_service_is_unknown_here(web: FlaskClient, card: dict[str, Any]) -> None:
    path = f"/cds-services/{ID}order-sign/feedback"
    assert send(web, overridden(card["uuid"]), path=path) == (200, {"received": 0, "ignored": 1})


def test_decision_37_bad_items_are_reported_and_good_ones_kept(
    app: Flask, web: FlaskClient, card: dict[str, Any]
) -> None:
    bad = {**overridden(card["uuid"]), "outcomeTimestamp": CANARY}
    status, body = send(web, overridden("x"), bad, overridden(card["uuid"]))
    problem = "`outcomeTimestamp` must be an RFC 3339 time with offset, as 2026-03-02T09:00:00Z"
    assert (status, body) == (200, {"received": 1, "ignored": 1, "invalid": [{"index": 1, "problem": problem}]})
    assert len(kept(app)) == 1


def test_decision_37_a_batch_of_bad_items_only_is_400(web: FlaskClient, card: dict[str, Any]) -> None:
    bad = {**overridden(card["uuid"]), "outcome": CANARY}
    says = check_error(web.post(f"{SELECT}/feedback", data=json.dumps({"feedback": [bad]})), 400, "invalid")
    assert "`outcome`" in says
    assert CANARY not in says


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"feedback": {}}', b'{"feedback":[],"feedback":[]}', b"\xff"]
)
def test_fb_02_other_bodies_are_400(web: FlaskClient, raw: bytes) -> None:
    check_error(web.post(f"{SELECT}/feedback", data=raw), 400, "invalid")


def test_an_empty_batch_is_no_error(web: FlaskClient) -> None:
    assert send(web) == (200, {"received": 0, "ignored": 0})


def test_fb_01_an_unknown_service_is_404(web: FlaskClient) -> None:
    check_error(web.post("/cds-services/none-such/feedback", data=b"{}"), 404, "not-found")


def test_limits_are_those_of_calls(web: FlaskClient) -> None:
    check_error(web.post(f"{SELECT}/feedback", data=b" " * 5_000_001), 413, "too-long")
    check_error(web.post(f"{SELECT}/feedback", data=b"{}", headers={"Content-Encoding": "gzip"}), 415, "not-supported")


def test_decision_42_feedback_that_cannot_be_kept_is_503(
    app: Flask,
    web: FlaskClient,
    card: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("SQLITE_FULL")

    caplog.set_level(logging.INFO, logger=LOGGER)
    monkeypatch.setattr(app.extensions[STORE]._commits, "run", fail)
    check_error(
        web.post(f"{SELECT}/feedback", data=json.dumps({"feedback": [overridden(card["uuid"])]})), 503, "transient"
    )
    line = json.loads(caplog.records[-1].getMessage())
    assert (line["status"], line["problem"], line["record"]) == (503, "NotKept", "lost: SQLITE_FULL")
    monkeypatch.undo()
    assert send(web, overridden(card["uuid"])) == (200, {"received": 1, "ignored": 0})


def test_without_a_store_every_card_is_unknown() -> None:
    assert send(client(), overridden("x")) == (200, {"received": 0, "ignored": 1})


def test_it_is_there_after_a_restart(app: Flask, web: FlaskClient, card: dict[str, Any], tmp_path: Path) -> None:
    again = create_app(Config(store=str(tmp_path)), content(), lambda: NOW)
    assert send(again.test_client(), overridden(card["uuid"])) == (200, {"received": 1, "ignored": 0})
    assert len(kept(app)) == 1
    again.extensions[STORE].close()
