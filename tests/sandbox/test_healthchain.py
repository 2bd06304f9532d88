"""healthchain, a CDS Hooks client by somebody else, reads the demo's charts and calls our services.

It lives in an environment of its own (``make test`` makes it from ``healthchain-requirements.txt``), so that its
libraries are none of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.replay.stored import StoredCall, load_patient
from tests.demo.demo_served import serving
from tests.web.service_calls import ID, content

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-healthchain" / "bin" / "python"
STAMP = PYTHON.parents[1] / ".installed"
SCRIPT = Path(__file__).with_name("healthchain_calls.py")
CALL_SECONDS = 120


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A running demo, at the time at which the stories play. Without the client its tests are skipped, in CI failed."""
    if not STAMP.exists():
        reason = f"healthchain is not installed: `make {STAMP.relative_to(ROOT)}`, with a package index"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with serving() as found:
        yield found


def run(address: str, call: StoredCall) -> dict[str, Any]:
    """What the client says of a story."""
    wish = {
        "address": address,
        "service": f"{ID}{call.hook}",
        "hook": call.hook,
        "context": dict(call.context),
        "templates": dict(content().prefetch),
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT)],
        input=json.dumps(wish),
        capture_output=True,
        text=True,
        check=False,
        timeout=CALL_SECONDS,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def stories(name: str) -> dict[str, StoredCall]:
    """A stored patient by hook."""
    return {call.hook: call for call in load_patient(Path("fixtures/patients") / name, Path("fixtures/orders"))}


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("folfirinox-no-tissue", "order-select"),
        ("folfirinox-no-tissue", "order-sign"),
        ("tissue-from-text", "order-select"),
    ],
)
def test_its_calls_get_the_cards_of_the_story(address: str, name: str, hook: str) -> None:
    call = stories(name)[hook]
    said = run(address, call)
    assert said["fhirVersion"] == "4.0.1"
    assert said["found"]["conditions"] == 2
    cards = [(card["source"]["topic"]["code"], card["summary"]) for card in said["with its orders"]["cards"]]
    assert cards == [(card.topic, card.summary) for card in call.expected.cards]
    # It loses the draft orders on the way. Such a call is refused: an empty answer would say "evaluated" (decision 30).
    assert said["as it sends"] == {}


def test_the_stories_tell_cards_from_silence() -> None:
    """Or the test above could not."""
    assert [card.topic for card in stories("folfirinox-no-tissue")["order-select"].expected.cards] == [
        "TissueBeforeSystemicTherapy"
    ]
    assert stories("tissue-from-text")["order-select"].expected.cards == ()
