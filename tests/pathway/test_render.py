"""From a decision to cards: what stands in them, what never does, and that uuids name the finding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.orders import Order, Orders
from cds_service.fhir.source import Completeness
from cds_service.hooks.call import HookCall
from cds_service.pathway.card import Card
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.render import MOST_ITEMS, render_response
from cds_service.pathway.suggestions import MOST_REMOVED
from cds_service.record import Search

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = b"test key"
CALL = HookCall("order-sign", "i", "p1", "Practitioner/d", "e1", None, (), {}, "")
DRUG = Order(
    "MedicationRequest/m1",
    {"resourceType": "MedicationRequest", "id": "m1", "status": "draft"},
    frozenset({"systemic_anticancer_drug"}),
    frozenset({"drug.gemcitabine"}),
    "gemcitabine <b>1 g</b>",
    "",
)
FOLINIC = replace(DRUG, reference="MedicationRequest/m2", kinds=frozenset({"supportive_drug"}), label="folinic acid")
SIGNED = replace(DRUG, reference="MedicationRequest/m3", resource={"status": "active"})
NAMELESS = replace(DRUG, reference="urn:uuid:4", label="")
OTHER = replace(DRUG, reference="MedicationRequest/m5", kinds=frozenset())


def decision(rule: str, suggestions: tuple[str, ...] = (), **facts: Fact) -> Decision:
    outcome = Outcome(
        "tissue-before-systemic-therapy", "TissueBeforeSystemicTherapy", rule, rule, "", "warning", suggestions
    )
    drafts = (DRUG, FOLINIC, OTHER)
    orders = Orders("order-sign", drafts, (DRUG,), ())
    known: Mapping[str, Fact] = MappingProxyType(
        {
            "tissue_confirmation": Fact("tissue_confirmation", "unknown", "not-found"),
            "liver_metastases": Fact("liver_metastases", "yes", "imaging-definite"),
            **facts,
        }
    )
    return Decision("order-sign", orders, _complete(known), (outcome,), MappingProxyType({}))


def _complete(known: Mapping[str, Fact]) -> Mapping[str, Fact]:
    names = (
        "pancreatic_cancer",
        "pathology_pending",
        "biopsy_requested",
        "biopsy_declined_or_contraindicated",
        "failed_ultrasound_biopsy",
        "prior_systemic_therapy",
        "other_primary_history",
        "bleeding_risk",
        "excluded_histology",
        "under_eighteen",
        "mri_liver_done",
        "mri_contraindicated",
        "resectability",
        "tissue_scope_extends",
        "histology_mismatch",
        "other_distant_disease",
    )
    return MappingProxyType({**{name: Fact(name, "no") for name in names}, **known})


def card_of(
    content: Content, decided: Decision, call: HookCall = CALL, now: datetime = NOW, key: bytes = KEY
) -> dict[str, Any]:
    cards: list[dict[str, Any]] = render_response(decided, content, call, now, key)["cards"]
    assert len(cards) == 1
    return cards[0]


def test_a_card_has_the_attributes_that_clients_need(content: Content) -> None:
    card = card_of(content, decision("not-found"))
    assert (
        card["summary"]
        == "Liver metastases recorded, no confirming pathology found: obtain tissue before starting systemic therapy"
    )
    assert card["indicator"] == "warning"
    assert card["source"]["topic"] == {
        "system": content.pathway.card_system,
        "code": "TissueBeforeSystemicTherapy",
        "display": "Tissue before systemic therapy",
    }
    assert card["source"]["label"].endswith(content.pathway.version)
    assert card["extension"] == {"cds-service.variant": "not-found"}
    assert all(set(reason) == {"code", "system", "display"} for reason in card["overrideReasons"])
    assert len(card["overrideReasons"]) == 8
    assert all(link["type"] == "absolute" and link["url"].startswith("https://") for link in card["links"])
    assert str(UUID(card["uuid"])) == card["uuid"]
    assert "suggestions" not in card
    assert "selectionBehavior" not in card


@pytest.mark.parametrize(
    "rule",
    [
        "other-primary",
        "conflict",
        "later-line",
        "accepted",
        "ordered",
        "pending",
        "non-diagnostic",
        "declared-only",
        "unreadable",
        "not-found",
        "liver-unclear",
        "could-not-check",
    ],
)
def test_every_variant_ends_with_the_closing_sentence_and_shows_its_status(
    content: Content, tissue_card: Card, rule: str
) -> None:
    card = card_of(content, decision(rule))
    assert card["detail"].endswith(
        "Advisory. Built from documents pending clinical review. Clinical judgement applies."
    )
    assert "Content status: draft, version 1.0.0, not yet reviewed by a clinician." in card["detail"]
    assert tissue_card.rule(rule).lead in card["detail"]
    assert len(card["summary"]) < 140
    for word in content.pathway.banned:
        assert word.lower() not in (card["summary"] + card["detail"]).lower()


def test_a_suspected_level_changes_the_summary(content: Content) -> None:
    card = card_of(
        content, decision("not-found", liver_metastases=Fact("liver_metastases", "yes", "imaging-suspected"))
    )
    assert card["summary"].startswith("Liver metastases suspected on imaging")


def test_evidence_lines_say_what_date_status_source_quote_and_why(content: Content) -> None:
    items = (
        Evidence("DiagnosticReport/d1", "Liver <script>", "2026-01-02", "final", 'no "malignancy"', False, "negative"),
        Evidence("DiagnosticReport/d2", "", "", "", "", True, "from text"),
        Evidence("", "reports", "", "", "", False, "was not sent"),
    )
    detail = card_of(
        content, decision("not-found", tissue_confirmation=Fact("tissue_confirmation", "unknown", "not-found", items))
    )["detail"]
    assert "**Pathology considered** (unknown, not-found)" in detail
    assert (
        '- DiagnosticReport/d1, 2026-01-02, final: Liver &lt;script&gt; "no \\"malignancy\\"" (did not count: negative)'
        in detail
    )
    assert "- DiagnosticReport/d2, undated, no status:  (from text)" in detail.replace(":  (", ":  (")
    assert "was not sent" not in detail


def test_long_evidence_is_counted_not_cut_silently(content: Content) -> None:
    items = tuple(Evidence(f"Condition/c{number}", "x") for number in range(MOST_ITEMS + 3))
    detail = card_of(
        content, decision("not-found", pancreatic_cancer=Fact("pancreatic_cancer", "yes", "confirmed", items))
    )["detail"]
    assert "- and 3 more" in detail
    assert detail.count("Condition/c") == MOST_ITEMS


def test_gaps_name_searches_exclusions_and_notes_once(content: Content) -> None:
    base = decision(
        "could-not-check",
        tissue_confirmation=Fact("tissue_confirmation", "unknown", "not-searched", gaps=("reports: was not sent",)),
    )
    searches = {
        "reports": Search("reports", Completeness.NOT_ATTEMPTED, ("was not sent",)),
        "flags": Search("flags", Completeness.FAILED, ("answered an error",)),
        "conditions": Search("conditions", Completeness.COMPLETE),
    }
    decided = replace(
        base,
        searches=MappingProxyType(searches),
        orders=replace(base.orders, notes=("a selection matched no draft order",)),
        outcomes=(replace(base.outcomes[0], not_ruled_out=("under_eighteen",)),),
    )
    detail = card_of(content, decided)["detail"]
    block = detail.partition("**Not read or not certain**")[2]
    assert block.count("reports: was not sent") == 1
    assert "- search flags: answered an error" in block
    assert "conditions" not in block
    assert "- under eighteen could not be ruled out" in block
    assert "- a selection matched no draft order" in block


def test_no_markup_forms_among_the_gaps(content: Content) -> None:
    attack = "<img src=x onerror=alert(1)> [click](http://evil.example)"
    base = decision(
        "could-not-check",
        tissue_confirmation=Fact("tissue_confirmation", "unknown", "not-searched", gaps=(f"reports: {attack}",)),
    )
    searches = {"flags": Search("flags", Completeness.FAILED, (attack,))}
    decided = replace(
        base, searches=MappingProxyType(searches), orders=replace(base.orders, notes=(f"a note {attack}",))
    )
    block = card_of(content, decided)["detail"].partition("**Not read or not certain**")[2]
    assert block.count("&lt;img") == len(("gap", "problem", "note"))
    assert "<img" not in block
    assert block.count("](") == block.count("\\](")


def test_orders_are_named_and_escaped(content: Content) -> None:
    detail = card_of(content, decision("not-found"))["detail"]
    assert "- MedicationRequest/m1: gemcitabine &lt;b&gt;1 g&lt;\\/b&gt;" in detail
    assert not re.search(r"<[a-zA-Z/!]", detail)


def _drugs(count: int) -> tuple[Order, ...]:
    return tuple(replace(DRUG, reference=f"MedicationRequest/m{number}") for number in range(count))


@pytest.mark.parametrize(("count", "more"), [(MOST_ITEMS, ""), (MOST_ITEMS + 3, "- and 3 more")])
def test_many_orders_are_counted_not_cut_silently(content: Content, count: int, more: str) -> None:
    base = decision("not-found")
    detail = card_of(content, replace(base, orders=replace(base.orders, selected=_drugs(count))))["detail"]
    assert detail.count("- MedicationRequest/m") == MOST_ITEMS
    assert more in detail
    assert ("more\n" in detail) == bool(more)


def test_suggestions_create_valid_drafts_with_references(content: Content, tissue_card: Card) -> None:
    facts = {
        "pancreatic_cancer": Fact(
            "pancreatic_cancer",
            "yes",
            "confirmed",
            (Evidence("Condition/c1", "x"), Evidence("Condition/c2", "x", counted=False)),
        ),
        "liver_metastases": Fact(
            "liver_metastases",
            "yes",
            "imaging-definite",
            (Evidence("DiagnosticReport/ct", "x"), Evidence("Condition/c3", "x")),
        ),
    }
    offered = tuple(sorted({item.template for item in tissue_card.suggestions} & set(content.templates)))
    card = card_of(content, decision("not-found", offered, **facts))
    assert card["selectionBehavior"] == "at-most-one"
    assert [suggestion["label"] for suggestion in card["suggestions"]] == [
        content.templates[name].label for name in offered
    ]
    assert len({suggestion["uuid"] for suggestion in card["suggestions"]} | {card["uuid"]}) == len(offered) + 1
    for suggestion in card["suggestions"]:
        (action,) = suggestion["actions"]
        resource = action["resource"]
        assert (action["type"], bool(action["description"])) == ("create", True)
        ServiceRequest.model_validate(resource)
        assert resource["subject"] == {"reference": "Patient/p1"}
        assert resource["encounter"] == {"reference": "Encounter/e1"}
        assert resource["reasonReference"] == [{"reference": "Condition/c1"}]
        assert resource["supportingInfo"] == [{"reference": "DiagnosticReport/ct"}]


def test_a_call_without_encounter_gives_an_order_without_one(content: Content) -> None:
    card = card_of(content, decision("not-found", ("liver-mri",)), replace(CALL, encounter_id=""))
    resource = card["suggestions"][0]["actions"][0]["resource"]
    assert "encounter" not in resource
    assert "reasonReference" not in resource


def test_removal_deletes_every_draft_of_the_regimen_and_nothing_else(content: Content) -> None:
    card = card_of(content, decision("not-found", ("remove-draft-orders",)))
    (suggestion,) = card["suggestions"]
    assert suggestion["label"] == "Remove the draft drug orders until tissue is back"
    assert [action["resourceId"] for action in suggestion["actions"]] == [
        "MedicationRequest/m1",
        "MedicationRequest/m2",
    ]
    assert [action["description"] for action in suggestion["actions"]] == [
        "Remove the draft order gemcitabine b 1 g /b",
        "Remove the draft order folinic acid",
    ]
    assert all(action["type"] == "delete" and "resource" not in action for action in suggestion["actions"])


@pytest.mark.parametrize("reference", ["urn:uuid:4", "MedicationRequest/<img src=x>", "MedicationRequest/a b"])
def test_a_draft_that_cannot_be_named_means_no_removal_at_all(content: Content, reference: str) -> None:
    """A regimen removed in part would look removed; and no odd id reaches an action."""
    base = decision("not-found", ("remove-draft-orders",))
    odd = replace(DRUG, reference=reference, label="***")
    card = card_of(content, replace(base, orders=replace(base.orders, drafts=(FOLINIC, odd))))
    assert "suggestions" not in card


def test_a_removal_is_complete_or_not_offered(content: Content) -> None:
    """A removal in part would look complete; one that is not offered is told among the gaps."""
    base = decision("not-found", ("remove-draft-orders",))
    said = content.pathway.wording.too_many_to_remove
    most = card_of(content, replace(base, orders=replace(base.orders, drafts=_drugs(MOST_REMOVED))))
    assert len(most["suggestions"][0]["actions"]) == MOST_REMOVED
    assert said not in most["detail"]
    more = card_of(content, replace(base, orders=replace(base.orders, drafts=_drugs(MOST_REMOVED + 1))))
    assert "suggestions" not in more
    assert f"- {said}" in more["detail"].partition("**Not read or not certain**")[2]


def test_two_versions_of_one_draft_are_deleted_once(content: Content) -> None:
    base = decision("not-found", ("remove-draft-orders",))
    again = replace(DRUG, resource={"status": "draft", "dose": 2})
    card = card_of(content, replace(base, orders=replace(base.orders, drafts=(DRUG, again))))
    assert len(card["suggestions"][0]["actions"]) == 1


def test_an_odd_record_id_is_not_put_into_an_order(content: Content) -> None:
    items = (Evidence("Condition/a\u202eb", "x"), Evidence("Condition/ok", "x"))
    odd = Fact("pancreatic_cancer", "yes", "confirmed", items)
    card = card_of(content, decision("not-found", ("liver-mri",), pancreatic_cancer=odd))
    assert card["suggestions"][0]["actions"][0]["resource"]["reasonReference"] == [{"reference": "Condition/ok"}]


def test_nothing_to_delete_means_no_suggestion(content: Content) -> None:
    base = decision("not-found", ("remove-draft-orders",))
    assert "suggestions" not in card_of(content, replace(base, orders=replace(base.orders, drafts=(SIGNED, OTHER))))


@pytest.mark.parametrize(
    ("status", "removed"), [("active", 0), ("on-hold", 0), ("cancelled", 2), ("stopped", 2), ("completed", 2)]
)
def test_half_a_regimen_is_not_removed(content: Content, status: str, removed: int) -> None:
    """What is signed stays; its companions would be gone."""
    base = decision("not-found", ("remove-draft-orders",))
    other = replace(SIGNED, resource={"status": status})
    card = card_of(content, replace(base, orders=replace(base.orders, drafts=(*base.orders.drafts, other))))
    actions = [action for found in card.get("suggestions", ()) for action in found["actions"]]
    assert len(actions) == removed


def test_a_nameless_draft_is_removed_by_its_reference(content: Content) -> None:
    base = decision("not-found", ("remove-draft-orders",))
    bare = replace(DRUG, label="")
    card = card_of(content, replace(base, orders=replace(base.orders, drafts=(bare,))))
    assert card["suggestions"][0]["actions"][0]["description"] == "Remove the draft order MedicationRequest/m1"


def test_a_nameless_order_is_said_to_have_no_name(content: Content) -> None:
    base = decision("not-found")
    assert (
        "no name given" in card_of(content, replace(base, orders=replace(base.orders, selected=(NAMELESS,))))["detail"]
    )


def test_silent_outcomes_are_not_rendered(content: Content) -> None:
    base = decision("not-found")
    silent = replace(base, outcomes=(replace(base.outcomes[0], silence="quiet-at-hook"),))
    assert render_response(silent, content, CALL, NOW, KEY) == {"cards": []}


def test_the_uuid_is_stable_within_a_day_and_follows_the_finding(content: Content) -> None:
    base = decision("not-found")
    uuid = card_of(content, base)["uuid"]
    again = replace(base, orders=replace(base.orders, selected=(replace(DRUG, resource={"dose": 2}),)))
    assert card_of(content, again, now=NOW + timedelta(hours=5))["uuid"] == uuid
    different = [
        card_of(content, base, replace(CALL, patient_id="p2")),
        card_of(content, base, replace(CALL, user_id="")),
        card_of(content, base, replace(CALL, encounter_id="")),
        card_of(content, base, now=NOW + timedelta(days=1)),
        card_of(content, base, key=b"other"),
        card_of(
            content,
            replace(
                base, orders=replace(base.orders, selected=(replace(DRUG, concepts=frozenset({"drug.cisplatin"})),))
            ),
        ),
        card_of(content, decision("pending")),
        card_of(
            content,
            decision(
                "not-found",
                liver_metastases=Fact(
                    "liver_metastases", "yes", "imaging-definite", (Evidence("DiagnosticReport/new", "x"),)
                ),
            ),
        ),
        # A corrected value under the same id and date is another finding: the card shows it.
        card_of(content, decision("not-found", liver_metastases=replace_label(base, "corrected"))),
    ]
    assert len({uuid, *(card["uuid"] for card in different)}) == len(different) + 1


def replace_label(base: Decision, label: str) -> Fact:
    return base.facts["liver_metastases"]._replace(label=label)


def test_the_uuid_does_not_follow_what_other_cards_looked_at(content: Content) -> None:
    """Decision 39: a further draft, or a fact of another card of the call, is not this finding."""
    base = decision("not-found")
    other = replace(
        base, facts=MappingProxyType({**base.facts, "performance_status": Fact("performance_status", "yes")})
    )
    listed = Evidence("Observation/new", "x", counted=False)
    seen = decision("not-found", bleeding_risk=Fact("bleeding_risk", "no", evidence=(listed,)))
    assert {card_of(content, item)["uuid"] for item in (base, other, seen)} == {card_of(content, base)["uuid"]}


BIOPSY = Order(
    "ServiceRequest/b1",
    {"resourceType": "ServiceRequest", "id": "b1", "status": "draft"},
    frozenset({"liver_biopsy"}),
    frozenset({"proc.liver_biopsy"}),
    "US-guided liver biopsy",
    "",
)


def biopsy_decision(content: Content, *drafts: Order) -> Decision:
    """Card C2 offers its replacement for these drafts."""
    card = next(card for card in content.cards if card.topic == "UsBiopsyFailedChangeGuidance")
    names = {*card.deciding_facts(), *card.wording_facts(), *card.shown_facts}
    facts = MappingProxyType({name: Fact(name, "no") for name in names})
    outcome = Outcome(
        card.id, card.topic, "ultrasound-again", "ultrasound-again", "", "warning", ("liver-biopsy-ct-guided",)
    )
    return Decision("order-sign", Orders("order-sign", drafts, drafts, ()), facts, (outcome,), MappingProxyType({}))


def test_a_replacement_creates_the_new_order_and_deletes_the_draft_in_one_suggestion(content: Content) -> None:
    """Decision 28."""
    (suggestion,) = card_of(content, biopsy_decision(content, BIOPSY, DRUG))["suggestions"]
    assert suggestion["label"] == "Replace by CT-guided percutaneous liver biopsy"
    created, deleted = suggestion["actions"]
    assert (created["type"], created["resource"]["code"]["text"]) == (
        "create",
        "CT-guided percutaneous biopsy of liver",
    )
    assert (deleted["type"], deleted["resourceId"]) == ("delete", "ServiceRequest/b1")


def test_too_many_drafts_are_not_replaced(content: Content) -> None:
    drafts = (replace(BIOPSY, reference=f"ServiceRequest/b{number}") for number in range(MOST_REMOVED + 1))
    card = card_of(content, biopsy_decision(content, *drafts))
    assert "suggestions" not in card
    assert content.pathway.wording.too_many_to_remove in card["detail"]


def test_what_is_signed_already_is_not_replaced_and_the_new_order_stands_alone(content: Content) -> None:
    signed = replace(BIOPSY, resource={**BIOPSY.resource, "status": "active"})
    (suggestion,) = card_of(content, biopsy_decision(content, signed))["suggestions"]
    assert suggestion["label"] == content.templates["liver-biopsy-ct-guided"].label
    assert [action["type"] for action in suggestion["actions"]] == ["create"]


def test_a_draft_that_cannot_be_named_is_not_replaced(content: Content) -> None:
    assert "suggestions" not in card_of(content, biopsy_decision(content, replace(BIOPSY, reference="urn:uuid:4")))
