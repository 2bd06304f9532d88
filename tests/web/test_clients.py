"""With clients configured every call needs a valid token; every refusal looks the same (decisions 34 and 35)."""

from __future__ import annotations

import json
import logging
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.app import build_verifier, create_app
from cds_service.config import Config, read_config
from cds_service.trust.clients import Client, Registry
from cds_service.trust.refusals import Refusal
from cds_service.web.call_log import LOGGER
from tests.trust.forged_tokens import FORGED
from tests.trust.tokens_made import (
    CLINIC,
    HOSPITAL,
    NOW,
    PATH,
    PUBLIC_URL,
    REGISTRY,
    bearer,
    claims,
    header,
    key_set,
    private,
    sign,
    token,
    verifier,
)
from tests.web.service_calls import check_answer, check_error, content, stored

KEY = b"a key of this installation"
CONFIG = Config("0.0.0.0", uuid_key=KEY, registry=REGISTRY)
BODY = json.dumps(stored("sandbox-pama-opened")).encode()
CLINIC_PAGE = CLINIC.cors_origins[0]
HOSPITAL_PAGE = HOSPITAL.cors_origins[0]


@cache
def app() -> Flask:
    return create_app(CONFIG, content(), lambda: NOW, verifier=verifier())


def page() -> FlaskClient:
    return app().test_client()


def call(authorization: str = "", path: str = PATH, **headers: str) -> TestResponse:
    sent = {"Authorization": authorization} if authorization else {}
    return page().post(path, data=BODY, headers={**sent, **headers})


def discover(audience: str, path: str = "/cds-services") -> TestResponse:
    return page().get(path, headers={"Authorization": bearer(token({"aud": audience}))})


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The last line of the call log."""
    line: dict[str, Any] = json.loads(caplog.records[-1].getMessage())
    return line


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    app()
    caplog.set_level(logging.DEBUG, logger=LOGGER)


@pytest.mark.parametrize("name", FORGED)
def test_every_refusal_is_one_answer_and_its_own_reason(name: str, caplog: pytest.LogCaptureFixture) -> None:
    authorization, refusal = FORGED[name]
    answer = call(authorization)
    check_error(answer, 401, "login")
    refused = call()
    assert answer.data == refused.data
    assert list(answer.headers) == list(refused.headers)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    line = json.loads(caplog.records[0].getMessage())
    assert (line["status"], line["refusal"], line["problem"]) == (401, refusal.value, "TokenRefused")
    assert line["claimed_client"] in ("", HOSPITAL.name, CLINIC.name)
    assert "client" not in line


def test_no_part_of_a_token_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    tokens = [authorization for authorization, _ in FORGED.values() if len(authorization) > 20]
    for authorization in [*tokens, bearer(token())]:
        call(authorization)
    written = caplog.text + "".join(capfd.readouterr())
    for authorization in tokens:
        assert authorization.removeprefix("Bearer ")[:60] not in written


def test_a_valid_call_is_answered_and_names_its_client(caplog: pytest.LogCaptureFixture) -> None:
    answer = call(bearer(token()))
    assert answer.status_code == 200
    check_answer(answer)
    assert "WWW-Authenticate" not in answer.headers
    assert logged(caplog)["client"] == HOSPITAL.name
    assert "refusal" not in logged(caplog)


def test_a_token_is_good_for_one_call(caplog: pytest.LogCaptureFixture) -> None:
    signed = bearer(token())
    assert call(signed).status_code == 200
    assert call(signed).data == call().data
    assert json.loads(caplog.records[1].getMessage())["refusal"] == Refusal.REPLAYED.value


@pytest.mark.parametrize("spelling", ["/cds-services", "/cds-services/"])
def test_discovery_needs_a_token_too(spelling: str) -> None:
    check_error(page().get(spelling), 401, "login")
    for audience in (f"{PUBLIC_URL}/cds-services", f"{PUBLIC_URL}/cds-services/"):
        assert discover(audience, spelling).status_code == 200
    check_error(discover(PUBLIC_URL + PATH, spelling), 401, "login")


@pytest.mark.parametrize("path", [PATH, PATH + "/", PATH.replace("services/", "services//")])
def test_every_spelling_of_a_service(path: str) -> None:
    for audience in (PUBLIC_URL + path, PUBLIC_URL + PATH):
        assert call(bearer(token({"aud": audience})), path).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "cds.example.org", "10.0.0.1:8080", "a b"])
def test_the_audience_does_not_come_from_the_host_header(host: str) -> None:
    forwarded = {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "https", "Forwarded": f'host="{host}"'}
    assert call(bearer(token({"aud": f"https://{host}{PATH}x"})), **forwarded).status_code in (400, 401)
    if host != "cds.example.org":
        assert call(bearer(token({"aud": f"https://{host}{PATH}"})), **forwarded).status_code in (400, 401)
    if " " not in host:
        assert call(bearer(token()), **forwarded).status_code == 200


def test_probes_need_no_token() -> None:
    assert page().get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/none", "/healthz/", "/healthz/x", "/cds-services/none", "/metrics/", "//healthz"]
)
def test_a_stranger_cannot_tell_what_is_served(path: str) -> None:
    for method in ("GET", "POST", "HEAD", "PUT", "DELETE"):
        assert page().open(path, method=method).status_code == 401


def test_with_a_token_errors_are_what_they_are() -> None:
    none = f"{PUBLIC_URL}/cds-services/none"
    check_error(call(bearer(token({"aud": none})), "/cds-services/none"), 404, "not-found")
    answer = page().get(PATH, headers={"Authorization": bearer(token())})
    check_error(answer, 405, "not-supported")


def test_a_stranger_is_refused_before_the_body_is_read() -> None:
    small = create_app(Config(max_body_bytes=1_000, registry=REGISTRY), content(), lambda: NOW, verifier=verifier())
    answer = small.test_client().post(PATH, data=b" " * 2_000)
    check_error(answer, 401, "login")


# Pages


def cors(answer: TestResponse) -> str | None:
    assert answer.headers.getlist("Vary") == ["Origin"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("origin", [HOSPITAL_PAGE, CLINIC_PAGE])
@pytest.mark.parametrize("path", ["/cds-services", PATH])
def test_the_preflight_of_any_client_needs_no_token(origin: str, path: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = page().options(path, headers=asked)
    assert (answer.status_code, cors(answer)) == (204, origin)


@pytest.mark.parametrize("origin", [HOSPITAL_PAGE, CLINIC_PAGE])
def test_a_refusal_can_be_read_by_the_pages_of_clients(origin: str) -> None:
    answer = call(Origin=origin)
    assert (answer.status_code, cors(answer)) == (401, origin)


@pytest.mark.parametrize(
    ("client", "allowed"), [(HOSPITAL, HOSPITAL_PAGE), (CLINIC, CLINIC_PAGE)], ids=["hospital", "clinic"]
)
def test_an_answer_can_be_read_by_the_pages_of_its_client_alone(client: Client, allowed: str) -> None:
    kid = "ec-1" if client is HOSPITAL else "ec-clinic"
    for origin in (HOSPITAL_PAGE, CLINIC_PAGE, "https://evil.example"):
        signed = sign(claims(iss=client.issuer), header(kid=kid, jku=...), private(kid))
        answer = call(bearer(signed), Origin=origin)
        assert answer.status_code == 200
        assert cors(answer) == (origin if origin == allowed else None)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "*", HOSPITAL_PAGE + "/", HOSPITAL_PAGE.upper()])
def test_a_strange_page_gets_no_header(origin: str) -> None:
    preflight = page().options(PATH, headers={"Origin": origin})
    for answer in (preflight, call(Origin=origin), call(bearer(token()), Origin=origin)):
        assert cors(answer) is None


# Without tokens


OPEN = Client("workbench", fhir_servers=("http://127.0.0.1:8081/r4",), cors_origins=("http://localhost:3000",))
OPEN_CONFIG = Config(registry=Registry(development=True, clients=(OPEN,)))


def open_app(config: Config = OPEN_CONFIG) -> Flask:
    return create_app(config, content(), lambda: NOW)


def test_the_open_client_calls_without_a_token_from_this_machine(caplog: pytest.LogCaptureFixture) -> None:
    pages = open_app().test_client()
    answer = pages.post(PATH, data=BODY, headers={"Origin": OPEN.cors_origins[0]})
    assert (answer.status_code, cors(answer)) == (200, OPEN.cors_origins[0])
    assert logged(caplog)["client"] == "workbench"
    check_error(pages.post(PATH, data=BODY, headers={"Host": "cds.example.org"}), 403, "forbidden")
    check_error(pages.post(PATH, data=BODY, headers={"X-Forwarded-For": "10.0.0.1"}), 403, "forbidden")


def test_a_token_that_nobody_asked_for_is_not_looked_at() -> None:
    assert open_app().test_client().post(PATH, data=BODY, headers={"Authorization": "Bearer x"}).status_code == 200


def test_what_follows_the_guards_knows_the_client() -> None:
    for config, checked, client in (
        (OPEN_CONFIG, None, OPEN),
        (CONFIG, verifier(), HOSPITAL),
        (Config(), None, None),
    ):
        served, seen = create_app(config, content(), lambda: NOW, verifier=checked), list[Client | None]()

        def note(answer: Any, seen: list[Client | None] = seen) -> Any:
            seen.append(g.get("client"))
            return answer

        served.after_request(note)
        served.test_client().post(PATH, data=BODY, headers={"Authorization": bearer(token())})
        assert seen == [client]


# From the site file to the answer


def test_a_service_from_its_site_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "keys.json").write_bytes(key_set("ec-1"))
    site = tmp_path / "site.toml"
    site.write_text(
        f'public_url = "{PUBLIC_URL}"\n[[clients]]\nname = "hospital"\nissuer = "{HOSPITAL.issuer}"\n'
        'jwks_file = "keys.json"\n'
    )
    config = read_config({"CDS_SITE": str(site), "CDS_UUID_KEY": KEY.decode(), "CDS_HOST": "0.0.0.0"})
    served = create_app(config, clock=lambda: NOW).test_client()
    signed = bearer(token())
    statuses = [served.post(PATH, data=BODY, headers={"Authorization": signed}).status_code for _ in range(2)]
    assert statuses == [200, 401]
    assert [json.loads(record.getMessage()).get("refusal") for record in caplog.records] == [None, "token-replayed"]


def test_the_operator_hears_of_keys_that_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = Client("hospital", "i", jwks_file=tmp_path / "none.json")
    config = Config(registry=Registry(PUBLIC_URL, clients=(client,)))
    built = build_verifier(config, lambda: NOW, logging.getLogger(LOGGER))
    assert not built.key_sets["hospital"].find("x")
    assert json.loads(caplog.records[0].getMessage()) == {
        "event": "warning",
        "text": "the keys of client hospital could not be renewed: the file cannot be read (FileNotFoundError)",
    }
