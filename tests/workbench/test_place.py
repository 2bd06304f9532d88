"""Where a call stands on the pathway, and why cards are silent: for stories of which the pathway says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest

from cds_service.content_files import find_cards
from cds_service.describe.drawing import as_svg
from cds_service.describe.flow import stations
from cds_service.facts.fact import Fact
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decision import NO_ORDER_OF_OURS, QUIET_AT_HOOK, WITHHELD
from cds_service.workbench.exchange import Exchange, run_exchange
from cds_service.workbench.patients import StoredPatient, find_fixtures, load_shelf
from cds_service.workbench.place import Step, find_place, marks
from cds_service.workbench.request import propose, read_wish
from cds_service.workbench.silences import not_considered, silences_of, whole_silence
from tests.workbench.test_routes import wish

SVG = "{http://www.w3.org/2000/svg}"


@cache
def content() -> Content:
    return load_content(find_cards())


@cache
def patients() -> dict[str, StoredPatient]:
    return dict(load_shelf(find_fixtures(), content()).patients)


def exchange(name: str, **members: Any) -> Exchange:
    call = patients()[name].call
    return run_exchange(propose(read_wish(wish(name, **members)), patients(), content(), call.now), b"key", 1000)


def steps(found: Exchange) -> dict[str, Step]:
    assert found.explanation is not None
    flow = stations(content(), date(2026, 3, 2))
    return {step.id: step for step in find_place(flow, found.explanation.decision, content())}


def test_a_drug_order_takes_the_branches_of_drugs() -> None:
    found = steps(exchange("folfirinox-no-tissue"))
    assert {name: step.standing for name, step in found.items()} == {
        **dict.fromkeys(("D0", "D1", "D2"), "passed"),
        **dict.fromkeys(("D3", "D8"), "here"),
        **dict.fromkeys(("D4", "D5", "D6", "D7"), "elsewhere"),
    }
    assert found["D2"].answer.startswith("yes:imaging-definite: ")
    assert found["D3"].cards[0] == ("Tissue before systemic therapy", "warning")
    assert found["D4"].cards == ()


def test_an_order_that_is_not_ours_ends_at_the_first_question() -> None:
    found = exchange("order-fluorouracil-cream")
    assert steps(found)["D0"].standing == "stopped"
    assert {step.standing for name, step in steps(found).items() if name != "D0"} == {"not-reached"}
    assert found.explanation is not None
    assert "None of the orders" in whole_silence(found.explanation.decision, content())


def test_orders_of_ours_that_are_not_selected_are_not_told_as_absent() -> None:
    drafts = patients()["folfirinox-no-tissue"].call.context["draftOrders"]["entry"]
    patient = {"reference": "Patient/folfirinox-no-tissue"}
    tea = {"resourceType": "NutritionOrder", "id": "tea", "status": "draft", "intent": "order", "patient": patient}
    orders = {"resourceType": "Bundle", "type": "collection", "entry": [*drafts, {"resource": tea}]}
    found = exchange("folfirinox-no-tissue", draftOrders=orders, selections=["NutritionOrder/tea"])
    assert found.explanation is not None
    told = whole_silence(found.explanation.decision, content())
    assert told.startswith("None of the selected orders is one that this pathway is about (of those not selected, some")


def test_orders_whose_cards_are_switched_off_are_not_told_as_foreign() -> None:
    found = exchange("folfirinox-no-tissue")
    assert found.explanation is not None
    off = replace(found.explanation.decision, outcomes=(), silence=NO_ORDER_OF_OURS)
    assert whole_silence(off, content()).startswith("No card that is switched on is about the selected orders")


def test_a_diagnosis_that_is_not_known_is_not_told_as_absent() -> None:
    found = exchange("not-our-patient")
    assert found.explanation is not None
    decision = found.explanation.decision
    unknown = {**decision.facts, "pancreatic_cancer": Fact("pancreatic_cancer", "unknown", "not-searched")}
    told = whole_silence(replace(decision, facts=unknown), content())
    assert told.startswith(
        "The record was read, and it is not known whether a cancer of the pancreas counts in it: see"
    )


def test_a_diagnosis_that_does_not_count_is_not_told_as_absent() -> None:
    found = exchange("not-our-patient")
    assert found.explanation is not None
    told = whole_silence(found.explanation.decision, content())
    assert "no current, unrefuted cancer of the pancreas counts" in told
    assert "see Facts, " in told


def test_unknown_and_unasked_questions_are_not_drawn_as_answered() -> None:
    found = exchange("folfirinox-no-tissue")
    assert found.explanation is not None
    decision = found.explanation.decision
    flow = stations(content(), date(2026, 3, 2))
    point = next(station.point for station in flow if station.point.id == "D2")
    unknown = {**decision.facts, point.fact: Fact(point.fact, "unknown", "partial")}
    unasked = {name: fact for name, fact in decision.facts.items() if name != point.fact}
    for facts, standing in ((unknown, "unknown"), (unasked, "not-asked")):
        told = find_place(flow, replace(decision, facts=facts), content())
        assert {step.id: step.standing for step in told}["D2"] == standing
        assert [step.standing for step in told if step.id in {"D3", "D8"}] == ["here", "here"]
        root = ElementTree.fromstring(as_svg(flow, "x", marks(told, decision)))
        assert [group.get("class") for group in root.iter(f"{SVG}g")].count(f"question {standing}") == 1


def test_another_patient_ends_at_the_second() -> None:
    found = exchange("not-our-patient")
    assert (steps(found)["D0"].standing, steps(found)["D1"].standing) == ("passed", "stopped")
    assert steps(found)["D1"].answer.startswith("no")


def test_a_refused_call_ends_where_the_question_could_not_be_asked() -> None:
    found = exchange("folfirinox-no-tissue", missing={"conditions": "error"})
    assert found.error is not None
    assert found.error.status == 412
    assert found.cards == ()
    assert (steps(found)["D1"].standing, steps(found)["D1"].answer) == ("stopped", "could not be asked")


def test_the_drawing_marks_the_place_and_only_cards_that_were_asked() -> None:
    found = exchange("folfirinox-no-tissue")
    assert found.explanation is not None
    flow = stations(content(), date(2026, 3, 2))
    given = marks(find_place(flow, found.explanation.decision, content()), found.explanation.decision)
    root = ElementTree.fromstring(as_svg(flow, "x", given))
    classes = [group.get("class", "") for group in root.iter(f"{SVG}g")]
    assert classes.count("question here") == 2
    assert classes.count("card warning") == 1
    # The card about the protocol CT stands at three points, and was asked at one.
    assert sum("Pancreas protocol CT" in "".join(group.itertext()) for group in root.iter(f"{SVG}g")) == 3
    marked = [group for group in root.iter(f"{SVG}g") if group.get("class") == "card silent"]
    assert sum("Pancreas protocol CT" in "".join(group.itertext()) for group in marked) == 1


def test_each_card_is_shown_silent_or_not_considered() -> None:
    found = exchange("folfirinox-no-tissue")
    assert found.explanation is not None
    decision = found.explanation.decision
    named = [item.card for item in (*silences_of(decision, content()), *not_considered(decision, content()))]
    assert sorted(named + [outcome.card_id for outcome in decision.shown]) == sorted(
        card.id for card in content().cards
    )


@pytest.mark.parametrize(
    ("name", "card", "reason", "says", "states"),
    [
        (
            "ct-biopsy-after-failed-ultrasound",
            "us-biopsy-failed-change-guidance",
            "other-guidance-stated",
            "Its rule other-guidance-stated asks for silence when:",
            ("Guidance of the ordered biopsy", "yes:other"),
        ),
        (
            "ablation-mri-definite",
            "mri-before-resection-decision",
            "definite-beyond-ct",
            "Its rule definite-beyond-ct asks for silence when:",
            ("Liver metastases on MRI or two modalities", "yes"),
        ),
    ],
)
def test_a_silence_names_its_rule_and_the_facts_behind_it(
    name: str, card: str, reason: str, says: str, states: tuple[str, str]
) -> None:
    found = exchange(name)
    assert found.explanation is not None
    (silence,) = [item for item in silences_of(found.explanation.decision, content()) if item.card == card]
    assert (silence.name, silence.why) == (reason, says)
    assert states in silence.states


def test_an_exclusion_says_that_the_fact_is_yes() -> None:
    found = exchange("under-eighteen")
    assert found.explanation is not None
    silence = silences_of(found.explanation.decision, content())[0]
    assert silence.why == "It does not apply when this is yes:"
    assert silence.states == (("Under eighteen", "yes"),)


@pytest.mark.parametrize(
    ("outcome", "why", "states"),
    [
        (
            {"silence": QUIET_AT_HOOK, "variant": "not-found", "rule": "not-found"},
            "It has something to say (variant not-found), but not at this hook.",
            [],
        ),
        (
            {"silence": WITHHELD, "variant": "not-found", "rule": "not-found"},
            "It has something to say (variant not-found), but more urgent cards take the two places.",
            [],
        ),
        ({"rule": "pancreatic_cancer"}, "It needs this to be yes:", ["yes:confirmed"]),
        ({"rule": "under_eighteen"}, "It does not apply when this is yes:", ["no"]),
        ({"rule": "tissue-confirmed"}, "Its rule tissue-confirmed asks for silence.", []),
    ],
    ids=["quiet-at-hook", "withheld", "required", "excluded", "rule"],
)
def test_each_reason_of_a_silent_card_has_its_own_words(outcome: dict[str, str], why: str, states: list[str]) -> None:
    found = exchange("folfirinox-no-tissue")
    assert found.explanation is not None
    decision = found.explanation.decision
    (card,) = [item for item in decision.outcomes if item.card_id == "tissue-before-systemic-therapy"]
    silent = replace(card, **{"silence": outcome["rule"], "variant": "", **outcome})  # type: ignore[arg-type]
    (told,) = silences_of(replace(decision, outcomes=(silent,)), content())
    assert (told.card, told.name, told.why) == (card.card_id, silent.silence, why)
    assert [state for _, state in told.states] == states


@pytest.mark.parametrize(
    ("story", "card", "name", "why"),
    [
        (
            "folfirinox-no-tissue",
            "staging-laparoscopy-before-resection",
            "no-order",
            "No such order in this call: Curative resection of the pancreas.",
        ),
        ("pet-ct-card-switched-off", "pet-ct-not-first", "switched-off", "The site has switched it off."),
        (
            "not-our-patient",
            "tissue-before-systemic-therapy",
            "not-our-patient",
            "The call ended before any card was asked.",
        ),
    ],
    ids=["no-order", "switched-off", "call-ended"],
)
def test_each_reason_of_a_card_that_was_not_considered_has_its_own_words(
    story: str, card: str, name: str, why: str
) -> None:
    found = exchange(story)
    assert found.explanation is not None
    (told,) = [item for item in not_considered(found.explanation.decision, found.proposal.content) if item.card == card]
    assert (told.name, told.why, told.states) == (name, why, ())


def test_a_silence_names_none_but_the_facts_that_make_it() -> None:
    found = exchange("pancreas-biopsy-resectability-out-of-date")
    assert found.explanation is not None
    (silence,) = [item for item in silences_of(found.explanation.decision, content()) if item.name == "not-known"]
    assert silence.states == (("Resectability", "unknown:stale"),)
