"""The registry: a fact is registered once, and answers only with the states that it declares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cds_service.facts import registry
from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from tests.facts.cases import make_case


@pytest.fixture
def odd_fact() -> Iterator[None]:
    """A fact that answers with a state of its own invention."""

    @registry.fact("odd", source="test", states=("yes",))
    def odd(case: Case) -> Fact:
        return Fact("odd", "no", f"at {case.now.year}")

    yield
    registry._REGISTRY.pop("odd")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'pancreatic_cancer' is registered twice"):
        registry.fact("pancreatic_cancer", source="F1", states=("no",))(lambda case: Fact("pancreatic_cancer", "no"))


def test_an_undeclared_state_is_an_error_at_once(odd_fact: None) -> None:
    """It would be a row that the proof of a card has never seen."""
    with pytest.raises(ValueError, match="odd answered odd=no:at 2026, which it does not declare"):
        make_case().fact("odd")


def test_a_fact_is_computed_once() -> None:
    case = make_case()
    assert case.fact("under_eighteen") is case.fact("under_eighteen")
