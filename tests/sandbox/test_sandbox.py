"""What the public CDS Hooks sandbox sends is answered, browser included, and shown as we mean it.

Expectations of cards are those of the pathway for a patient with pancreatic cancer and liver metastases of whom no
tissue was taken: obtain tissue first (C1), and no current pancreas protocol CT (C4).
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from cds_service.config import Config, read_config
from cds_service.trust.clients import read_registry
from tests.demo.demo_served import SANDBOX, demo_app, demo_config
from tests.sandbox.sandbox_client import (
    KEYS,
    PAGE,
    Sent,
    calls,
    effect_of,
    feedback,
    form_of,
    searches,
    session,
    signed,
)
from tests.web.service_calls import CALLS, ID, check_answer, content, schema, stored

PATIENT = "folfirinox-no-tissue"
DRUG = calls("order-select")[1]
C1, C4 = "TissueBeforeSystemicTherapy", "PancreasProtocolCt"
DOCUMENT = Path("docs/sandbox.md")


def send(sent: Sent, config: Config | None = None, body: Any = None) -> TestResponse:
    """Send a request of the session again, at the time at which it was made."""
    return sent.send(demo_app(config, lambda: DRUG.moment).test_client(), body)


def topics(answer: TestResponse) -> dict[str, str]:
    """Topic and indicator of each card."""
    return {card["source"]["topic"]["code"]: card["indicator"] for card in check_answer(answer)["cards"]}


def card(topic: str) -> dict[str, Any]:
    """One card of the answer to the drug."""
    return next(card for card in send(DRUG).get_json()["cards"] if card["source"]["topic"]["code"] == topic)


# --- the session


def test_the_session_is_whole() -> None:
    """Else the tests below would hold for too little."""
    assert [sent.path for sent in session()[:4]] == [
        "/fhir/metadata",
        "/fhir/Patient",
        f"/fhir/Patient/{PATIENT}",
        f"/fhir/Condition?patient={PATIENT}",
    ]
    assert (len(calls("order-select")), len(calls("order-sign")), len(feedback()), len(signed())) == (2, 1, 2, 6)


@pytest.mark.parametrize("sent", session(), ids=lambda sent: f"{sent.method} {sent.path}")
def test_every_request_is_answered_and_its_page_may_read_it(sent: Sent) -> None:
    assert sent.headers["origin"] == PAGE
    answer = send(sent)
    assert answer.status_code == 200, answer.data
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert isinstance(answer.get_json(force=True), dict)


@pytest.mark.parametrize(("method", "asks"), [("GET", "authorization"), ("POST", "authorization,content-type")])
@pytest.mark.parametrize("origin", [SANDBOX, PAGE])
def test_preflights_are_answered_before_what_is_signed(origin: str, method: str, asks: str) -> None:
    """They carry no token. Without these headers the service sees an OPTIONS, and then nothing more."""
    page = demo_app().test_client()
    for sent in (item for item in signed() if item.method == method):
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": asks,
        }
        answer = page.options(sent.path, headers=headers)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
        allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
        assert set(asks.split(",")) <= allowed


def test_no_drug_no_card_a_drug_and_its_cards() -> None:
    opened, picked = calls("order-select")
    assert "medicationCodeableConcept" not in json.dumps(opened.json["context"])
    assert topics(send(opened)) == {}
    assert topics(send(picked)) == {C1: "warning", C4: "info"}
    [sign] = calls("order-sign")
    assert topics(send(sign))[C1] == "warning"


@pytest.mark.parametrize("name", sorted(path.stem for path in CALLS.glob("sandbox-*.json")))
def test_other_stored_calls_of_it_are_answered(name: str) -> None:
    body = stored(name)
    answer = demo_app().test_client().post(f"/cds-services/{ID}{body['hook']}", json=body, headers={"Origin": SANDBOX})
    check_answer(answer)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == SANDBOX


def test_a_discovery_address_with_a_slash_at_its_end_serves_as_well() -> None:
    """It puts another slash and the id behind it."""
    page = demo_app(None, lambda: DRUG.moment).test_client()
    assert page.get("/cds-services/", headers={"Origin": PAGE}).status_code == 200
    answer = page.post(f"/cds-services//{ID}order-select", json=DRUG.json, headers={"Origin": PAGE})
    assert topics(answer) == {C1: "warning", C4: "info"}
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


# --- its searches


def test_its_searches_are_those_of_our_templates() -> None:
    """The imitation of what it makes of a template gives what it really sent."""
    made = [form_of(template, PATIENT) for template in content().prefetch.values() if "?" in template]
    assert sorted(made) == sorted(searches())


def test_no_template_repeats_a_parameter() -> None:
    """It would join the two by a comma, and so ask for either."""
    assert form_of("X?date=ge2024-01-01&date=lt2025-01-01", "p") == ("X", "date=ge2024-01-01%2Clt2025-01-01")
    for key, template in content().prefetch.items():
        names = re.findall(r"[?&]([\w-]+)=", template)
        assert len(names) == len(set(names)), key


def test_every_key_comes_back_with_what_was_asked_for() -> None:
    """A failed search would be left out of the call, and the pathway would not know more than that."""
    assert set(DRUG.json["prefetch"]) == set(content().prefetch)


# --- what its user can do


def test_what_a_click_on_a_suggestion_does_there() -> None:
    """Named in docs/vendors.md and docs/sandbox.md: an order of another kind than a drug has no effect to be seen."""
    order, removal = card(C1)["suggestions"]
    assert [effect_of(item) for item in (order, removal)] == ["nothing", "order removed"]
    assert [action["type"] for action in order["actions"]] == ["create"]
    assert removal["actions"][0]["resourceId"] == "MedicationRequest/request-123"
    assert [effect_of(item) for item in card(C4)["suggestions"]] == ["nothing"]


def test_every_action_has_what_it_reads() -> None:
    """It acts on no action without a type, and complains about one without a description."""
    for topic in (C1, C4):
        for suggestion in card(topic)["suggestions"]:
            assert suggestion["uuid"]
            assert suggestion["label"]
            for action in suggestion["actions"]:
                assert action["type"] in {"create", "update", "delete"}
                assert action["description"]


def test_a_card_can_be_dismissed_with_a_reason_and_stays_dismissed() -> None:
    """It hides a card by its uuid, and calls again at every change: the same finding must keep it."""
    shown = card(C1)
    assert shown["uuid"]
    assert {"code", "system", "display"} == set(shown["overrideReasons"][0])
    changed = DRUG.json
    changed["hookInstance"] = "7b7b0c1e-5d0f-4f0c-9f0e-0d8a3b7f6a11"
    changed["context"]["draftOrders"]["entry"][0]["resource"]["dosageInstruction"][0]["timing"]["repeat"][
        "frequency"
    ] = 2
    again = send(DRUG, body=changed).get_json()["cards"]
    assert shown["uuid"] in [item["uuid"] for item in again]


def answered(shown: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A feedback of the session about the card that is shown now: its ids hang on the content."""
    [item] = body["feedback"]
    changed = {**item, "card": shown["uuid"]}
    if "acceptedSuggestions" in item:
        changed["acceptedSuggestions"] = [{"id": shown["suggestions"][0]["uuid"]}]
    return {"feedback": [changed]}


def test_its_feedback_is_kept(tmp_path: Path) -> None:
    """One item a click: a suggestion taken, an override with a reason, and one without."""
    page = demo_app(demo_config(CDS_STORE=str(tmp_path)), lambda: DRUG.moment).test_client()
    [shown] = [item for item in DRUG.send(page).get_json()["cards"] if item["source"]["topic"]["code"] == C1]
    accepted, overridden = feedback()
    [reason] = [item["overrideReason"]["reason"] for item in overridden.json["feedback"]]
    assert set(reason) == {"code", "system"}
    assert reason["code"] in [item["code"] for item in shown["overrideReasons"]]
    bodies = [answered(shown, sent.json) for sent in (accepted, overridden)]
    plain = json.loads(json.dumps(bodies[1]))
    del plain["feedback"][0]["overrideReason"]
    for body in (*bodies, plain):
        answer = accepted.send(page, body)
        assert (answer.status_code, answer.get_json()) == (200, {"received": 1, "ignored": 0})
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


# --- an error and an empty answer look alike to its user


def test_a_call_that_cannot_be_answered_is_an_error_for_its_developer_panel() -> None:
    """Both are "All clear" on its page, so that nothing but the status tells them apart: never an empty list."""
    body = {**DRUG.json, "fhirServer": "https://launch.example.org/r4"}
    del body["prefetch"]
    answer = send(DRUG, body=body)
    assert answer.status_code == 412
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE, "else the page could not even show the status"
    schema("operation-outcome").validate(answer.get_json())


def without(*keys: str) -> TestResponse:
    """The answer to the drug where these searches failed: the sandbox leaves their keys out."""
    body = {**DRUG.json, "fhirServer": "https://launch.example.org/r4"}
    body["prefetch"] = {name: value for name, value in body["prefetch"].items() if name not in keys}
    return send(DRUG, body=body)


def texts(answer: TestResponse) -> list[str]:
    """What each card says."""
    return [f"{item['summary']} {item['detail']}" for item in check_answer(answer)["cards"]]


def test_without_the_conditions_the_call_is_refused() -> None:
    assert without("conditions").status_code == 412


@pytest.mark.parametrize("keys", [["reports"], ["reports", "pathology"]], ids="-".join)
def test_a_search_that_failed_is_left_out_by_it_and_never_read_as_nothing_found(keys: list[str]) -> None:
    said = texts(without(*keys))
    assert not [text for text in said if "no confirming pathology found" in text]
    assert [text for text in said if "could not be checked" in text and "reports: the client did not send it" in text]


def test_a_search_for_pathology_alone_that_failed_is_named_and_all_reports_suffice() -> None:
    """Decision 7: it asks for a part of what ``reports`` asks for, so that nothing can be missing that was not read."""
    templates = content().prefetch
    assert templates["pathology"].startswith(f"{templates['reports']}&")
    assert DRUG.json["prefetch"]["reports"]["total"] == len(DRUG.json["prefetch"]["reports"]["entry"])
    [said] = [text for text in texts(without("pathology")) if "no confirming pathology found" in text]
    assert "pathology: the client did not send it" in said


def test_only_the_first_page_is_passed_on_and_taken_for_no_more() -> None:
    body = {**DRUG.json, "fhirServer": "https://launch.example.org/r4"}
    link = {"relation": "next", "url": "https://launch.example.org/r4/DiagnosticReport?page=2"}
    for key in ("reports", "pathology"):
        body["prefetch"][key]["link"] = [*body["prefetch"][key]["link"], link]
    summaries = [item["summary"] for item in send(DRUG, body=body).get_json()["cards"]]
    assert summaries
    assert not [text for text in summaries if "no confirming pathology found" in text]


# --- its tokens


def signed_config(folder: Path) -> Config:
    """The demo with the client that docs/sandbox.md describes: tokens are checked, with the published key."""
    [text] = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "jwks.json").write_bytes(KEYS.read_bytes())
    (folder / "sandbox.toml").write_text(re.sub(r"(?m)^jwks_file = .*$", 'jwks_file = "jwks.json"', text))
    return demo_config(CDS_SITE=str(folder / "sandbox.toml"))


def test_a_token_is_of_the_shape_that_is_told() -> None:
    for sent in signed():
        header = jwt.get_unverified_header(sent.headers["authorization"].removeprefix("Bearer "))
        assert (header["alg"], header["typ"]) == ("ES384", "JWT")
        assert header["kid"] == json.loads(KEYS.read_bytes())["keys"][0]["kid"]
        assert sent.claims["iss"] == SANDBOX
        assert sent.claims["aud"] == f"http://127.0.0.1:8080{sent.path}"
        assert sent.claims["exp"] - sent.claims["iat"] == 300


def test_its_own_tokens_are_accepted_once(tmp_path: Path) -> None:
    """With its published key, each for the URL that it names; the charts need none."""
    page = demo_app(signed_config(tmp_path), lambda: DRUG.moment).test_client()
    for sent in session():
        assert sent.send(page).status_code == 200, sent.path
    assert [sent.send(page).status_code for sent in signed()] == [401] * 6


def test_a_token_for_another_address_late_or_missing_is_refused(tmp_path: Path) -> None:
    config = signed_config(tmp_path)
    now = DRUG.moment
    discovery = signed()[0]
    page = demo_app(config, lambda: now).test_client()
    borrowed = Sent("POST", DRUG.path, {**DRUG.headers, "authorization": discovery.headers["authorization"]}, DRUG.body)
    assert borrowed.send(page).status_code == 401
    assert Sent("POST", DRUG.path, {"origin": PAGE}, DRUG.body).send(page).status_code == 401
    late = demo_app(config, lambda: now + timedelta(seconds=331)).test_client()
    assert DRUG.send(late).status_code == 401
    assert DRUG.send(page).status_code == 200


def test_the_open_demo_looks_at_no_token() -> None:
    """The key is public: a token says nothing there, so that a wrong clock cannot spoil a demonstration."""
    without = Sent("POST", DRUG.path, {"origin": PAGE}, DRUG.body)
    broken = Sent("POST", DRUG.path, {"origin": PAGE, "authorization": "Bearer x.y.z"}, DRUG.body)
    for sent in (without, broken):
        assert topics(send(sent)) == {C1: "warning", C4: "info"}


def test_the_client_of_the_document_is_refused_without_demo(tmp_path: Path) -> None:
    signed_config(tmp_path)
    path = tmp_path / "sandbox.toml"
    assert read_registry(path).clients[0].issuer == SANDBOX
    path.write_text(path.read_text().replace("demo = true\n", ""))
    with pytest.raises(Exception, match="demo"):
        read_config({"CDS_SITE": str(path)})
