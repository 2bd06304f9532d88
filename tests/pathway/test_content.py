"""Loading content: every typing slip is refused with its file, its line where there is one, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.content_files import read_text, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.pathway.content import Content, load_content

PATHWAY = "pancreatic-liver-metastases"
CARD = f"{PATHWAY}/tissue-before-systemic-therapy.md"
Damage = Callable[[str, str, str], Path]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        pytest.param(CARD, "---\nid:", "id:", r"md:1: a card file begins with YAML", id="no-front-matter"),
        pytest.param(
            CARD,
            'version: "1.0.0"',
            "version: 1.0",
            r"md:5: version: 1.0 is not of type 'string'",
            id="version-a-number",
        ),
        pytest.param(
            CARD, 'version: "1.0.0"', 'version: "1.0.0"\nvoid: 1', r"'void' was unexpected", id="unknown-member"
        ),
        pytest.param(
            CARD, 'status: "draft"', 'status: "final"', r"md:6: status: 'final' is not one of", id="unknown-status"
        ),
        pytest.param(
            CARD,
            'status: "draft"',
            'status: "active"',
            r"an active card needs reviewed_by",
            id="active-without-reviewer",
        ),
        pytest.param(CARD, 'topic: "Tissue', 'topic: "Tissue ', r"md:3: topic", id="topic-with-blank"),
        pytest.param(CARD, '"esmo-pancreas"', '"esmo"', r"unregistered source 'esmo'", id="unregistered-source"),
        pytest.param(
            CARD,
            'requires: ["pancreatic_cancer"]',
            'requires: ["pancreas"]',
            r"md:\d+: unknown fact 'pancreas'",
            id="unknown-fact",
        ),
        pytest.param(
            CARD,
            '"unknown:stale-suspected"]}\n',
            '"unknown:old"]}\n',
            r"md:\d+: liver_metastases is never 'unknown:old'",
            id="unknown-state",
        ),
        pytest.param(
            CARD, '{all: ["liver-involved"', '{all: ["liver"', r"md:\d+: unknown term 'liver'", id="unknown-term"
        ),
        pytest.param(
            CARD, '- id: "pending"', '- id: "ordered"', r"md:\d+: the rule 'ordered' stands twice", id="rule-twice"
        ),
        pytest.param(
            CARD,
            '      - text: "Later',
            '      - when: {tissue_confirmation: "yes"}\n        text: "Later',
            r"md:\d+: the last summary of a rule has no `when`",
            id="last-summary-conditional",
        ),
        pytest.param(
            CARD,
            'rules: ["not-found", "non-diagnostic"]',
            'rules: ["found"]',
            r"md:\d+: a suggestion names unknown rules: found",
            id="suggestion-for-unknown-rule",
        ),
        pytest.param(
            CARD,
            '    label: "Remove the draft drug orders until tissue is back"\n',
            "",
            r"md:\d+: a suggestion that removes drafts has `removes` and `label`",
            id="removal-without-label",
        ),
        pytest.param(
            CARD,
            '    removes: ["systemic_anticancer_drug", "supportive_drug"]\n    rules: ["other-primary"]',
            '    rules: ["other-primary"]',
            r"md:\d+: a suggestion that removes drafts has `removes` and `label`",
            id="label-without-removal",
        ),
        pytest.param(
            CARD,
            'rules: ["other-primary"]\n\noverride',
            'rules: ["other-primary", "pending"]\n\noverride',
            r"md:\d+: remove-draft-orders for pending removes other drafts in line \d+",
            id="one-removal-two-ways",
        ),
        pytest.param(
            CARD,
            "terms:\n",
            "terms:\n  deep: " + "{any: [" * 150 + '{bleeding_risk: ["yes"]}' + "]}" * 150 + "\n",
            r"md:\d+: is nested too deeply",
            id="conditions-too-deep",
        ),
        pytest.param(
            CARD,
            '- template: "liver-mri"',
            '- template: "mri"',
            r"md:\d+: unknown order template 'mri'",
            id="unknown-template",
        ),
        pytest.param(
            CARD, '"clinical-urgency"', '"hurry"', r"unknown override reason 'hurry'", id="unknown-override-reason"
        ),
        pytest.param(
            CARD,
            'indicator: {order-select: "warning", order-sign: "warning"}',
            'indicator: {order-select: "warning"}',
            r"md:\d+: indicator names each hook once",
            id="hook-without-indicator",
        ),
        pytest.param(
            CARD,
            'indicator: {order-select: "warning"',
            'indicator: {order-select: "hard-stop"',
            r"md:\d+: rules/\d+.*'hard-stop' is not one of",
            id="unknown-indicator",
        ),
        pytest.param(
            CARD, 'title: "Tissue', 'title: "Other"\ntitle: "Tissue', r"md:\d+: not valid YAML", id="key-twice"
        ),
        pytest.param(
            CARD,
            'owner: "pathway editors"',
            "owner: &a x\nreviewed_by: *a",
            r"md:\d+: YAML aliases are not allowed",
            id="alias",
        ),
        pytest.param(
            f"{PATHWAY}/pathway.yaml",
            '  - "tissue-before-systemic-therapy"\n',
            "",
            r"has no rank",
            id="card-without-rank",
        ),
        pytest.param(
            f"{PATHWAY}/pathway.yaml",
            'gate: "pancreatic_cancer"',
            'gate: "pancreas"',
            r"pathway.yaml:\d+: unknown fact 'pancreas'",
            id="unknown-gate",
        ),
        pytest.param(
            f"{PATHWAY}/pathway.yaml",
            "most_cards: 2",
            'most_cards: "two"',
            r"members of a pathway file",
            id="most-cards-a-word",
        ),
        pytest.param(
            f"{PATHWAY}/pathway.yaml",
            "most_cards: 2",
            "",
            r"members of a pathway file: 'most_cards'",
            id="member-missing",
        ),
        pytest.param(
            f"{PATHWAY}/override-reasons.yaml",
            'other: "Other"',
            "",
            r"unknown override reason 'other'",
            id="reason-removed",
        ),
        pytest.param(
            f"{PATHWAY}/settings.yaml",
            "mri_window: 42",
            "mri_window: -1",
            r"settings.yaml:\d+: mri_window must be a whole number, not negative",
            id="negative-window",
        ),
        pytest.param(
            f"{PATHWAY}/settings.yaml",
            "mri_window: 42",
            "mri_windows: 42",
            r"settings.yaml:\d+: unknown setting 'mri_windows'",
            id="unknown-setting",
        ),
        pytest.param(
            f"{PATHWAY}/settings.yaml", "mri_window: 42", "", r"missing settings: mri_window", id="missing-setting"
        ),
        pytest.param(
            f"{PATHWAY}/settings.yaml",
            "reports_categories_reliable: false",
            "reports_categories_reliable: 0",
            r"must be true or false",
            id="switch-a-number",
        ),
        pytest.param(
            "sources.yaml",
            "https://www.nice",
            "http://www.nice",
            r"sources.yaml:\d+: the url of 'nice-ng85' must begin with https",
            id="plain-http-link",
        ),
        pytest.param(
            "sources.yaml",
            "reviewed:",
            "review:",
            r"sources.yaml:\d+: a source has label, url, reviewed and claim",
            id="source-member-misnamed",
        ),
        pytest.param(
            "prefetch.yaml",
            "documents:",
            "papers:",
            r"no template for the search 'documents'",
            id="search-without-template",
        ),
        pytest.param(
            "prefetch.yaml",
            "documents:",
            'papers: "x"\ndocuments:',
            r"prefetch.yaml:\d+: the search 'papers' is read by no fact",
            id="search-nobody-reads",
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            '"status": "draft"',
            '"status": "active"',
            r"has the status draft",
            id="template-not-draft",
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            '"intent": "order",',
            "",
            r"not a valid R4B ServiceRequest: intent",
            id="template-without-intent",
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            "241622002",
            "999999999",
            r"the code 999999999 is in no value set",
            id="template-code-unverified",
        ),
        pytest.param(
            "order-templates/liver-mri.json", '"subject", ', "", r"`fill` takes", id="template-without-subject"
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            '"fill"',
            '"fills"',
            r"an order template has exactly these members",
            id="template-member-misnamed",
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            '"status"',
            '"status": "draft", "status"',
            r"'status' stands twice",
            id="json-key-twice",
        ),
        pytest.param(
            "order-templates/liver-mri.json",
            '"status": "draft"',
            '"status" "draft"',
            r"json:\d+: not valid JSON",
            id="not-json",
        ),
    ],
)
def test_a_slip_stops_the_load(damage: Damage, name: str, old: str, new: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        load_content(damage(name, old, new))


@pytest.mark.parametrize(
    "name", [f"{PATHWAY}/pathway.yaml", f"{PATHWAY}/settings.yaml", "sources.yaml", "prefetch.yaml"]
)
def test_a_file_that_is_no_mapping_is_refused(cards_copy: Path, name: str) -> None:
    (cards_copy / name).write_text("- a\n", encoding="utf-8")
    with pytest.raises(ContentError, match="must be a mapping"):
        load_content(cards_copy)


def test_a_missing_file_is_named(cards_copy: Path) -> None:
    (cards_copy / "sources.yaml").unlink()
    with pytest.raises(ContentError, match=r"sources.yaml: cannot be read"):
        load_content(cards_copy)


def test_a_file_in_another_encoding_is_refused(cards_copy: Path) -> None:
    (cards_copy / "sources.yaml").write_bytes("é".encode("latin-1"))
    with pytest.raises(ContentError, match="not UTF-8"):
        load_content(cards_copy)


def test_a_huge_file_is_refused(cards_copy: Path) -> None:
    (cards_copy / "sources.yaml").write_bytes(b"#" * 2_000_001)
    with pytest.raises(ContentError, match="larger than"):
        load_content(cards_copy)


def test_a_retired_card_is_checked_but_not_served(damage: Damage) -> None:
    served = {card.id for card in load_content(damage(CARD, 'status: "draft"', 'status: "retired"')).cards}
    assert "tissue-before-systemic-therapy" not in served
    assert "resection-with-liver-metastases" in served


def test_an_active_card_with_a_reviewer_is_served(damage: Damage) -> None:
    loaded = load_content(
        damage(CARD, 'status: "draft"', 'status: "active"\nreviewed_by: "A. Clinician"\nreview_due: "2027-01-01"')
    )
    reviewers = {card.id: card.reviewed_by for card in loaded.cards}
    assert reviewers["tissue-before-systemic-therapy"] == "A. Clinician"


def test_the_digest_changes_with_any_byte(damage: Damage, content: Content) -> None:
    assert load_content(damage("sources.yaml", "Tissue", "tissue")).digest != content.digest


def test_every_search_of_a_fact_has_a_template(content: Content) -> None:
    assert {key for spec in all_facts().values() for key in spec.searches} <= set(content.prefetch)


def test_templates_stay_in_the_widely_supported_subset(content: Content) -> None:
    """PFT-01 to PFT-06, PFT-11, PFT-12: one token, no encounter, no chain, no modifier, no repeated parameter."""
    for template in content.prefetch.values():
        assert template.count("{{") == template.count("}}") == template.count("{{context.patientId}}") == 1
        query = template.partition("?")[2]
        names = [part.partition("=")[0] for part in query.split("&") if part]
        assert len(names) == len(set(names))
        assert all(name.isalpha() for name in names)


def test_a_file_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(ContentError, match=r"is larger than 2000000 bytes"):
        read_text(Path("/dev/zero"))


@pytest.mark.parametrize("text", ["a: 1\nb: " + "[" * 3000 + "]" * 3000, "\n".join(" " * n + "a:" for n in range(900))])
def test_yaml_nested_too_deeply_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=r"deep.yaml:\d+: is nested too deeply"):
        read_yaml(path)
