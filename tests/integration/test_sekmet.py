"""Against a FHIR server by somebody else: what is read from it decides as the same data do when the client sends them.

Everything is real here: processes, sockets, paging, bearer tokens. The deadline is therefore so long that no busy
machine meets it; it is tested elsewhere, by a clock that tests move.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import pytest
from flask import Flask, g

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.fhir.source import Completeness, Entry
from cds_service.pathway.decision import Decision
from cds_service.replay.stored import StoredCall, load_stored
from cds_service.trust.clients import Client, Registry
from tests.integration.housed import house
from tests.integration.sekmet import ROOT, TOKEN, Sekmet, running
from tests.web.service_calls import ID, check_answer, content

LONG_MS = 120_000
PAGE = 20
"""What sekmet gives at once if nobody asks for another number, as other servers do."""
ABSENT = "no confirming pathology found"
NOT_CHECKED = "could not be checked"


def stories() -> dict[str, StoredCall]:
    """One call of every stored patient, at its hooks in turn: what is read does not depend on the hook."""
    by_name: dict[str, list[StoredCall]] = {}
    for call in load_stored(ROOT / "fixtures"):
        if call.recorded is None:
            by_name.setdefault(call.name.removeprefix("patients/"), []).append(call)
    return {name: calls[number % len(calls)] for number, (name, calls) in enumerate(by_name.items())}


STORIES = stories()
HOUSED = {name: house(call, number) for number, (name, call) in enumerate(STORIES.items())}
NO_TISSUE = HOUSED["folfirinox-no-tissue"]
DENIED = "no-patient-resource"
"""Its chart has no Patient: as prefetch that is an empty answer, but a server says that it knows no such patient."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sekmet]:
    """A server that holds every stored patient."""
    with running(tmp_path_factory.mktemp("sekmet")) as server:
        server.store(entry.resource for call in HOUSED.values() for entry in call.entries)
        yield server


class Answered(NamedTuple):
    """What a call came to: status, body as sent, and the decision (None if there was none)."""

    status: int
    body: bytes
    decision: Decision | None

    @property
    def summaries(self) -> list[str]:
        assert self.status == 200, self.body
        return [card["summary"] for card in json.loads(self.body)["cards"]]

    def searches(self, *keys: str) -> set[Completeness]:
        assert self.decision is not None
        return {self.decision.searches[key].completeness for key in keys}


class Clock:
    """The time at which the stories play, one after the other."""

    now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


CLOCK = Clock()


@cache
def application(server: Sekmet, settings: str, changed: tuple[tuple[str, str], ...]) -> Flask:
    """Our service, which may read one server. As in a hospital it goes on from patient to patient, connections kept.

    ``settings`` names the story in whose site it stands, "" for the shipped one; ``changed`` are other templates.
    """
    shipped = STORIES[settings].content(content()) if settings else content()
    registry = Registry(development=True, clients=(Client("ehr", fhir_servers=(server.url,)),))
    served = replace(shipped, prefetch={**shipped.prefetch, **dict(changed)})
    return create_app(Config(registry=registry, fetch_ms=LONG_MS), served, CLOCK)


class Service:
    """Our service at the time of a story, called about its patient."""

    def __init__(self, server: Sekmet, call: StoredCall, changed: Mapping[str, str] | None = None) -> None:
        """``changed`` are templates of searches other than those shipped."""
        self._call = call
        self._server = server
        settings = call.name.removeprefix("patients/") if call.settings else ""
        self._app = application(server, settings, tuple((changed or {}).items()))

    def whole(self) -> dict[str, Any]:
        """The call as a client makes it that sends everything and gives access to nothing."""
        return {**self._call.body(content().prefetch), "fhirServer": self._server.url}

    def prefetched(self) -> Answered:
        """The answer when the client sends everything: the server is not asked."""
        return self.post(self.whole())

    def fetched(self, *sent: str, token: str = TOKEN, prefetch: Mapping[str, Any] | None = None) -> Answered:
        """The answer when the client sends these searches (or ``prefetch``) and gives access to the rest."""
        whole = self.whole()
        given = prefetch if prefetch is not None else {key: whole["prefetch"][key] for key in sent}
        access = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs",
            "subject": "cds-service",
        }
        return self.post({**whole, "prefetch": given, "fhirAuthorization": access})

    def post(self, body: Mapping[str, Any]) -> Answered:
        """Call the service; its answer fits the schemas of answers."""
        CLOCK.now = self._call.now
        with self._app.test_client() as client:
            answer = client.post(f"/cds-services/{ID}{self._call.hook}", data=json.dumps(body).encode())
            check_answer(answer)
            return Answered(answer.status_code, answer.data, g.get("decision"))


def check_same(fetched: Answered, sent: Answered) -> None:
    """The same bytes, and the same decision: orders, states and evidence of facts, outcome of each card.

    The server is asked for what the order's cards look at and for nothing else; what was read is complete.
    """
    assert fetched.body == sent.body
    assert fetched.decision is not None
    assert sent.decision is not None
    assert replace(fetched.decision, searches=sent.decision.searches) == sent.decision
    found = {search.completeness for search in fetched.decision.searches.values()}
    assert found <= {Completeness.COMPLETE, Completeness.NOT_ATTEMPTED}


def counted(number: int) -> dict[str, str]:
    """Every search of the shipped content, asking for so many results at once."""
    return {key: f"{url}&_count={number}" for key, url in content().prefetch.items() if "?" in url}


# --- every patient


@pytest.mark.parametrize("name", [name for name in HOUSED if name != DENIED])
def test_what_is_fetched_decides_as_what_is_sent(hospital: Sekmet, name: str) -> None:
    call, story = HOUSED[name], STORIES[name]
    service = Service(hospital, call)
    sent, fetched = service.prefetched(), service.fetched()
    check_same(fetched, sent)
    if not story.searches:
        # The story tells what its chart comes to. Ids are shown nowhere in a summary.
        assert fetched.summaries == [card.summary for card in story.expected.cards]


def test_the_patients_are_many_and_of_every_kind() -> None:
    """What the test above rests on: stories with cards and without, at both hooks, with every type that is searched."""
    expected = [call.expected for call in STORIES.values()]
    assert sum(bool(result.cards) for result in expected) >= 100
    assert sum(not result.cards for result in expected) >= 50
    assert {call.hook for call in STORIES.values()} == {"order-select", "order-sign"}
    held = {entry.resource["resourceType"] for call in HOUSED.values() for entry in call.entries}
    assert {"Condition", "DiagnosticReport", "Observation", "Procedure", "Appointment", "CarePlan", "Flag"} <= held
    every_id = [
        f"{entry.resource['resourceType']}/{entry.resource['id']}" for call in HOUSED.values() for entry in call.entries
    ]
    assert len(every_id) == len(set(every_id)), "two patients share a resource: one of them is not on the server"


# --- paging


def padded(call: StoredCall, number: int) -> StoredCall:
    """The same chart with 45 dull reports before its own, so that those come on the third page."""
    patient = f"s{number}"
    dull = [
        Entry(
            {
                "resourceType": "DiagnosticReport",
                "id": f"{patient}-count-{place}",
                "status": "final",
                "code": {"text": "Full blood count"},
                "subject": {"reference": f"Patient/{patient}"},
                "effectiveDateTime": "2025-11-03",
                "conclusion": "Within normal limits.",
            }
        )
        for place in range(45)
    ]
    moved = house(call, number)
    return replace(moved, entries=(*dull, *moved.entries))


@pytest.fixture(
    scope="module", params=[("tissue-from-text", 900), ("folfirinox-no-tissue", 901)], ids=lambda pair: pair[0]
)
def long_chart(request: pytest.FixtureRequest, hospital: Sekmet) -> StoredCall:
    """A chart of more reports than a page of 20 holds: one whose last report decides, one where nothing is found."""
    name, number = request.param
    call = padded(STORIES[name], number)
    hospital.store(entry.resource for entry in call.entries)
    page = hospital.read(f"DiagnosticReport?patient={call.context['patientId']}&_count={PAGE}")
    assert len(page["entry"]) == PAGE < 45 < page["total"]
    assert "next" in {link["relation"] for link in page["link"]}
    return call


def test_pages_of_20_are_followed_to_the_last(hospital: Sekmet, long_chart: StoredCall) -> None:
    service = Service(hospital, long_chart, counted(PAGE))
    sent, fetched = service.prefetched(), service.fetched()
    check_same(fetched, sent)
    assert fetched.searches("reports") == {Completeness.COMPLETE}


def test_a_prefetch_of_the_first_page_is_completed_from_the_server(hospital: Sekmet, long_chart: StoredCall) -> None:
    """What the public sandbox sends: page 1 as the server gave it, with the server's own link to page 2."""
    service = Service(hospital, long_chart)
    given = dict(service.whole()["prefetch"])
    given["reports"] = hospital.read(f"DiagnosticReport?patient={long_chart.context['patientId']}")
    assert len(given["reports"]["entry"]) == PAGE
    fetched = service.fetched(prefetch=given)
    assert fetched.body == service.prefetched().body
    assert fetched.searches("reports") == {Completeness.COMPLETE}


def test_the_first_page_alone_is_no_absence(hospital: Sekmet, long_chart: StoredCall) -> None:
    """The same prefetch where the server cannot be read: what page 2 may hold is not known to be absent."""
    service = Service(hospital, long_chart)
    given = dict(service.whole()["prefetch"])
    given["reports"] = hospital.read(f"DiagnosticReport?patient={long_chart.context['patientId']}")
    given["pathology"] = given["reports"]
    fetched = service.fetched(prefetch=given, token="expired")
    assert fetched.searches("reports") == {Completeness.INCOMPLETE}
    assert any(NOT_CHECKED in summary for summary in fetched.summaries)
    assert not any(ABSENT in summary for summary in fetched.summaries)


def test_pages_without_end_are_no_absence(hospital: Sekmet, long_chart: StoredCall) -> None:
    """Pages of one result each: the 20 pages that we follow end before the reports do."""
    fetched = Service(hospital, long_chart, counted(1)).fetched()
    assert fetched.searches("reports") == {Completeness.INCOMPLETE}
    assert not any(ABSENT in summary for summary in fetched.summaries)


# --- quirks of this server, each of which could pass for "nothing found"


def test_the_chart_of_these_tests_is_one_in_which_nothing_is_found(hospital: Sekmet) -> None:
    """Or none of them could tell "not checked" from "not found"."""
    assert any(ABSENT in summary for summary in Service(hospital, NO_TISSUE).fetched().summaries)


def check_not_checked(fetched: Answered, *failed: str) -> None:
    """The card says that pathology could not be checked, and nobody says that there is none."""
    assert any(NOT_CHECKED in summary for summary in fetched.summaries)
    assert not any(ABSENT in summary for summary in fetched.summaries)
    assert Completeness.COMPLETE not in fetched.searches(*failed)


def test_a_server_that_denies_the_patient_gives_no_absence(hospital: Sekmet) -> None:
    """sekmet answers 404 for the Patient, and empty Bundles for what it does not have, as a wrong tenant would.

    Sent as prefetch, the same chart is taken at its word: there the client says ``null`` for the Patient alone.
    """
    service = Service(hospital, HOUSED[DENIED])
    assert any(ABSENT in summary for summary in service.prefetched().summaries)
    check_not_checked(service.fetched(), "pathology", "documents", "specimens")


def test_a_patient_who_was_deleted_gives_no_absence(hospital: Sekmet) -> None:
    """410 in place of 404, while the rest of the chart is still there."""
    call = house(STORIES["folfirinox-no-tissue"], 950)
    hospital.store(entry.resource for entry in call.entries)
    hospital.delete(f"Patient/{call.context['patientId']}")
    check_not_checked(Service(hospital, call).fetched(), "documents", "specimens")


@pytest.mark.parametrize("token", ["expired", ""])
def test_a_refused_token_gives_no_absence(hospital: Sekmet, token: str) -> None:
    """401 with an OperationOutcome, also for a call that brings no usable token at all."""
    service = Service(hospital, NO_TISSUE)
    refused = service.fetched(token=token)
    assert refused.status == 412
    assert b"refused access" in refused.body
    check_not_checked(service.fetched("conditions", "patient", token=token), "reports", "pathology")


def test_a_type_that_the_server_does_not_have_gives_no_absence(hospital: Sekmet) -> None:
    """404 for a type it does not know: for a search that is no empty answer."""
    changed = dict.fromkeys(("reports", "pathology"), "PathologyReport?patient={{context.patientId}}")
    check_not_checked(Service(hospital, NO_TISSUE, changed).fetched(), "reports", "pathology")


def test_a_server_that_ignores_who_is_asked_for_gives_no_absence_and_nothing_of_others(hospital: Sekmet) -> None:
    """What sekmet does not know as a parameter it leaves out, with a warning: here that is the patient.

    It then gives the reports of the whole hospital. Those of others are used for nothing, and since the server may also
    have left out some of ours, absence is not known.
    """
    changed = dict.fromkeys(("reports", "pathology"), "DiagnosticReport?person={{context.patientId}}")
    fetched = Service(hospital, NO_TISSUE, changed).fetched()
    check_not_checked(fetched, "reports", "pathology")
    assert fetched.decision is not None
    named = {item.reference for fact in fetched.decision.facts.values() for item in fact.evidence}
    own = {f"{entry.resource['resourceType']}/{entry.resource['id']}" for entry in NO_TISSUE.entries}
    assert {name for name in named if name.startswith("DiagnosticReport/")} <= own


def test_a_filter_that_the_server_ignores_costs_nothing(hospital: Sekmet) -> None:
    """More than was asked for, with the warning "parameter ignored" among the entries: nothing is missing then."""
    changed = {"pathology": f"{content().prefetch['pathology']}&conclusion-code=none"}
    service = Service(hospital, NO_TISSUE, changed)
    page = hospital.read(f"DiagnosticReport?patient={NO_TISSUE.context['patientId']}&conclusion-code=none")
    assert "outcome" in {entry["search"]["mode"] for entry in page["entry"]}
    fetched = service.fetched()
    assert fetched.body == service.prefetched().body
    assert fetched.searches("pathology") == {Completeness.COMPLETE}


# --- another habit


@pytest.fixture(scope="module")
def absolute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sekmet]:
    """A server that answers with absolute references, as some products do, and holds every fifth patient."""
    with running(tmp_path_factory.mktemp("absolute"), absolute_references=True) as server:
        server.store(entry.resource for name in EVERY_FIFTH for entry in HOUSED[name].entries)
        yield server


EVERY_FIFTH = [name for name in HOUSED if name != DENIED][::5]


@pytest.mark.parametrize("name", EVERY_FIFTH)
def test_absolute_references_are_the_same_references(absolute: Sekmet, name: str) -> None:
    service = Service(absolute, HOUSED[name])
    assert service.fetched().body == service.prefetched().body


def test_the_server_does_answer_with_absolute_references(absolute: Sekmet) -> None:
    patient = HOUSED[EVERY_FIFTH[0]].context["patientId"]
    [first, *_] = absolute.read(f"Condition?patient={patient}")["entry"]
    assert first["resource"]["subject"]["reference"] == f"{absolute.url}/Patient/{patient}"
