"""No text of a client's becomes markup in a card: every string of every stored patient is made an attack in turn.

Nothing is assumed of which strings reach a card, nor of what a fact does with them: one kind of element after the
other (``status``, ``id``, ``display``, ``text`` ...), and all together, carries HTML and a link, before or after what
it says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cds_service.content_files import find_cards
from cds_service.errors import DataUnavailable
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.replay.stored import StoredCall, load_stored

HTML = "<img src=x onerror=alert(1)>"
ADDRESS = "http://evil.example"
ATTACK = f"{HTML} [click]({ADDRESS})"
LINK = re.compile(r"(?<!\\)\]\(http://evil")
KEPT = frozenset({"resourceType"})
"""Without its type a resource is none."""
MARKDOWN = MarkdownIt("commonmark", {"html": True})

Change = Callable[[str], str]
WAYS: Mapping[str, Change] = {
    "before": lambda text: f"{ATTACK} {text}",
    "after": lambda text: f"{text}{ATTACK}",
    "alone": lambda text: ATTACK,
}
PATIENTS = [
    call for call in load_stored(Path("fixtures")) if call.name.startswith("patients/") and call.hook == "order-sign"
]


@cache
def content() -> Content:
    return load_content(find_cards())


def elements(node: Any) -> Iterator[str]:
    """The names of the elements that hold strings."""
    if isinstance(node, dict):
        for name, value in node.items():
            if any(isinstance(item, str) for item in (value if isinstance(value, list) else [value])):
                yield name
            yield from elements(value)
    elif isinstance(node, list):
        for item in node:
            yield from elements(item)


def attacked(node: Any, name: str, change: Change, patient: str) -> Any:
    """The same with every string of that element ("" for all) changed, but for what says whose it is."""

    def turn(value: Any, element: str) -> Any:
        if isinstance(value, dict):
            own = value.get("resourceType") == "Patient"
            return {key: item if own and key == "id" else turn(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [turn(item, element) for item in value]
        is_meant = element not in KEPT and name in ("", element)
        ours = value in (f"Patient/{patient}", patient)
        return change(value) if isinstance(value, str) and is_meant and not ours else value

    return turn(node, "")


def cards_of(stored: StoredCall, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cards; none where the required data cannot be had any more."""
    call, own = parse_call(body, stored.hook), stored.content(content())
    try:
        decision = evaluate(call, PrefetchSource(call.prefetch, own.prefetch), own, stored.now)
    except DataUnavailable:
        return []
    found: list[dict[str, Any]] = render_response(decision, own, call, stored.now, b"k" * 32)["cards"]
    return found


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def live_markup(card: Mapping[str, Any]) -> list[str]:
    """The texts of a card in which the attack would live."""
    return [
        text
        for text in strings(card)
        if "<img" in text
        or LINK.search(text)
        or "<img" in (shown := MARKDOWN.render(text) if "evil" in text else "")
        or "href" in shown
    ]


def bodies(stored: StoredCall) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The calls with one kind of element attacked in one way, and with all of them."""
    body = stored.body(content().prefetch)
    context = body["context"]
    data = {"orders": context.get("draftOrders"), "prefetch": body.get("prefetch", {})}
    patient = context["patientId"]
    for name in ("", *sorted(set(elements(data)) - KEPT)):
        for way, change in WAYS.items():
            made = attacked(data, name, change, patient)
            selected = {"selections": None} if name in ("", "id") else {}
            changed = {key: value for key, value in ({**context, **selected}).items() if value is not None}
            yield (
                name,
                way,
                {**body, "context": {**changed, "draftOrders": made["orders"]}, "prefetch": made["prefetch"]},
            )


@cache
def attacks(at: int) -> tuple[tuple[str, str, bool], ...]:
    """For each card of a patient under attack: the element, where the attack lives ("" if nowhere), if it is there."""
    return tuple(
        (name, f"{name or 'everything'} {way}: {live}" if (live := live_markup(card)) else "", "evil" in str(card))
        for name, way, body in bodies(PATIENTS[at])
        for card in cards_of(PATIENTS[at], body)
    )


@pytest.mark.parametrize("at", range(len(PATIENTS)), ids=[stored.title for stored in PATIENTS])
def test_no_string_of_a_chart_becomes_markup(at: int) -> None:
    assert [live for _, live, _ in attacks(at) if live] == []


def test_the_attacks_reach_the_cards() -> None:
    """Without that the test above would show nothing."""
    reached = Counter(name for at in range(len(PATIENTS)) for name, _, is_there in attacks(at) if is_there)
    assert all(reached[name] >= 10 for name in ("", "id", "display", "text", "status", "unit", "conclusion", "title"))
