"""Result: what a call came to, in the few values that replay compares, and the YAML form it is stored in.

``expected.yaml`` holds a Result per hook and, for both, the states of the facts that the story is about::

    order-select:
      cards:
        - topic: TissueBeforeSystemicTherapy
          variant: not-found
          indicator: warning
          summary: "..."
    order-sign:
      cards: []
      silence:
        tissue-before-systemic-therapy: tissue-confirmed
    facts:
      tissue_confirmation: "yes"

``silence`` names a card and why it says nothing, or ``call`` and why no card was considered. ``error`` stands
alone and is the HTTP status of a refused call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cds_service.content_files import line_of
from cds_service.errors import ContentError

WHOLE_CALL = "call"
"""The name under which ``silence`` says why no card was considered at all."""

_CARD_KEYS = ("topic", "variant", "indicator", "summary")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_RESERVED = frozenset({"yes", "no", "true", "false", "null", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class CardLine:
    """One card as replay compares it. ``variant`` is "" where a foreign service does not tell it."""

    topic: str
    variant: str
    indicator: str
    summary: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one call came to. As an expectation, ``silence`` and ``facts`` name only what matters to the story.

    ``error`` is the HTTP status of a refused call, 0 for an answered one.
    """

    cards: tuple[CardLine, ...] = ()
    silence: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    error: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as expected. ``what`` names it; an empty side means that it was not there."""

    what: str
    expected: str
    observed: str


def compare(expected: Result, observed: Result, *, over_http: bool = False) -> tuple[Difference, ...]:
    """What differs. Over HTTP only cards and errors can be seen, and a variant only if the service tells it."""
    if expected.error or observed.error:
        return _unequal("error", _status(expected.error), _status(observed.error))
    found: list[Difference] = []
    for place in range(max(len(expected.cards), len(observed.cards))):
        wanted = _card_values(expected.cards, place)
        got = _card_values(observed.cards, place)
        for name in _CARD_KEYS:
            if name == "variant" and over_http and got and not got[name]:
                continue
            found += _unequal(f"cards[{place}].{name}", wanted.get(name, ""), got.get(name, ""))
    if over_http:
        return tuple(found)
    silences = {**expected.silence}
    if WHOLE_CALL in observed.silence:
        silences.setdefault(WHOLE_CALL, "")
    for name, wanted_silence in silences.items():
        found += _unequal(f"silence.{name}", wanted_silence, observed.silence.get(name, ""))
    for name, wanted_state in () if WHOLE_CALL in expected.silence else expected.facts.items():
        found += _unequal(f"facts.{name}", wanted_state, observed.facts.get(name, ""))
    return tuple(found)


def read_results(node: Any, path: str, hooks: Mapping[str, object]) -> dict[str, Result]:
    """The Result per hook of a parsed ``expected.yaml``; ContentError with file and line for what does not fit.

    ``hooks`` are the known hook names. The key ``now`` belongs to whole calls and is read by their loader.
    """
    if not isinstance(node, dict):
        raise ContentError(path, "must be a mapping from hook names to what is expected")
    facts = _names_to_states(node.get("facts", {}), "facts", path, line_of(node))
    results: dict[str, Result] = {}
    for key, item in node.items():
        where = f"{path}:{line_of(node, key)}"
        if key in ("facts", "now"):
            continue
        if key not in hooks:
            raise ContentError(where, f"unknown key {key!r}; known: facts, now, {', '.join(sorted(hooks))}")
        if not isinstance(item, dict) or not set(item) <= {"cards", "silence", "error"} or not item:
            raise ContentError(where, f"{key} holds `cards` and `silence`, or `error` alone")
        if "error" in item:
            if len(item) > 1 or not isinstance(item["error"], int):
                raise ContentError(where, "`error` is an HTTP status and stands alone")
            results[str(key)] = Result(error=int(item["error"]))
            continue
        cards = item.get("cards", [])
        if not isinstance(cards, list):
            raise ContentError(where, "`cards` is a list")
        silence = _names_to_states(item.get("silence", {}), "silence", path, line_of(item))
        results[str(key)] = Result(tuple(_card(card, where) for card in cards), silence, facts)
    return results


def updated(expected: Result, observed: Result) -> Result:
    """The expectation that the observation fulfils, telling about the same facts and silences as before."""
    if observed.error:
        return Result(error=observed.error)
    silence = {name: why for name in expected.silence if (why := observed.silence.get(name))}
    if not observed.cards and not silence:
        silence = dict(observed.silence)
    facts = {name: state for name in expected.facts if (state := observed.facts.get(name))}
    return Result(observed.cards, MappingProxyType(silence), MappingProxyType(facts))


def write_results(results: Mapping[str, Result], now: str = "") -> str:
    """The text of an ``expected.yaml``, always laid out in the same way. ``now`` only for whole calls."""
    lines = [f"now: {_quoted(now)}"] if now else []
    facts: dict[str, str] = {}
    for hook, result in results.items():
        facts |= result.facts
        lines.append(f"{hook}:")
        if result.error:
            lines.append(f"  error: {result.error}")
            continue
        lines.append("  cards:" if result.cards else "  cards: []")
        for card in result.cards:
            lines += [f"    - topic: {_plain(card.topic)}", f"      variant: {_plain(card.variant)}"]
            lines += [f"      indicator: {_plain(card.indicator)}", f"      summary: {_quoted(card.summary)}"]
        if result.silence:
            lines.append("  silence:")
            lines += [f"    {name}: {_plain(why)}" for name, why in result.silence.items()]
    if facts:
        lines.append("facts:")
        lines += [f"  {name}: {_quoted(state)}" for name, state in facts.items()]
    return "\n".join(lines) + "\n"


def map_summaries(result: Result, change: Callable[[str], str]) -> Result:
    """The same result with another wording of each summary."""
    cards = tuple(CardLine(card.topic, card.variant, card.indicator, change(card.summary)) for card in result.cards)
    return Result(cards, result.silence, result.facts, result.error)


def _card(node: Any, where: str) -> CardLine:
    if not isinstance(node, dict) or set(node) != set(_CARD_KEYS) or not all(isinstance(v, str) for v in node.values()):
        raise ContentError(where, f"a card has exactly these texts: {', '.join(_CARD_KEYS)}")
    return CardLine(**{name: str(node[name]) for name in _CARD_KEYS})


def _card_values(cards: tuple[CardLine, ...], place: int) -> dict[str, str]:
    return {name: getattr(cards[place], name) for name in _CARD_KEYS} if place < len(cards) else {}


def _names_to_states(node: Any, name: str, path: str, line: int) -> Mapping[str, str]:
    if not isinstance(node, dict) or not all(isinstance(value, str) for value in node.values()):
        raise ContentError(f"{path}:{line}", f"`{name}` maps names to quoted texts")
    return MappingProxyType({str(key): str(value) for key, value in node.items()})


def _unequal(what: str, expected: str, observed: str) -> tuple[Difference, ...]:
    return () if expected == observed else (Difference(what, expected, observed),)


def _status(error: int) -> str:
    return str(error) if error else "answered"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    return text if _PLAIN.match(text) and text.lower() not in _RESERVED else _quoted(text)
