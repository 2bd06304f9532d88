"""Nothing that a caller writes makes the service contact a place that is not configured (decision 33; reliability 2).

The interpreter itself reports every name that is resolved and every connection that is begun, whatever library asks.
"""

from __future__ import annotations

import copy
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.replay.stored import StoredCall, load_patient
from cds_service.trust.clients import Client, Registry
from tests.fhir.fault_server import FhirServer
from tests.fhir.test_addresses import EHR, LOOPBACK_SPELLINGS, OTHER_SPELLINGS
from tests.trust.tokens_made import CLINIC, HOSPITAL, JWKS_URL, PATH, PUBLIC_URL, bearer, token, verifier
from tests.web.service_calls import content

pytestmark = pytest.mark.run_last
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CLINIC_SERVER = "https://clinic.example.org/r4"
SPELLINGS = [*OTHER_SPELLINGS, *LOOPBACK_SPELLINGS]
CONTACTS = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
    }
)
KEY = b"a key of this installation"
PATIENT_MS = 10_000
"""A contact that should not be is begun within the call, however busy the machine."""
AUTHORIZATION = {
    "access_token": "Quincunx-t0ken",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "cds-service",
}


class Contacts(list[tuple[str, object]]):
    """What was heard: the event and to whom. Nothing of it happens unless ``let_through``."""

    let_through = False


_listening: list[Contacts] = []


@cache
def listen() -> None:
    """Hear of the contacts of this process from now on; an audit hook cannot be taken away again.

    With one there, two threads that begin at once while coverage is measured may fail at it (CPython 3.11 lets one at
    a time set its trace function, and runs audit hooks meanwhile). So these tests run last, and their threads untraced.
    """

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if _listening and event in CONTACTS:
            found = _listening[-1]
            found.append((event, arguments[-1] if event == "socket.connect" else arguments[0]))
            if not found.let_through:
                raise OSError("not in this test")

    sys.addaudithook(hear)


@pytest.fixture
def contacts() -> Iterator[Contacts]:
    """Every name resolved and every connection begun by any thread of this process during the test."""
    listen()
    trace = threading.gettrace()
    threading.settrace(None)
    found = Contacts()
    _listening.append(found)
    yield found
    _listening.remove(found)
    threading.settrace(trace)


@cache
def story() -> StoredCall:
    [found, *_] = load_patient(FIXTURES / "patients" / "biopsy-insufficient", FIXTURES / "orders")
    return found


@cache
def open_app(server: str = "http://127.0.0.1:8090/fhir") -> Flask:
    """Callers on this machine, who need no token and may name this server."""
    registry = Registry(development=True, clients=(Client("ehr", fhir_servers=(server,)),))
    return create_app(Config(registry=registry, fetch_ms=PATIENT_MS), content(), lambda: story().now)


@cache
def closed_app() -> Flask:
    """Two clients with tokens, each with a FHIR server of its own."""
    clinic = replace(CLINIC, fhir_servers=(CLINIC_SERVER,))
    registry = Registry(PUBLIC_URL, clients=(HOSPITAL, clinic))
    config = Config("0.0.0.0", uuid_key=KEY, registry=registry, fetch_ms=PATIENT_MS)
    return create_app(config, content(), lambda: story().now, verifier=verifier(registry))


def body(url: Any = None, *, complete: bool = True, authorized: bool = True) -> dict[str, Any]:
    """A call that names this FHIR server, with all data or with none, with an access token or without."""
    made = copy.deepcopy(whole())
    if url is not None:
        made["fhirServer"] = url
    if not complete:
        made["prefetch"] = {}
    if authorized:
        made["fhirAuthorization"] = AUTHORIZATION
    return made


@cache
def whole() -> dict[str, Any]:
    return story().body(content().prefetch)


def post(app: Flask, call: dict[str, Any], signed: str = "") -> int:
    """The status of the answer."""
    headers = {"Authorization": signed} if signed else {}
    return app.test_client().post(PATH, data=json.dumps(call), headers=headers).status_code


def test_an_allowed_server_is_contacted_and_heard(contacts: Contacts) -> None:
    """Otherwise the other tests would prove nothing."""
    contacts.let_through = True
    with FhirServer(story().entries) as server:
        app = open_app(server.url)
        assert post(app, body(server.url)) == 200
        assert contacts == []
        assert post(app, body(server.url, complete=False)) == 200
        assert {found for event, found in contacts if event == "socket.connect"} == {("127.0.0.1", server.port)}


@pytest.mark.parametrize("url", SPELLINGS)
def test_a_server_that_is_not_allowed(url: str, contacts: Contacts) -> None:
    for authorized in (True, False):
        for complete, status in ((True, 200), (False, 412)):
            call = body(url, complete=complete, authorized=authorized)
            assert post(open_app(), call) == status
            assert post(closed_app(), call, bearer(token())) == status
            assert post(closed_app(), call) == 401
    assert contacts == []


@pytest.mark.parametrize("url", [None, 7, [EHR], {"url": EHR}, True])
def test_a_server_that_is_no_text(url: Any, contacts: Contacts) -> None:
    for app, signed in ((open_app(), ""), (closed_app(), bearer(token()))):
        assert post(app, body(url, complete=False), signed) in (400, 412)
    assert contacts == []


def test_the_server_of_another_client(contacts: Contacts) -> None:
    """The clinic may name it, the hospital may not."""
    assert post(closed_app(), body(CLINIC_SERVER, complete=False), bearer(token())) == 412
    assert contacts == []


@pytest.mark.parametrize("url", [*SPELLINGS, EHR])
def test_a_link_or_reference_in_the_record(url: str, contacts: Contacts) -> None:
    """Without a FHIR server there is none to ask, whatever the record points to."""
    call = body()
    for bundle in call["prefetch"].values():
        if bundle.get("resourceType") == "Bundle":
            bundle["link"] = [{"relation": "next", "url": url}]
            for entry in bundle.get("entry", []):
                entry["fullUrl"] = url
                entry["resource"]["medicationReference"] = {"reference": f"{url}/Medication/1"}
                entry["resource"]["presentedForm"] = [{"contentType": "text/plain", "url": url}]
    for app, signed in ((open_app(), ""), (closed_app(), bearer(token()))):
        assert post(app, call, signed) in (200, 412)
    assert contacts == []


@pytest.mark.parametrize("url", [*SPELLINGS, f"{JWKS_URL}#", f"{JWKS_URL}?", JWKS_URL.upper(), CLINIC.jwks_url])
def test_the_keys_that_a_token_names(url: str, contacts: Contacts) -> None:
    headers: list[dict[str, Any]] = [{"jku": url}, {"x5u": url, "jku": url}, {"kid": url}]
    for header in headers:
        assert post(closed_app(), body(), bearer(token(**header))) == 401
    assert post(closed_app(), body(), bearer(token(x5u=url))) == 200, "a header that nobody reads"
    assert contacts == []
