"""``serve --demo``: on this machine alone, to the public sandbox's pages, with charts that our own service can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from werkzeug.test import TestResponse

from cds_service.cli import main
from cds_service.config import read_config
from cds_service.demo.links import FIRST_PATIENT, sandbox_url
from cds_service.errors import ConfigError
from cds_service.replay.stored import StoredCall, load_patient
from tests.demo.demo_served import SANDBOX, demo_app, demo_config, serving
from tests.web.service_calls import ID, client, content

SITE = """
public_url = "https://cds.example.org"
development = {development}
[[clients]]
name = "ehr"
issuer = "https://ehr.example.org"
jwks_url = "https://ehr.example.org/jwks.json"
cors_origins = ["https://pages.example.org"]
"""
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}


def site(folder: Path, development: str = "true") -> str:
    path = folder / "site.toml"
    path.write_text(SITE.format(development=development))
    return str(path)


def fhir(path: str, method: str = "GET", headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
    return demo_app().test_client().open(f"/fhir{path}", method=method, headers=headers, **more)


# --- settings


def test_the_demo_has_one_open_client_that_reads_its_own_charts() -> None:
    config = demo_config(CDS_PORT="8123")
    [found] = config.registry.clients
    assert found.issuer == ""
    assert found.vendor == "sandbox"
    assert found.fhir_servers == ("http://127.0.0.1:8123/fhir", "http://localhost:8123/fhir")
    assert SANDBOX in found.cors_origins
    assert all(origin.startswith(("http://localhost:", "http://127.0.0.1:")) for origin in found.cors_origins[1:])
    assert config.answers_loopback_only
    assert read_config(config.as_environ()) == config


def test_a_demo_on_ipv6_knows_its_own_address() -> None:
    [found] = demo_config(CDS_HOST="::1").registry.clients
    assert found.fhir_servers[0] == "http://[::1]:8080/fhir"


@pytest.mark.parametrize("settings", [{"CDS_HOST": "0.0.0.0"}, {"CDS_HOST": "10.1.2.3"}, {"CDS_INSECURE": "1"}])
def test_the_demo_is_for_this_machine_alone(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="CDS_DEMO"):
        demo_config(**settings)


def test_the_demo_of_a_site_keeps_its_clients(tmp_path: Path) -> None:
    config = demo_config(CDS_SITE=site(tmp_path))
    assert [found.name for found in config.registry.clients] == ["ehr"]
    with pytest.raises(ConfigError, match="development"):
        demo_config(CDS_SITE=site(tmp_path, "false"))


def test_the_operator_is_told() -> None:
    warnings = demo_config().warnings
    assert [text for text in warnings if text.startswith("CDS_DEMO is set: ")]
    assert not [text for text in warnings if "CDS_SITE" in text], "no site file was given"


def test_the_command_takes_the_option() -> None:
    done = CliRunner().invoke(main, ["serve", "--demo", "--json"], env={})
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["CDS_DEMO"] == "1"


def test_without_the_option_there_is_no_api() -> None:
    assert client().get("/fhir/metadata").status_code == 404


# --- over HTTP


def test_answers_are_fhir_json() -> None:
    answer = fhir("/Patient/folfirinox-no-tissue")
    assert (answer.status_code, answer.content_type) == (200, "application/fhir+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json(force=True)["resourceType"] == "Patient"


@pytest.mark.parametrize(
    "accept", ["application/json+fhir", "application/json, text/plain, */*", "application/json", ""]
)
def test_json_is_asked_for_in_many_ways(accept: str) -> None:
    assert fhir("/metadata", headers={"Accept": accept}).status_code == 200


def test_xml_is_not_served() -> None:
    answer = fhir("/metadata", headers={"Accept": "application/fhir+xml"})
    assert answer.status_code == 406
    assert answer.get_json(force=True)["resourceType"] == "OperationOutcome"


def test_a_posted_search_reads_its_form_and_its_url() -> None:
    path = "/DiagnosticReport/_search?patient=folfirinox-no-tissue"
    form = "application/x-www-form-urlencoded"
    totals = [
        fhir(path, "POST", data=data, content_type=form).get_json(force=True)["total"]
        for data in (b"category=RAD", b"category=SP", b"category=RAD&status=registered")
    ]
    assert totals == [1, 0, 0]


def test_strict_handling_is_asked_for_by_a_header() -> None:
    path = "/Condition?patient=folfirinox-no-tissue&date=2026"
    assert fhir(path).status_code == 200
    assert fhir(path, headers={"Prefer": "return=minimal, Handling=strict"}).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_writing_is_405_with_the_methods(method: str) -> None:
    answer = fhir("/Patient/folfirinox-no-tissue", method, json={"resourceType": "Patient"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.get_json(force=True)["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["", "/", "//metadata", "/metadata/"])
def test_a_base_may_be_typed_with_a_slash(path: str) -> None:
    assert fhir(path).status_code == (200 if "metadata" in path else 404)


def test_links_name_the_address_that_was_called() -> None:
    found = fhir("/Patient?_count=1", base_url="http://localhost:8080").get_json(force=True)
    assert {link["url"].split("?")[0] for link in found["link"]} == {"http://localhost:8080/fhir/Patient"}


# --- browsers


@pytest.mark.parametrize(
    "path", ["/fhir/metadata", "/fhir/Condition/_search", "/cds-services", f"/cds-services/{ID}order-sign"]
)
def test_a_page_of_the_sandbox_may_reach_this_machine(path: str) -> None:
    answer = demo_app().test_client().options(path, headers={"Origin": SANDBOX, **PREFLIGHT})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == SANDBOX
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
    assert {"authorization", "content-type", "accept", "prefer"} <= {
        name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")
    }
    assert {"GET", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))


def test_the_private_network_is_opened_to_nobody_who_did_not_ask_or_is_a_stranger() -> None:
    page = demo_app().test_client()
    for headers in ({"Origin": "https://evil.example", **PREFLIGHT}, {**PREFLIGHT}, {"Origin": SANDBOX}):
        answer = page.options("/fhir/metadata", headers=headers)
        assert "Access-Control-Allow-Private-Network" not in answer.headers
    assert "Access-Control-Allow-Origin" not in page.get("/fhir/metadata", headers={"Origin": "null"}).headers


def test_elsewhere_the_private_network_stays_closed() -> None:
    config = read_config({"CDS_CORS_ORIGINS": SANDBOX})
    answer = client(config).options("/cds-services", headers={"Origin": SANDBOX, **PREFLIGHT})
    assert answer.headers["Access-Control-Allow-Origin"] == SANDBOX
    assert "Access-Control-Allow-Private-Network" not in answer.headers


def test_another_host_name_is_refused() -> None:
    assert fhir("/metadata", base_url="http://rebound.example.org:8080").status_code == 403


def test_the_charts_need_no_token_but_the_services_of_a_site_do(tmp_path: Path) -> None:
    page = demo_app(demo_config(CDS_SITE=site(tmp_path))).test_client()
    answer = page.get("/fhir/Patient", headers={"Origin": "https://pages.example.org"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://pages.example.org")
    assert page.get("/cds-services").status_code == 401
    assert page.get("/fhirs").status_code == 401


# --- our own service reads the charts


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A running demo."""
    with serving() as found:
        yield found


def story(name: str) -> StoredCall:
    """A stored patient at order-select."""
    return load_patient(Path("fixtures/patients") / name, Path("fixtures/orders"))[0]


def cards(address: str, call: StoredCall, **more: Any) -> list[tuple[str, str]]:
    """Topic and summary of each card."""
    body = {**call.body({}), **more}
    answer = requests.post(f"{address}/cds-services/{ID}{call.hook}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return [(card["source"]["topic"]["code"], card["summary"]) for card in answer.json()["cards"]]


@pytest.mark.parametrize(
    "name", ["folfirinox-no-tissue", "tissue-from-text", "not-our-patient", "other-primary-history", "biopsy-requested"]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_a_call_lacks_is_read_from_the_charts(address: str, name: str, host: str) -> None:
    """As when the client sends everything; ids in evidence differ, summaries do not."""
    call = story(name)
    server = address.replace("127.0.0.1", host) + "/fhir"
    sent = cards(address, call, prefetch=call.body(content().prefetch)["prefetch"])
    assert cards(address, call, fhirServer=server) == sent


def test_the_first_patient_needs_tissue_whatever_the_day(address: str) -> None:
    topics = [topic for topic, _ in cards(address, story(FIRST_PATIENT), fhirServer=f"{address}/fhir")]
    assert "TissueBeforeSystemicTherapy" in topics


def test_another_fhir_server_is_not_read(address: str) -> None:
    body = {**story(FIRST_PATIENT).body({}), "fhirServer": f"{address}/other"}
    assert requests.post(f"{address}/cds-services/{ID}order-select", json=body, timeout=60).status_code == 412


def test_the_link_that_is_printed_leads_to_the_demo() -> None:
    assert sandbox_url("http://127.0.0.1:8080") == (
        "https://sandbox.cds-hooks.org/?serviceDiscoveryURL=http%3A%2F%2F127.0.0.1%3A8080%2Fcds-services"
        "&fhirServiceUrl=http%3A%2F%2F127.0.0.1%3A8080%2Ffhir&patientId=folfirinox-no-tissue"
        "&hook=order-select&screen=rx-view"
    )
