"""Calls whose data are not all sent: what is read from their FHIR server, and what is never contacted."""

from __future__ import annotations

import copy
import gc
import json
import logging
import os
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
from tests.fhir.faults import FAULTS, ODDITIES
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


def story(name: str) -> StoredCall:
    [found, *_] = load_patient(FIXTURES / "patients" / name, FIXTURES / "orders")
    return found


STORY = story("biopsy-insufficient")
WHOLE = STORY.body(content().prefetch)
PATIENT = str(STORY.context["patientId"])


def body(*sent: str, **more: Any) -> dict[str, Any]:
    """The call with only these searches sent."""
    call = copy.deepcopy(WHOLE)
    prefetch = {key: call["prefetch"][key] for key in sent}
    return {**call, "prefetch": prefetch, "fhirAuthorization": AUTHORIZATION, **more}


GIVES_RESULTS = {
    "other-patients",
    "other-type",
    "full-page",
    "first-page-again",
    "ignores-parameters",
    "charts-mixed-up",
}
"""Faults that leave the Conditions incomplete and not unread: the reason of the order names the cancer all the same."""
Post = Callable[..., TestResponse]


def may_read(*servers: str) -> Registry:
    """One open client on this machine, which may name these servers."""
    return Registry(development=True, clients=(Client("ehr", fhir_servers=servers),))


@contextmanager
def serving(
    handler: Handler | None = None, stored: StoredCall = STORY, **settings: Any
) -> Iterator[tuple[FhirServer, Post]]:
    """A FHIR server that the service may read, and a way to call the service."""
    with FhirServer(stored.entries, handler) as server:
        config = Config(registry=may_read(server.url), **settings)
        app = create_app(config, content(), lambda: stored.now, timer=server.clock)

        def post(call: dict[str, Any]) -> TestResponse:
            data = json.dumps({"fhirServer": server.url, **call}).encode()
            return app.test_client().post(f"/cds-services/{ID}{stored.hook}", data=data)

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


@pytest.mark.parametrize(
    ("name", "spared"),
    [
        pytest.param("ultrasound-biopsy-ordered-again", {"Encounter"}, id="liver-biopsy"),
        pytest.param(
            "ct-ordered-for-a-pancreatic-mass",
            {"Appointment", "CarePlan", "Consent", "Flag", "ServiceRequest"},
            id="abdominal-ct",
        ),
        pytest.param("biopsy-insufficient", set(), id="chemotherapy"),
    ],
)
def test_only_what_the_candidate_cards_need_is_fetched(name: str, spared: set[str]) -> None:
    """An emergency (F20, encounters) softens the cards of drugs and resections alone; a CT needs no plans (C6)."""
    stored = story(name)
    whole = {**stored.body(content().prefetch), "fhirAuthorization": AUTHORIZATION}
    with serving(stored=stored) as (server, post):
        sent = post(whole)
        assert server.requests == []
        assert post({**whole, "prefetch": {}}).data == sent.data
        asked = {request.path.partition("/")[0] for request in server.requests}
    assert {template.partition("?")[0].partition("/")[0] for template in content().prefetch.values()} - asked == spared


def test_what_is_not_needed_is_used_as_it_was_sent() -> None:
    stored = story("ultrasound-biopsy-ordered-again")
    whole = {**stored.body(content().prefetch), "fhirAuthorization": AUTHORIZATION}
    cut = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "https://fhir.example.org/page2"}]}
    with serving(stored=stored) as (server, post):
        answer = post({**whole, "prefetch": {**whole["prefetch"], "encounters": cut}})
        assert answer.data == post(whole).data
        assert server.requests == []
        strayed = {"reports": None, "pathology": None, "encounters": whole["prefetch"]["reports"]}
        assert post({**whole, "prefetch": {**whole["prefetch"], **strayed}}).data == answer.data
        assert post({**whole, "prefetch": {**whole["prefetch"], **strayed, "encounters": None}}).data != answer.data
        assert server.requests == []


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


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_answered_with_cards_or_412(name: str) -> None:
    with serving(FAULTS[name], fetch_ms=100 if name == "hang" else 30_000) as (_, post):
        if name in GIVES_RESULTS:
            assert "could not be checked" in cards(post(body()))[0]["summary"]
        else:
            check_error(post(body()), 412)
        found = cards(post(body("conditions", "patient")))
    assert "could not be checked" in found[0]["summary"]
    assert all(card["indicator"] == "info" for card in found), "a warning rests on what was never read"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted as Linux shows them")
def test_a_thousand_calls_with_mixed_faults_leave_no_thread_and_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pools are made small and filled by the first call, so that they are as large as may be from then on."""
    monkeypatch.setattr("cds_service.fhir.lines.MOST_AT_ONCE", 6)
    monkeypatch.setattr("cds_service.fhir.lines.FIRST_AT_ONCE", 2)
    handlers = tuple((FAULTS | ODDITIES).values())
    three = body(*(key for key in WHOLE["prefetch"] if key not in {"reports", "observations", "procedures"}))
    one = body(*(key for key in WHOLE["prefetch"] if key != "reports"))
    together = threading.Barrier(8, timeout=10)
    gc.collect()
    before = set(threading.enumerate())

    def held(server: FhirServer, request: Any) -> None:
        if len(server.requests) <= 8:
            together.wait()
        FhirServer.answer(server, request)

    def left() -> tuple[int, int]:
        """Threads of the pool, and open files when all connections but the one just used are closed as too old."""
        server.handler = ODDITIES["plain"]
        server.clock.pass_by(60)
        assert cards(post(one))
        ends = time.monotonic() + 20
        while len(server._open) > 1 and time.monotonic() < ends:
            threading.Event().wait(0.01)
        gc.collect()
        pool = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("fhir")]
        return len(pool), len(os.listdir("/proc/self/fd"))

    with serving(held, fetch_ms=200) as (server, post):
        post(body())
        counts = []
        for number in range(1000):
            if number == 10:
                counts.append(left())
            server.handler = handlers[number % len(handlers)]
            assert post(three).status_code == 200
        counts.append(left())
    # Fewer files are open where those of another test were closed meanwhile.
    assert (counts[0][0], counts[1][0]) == (8, 8)
    assert counts[1][1] <= counts[0][1]


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
def test_fhir_04_a_token_for_another_patient_reads_nothing_and_leaves_a_trace(
    patient: str, reads: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as (server, post):
        answer = post(body(fhirAuthorization={**AUTHORIZATION, "patient": patient}))
        assert answer.status_code == (200 if reads else 412)
        assert bool(server.requests) is reads
    assert fetches_in(caplog) == ({"answered": len(content().prefetch)} if reads else {"other-patient": 1})


def fetches_in(caplog: pytest.LogCaptureFixture) -> Any:
    """The outcomes in the last line of the call log."""
    return json.loads(caplog.records[-1].getMessage()).get("fetches")


@pytest.mark.parametrize("registry", [may_read("http://127.0.0.1:8090/fhir"), may_read(), Registry()])
def test_a_server_that_is_named_and_not_read_leaves_a_trace(
    registry: Registry, caplog: pytest.LogCaptureFixture, contacts: list[Any]
) -> None:
    """One that the client may not name, and any where there are no clients at all. No server named, none to tell of."""
    app = create_app(Config(registry=registry), content(), lambda: STORY.now)
    for more, fetches in (({"fhirServer": "https://ehr.example.org/r4"}, {"not-allowed": 1}), ({}, None)):
        app.test_client().post(f"/cds-services/{ID}{STORY.hook}", data=json.dumps(body(**more)))
        assert fetches_in(caplog) == fetches
    client = registry.clients[0].name if registry.clients else ""
    shown = app.test_client().get("/metrics").text
    assert f'cds_fhir_fetches_total{{client="{client}",outcome="not-allowed"}} 1.0' in shown
    assert contacts == []


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    """The call log is caught."""
    caplog.set_level(logging.INFO, logger=LOGGER)


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


@pytest.mark.parametrize(("url", "times"), [("https://ehr.example.org/r4", 1), ("http://127.0.0.1:8090/fhir", 0)])
def test_the_roots_of_tls_are_read_before_the_first_call(url: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr("cds_service.web.reach.trusted_roots", lambda: read.append(1))
    create_app(Config(registry=may_read(url)), content())
    assert len(read) == times


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
