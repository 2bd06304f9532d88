"""The response schema refuses what each conformance row forbids, so that validating every answer means something."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.service_calls import check_answer, post, schema, stored

UUID = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
ACTION = {"type": "create", "description": "Order it", "resource": {"resourceType": "ServiceRequest"}}
DELETE = {"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/d1"}
CARD: dict[str, Any] = {
    "uuid": UUID,
    "summary": "Summary",
    "detail": "Detail",
    "indicator": "warning",
    "source": {"label": "Label", "topic": {"system": "https://x.example/cards", "code": "Topic1", "display": "Topic"}},
    "suggestions": [
        {"label": "First", "uuid": UUID, "isRecommended": True, "actions": [ACTION]},
        {"label": "Second", "uuid": UUID, "actions": [DELETE]},
    ],
    "selectionBehavior": "at-most-one",
    "overrideReasons": [{"code": "c", "system": "https://x.example/reasons", "display": "Reason"}],
    "links": [{"label": "Guideline", "url": "https://x.example/guideline", "type": "absolute"}],
    "extension": {"org.example.variant": "a"},
}
Edit = Callable[[dict[str, Any]], object]


def is_valid(edit: Edit) -> bool:
    card = copy.deepcopy(CARD)
    edit(card)
    return schema("cds-hooks-response").is_valid({"cards": [card]})


def test_the_example_is_valid() -> None:
    assert is_valid(lambda card: None)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda card: card.update(detail=None), id="gen-03-null"),
        pytest.param(lambda card: card.update(detail=""), id="gen-03-empty-string"),
        pytest.param(lambda card: card.update(links=[]), id="gen-03-empty-array"),
        pytest.param(lambda card: card.update(extension={}), id="gen-03-empty-object"),
        pytest.param(lambda card: card.update(unknown="x"), id="unknown-attribute"),
        pytest.param(lambda card: card.update(uuid="1"), id="card-01-uuid"),
        pytest.param(lambda card: card.pop("summary"), id="card-02-no-summary"),
        pytest.param(lambda card: card.update(summary="x" * 140), id="card-02-140-characters"),
        pytest.param(lambda card: card.update(indicator="hard-stop"), id="card-04-hard-stop"),
        pytest.param(lambda card: card.pop("source"), id="card-05-no-source"),
        pytest.param(lambda card: card["source"].pop("label"), id="card-05-no-label"),
        pytest.param(lambda card: card["source"].update(url="/relative"), id="card-06-relative-url"),
        pytest.param(lambda card: card["source"].update(icon="icon.png"), id="card-07-relative-icon"),
        pytest.param(lambda card: card["source"]["topic"].pop("system"), id="card-08-topic-without-system"),
        pytest.param(lambda card: card["source"]["topic"].update(code="a-b"), id="card-08-topic-not-alphanumeric"),
        pytest.param(lambda card: card["source"]["topic"].update(code="a" * 101), id="card-08-topic-too-long"),
        pytest.param(lambda card: card.update(suggestions=[]), id="card-09-no-suggestions"),
        pytest.param(lambda card: card.pop("selectionBehavior"), id="card-10-no-selection-behavior"),
        pytest.param(lambda card: card.update(selectionBehavior="all"), id="card-10-odd-selection-behavior"),
        pytest.param(lambda card: card.pop("suggestions"), id="card-10-selection-behavior-alone"),
        pytest.param(lambda card: card["overrideReasons"][0].pop("display"), id="card-11-reason-without-display"),
        pytest.param(lambda card: card.update(extension=[1]), id="ext-01-array"),
        pytest.param(lambda card: card.update(extension={"variant": "a"}), id="ext-02-bare-name"),
        pytest.param(lambda card: card["suggestions"][0].update(label=""), id="sug-01-empty-label"),
        pytest.param(lambda card: card["suggestions"][0].pop("uuid"), id="sug-02-no-uuid"),
        pytest.param(lambda card: card["suggestions"][1].update(isRecommended=True), id="sug-03-two-recommended"),
        pytest.param(lambda card: card["suggestions"][0].update(actions=[]), id="sug-04-no-actions"),
        pytest.param(lambda card: card["suggestions"][0].update(actionSelectionBehavior="any"), id="sug-05-behavior"),
        pytest.param(lambda card: card["suggestions"][0]["actions"][0].update(type="CREATE"), id="act-01-upper-case"),
        pytest.param(lambda card: card["suggestions"][0]["actions"][0].pop("description"), id="act-02-no-description"),
        pytest.param(lambda card: card["suggestions"][0]["actions"][0].update(resource="{}"), id="act-03-a-string"),
        pytest.param(lambda card: card["suggestions"][0]["actions"][0].pop("resource"), id="act-03-no-resource"),
        pytest.param(lambda card: card["suggestions"][1]["actions"][0].pop("resourceId"), id="act-05-no-id"),
        pytest.param(lambda card: card["suggestions"][1]["actions"][0].update(resourceId="d1"), id="act-05-bare-id"),
        pytest.param(lambda card: card["suggestions"][1]["actions"][0].update(resource="d1"), id="act-06-old-delete"),
        pytest.param(lambda card: card["links"][0].pop("label"), id="link-01-no-label"),
        pytest.param(lambda card: card["links"][0].update(url="guideline"), id="link-01-relative-url"),
        pytest.param(lambda card: card["links"][0].update(type="external"), id="link-02-odd-type"),
        pytest.param(lambda card: card["links"][0].update(appContext="x"), id="link-03-context-on-absolute"),
        pytest.param(lambda card: card["links"][0].update(autolaunchable=True), id="link-04-autolaunchable"),
    ],
)
def test_refuses(edit: Edit) -> None:
    assert not is_valid(edit)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda card: card.update(summary="x" * 139), id="card-02-139-characters"),
        pytest.param(lambda card: (card.pop("suggestions"), card.pop("selectionBehavior")), id="card-09-none"),
        pytest.param(
            lambda card: (card.update(selectionBehavior="any"), card["suggestions"][1].update(isRecommended=True)),
            id="sug-03-two-with-any",
        ),
        pytest.param(lambda card: card["links"][0].update(type="smart", appContext="x"), id="link-03-context-on-smart"),
    ],
)
def test_allows(edit: Edit) -> None:
    assert is_valid(edit)


@pytest.mark.parametrize("body", [{}, {"cards": None}, {"cards": [], "systemActions": []}, [], {"cards": [CARD] * 3}])
def test_res_01_03_the_body_holds_cards_and_nothing_else(body: object) -> None:
    assert not schema("cds-hooks-response").is_valid(body)


@pytest.mark.parametrize("name", ["sandbox-rx-capecitabine", "sandbox-rx-sign"])
def test_card_01_sug_02_uuids_differ_within_an_answer(name: str) -> None:
    cards = check_answer(post(stored(name)))["cards"]
    uuids = [card["uuid"] for card in cards]
    uuids += [suggestion["uuid"] for card in cards for suggestion in card.get("suggestions", [])]
    assert uuids
    assert len(set(uuids)) == len(uuids)


@pytest.mark.parametrize("name", ["sandbox-rx-capecitabine", "sandbox-rx-sign"])
def test_act_05_a_delete_names_a_draft_of_the_call(name: str) -> None:
    body = stored(name)
    drafts = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in body["context"]["draftOrders"]["entry"]
    }
    actions = [
        action
        for card in check_answer(post(body))["cards"]
        for suggestion in card.get("suggestions", [])
        for action in suggestion["actions"]
    ]
    deleted = {action["resourceId"] for action in actions if action["type"] == "delete"}
    assert deleted
    assert deleted <= drafts
