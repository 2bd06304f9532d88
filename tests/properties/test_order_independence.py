"""The order of entries says nothing, and a resource sent twice is one resource: neither may change a decision."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import CallError
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.replay.stored import StoredCall, load_stored

STORED = load_stored(Path("fixtures"))
SHUFFLES = 3
_COUNT = re.compile(r"\d+ of its entries")


@pytest.fixture(scope="module")
def content() -> Content:
    return load_content(find_cards())


def shuffled(prefetch: Mapping[str, Any], chance: random.Random, *, twice: bool) -> dict[str, Any]:
    """The same searches with the entries of each in another order, some of them sent twice."""
    changed: dict[str, Any] = {}
    for key, value in prefetch.items():
        entries = value.get("entry") if isinstance(value, dict) else None
        if isinstance(entries, list):
            entries = [*entries, *(entry for entry in entries if twice and chance.random() < 0.5)]
            chance.shuffle(entries)
            changed[key] = {**value, "entry": entries}
        else:
            changed[key] = value
    return changed


def seen(decision: Decision) -> tuple[object, ...]:
    """All that a decision says, without the order in which facts list what they considered, and how many entries
    were dropped: that counts what was sent."""
    facts = {
        name: (
            fact.state,
            fact.as_of,
            fact.label,
            fact.number,
            sorted({line._replace(why=_COUNT.sub("", line.why)) for line in fact.evidence}),
        )
        for name, fact in decision.facts.items()
    }
    return decision.silence, decision.outcomes, facts


def decide(stored: StoredCall, body: Mapping[str, Any], content: Content) -> tuple[object, ...]:
    """What the decision says, or the status with which the call is refused."""
    try:
        call = parse_call(body, stored.hook)
        source = PrefetchSource(call.prefetch, content.prefetch)
        return seen(evaluate(call, source, stored.content(content), stored.now))
    except CallError as error:
        return (error.status,)


@pytest.mark.parametrize("twice", [False, True], ids=["shuffled", "some twice"])
@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored.title)
def test_order_and_duplicates_never_change_a_decision(stored: StoredCall, twice: bool, content: Content) -> None:
    body = stored.body(content.prefetch)
    wanted = decide(stored, body, content)
    for seed in range(SHUFFLES):
        again = shuffled(body.get("prefetch", {}), random.Random(seed), twice=twice)
        assert decide(stored, {**body, "prefetch": again}, content) == wanted
