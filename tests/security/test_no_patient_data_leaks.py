"""A canary patient: nothing of its names, ids, notes and token is in any log line or error body (reliability 2.27)."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from cds_service.app import STORE, create_app
from cds_service.config import Config
from cds_service.web import reach, services
from cds_service.web.call_log import LOGGER, call_logger, log_failure, log_warning
from tests.web.service_calls import CALLS, HOSTILE, ID, NOW, check_error, client, content, post, stored

CANARY = "Quincunx-Vandersloot"


FREE_TEXT = frozenset({"text", "display", "family", "birthDate", "diagnostics", "conclusion", "id"})


def with_canary(node: Any, key: str = "") -> Any:
    """The same call with the canary in every name, id and free text, and as a further member of every object."""
    if isinstance(node, dict):
        return {name: with_canary(value, name) for name, value in node.items()} | {f"x-{CANARY}": CANARY}
    if isinstance(node, list):
        return [with_canary(item, key) for item in node]
    return f"{node} {CANARY}" if key in FREE_TEXT else node


def canary_call(name: str) -> dict[str, Any]:
    body = stored(name)
    return {
        **with_canary(body),
        "hookInstance": CANARY,
        "fhirServer": f"https://{CANARY}.example/r4",
        "fhirAuthorization": {"access_token": CANARY},
    }


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything logged by anybody so far."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger=LOGGER)
    return lambda: "\n".join(
        [record.getMessage() for record in caplog.records]
        + [str(record.exc_info) for record in caplog.records if record.exc_info]
    )


@pytest.mark.parametrize("name", [path.stem for path in sorted(CALLS.glob("*.json"))])
def test_stored_calls(name: str, lines: Callable[[], str], capfd: pytest.CaptureFixture[str]) -> None:
    answer = post(
        canary_call(name), stored(name)["hook"], headers={"X-Note": CANARY, "Authorization": f"Bearer {CANARY}"}
    )
    assert answer.status_code in (200, 400, 412)
    assert CANARY not in lines() + "".join(capfd.readouterr())
    if answer.status_code != 200:
        assert CANARY not in answer.text


def edit_patient(body: dict[str, Any]) -> None:
    body["context"]["patientId"] = f"Patient/{CANARY}"


def edit_draft(body: dict[str, Any]) -> None:
    body["context"]["draftOrders"]["entry"] = [CANARY]


def edit_hook(body: dict[str, Any]) -> None:
    body["hook"] = CANARY


def edit_conditions(body: dict[str, Any]) -> None:
    issue = {"severity": "error", "code": CANARY, "diagnostics": CANARY}
    body["prefetch"]["conditions"] = {"resourceType": "OperationOutcome", "issue": [issue]}


@pytest.mark.parametrize("edit", [edit_patient, edit_draft, edit_hook, edit_conditions])
def test_error_answers(edit: Callable[[dict[str, Any]], None], lines: Callable[[], str]) -> None:
    body = canary_call("sandbox-rx-capecitabine")
    edit(body)
    answer = post(body, "order-select")
    assert answer.status_code in (400, 412)
    assert CANARY not in answer.text + lines()


@pytest.mark.parametrize("raw", [b'{"%s":1,"%s":2}', b'{"%s": %s}', b'["%s", "\\ud800%s"]', b"%s,%s"])
def test_unreadable_bodies(raw: bytes, lines: Callable[[], str]) -> None:
    answer = post(raw % (CANARY.encode(), CANARY.encode()))
    assert answer.status_code == 400
    assert CANARY not in answer.text + lines()


@pytest.mark.parametrize(
    "path", [f"/{CANARY}", f"/cds-services/{CANARY}", f"/cds-services/{ID}order-select?name={CANARY}"]
)
def test_paths_and_queries(path: str, lines: Callable[[], str]) -> None:
    answer = client().post(path, data=b"{}")
    assert CANARY not in answer.text + lines()


class Unexpected(Exception):
    """An error whose text holds what it failed on, as those of many libraries do."""


def fail(*_: object) -> object:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise Unexpected(f"cannot read {CANARY}") from error


@pytest.mark.parametrize(
    ("module", "stage"),
    [
        *((services, stage) for stage in ("parse_json", "parse_call", "evaluate", "render_response")),
        (reach, "PrefetchSource"),
    ],
)
def test_res_06_a_failure_of_ours_is_500_with_type_and_place_only(
    module: ModuleType,
    stage: str,
    lines: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, stage, fail)
    answer = post(canary_call("sandbox-rx-capecitabine"), "order-select")
    says = check_error(answer, 500, "exception")
    assert CANARY not in says + lines() + "".join(capfd.readouterr())
    failure = next(json.loads(line) for line in lines().splitlines() if '"failure"' in line)
    assert failure["types"] == ["Unexpected", "KeyError"]
    assert failure["at"][0].startswith("web/services.py:")
    assert set(failure) == {"event", "types", "at"}


def test_a_log_that_cannot_be_written_prints_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(services, "evaluate", fail)
    with monkeypatch.context() as patched:
        patched.setattr("cds_service.web.call_log.sys.stderr", closed)
        check_error(post(canary_call("sandbox-rx-capecitabine"), "order-select"), 500, "exception")
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize(
    "error", [RecursionError(CANARY), MemoryError(CANARY), UnicodeDecodeError("utf-8", b"x", 0, 1, CANARY)]
)
def test_every_kind_of_exception_is_answered(
    error: Exception, lines: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_it(*_: object) -> object:
        raise error

    monkeypatch.setattr(services, "evaluate", raise_it)
    check_error(post(stored("sandbox-rx-opened")), 500, "exception")
    assert CANARY not in lines()


def test_a_long_chain_of_causes_is_cut(lines: Callable[[], str]) -> None:
    error: Exception = ValueError(CANARY)
    for _ in range(20):
        outer = TypeError(CANARY)
        outer.__context__ = error
        error = outer
    log_failure(call_logger("info"), error)
    assert json.loads(lines()) == {"event": "failure", "types": ["TypeError"] * 5, "at": []}


def test_the_call_line_has_these_fields_and_no_others(lines: Callable[[], str]) -> None:
    post(stored("sandbox-rx-capecitabine"))
    line = json.loads(lines())
    assert set(line) == {"event", "service", "method", "status", "ms", "outcomes", "cards", "silences", "fetches"}
    assert line["fetches"] == {"not-allowed": 1}, "the call names a server, and there are no clients"
    assert (line["event"], line["service"], line["status"]) == ("call", f"{ID}order-select", 200)
    assert line["cards"] == ["TissueBeforeSystemicTherapy:not-found:warning", "PancreasProtocolCt:no-protocol-ct:info"]


def test_the_call_line_names_the_silence(lines: Callable[[], str]) -> None:
    post(stored("sandbox-rx-opened"))
    line = json.loads(lines())
    assert (line["cards"], line["silences"]) == ([], ["no-order-of-ours"])


def test_the_call_line_names_the_problem(lines: Callable[[], str]) -> None:
    post(stored("epic-no-prefetch"))
    line = json.loads(lines())
    assert (line["status"], line["problem"]) == (412, "DataUnavailable")
    assert "cards" not in line


@pytest.mark.parametrize(("method", "logged"), [("GET", "GET"), (CANARY.upper(), "other")])
def test_the_method_is_one_that_we_know(method: str, logged: str, lines: Callable[[], str]) -> None:
    client().open("/cds-services", method=method)
    assert json.loads(lines())["method"] == logged


def test_probes_are_logged_only_when_they_fail(lines: Callable[[], str]) -> None:
    assert client().get("/healthz").status_code == 200
    assert lines() == ""
    assert client().get("/healthz", headers={"Host": "x.example"}).status_code == 403
    assert json.loads(lines())["status"] == 403


def test_warnings_have_the_shape_of_other_lines(lines: Callable[[], str]) -> None:
    log_warning(call_logger("info"), "text")
    assert json.loads(lines()) == {"event": "warning", "text": "text"}


def test_the_logger_is_set_up_once() -> None:
    assert len(call_logger("info").handlers) == len(call_logger("debug").handlers)
    assert logging.getLogger(LOGGER).level == logging.DEBUG
    call_logger("info")


def test_the_key_does_not_show_in_the_configuration() -> None:
    assert CANARY not in repr(Config(uuid_key=CANARY.encode()))


@pytest.mark.parametrize("name", [path.stem for path in sorted(HOSTILE.glob("*.json"))])
def test_hostile_bodies_log_one_line_of_ours(name: str, lines: Callable[[], str]) -> None:
    post((HOSTILE / f"{name}.json").read_bytes(), "order-select")
    [line] = lines().splitlines()
    assert json.loads(line)["event"] == "call"
    assert sys.getsizeof(line) < 2_000


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Flask]:
    """An application with a store, whose patients' data must not reach it."""
    app = create_app(Config(store=str(tmp_path)), content(), lambda: NOW)
    yield app
    app.extensions[STORE].close()


@pytest.mark.parametrize("name", [path.stem for path in sorted(CALLS.glob("*.json"))])
def test_the_store_holds_nothing_of_a_patient(name: str, kept: Flask, tmp_path: Path) -> None:
    """Names, notes, ids with the patient's number, the token, the comment on a card: not one byte of them on disk."""
    body = canary_call(name)
    body["context"]["patientId"] = CANARY
    body = json.loads(json.dumps(body).replace(f"Patient/{stored(name)['context']['patientId']}", f"Patient/{CANARY}"))
    web, path = kept.test_client(), f"/cds-services/{ID}{stored(name)['hook']}"
    answer = web.post(path, data=json.dumps(body), headers={"Authorization": f"Bearer {CANARY}"})
    for card in answer.get_json().get("cards", []):
        said = {"reason": {"code": CANARY + " x", "system": f"{CANARY} x", "display": CANARY}, "userComment": CANARY}
        item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-03-02T08:59:00Z"}
        taken = {**item, "outcome": "accepted", "acceptedSuggestions": [{"id": f"{CANARY} x"}]}
        items = [{**item, "overrideReason": said, CANARY: CANARY}, taken, {**item, "card": CANARY}]
        answered = web.post(f"{path}/feedback", data=json.dumps({"feedback": items}))
        assert answered.get_json() == {"received": 2, "ignored": 1}
    assert web.get("/readyz").status_code == 200
    on_disk = b"".join(found.read_bytes() for found in tmp_path.iterdir())
    assert b"heartbeats" in on_disk
    assert CANARY.encode().lower() not in on_disk.lower()
