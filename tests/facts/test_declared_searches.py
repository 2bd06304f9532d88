"""What a fact declares is what it does: which facts it asks, and which searches it looks at.

What is fetched for a call follows from these declarations; a search that a fact looks at and does not declare would be
missing from the calls that need it. So every fact is computed for every stored patient, alone, and watched.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.facts import case as case_module
from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.orders import read_orders
from cds_service.facts.registry import all_facts, searches_of
from cds_service.fhir.folder import FolderSource
from cds_service.fhir.shapes import relative_reference
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decide import needed_searches, open_case
from cds_service.record import build_record
from cds_service.replay.stored import load_stored

ROOT = Path(__file__).resolve().parents[2]
FACTS = tuple(all_facts())


class Watched(Mapping[str, Any]):
    """A mapping of a record that notes which of its keys are looked up, whether they are there or not."""

    def __init__(self, found: Mapping[str, Any], noted: set[str]) -> None:
        self._found = found
        self._noted = noted

    def __getitem__(self, key: str) -> Any:
        self._noted.add(key)
        return self._found[key]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a fact looks through the whole record: nobody can tell what it needs")

    def __len__(self) -> int:
        raise AssertionError("a fact counts the whole record: nobody can tell what it needs")


class Seen:
    """What the facts did, by the name of the fact that did it."""

    def __init__(self) -> None:
        self.asked: dict[str, set[str]] = defaultdict(set)
        self.kinds: dict[str, set[str]] = defaultdict(set)
        self.searches: dict[str, set[str]] = defaultdict(set)
        self.calls = 0


def kind_of(template: str) -> str:
    return template.partition("?")[0].partition("/")[0]


@cache
def content() -> Content:
    return load_content(find_cards())


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Every fact computed for every stored call, each on its own: nothing that another has worked out is at hand."""
    found = Seen()
    for stored in load_stored(ROOT / "fixtures"):
        if stored.recorded is not None:
            continue
        own = stored.content(content())
        call = parse_call(stored.body(own.prefetch), stored.hook)
        source = FolderSource(stored.entries, own.prefetch, call.template_values)
        record = build_record(call.patient_id, source.fetch(tuple(own.prefetch)).values())
        orders = read_orders(call, own.terms, own.lexicon)
        found.calls += 1
        for name in FACTS:
            names, types, references = set[str](), set[str](), set[str]()
            watched = replace(
                record,
                by_type=Watched(record.by_type, types),
                by_reference=Watched(record.by_reference, references),
                searches=Watched(record.searches, names),
            )
            case = open_case(watched, orders, own, stored.now)
            case.fact(name)
            found.asked[name] |= set(case.known()) - {name}
            found.searches[name] |= names
            found.kinds[name] |= types
            found.kinds[name] |= {relative_reference(text).partition("/")[0] for text in references}
    return found


def asked_in_all(name: str) -> set[str]:
    """The facts that a fact declares to ask, and those that they ask."""
    asked: set[str] = set()
    todo = list(all_facts()[name].asks)
    while todo:
        following = todo.pop()
        if following not in asked:
            asked.add(following)
            todo.extend(all_facts()[following].asks)
    return asked


def test_enough_is_watched(seen: Seen) -> None:
    assert seen.calls >= 400
    assert seen.asked["liver_metastases"]
    assert seen.kinds["liver_metastases"] > {"DiagnosticReport"}
    assert seen.searches["liver_metastases"] > {"reports"}


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_asks_the_facts_that_it_declares(name: str, seen: Seen) -> None:
    assert seen.asked[name] == asked_in_all(name)


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_looks_at_the_searches_that_it_declares(name: str, seen: Seen) -> None:
    templates = content().prefetch
    declared = searches_of((name,))
    kinds = {kind_of(templates[key]) for key in declared}
    # One search stands in for the other of the same type (decision 7); both are fetched together.
    alike = {key for key, template in templates.items() if kind_of(template) in kinds}
    assert seen.searches[name] <= alike
    assert seen.kinds[name] & set(map(kind_of, templates.values())) <= kinds


@pytest.mark.parametrize("name", FACTS)
def test_nothing_is_declared_for_nothing(name: str, seen: Seen) -> None:
    spec = all_facts()[name]
    assert not set(spec.searches) & set(spec.reads), "what a fact rests on it reads anyway"
    for key in spec.reads:
        assert kind_of(content().prefetch[key]) in seen.kinds[name] or key in seen.searches[name], key


def test_every_fact_that_the_code_asks_is_declared() -> None:
    """No fixture need lead there: the names stand in the code, as literals."""
    asked: set[str] = set()
    for path in Path(case_module.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fact":
                [name] = node.args
                assert isinstance(name, ast.Constant), f"{path.name}:{node.lineno} asks a fact by a name worked out"
                asked.add(str(name.value))
    assert asked == {name for spec in all_facts().values() for name in spec.asks}


def test_the_patient_and_every_search_of_a_type_come_with_what_is_needed() -> None:
    """Without the Patient nobody knows under which other names the resources are theirs."""
    assert needed_searches((), content()) == ("conditions", "patient")
    fitness = next(card for card in content().cards if card.id == "fitness-before-intensive-regimen")
    needed = needed_searches((fitness,), content())
    assert {"observations", "reports", "pathology"} <= set(needed)
    assert {"flags", "consents", "encounters", "allergies"}.isdisjoint(needed)
    assert len(needed) == len(set(needed))


def test_what_a_fact_needs_is_closed_over_what_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring of facts ends as well."""
    specs = dict(all_facts())

    def compute(case: Case) -> Fact:
        raise AssertionError("nobody is computed here")

    plain = replace(specs["under_eighteen"], compute=compute)
    ring = {
        "a": replace(plain, name="a", searches=("patient",), reads=(), asks=("b",)),
        "b": replace(plain, name="b", searches=(), reads=("reports",), asks=("c",)),
        "c": replace(plain, name="c", searches=("flags",), reads=(), asks=("a",)),
        "d": replace(plain, name="d", searches=("consents",), reads=(), asks=()),
    }
    monkeypatch.setattr("cds_service.facts.registry._REGISTRY", ring)
    assert searches_of(("a",)) == {"patient", "reports", "flags"}
    assert searches_of(("d",)) == {"consents"}
    assert searches_of(()) == frozenset()
