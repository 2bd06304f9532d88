"""Metrics: each count moves when its thing happens, labels are names of ours alone, and strangers see nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from flask import Flask, g, request
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from werkzeug.test import TestResponse

from cds_service import __version__
from cds_service.app import STORE, create_app
from cds_service.config import Config
from cds_service.errors import StoreError
from cds_service.facts.registry import all_facts
from cds_service.fhir.outcome import Outcome
from cds_service.pathway.decision import NO_ORDER_OF_OURS, NOT_OUR_PATIENT, QUIET_AT_HOOK, WITHHELD
from cds_service.store.feedback import Taken
from cds_service.trust.refusals import Refusal
from cds_service.web import slot
from cds_service.web.call_log import LOGGER
from cds_service.web.metrics import _SECONDS, Metrics, endpoint_of, share_counts
from tests.trust.tokens_made import HOSPITAL, PATH, REGISTRY, bearer, token, verifier
from tests.web.service_calls import CALLS, HOSTILE, ID, NOW, check_error, content, stored

CALL = "folfirinox-no-tissue"
SELECT = f"{ID}order-select"
KEY = b"a key of this test, long enough"
CANARY = "Quincunx-Vandersloot"
HOOK = {"service": SELECT, "hook": "order-select"}
HERE = "127.0.0.1"


def made(**changes: Any) -> Flask:
    return create_app(Config(**{"uuid_key": KEY, **changes}), content(), lambda: NOW)


@pytest.fixture
def app() -> Flask:
    return made()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Flask]:
    """An application with a store."""
    app = made(store=str(tmp_path))
    yield app
    app.extensions[STORE].close()


def samples(app: Flask) -> list[Sample]:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return [item for family in text_string_to_metric_families(answer.text) for item in family.samples]


def value(app: Flask, name: str, **labels: str) -> float:
    """The one sample with that name and those labels, 0 if there is none."""
    return sum(item.value for item in samples(app) if item.name == name and item.labels == labels)


def post(app: Flask, body: Any, service: str = SELECT, **more: Any) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return app.test_client().post(f"/cds-services/{service}", data=data, **more)


def test_a_call_is_counted_with_its_cards_silences_and_unknown_facts(app: Flask) -> None:
    """What the README shows of this call: two cards, no pathology found."""
    for _ in range(3):
        assert post(app, stored(CALL)).status_code == 200
    assert value(app, "cds_calls_total", **HOOK, status="2xx") == 3
    assert value(app, "cds_requests_total", endpoint="call", status="2xx") == 3
    assert value(app, "cds_call_duration_seconds_count", **HOOK) == 3
    assert value(app, "cds_call_wait_seconds_count") == 3
    card = {"topic": "TissueBeforeSystemicTherapy", "variant": "not-found", "indicator": "warning"}
    assert value(app, "cds_cards_total", **card) == 3
    assert value(app, "cds_cards_total", topic="PancreasProtocolCt", variant="no-protocol-ct", indicator="info") == 3
    assert value(app, "cds_unknown_facts_total", fact="tissue_confirmation", reason="not-found") == 3
    quiet = {"topic": "FitnessBeforeIntensiveRegimen", "reason": "quiet-at-hook"}
    assert value(app, "cds_silences_total", **quiet) == 3
    shown = {item.labels["topic"] for item in samples(app) if item.name == "cds_cards_total" and item.value}
    assert shown == {"TissueBeforeSystemicTherapy", "PancreasProtocolCt"}
    known = {item.labels["fact"] for item in samples(app) if item.name == "cds_unknown_facts_total" and item.value}
    assert "liver_metastases" not in known, "that fact is yes"


@pytest.mark.parametrize(
    ("body", "service", "status", "counted"),
    [
        (b"{", SELECT, 400, {**HOOK, "status": "4xx"}),
        ({}, f"{ID}order-sign", 400, {"service": f"{ID}order-sign", "hook": "order-sign", "status": "4xx"}),
        (b"{}", CANARY, 404, {"service": "other", "hook": "other", "status": "4xx"}),
    ],
)
def test_errors_are_counted_under_names_of_ours(
    app: Flask, body: Any, service: str, status: int, counted: dict[str, str]
) -> None:
    assert post(app, body, service).status_code == status
    assert value(app, "cds_calls_total", **counted) == 1
    assert CANARY not in app.test_client().get("/metrics").text


def test_a_call_that_is_not_ours_has_no_topic(app: Flask) -> None:
    post(app, stored("sandbox-rx-opened"))
    assert value(app, "cds_silences_total", topic="", reason="no-order-of-ours") == 1
    assert value(app, "cds_decisions_total", result="not-ours") == 1


def test_what_became_of_decisions(app: Flask, recording: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    post(app, stored(CALL))
    assert value(app, "cds_decisions_total", result="not-recorded") == 1
    post(recording, stored(CALL))
    assert value(recording, "cds_decisions_total", result="kept") == 1
    assert value(recording, "cds_decisions_total", result="lost") == 0

    def fail(*_: object) -> None:
        raise StoreError("SQLITE_FULL")

    monkeypatch.setattr(recording.extensions[STORE], "record", fail)
    assert post(recording, stored(CALL)).status_code == 200
    assert value(recording, "cds_decisions_total", result="lost") == 1
    assert value(recording, "cds_decisions_total", result="kept") == 1


def test_counts_that_alerts_need_are_there_before_anything_happens() -> None:
    """A count that first appears as 1 has no increase. ``tests/test_operate.py`` looks at each alert."""
    metrics = Metrics(content(), ["general-hospital"])
    families = text_string_to_metric_families(metrics.show().decode())
    names = {(item.name, *item.labels.values()) for family in families for item in family.samples}
    for result in ("kept", "lost", "not-ours", "not-recorded"):
        assert ("cds_decisions_total", result) in names
    assert ("cds_overloaded_total",) in names
    assert ("cds_key_renewal_failures_total", "general-hospital") in names
    shown = {
        (card.topic, rule.variant, indicator)
        for card in content().cards
        for rule in card.rules
        for indicator in rule.indicators.values()
    }
    cards = {
        (item.labels["topic"], item.labels["variant"], item.labels["indicator"])
        for family in text_string_to_metric_families(metrics.show().decode())
        for item in family.samples
        if item.name == "cds_cards_total"
    }
    assert cards == {labels for labels in shown if labels[2] != "none"}


def test_overload_and_waiting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Lock()
    monkeypatch.setattr(slot, "_GATE", gate)
    monkeypatch.setattr(slot, "PATIENCE_SECONDS", 0)
    with gate:
        check_error(post(app, stored(CALL)), 503, "transient")
    assert value(app, "cds_overloaded_total") == 1
    assert value(app, "cds_calls_total", **HOOK, status="5xx") == 1
    assert value(app, "cds_call_wait_seconds_count") == 0, "it never got its turn"


def test_feedback_by_topic_and_outcome(recording: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = post(recording, stored(CALL)).get_json()["cards"]
    at = {"outcomeTimestamp": "2026-03-02T08:59:00Z"}
    items = [
        {"card": first["uuid"], "outcome": "overridden", **at},
        {"card": second["uuid"], "outcome": "accepted", "acceptedSuggestions": [], **at},
        {"card": CANARY, "outcome": "overridden", **at},
        {"card": first["uuid"], "outcome": CANARY, **at},
        {"card": first["uuid"], "outcome": "overridden"},
    ]
    answer = post(recording, {"feedback": items}, f"{SELECT}/feedback")
    assert answer.status_code == 200
    counted = {
        (item.labels["topic"], item.labels["outcome"]): item.value
        for item in samples(recording)
        if item.name == "cds_feedback_total"
    }
    assert counted == {("TissueBeforeSystemicTherapy", "overridden"): 1, ("PancreasProtocolCt", "accepted"): 1}
    assert value(recording, "cds_feedback_not_kept_total", why="unknown-card") == 1
    assert value(recording, "cds_feedback_not_kept_total", why="invalid") == 2
    assert value(recording, "cds_requests_total", endpoint="feedback", status="2xx") == 1

    def fail(*_: object) -> None:
        raise StoreError("SQLITE_FULL")

    monkeypatch.setattr(recording.extensions[STORE], "take_feedback", fail)
    assert post(recording, {"feedback": [items[0], items[4]]}, f"{SELECT}/feedback").status_code == 503
    assert value(recording, "cds_feedback_not_kept_total", why="lost") == 1
    assert value(recording, "cds_feedback_not_kept_total", why="invalid") == 3
    assert CANARY not in recording.test_client().get("/metrics").text


def test_a_batch_of_wrong_items_alone_is_counted(app: Flask) -> None:
    assert post(app, {"feedback": [{"card": CANARY}, 1, {}]}, f"{SELECT}/feedback").status_code == 400
    assert value(app, "cds_feedback_not_kept_total", why="invalid") == 3
    assert post(app, {"feedback": CANARY}, f"{SELECT}/feedback").status_code == 400
    assert value(app, "cds_feedback_not_kept_total", why="invalid") == 3


def test_a_topic_that_is_no_more_is_other(app: Flask) -> None:
    metrics = Metrics(content())
    with app.test_request_context(f"/cds-services/{SELECT}/feedback", method="POST"):
        g.feedback = Taken(1, 0, {("RetiredTopic", "accepted"): 1})
        g.bad_feedback = 0
        metrics.count(request, app.response_class(status=200))
    shown = metrics.show().decode()
    assert 'cds_feedback_total{outcome="accepted",topic="other"} 1.0' in shown
    assert "RetiredTopic" not in shown


def test_fetches_by_client_and_outcome(app: Flask) -> None:
    metrics = Metrics(content())
    with app.test_request_context(f"/cds-services/{SELECT}", method="POST"):
        g.client = HOSPITAL
        g.fetches = {Outcome.TIMEOUT.value: 2, Outcome.ANSWERED.value: 5, CANARY: 1}
        metrics.count(request, app.response_class(status=200))
    shown = metrics.show().decode()
    for outcome, times in (("timeout", 2), ("answered", 5), ("other", 1)):
        assert f'cds_fhir_fetches_total{{client="general-hospital",outcome="{outcome}"}} {times}.0' in shown
    assert CANARY not in shown


def test_refusals_by_reason_and_claimed_client() -> None:
    app = create_app(Config(uuid_key=KEY, registry=REGISTRY), content(), lambda: NOW, verifier=verifier())
    good = bearer(token())
    assert post(app, stored(CALL), headers={"Authorization": good}).status_code == 200
    assert post(app, stored(CALL), headers={"Authorization": good}).status_code == 401
    assert post(app, stored(CALL)).status_code == 401
    assert app.test_client().get(f"/{CANARY}", headers={"Authorization": CANARY}).status_code == 401
    refused = {
        tuple(sorted(item.labels.items())): item.value
        for item in samples(app)
        if item.name == "cds_refusals_total" and item.value
    }
    assert refused == {
        (("claimed_client", "general-hospital"), ("reason", Refusal.REPLAYED)): 1,
        (("claimed_client", ""), ("reason", Refusal.NO_TOKEN)): 1,
        (("claimed_client", ""), ("reason", Refusal.NOT_BEARER)): 1,
    }
    assert value(app, "cds_calls_total", **HOOK, status="4xx") == 2
    assert value(app, "cds_calls_total", **HOOK, status="2xx") == 1


def test_keys_that_cannot_be_renewed() -> None:
    metrics = Metrics(content())
    metrics.failed_keys("general-hospital")
    assert 'cds_key_renewal_failures_total{client="general-hospital"} 1.0' in metrics.show().decode()


def test_ready_says_what_readyz_says(recording: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert value(recording, "cds_ready") == 1
    monkeypatch.setattr(recording.extensions[STORE], "trouble", lambda _: "SQLITE_FULL")
    assert recording.test_client().get("/readyz").status_code == 503
    assert value(recording, "cds_ready") == 0


def test_the_version_and_the_content_that_is_served(app: Flask) -> None:
    [info] = [item for item in samples(app) if item.name == "cds_build_info"]
    assert info.value == 1
    assert info.labels["version"] == __version__
    assert content().digest.startswith(info.labels["content"])


def test_names_follow_the_conventions(app: Flask) -> None:
    """A unit or _total at the end, a help text, our prefix; no times of creation beside them."""
    for family in text_string_to_metric_families(app.test_client().get("/metrics").text):
        assert family.name.startswith("cds_")
        assert family.documentation.endswith(".")
        if family.type == "counter":
            assert {item.name for item in family.samples} <= {f"{family.name}_total"}
        else:
            kind = (family.type, family.name.rpartition("_")[2])
            assert kind in {("histogram", "seconds"), *(("gauge", name) for name in ("info", "ready", "keys"))}


def test_labels_are_bounded_whatever_is_sent(app: Flask) -> None:
    """Every stored call, every hostile body, odd paths, methods and headers: no label that is not a name of ours."""
    web = app.test_client()
    for path in (*sorted(CALLS.glob("*.json")), *sorted(HOSTILE.glob("*.json"))):
        for hook in ("order-select", "order-sign", CANARY):
            web.post(f"/cds-services/{ID}{hook}", data=path.read_bytes(), headers={"Origin": f"https://{CANARY}.test"})
    for odd in (f"/{CANARY}", f"/cds-services/{CANARY}/feedback", f"/cds-services/{CANARY}/feedback/{CANARY}"):
        for method in ("GET", "POST", "OPTIONS", "PUT", CANARY.upper()):
            web.open(odd, method=method, data=b"{}")
    topics = {card.topic for card in content().cards}
    services = {service.id for service in content().pathway.services} | {"other"}
    variants = {(card.topic, rule.variant) for card in content().cards for rule in card.rules}
    states = {(name, state) for name, spec in all_facts().items() for state in spec.states}
    allowed = {
        "endpoint": {"call", "feedback", "discovery", "probe", "other"},
        "status": {"2xx", "4xx", "5xx"},
        "service": services,
        "hook": {"order-select", "order-sign", "other"},
        "topic": topics | {"", "other"},
        "indicator": {"info", "warning", "critical"},
        "variant": {variant for _, variant in variants},
        "fact": {name for name, _ in states},
        "outcome": {"accepted", "overridden", "other", *(outcome.value for outcome in Outcome)},
        "client": {""},
        "claimed_client": {""},
        "result": {"kept", "lost", "not-ours", "not-recorded"},
        "why": {"unknown-card", "invalid", "lost"},
        "le": {*map(str, _SECONDS), "+Inf"},
        "version": {__version__},
        "pathway": {f"{content().pathway.id} {content().pathway.version}"},
        "content": {content().digest[:12]},
        "reason": {str(refusal) for refusal in Refusal}
        | {state.partition(":")[2] for _, state in states}
        | {NO_ORDER_OF_OURS, NOT_OUR_PATIENT, QUIET_AT_HOOK, WITHHELD}
        | {name for card in content().cards for name in (*card.requires, *card.excluded_by)}
        | {rule.id for card in content().cards for rule in card.rules if rule.is_silence},
    }
    found = samples(app)
    for item in found:
        for label, text in item.labels.items():
            assert text in allowed[label], item
            assert len(text) <= 80
            assert CANARY.lower() not in text.lower()
        if item.name == "cds_cards_total":
            assert (item.labels["topic"], item.labels["variant"]) in variants
        if item.name == "cds_unknown_facts_total":
            fact, reason = item.labels["fact"], item.labels["reason"]
            assert (fact, f"unknown:{reason}" if reason else "unknown") in states
    assert len(found) < 1_000


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        (f"/cds-services/{SELECT}", "call"),
        (f"/cds-services//{SELECT}/", "call"),
        (f"/cds-services/{SELECT}/feedback/", "feedback"),
        ("/cds-services/", "discovery"),
        ("/healthz", "probe"),
        ("/readyz", "probe"),
        ("/metrics", "probe"),
        ("/none", "other"),
    ],
)
def test_endpoints(app: Flask, path: str, endpoint: str) -> None:
    with app.test_request_context(path, method="POST" if SELECT in path else "GET"):
        assert endpoint_of(request) == endpoint


@pytest.mark.parametrize("tokens", [True, False], ids=["with-tokens", "insecure"])
@pytest.mark.parametrize(
    ("peer", "headers", "is_here"),
    [
        (HERE, {}, True),
        ("::1", {"Host": "[::1]:8080"}, True),
        ("10.0.0.9", {}, False),
        ("", {}, False),
        (HERE, {"Host": "cds.example.org"}, False),
        (HERE, {"X-Forwarded-For": HERE}, False),
        (HERE, {"Forwarded": "for=127.0.0.1"}, False),
    ],
)
def test_only_this_machine_sees_the_metrics_unless_they_are_open(
    peer: str, headers: dict[str, str], is_here: bool, tokens: bool
) -> None:
    changes: dict[str, Any] = {"registry": REGISTRY} if tokens else {"insecure": True}

    def ask(**more: Any) -> TestResponse:
        config = Config(uuid_key=KEY, host="0.0.0.0", **changes, **more)
        app = create_app(config, content(), lambda: NOW, verifier=verifier() if tokens else None)
        return app.test_client().get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer})

    if is_here:
        assert ask().status_code == 200
    else:
        assert "CDS_METRICS_OPEN" in check_error(ask(), 403, "forbidden")
    assert ask(metrics_open=True).status_code == 200


def test_probes_and_metrics_need_no_token_and_nothing_else_is_spared() -> None:
    app = create_app(Config(uuid_key=KEY, registry=REGISTRY), content(), lambda: NOW, verifier=verifier())
    web = app.test_client()
    assert 401 not in {web.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")}
    assert {web.get(path).status_code for path in ("/metrics/", "/metrics/x", "/cds-services", PATH)} == {401}


def test_methods_of_the_metrics(app: Flask) -> None:
    web = app.test_client()
    assert web.head("/metrics").status_code == 200
    options = web.options("/metrics")
    assert (options.status_code, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    check_error(web.post("/metrics"), 405)


def test_a_fault_of_counting_costs_no_answer_and_is_told(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, CANARY)

    monkeypatch.setattr(Metrics, "count", fail)
    caplog.set_level(logging.INFO, logger=LOGGER)
    assert post(app, stored(CALL)).get_json()["cards"]
    failure, call = (json.loads(item.getMessage()) for item in caplog.records)
    assert (failure["event"], failure["types"], call["status"]) == ("failure", ["OSError"], 200)
    assert CANARY not in caplog.text


def test_scrapes_are_not_logged_while_all_is_well(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    app.test_client().get("/metrics")
    assert not caplog.records


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Counts in files, as under several workers; afterwards in memory again."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    share_counts(tmp_path)
    yield tmp_path
    values.close_all_multiprocess_files()  # type: ignore[no-untyped-call]


def test_counts_of_a_worker_that_has_ended_stay_in_the_sum(shared: Path) -> None:
    """Its file stays, and what another process counts is added."""
    app = made()
    post(app, stored(CALL))
    for path in list(shared.glob("*.db")):
        kind, _, _ = path.stem.rpartition("_")
        (shared / f"{kind}_999999.db").write_bytes(path.read_bytes())
    assert value(app, "cds_calls_total", **HOOK, status="2xx") == 2
    assert value(app, "cds_call_duration_seconds_count", **HOOK) == 2
    [info] = [item for item in samples(app) if item.name == "cds_build_info"]
    assert info.value == 1
    assert "pid" not in info.labels


def test_shared_counts_hold_no_patient_data(shared: Path) -> None:
    app = made()
    body = stored(CALL)
    body["context"]["userId"] = f"Practitioner/{CANARY}"
    body["hookInstance"] = CANARY
    assert post(app, body).status_code == 200
    patient = body["context"]["patientId"]
    for path in shared.glob("*.db"):
        data = path.read_bytes()
        assert CANARY.encode() not in data
        assert patient.encode() not in data
