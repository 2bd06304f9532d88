"""Readiness and the keys of clients: one quiet client does not take it away, and probes bring missing keys back."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.trust.key_sets import COOL_DOWN, STALE_AFTER, KeySet
from cds_service.trust.keys import KeysUnreadable
from cds_service.trust.replay_guard import TokenIdsInMemory
from cds_service.trust.tokens import Verifier
from tests.trust.tokens_made import CLINIC, HOSPITAL, NOW, REGISTRY, Clock, key_set
from tests.web.service_calls import check_error, content

COUNTS = {"kept": 0, "lost": 0}


class Sources:
    """The key sets of both clients; each can be down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.asked: list[str] = []
        self.clock = Clock()

    def verifier(self) -> Verifier:
        sets = {name: self._key_set(name) for name in (HOSPITAL.name, CLINIC.name)}
        return Verifier(REGISTRY, sets, TokenIdsInMemory(), lambda: NOW)

    def _key_set(self, name: str) -> KeySet:
        def read() -> bytes:
            self.asked.append(name)
            if name in self.down:
                raise KeysUnreadable("it is down")
            return key_set("ec-1")

        return KeySet(read, self.clock, lambda work: work())


@pytest.fixture
def sources() -> Sources:
    return Sources()


@pytest.fixture
def app(sources: Sources) -> Flask:
    return create_app(Config(registry=REGISTRY), content(), lambda: NOW, verifier=sources.verifier())


def ready(app: Flask) -> Any:
    return app.test_client().get("/readyz")


def gauges(app: Flask) -> dict[str, float]:
    """Of the metrics, readiness and the keys by client."""
    text = app.test_client().get("/metrics").text
    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    by_client = {sample.labels["client"]: sample.value for sample in found["cds_client_keys"]}
    return {"ready": found["cds_ready"][0].value, **by_client}


def test_with_all_keys(app: Flask) -> None:
    answer = ready(app)
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok", "decisions": COUNTS})
    assert gauges(app) == {"ready": 1, HOSPITAL.name: 1, CLINIC.name: 1}


def test_one_client_without_keys_is_named_and_takes_nothing_from_the_others(app: Flask, sources: Sources) -> None:
    sources.down = {CLINIC.name}
    answer = ready(app)
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "degraded", "clients_without_keys": [CLINIC.name], "decisions": COUNTS}
    assert gauges(app) == {"ready": 1, HOSPITAL.name: 1, CLINIC.name: 0}


def test_without_any_keys_it_is_red_and_becomes_green_by_probes_alone(app: Flask, sources: Sources) -> None:
    sources.down = {HOSPITAL.name, CLINIC.name}
    assert "keys of no client" in check_error(ready(app), 503, "transient")
    assert gauges(app) == {"ready": 0, HOSPITAL.name: 0, CLINIC.name: 0}
    sources.down = set()
    assert ready(app).status_code == 503, "the cool-down is not over"
    sources.clock.now += COOL_DOWN
    assert ready(app).get_json()["status"] == "ok"
    assert len(sources.asked) == 4


def test_keys_a_day_old_are_renewed_by_probes_alone(app: Flask, sources: Sources) -> None:
    assert ready(app).status_code == 200
    sources.clock.now += STALE_AFTER
    assert gauges(app) == {"ready": 1, HOSPITAL.name: 1, CLINIC.name: 1}
    assert ready(app).get_json()["status"] == "ok"
