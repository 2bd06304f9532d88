"""Python, packages, content, settings: each check with a fault put in."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cds_service.config import Config, read_config
from cds_service.content_files import find_cards
from cds_service.doctor.content import check_content, check_reviews, judge_proof
from cds_service.doctor.findings import Finding, State, fine, skip, warn
from cds_service.doctor.python import check_packages, check_python, find_version, read_requirements
from cds_service.doctor.settings import ADVICE, check_settings
from cds_service.errors import ConfigError
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content, unproved_content
from cds_service.trust.clients import Client, Registry

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def content() -> Content:
    return unproved_content(find_cards())


def test_a_finding_says_what_why_and_what_to_do() -> None:
    assert fine("python", "3.11.7").as_text() == "ok       python: 3.11.7"
    found = warn("disk", "1 GB free", "it fills", "make room")
    assert found.as_text().splitlines() == ["warning  disk: 1 GB free", "         it fills: make room"]
    assert found.as_json() == {
        "name": "disk",
        "state": "warning",
        "found": "1 GB free",
        "matters": "it fills",
        "advice": "make room",
    }
    assert skip("disk", "no store").state is State.SKIPPED


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10, 14), State.PROBLEM), ((3, 11, 0), State.OK), ((3, 13, 1), State.OK)]
)
def test_python(version: tuple[int, ...], state: State) -> None:
    finding = check_python(version)
    assert finding.state is state
    assert ".".join(map(str, version)) in finding.found


@pytest.mark.parametrize(
    ("requirements", "state", "said"),
    [
        (["flask<4,>=3.1", "click>=8.1"], State.OK, "2 packages"),
        (["flask>=4"], State.PROBLEM, "flask is 3.1.0, wanted >=4"),
        (["granian<3,>=2.8", "flask>=3"], State.PROBLEM, "granian is missing"),
        (["granian; extra == 'test'", "flask"], State.OK, "1 packages"),
        (["not a requirement at all"], State.PROBLEM, "cannot be read"),
        ([], State.PROBLEM, "no metadata"),
    ],
)
def test_packages(requirements: list[str], state: State, said: str) -> None:
    finding = check_packages(requirements, {"flask": "3.1.0", "click": "8.2.1rc1"}.get)
    assert finding.state is state
    assert said in finding.found
    assert bool(finding.advice) is (state is State.PROBLEM)


def test_packages_of_this_environment() -> None:
    assert any(text.startswith("flask") for text in read_requirements())
    assert read_requirements("no-such-package-here") == ()
    assert find_version("Flask") is not None
    assert find_version("no-such-package-here") is None
    assert check_packages(read_requirements(), find_version).state is State.OK
    assert check_python(sys.version_info[:3]).state is State.OK


def test_the_shipped_content_is_proved_and_its_drafts_are_told(content: Content) -> None:
    proved, reviews = check_content(find_cards(), None, TODAY)
    assert proved.state is State.OK
    assert content.digest[:12] in proved.found
    assert reviews.state is State.WARNING
    assert "13 of 13 cards are drafts" in reviews.found


def test_content_that_cannot_be_loaded(tmp_path: Path) -> None:
    broken, reviews = check_content(tmp_path, None, TODAY)
    assert (broken.state, reviews.state) == (State.PROBLEM, State.SKIPPED)
    assert str(tmp_path) in broken.found


def test_a_proof_that_fails_shows_a_few_problems_and_counts_the_rest() -> None:
    finding = judge_proof(("a.md:1: x", "b.md:2: y", "c.md:3: z", "d.md:4: w"), "all")
    assert finding.state is State.PROBLEM
    assert finding.found == "a.md:1: x; b.md:2: y; c.md:3: z; 1 more"
    assert "cds-service check" in finding.advice


@pytest.mark.parametrize(
    ("due", "state", "said"),
    [
        ("2026-03-01", State.PROBLEM, "expired"),
        ("2026-03-02", State.WARNING, "due within 30 days"),
        ("2026-04-01", State.WARNING, "due within 30 days"),
        ("2026-04-02", State.OK, "none due"),
    ],
)
def test_reviews(content: Content, due: str, state: State, said: str) -> None:
    """The date itself is the last good day; 30 days before it is soon."""
    cards: list[Card] = [replace(card, status="active", review_due="2030-01-01") for card in content.cards]
    cards[3] = replace(cards[3], review_due=due)
    finding = check_reviews(cards, TODAY)
    assert finding.state is state
    assert said in finding.found
    assert (f"{cards[3].id} ({due})" in finding.found) is (state is not State.OK)


def _names(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.name for finding in findings]


def test_settings_that_differ_are_shown_without_secrets() -> None:
    environ = {
        "CDS_PORT": "8099",
        "CDS_UUID_KEY": "a secret of many characters",
        "CDS_STORE": "postgresql://cds:s3cret-word@db/cds",
    }
    first, *_ = check_settings(read_config(environ))
    assert first.state is State.OK
    assert "CDS_PORT=8099" in first.found
    assert "CDS_UUID_KEY=set" in first.found
    assert "cds:***@db" in first.found
    assert "CDS_HOST" not in first.found
    assert "secret" not in first.found.replace("CDS_UUID_KEY=set", "")
    assert check_settings(read_config({}))[0].found == "all have their defaults"


def test_a_store_that_is_no_url_we_know_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="CDS_STORE"):
        check_settings(replace(Config(), store="mysql://cds:s3cret-word@db/cds"))


_OPEN = Registry(development=True, demo=True, clients=(Client("sandbox"),))


@pytest.mark.parametrize(
    ("config", "names"),
    [
        pytest.param({}, ["CDS_UUID_KEY", "CDS_SITE", "CDS_STORE"], id="first-run"),
        pytest.param(
            {"registry": _OPEN, "store": "x", "demo": True, "site": Path("site.toml")},
            ["CDS_UUID_KEY", "CDS_DEMO", "CDS_SITE", "CDS_SITE", "CDS_SITE"],
            id="open",
        ),
        pytest.param(
            {"insecure": True, "workbench": True, "uuid_key": b"k" * 16, "store": "x"},
            ["CDS_INSECURE", "CDS_WORKBENCH"],
            id="insecure",
        ),
    ],
)
def test_each_warning_of_the_start_is_a_finding_with_advice(config: dict[str, Any], names: list[str]) -> None:
    made = Config(**config)
    warnings = check_settings(made)[1:]
    assert _names(warnings) == names
    for finding, text in zip(warnings, made.warnings, strict=True):
        assert finding.state is State.WARNING
        assert finding.found
        assert finding.found in text
        assert finding.matters in text
        assert finding.advice == ADVICE[finding.name]


def test_a_warning_that_we_have_no_advice_for_leads_to_the_document() -> None:
    config: Any = SimpleNamespace(
        warnings=("CDS_NEW is set: it is new",),
        as_environ=Config().as_environ,
        has_own_key=False,
        store="",
    )
    assert check_settings(config)[1] == warn(
        "CDS_NEW", "is set", "it is new", "docs/operate.md, Settings, says what it is for"
    )
