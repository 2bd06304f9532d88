"""Feedback: what a client says became of cards (CDS Hooks 2.0.1 "Feedback", decision 37, conformance FB-01 to FB-10).

Items are read one by one, so that a bad one costs no good one. Epic writes ``overrideReasons`` for ``overrideReason``.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from cds_service.errors import MalformedCall
from cds_service.fhir.shapes import as_list, as_object, as_text

Verdict = Literal["accepted", "overridden"]
# Full date and time with an offset; Python's own reader also takes week dates and times without one.
_RFC_3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:)(\d{2})(?:\.(\d{1,6})\d*)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_SYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._:/#-]{1,199}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
OTHER_REASON = "other"
"""Stands for a reason in a client's own words or codes."""
_MOST_SUGGESTIONS = 50


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """One item. ``at`` is UTC. ``suggestions`` are the ids of those accepted: ours are uuids, and no others are kept.

    ``reason_system`` is "" and ``reason_code`` is OTHER_REASON for what does not look like a system and a code: what a
    client writes there in words is not kept, and of a comment only that there was one, since either may name a patient
    (FB-10). A code may do so too: ``only_reasons`` keeps none but ours.
    """

    card: str
    outcome: Verdict
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason_system: str = ""
    reason_code: str = ""
    commented: bool = False


@dataclass(frozen=True, slots=True)
class BadItem:
    """An item that cannot be recorded: its place in the batch, and what to mend."""

    index: int
    problem: str


def only_reasons(item: FeedbackItem, system: str, codes: Container[str]) -> FeedbackItem:
    """The item with its reason if that is one of ``codes`` of ``system``; any other becomes OTHER_REASON."""
    if not (item.reason_system or item.reason_code) or (item.reason_system == system and item.reason_code in codes):
        return item
    return replace(item, reason_system="", reason_code=OTHER_REASON)


def read_feedback(body: Any) -> tuple[tuple[FeedbackItem, ...], tuple[BadItem, ...]]:
    """The good and the bad items of a body, in order. MalformedCall if it is no feedback, or every item is bad."""
    good, bad = read_items(body)
    require_good(good, bad)
    return good, bad


def read_items(body: Any) -> tuple[tuple[FeedbackItem, ...], tuple[BadItem, ...]]:
    """The same, also if every item is bad."""
    if not isinstance(body, dict):
        raise MalformedCall("the body must be a JSON object with an array `feedback`")
    listed = body.get("feedback")
    if not isinstance(listed, list):
        raise MalformedCall("`feedback` must be an array of items")
    read = [_read_item(index, item) for index, item in enumerate(listed)]
    good = tuple(item for item in read if isinstance(item, FeedbackItem))
    bad = tuple(item for item in read if isinstance(item, BadItem))
    return good, bad


def require_good(good: tuple[FeedbackItem, ...], bad: tuple[BadItem, ...]) -> None:
    """MalformedCall, saying what is wrong with the first, if every item is bad."""
    if bad and not good:
        raise MalformedCall(f"no item of `feedback` can be recorded; item {bad[0].index}: {bad[0].problem}")


def _read_item(index: int, value: Any) -> FeedbackItem | BadItem:
    if not isinstance(value, dict):
        return BadItem(index, "must be an object")
    card = as_text(value.get("card"))
    if not card:
        return BadItem(index, "`card` must be the uuid of a card")
    outcome = value.get("outcome")
    if outcome not in ("accepted", "overridden"):
        return BadItem(index, "`outcome` must be `accepted` or `overridden`")
    at = read_timestamp(as_text(value.get("outcomeTimestamp")))
    if at is None:
        return BadItem(index, "`outcomeTimestamp` must be an RFC 3339 time with offset, as 2026-03-02T09:00:00Z")
    if outcome == "accepted":
        return FeedbackItem(card, "accepted", at, _suggestions(value.get("acceptedSuggestions")))
    system, code, commented = _override(value)
    return FeedbackItem(card, "overridden", at, (), system, code, commented)


def read_timestamp(text: str) -> datetime | None:
    """An RFC 3339 time in UTC, or None. A leap second counts as the second before it."""
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    day, clock, second, fraction, offset = found.groups()
    second = "59" if second == "60" else second
    offset = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{day}T{clock}{second}.{(fraction or '0'):0<6}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _suggestions(value: Any) -> tuple[str, ...]:
    ids = (as_text(as_object(item).get("id")) for item in as_list(value)[:_MOST_SUGGESTIONS])
    return tuple(dict.fromkeys(ident for ident in ids if _UUID.fullmatch(ident)))


def _override(item: Mapping[str, Any]) -> tuple[str, str, bool]:
    """System and code of the reason, and whether there was a comment."""
    given = item.get("overrideReason") or item.get("overrideReasons")
    override = next((as_object(part) for part in as_list(given)), as_object(None))
    reason = override.get("reason")
    # A CodeableConcept in place of the Coding, and the Coding laid bare, both occur.
    coding = next((as_object(part) for part in as_list(as_object(reason).get("coding", reason))), as_object(None))
    coding = coding or override
    system, code = as_text(coding.get("system")), as_text(coding.get("code"))
    return (
        system if _SYSTEM.fullmatch(system) else "",
        code if _CODE.fullmatch(code) else OTHER_REASON if code else "",
        bool(as_text(override.get("userComment"))),
    )
