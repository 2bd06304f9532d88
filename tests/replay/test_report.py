"""The report of a replay: table, differences, JSON, JUnit, and rewriting what is stored."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from cds_service.pathway.content import Content
from cds_service.replay.report import Report, Row, printable, replay_in_process, rewrite_expectations
from cds_service.replay.result import CardLine, Difference, Result
from cds_service.replay.stored import StoredCall, load_stored


def _rows(small: Path) -> tuple[Row, ...]:
    calls = load_stored(small)
    silent = Result(silence={"a-card": "tissue-confirmed", "another": "tissue-confirmed"})
    shown = Result((CardLine("Topic", "", "info", "Text"), CardLine("Topic", "pending", "warning", "Text")))
    return (
        Row(calls[0], silent, ()),
        Row(calls[1], Result(error=412), (Difference("error", "answered", "412"),)),
        Row(calls[2], shown, (Difference("cards[0].summary", "", "Te\x1bxt <b>"),)),
    )


def test_text_shows_every_call_and_every_difference(small: Path) -> None:
    text = Report("here", _rows(small)).as_text()
    lines = text.splitlines()
    assert lines[0].split() == ["ok", "patients/tissue-coded", "order-select", "silent:", "tissue-confirmed"]
    assert lines[1].split()[0] == "DIFFERS"
    assert lines[1].endswith("refused with 412")
    assert lines[2].endswith("info Topic; warning pending")
    assert "patients/tissue-coded order-sign\n  error\n    - answered\n    + 412" in text
    assert "    - (nothing)\n    + Te\\x1bxt <b>" in text
    assert lines[-1] == "3 calls to here, 2 differ from what is stored"


def test_an_answer_without_cards_or_reason_says_so(small: Path) -> None:
    assert Row(load_stored(small)[0], Result(), ()).answer == "silent: no cards"


def test_json_has_the_same(small: Path) -> None:
    found = Report("here", _rows(small)).as_json()
    assert (found["target"], found["calls"], found["differing"]) == ("here", 3, 2)
    assert found["rows"][0]["differences"] == []
    assert found["rows"][1]["differences"] == [{"what": "error", "expected": "answered", "observed": "412"}]
    assert found["rows"][2]["hook"] == "order-select"


def test_junit_has_a_case_per_call(small: Path) -> None:
    suite = ElementTree.fromstring(Report("here", _rows(small)).as_junit())
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    failures = [case.findtext("failure") for case in suite.iter("testcase")]
    assert failures[0] is None
    assert "- answered" in (failures[1] or "")
    assert "\\x1bxt <b>" in (failures[2] or "")


def test_printable_shows_what_a_terminal_would_obey() -> None:
    assert printable("a\x1b[2Jb\r\nc\x9b") == "a\\x1b[2Jb\\x0d\nc\\x9b"


def test_rewriting_stores_what_was_observed(small: Path, content: Content) -> None:
    untouched = small / "patients" / "tissue-coded" / "expected.yaml"
    before = untouched.read_text(encoding="utf-8")
    path = small / "calls" / "folfirinox-no-tissue.expected.yaml"
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace("variant: not-found", "variant: pending"), encoding="utf-8")

    report = replay_in_process(load_stored(small), content)
    assert [row.call.name for row in report.failed] == ["calls/folfirinox-no-tissue"]
    assert rewrite_expectations(report) == (str(path),)
    assert path.read_text(encoding="utf-8") == right
    assert untouched.read_text(encoding="utf-8") == before
    assert not replay_in_process(load_stored(small), content).failed


def test_rewriting_one_hook_keeps_the_other(small: Path, content: Content) -> None:
    path = small / "patients" / "tissue-coded" / "expected.yaml"
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace("tissue-confirmed", "liver-stale", 1), encoding="utf-8")
    rewrite_expectations(replay_in_process(load_stored(small), content))
    assert path.read_text(encoding="utf-8") == right


def test_nothing_is_rewritten_without_a_difference(small: Path, content: Content) -> None:
    assert rewrite_expectations(replay_in_process(load_stored(small), content)) == ()


def test_a_replayed_call_knows_its_stored_call(small: Path, content: Content) -> None:
    calls: tuple[StoredCall, ...] = load_stored(small)
    assert tuple(row.call for row in replay_in_process(calls, content).rows) == calls
