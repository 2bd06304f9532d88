"""Feedback bodies: single, batch, vendor shapes, bad items beside good ones (FB-02 to FB-10, decision 37)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.errors import MalformedCall
from cds_service.hooks.feedback import BadItem, FeedbackItem, only_reasons, read_feedback, read_timestamp

CARD = "0b2cd2de-9a56-5f84-8b6a-4f1e0a1c9d11"
FIRST, SECOND = "1d1e0a1c-9a56-5f84-8b6a-4f1e0a1c9d11", "2D1E0A1C-9a56-5f84-8b6a-4f1e0a1c9d11"
ODD_REASONS: list[Any] = [None, "", "text", 7, [], {}, {"reason": None}, {"reason": "text"}, {"reason": []}, [None]]
ODD_CARDS: list[Any] = [None, "", " ", 7, {}, ["x"]]
ODD_OUTCOMES: list[Any] = [None, "", "ignored", "Accepted", 7, ["accepted"], {}]
ODD_TIMES: list[Any] = [None, "", 7, 1_772_442_000, {}, "yesterday", "2026-03-02"]
WHEN = "2026-03-02T08:59:00Z"
AT = datetime(2026, 3, 2, 8, 59, tzinfo=UTC)
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": WHEN}
ACCEPTED = {"card": CARD, "outcome": "accepted", "outcomeTimestamp": WHEN}
REASON = {"system": "https://x.example/reasons", "code": "biopsy-declined"}
REASONED = FeedbackItem(CARD, "overridden", AT, (), "https://x.example/reasons", "biopsy-declined")


@pytest.mark.parametrize(
    ("item", "read"),
    [
        pytest.param(OVERRIDDEN, FeedbackItem(CARD, "overridden", AT), id="no-reason"),
        pytest.param({**OVERRIDDEN, "overrideReason": {"reason": REASON}}, REASONED, id="reason"),
        pytest.param({**OVERRIDDEN, "overrideReasons": {"reason": REASON}}, REASONED, id="epic"),
        pytest.param(
            {**OVERRIDDEN, "overrideReasons": {"extension": {"com.epic.reason": {"code": "1"}}, "userComment": "x"}},
            FeedbackItem(CARD, "overridden", AT, commented=True),
            id="epic-extension",
        ),
        pytest.param({**OVERRIDDEN, "overrideReasons": [{"reason": REASON}]}, REASONED, id="list"),
        pytest.param({**OVERRIDDEN, "overrideReason": {"reason": {"coding": [REASON]}}}, REASONED, id="concept"),
        pytest.param({**OVERRIDDEN, "overrideReason": REASON}, REASONED, id="bare-coding"),
        pytest.param(
            {**OVERRIDDEN, "overrideReason": {"reason": {**REASON, "display": "Declined"}}}, REASONED, id="display"
        ),
        pytest.param(
            {**OVERRIDDEN, "overrideReason": {"userComment": "John Smith declined"}},
            FeedbackItem(CARD, "overridden", AT, commented=True),
            id="comment",
        ),
        pytest.param(
            {**OVERRIDDEN, "overrideReason": {"reason": {"code": "John Smith", "system": "John Smith"}}},
            FeedbackItem(CARD, "overridden", AT, (), "", "other"),
            id="words-in-place-of-a-code",
        ),
        *(
            pytest.param({**OVERRIDDEN, "overrideReason": odd}, FeedbackItem(CARD, "overridden", AT), id=f"odd-{odd!r}")
            for odd in ODD_REASONS
        ),
        pytest.param(
            {**ACCEPTED, "acceptedSuggestions": [{"id": FIRST}, {"id": SECOND}, {"id": FIRST}]},
            FeedbackItem(CARD, "accepted", AT, (FIRST, SECOND)),
            id="accepted",
        ),
        pytest.param(ACCEPTED, FeedbackItem(CARD, "accepted", AT), id="decision-37-no-suggestions"),
        pytest.param({**ACCEPTED, "acceptedSuggestions": []}, FeedbackItem(CARD, "accepted", AT), id="37-empty"),
        pytest.param(
            {**ACCEPTED, "acceptedSuggestions": [None, FIRST, {"id": 7}, {}, {"id": "John Smith"}]},
            FeedbackItem(CARD, "accepted", AT),
            id="odd-suggestions",
        ),
        pytest.param(
            {**ACCEPTED, "acceptedSuggestions": [{"id": "MRN-4711-Smith"}, {"id": f"{FIRST}0"}, {"id": SECOND}]},
            FeedbackItem(CARD, "accepted", AT, (SECOND,)),
            id="ids-that-are-no-uuids",
        ),
        pytest.param(
            {**ACCEPTED, "acceptedSuggestions": [{"id": f"{FIRST[:-2]}{number:02}"} for number in range(60)]},
            FeedbackItem(CARD, "accepted", AT, tuple(f"{FIRST[:-2]}{number:02}" for number in range(50))),
            id="fifty-and-no-more",
        ),
        pytest.param(
            {**ACCEPTED, "card": "123456", "x": {"y": 1}}, FeedbackItem("123456", "accepted", AT), id="epic-id"
        ),
        pytest.param(
            {**OVERRIDDEN, "outcomeTimestamp": "2026-03-02T09:59:00+01:00"},
            FeedbackItem(CARD, "overridden", AT),
            id="decision-37-offset",
        ),
    ],
)
def test_good_items(item: dict[str, Any], read: FeedbackItem) -> None:
    assert read_feedback({"feedback": [item], "unknown": 1}) == ((read,), ())


BAD = [
    pytest.param(None, "must be an object", id="null"),
    pytest.param([], "must be an object", id="list"),
    pytest.param("text", "must be an object", id="text"),
    *(pytest.param({**OVERRIDDEN, "card": value}, "`card`", id=f"card-{value!r}") for value in ODD_CARDS),
    *(pytest.param({**OVERRIDDEN, "outcome": value}, "`outcome`", id=f"outcome-{value!r}") for value in ODD_OUTCOMES),
    *(
        pytest.param({**OVERRIDDEN, "outcomeTimestamp": value}, "`outcomeTimestamp`", id=f"timestamp-{value!r}")
        for value in ODD_TIMES
    ),
]


@pytest.mark.parametrize(
    ("system", "code", "kept"),
    [
        ("urn:ours", "biopsy-declined", ("urn:ours", "biopsy-declined")),
        ("urn:ours", "Smith", ("", "other")),
        ("urn:theirs", "biopsy-declined", ("", "other")),
        ("urn:Smith", "", ("", "other")),
        ("", "biopsy-declined", ("", "other")),
        ("", "", ("", "")),
    ],
)
def test_only_our_reasons_are_kept(system: str, code: str, kept: tuple[str, str]) -> None:
    item = only_reasons(FeedbackItem(CARD, "overridden", AT, (), system, code, True), "urn:ours", {"biopsy-declined"})
    assert item == FeedbackItem(CARD, "overridden", AT, (), *kept, True)


@pytest.mark.parametrize(("item", "says"), BAD)
def test_a_bad_item_is_reported_beside_good_ones(item: Any, says: str) -> None:
    good, bad = read_feedback({"feedback": [OVERRIDDEN, item, ACCEPTED]})
    assert [found.outcome for found in good] == ["overridden", "accepted"]
    [problem] = bad
    assert isinstance(problem, BadItem)
    assert problem.index == 1
    assert problem.problem.startswith(says)


@pytest.mark.parametrize(("item", "says"), BAD)
def test_a_batch_of_bad_items_is_refused(item: Any, says: str) -> None:
    with pytest.raises(MalformedCall, match=f"item 0: {says}"):
        read_feedback({"feedback": [item, item]})


@pytest.mark.parametrize("key", ["card", "outcome", "outcomeTimestamp"])
def test_each_member_is_needed(key: str) -> None:
    with pytest.raises(MalformedCall, match=f"`{key}`"):
        read_feedback({"feedback": [{name: value for name, value in OVERRIDDEN.items() if name != key}]})


@pytest.mark.parametrize("body", [None, [], [OVERRIDDEN], "text", 7, {}, {"feedback": None}, {"feedback": OVERRIDDEN}])
def test_what_is_no_feedback(body: Any) -> None:
    with pytest.raises(MalformedCall):
        read_feedback(body)


def test_nothing_to_say_is_no_error() -> None:
    assert read_feedback({"feedback": []}) == ((), ())


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-02T08:59:00Z", "2026-03-02T08:59:00"),
        ("2026-03-02t08:59:00z", "2026-03-02T08:59:00"),
        ("2026-03-02 08:59:00Z", "2026-03-02T08:59:00"),
        ("2026-03-02T08:59:00.5Z", "2026-03-02T08:59:00.500000"),
        ("2026-03-02T08:59:00.123456789Z", "2026-03-02T08:59:00.123456"),
        ("2026-03-02T08:59:00-05:30", "2026-03-02T14:29:00"),
        ("2026-03-02T23:59:00+14:00", "2026-03-02T09:59:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
        ("2026-03-02T08:59:00-00:00", "2026-03-02T08:59:00"),
        ("2036-03-02T08:59:00Z", "2036-03-02T08:59:00"),
    ],
)
def test_timestamps(text: str, utc: str) -> None:
    found = read_timestamp(text)
    assert found is not None
    assert (found.replace(tzinfo=None).isoformat(), found.tzinfo) == (utc, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T08:59:00",
        "2026-03-02T08:59Z",
        "2026-03-02T08Z",
        "2026-13-02T08:59:00Z",
        "2026-02-30T08:59:00Z",
        "2026-03-02T24:00:01Z",
        "2026-03-02T08:60:00Z",
        "2026-03-02T08:59:61Z",
        "20260302T085900Z",
        "2026-W10-1T08:59:00Z",
        "2026-03-02T08:59:00+0100",
        "2026-03-02T08:59:00+25:00",
        "2026-03-02T08:59:00.Z",
        "2026-03-02T08:59:00Z ago",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-03-02T08:59:00Z",
        "2026-03-02T08:59:00Z\n",
        "Mon, 02 Mar 2026 08:59:00 GMT",
        "1772442000",
    ],
)
def test_garbled_timestamps(text: str) -> None:
    assert read_timestamp(text) is None
