"""Every fault of a FHIR server against every stored patient: what fails there is what fails in a prefetch.

One search of each call is left out of its prefetch and asked for at a server that fails; which one, goes round. So
every fault meets every patient and every search. The decision must be the one that the same search failing in the
prefetch gives, of which ``tests/properties/test_missing_data.py`` shows that no failure becomes an absence
(decision 29).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import DataUnavailable
from cds_service.facts.orders import read_orders
from cds_service.facts.registry import all_facts
from cds_service.fhir.addresses import allow_servers
from cds_service.fhir.budget import Limits
from cds_service.fhir.folder import FolderSource
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.prefetch_then_server import PrefetchThenServer
from cds_service.fhir.server import FhirServers
from cds_service.fhir.source import Entry, Source
from cds_service.fhir.token import AccessToken
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decide import candidate_cards, needed_searches
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.replay.stored import StoredCall, load_stored
from tests.fhir.fault_server import Clock, FhirServer
from tests.fhir.faults import FAULTS, ODDITIES, STRANGER

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 30.0
"""By the clock of the tests, which only faults move on. Nobody waits so long."""
SECONDS = {"hang": 0.02}
"""Nothing can move this fault on but the time that really passes."""
SLOW = frozenset(
    {"drip-headers", "drip-body", "drip-chunks", "drip-lines", "continue-for-ever", "hang", "empty-then-drips"}
)
FAULTS_THAT_GIVE = {
    "ignores-parameters": "ours",
    **dict.fromkeys(("other-patients", "charts-mixed-up", "full-page", "first-page-again"), "others"),
    "other-type": "others",
    "entry-odd": "unreadable",
}
"""Faults that give what was asked for, among other things, or only what cannot be used. All others give nothing."""
FAILS_ONCE = frozenset({"first-time-reset", "first-time-closed", "first-time-503"})
"""One retry is all that a search has: an empty answer, which is asked for in two spellings, would need two."""
ABSENCES = ("no", "unknown:not-found", "unknown:stale")


@dataclass(frozen=True)
class Case:
    """A stored patient at signing: the body of the call, what it comes to, and the searches that it rests on."""

    story: StoredCall
    content: Content
    body: Mapping[str, Any]
    sound: Decision | None
    needed: tuple[str, ...]

    def without(self, key: str) -> dict[str, Any]:
        return {name: value for name, value in self.body.get("prefetch", {}).items() if name != key}

    def entries(self, key: str) -> tuple[Entry, ...]:
        """What a sound search finds."""
        values = {"context.patientId": str(self.story.context["patientId"])}
        return FolderSource(self.story.entries, self.content.prefetch, values).fetch((key,))[key].entries

    def decide(self, prefetch: Mapping[str, Any], make: Callable[[PrefetchSource], Source]) -> Decision | None:
        """The decision with this prefetch; None for 412. There is no third thing that may come out."""
        call = parse_call({**self.body, "prefetch": dict(prefetch)}, self.story.hook)
        source = make(PrefetchSource(call.prefetch, self.content.prefetch))
        try:
            decision = evaluate(call, source, self.content, self.story.now)
        except DataUnavailable:
            return None
        assert "cards" in render_response(decision, self.content, call, self.story.now, b"a key of tests")
        return decision


def from_prefetch(prefetch: PrefetchSource) -> Source:
    return prefetch


@cache
def cases() -> tuple[Case, ...]:
    """Every stored patient at signing whose order is ours."""
    shipped = load_content(find_cards())
    found = []
    for story in load_stored(ROOT / "fixtures"):
        if story.recorded is not None or story.hook != "order-sign":
            continue
        content = story.content(shipped)
        body = story.body(content.prefetch)
        cards = candidate_cards(read_orders(parse_call(body, story.hook), content.terms, content.lexicon), content)
        if cards:
            case = Case(story, content, body, None, needed_searches(cards, content))
            found.append(replace(case, sound=case.decide(body.get("prefetch", {}), from_prefetch)))
    return tuple(found)


@cache
def cut_short(number: int, key: str, kind: str) -> Decision | None:
    """The decision when the prefetch itself holds but a part of a search: ``FAULTS_THAT_GIVE`` says of what kind."""
    case = cases()[number]
    found: list[object] = [entry.resource for entry in case.entries(key)] if kind == "ours" else []
    if kind:
        found.append({**STRANGER, "resourceType": kind_of(case, key)} if kind != "unreadable" else "x")
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": resource} for resource in found],
        "link": [{"relation": "next", "url": "https://fhir.example.org/page2"}],
    }
    return case.decide({**case.without(key), key: bundle}, from_prefetch)


def said(decision: Decision | None) -> object:
    """What a decision comes to, without the words for the problem that a search had."""
    if decision is None:
        return HTTPStatus.PRECONDITION_FAILED
    return decision.silence, decision.outcomes, {name: fact.state for name, fact in decision.facts.items()}


class Servers:
    """A failing server and the service's side of it, for all patients in turn."""

    def __init__(self, server: FhirServer, name: str) -> None:
        self.server = server
        limits = Limits(seconds=SECONDS.get(name, DEADLINE), bytes_of_search=500_000, pages_of_search=3)
        self.fhir = FhirServers(limits, server.clock)
        base = allow_servers([server.url], development=True).find(server.url)
        assert base is not None
        self.base = base

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        self.fhir.close()

    def decide(self, case: Case, missing: str) -> tuple[Decision | None, Mapping[str, int]]:
        """The decision with one search missing from the prefetch, and how the fetches ended."""
        self.server.entries = case.story.entries
        self.server.requests.clear()
        values = {"context.patientId": str(case.story.context["patientId"])}
        with closing(self.fhir.open(self.base, case.content.prefetch, values, AccessToken("t"))) as source:
            found = case.decide(case.without(missing), lambda prefetch: PrefetchThenServer(prefetch, source))
            return found, source.outcomes()


def test_there_are_enough_faults_and_patients() -> None:
    assert len(FAULTS) >= 25
    assert len(cases()) >= 200
    assert {key for case in cases() for key in case.needed} == set(cases()[0].content.prefetch)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_comes_to_what_the_same_search_failing_in_the_prefetch_comes_to(name: str) -> None:
    number_of_fault = tuple(FAULTS).index(name)
    tried: set[str] = set()
    with FhirServer(handler=FAULTS[name], clock=Clock()) as server, Servers(server, name) as servers:
        for number, case in enumerate(cases()):
            key = case.needed[(number + number_of_fault) % len(case.needed)]
            server.others = cases()[number - 1].story.entries
            found, ends = servers.decide(case, key)
            kind = FAULTS_THAT_GIVE.get(name, "")
            if found is None:
                assert key == "conditions" or case.sound is None, case.story.title
            if kind and case.story.searches:
                continue  # other searches are missing as well, and are given too
            if kind == "ours" and "?" not in case.content.prefetch[key]:
                continue  # a single resource is given as it should be
            assert said(found) == said(cut_short(number, key, kind)), (case.story.title, key)
            assert found is None or found.silence or not found.searches[key].is_complete, (case.story.title, key)
            assert claims(found, key) == [], (case.story.title, key)
            if name in SLOW:
                assert set(ends) <= {"timeout", "no-time", "unconfirmed"}, case.story.title
                assert len(server.asked()) == len(set(server.asked())), "it is asked again behind the deadline"
            tried.add(key)
    assert tried >= set(cases()[0].content.prefetch) - {"patient"}


def claims(decision: Decision | None, key: str) -> list[str]:
    """Facts that rest on a search and claim an absence."""
    return [
        f"{name}={fact.state}"
        for name, fact in (decision.facts.items() if decision is not None else ())
        if key in all_facts()[name].searches and (fact.state in ABSENCES or fact.value == "no")
    ]


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_changes_no_decision(name: str) -> None:
    number_of_oddity = tuple(ODDITIES).index(name)
    with FhirServer(handler=ODDITIES[name], clock=Clock()) as server, Servers(server, name) as servers:
        for number, case in enumerate(cases()):
            if case.story.searches:
                continue
            key = case.needed[(number + number_of_oddity) % len(case.needed)]
            if name in FAILS_ONCE and not case.entries(key):
                continue
            found, ends = servers.decide(case, key)
            assert found == case.sound, (case.story.title, key)
            assert repr(found) == repr(case.sound), (case.story.title, key)
            if found is not None and not found.silence:
                assert ends == {"answered": 1}, (case.story.title, key)


def test_nothing_of_another_patient_is_shown_or_counted() -> None:
    """Each server holds two patients and gives both charts, with the ids of the other one's resources made plain."""
    handler = FAULTS["ignores-parameters"]
    seen = 0
    with FhirServer(handler=handler, clock=Clock()) as server, Servers(server, "ignores-parameters") as servers:
        for number, case in enumerate(cases()):
            other = cases()[number - 1]
            server.others = tuple(Entry(foreign(entry.resource)) for entry in other.story.entries)
            for key in case.needed:
                if not any(entry.resource["resourceType"] == kind_of(case, key) for entry in server.others):
                    continue
                found, _ = servers.decide(case, key)
                seen += 1
                lines = [line for fact in found.facts.values() for line in fact.evidence] if found else []
                assert not any("foreign-" in line.reference for line in lines), (case.story.title, key)
    assert seen > 900


def kind_of(case: Case, key: str) -> str:
    return case.content.prefetch[key].partition("?")[0].partition("/")[0]


def foreign(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A resource under an id that tells whose it is; its subject is the other patient as before."""
    return {**resource, "id": f"foreign-{resource.get('id')}"}
