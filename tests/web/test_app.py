"""create_app: what it uses when nothing is given."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.fhir.source import Source
from cds_service.hooks import HookCall
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.web import services
from tests.web.service_calls import ID, stored


def test_content_and_clock_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[datetime] = []

    def record(call: HookCall, source: Source, content: Content, now: datetime) -> Decision:
        seen.append(now)
        return evaluate(call, source, content, now)

    monkeypatch.setattr(services, "evaluate", record)
    before = datetime.now(UTC)
    body = json.dumps(stored("sandbox-pama-opened"))
    assert create_app(Config()).test_client().post(f"/cds-services/{ID}order-select", data=body).status_code == 200
    assert before <= seen[0] <= datetime.now(UTC)
    assert seen[0].tzinfo is UTC
