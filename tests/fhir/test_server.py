"""The FHIR server as a Source: every failure is a completeness state, in time, and nothing is left behind."""

from __future__ import annotations

import gc
import json
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import DataUnavailable
from cds_service.facts.registry import all_facts
from cds_service.fhir.addresses import allow_servers
from cds_service.fhir.budget import Limits
from cds_service.fhir.folder import FolderSource
from cds_service.fhir.line import resolve, trusted_roots
from cds_service.fhir.lines import FIRST_AT_ONCE, KEPT_SECONDS, MOST_AT_ONCE, MOST_PLACES, Lines
from cds_service.fhir.outcome import Outcome
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.prefetch_then_server import PrefetchThenServer
from cds_service.fhir.server import FhirServers, ServerSource, _Search, fill_template, names_patient
from cds_service.fhir.source import Answer, Completeness, Entry, ExpectingSource, Source
from cds_service.fhir.token import AccessToken, read_token
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.record import build_record
from cds_service.replay.stored import StoredCall, load_stored
from tests.fhir.fault_server import Clock, FhirServer, Handler, bundle, outcome, send_bytes, send_json
from tests.fhir.faults import FAULTS, FEW_SECONDS, ODDITIES, STRANGER

ROOT = Path(__file__).resolve().parents[2]
CERTIFICATE = ROOT / "tests" / "fhir" / "certificate.pem"
PATIENT, SEARCH = "Patient/{{context.patientId}}", "Condition?patient={{context.patientId}}"
TEMPLATES = {"patient": PATIENT, "conditions": SEARCH, "reports": "DiagnosticReport?patient={{context.patientId}}"}
VALUES = {"context.patientId": "p1"}
ME = {"reference": "Patient/p1"}
CHART = (
    Entry({"resourceType": "Patient", "id": "p1"}),
    *(Entry({"resourceType": "Condition", "id": f"c{number}", "subject": ME}) for number in range(5)),
)
COMPLETE, INCOMPLETE, FAILED, NOT_ATTEMPTED = (
    Completeness.COMPLETE,
    Completeness.INCOMPLETE,
    Completeness.FAILED,
    Completeness.NOT_ATTEMPTED,
)
ENOUGH = Limits(seconds=30.0)
"""No test waits so long: time is moved on by the faults."""


class WallClock(Clock):
    """The time that really passes."""

    def __call__(self) -> float:
        return time.monotonic()


@contextmanager
def opened(
    server: FhirServer,
    limits: Limits = ENOUGH,
    templates: Mapping[str, str] | None = None,
    token: AccessToken | None = None,
    values: Mapping[str, str] | None = None,
) -> Iterator[ServerSource]:
    """A source for one call to a server of the tests."""
    servers = FhirServers(limits, server.clock)
    base = allow_servers([server.url], development=True).find(server.url)
    assert base is not None
    try:
        with servers.open(base, templates or TEMPLATES, values or VALUES, token) as source:
            yield source
    finally:
        servers.close()


def fetched(handler: Handler | None = None, key: str = "conditions", **more: Any) -> Answer:
    """The answer to one search, as the server of the handler gives it."""
    with FhirServer(CHART, handler, page_size=more.pop("page_size", 0)) as server, opened(server, **more) as source:
        return source.fetch((key,))[key]


def ids(answer: Answer) -> list[str]:
    return [str(entry.resource.get("id")) for entry in answer.entries]


# --- one search


def test_a_search_and_a_read_are_answered() -> None:
    with FhirServer(CHART) as server, opened(server) as source:
        answers = source.fetch(("patient", "conditions", "reports"))
        assert {key: (ids(found), found.completeness, found.problems) for key, found in answers.items()} == {
            "patient": (["p1"], COMPLETE, ()),
            "conditions": (["c0", "c1", "c2", "c3", "c4"], COMPLETE, ()),
            "reports": ([], COMPLETE, ()),
        }
        assert source.outcomes() == {"answered": 3}


def test_fhir_01_02_only_gets_of_what_is_needed_with_the_token() -> None:
    with FhirServer(CHART, page_size=2) as server, opened(server, token=AccessToken("t0ken")) as source:
        assert len(source.fetch(("conditions",))["conditions"].entries) == 5
    assert {request.method for request in server.requests} == {"GET"}
    assert {request.path for request in server.requests} == {"Condition"}
    assert len(server.requests) == 3
    assert all(request.headers["authorization"] == "Bearer t0ken" for request in server.requests)
    assert all("t0ken" not in request.target for request in server.requests)
    assert all("cookie" not in request.headers for request in server.requests)


def test_an_open_server_is_asked_without_a_token() -> None:
    with FhirServer(CHART) as server, opened(server) as source:
        source.fetch(("conditions",))
    assert "authorization" not in server.requests[0].headers


def test_nothing_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with FhirServer(CHART) as server, opened(server) as source:
        assert source.fetch(("conditions",))["conditions"].completeness is COMPLETE
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
def test_pages_are_followed(size: int) -> None:
    found = fetched(page_size=size)
    assert (ids(found), found.completeness) == (["c0", "c1", "c2", "c3", "c4"], COMPLETE)


def test_more_pages_than_are_read_make_it_incomplete() -> None:
    found = fetched(page_size=1, limits=Limits(seconds=30, pages_of_search=2))
    assert (ids(found), found.completeness) == (["c0", "c1"], INCOMPLETE)
    assert found.problems == ("it has further pages that were not read", "only 2 of 5 results were sent")


def test_a_page_that_fails_leaves_those_before_it() -> None:
    def second_fails(server: FhirServer, request: Any) -> None:
        if "page" in dict(request.query):
            send_json(request, outcome("exception"), 500)
        else:
            FhirServer.answer(server, request)

    found = fetched(second_fails, page_size=2)
    assert (ids(found), found.completeness) == (["c0", "c1"], INCOMPLETE)
    assert found.problems[-1] == "the FHIR server reported an error"


def test_a_result_that_moves_between_pages_is_noticed_by_the_total() -> None:
    def shifted(server: FhirServer, request: Any) -> None:
        page = server.page(request)
        if "page" in dict(request.query):
            page["entry"] = page["entry"][1:]
        send_json(request, page)

    assert fetched(shifted, page_size=3).completeness is INCOMPLETE


@pytest.mark.parametrize(("total", "completeness"), [(None, INCOMPLETE), (4, INCOMPLETE), (3, COMPLETE)])
def test_pages_that_overlap_may_have_lost_a_result(total: int | None, completeness: Completeness) -> None:
    """A result that moved to the next page has pushed another one there, or off it. Only a total can tell."""

    def overlapping(server: FhirServer, request: Any) -> None:
        if "page" in dict(request.query):
            send_json(request, bundle(CHART[2:4], total))
        else:
            send_json(request, bundle(CHART[1:3], total, [{"relation": "next", "url": "?page=1"}]))

    found = fetched(overlapping)
    assert (ids(found), found.completeness) == (["c0", "c1", "c1", "c2"], completeness)


def test_what_comes_with_the_results_may_stand_on_every_page() -> None:
    included = [Entry({"resourceType": "Practitioner", "id": "d1"})]

    def paged(server: FhirServer, request: Any) -> None:
        is_last = "page" in dict(request.query)
        links = [] if is_last else [{"relation": "next", "url": "?page=1"}]
        send_json(request, bundle([*CHART[3:5], *included] if is_last else [*CHART[1:3], *included], links=links))

    assert fetched(paged).completeness is COMPLETE


@pytest.mark.parametrize("link", ["?page=1", "Condition?page=1", "/fhir/Condition?page=1", "http://{host}/fhir?page=1"])
def test_links_of_every_form_are_followed(link: str) -> None:
    def paged(server: FhirServer, request: Any) -> None:
        if "page" in dict(request.query):
            send_json(request, bundle(CHART[3:]))
        else:
            where = link.format(host=f"127.0.0.1:{server.port}")
            send_json(request, bundle(CHART[1:3], links=[{"relation": "next", "url": where}]))

    assert ids(fetched(paged)) == ["c0", "c1", "c2", "c3", "c4"]


def test_bytes_are_counted_over_the_whole_call() -> None:
    size = len(json.dumps(bundle(CHART[1:], total=5)))
    with FhirServer(CHART) as server, opened(server, Limits(seconds=30, bytes_of_call=size + 10)) as source:
        assert source.fetch(("conditions",))["conditions"].completeness is COMPLETE
        second = source.fetch(("reports",))["reports"]
    assert (second.completeness, second.problems) == (FAILED, ("the FHIR server sent more than can be read",))


class _EndsMeanwhile(list[Any]):
    """The pages of a search whose thread ends while they are looked at."""

    def __init__(self, pages: Iterable[Any], end: Callable[[], None]) -> None:
        super().__init__(pages)
        self._end = end

    def __iter__(self) -> Iterator[Any]:
        found = list(super().__iter__())
        self._end()
        return iter(found)


@pytest.mark.parametrize("before", [(), (bundle((), total=0),)])
def test_an_answer_is_no_mixture_of_two_moments(before: tuple[Any, ...]) -> None:
    """Pages without an end yet, and the outcome of other pages, would be an absence that nobody told."""
    search = _Search("conditions", ("a", "b"), "Condition", 200, is_search=True)

    def end() -> None:
        search.pages, search.outcome = [bundle(CHART[1:])], Outcome.ANSWERED

    search.pages = _EndsMeanwhile(before, end)
    assert search.answer().completeness is FAILED
    assert ids(search.answer()) == ["c0", "c1", "c2", "c3", "c4"]


# --- faults


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_completeness_state_that_supports_no_absence(name: str) -> None:
    limits = Limits(seconds=FEW_SECONDS.get(name, 30.0))
    with FhirServer((), FAULTS[name]) as server, opened(server, limits, token=AccessToken("s3cret")) as source:
        answer = source.fetch(("conditions",))["conditions"]
        ends = source.outcomes()
    record = build_record("p1", [answer])
    search = record.search("conditions")
    assert not search.is_complete, "this would pass for an absence"
    assert search.problems
    assert "secret" not in str(search)
    assert not record.of("Condition")
    if name.startswith(("drip", "continue", "hang")):
        assert ends == {"timeout": 1}


def test_a_drip_ends_at_the_deadline_by_the_clock_on_the_wall() -> None:
    pause = threading.Event()

    def drip(server: FhirServer, request: Any) -> None:
        request.send(b"HTTP/1.1 200 OK\r\nX: ")
        while not pause.wait(0.02):
            request.send(b"x")

    with FhirServer((), drip, clock=WallClock()) as server, opened(server, Limits(seconds=0.2)) as source:
        started = time.monotonic()
        assert source.fetch(("conditions", "patient", "reports"))["conditions"].completeness is FAILED
        spent = time.monotonic() - started
        pause.set()
    assert 0.15 < spent < 1.0


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_is_no_fault(name: str) -> None:
    found = fetched(ODDITIES[name])
    assert (list(dict.fromkeys(ids(found))), found.completeness) == (["c0", "c1", "c2", "c3", "c4"], COMPLETE)


@pytest.mark.parametrize(("name", "says"), [("reset", "broken"), ("503", "error"), ("504", "error")])
def test_one_retry_and_no_more(name: str, says: str) -> None:
    with FhirServer((), FAULTS[name]) as server, opened(server) as source:
        source.fetch(("conditions",))
        assert source.outcomes() == {says: 1}
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "name", ["401", "404", "429-retry-after", "500", "503-retry-after", "html", "hang", "too-large"]
)
def test_no_retry_where_it_cannot_help(name: str) -> None:
    limits = Limits(seconds=FEW_SECONDS.get(name, 30.0))
    with FhirServer((), FAULTS[name]) as server, opened(server, limits) as source:
        source.fetch(("conditions",))
    assert len(server.requests) == 1


def test_no_retry_behind_the_deadline() -> None:
    def late_reset(server: FhirServer, request: Any) -> None:
        server.clock.pass_by(60)
        request.reset()

    with FhirServer((), late_reset) as server, opened(server) as source:
        assert source.fetch(("conditions",))["conditions"].problems == ("the FHIR server did not answer in time",)
    assert len(server.requests) == 1


def test_a_server_that_is_not_there() -> None:
    with FhirServer() as server:
        pass
    with opened(server) as source:
        assert source.fetch(("conditions",))["conditions"].problems == ("the FHIR server could not be reached",)


def test_one_slow_search_does_not_hold_up_the_others() -> None:
    def slow_reports(server: FhirServer, request: Any) -> None:
        if request.path == "DiagnosticReport":
            request.wait_until_gone()
        else:
            FhirServer.answer(server, request)

    with FhirServer(CHART, slow_reports) as server, opened(server, Limits(seconds=0.5)) as source:
        answers = source.fetch(("conditions", "reports"))
    assert {key: found.completeness for key, found in answers.items()} == {"conditions": COMPLETE, "reports": FAILED}


def test_one_deadline_for_all_stages() -> None:
    with FhirServer(CHART) as server, opened(server) as source:
        server.clock.pass_by(20)
        assert source.fetch(("conditions",))["conditions"].completeness is COMPLETE
        server.clock.pass_by(20)
        second = source.fetch(("patient", "reports"))
        assert {found.completeness for found in second.values()} == {NOT_ATTEMPTED}
    assert len(server.requests) == 1


def test_no_time_left_is_no_attempt() -> None:
    with FhirServer(CHART) as server, opened(server) as source:
        server.clock.pass_by(31)
        answer = source.fetch(("conditions",))["conditions"]
    assert (answer.completeness, answer.problems) == (NOT_ATTEMPTED, ("no time was left to ask the FHIR server",))
    assert server.connections == 0


def test_no_thread_to_be_had_is_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the Conditions, which a call is refused without, nor for any other search."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with FhirServer(CHART) as server, opened(server) as source:
        with monkeypatch.context() as limited:
            limited.setattr(threading.Thread, "start", refuse)
            answers = source.fetch(("conditions", "reports"))
        assert {answer.completeness for answer in answers.values()} == {NOT_ATTEMPTED}
        assert {problem for answer in answers.values() for problem in answer.problems} == {
            "no time was left to ask the FHIR server"
        }
        assert source.outcomes() == {"no-time": 2}


def test_all_searches_go_out_at_once() -> None:
    """Nobody is answered before all three have asked."""
    everybody = threading.Barrier(3, timeout=10)

    def together(server: FhirServer, request: Any) -> None:
        if len(server.requests) <= 3:
            everybody.wait()
        FhirServer.answer(server, request)

    with FhirServer(CHART, together) as server, opened(server) as source:
        source.expect(("patient", "conditions", "reports"))
        assert source.fetch(("conditions",))["conditions"].completeness is COMPLETE
        assert len(source.fetch(("patient", "reports"))) == 2
    assert len({request.target.partition("?")[0] for request in server.requests}) == 3


def test_what_a_call_needs_first_stands_behind_no_search_of_an_earlier_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier calls hold every thread for reports that do not come; a later one gets its Conditions and its patient."""
    monkeypatch.setattr("cds_service.fhir.lines.MOST_AT_ONCE", 2)
    monkeypatch.setattr("cds_service.fhir.lines.FIRST_AT_ONCE", 2)

    def no_reports(server: FhirServer, request: Any) -> None:
        if request.path == "DiagnosticReport":
            request.wait_until_gone()
        else:
            FhirServer.answer(server, request)

    with FhirServer(CHART, no_reports) as server:
        servers = FhirServers(ENOUGH, server.clock)
        base = allow_servers([server.url], development=True).find(server.url)
        assert base is not None
        calls = [servers.open(base, TEMPLATES, VALUES, None) for _ in range(5)]
        for call in calls:
            call.expect(("reports", "patient", "conditions"))
        for call in calls:
            found = call.fetch(("conditions", "patient"))
            assert {answer.completeness for answer in found.values()} == {COMPLETE}
        # Looked at while all calls are open: as one is closed, its threads begin what the others have waiting.
        asked, connections = sum(request.path == "DiagnosticReport" for request in server.requests), server.connections
        for call in calls:
            call.close()
        servers.close()
    assert asked <= 2
    assert connections <= 4


def test_an_error_that_nobody_thought_of_is_a_completeness_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> object:
        raise ZeroDivisionError("Zaphodine")

    monkeypatch.setattr("cds_service.fhir.server.parse_json", fail)
    answer = fetched()
    assert (answer.completeness, answer.problems) == (FAILED, ("what the FHIR server sent could not be read",))


# --- quirks


def test_an_empty_answer_is_asked_for_in_the_other_spelling_until_something_was_found() -> None:
    with FhirServer(CHART) as server, opened(server) as source:
        source.fetch(("reports",))
        source.fetch(("conditions",))
        assert [target.partition("&")[0] for target in server.asked()] == [
            "DiagnosticReport?patient=p1",
            "DiagnosticReport?patient=Patient/p1",
            "Condition?patient=p1",
        ]


def test_what_a_server_takes_is_remembered() -> None:
    with FhirServer(CHART, ODDITIES["typed-only"]) as server, opened(server) as source:
        assert len(source.fetch(("conditions",))["conditions"].entries) == 5
        source.fetch(("reports",))
        assert [target.partition("&")[0] for target in server.asked()] == [
            "Condition?patient=p1",
            "Condition?patient=Patient/p1",
            "DiagnosticReport?patient=Patient/p1",
        ]


@pytest.mark.parametrize(
    ("status", "completeness"),
    [
        *((status, COMPLETE) for status in (400, 404, 410, 422)),
        *((status, FAILED) for status in (401, 403, 405, 408, 412, 429, 451, 500, 503)),
    ],
)
def test_only_a_spelling_that_is_not_taken_needs_no_answer(status: int, completeness: Completeness) -> None:
    def bare_only(server: FhirServer, request: Any) -> None:
        if dict(request.query).get("patient") == "Patient/p1":
            send_json(request, outcome("exception"), status)
        else:
            send_json(request, bundle(()))

    assert fetched(bare_only).completeness is completeness


WARNING = {"resource": outcome("not-found", "warning"), "search": {"mode": "outcome"}}
INCLUDED = {"resource": {"resourceType": "Practitioner", "id": "d1"}, "search": {"mode": "include"}}


@pytest.mark.parametrize(
    ("typed", "completeness"),
    [
        pytest.param(bundle((), total=0), COMPLETE, id="empty"),
        pytest.param({**bundle(()), "entry": [WARNING]}, COMPLETE, id="warning"),
        pytest.param(outcome("exception"), FAILED, id="outcome"),
        pytest.param({**bundle(()), "entry": [{"resource": outcome("exception")}]}, FAILED, id="error-entry"),
        pytest.param(bundle((), total=3), FAILED, id="total-alone"),
        pytest.param(bundle((), links=[{"relation": "next", "url": "https://fhir.example.org/2"}]), FAILED, id="next"),
        pytest.param(bundle([Entry(STRANGER)]), FAILED, id="stranger"),
        pytest.param({**bundle(()), "entry": [7]}, FAILED, id="unreadable"),
    ],
)
def test_only_a_complete_and_empty_answer_confirms_an_empty_one(typed: Any, completeness: Completeness) -> None:
    def odd(server: FhirServer, request: Any) -> None:
        send_json(request, bundle(()) if dict(request.query).get("patient") == "p1" else typed)

    assert fetched(odd).completeness is completeness


@pytest.mark.parametrize("entry", [WARNING, {"resource": outcome("not-found", "warning")}, INCLUDED])
def test_an_answer_that_holds_no_result_is_asked_for_in_the_other_spelling(entry: Any) -> None:
    def typed_only(server: FhirServer, request: Any) -> None:
        if dict(request.query).get("patient") == "p1":
            send_json(request, {**bundle(()), "entry": [entry]})
        else:
            FhirServer.answer(server, request)

    assert ids(fetched(typed_only)) == ["c0", "c1", "c2", "c3", "c4"]


def test_what_is_kept_back_is_not_asked_for_in_the_other_spelling() -> None:
    with FhirServer(CHART, FAULTS["outcome-throttled"]) as server, opened(server) as source:
        assert source.fetch(("conditions",))["conditions"].completeness is FAILED
    assert len(server.requests) == 1


def test_a_second_page_that_fails_in_the_other_spelling_leaves_those_before_it() -> None:
    def second_fails(server: FhirServer, request: Any) -> None:
        if "page" in dict(request.query):
            send_json(request, outcome("exception"), 404)
        else:
            ODDITIES["typed-only"](server, request)

    found = fetched(second_fails, page_size=2)
    assert (ids(found), found.completeness) == (["c0", "c1"], INCOMPLETE)
    assert found.problems[-1] == "the FHIR server does not know it"


def test_a_slow_search_does_not_trust_what_a_quick_one_disproved() -> None:
    """The bare answer of the reports comes when the Conditions have shown that bare ids find nothing here."""
    has_asked, goes_on = threading.Event(), threading.Event()
    report = Entry({"resourceType": "DiagnosticReport", "id": "r1", "subject": ME})

    def slow_reports(server: FhirServer, request: Any) -> None:
        if request.path == "DiagnosticReport":
            has_asked.set()
            assert goes_on.wait(10)
        ODDITIES["typed-only"](server, request)

    with FhirServer((*CHART, report), slow_reports) as server, opened(server) as source:
        source.expect(("reports",))
        assert has_asked.wait(10)
        assert len(source.fetch(("conditions",))["conditions"].entries) == 5
        goes_on.set()
        assert ids(source.fetch(("reports",))["reports"]) == ["r1"]


def test_what_was_disproved_is_not_learnt_again() -> None:
    """Reports are found by bare ids while Conditions are not: whatever comes first, nothing is lost."""
    has_asked, goes_on = threading.Event(), threading.Event()
    report = Entry({"resourceType": "DiagnosticReport", "id": "r1", "subject": ME})

    def mixed(server: FhirServer, request: Any) -> None:
        if request.path == "DiagnosticReport":
            has_asked.set()
            assert goes_on.wait(10)
            FhirServer.answer(server, request)
        else:
            ODDITIES["typed-only"](server, request)

    templates = {**TEMPLATES, "problems": "Condition?patient={{context.patientId}}&category=problem-list-item"}
    with FhirServer((*CHART, report), mixed) as server, opened(server, templates=templates) as source:
        source.expect(("reports",))
        assert has_asked.wait(10)
        assert len(source.fetch(("conditions",))["conditions"].entries) == 5
        goes_on.set()
        assert ids(source.fetch(("reports",))["reports"]) == ["r1"]
        source.fetch(("problems",))
    assert server.asked()[-1].startswith("Condition?patient=Patient/p1&category=")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(STRANGER, id="another-patients"),
        pytest.param({"resourceType": "Condition", "id": "c"}, id="nobodys"),
        pytest.param({"resourceType": "Basic", "id": "b", "subject": ME}, id="of-another-type"),
    ],
)
def test_only_a_result_of_the_patient_teaches_that_bare_ids_are_taken(found: Any) -> None:
    report = Entry({"resourceType": "DiagnosticReport", "id": "r1", "subject": ME})

    def odd(server: FhirServer, request: Any) -> None:
        if request.path == "Condition":
            send_json(request, bundle([Entry(found)]))
        else:
            ODDITIES["typed-only"](server, request)

    with FhirServer((*CHART, report), odd) as server, opened(server) as source:
        source.fetch(("conditions",))
        assert ids(source.fetch(("reports",))["reports"]) == ["r1"]


def test_an_appointment_names_its_patient_among_its_participants() -> None:
    theirs = {"resourceType": "Appointment", "id": "a1", "participant": [{"actor": {"reference": "Location/l"}}]}
    ours = {**theirs, "participant": [*theirs["participant"], {"actor": ME}]}
    assert not names_patient(theirs, "Patient/p1")
    assert names_patient(ours, "Patient/p1")
    assert not names_patient(ours, "Patient/p2")


def test_what_is_learnt_of_one_base_says_nothing_of_another() -> None:
    """Below one allowed path there may be many tenants, each a server of its own."""
    seen: list[str] = []

    def tenants(server: FhirServer, request: Any) -> None:
        tenant, _, kind = request.path.partition("/")
        seen.append(f"{tenant} {dict(request.query).get('patient')}")
        is_found = tenant == "one" or dict(request.query).get("patient") == "Patient/p1"
        send_json(request, bundle(CHART[1:] if kind == "Condition" and is_found else ()))

    with FhirServer(handler=tenants) as server:
        servers = FhirServers(ENOUGH, server.clock)
        allowed = allow_servers([server.url], development=True)
        for tenant in ("one", "two"):
            base = allowed.find(f"{server.url}/{tenant}")
            assert base is not None
            with servers.open(base, TEMPLATES, VALUES, None) as source:
                assert len(source.fetch(("conditions",))["conditions"].entries) == 5
        servers.close()
    assert seen == ["one p1", "two p1", "two Patient/p1"]


def test_no_more_bases_are_remembered_than_are_good() -> None:
    with FhirServer() as server:
        base = allow_servers([server.url], development=True).find(server.url)
        assert base is not None
        lines = Lines(base.server, resolve, server.clock)
        places = [base.place._replace(path=f"/fhir/{number}") for number in range(MOST_PLACES + 1)]
        for place in places:
            lines.learn_bare_ids(place, taken=True)
        lines.close()
    assert [lines.takes_bare_ids(place) for place in (places[0], places[-1])] == [None, True]


def test_a_server_that_ignores_the_other_spelling_does_not_confirm_an_empty_answer() -> None:
    def odd(server: FhirServer, request: Any) -> None:
        is_bare = dict(request.query).get("patient") == "p1"
        send_json(request, bundle(() if is_bare else [Entry(STRANGER)]))

    with FhirServer(CHART, odd) as server, opened(server) as source:
        answer = source.fetch(("conditions",))["conditions"]
        assert (answer.entries, answer.completeness) == ((), FAILED)
        assert source.outcomes() == {"unconfirmed": 1}
        assert len(source.fetch(("conditions", "reports"))) == 2
    assert [target.partition("&")[0] for target in server.asked()[2:3]] == ["DiagnosticReport?patient=p1"]


def test_a_server_that_does_not_know_the_patient_supports_no_absence() -> None:
    with FhirServer() as server, opened(server) as source:
        source.expect(("patient", "conditions", "reports"))
        answer = source.fetch(("conditions",))["conditions"]
        assert (answer.completeness, answer.problems) == (FAILED, ("the FHIR server does not know the patient",))


@pytest.mark.parametrize(
    "handler",
    [
        *(FAULTS[name] for name in ("401", "403", "500", "429-retry-after", "reset", "html", "outcome-200")),
        pytest.param(lambda server, request: send_json(request, {"resourceType": "Patient", "id": "p2"}), id="another"),
        pytest.param(lambda server, request: send_json(request, bundle(())), id="empty-bundle"),
    ],
)
def test_without_the_patient_only_what_is_found_is_believed(handler: Handler) -> None:
    """Whoever may not read the patient is shown nothing of the chart either, and not told so."""

    def guarded(server: FhirServer, request: Any) -> None:
        (handler if request.path.startswith("Patient/") else FhirServer.answer)(server, request)

    with FhirServer(CHART, guarded) as server, opened(server) as source:
        source.expect(("patient",))
        answers = source.fetch(("conditions", "reports"))
    assert [found.completeness for found in answers.values()] == [COMPLETE, FAILED]
    assert "patient" in answers["reports"].problems[0]
    assert "p2" not in answers["reports"].problems[0]


def test_a_patient_that_is_not_read_in_time_supports_no_absence() -> None:
    def slow_patient(server: FhirServer, request: Any) -> None:
        if request.path.startswith("Patient/"):
            request.wait_until_gone()
        else:
            FhirServer.answer(server, request)

    with FhirServer(CHART, slow_patient) as server, opened(server, Limits(seconds=0.5)) as source:
        source.expect(("patient",))
        assert source.fetch(("reports",))["reports"].completeness is FAILED


def test_a_full_page_with_a_total_is_complete() -> None:
    found = fetched(
        lambda server, request: send_json(request, bundle(CHART[1:3], total=2)), limits=Limits(30, page_size=2)
    )
    assert found.completeness is COMPLETE


def test_the_page_size_of_a_template_stands() -> None:
    with FhirServer(CHART) as server, opened(server, templates={"conditions": f"{SEARCH}&_count=7"}) as source:
        source.fetch(("conditions",))
    assert server.asked() == ["Condition?patient=p1&_count=7"]


def test_fault_servers_resources_of_other_patients_are_not_used() -> None:
    answer = fetched(FAULTS["ignores-parameters"])
    record = build_record("p1", [answer])
    assert [resource["id"] for resource in record.of("Condition")] == ["c0", "c1", "c2", "c3", "c4"]
    assert not record.search("conditions").is_complete


# --- templates


@pytest.mark.parametrize(
    ("template", "patient", "filled"),
    [
        (PATIENT, "p1", "Patient/p1"),
        (SEARCH, "p1", "Condition?patient=p1"),
        (SEARCH, "a|b&c=d/e?f#g%h i", "Condition?patient=a%7Cb%26c%3Dd%2Fe%3Ff%23g%25h%20i"),
        (
            "X?category=http://t.example/s|SP,http://t.example/s|PAT",
            "p1",
            "X?category=http://t.example/s%7CSP,http://t.example/s%7CPAT",
        ),
        (PATIENT, "..", None),
        (PATIENT, ".", None),
        (PATIENT, "", None),
        ("Encounter/{{context.encounterId}}", "p1", None),
    ],
)
def test_templates_are_filled(template: str, patient: str, filled: str | None) -> None:
    assert fill_template(template, {"context.patientId": patient}) == filled


def test_a_template_that_cannot_be_filled_is_not_attempted() -> None:
    answer = fetched(templates={"conditions": "Condition?encounter={{context.encounterId}}"})
    assert (answer.completeness, answer.problems) == (NOT_ATTEMPTED, ("it needs what the call does not say",))


# --- the token


def authorization(**changed: Any) -> dict[str, Any]:
    whole = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "s"}
    return {name: value for name, value in (whole | changed).items() if value is not None}


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "t",
        [],
        {},
        *(authorization(**{name: None}) for name in ("access_token", "token_type", "expires_in", "scope", "subject")),
        authorization(access_token=""),
        authorization(access_token="a b"),
        authorization(access_token="a\r\nX: y"),
        authorization(access_token="é"),
        authorization(access_token="x" * 20_000),
        authorization(token_type="Basic"),
        authorization(expires_in="300"),
        authorization(expires_in=True),
        authorization(expires_in=0),
        authorization(scope=7),
    ],
)
def test_fhir_03_an_incomplete_token_is_ignored(value: Any) -> None:
    assert read_token(value) is None


@pytest.mark.parametrize(
    ("changed", "patient"),
    [
        ({}, ""),
        ({"patient": "p1"}, "p1"),
        ({"patient": "Patient/p1"}, "p1"),
        ({"patient": 7}, ""),
        ({"token_type": "bearer"}, ""),
    ],
)
def test_a_whole_token_is_read(changed: dict[str, Any], patient: str) -> None:
    token = read_token(authorization(**changed))
    assert token is not None
    assert (token.header(), token.patient) == ("Bearer t", patient)


def test_sec_10_a_token_shows_itself_to_nobody_and_is_forgotten() -> None:
    token = AccessToken("s3cret")
    assert "s3cret" not in f"{token} {token!r} {[token]} {vars.__name__}"
    with pytest.raises(TypeError, match="not stored"):
        pickle.dumps(token)
    token.forget()
    assert token.header() == ""


def test_fhir_05_the_token_is_forgotten_and_nothing_goes_on_behind_the_response() -> None:
    token = AccessToken("s3cret")
    asked = threading.Event()
    gone = threading.Event()

    def hang(server: FhirServer, request: Any) -> None:
        asked.set()
        request.wait_until_gone()
        gone.set()

    with FhirServer(CHART, hang) as server, opened(server, token=token) as source:
        source.expect(("conditions",))
        assert asked.wait(10)
        source.close()
        assert gone.wait(10), "the connection stays open behind the response"
        assert token.header() == ""
        assert len(server.requests) == 1


def test_no_log_holds_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("plain", "typed-only"):
        fetched(ODDITIES[name], token=AccessToken("s3cret"), page_size=2)
    for name in ("no-http", "too-many-headers", "reset", "half-gzip"):
        fetched(FAULTS[name], token=AccessToken("s3cret"))
    assert caplog.text == ""


# --- lines


def test_connections_are_kept_and_closed_when_old() -> None:
    with FhirServer(CHART) as server:
        servers = FhirServers(ENOUGH, server.clock)
        base = allow_servers([server.url], development=True).find(server.url)
        assert base is not None
        for _ in range(3):
            with servers.open(base, TEMPLATES, VALUES, None) as source:
                source.fetch(("conditions",))
        assert server.connections == 1
        servers.close()
        lines = Lines(base.server, resolve, server.clock)
        old, new = lines.take(), lines.take()
        lines.give_back(old)
        server.clock.pass_by(KEPT_SECONDS + 1)
        lines.give_back(new)
        assert lines.take() is new
        assert lines.take() is not old
        lines.close()
        lines.give_back(new)
        assert lines.take() is not new


def test_a_connection_that_the_server_closed_is_made_again() -> None:
    def close_after(server: FhirServer, request: Any) -> None:
        FhirServer.answer(server, request)
        request.connection.close()

    with FhirServer(CHART, close_after) as server, opened(server) as source:
        for key in ("conditions", "patient", "reports"):
            assert source.fetch((key,))[key].completeness is COMPLETE


def open_sockets() -> int:
    links = (
        os.readlink(f"/proc/self/fd/{name}")
        for name in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{name}")
    )
    return sum(link.startswith("socket:") for link in links)


def test_no_thread_and_no_socket_is_left_after_300_calls() -> None:
    gc.collect()
    threads, sockets = threading.active_count(), open_sockets()
    names = [name for name in (*ODDITIES, *FAULTS) if name not in {*FEW_SECONDS, "gzip-bomb", "too-large"}]
    clock = Clock()
    with FhirServer(CHART, clock=clock) as server:
        servers = FhirServers(ENOUGH, clock)
        base = allow_servers([server.url], development=True).find(server.url)
        assert base is not None
        for number in range(300):
            server.handler = (FAULTS | ODDITIES)[names[number % len(names)]]
            with servers.open(base, TEMPLATES, VALUES, AccessToken("t")) as source:
                source.fetch(("conditions", "patient", "reports"))
        mine = [thread for thread in threading.enumerate() if thread.name.startswith("fhir")]
        assert len(mine) <= FIRST_AT_ONCE + MOST_AT_ONCE
        servers.close()
    gc.collect()
    assert threading.active_count() == threads
    assert open_sockets() == sockets


# --- TLS


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    trusted_roots.cache_clear()
    yield
    trusted_roots.cache_clear()


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("name", ["plain", "drip-body", "drip-headers", "hang", "reset-in-body"])
def test_tls(name: str) -> None:
    handler = (FAULTS | ODDITIES)[name]
    limits = Limits(seconds=FEW_SECONDS.get(name, 30.0))
    with FhirServer(CHART, handler, certificate=CERTIFICATE) as server, opened(server, limits) as source:
        answer = source.fetch(("conditions",))["conditions"]
    assert answer.completeness is (COMPLETE if name == "plain" else FAILED)


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    trusted_roots.cache_clear()
    with FhirServer(CHART, certificate=CERTIFICATE) as server, opened(server, token=AccessToken("t")) as source:
        assert source.fetch(("conditions",))["conditions"].problems == ("the FHIR server could not be reached",)
    assert server.requests == []


# --- prefetch, then server


class Asked(ExpectingSource):
    """A server that answers from a table and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.expected: list[tuple[str, ...]] = []
        self.asked: list[tuple[str, ...]] = []

    def expect(self, keys: tuple[str, ...]) -> None:
        self.expected.append(keys)

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        self.asked.append(keys)
        return {key: self.answers[key] for key in keys}


WHOLE = Answer("conditions", CHART[1:], COMPLETE)
PART = Answer("conditions", CHART[3:4], INCOMPLETE, ("s",))
NOTHING = Answer("conditions", (), FAILED, ("s",))
NO_ONE = Answer("conditions", (), NOT_ATTEMPTED, ("s",))
NEXT = bundle(CHART[1:2], links=[{"relation": "next", "url": "x"}])
ODD = {"resourceType": "Condition", "subject": ME}


@pytest.mark.parametrize(
    ("prefetch", "fetched", "expected"),
    [
        pytest.param({"conditions": None}, None, ([], COMPLETE, 0), id="pfr-03-null"),
        pytest.param({"conditions": bundle(())}, None, ([], COMPLETE, 0), id="empty"),
        pytest.param({"conditions": bundle(CHART[1:3])}, None, (["c0", "c1"], COMPLETE, 0), id="whole"),
        pytest.param({}, WHOLE, (["c0", "c1", "c2", "c3", "c4"], COMPLETE, 0), id="pfr-02-absent"),
        pytest.param({}, PART, (["c2"], INCOMPLETE, 2), id="absent-then-part"),
        pytest.param({}, NOTHING, ([], FAILED, 2), id="absent-then-nothing"),
        pytest.param({}, NO_ONE, ([], NOT_ATTEMPTED, 2), id="absent-then-no-time"),
        pytest.param(
            {"conditions": outcome("exception")}, WHOLE, (["c0", "c1", "c2", "c3", "c4"], COMPLETE, 0), id="pfr-05"
        ),
        pytest.param({"conditions": outcome("exception")}, NOTHING, ([], FAILED, 2), id="pfr-05-and-nothing"),
        pytest.param({"conditions": outcome("forbidden")}, None, ([], FAILED, 1), id="withheld"),
        pytest.param(
            {"conditions": bundle([Entry(outcome("suppressed", "warning"))])}, None, ([], FAILED, 1), id="suppressed"
        ),
        pytest.param({"conditions": "<html>"}, WHOLE, (["c0", "c1", "c2", "c3", "c4"], COMPLETE, 0), id="html"),
        pytest.param({"conditions": NEXT}, WHOLE, (["c0", "c1", "c2", "c3", "c4"], COMPLETE, 0), id="pfr-07-next"),
        pytest.param({"conditions": NEXT}, PART, (["c0", "c2"], INCOMPLETE, 2), id="next-then-part"),
        pytest.param({"conditions": NEXT}, NOTHING, (["c0"], INCOMPLETE, 2), id="next-then-nothing"),
        pytest.param({"conditions": NEXT}, Answer("conditions", (), COMPLETE), (["c0"], INCOMPLETE, 2), id="gave-less"),
        pytest.param(
            {"conditions": bundle([Entry(ODD)], total=9)},
            WHOLE,
            (["None", "c0", "c1", "c2", "c3", "c4"], INCOMPLETE, 2),
            id="no-id",
        ),
        pytest.param(
            {"conditions": bundle(CHART[1:2], total=9)},
            WHOLE,
            (["c0", "c1", "c2", "c3", "c4"], COMPLETE, 0),
            id="total",
        ),
    ],
)
def test_prefetch_wins_and_the_server_fills_the_gaps(
    prefetch: dict[str, Any], fetched: Answer | None, expected: tuple[list[str], Completeness, int]
) -> None:
    server = Asked({"conditions": fetched} if fetched is not None else {})
    found = PrefetchThenServer(PrefetchSource(prefetch, TEMPLATES), server).fetch(("conditions",))["conditions"]
    assert (ids(found), found.completeness, len(found.problems)) == expected
    assert server.asked == ([("conditions",)] if fetched is not None else [])


def test_all_that_is_missing_is_started_with_the_first_that_is_missed() -> None:
    server = Asked({"conditions": WHOLE, "reports": Answer("reports", (), COMPLETE)})
    source = PrefetchThenServer(PrefetchSource({"patient": CHART[0].resource}, TEMPLATES), server)
    assert isinstance(source, ExpectingSource)
    source.expect(("conditions", "patient", "reports"))
    assert server.expected == []
    source.fetch(("conditions",))
    assert (server.expected, server.asked) == ([("conditions", "reports")], [("conditions",)])
    source.fetch(("patient", "reports"))
    assert server.asked == [("conditions",), ("reports",)]


def test_nobody_is_asked_while_the_prefetch_suffices() -> None:
    server = Asked({})
    source = PrefetchThenServer(PrefetchSource({"conditions": None}, TEMPLATES), server)
    source.expect(("conditions", "patient", "reports"))
    source.fetch(("conditions",))
    assert (server.expected, server.asked) == ([], [])


# --- whole decisions


@cache
def shipped() -> Content:
    return load_content(find_cards())


@cache
def stored() -> tuple[StoredCall, ...]:
    return tuple(call for call in load_stored(ROOT / "fixtures") if call.recorded is None)


def decided(story: StoredCall, make: Callable[[Content, Any], Source]) -> tuple[Decision | None, object]:
    """The decision and what the client would get; None and what is missing for 412."""
    content = story.content(shipped())
    body = story.body(content.prefetch)
    call = parse_call(body, story.hook)
    try:
        decision = evaluate(call, make(content, call), content, story.now)
    except DataUnavailable as error:
        return None, str(error)
    return decision, render_response(decision, content, call, story.now, b"a key of tests")


def from_folder(story: StoredCall) -> Callable[[Content, Any], Source]:
    return lambda content, call: FolderSource(story.entries, content.prefetch, call.template_values)


def live(story: StoredCall, server: FhirServer, servers: FhirServers) -> tuple[Decision | None, object]:
    """The decision with nothing but the FHIR server."""
    base = allow_servers([server.url], development=True).find(server.url)
    assert base is not None
    opened: list[ServerSource] = []

    def make(content: Content, call: Any) -> Source:
        opened.append(servers.open(base, content.prefetch, call.template_values, AccessToken("t")))
        return PrefetchThenServer(PrefetchSource({}, content.prefetch), opened[-1])

    try:
        return decided(story, make)
    finally:
        for source in opened:
            source.close()


def test_gen_08_prefetch_server_and_folder_give_equal_decisions_for_every_complete_patient() -> None:
    whole = [story for story in stored() if not story.searches]
    clock = Clock()
    compared = 0
    with FhirServer(clock=clock, page_size=20) as server:
        servers = FhirServers(ENOUGH, clock)
        for story in whole:
            server.entries = story.entries
            by_prefetch = decided(story, lambda content, call: PrefetchSource(call.prefetch, content.prefetch))
            by_folder = decided(story, from_folder(story))
            by_server = live(story, server, servers)
            assert by_folder == by_prefetch, story.title
            assert by_server == by_prefetch, story.title
            assert repr(by_server) == repr(by_prefetch), story.title
            compared += 1
        servers.close()
    print(f"{compared} calls of complete patients decided alike by prefetch, server and folder")
    assert compared > 380
    assert {story.hook for story in whole} == {"order-select", "order-sign"}


def test_a_typed_only_server_gives_the_same_decision_in_the_first_call_whatever_its_speeds() -> None:
    """Nothing is known of the server when all searches of a call go out, and one of them learns before the others."""
    signing = [story for story in stored() if not story.searches and story.hook == "order-sign"][::6]
    assert len(signing) > 30
    for story in signing:
        clock = Clock()
        with FhirServer(story.entries, ODDITIES["typed-only-at-many-speeds"], clock=clock) as server:
            servers = FhirServers(ENOUGH, clock)
            found = live(story, server, servers)
            servers.close()
        assert found == decided(story, from_folder(story)), story.title


ABSENCES = ("no", "unknown:not-found", "unknown:stale")
NAMES = tuple(FAULTS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spared", [(), ("Condition", "Patient/")], ids=["all", "all-but-conditions"])
def test_a_fault_never_makes_a_decision_more_certain(name: str, spared: tuple[str, ...]) -> None:
    """Decision 29. Each fault meets its share of the stored patients, so that all are met."""
    if spared and name.startswith("empty-"):
        return  # a server that finds Conditions by ``patient=X`` is believed when it finds nothing else

    def partly(server: FhirServer, request: Any) -> None:
        (FhirServer.answer if spared and request.path.startswith(spared) else FAULTS[name])(server, request)

    number = NAMES.index(name)
    share = stored()[number :: len(NAMES)]
    clock = Clock()
    with FhirServer(handler=partly, clock=clock) as server:
        servers = FhirServers(Limits(seconds=FEW_SECONDS.get(name, 30.0)), clock)
        for story in share[:2] if name in {*FEW_SECONDS, "gzip-bomb", "too-large"} else share:
            server.entries = story.entries
            content = story.content(shipped())
            sound, _ = decided(story, from_folder(story))
            found, _ = live(story, server, servers)
            if found is None or sound is None:
                continue
            assert found.silence == sound.silence
            for fact, value in found.facts.items():
                # A fact without searches refines another one: its "no" says nothing about the record.
                if value.state.startswith(ABSENCES) and fact in sound.facts and all_facts()[fact].searches:
                    assert value.state == sound.facts[fact].state, (story.title, fact)
            assert content.pathway.gate in found.facts or found.silence
        servers.close()


def test_a_first_page_of_twenty_is_not_the_whole_chart() -> None:
    """The size at which the independent server cuts its pages."""
    chart = (
        CHART[0],
        *(Entry({"resourceType": "Condition", "id": f"c{number}", "subject": ME}) for number in range(57)),
    )
    with FhirServer(chart, page_size=20) as server, opened(server) as source:
        found = source.fetch(("conditions",))["conditions"]
    assert (len(found.entries), found.completeness, len(server.requests)) == (57, COMPLETE, 3)


def test_a_body_that_is_sent_in_one_byte_pieces_in_time_is_read() -> None:
    def pieces(server: FhirServer, request: Any) -> None:
        send_bytes(request, b'{"resourceType": "Bundle", "total": 0}')

    assert fetched(pieces).completeness is COMPLETE
