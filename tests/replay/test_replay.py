"""Every stored patient and call, at both hooks, answers what its files say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.fhir.folder import FolderSource
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content
from cds_service.pathway.evaluate import evaluate
from cds_service.replay.in_process import run_in_process
from cds_service.replay.report import replay_in_process
from cds_service.replay.stored import StoredCall, load_call, load_stored

FIXTURES = Path(__file__).parents[2] / "fixtures"
STORED = load_stored(FIXTURES)
PATIENTS_WITH_FULL_ANSWERS = [
    call for call in STORED if call.recorded is None and not call.searches and not call.expected.error
]


@pytest.mark.parametrize("call", [pytest.param(call, id=call.title.replace(" ", "-")) for call in STORED])
def test_stored_call_answers_as_expected(call: StoredCall, content: Content) -> None:
    report = replay_in_process((call,), content)
    assert not report.failed, report.as_text()


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=call.title.replace(" ", "-")) for call in PATIENTS_WITH_FULL_ANSWERS]
)
def test_files_and_prefetch_lead_to_the_same_decision(call: StoredCall, content: Content) -> None:
    """Conformance GEN-08: where the data come from makes no difference."""
    body = call.body(content.prefetch)
    parsed = parse_call(body, call.hook)
    values = {f"context.{name}": value for name, value in body["context"].items() if isinstance(value, str)}
    from_files = evaluate(parsed, FolderSource(call.entries, content.prefetch, values), content, call.now)
    from_prefetch = evaluate(parsed, PrefetchSource(parsed.prefetch, content.prefetch), content, call.now)
    assert from_files == from_prefetch


@pytest.mark.parametrize("year", [2025, 2026, 2031, 2049])
@pytest.mark.parametrize("name", ["folfirinox-no-tissue", "folfirinox-no-tissue-sign"])
def test_the_example_of_the_readme_does_not_depend_on_the_date(name: str, year: int, content: Content) -> None:
    call = load_call(FIXTURES / "calls" / f"{name}.json")
    observed = run_in_process(call.body(content.prefetch), call.hook, content, datetime(year, 6, 1, tzinfo=UTC))
    assert observed.cards == call.expected.cards


def test_there_are_stored_calls_of_both_kinds_and_hooks() -> None:
    assert {(call.recorded is None, call.hook) for call in STORED} == {
        (patient, hook) for patient in (True, False) for hook in ("order-select", "order-sign")
    }
