"""Calls whose data are not all sent: what is read from their FHIR server, and what is never contacted."""

from __future__ import annotations

import copy
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.errors import ConfigError
from cds_service.fhir.budget import Limits
from cds_service.fhir.line import Line
from cds_service.fhir.server import FhirServers
from cds_service.replay.stored import StoredCall, load_patient
from cds_service.trust.clients import Client, Registry
from cds_service.web.call_log import LOGGER
from cds_service.web.reach import Reach, allowed_by_client
from tests.fhir.fault_server import FhirServer, Handler, send_json
from tests.fhir.faults import FAULTS
from tests.fhir.test_addresses import LOOPBACK_SPELLINGS, OTHER_SPELLINGS
from tests.web.service_calls import HOSTILE, ID, check_answer, check_error, content

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TOKEN = "Quincunx-t0ken"
AUTHORIZATION = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "cds-service",
}


def story() -> StoredCall:
    [found, *_] = load_patient(FIXTURES / "patients" / "biopsy-insufficient", FIXTURES / "orders")
    return found


STORY = story()
WHOLE = STORY.body(content().prefetch)
PATIENT = str(STORY.context["patientId"])


def body(*sent: str, **more: Any) -> dict[str, Any]:
    """The call with only these searches sent."""
    call = copy.deepcopy(WHOLE)
    prefetch = {key: call["prefetch"][key] for key in sent}
    return {**call, "prefetch": prefetch, "fhirAuthorization": AUTHORIZATION, **more}


Post = Callable[..., TestResponse]


def may_read(*servers: str) -> Registry:
    """One open client on this machine, which may name these servers."""
    return Registry(development=True, clients=(Client("ehr", fhir_servers=servers),))


@contextmanager
def serving(handler: Handler | None = None, **settings: Any) -> Iterator[tuple[FhirServer, Post]]:
    """A FHIR server that the service may read, and a way to call the service."""
    with FhirServer(STORY.entries, handler) as server:
        config = Config(registry=may_read(server.url), **settings)
        app = create_app(config, content(), lambda: STORY.now, timer=server.clock)

        def post(call: dict[str, Any]) -> TestResponse:
            data = json.dumps({"fhirServer": server.url, **call}).encode()
            return app.test_client().post(f"/cds-services/{ID}{STORY.hook}", data=data)

        yield server, post


def cards(answer: TestResponse) -> Any:
    assert answer.status_code == 200, answer.data
    return check_answer(answer)["cards"]


def test_pfr_02_gen_08_prefetch_and_fetch_give_the_same_answer() -> None:
    with serving() as (server, post):
        sent = post(WHOLE)
        assert server.requests == []
        assert cards(post(body())) == cards(sent)
        assert post(body()).data == sent.data
        assert len(server.requests) >= 2 * len(content().prefetch)
        assert all(request.headers["authorization"] == f"Bearer {TOKEN}" for request in server.requests)


def test_pfr_02_a_missing_key_is_fetched_once_and_no_other() -> None:
    missing = [key for key in WHOLE["prefetch"] if key != "reports"]
    with serving() as (server, post):
        assert post(body(*missing)).data == post(WHOLE).data
        assert server.asked() == [f"DiagnosticReport?patient={PATIENT}&_count=200"]


def test_pfr_03_null_is_not_fetched() -> None:
    call = body(*WHOLE["prefetch"])
    call["prefetch"] = dict.fromkeys(call["prefetch"]) | {"conditions": WHOLE["prefetch"]["conditions"]}
    with serving() as (server, post):
        cards(post(call))
        assert server.requests == []


def test_pfr_07_the_second_page_is_used() -> None:
    call = body(*WHOLE["prefetch"])
    conditions = call["prefetch"]["conditions"]
    conditions["link"] = [{"relation": "next", "url": "https://internal.example/fhir?page=2"}]
    conditions["entry"] = conditions["entry"][:1]
    with serving() as (server, post):
        assert post(call).data == post(WHOLE).data
        assert server.asked() == [f"Condition?patient={PATIENT}&_count=200"]


def test_no_order_of_ours_reads_nothing() -> None:
    call = body()
    call["context"]["draftOrders"]["entry"] = [
        {
            "resource": {
                "resourceType": "ServiceRequest",
                "id": "x",
                "status": "draft",
                "subject": {"reference": "Patient/1"},
            }
        }
    ]
    call["context"].pop("selections", None)
    with serving() as (server, post):
        assert cards(post(call)) == []
        assert server.requests == []


@pytest.mark.parametrize("name", ["401", "403", "500", "reset", "html", "drip-body", "drip-headers", "outcome-200"])
def test_pfr_08_required_data_unobtainable_is_412(name: str) -> None:
    with serving(FAULTS[name]) as (_, post):
        says = check_error(post(body()), 412, "incomplete")
    assert "FHIR server" in says
    assert TOKEN not in says


@pytest.mark.parametrize("name", ["403", "500", "html", "drip-body"])
def test_optional_data_unobtainable_is_told_on_the_card(name: str) -> None:
    with serving(FAULTS[name]) as (_, post):
        found = cards(post(body("conditions", "patient")))
    assert any("FHIR server" in card["detail"] for card in found)


@pytest.mark.parametrize(
    "authorization",
    [None, 5, {"access_token": TOKEN}, {**AUTHORIZATION, "expires_in": "soon"}, {**AUTHORIZATION, "token_type": "MAC"}],
)
def test_fhir_03_without_a_whole_token_none_is_sent(authorization: Any) -> None:
    with serving() as (server, post):
        assert cards(post(body(fhirAuthorization=authorization)))
        assert not any("authorization" in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("patient", "reads"), [("somebody-else", False), (PATIENT, True), (f"Patient/{PATIENT}", True)]
)
def test_fhir_04_a_token_for_another_patient_reads_nothing(patient: str, reads: bool) -> None:
    with serving() as (server, post):
        answer = post(body(fhirAuthorization={**AUTHORIZATION, "patient": patient}))
        assert answer.status_code == (200 if reads else 412)
        assert bool(server.requests) is reads


@pytest.fixture
def contacts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every name that is resolved, every line that is made and every connection, none of which happens."""
    found: list[Any] = []

    def refuse(*args: Any, **_: Any) -> Any:
        found.append(args)
        raise OSError("not in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(Line, "connect", refuse)
    return found


@pytest.mark.parametrize(
    "url", [*OTHER_SPELLINGS, *LOOPBACK_SPELLINGS, "https://ehr.example.org/fhir/r4", "http://127.0.0.1:8090/other"]
)
def test_decision_33_a_server_that_is_not_allowed_is_never_contacted(url: str, contacts: list[Any]) -> None:
    config = Config(registry=may_read("http://127.0.0.1:8090/fhir"))
    client = create_app(config, content(), lambda: STORY.now).test_client()
    for call, status in ((body(*WHOLE["prefetch"]), 200), (body(), 412)):
        answer = client.post(f"/cds-services/{ID}{STORY.hook}", data=json.dumps({**call, "fhirServer": url}))
        assert answer.status_code == status
    assert contacts == []


@pytest.mark.parametrize("name", ["server-file", "server-metadata-address"])
def test_hostile_servers_are_not_contacted(name: str, contacts: list[Any]) -> None:
    client = create_app(Config(), content(), lambda: STORY.now).test_client()
    client.post(f"/cds-services/{ID}order-select", data=(HOSTILE / f"{name}.json").read_bytes())
    assert contacts == []


def test_as_shipped_no_server_is_contacted(contacts: list[Any]) -> None:
    client = create_app(Config(), content(), lambda: STORY.now).test_client()
    data = json.dumps(body(fhirServer="http://127.0.0.1:8090/fhir"))
    assert client.post(f"/cds-services/{ID}{STORY.hook}", data=data).status_code == 412
    assert contacts == []


def test_a_wrong_list_of_servers_stops_the_start() -> None:
    registry = replace(may_read("http://127.0.0.1/fhir"), development=False)
    with pytest.raises(ConfigError, match="fhir_servers"):
        create_app(Config(registry=registry), content(), datetime.now)


def test_a_client_may_not_name_the_server_of_another() -> None:
    ours, other = Client("ours", fhir_servers=("http://127.0.0.1:8090/fhir",)), Client("other")
    reach = Reach(
        allowed_by_client(Registry(development=True, clients=(ours, other))), FhirServers(Limits(), time.monotonic)
    )
    assert reach.find(ours, "http://127.0.0.1:8090/fhir")
    assert reach.find(other, "http://127.0.0.1:8090/fhir") is None
    assert reach.find(None, "http://127.0.0.1:8090/fhir") is None


def test_other_calls_are_computed_while_one_waits_for_its_server() -> None:
    waits, go_on = threading.Event(), threading.Event()

    def held(server: FhirServer, request: Any) -> None:
        waits.set()
        assert go_on.wait(20)
        FhirServer.answer(server, request)

    with serving(held, fetch_ms=10_000) as (_, post):
        answers: list[TestResponse] = []
        slow = threading.Thread(target=lambda: answers.append(post(body())))
        slow.start()
        assert waits.wait(20)
        assert post(WHOLE).status_code == 200, "nobody else is answered meanwhile"
        assert answers == []
        go_on.set()
        slow.join(20)
        assert cards(answers[0])


def test_a_server_that_stalls_costs_the_deadline_and_the_token_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens: list[Any] = []
    opened = create_app.__globals__["FhirServers"].open

    def watched(self: Any, *args: Any) -> Any:
        tokens.append(args[-1])
        return opened(self, *args)

    monkeypatch.setattr("cds_service.fhir.server.FhirServers.open", watched)
    with serving(FAULTS["hang"], fetch_ms=100) as (_, post):
        check_error(post(body()), 412)
    assert [token.header() for token in tokens] == [""]


def test_the_log_counts_outcomes_and_holds_no_data(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger=LOGGER)

    def some(server: FhirServer, request: Any) -> None:
        if request.path in {"Flag", "Consent"}:
            send_json(request, {"resourceType": "OperationOutcome", "text": PATIENT}, 403)
        else:
            FhirServer.answer(server, request)

    with serving(some) as (_, post):
        post(body())
        [line] = [record.getMessage() for record in caplog.records]
    assert json.loads(line)["fetches"] == {"answered": len(content().prefetch) - 2, "refused": 2}
    assert not {PATIENT, TOKEN, "127.0.0.1"} & set(line.split('"'))
    assert TOKEN not in line + "".join(capfd.readouterr())
    assert PATIENT not in line
