"""``docs/openapi.yaml`` is what the application does: its paths, examples, and every answer that schemathesis provokes.

Schemathesis makes requests that the document allows and others, the same ones in each run. The former are answered, the
others refused, and every answer has a status, a media type and a shape that the document names.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import negative_data_rejection

from cds_service.config import Config
from cds_service.content_files import read_yaml
from tests.web.service_calls import ROOT, app, client, content

PATH = ROOT / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = json.loads(json.dumps(read_yaml(PATH)))
JSON = "application/json"
# A call for which the patient's Conditions are missing is a good call that cannot be answered.
RULES = {"seed": 1, "checks": {"positive_data_acceptance": {"expected-statuses": ["200", "412"]}}}
API = schemathesis.openapi.from_path(PATH, config=schemathesis.Config.from_dict(RULES))
# The client of schemathesis tells no address; who may see the metrics is tested in tests/web/test_metrics.py.
API.app = app(Config(metrics_open=True))


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Method and path of each operation of the document."""
    return {
        (method.upper(), path): node
        for path, item in DOCUMENT["paths"].items()
        for method, node in item.items()
        if method in ("get", "post")
    }


def examples() -> list[tuple[str, str]]:
    """Path and name of each example of a request."""
    return [
        (path, name)
        for (method, path), node in operations().items()
        if method == "POST"
        for name in node["requestBody"]["content"][JSON]["examples"]
    ]


def served() -> set[tuple[str, str]]:
    """Method and path of each route, spellings of one path counted once; OPTIONS and the workbench left out."""
    found = set()
    for rule in API.app.url_map.iter_rules():
        path = re.sub("/+", "/", rule.rule).rstrip("/") or "/"
        if path == "/" or path.startswith("/workbench/"):
            continue
        ids = [service.id for service in content().pathway.services] if path.endswith("<service_id>") else [""]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            for name in ids:
                found.add((method, path.replace("<service_id>", name or "{serviceId}")))
    return found


def test_the_document_is_valid() -> None:
    validate(DOCUMENT, base_uri=PATH.as_uri())


def test_every_route_is_in_the_document_and_the_reverse() -> None:
    assert served() == set(operations())


def test_every_path_answers_a_preflight_as_the_document_says() -> None:
    for path in DOCUMENT["paths"]:
        answer = client().options(path.replace("{serviceId}", content().pathway.services[0].id))
        assert answer.status_code == 204, path
        assert answer.headers["Allow"]


def test_the_services_and_hooks_are_those_of_the_content() -> None:
    ids = DOCUMENT["paths"]["/cds-services/{serviceId}/feedback"]["post"]["parameters"][0]["schema"]["enum"]
    assert ids == [service.id for service in content().pathway.services]
    for service in content().pathway.services:
        body = DOCUMENT["paths"][f"/cds-services/{service.id}"]["post"]["requestBody"]["content"][JSON]["schema"]
        name = body["$ref"].rpartition("/")[2]
        assert DOCUMENT["components"]["schemas"][name]["properties"]["hook"]["const"] == service.hook


@pytest.mark.parametrize(("path", "name"), examples())
def test_each_example_is_answered_as_shown(path: str, name: str) -> None:
    node = operations()["POST", path]
    request = node["requestBody"]["content"][JSON]["examples"][name]["value"]
    answer = client().post(path.replace("{serviceId}", content().pathway.services[0].id), json=request)
    shown = node["responses"][str(answer.status_code)]
    if "$ref" in shown:
        shown = DOCUMENT["components"]["responses"][shown["$ref"].rpartition("/")[2]]
    assert answer.get_json() == shown["content"][JSON]["examples"][name]["value"]


@API.parametrize()
@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case: schemathesis.Case[Any]) -> None:
    answer = case.call()
    # Feedback is read item by item: a bad item beside a good one is named in the answer and refuses nothing.
    names_bad_items = answer.status_code == 200 and b'"invalid"' in answer.content
    case.validate_response(answer, excluded_checks=[negative_data_rejection] if names_bad_items else [])
