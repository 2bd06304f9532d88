"""Every stored patient through the page: the answer of the story, and parts of the page that hold together."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cds_service.content_files import find_cards
from cds_service.pathway.content import Content, load_content
from cds_service.replay.stored import StoredCall
from cds_service.workbench.exchange import run_exchange
from cds_service.workbench.page import describe_exchange
from cds_service.workbench.patients import StoredPatient, find_fixtures, load_shelf
from cds_service.workbench.request import propose, read_wish
from tests.workbench.test_routes import evaluate, wish

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = sorted(path for path in (ROOT / "fixtures" / "hostile").glob("*.json"))


@cache
def content() -> Content:
    return load_content(find_cards())


@cache
def patients() -> dict[str, StoredPatient]:
    return dict(load_shelf(find_fixtures(), content()).patients)


def told(name: str, story: StoredCall) -> tuple[dict[str, Any], list[str], int]:
    """What the page is told, the summaries of the cards, and the error of a refusal (0 for none)."""
    found = run_exchange(
        propose(read_wish(wish(name, hook=story.hook)), patients(), content(), story.now), b"a key of the tests", 1000
    )
    summaries = [str(card["summary"]) for card in found.cards]
    return describe_exchange(found), summaries, found.error.status if found.error is not None else 0


def test_the_page_answers_every_story_as_it_is_stored() -> None:
    differing = []
    for name, patient in patients().items():
        for hook, story in patient.calls.items():
            described, summaries, error = told(name, story)
            expected = ([card.summary for card in story.expected.cards], story.expected.error)
            if (summaries, error) != expected:
                differing.append(f"{name} {hook}")
            ElementTree.fromstring(described["html"]["timeline"])
    assert differing == []


def test_every_resource_of_a_story_stands_on_its_timeline() -> None:
    bundle = json.loads((ROOT / "fixtures/patients/liver-resection-after-partial-response/bundle.json").read_bytes())
    wanted = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] != "Patient"
    }
    name = "liver-resection-after-partial-response"
    described, _, _ = told(name, patients()[name].call)
    root = ElementTree.fromstring(described["html"]["timeline"])
    assert {group.get("data-reference") for group in root.iter() if group.get("data-reference")} == wanted


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_a_hostile_body_is_told_and_never_fails(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", errors="replace")
    if text.strip():
        assert evaluate(wish(text=text))["status"] in {200, 400, 412}
