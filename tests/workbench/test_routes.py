"""The paths of the workbench: where they are served, what they may load, and that what is pasted stays nowhere."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import inspect, select, text

from cds_service.app import create_app
from cds_service.cli import main
from cds_service.config import Config, read_config
from cds_service.content_files import find_cards
from cds_service.errors import ConfigError
from cds_service.pathway.content import Content, load_content
from cds_service.store.database import open_engine, store_url
from cds_service.trust.replay_guard import TokenIdsInMemory
from cds_service.trust.tokens import Verifier
from cds_service.web.workbench import PAGE_POLICY, read_files

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALL = json.loads((ROOT / "fixtures" / "calls" / "folfirinox-no-tissue.json").read_bytes())
KEY = "0123456789abcdef"


@cache
def content() -> Content:
    return load_content(find_cards())


@cache
def client(config: Config) -> FlaskClient:
    return create_app(config, content(), lambda: NOW).test_client()


def wish(patient: str = "", **members: Any) -> bytes:
    """The body of a request of the page."""
    return json.dumps({**({"patient": patient} if patient else {}), **members}).encode()


def evaluate(body: bytes, config: Config | None = None) -> Any:
    answer = client(config or Config()).post("/workbench/evaluate", data=body, content_type="application/json")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_the_page_may_load_its_own_files_only() -> None:
    answer = client(Config()).get("/")
    assert answer.status_code == 200
    assert answer.headers.getlist("Content-Security-Policy") == [PAGE_POLICY]
    html = answer.get_data(as_text=True)
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick" not in html
    assert html.count("<script") == html.count('<script type="module" src="/workbench/static/') == 1
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert "https://" not in html


def test_every_other_answer_may_load_nothing() -> None:
    for path in ("/workbench/static/main.js", "/workbench/orders", "/cds-services", "/nowhere"):
        policies = client(Config()).get(path).headers.getlist("Content-Security-Policy")
        assert policies == ["default-src 'none'; frame-ancestors 'none'"], path


def test_every_file_is_served_and_nothing_else() -> None:
    files = read_files()
    assert {"main.js", "workbench.css", "icon.svg"} <= set(files)
    for name, (kind, body) in files.items():
        answer = client(Config()).get(f"/workbench/static/{name}")
        assert (answer.status_code, answer.content_type, answer.data) == (200, kind, body)
    for name in ("main.py", "../page.py", "%2e%2e/page.py", "templates"):
        assert client(Config()).get(f"/workbench/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("config", "status"),
    [
        (Config(), 200),
        (Config(workbench=False), 404),
        (Config(insecure=True, uuid_key=KEY.encode()), 404),
        (Config(insecure=True, uuid_key=KEY.encode(), workbench=True), 200),
    ],
)
def test_it_is_shown_where_this_machine_alone_is_answered_or_where_asked_for(config: Config, status: int) -> None:
    for path in ("/", "/workbench/orders", "/workbench/static/main.js"):
        assert client(config).get(path).status_code == status
    answer = client(config).post("/workbench/evaluate", data=b"{}", content_type="application/json")
    assert answer.status_code == (400 if status == 200 else 404)


ISSUED = """
public_url = "https://cds.example.org"
[[clients]]
name = "hospital"
issuer = "https://ehr.example.org"
jwks_url = "https://ehr.example.org/jwks"
"""


@pytest.mark.parametrize(("asked", "status"), [("1", 200), ("auto", 401)])
def test_where_clients_sign_their_calls_the_page_needs_no_token_and_everything_else_does(
    tmp_path: Path, asked: str, status: int
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(ISSUED)
    config = read_config({"CDS_SITE": str(site), "CDS_UUID_KEY": KEY, "CDS_WORKBENCH": asked})
    verifier = Verifier(config.registry, {}, TokenIdsInMemory(), lambda: NOW)
    app = create_app(config, content(), lambda: NOW, verifier=verifier).test_client()
    assert app.get("/").status_code == status
    assert app.get("/workbench/orders").status_code == status
    body = wish("folfirinox-no-tissue")
    assert app.post("/workbench/evaluate", data=body, content_type="application/json").status_code == status
    for path in ("/cds-services", "/workbench", "/nowhere"):
        assert app.get(path).status_code == 401


@pytest.mark.parametrize(
    ("flags", "shown"), [([], "auto"), (["--workbench"], "1"), (["--no-workbench"], "0")], ids=["auto", "on", "off"]
)
def test_the_command_line_turns_it_on_and_off(flags: list[str], shown: str) -> None:
    found = CliRunner().invoke(main, ["serve", "--json", *flags], env={"CDS_WORKBENCH": None})
    assert json.loads(found.stdout)["CDS_WORKBENCH"] == shown


def test_strangers_are_refused_as_everywhere() -> None:
    assert client(Config()).get("/", base_url="http://evil.example").status_code == 403
    assert client(Config()).get("/", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "workbench"), [("", None), ("auto", None), ("1", True), ("on", True), ("0", False), ("no", False)]
)
def test_the_setting_is_read_and_handed_on(text: str, workbench: bool | None) -> None:
    config = read_config({"CDS_WORKBENCH": text})
    assert config.workbench is workbench
    assert read_config(config.as_environ()).workbench is workbench


def test_a_setting_that_says_nothing_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="CDS_WORKBENCH"):
        read_config({"CDS_WORKBENCH": "sometimes"})


def test_showing_it_to_others_is_a_warning_of_the_start() -> None:
    told = "\n".join(Config(insecure=True, workbench=True).warnings)
    assert "CDS_WORKBENCH" in told
    assert "CDS_WORKBENCH" not in "\n".join((*Config(insecure=True).warnings, *Config().warnings))


def test_the_answer_is_the_one_that_an_ehr_gets() -> None:
    found = evaluate(wish("folfirinox-no-tissue"))
    ehr = client(Config()).post(f"/cds-services/{found['service']}", json=found["request"])
    assert found["status"] == ehr.status_code == 200
    assert found["response"] == ehr.get_json()
    assert found["response"]["cards"][0]["indicator"] == "warning"


def test_a_refusal_is_the_one_that_an_ehr_gets() -> None:
    found = evaluate(wish("folfirinox-no-tissue", missing={"conditions": "absent"}))
    ehr = client(Config()).post(f"/cds-services/{found['service']}", json=found["request"])
    assert found["status"] == ehr.status_code == 412
    assert found["response"] == ehr.get_json()


@pytest.mark.parametrize("change", [{"hook": "patient-view"}, {"hookInstance": None}, {"context": {}}, {"prefetch": 7}])
def test_a_pasted_call_that_cannot_be_read_is_told_as_its_answer(change: dict[str, Any]) -> None:
    found = evaluate(wish(text=json.dumps({**CALL, **change})))
    assert (found["status"], found["response"]["resourceType"]) == (400, "OperationOutcome")
    assert "The call cannot be read" in found["html"]["cards"]


def test_a_bundle_with_gaps_says_so_and_is_not_read_as_no() -> None:
    bundle = json.loads((ROOT / "fixtures" / "patients" / "folfirinox-no-tissue" / "bundle.json").read_bytes())
    orders = json.loads(
        json.dumps(CALL["context"]["draftOrders"]).replace("Patient/example", "Patient/folfirinox-no-tissue")
    )
    text = json.dumps({**bundle, "link": [{"relation": "next", "url": "https://fhir.example.org/2"}]})
    found = evaluate(wish(text=text, draftOrders=orders, selections=CALL["context"]["selections"]))
    assert "This Bundle is not the whole chart: it has further pages" in found["html"]["cards"]
    assert found["explanation"]["searches"]["pathology"]["completeness"] == "failed"
    assert "not the whole chart" not in evaluate(wish(text=json.dumps(bundle), draftOrders=orders))["html"]["cards"]


def test_the_token_of_a_pasted_call_is_not_shown() -> None:
    authorization = {
        "access_token": "Zebulon-Quux",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "s",
        "subject": "x",
    }
    found = evaluate(wish(text=json.dumps({**CALL, "fhirAuthorization": authorization})))
    assert "Zebulon" not in json.dumps(found)
    assert found["request"]["fhirAuthorization"] == {**authorization, "access_token": "(not shown)"}


@pytest.mark.parametrize(
    "members", [{"missing": {"reports": ["error"]}}, {"now": "0001-01-01T00:00"}, {"now": "9999-12-31T00:00"}]
)
def test_what_the_page_cannot_ask_for_is_refused_and_breaks_nothing(members: dict[str, Any]) -> None:
    body = wish("folfirinox-no-tissue", **members)
    answer = client(Config()).post("/workbench/evaluate", data=body, content_type="application/json")
    assert answer.status_code == 400


def test_too_many_drafts_are_refused_as_everywhere() -> None:
    found = evaluate(wish("folfirinox-no-tissue"), Config(max_draft_orders=3))
    assert found["status"] == 400
    assert "more than 3" in found["response"]["issue"][0]["diagnostics"]


def test_text_of_a_record_never_becomes_markup() -> None:
    evil = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) ![b](http://evil.example/p.png) <script>x</script>"
    pasted = json.dumps(CALL).replace("Malignant neoplasm of head of pancreas", evil).replace("oxaliplatin", evil)
    found = evaluate(wish(text=pasted, now="2026-03-02T09:00:00Z"))
    assert found["response"]["cards"]
    for part in found["html"].values():
        assert "<img" not in part
        assert "<script" not in part
        assert 'href="javascript' not in part
        assert 'evil.example/p.png"' not in part


def test_what_is_pasted_is_in_no_log_and_in_no_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = Config(store=str(tmp_path), log_level="debug")
    app = create_app(config, content(), lambda: NOW).test_client()
    caplog.set_level(logging.DEBUG)
    pasted = json.dumps(CALL).replace("example", "Zebulon").replace("Malignant neoplasm", "Quuxoma")
    for body in (
        wish(text=pasted),
        wish(text=pasted[:-9]),
        wish(text=pasted, hook="Zebulon"),
        wish("Zebulon"),
        b"Zebulon",
    ):
        app.post("/workbench/evaluate", data=body, content_type="application/json")
    app.get("/workbench/patients/Zebulon")
    app.post("/workbench/feedback", json={"feedback": [{"card": "Zebulon"}]})
    assert caplog.records, "the calls are logged, by status alone"
    assert "Zebulon" not in caplog.text
    assert "Quuxoma" not in caplog.text
    engine = open_engine(store_url(config.store))
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            if table != "alembic_version":
                assert connection.execute(select(text("count(*)")).select_from(text(table))).scalar() == 0
    engine.dispose()


def test_a_call_of_the_page_is_counted_as_no_call() -> None:
    app = create_app(Config(), content(), lambda: NOW).test_client()

    def counted() -> list[str]:
        lines = app.get("/metrics").get_data(as_text=True).splitlines()
        return [line for line in lines if line.startswith(("cds_calls_total{", "cds_cards_total{"))]

    before = counted()
    app.post("/workbench/evaluate", data=wish("folfirinox-no-tissue"), content_type="application/json")
    assert counted() == before
    assert {float(line.rpartition(" ")[2]) for line in before} <= {0.0}


@pytest.mark.parametrize("path", ["/workbench/evaluate", "/workbench/feedback"])
def test_a_form_of_another_site_is_not_read(path: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert client(Config()).post(path, data=wish("folfirinox-no-tissue"), content_type=kind).status_code == 415
    assert client(Config()).options(path).status_code == 405


def test_feedback_is_answered_as_by_a_store_that_knows_the_card() -> None:
    good = {"card": "a", "outcome": "accepted", "outcomeTimestamp": "2026-03-02T09:00:00Z"}
    answer = client(Config()).post("/workbench/feedback", json={"feedback": [good, {"card": "b"}]})
    assert answer.get_json()["received"] == 1
    assert answer.get_json()["ignored"] == 0
    assert answer.get_json()["invalid"][0]["index"] == 1


def test_a_patient_is_told_by_name_and_an_unknown_one_is_not_found() -> None:
    assert client(Config()).get("/workbench/patients/folfirinox-no-tissue").get_json()["orders"] == "folfirinox"
    assert client(Config()).get("/workbench/patients/nobody").status_code == 404


def test_a_fhir_server_that_a_pasted_call_names_is_not_asked() -> None:
    call = {**CALL, "fhirServer": "http://127.0.0.1:1/fhir", "prefetch": {"conditions": CALL["prefetch"]["conditions"]}}
    found = evaluate(wish(text=json.dumps(call)))
    assert found["status"] == 200
    assert found["explanation"]["searches"]["reports"]["completeness"] == "not-attempted"
