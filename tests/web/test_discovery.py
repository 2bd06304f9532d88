"""Discovery (conformance DISC, PFT; decision 36)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from cds_service.errors import ContentError
from cds_service.hooks import READERS
from cds_service.web.discovery import describe_services, services_by_id
from tests.web.service_calls import client, content, post, schema, stored


def services() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(client().get("/cds-services").data)["services"]
    return found


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/"])
def test_disc_01_02_15_answers_in_both_spellings_without_redirect(path: str) -> None:
    answer = client().get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    schema("cds-hooks-discovery").validate(json.loads(answer.data))


def test_disc_04_05_06_07_every_service_is_described_from_content() -> None:
    assert [(item["id"], item["hook"], item["title"], item["description"]) for item in services()] == [
        (item.id, item.hook, item.title, item.description) for item in content().pathway.services
    ]
    assert {item["hook"] for item in services()} == set(READERS)
    assert len({item["id"] for item in services()}) == len(services())


def test_disc_06_every_id_is_a_path_that_answers() -> None:
    for item in services():
        body = {**stored("sandbox-rx-opened"), "hook": item["hook"]}
        assert client().post(f"/cds-services/{item['id']}", data=json.dumps(body)).status_code == 200


def test_disc_08_09_prefetch_and_usage_come_from_content() -> None:
    for item, service in zip(services(), content().pathway.services, strict=True):
        assert item["prefetch"] == dict(content().prefetch)
        assert item["usageRequirements"] == service.usage


def test_gen_03_optional_members_without_value_are_left_out() -> None:
    bare = replace(content().pathway.services[0], usage="", title="")
    described = describe_services(replace(content(), pathway=replace(content().pathway, services=(bare,)), prefetch={}))
    assert set(described["services"][0]) == {"hook", "id", "description"}


def test_disc_03_no_services_is_an_empty_array() -> None:
    bare = replace(content(), pathway=replace(content().pathway, services=()))
    assert describe_services(bare) == {"services": []}


@pytest.mark.parametrize("item", services(), ids=lambda item: str(item["hook"]))
def test_pft_01_02_03_06_11_12_templates_keep_to_the_supported_subset(item: dict[str, Any]) -> None:
    for template in item["prefetch"].values():
        assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]
        names = re.findall(r"[?&]([^=&]+)=", template)
        assert len(names) == len(set(names))
        assert not re.search(
            r"[:](missing|not|text|above|below|exact|contains)=|_include|_revinclude|_has|\.", "".join(names)
        )


def test_a_hook_that_nobody_reads_stops_the_start() -> None:
    strange = replace(content().pathway.services[0], hook="patient-view")
    bad = replace(content(), pathway=replace(content().pathway, services=(strange,)))
    with pytest.raises(ContentError, match="unknown hook"):
        services_by_id(bad)


def test_an_id_used_twice_stops_the_start() -> None:
    bad = replace(content(), pathway=replace(content().pathway, services=content().pathway.services[:1] * 2))
    with pytest.raises(ContentError, match="stands twice"):
        services_by_id(bad)


def test_discovery_is_for_get_alone() -> None:
    answer = client().post("/cds-services", data=b"{}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_head_answers_without_body() -> None:
    answer = client().head("/cds-services")
    assert (answer.status_code, answer.data) == (200, b"")


def test_the_call_path_of_discovery_and_services_agree() -> None:
    assert post(stored("sandbox-rx-opened")).status_code == 200
