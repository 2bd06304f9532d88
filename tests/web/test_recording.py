"""Decisions are on disk before the answer leaves; what happens when they cannot be (issue item 5, decision 42)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from cds_service.app import STORE, create_app
from cds_service.config import Config
from cds_service.errors import ConfigError, StoreError
from cds_service.store import store as store_module
from cds_service.store.database import FILE
from cds_service.store.decision_record import hash_patient
from cds_service.store.decisions import Wanted, find_decisions
from cds_service.store.store import Store
from cds_service.web import recording
from cds_service.web.call_log import LOGGER
from tests.web.service_calls import CALLS, ID, NOW, check_answer, check_error, client, content, stored

CALL = "sandbox-rx-capecitabine"
SELECT = f"/cds-services/{ID}order-select"
NOT_OURS = "sandbox-rx-opened"
KEY = b"a key of this test, long enough"


def made(folder: Path, **changes: Any) -> Flask:
    """An application with a store in the folder, whose decisions are numbered."""
    ids = count(1)
    config = Config(**{"store": str(folder), "uuid_key": KEY, **changes})
    return create_app(config, content(), lambda: NOW, new_id=lambda: f"d-{next(ids)}")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = made(tmp_path)
    yield app
    app.extensions[STORE].close()


def decisions(app: Flask) -> list[dict[str, Any]]:
    store: Store = app.extensions[STORE]
    return list(find_decisions(store.engine, Wanted()))


def post(app: Flask, name: str) -> Any:
    body = stored(name)
    return app.test_client().post(f"/cds-services/{ID}{body['hook']}", data=json.dumps(body))


def failing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("SQLITE_FULL")

    monkeypatch.setattr(app.extensions[STORE]._commits, "run", fail)
    monkeypatch.setattr(store_module, "_PROBE_SECONDS", -1)


def test_a_call_that_reached_the_pathway_leaves_one_record(app: Flask) -> None:
    answer = post(app, CALL)
    [found] = decisions(app)
    assert [card["card"] for card in found["cards"]] == [card["uuid"] for card in check_answer(answer)["cards"]]
    assert (found["id"], found["at"]) == ("d-1", "2026-03-02T09:00:00.000000Z")
    assert (found["service"], found["client"]) == (f"{ID}order-select", "")
    assert found["patient"] == hash_patient(KEY, "", "pt1")


def test_each_showing_is_a_record_of_its_own(app: Flask) -> None:
    """Decision 39: the uuid of a card is the same, the decision is another."""
    assert post(app, CALL).data == post(app, CALL).data
    first, second = decisions(app)
    assert (first["id"], second["id"]) == ("d-1", "d-2")
    assert first["cards"] == second["cards"]


def test_the_answer_is_the_same_with_and_without_a_store(app: Flask, tmp_path: Path) -> None:
    assert post(app, CALL).data == post(made(tmp_path, store=""), CALL).data


def test_a_patient_that_is_not_ours_leaves_a_record_with_that_reason(app: Flask) -> None:
    body = stored(CALL)
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    answer = app.test_client().post(SELECT, data=json.dumps(body))
    assert check_answer(answer) == {"cards": []}
    [found] = decisions(app)
    assert (found["silence"], found["cards"]) == ("not-our-patient", [])


def test_orders_that_are_not_ours_are_only_counted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most calls of a hospital are such; they are not worth a sync."""
    monkeypatch.setattr(recording, "describe_decision", None)
    monkeypatch.setattr(app.extensions[STORE], "record", None)
    assert post(app, NOT_OURS).status_code == 200


def test_an_answer_that_is_an_error_leaves_no_record(app: Flask) -> None:
    assert app.test_client().get("/readyz").status_code == 200
    check_error(post(app, "epic-no-prefetch"), 412)
    check_error(app.test_client().post(SELECT, data=b"{"), 400)
    assert decisions(app) == []


def test_every_stored_call(app: Flask) -> None:
    answered = [
        name for name in (path.stem for path in sorted(CALLS.glob("*.json"))) if post(app, name).status_code == 200
    ]
    assert 0 < len(decisions(app)) <= len(answered)


def test_the_log_names_the_record(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    post(app, CALL)
    post(app, NOT_OURS)
    kept, not_ours = (json.loads(item.getMessage()) for item in caplog.records)
    assert kept["record"] == "d-1"
    assert "record" not in not_ours


def test_concurrent_calls_are_all_recorded_and_share_syncs(app: Flask) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(app, CALL).status_code, range(64)))
    assert set(answers) == {200}
    assert {found["id"] for found in decisions(app)} == {f"d-{number}" for number in range(1, 65)}


def test_decision_42_cards_are_served_the_loss_is_counted_and_readyz_is_red(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    web = app.test_client()
    assert web.get("/readyz").get_json() == {"status": "ok", "decisions": {"kept": 0, "lost": 0}}
    post(app, CALL)
    failing(app, monkeypatch)
    caplog.set_level(logging.INFO, logger=LOGGER)
    assert check_answer(post(app, CALL))["cards"]
    assert json.loads(caplog.records[-1].getMessage())["record"] == "lost: SQLITE_FULL"
    says = check_error(web.get("/readyz"), 503, "transient")
    assert says == "the store cannot be written (SQLITE_FULL); decisions lost by this process: 1"
    assert web.get("/healthz").status_code == 200
    monkeypatch.undo()
    monkeypatch.setattr(store_module, "_PROBE_SECONDS", -1)
    assert web.get("/readyz").get_json() == {"status": "ok", "decisions": {"kept": 1, "lost": 1}}


def test_decision_42_with_require_record_calls_get_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = made(tmp_path, require_record=True)
    assert post(app, CALL).status_code == 200
    failing(app, monkeypatch)
    assert "recorded" in check_error(post(app, CALL), 503, "transient")
    assert post(app, NOT_OURS).status_code == 200, "what needs no record is answered"
    monkeypatch.undo()
    assert post(app, CALL).status_code == 200
    app.extensions[STORE].close()


def test_a_store_that_is_not_there_stops_no_cards(tmp_path: Path) -> None:
    app = made(tmp_path / "none")
    assert check_answer(post(app, CALL))["cards"]
    assert "FileNotFoundError" in check_error(app.test_client().get("/readyz"), 503)
    (tmp_path / "none").mkdir()
    assert post(app, CALL).status_code == 200
    assert len(decisions(app)) == 1
    app.extensions[STORE].close()


def test_a_url_that_we_do_not_know_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="CDS_STORE"):
        create_app(Config(store="mysql://db/x"), content())


def test_without_a_store_nothing_is_written_and_readyz_is_green(tmp_path: Path) -> None:
    assert post(made(tmp_path, store=""), CALL).status_code == 200
    assert list(tmp_path.iterdir()) == []
    assert client().get("/readyz").get_json()["status"] == "ok"


def test_ids_are_random_when_none_are_given(tmp_path: Path) -> None:
    app = create_app(Config(store=str(tmp_path)), content(), lambda: NOW)
    post(app, CALL)
    post(app, CALL)
    assert len({found["id"] for found in decisions(app)} & {found["id"].lower() for found in decisions(app)}) == 2
    assert {len(found["id"]) for found in decisions(app)} == {36}
    app.extensions[STORE].close()


def test_options_of_readyz() -> None:
    answer = client().options("/readyz")
    assert (answer.status_code, answer.data, answer.headers["Allow"]) == (204, b"", "GET, HEAD, OPTIONS")


def test_the_record_is_in_the_file_when_the_answer_is_there(app: Flask, tmp_path: Path) -> None:
    """Another process, reading right after the answer, finds it."""
    post(app, CALL)
    assert FILE in {path.name for path in tmp_path.iterdir()}
    other = made(tmp_path)
    assert len(decisions(other)) == 1
    other.extensions[STORE].close()
