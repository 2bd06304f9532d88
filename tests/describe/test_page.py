"""One page: conditions in words, outcomes by state, and honest source attributes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.describe.outcomes import outcomes_of
from cds_service.describe.page import CardPage, FactView, answer, kind_in_words, make_page
from cds_service.describe.words import Clause, heading, in_words, long_summary, short_summary
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card
from cds_service.pathway.condition import ALWAYS, All, AnyOf, Is
from cds_service.pathway.content import Content
from cds_service.pathway.review import SourceAttribute
from tests.describe.conftest import TODAY


@pytest.fixture
def page(tissue_card: Card, content: Content) -> CardPage:
    return make_page(tissue_card, content, {}, TODAY)


def fact_of(page: CardPage, name: str) -> FactView:
    return next(fact for fact in page.facts if fact.name == name)


def test_conditions_in_words(content: Content) -> None:
    liver = Is("liver_metastases", ("yes:*", "unknown:stale"))
    clause = Clause("Liver", "liver_metastases", ("yes (any)", "unknown:stale"))
    assert in_words(liver, content) == clause
    assert in_words(ALWAYS, content) == Clause("always")
    both = in_words(All((liver, AnyOf((liver,)))), content)
    assert both == Clause("all of these", parts=(clause, Clause("at least one of these", parts=(clause,))))


def test_a_fact_without_heading_is_named_with_blanks(content: Content) -> None:
    assert heading("liver_metastases", content) == "Liver"
    assert heading("some_new_fact", content) == "Some new fact"
    assert kind_in_words("some_new_kind", content) == "some new kind"


def test_values_of_the_patient_in_a_summary(content: Content) -> None:
    text = "Biopsy ({{ tissue_confirmation.date }}) failed"
    assert short_summary(text) == "Biopsy (DATE) failed"
    assert long_summary(content, text) == "Biopsy ([date of: Pathology considered]) failed"


def test_outcomes_are_those_of_the_card(tissue_card: Card) -> None:
    """Against `decide`, from one state in which each of them is known."""
    outcomes = outcomes_of(tissue_card)
    assert outcomes["pancreatic_cancer"]["no"] == {"pancreatic_cancer"}
    assert outcomes["under_eighteen"]["yes"] <= {"under_eighteen", "excluded_histology", "pancreatic_cancer"}
    assert "tissue-confirmed" in outcomes["tissue_confirmation"]["yes"]
    assert "not-found" not in outcomes["tissue_confirmation"]["yes"]
    assert "not-found" in outcomes["tissue_confirmation"]["unknown:stale"], "merged with unknown:not-found"
    assert "tissue-confirmed" in outcomes["liver_metastases"]["no"]
    for name, states in outcomes.items():
        assert tuple(states) == all_facts()[name].states


def test_every_fact_of_the_card_stands_with_all_its_states(page: CardPage, tissue_card: Card) -> None:
    names = {*tissue_card.deciding_facts(), *tissue_card.wording_facts(), *tissue_card.shown_facts}
    assert {fact.name for fact in page.facts} == names
    for fact in page.facts:
        assert tuple(item.state for item in fact.states) == all_facts()[fact.name].states
        assert all(item.meaning for item in fact.states)


def test_roles_and_silent_states(page: CardPage, tissue_card: Card) -> None:
    required = fact_of(page, "pancreatic_cancer")
    assert required.role.startswith("required")
    assert [item.is_silent for item in required.states] == [False, False, True, True]
    assert fact_of(page, "excluded_histology").role.startswith("excludes")
    assert fact_of(page, "tissue_confirmation").role == "decides which rule speaks"
    assert fact_of(page, "resectability").role == "chooses wording or suggestions"
    shown = fact_of(page, "bleeding_risk")
    assert shown.role == "shown as evidence"
    assert all(item.decides == () and not item.is_silent for item in shown.states)
    deciding = fact_of(page, "tissue_confirmation").states[0].decides
    assert [rule.id for rule, can in zip(tissue_card.rules, deciding, strict=True) if can] == ["tissue-confirmed"]


def test_suggestions_of_a_rule(page: CardPage) -> None:
    (rule,) = [view for view in page.rules if view.rule.id == "not-found"]
    labels = [offered.template for offered in rule.suggestions]
    assert labels[0] == "pancreas-biopsy-eus-guided"
    assert labels[-1] == "remove-draft-orders"
    assert rule.suggestions[0].when is not None
    assert rule.suggestions[0].description
    removal = rule.suggestions[-1]
    assert removal.when is None
    assert removal.removes[0] == "Systemic anticancer drug or regimen"
    assert removal.label == "Remove the draft drug orders until tissue is back"


def test_a_removal_without_label_is_called_by_its_name(tissue_card: Card, content: Content) -> None:
    """Loading refuses it; a page shows what is there."""
    bare = tuple(replace(item, label="") for item in tissue_card.suggestions)
    page = make_page(replace(tissue_card, suggestions=bare), content, {}, TODAY)
    (rule,) = [view for view in page.rules if view.rule.id == "pending"]
    assert rule.suggestions[0].label == "remove-draft-orders"


def test_thirteen_attributes_with_an_answer_each(content: Content) -> None:
    for card in content.cards:
        page = make_page(card, content, {}, TODAY)
        assert len(page.attributes) == 13
        assert all(text for _, text in page.attributes)


def test_attributes_come_from_the_card(content: Content, tissue_card: Card) -> None:
    found = dict(make_page(tissue_card, content, {}, TODAY).attributes)
    assert "https://www.nice.org.uk/guidance/ng85 (looked at " in found["Bibliographic citation"]
    assert found["Developer"] == tissue_card.owner
    assert found["Release and revision dates"] == "Version 1.0.0, not released"
    assert found["Use of date of birth"].startswith("Used: Under eighteen: Younger than")
    assert found["Use of health status assessments"] == "Not used by this card"
    assert found["Use of race"].startswith("Not used")
    assert "Not assessed" in found["Funding source of the technical implementation"]


def test_attributes_of_other_cards(content: Content, tissue_card: Card) -> None:
    dated = replace(tissue_card, released="2027-01-02", revised="2027-03-04")
    dates = SourceAttribute("x", "dates", (), "")
    assert answer(dates, dated, content) == "Version 1.0.0, released 2027-01-02, revised 2027-03-04"
    (fitness,) = [card for card in content.cards if card.id == "fitness-before-intensive-regimen"]
    assert answer(SourceAttribute("x", "", ("performance_status",), "no"), fitness, content).startswith("Used: ")
    assert answer(SourceAttribute("x", "", (), ""), tissue_card, content) == "Not assessed"


def test_the_switch_of_a_card(content: Content, tissue_card: Card) -> None:
    assert make_page(tissue_card, content, {}, TODAY).switch == ""
    switched = replace(tissue_card, enabled_by="pet_ct_card")
    assert make_page(switched, content, {}, TODAY).switch == "pet_ct_card, off here"
    on = replace(content, settings=replace(content.settings, pet_ct_card=True))
    assert make_page(switched, on, {}, TODAY).switch == "pet_ct_card, on here"
