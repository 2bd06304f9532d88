"""check and its mutants: the shipped card passes, and each way to break a card is seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card, Rule
from cds_service.pathway.card_proof import check_card
from cds_service.pathway.cases import read_cases
from cds_service.pathway.condition import All, Is
from cds_service.pathway.content import load_content
from cds_service.pathway.mutants import Mutant, differs, is_killed, make_mutants, mutants
from cds_service.pathway.proof import check
from cds_service.pathway.truth_table import TruthTable

TODAY = date(2026, 3, 2)
FOLDER = "pancreatic-liver-metastases"
CARD = f"{FOLDER}/tissue-before-systemic-therapy.md"
CASES = f"{FOLDER}/tissue-before-systemic-therapy.cases.yaml"
Damage = Callable[[str, str, str], Path]


def test_the_shipped_content_is_sound() -> None:
    report = check(find_cards(), TODAY)
    assert report.problems == ()
    assert "total over" in report.notes[0]


def test_a_card_with_too_many_states_is_refused_before_its_table_is_made() -> None:
    """Its wording is judged all the same."""
    content = load_content(find_cards())
    card = content.cards[0]
    facts = sorted(all_facts().items())[:14]
    every = [
        replace(card.rules[0], id=f"{name}-{place}", when=Is(name, (state,)))
        for name, spec in facts
        for place, state in enumerate(spec.states)
    ]
    faults, rows = check_card(replace(card, rules=(*every, *card.rules)), content)
    assert rows == 0
    assert "rows, 4000000 can be proved: tell fewer states apart" in str(faults[0])


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        pytest.param(
            CARD,
            '  - silence: "liver-stale"\n'
            '    when: {all: [{liver_metastases: "unknown:stale"}, {tissue_scope_extends: "no"}]}\n',
            "",
            "no rule holds when .*liver_metastases is unknown:stale",
            id="a-gap",
        ),
        pytest.param(
            CARD,
            '  - silence: "liver-stale"\n    when: {all: [{liver_metastases: "unknown:stale"},',
            '  - silence: "liver-stale"\n    when: {all: [{liver_metastases: "no"},',
            "the rule 'liver-stale' can never decide",
            id="a-dead-rule",
        ),
        pytest.param(
            CARD,
            '    when: {all: ["lesion-known", {failed_ultrasound_biopsy: ["no:*", "unknown:*"]}]}',
            '    when: {all: ["lesion-known", {failed_ultrasound_biopsy: ["no:*", "unknown:*"]}]}\n'
            '  - template: "liver-biopsy-image-guided"\n    rules: ["not-found"]',
            "offers a template twice",
            id="a-template-twice",
        ),
        pytest.param(
            CARD,
            "check it is available",
            "check it is available " + "x" * 80,
            r"md:\d+: the summary can reach \d+ characters",
            id="a-long-summary",
        ),
        pytest.param(
            CARD,
            "{{ tissue_confirmation.date }}",
            "{{ tissue_confirmation.when }}",
            r"md:\d+: a summary takes .date",
            id="an-unknown-summary-word",
        ),
        pytest.param(
            CARD,
            "{{ tissue_confirmation.date }}",
            "{{ bleeding_risk.date }}",
            r"md:\d+: a summary takes .date",
            id="a-fact-the-card-does-not-use",
        ),
        pytest.param(
            CARD,
            "{{ tissue_confirmation.date }}",
            "{{ tissue_confirmation.date",
            r"md:\d+: a placeholder is written",
            id="stray-braces-in-a-summary",
        ),
        pytest.param(
            CARD,
            "{{ bleeding_risk }}",
            "{{ bleeding }}",
            r"md:\d+: unknown placeholder 'bleeding'",
            id="an-unknown-placeholder",
        ),
        pytest.param(
            CARD,
            "{{ bleeding_risk }}",
            "{{ bleeding_risk",
            r"md:\d+: a placeholder is written",
            id="stray-braces-in-the-body",
        ),
        pytest.param(CARD, "{{ status }}\n", "", r"the body lacks {{ status }}", id="no-status"),
        pytest.param(CARD, "Clinical judgement applies.\n", "", r"the body must end with", id="no-closing-sentence"),
        pytest.param(
            CARD,
            "Clinical judgement applies.\n",
            "Clinical judgement applies.\nBye.\n",
            r"the body must end with",
            id="closing-sentence-not-last",
        ),
        pytest.param(
            CARD,
            "Both are listed below.",
            "Biopsy is Mandatory.",
            "'mandatory' may not stand in a card",
            id="a-banned-word",
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            "Check MRI safety",
            "Sensitivity 93 %. Check MRI safety",
            "'93 %' may not stand",
            id="a-banned-figure-in-a-template",
        ),
        pytest.param(
            f"{FOLDER}/pathway.yaml",
            '  bleeding_risk: "Bleeding risk"\n',
            "",
            "no heading for bleeding_risk",
            id="no-heading",
        ),
        pytest.param(
            CASES,
            'expect: "pancreatic_cancer"}',
            'expect: "not-found"}',
            r"cases.yaml:\d+: no pancreatic cancer: expected not-found, got pancreatic_cancer",
            id="a-wrong-case",
        ),
        pytest.param(
            CASES,
            'set: {under_eighteen: "yes"}, expect: "under_eighteen"',
            'set: {under_eighteen: "no"}, expect: "not-found"',
            "no case expects 'under_eighteen'",
            id="an-exclusion-without-case",
        ),
        pytest.param(
            CASES,
            '{order-select: "info", order-sign: "warning"}',
            '{order-select: "info", order-sign: "info"}',
            "expected info at order-sign, got warning",
            id="a-wrong-indicator",
        ),
        pytest.param(
            CASES,
            'suggest: ["remove-draft-orders"]',
            "suggest: []",
            r"expected suggestions \[\], got",
            id="wrong-suggestions",
        ),
        pytest.param(
            CASES,
            'removes: {remove-draft-orders: ["systemic_anticancer_drug", "supportive_drug"]}',
            'removes: {remove-draft-orders: ["systemic_anticancer_drug"]}',
            r"expected to remove remove-draft-orders: systemic_anticancer_drug, got .*supportive_drug",
            id="wrong-removals",
        ),
        pytest.param(
            CASES,
            'removes: {remove-draft-orders: ["systemic_anticancer_drug"',
            'removes: {remove-draft-orders: ["systemic_drgu"',
            r"cases.yaml:\d+: unknown order kind 'systemic_drgu'",
            id="an-unknown-kind-in-a-case",
        ),
        pytest.param(
            CARD,
            'removes: ["systemic_anticancer_drug"',
            'removes: ["systemic_drgu"',
            r"md:\d+: unknown order kind 'systemic_drgu'; known: ",
            id="an-unknown-kind-removed",
        ),
        pytest.param(
            CARD, 'label: "Remove', 'label: "Mandatory: remove', r"md:\d+: 'mandatory' may not", id="a-banned-label"
        ),
        pytest.param(
            f"{FOLDER}/pathway.yaml",
            'bleeding_risk: "',
            'bleeding_risk: "Mandatory ',
            r"pathway.yaml:\d+: 'mandatory' may not",
            id="a-banned-heading",
        ),
        pytest.param(
            f"{FOLDER}/pathway.yaml",
            'remove_draft: "',
            'remove_draft: "Mandatory ',
            r"pathway.yaml:\d+: 'mandatory' may not",
            id="a-banned-wording",
        ),
        pytest.param(
            f"{FOLDER}/review.yaml",
            "  pet_ct:",
            "  pet_cat:",
            r"review.yaml:\d+: unknown order kind 'pet_cat'",
            id="an-unknown-kind-in-the-review",
        ),
        pytest.param(
            "sources.yaml", 'label: "', 'label: "93 % ', r"sources.yaml:\d+: '93 %' may not", id="a-banned-source"
        ),
        pytest.param(CASES, 'summary: "Later-line', 'summary: "Other', "expected summary 'Other", id="a-wrong-summary"),
        pytest.param(
            CASES, 'card: "tissue', 'card: "issue', r"cases.yaml:\d+: is about 'issue", id="cases-of-another-card"
        ),
        pytest.param(
            CASES, '  resectability: "unknown:not-found"\n', "", r"base lacks resectability", id="base-incomplete"
        ),
        pytest.param(
            CASES,
            '  resectability: "unknown:not-found"\n',
            '  resectability: "maybe"\n',
            r"resectability has no state 'maybe'",
            id="an-unknown-state",
        ),
        pytest.param(
            CASES,
            '  resectability: "unknown:not-found"\n',
            '  resectability: "unknown:not-found"\n  bleeding_risk: "no"\n',
            r"does not use the fact 'bleeding_risk'",
            id="an-unused-fact",
        ),
        pytest.param(CASES, "cases:\n", "case:\n", r"cases.yaml:\d+: front matter: ", id="misnamed-member"),
        pytest.param("sources.yaml", "https://", "http://", "must begin with https", id="content-that-does-not-load"),
    ],
)
def test_check_sees(damage: Damage, name: str, old: str, new: str, message: str) -> None:
    problems = check(damage(name, old, new), TODAY).problems
    assert any(re.search(message, problem) for problem in problems), problems


def test_a_card_without_cases_is_a_problem(cards_copy: Path) -> None:
    (cards_copy / CASES).unlink()
    assert any("cannot be read" in problem for problem in check(cards_copy, TODAY).problems)


def test_a_weakened_case_file_lets_a_mutant_live(cards_copy: Path) -> None:
    path = cards_copy / CASES
    kept = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if "unknown:indeterminate is not a yes" not in line
    ]
    path.write_text("\n".join(kept), encoding="utf-8")
    card = next(card for card in load_content(cards_copy).cards if card.topic == "TissueBeforeSystemicTherapy")
    cases = read_cases(card)
    alive = [
        mutant.what
        for mutant in make_mutants(card)
        if "prior_systemic_therapy also unknown:indeterminate" in mutant.what and not is_killed(mutant, cases)
    ]
    assert alive == ["rule later-line: prior_systemic_therapy also unknown:indeterminate"]


def test_the_closed_world_family_reads_unknown_as_yes_and_as_no(tissue_card: Card) -> None:
    found = {(mutant.reads, mutant.reads_as) for mutant in make_mutants(tissue_card) if mutant.family == "closed-world"}
    assert {
        ("tissue_confirmation", "yes"),
        ("tissue_confirmation", "no:pending"),
        ("excluded_histology", "yes"),
    } <= found
    assert {name for name, _ in found} == {*tissue_card.deciding_facts(), *tissue_card.wording_facts()}


def test_a_mutant_that_changes_nothing_is_equivalent(tissue_card: Card) -> None:
    assert not differs(Mutant("structural", "none", tissue_card), tissue_card)


def test_reading_an_unknown_as_yes_differs(tissue_card: Card) -> None:
    assert differs(Mutant("closed-world", "x", tissue_card, "prior_systemic_therapy", "yes"), tissue_card)
    assert differs(Mutant("closed-world", "x", tissue_card, "other_primary_history", "yes:likely-source"), tissue_card)


def test_no_mutant_survives_on_a_small_card(cards_copy: Path, damage: Damage) -> None:
    """The whole run on the shipped card is `cds-service check --mutants`; here its sum on a card of two rules."""
    text = (cards_copy / CARD).read_text(encoding="utf-8")
    head, _, body = text.partition("\n---\n")
    start, rest = head.split("terms:")[0], head.split("override_reasons:")[1]
    small = start + (
        'rules:\n  - silence: "tissue-confirmed"\n    when: {tissue_confirmation: "yes"}\n'
        '  - id: "not-found"\n    when: {tissue_confirmation: ["yes:weak", "no:*", "unknown:*"]}\n'
        '    indicator: {order-select: "info", order-sign: "critical"}\n    summary: "Look"\n    lead: "Look."\n'
        "override_reasons:"
    )
    (cards_copy / CARD).write_text(small + rest + "\n---\n" + body, encoding="utf-8")
    lines = [
        'card: "tissue-before-systemic-therapy"',
        'base: {pancreatic_cancer: "yes:confirmed", excluded_histology: "no", under_eighteen: "no",',
        '       tissue_confirmation: "no:pending"}',
        "cases:",
        '  - {name: "a", expect: "not-found", indicator: {order-select: "info", order-sign: "critical"}}',
        '  - {name: "b", set: {tissue_confirmation: "yes"}, expect: "tissue-confirmed"}',
        '  - {name: "c", set: {tissue_confirmation: "yes:weak"}, expect: "not-found"}',
        '  - {name: "d", set: {tissue_confirmation: "unknown:stale"}, expect: "not-found"}',
        '  - {name: "e", set: {pancreatic_cancer: "unknown:not-searched"}, expect: "pancreatic_cancer"}',
        '  - {name: "f", set: {excluded_histology: "yes"}, expect: "excluded_histology"}',
        '  - {name: "g", set: {excluded_histology: "unknown:not-searched"}, expect: "not-found"}',
        '  - {name: "h", set: {under_eighteen: "yes"}, expect: "under_eighteen"}',
    ]
    path = cards_copy / CASES
    path.write_text("\n".join(lines), encoding="utf-8")
    survivors = mutants(cards_copy).survivors
    assert "tissue-before-systemic-therapy: closed-world: unknown under_eighteen read as yes" in survivors
    assert any("tissue_confirmation also no:non-diagnostic" in survivor for survivor in survivors)
    lines += ['  - {name: "i", set: {under_eighteen: "unknown:not-found"}, expect: "not-found"}']
    lines += [
        f'  - {{name: "{state}", set: {{tissue_confirmation: "{state}"}}, expect: "not-found"}}'
        for state in all_facts()["tissue_confirmation"].states
        if state != "yes"
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    report = mutants(cards_copy)
    assert report.survivors == ()
    assert report.total == report.killed + report.equivalent


def test_a_dropped_requirement_or_exclusion_differs(tissue_card: Card) -> None:
    for what in (replace(tissue_card, requires=()), replace(tissue_card, excluded_by=())):
        assert differs(Mutant("structural", "x", what), tissue_card)


def test_variations_of_conditions_at_their_edges(tissue_card: Card) -> None:
    """A leaf that every state meets has no negation; a condition of one part cannot lose it."""
    every = Is("under_eighteen", ("yes", "no", "unknown:*"))
    rule = Rule("r", All((every,)), True)
    found = [mutant.what for mutant in make_mutants(replace(tissue_card, rules=(rule,), suggestions=()))]
    assert "rule r: under_eighteen without no" in found
    assert not any("negated" in what or "part 1 dropped" in what for what in found)


def test_what_a_suggestion_removes_is_mutated(tissue_card: Card) -> None:
    found = {mutant.what: mutant for mutant in make_mutants(tissue_card)}
    cases = read_cases(tissue_card)
    for what in ("does not remove supportive_drug", "also removes pet_ct"):
        mutant = found[f"suggestion remove-draft-orders: {what}"]
        assert differs(mutant, tissue_card)
        assert is_killed(mutant, cases)
    assert not any("removes" in what and "liver-mri" in what for what in found)


def test_the_order_of_suggestions_is_mutated(tissue_card: Card) -> None:
    first, second = (
        replace(tissue_card.suggestions[0], template=name, rules=("not-found",), when=All(()))
        for name in ("liver-mri", "liver-biopsy-ct-guided")
    )
    card = replace(tissue_card, suggestions=(first, second))
    swapped = [mutant for mutant in make_mutants(card) if "one place earlier" in mutant.what and "sugg" in mutant.what]
    assert [mutant.what for mutant in swapped] == ["suggestion liver-biopsy-ct-guided one place earlier"]
    assert differs(swapped[0], card)


def test_a_table_too_large_is_refused_before_it_is_made(tissue_card: Card) -> None:
    names = tuple(name for name, spec in all_facts().items() if len(spec.states) > 4)
    rules = tuple(
        Rule(f"{name}-{place}", Is(name, (state,)), True)
        for name in names
        for place, state in enumerate(all_facts()[name].states)
    )
    with pytest.raises(ContentError, match=r"md:\d+: its truth table has \d+ rows, 4000000 can be proved"):
        TruthTable(names, replace(tissue_card, rules=rules))


def test_content_in_place_of_ours_is_proved_before_it_is_served(damage: Damage) -> None:
    cards = damage(CARD, "Both are listed below.", "Biopsy is Mandatory.")
    with pytest.raises(ContentError, match=r"md:\d+: 'mandatory' may not stand in a card"):
        load_content(cards)


def test_shared_words_of_content_in_place_of_ours_are_looked_at(damage: Damage) -> None:
    cards = damage(f"{FOLDER}/pathway.yaml", 'orders: "Orders', 'orders: "Mandatory orders')
    with pytest.raises(ContentError, match=r"pathway.yaml:\d+: 'mandatory' may not stand in a card"):
        load_content(cards)
