"""Calls in each vendor's shape, answered to a client of that vendor; what the answer lacks is in log and record."""

from __future__ import annotations

import copy
import json
import logging
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from cds_service.app import STORE, create_app
from cds_service.cli import main
from cds_service.config import Config
from cds_service.content_files import find_cards
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.suggestions import LeftOut
from cds_service.store.decisions import Wanted, find_decisions
from cds_service.trust.clients import Client, Registry, Vendor, read_registry
from cds_service.web.call_log import LOGGER
from tests.web.service_calls import CALLS, ID, NOW, check_answer, content, stored

TISSUE = "TissueBeforeSystemicTherapy"
FOLFIRINOX = "folfirinox-no-tissue"
COLUMNS = ("generic", "epic", "oracle", "sandbox")
PREFERENCE_LIST = "urn:com.epic.cdshooks.action.code.system.preference-list-item"
EVERY_CALL = [path.stem for path in sorted(CALLS.glob("*.json"))]


@cache
def site() -> Content:
    """The content of a site that has put liver biopsies on a preference list, and nothing else."""
    made = dict(content().templates)
    name = "liver-biopsy-image-guided"
    made[name] = made[name].with_orderable({"system": PREFERENCE_LIST, "code": "LBX"}, keep_ours=False)
    return replace(content(), templates=made)


def app_for(vendor: Vendor | None, **settings: Any) -> Flask:
    """An application whose calls come from a client of that vendor, or from no client."""
    clients = (Client("hospital", vendor=vendor),) if vendor else ()
    return create_app(Config(registry=Registry(clients=clients), **settings), site(), lambda: NOW)


@cache
def kept_app(vendor: Vendor | None) -> Flask:
    return app_for(vendor)


def ask(body: dict[str, Any], app: Flask) -> list[dict[str, Any]]:
    answer = app.test_client().post(f"/cds-services/{ID}{body['hook']}", data=json.dumps(body))
    assert answer.status_code == 200
    cards: list[dict[str, Any]] = check_answer(answer)["cards"]
    return cards


def actions(cards: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [made["actions"] for card in cards for made in card.get("suggestions", ())]


def as_epic(name: str) -> dict[str, Any]:
    """A stored call as Epic words it: medications by reference, each a resource of its own beside the order."""
    body = copy.deepcopy(stored(name))
    entries = body["context"]["draftOrders"]["entry"]
    for number, entry in enumerate(list(entries)):
        concept = entry["resource"].pop("medicationCodeableConcept")
        medication = {"resourceType": "Medication", "id": f"eMed{number}", "code": concept}
        entry["resource"]["medicationReference"] = {"reference": f"Medication/eMed{number}"}
        entries.append({"resource": medication})
    return body


@pytest.mark.parametrize("vendor", list(Vendor))
@pytest.mark.parametrize("name", EVERY_CALL)
def test_every_call_is_answered_in_the_shape_of_the_schema(name: str, vendor: Vendor) -> None:
    """Errors included: what is refused does not hang on the vendor."""
    body = stored(name)
    path = f"/cds-services/{ID}{body['hook']}"
    answers = [kept_app(each).test_client().post(path, data=json.dumps(body)) for each in (vendor, None)]
    shown, plain = map(check_answer, answers)
    assert answers[0].status_code == answers[1].status_code
    assert [card["uuid"] for card in shown.get("cards", ())] == [card["uuid"] for card in plain.get("cards", ())]


@pytest.mark.parametrize("name", ["epic-gemcitabine-select", "epic-gemcitabine-sign"])
def test_epic_is_offered_the_order_of_the_site_and_the_removal_of_the_one_drug(name: str) -> None:
    """Drug by a reference that leads nowhere, ids of 194 characters, empty searches that hold a warning."""
    body = stored(name)
    cards = ask(body, kept_app(Vendor.EPIC))
    (tissue,) = (card for card in cards if card["source"]["topic"]["code"] == TISSUE)
    (create,), (delete,) = actions([tissue])
    assert tissue["selectionBehavior"] == "any"
    assert create["resource"]["code"]["coding"] == [{"system": PREFERENCE_LIST, "code": "LBX"}]
    gemcitabine = body["context"]["draftOrders"]["entry"][0]["resource"]["id"]
    assert delete["resourceId"] == f"MedicationRequest/{gemcitabine}"
    assert all(len(made) == 1 for made in actions(cards))


def test_a_regimen_with_its_medications_apart_is_recognised_and_not_removed_in_part() -> None:
    body = as_epic(FOLFIRINOX)
    assert [card["summary"] for card in ask(body, kept_app(Vendor.EPIC))] == [
        card["summary"] for card in ask(stored(FOLFIRINOX), kept_app(None))
    ]
    made = actions(ask(body, kept_app(Vendor.EPIC)))
    assert [[action["type"] for action in each] for each in made] == [["create"]]


def test_a_call_of_no_client_is_answered_as_one_of_a_generic_client() -> None:
    assert ask(stored(FOLFIRINOX), kept_app(None)) == ask(stored(FOLFIRINOX), kept_app(Vendor.GENERIC))


def test_log_and_record_name_what_the_answer_lacks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = app_for(Vendor.EPIC, store=str(tmp_path))
    caplog.set_level(logging.INFO, LOGGER)
    ask(stored(FOLFIRINOX), app)
    line = json.loads(caplog.records[-1].getMessage())
    assert line["left_out"] == [
        f"{TISSUE}:remove-draft-orders:several-actions",
        "PancreasProtocolCt:pancreas-protocol-ct:no-orderable",
    ]
    [found] = find_decisions(app.extensions[STORE].engine, Wanted())
    kept = {outcome["topic"]: outcome["left_out"] for outcome in found["outcomes"]}
    assert kept[TISSUE] == ["remove-draft-orders:several-actions"]
    app.extensions[STORE].close()


def test_nothing_is_said_of_an_answer_that_lacks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    ask(stored(FOLFIRINOX), kept_app(None))
    assert "left_out" not in json.loads(caplog.records[-1].getMessage())


def test_explain_shows_the_answer_to_a_vendor() -> None:
    arguments = ["explain", str(CALLS / f"{FOLFIRINOX}.json"), "--now", NOW.isoformat()]
    epic = CliRunner().invoke(main, [*arguments, "--vendor", "epic"])
    assert epic.exit_code == 0
    assert "    left out liver-biopsy-image-guided:no-orderable\n" in epic.stdout
    assert "left out" not in CliRunner().invoke(main, arguments).stdout
    shown = json.loads(CliRunner().invoke(main, [*arguments, "--vendor", "epic", "--json"]).stdout)
    (tissue,) = (card for card in shown["cards"] if card["card"] == "tissue-before-systemic-therapy")
    assert "remove-draft-orders:several-actions" in tissue["left_out"]


def test_check_names_the_orders_that_an_epic_client_is_not_offered(tmp_path: Path) -> None:
    example = Path("docs/site-example.toml").read_text(encoding="utf-8").partition("[cards]")[0]
    for vendor, is_told in (("epic", True), ("oracle", False)):
        path = tmp_path / f"{vendor}.toml"
        path.write_text(f'{example}\n[[clients]]\nname = "riverbend"\nvendor = "{vendor}"\n', encoding="utf-8")
        result = CliRunner().invoke(main, ["check", "--site", str(path)])
        assert result.exit_code == 0
        told = [
            line for line in result.stdout.splitlines() if line.startswith("client riverbend (epic) is not offered")
        ]
        assert bool(told) is is_told
        assert all("pancreas-protocol-ct" in line and "liver-mri" not in line for line in told)


def test_the_page_about_vendors_names_every_profile_and_reason() -> None:
    page = Path("docs/vendors.md").read_text(encoding="utf-8")
    assert page.split("\n| | ")[1].splitlines()[0] == " | ".join(f"`{vendor}`" for vendor in COLUMNS) + " |"
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page.partition("| reason |")[2], re.MULTILINE)) == set(LeftOut)


def test_the_example_of_an_epic_site_is_clean_and_makes_its_order(tmp_path: Path) -> None:
    example = Path("docs/vendors.md").read_text(encoding="utf-8").split("```toml\n")[1].partition("```")[0]
    path = tmp_path / "site.toml"
    path.write_text(example, encoding="utf-8")
    result = CliRunner().invoke(main, ["check", "--site", str(path)])
    assert result.exit_code == 0, result.stdout
    assert not [
        line for line in result.stdout.splitlines() if line.startswith(f"{path}:") and "1 orderable" not in line
    ]
    (client,) = read_registry(path).clients
    template = load_content(find_cards(), path).templates["liver-biopsy-ct-guided"]
    assert (client.vendor, template.has_orderable) == (Vendor.EPIC, True)
    assert [coding["system"] for coding in template.codings()] == [PREFERENCE_LIST]
