"""What makes an order one of ours, asked of the classifier code by code."""

from __future__ import annotations

import pytest

from cds_service.content_files import find_cards
from cds_service.describe.triggers import TriggerSet, trigger_sets
from cds_service.describe.value_sets import read_value_sets
from cds_service.pathway.content import Content

SETS = read_value_sets(find_cards() / "value-sets")


@pytest.fixture(scope="module")
def found(content: Content) -> dict[str, tuple[TriggerSet, ...]]:
    return trigger_sets(content, SETS)


def names(sets: tuple[TriggerSet, ...]) -> set[str]:
    return {listed.name for listed in sets}


def test_value_sets_are_read_with_systems_titles_and_displays() -> None:
    gemcitabine = SETS["drug.gemcitabine"]
    assert gemcitabine.title == "Gemcitabine"
    assert {code.system for code in gemcitabine.codes} >= {"RxNorm", "ATC"}
    assert any(not code.display for listed in SETS.values() for code in listed.codes), "licences forbid some displays"


def test_every_order_kind_of_a_card_is_known_to_the_classifier(
    content: Content, found: dict[str, tuple[TriggerSet, ...]]
) -> None:
    kinds = {kind for card in content.cards for kind in card.orders}
    assert kinds <= set(found)


def test_drugs_trigger_and_what_is_no_order_does_not(found: dict[str, tuple[TriggerSet, ...]]) -> None:
    systemic = names(found["systemic_anticancer_drug"])
    assert {"drug.gemcitabine", "drug.oxaliplatin", "regimen"} <= systemic
    assert "drug.leucovorin" not in systemic
    assert not any(name.startswith(("lab.", "site.", "status.")) for sets in found.values() for name in names(sets))


def test_paclitaxel_needs_its_reason(found: dict[str, tuple[TriggerSet, ...]]) -> None:
    """Pathway F21: plain paclitaxel counts only if the reason is pancreatic."""
    (paclitaxel,) = [item for item in found["systemic_anticancer_drug"] if item.name == "drug.paclitaxel"]
    assert {code.needs for code in paclitaxel.codes} == {"pancreatic cancer as the reason"}


def test_liver_biopsies_trigger_as_liver_biopsies_only(found: dict[str, tuple[TriggerSet, ...]]) -> None:
    assert "proc.liver_biopsy" in names(found["liver_biopsy"])
    assert "proc.liver_biopsy" not in names(found.get("pancreas_biopsy", ()))
