"""Documents stay true: the README's call gives the README's answer, links lead somewhere, names exist."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.app import create_app
from cds_service.cli import main
from cds_service.config import Config
from tests.docs.shell import is_part

README = Path("README.md").read_text(encoding="utf-8")
DOCUMENTS = [*Path().glob("*.md"), *Path("docs").rglob("*.md")]


@pytest.mark.parametrize("day", ["2026-03-02", "2026-11-22", "2031-07-01"])
def test_the_example_of_the_readme_answers_as_shown_on_any_day(day: str) -> None:
    path = re.search(r"-d @(\S+)", README)
    url = re.search(r"http://127\.0\.0\.1:8080(/cds-services/\S+)", README)
    shown = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert path is not None
    assert url is not None
    assert shown is not None
    app = create_app(Config(), clock=lambda: datetime.fromisoformat(day).replace(tzinfo=UTC))
    body = Path(path[1]).read_bytes()
    answer = app.test_client().post(
        url[1], data=body, content_type="application/json", base_url="http://127.0.0.1:8080"
    )
    assert answer.status_code == 200
    assert is_part(json.loads(shown[1]), answer.get_json())


def test_the_example_of_the_readme_leaves_out_what_it_says_and_no_more() -> None:
    said = re.search(r"shortened: (.*?) are left out", README)
    shown = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert said is not None
    assert shown is not None
    app = create_app(Config(), clock=lambda: datetime(2026, 3, 2, tzinfo=UTC))
    body = Path("fixtures/calls/folfirinox-no-tissue.json").read_bytes()
    answer = app.test_client().post(
        "/cds-services/pancreatic-liver-metastases-order-select",
        data=body,
        content_type="application/json",
        base_url="http://127.0.0.1:8080",
    )
    left_out = set(re.findall(r"`(\w+)`", said[1]))
    cards = [{key: value for key, value in card.items() if key not in left_out} for card in answer.get_json()["cards"]]
    assert json.loads(shown[1]) == {"cards": cards}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_every_command_is_in_the_readme() -> None:
    assert main.commands
    for name in main.commands:
        assert f"`cds-service {name}" in README


def test_every_path_that_architecture_names_exists() -> None:
    text = Path("ARCHITECTURE.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:web|trust|hooks|fhir|facts|pathway|replay|reading|store)/\w+\.py)`", text):
        assert (Path("cds_service") / name).is_file(), name
    for name in re.findall(r"`(tests/[\w/]+(?:\.py)?/?)`", text):
        assert Path(name).exists(), name
