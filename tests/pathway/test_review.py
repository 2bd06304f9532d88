"""review.yaml: every fact state, order kind and source attribute has words, and a slip is named with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.pathway.content import Content, load_content

FILE = "pancreatic-liver-metastases/review.yaml"
Damage = Callable[[str, str, str], Path]


def test_every_state_of_every_fact_has_a_meaning(content: Content) -> None:
    missing = [
        f"{name}: {state}"
        for name, spec in all_facts().items()
        for state in spec.states
        if not content.review.meaning(name, state)
    ]
    assert missing == []


def test_no_meaning_is_left_over(content: Content) -> None:
    """A state that was renamed would leave its old meaning behind, unseen."""
    for name, meanings in content.review.facts.items():
        assert set(meanings) <= set(all_facts()[name].states), name
    declared = {state for spec in all_facts().values() for state in spec.states}
    assert set(content.review.states) <= declared


def test_the_closer_meaning_wins(content: Content) -> None:
    assert content.review.meaning("liver_metastases", "no") == content.review.facts["liver_metastases"]["no"]
    assert content.review.meaning("bleeding_risk", "no") == content.review.states["no"]
    assert content.review.meaning("bleeding_risk", "perhaps") == ""


def test_every_order_kind_of_a_card_has_a_name(content: Content) -> None:
    kinds = {kind for card in content.cards for kind in card.orders}
    kinds |= {kind for card in content.cards for offered in card.suggestions for kind in offered.removes}
    assert kinds <= set(content.review.order_kinds)


def test_decision_points_are_those_of_the_pathway(content: Content) -> None:
    assert [point.id for point in content.review.decision_points] == [f"D{number}" for number in range(9)]
    asked = [point.fact for point in content.review.decision_points if point.fact]
    assert asked == [content.pathway.gate, "liver_metastases"]


def test_thirteen_source_attributes(content: Content) -> None:
    names = [attribute.name for attribute in content.review.source_attributes]
    assert len(set(names)) == 13
    for attribute in content.review.source_attributes:
        assert attribute.taken_from or attribute.says


def test_what_the_attributes_say_is_not_used_is_read_nowhere() -> None:
    """Race, ethnicity, language, orientation, identity, sex, social data: elements of FHIR, extensions of US Core."""
    words = (
        "gender",
        "us-core-race",
        "us-core-ethnicity",
        "communication",
        "us-core-sex",
        "birthsex",
        "social-history",
    )
    package = Path(__file__).resolve().parents[2] / "cds_service"
    sources = [*package.glob("facts/*.py"), package / "record.py"]
    assert len(sources) > 30
    read = [
        f"{path.name}: {word}" for path in sources for word in words if f'"{word}"' in path.read_text(encoding="utf-8")
    ]
    assert read == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('fact: "pancreatic_cancer"', 'fact: "pancreas"', r"yaml:\d+: unknown fact 'pancreas'", id="point"),
        pytest.param("  liver_metastases:", "  liver:", r"yaml:\d+: unknown fact 'liver'", id="meaning"),
        pytest.param('facts: ["under_eighteen"]', 'facts: ["age"]', r"yaml:\d+: unknown fact 'age'", id="attribute"),
        pytest.param('from: "owner"', 'from: "author"', r"yaml:\d+: source_attributes/1/from", id="unknown-origin"),
        pytest.param('id: "D0"', 'id: "0"', r"yaml:\d+: decision_points/0/id", id="point-without-number"),
        pytest.param('  - {name: "Use of race"', '  # {name: "Use of race"', "source_attributes", id="twelve"),
    ],
)
def test_a_slip_stops_the_load(damage: Damage, old: str, new: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        load_content(damage(FILE, old, new))
