"""Keys, FHIR servers, certificates and clocks of clients, judged from answers that a test makes up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.doctor.findings import Finding, State
from cds_service.doctor.network import Reply, Unreachable
from cds_service.doctor.peers import (
    MOST_SKEW,
    OLD_KEYS,
    SOON,
    check_certificates,
    check_clock,
    check_fhir_server,
    check_keys,
)
from cds_service.trust.clients import Client
from cds_service.trust.keys import KeysUnreadable
from tests.trust.tokens_made import HOSPITAL, JWKS_URL, NOW, key_set

SERVER = "https://ehr.example.org/fhir/r4"
SECOND = timedelta(seconds=1)


def capability(version: str) -> dict[str, str]:
    return {"resourceType": "CapabilityStatement", "fhirVersion": version}


def answer(node: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(node).encode() if not isinstance(node, bytes) else node, NOW)


# keys


def test_keys_that_fit() -> None:
    found = check_keys(HOSPITAL, lambda _: key_set("ec-1", "rsa-1", "ec256-1"), NOW)
    assert found.state is State.OK
    assert found.found == f"{JWKS_URL}: 3 keys, fit for ES384, RS384"


def test_the_query_of_a_key_url_is_not_shown() -> None:
    client = replace(HOSPITAL, jwks_url=f"{JWKS_URL}?key=s3cret-word")
    assert check_keys(client, lambda _: key_set("ec-1"), NOW).found == f"{JWKS_URL}: 1 key, fit for ES384"


def test_keys_of_which_none_fits_what_the_client_may_sign_with() -> None:
    found = check_keys(replace(HOSPITAL, algorithms=("RS384",)), lambda _: key_set("ec-1", "ec256-1"), NOW)
    assert found.state is State.PROBLEM
    assert "none of 2 keys fits RS384" in found.found
    assert "algorithms" in found.advice


@pytest.mark.parametrize("body", [b"<html>", b'{"keys": []}', KeysUnreadable("the server answered 404")])
def test_keys_that_cannot_be_read(body: bytes | KeysUnreadable) -> None:
    def read(_: Client) -> bytes:
        if isinstance(body, bytes):
            return body
        raise body

    found = check_keys(HOSPITAL, read, NOW)
    assert found.state is State.PROBLEM
    assert JWKS_URL in found.found
    assert found.matters
    assert found.advice


@pytest.mark.parametrize(("older", "state"), [(-SECOND, State.OK), (SECOND, State.WARNING)])
def test_the_age_of_a_key_file(tmp_path: Path, older: timedelta, state: State) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set("ec-1"))
    written = (NOW - OLD_KEYS - older).timestamp()
    os.utime(path, (written, written))
    client = replace(HOSPITAL, jwks_url="", jwks_file=path)
    found = check_keys(client, lambda _: path.read_bytes(), NOW)
    assert found.state is state
    assert ("365 days old" in found.found) is (state is State.WARNING)


# FHIR servers


def fhir(reply: Reply | Unreachable, url: str = SERVER, client: Client = HOSPITAL) -> tuple[Finding, Reply | None]:
    def ask(asked: str, may_connect: Callable[[str], bool]) -> Reply:
        assert asked == f"{url}/metadata"
        assert may_connect("8.8.8.8")
        assert not may_connect("169.254.169.254")
        if isinstance(reply, Unreachable):
            raise reply
        return reply

    return check_fhir_server(client, url, False, ask)


@pytest.mark.parametrize(
    ("reply", "state", "said"),
    [
        pytest.param(answer(capability("4.0.1")), State.OK, "FHIR 4.0.1", id="r4"),
        pytest.param(answer(capability("4.3.0")), State.PROBLEM, "is FHIR 4.3.0", id="r4b"),
        pytest.param(answer(capability("5.0.0")), State.PROBLEM, "is FHIR 5.0.0", id="r5"),
        pytest.param(answer(capability("1.0.2")), State.PROBLEM, "is FHIR 1.0.2", id="dstu2"),
        pytest.param(answer({"resourceType": "CapabilityStatement"}), State.PROBLEM, "answers 200", id="no-version"),
        pytest.param(answer({"resourceType": "Bundle", "fhirVersion": "4.0.1"}), State.PROBLEM, "without", id="bundle"),
        pytest.param(answer(b"<html>welcome</html>"), State.PROBLEM, "without", id="html"),
        pytest.param(answer([]), State.PROBLEM, "without", id="list"),
        pytest.param(answer(b"[" * 200_000), State.PROBLEM, "without", id="deep"),
        pytest.param(answer(capability("4.0.1"), 500), State.PROBLEM, "answers 500", id="500"),
        pytest.param(answer({}, 401), State.WARNING, "needs a token (401)", id="401"),
        pytest.param(answer({}, 403), State.WARNING, "needs a token (403)", id="403"),
    ],
)
def test_what_a_fhir_server_answers(reply: Reply, state: State, said: str) -> None:
    found, heard = fhir(reply)
    assert found.state is state
    assert said in found.found
    assert SERVER in found.name
    assert bool(found.advice) is (state is not State.OK)
    assert heard is reply


def test_a_fhir_server_that_is_not_there() -> None:
    found, heard = fhir(Unreachable("nothing listens at port 443"))
    assert (found.state, found.found, heard) == (State.PROBLEM, "nothing listens at port 443", None)


@pytest.mark.parametrize("url", ["http://ehr.example.org/fhir", "https://127.0.0.1/fhir", "https://10.0.0.1/fhir"])
def test_a_fhir_server_at_an_address_that_is_not_allowed_is_not_asked(url: str) -> None:
    found, heard = check_fhir_server(HOSPITAL, url, False, lambda *_: pytest.fail("asked"))
    assert (found.state, heard) == (State.PROBLEM, None)
    assert url in found.found


def test_private_networks_are_allowed_as_for_the_service() -> None:
    def ask(_: str, may_connect: Callable[[str], bool]) -> Reply:
        assert may_connect("10.0.0.1")
        return answer(capability("4.0.1"))

    found, _ = check_fhir_server(replace(HOSPITAL, allow_private_network=True), SERVER, False, ask)
    assert found.state is State.OK


# certificates and clocks


@pytest.mark.parametrize(("left", "state"), [(SOON + SECOND, State.OK), (SOON, State.WARNING), (SECOND, State.WARNING)])
def test_the_end_of_a_certificate(left: timedelta, state: State) -> None:
    reply = Reply(200, b"", NOW, certificate_until=NOW + left)
    [found] = check_certificates({"https://ehr.example.org": reply, "http://127.0.0.1:1": Reply(200, b"", NOW)}, NOW)
    assert found.state is state
    assert found.name == "certificate https://ehr.example.org"
    assert f"{NOW + left:%Y-%m-%d}" in found.found


def clock(**ahead: timedelta | None) -> Finding:
    """Our clock is so much ahead of each server's."""
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return check_clock({name: Reply(200, b"", at, None if by is None else at - by) for name, by in ahead.items()})


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        pytest.param({}, State.SKIPPED, "no server", id="nobody"),
        pytest.param({"ehr": None}, State.SKIPPED, "no server", id="no-date"),
        pytest.param({"ehr": MOST_SKEW}, State.OK, "within 30 s of ehr", id="just"),
        pytest.param({"ehr": -MOST_SKEW}, State.OK, "within 30 s of ehr", id="just-behind"),
        pytest.param({"ehr": MOST_SKEW + SECOND}, State.PROBLEM, "31 s ahead of ehr", id="ahead"),
        pytest.param({"ehr": -MOST_SKEW - SECOND}, State.PROBLEM, "31 s behind ehr", id="behind"),
        pytest.param({"ehr": 90 * SECOND, "keys": SECOND}, State.WARNING, "90 s ahead of ehr", id="one-of-two"),
        pytest.param({"ehr": 90 * SECOND, "keys": 91 * SECOND}, State.PROBLEM, "91 s ahead of keys", id="both"),
    ],
)
def test_the_clock(ahead: dict[str, timedelta | None], state: State, said: str) -> None:
    found = clock(**ahead)
    assert found.state is state
    assert said in found.found
