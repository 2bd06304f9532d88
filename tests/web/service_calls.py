"""What tests of the boundary share: one application at a fixed time, stored calls, and the schemas of every answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.content_files import find_cards
from cds_service.pathway.content import Content, load_content

ROOT = Path(__file__).resolve().parents[2]
CALLS = ROOT / "fixtures" / "calls"
HOSTILE = ROOT / "fixtures" / "hostile"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ID = "pancreatic-liver-metastases-"


@cache
def content() -> Content:
    """The shipped content, loaded once."""
    return load_content(find_cards())


@cache
def app(config: Config) -> Flask:
    """An application at a fixed time."""
    return create_app(config, content(), lambda: NOW)


def client(config: Config | None = None) -> FlaskClient:
    """A client of the application with that configuration."""
    return app(config or Config()).test_client()


def stored(name: str) -> dict[str, Any]:
    """A call of ``fixtures/calls`` by name, fresh each time."""
    body: dict[str, Any] = json.loads((CALLS / f"{name}.json").read_bytes())
    return body


def post(body: Any, hook: str = "", config: Config | None = None, **request: Any) -> TestResponse:
    """Send a body (JSON value or bytes) to the service of ``hook`` (that of the body if not given)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    service = ID + (hook or (body["hook"] if isinstance(body, dict) else "order-select"))
    return client(config).post(f"/cds-services/{service}", data=data, **request)


@cache
def schema(name: str) -> Draft202012Validator:
    """A validator for ``docs/schemas/<name>.schema.json``."""
    node = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_bytes())
    Draft202012Validator.check_schema(node)
    return Draft202012Validator(node)


def check_answer(answer: TestResponse) -> Any:
    """Every answer: JSON of the shape that its status calls for, with the headers of every answer. Returns it."""
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not 300 <= answer.status_code < 400
    body = json.loads(answer.data)
    name = "cds-hooks-response" if answer.status_code == 200 else "operation-outcome"
    schema(name).validate(body)
    return body


def check_error(answer: TestResponse, status: int, code: str = "") -> str:
    """An error answer with that status and FHIR issue type; returns what it says."""
    assert answer.status_code == status, answer.data
    issue = check_answer(answer)["issue"][0]
    assert code in ("", issue["code"])
    return str(issue["diagnostics"])
