"""Vendor profiles: what each EHR is offered, and that nothing is left out unsaid (conformance part 4, decision 41)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decision import WITHHELD, Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.pathway.suggestions import LeftOut, name_left_out
from cds_service.pathway.vendors import GENERIC, PROFILES, VendorProfile, name_missing_orderables, profile_of
from cds_service.replay.stored import StoredCall, load_call, load_patient
from cds_service.trust.clients import Vendor

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
EPIC, ORACLE, SANDBOX = (PROFILES[name] for name in ("epic", "oracle", "sandbox"))
PREFERENCE_LIST = "urn:com.epic.cdshooks.action.code.system.preference-list-item"
BIOPSY, FUSION = "liver-biopsy-ct-guided", "liver-biopsy-ceus-fusion"
# A biopsy that is replaced, a CT that is replaced, a resection that is removed, regimens of one drug and of several.
PATIENTS = (
    "ct-biopsy-request-forgotten",
    "ct-ordered-despite-contrast-allergy",
    "ct-ordered-protocol-not-stated",
    "folfirinox-no-tissue",
    "gemcitabine-no-tissue-plain-ct",
    "liver-biopsy-again-guidance-not-stated",
    "resection-proven-liver-metastasis",
    "ultrasound-biopsy-again-biopsy-called-contraindicated",
)
CALLS = ("epic-gemcitabine-select", "epic-gemcitabine-sign", "sandbox-rx-capecitabine", "sandbox-rx-sign")


@cache
def shipped() -> Content:
    return load_content(find_cards())


def mapped(*templates: str) -> Content:
    """The content of a site that has put these orders on a preference list."""
    codes = {name: {"system": PREFERENCE_LIST, "code": f"key-{name}"} for name in templates}
    made = shipped().templates
    return replace(
        shipped(),
        templates={
            name: template.with_orderable(codes[name], keep_ours=False) if name in codes else template
            for name, template in made.items()
        },
    )


@cache
def decided(name: str, hook: str = "order-sign") -> tuple[HookCall, Decision, StoredCall]:
    """A stored patient or whole call, read and decided once: no profile has a part in that."""
    if name in CALLS:
        stored = load_call(FIXTURES / "calls" / f"{name}.json")
    else:
        patient = load_patient(FIXTURES / "patients" / name, FIXTURES / "orders")
        stored = next(call for call in patient if call.hook == hook)
    call = parse_call(stored.body(shipped().prefetch), stored.hook)
    content = stored.content(shipped())
    return call, evaluate(call, PrefetchSource(call.prefetch, content.prefetch), content, stored.now), stored


def answer(
    name: str, profile: VendorProfile, content: Content | None = None
) -> tuple[list[dict[str, Any]], Mapping[str, tuple[str, ...]]]:
    """The cards that go out, and what each lacks by topic."""
    call, decision, stored = decided(name)
    site = content or shipped()
    told = name_left_out(decision, site, profile)
    cards = render_response(told, site, call, stored.now, b"a key of tests", profile)["cards"]
    assert len(cards) == len(told.shown)
    return cards, {outcome.topic: outcome.left_out for outcome in told.shown}


def card_about(
    topic: str, name: str, profile: VendorProfile, content: Content | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    cards, left_out = answer(name, profile, content)
    return next(card for card in cards if card["source"]["topic"]["code"] == topic), left_out[topic]


def offered(card: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Label and kinds of action of each suggestion."""
    return [(made["label"], [action["type"] for action in made["actions"]]) for made in card.get("suggestions", ())]


# ---- The profiles


def test_every_vendor_of_the_site_file_has_a_profile_and_no_other() -> None:
    assert set(PROFILES) == {vendor.value for vendor in Vendor}
    assert {profile_of(vendor).name for vendor in Vendor} == set(PROFILES)


def test_a_call_of_no_client_is_answered_as_the_specification_has_it() -> None:
    assert profile_of("") is profile_of(Vendor.GENERIC) is GENERIC
    assert VendorProfile("generic") == GENERIC


# ---- Epic (conformance 4.2): one action, "any", orders by codes of the site


def test_epic_creates_only_what_the_site_has_mapped() -> None:
    """Decision 41. The order bears the code by which Epic finds it."""
    content = mapped(BIOPSY)
    card, left_out = card_about("UsBiopsyFailedChangeGuidance", PATIENTS[-1], EPIC, content)
    assert offered(card) == [("Order CT-guided percutaneous liver biopsy", ["create"])]
    assert card["selectionBehavior"] == "any"
    coding = card["suggestions"][0]["actions"][0]["resource"]["code"]["coding"]
    assert coding == [{"system": PREFERENCE_LIST, "code": f"key-{BIOPSY}"}]
    assert f"{FUSION}:no-orderable" in left_out


def test_an_epic_site_that_has_mapped_nothing_is_offered_no_order() -> None:
    for name in PATIENTS:
        for card in answer(name, EPIC)[0]:
            kinds = {action["type"] for made in card.get("suggestions", ()) for action in made["actions"]}
            assert kinds <= {"delete"}, name
            assert ("suggestions" in card) == ("selectionBehavior" in card)


@pytest.mark.parametrize("profile", [EPIC, SANDBOX], ids=lambda profile: profile.name)
@pytest.mark.parametrize(
    ("topic", "name", "template", "label"),
    [
        pytest.param(
            "UsBiopsyFailedChangeGuidance",
            PATIENTS[-1],
            BIOPSY,
            "Order CT-guided percutaneous liver biopsy",
            id="biopsy",
        ),
        pytest.param(
            "PancreasProtocolCt",
            "ct-ordered-protocol-not-stated",
            "pancreas-protocol-ct",
            "Order pancreas protocol CT",
            id="ct",
        ),
    ],
)
def test_an_order_that_replaces_a_draft_is_offered_alone_and_says_that_the_draft_stays(
    profile: VendorProfile, topic: str, name: str, template: str, label: str
) -> None:
    """The other half, removing the draft, could leave the patient without any: it is never offered."""
    content = mapped(template)
    whole = next(made for made in card_about(topic, name, GENERIC, content)[0]["suggestions"])
    assert [action["type"] for action in whole["actions"]] == ["create", "delete"]
    assert whole["label"].startswith("Replace by")
    card, left_out = card_about(topic, name, profile, content)
    made = next(made for made in card["suggestions"] if made["label"] == label)
    (action,) = made["actions"]
    assert action["type"] == "create"
    assert action["description"].endswith("remove it by hand if this one takes its place.")
    assert action["description"].startswith(content.templates[template].description)
    assert action["resource"] == whole["actions"][0]["resource"]
    assert f"{template}:removal-beside-order" in left_out


def test_an_order_that_replaces_nothing_does_not_speak_of_a_draft() -> None:
    content = mapped("liver-biopsy-image-guided")
    card, _ = card_about("TissueBeforeSystemicTherapy", "folfirinox-no-tissue", EPIC, content)
    (action,) = card["suggestions"][0]["actions"]
    assert action["description"] == content.templates["liver-biopsy-image-guided"].description


def test_a_regimen_of_several_drugs_is_not_removed_in_part() -> None:
    """A regimen without one of its drugs would look like another regimen."""
    generic, nothing = card_about("TissueBeforeSystemicTherapy", "folfirinox-no-tissue", GENERIC)
    removal = generic["suggestions"][-1]["actions"]
    assert len(removal) > 1
    assert {action["type"] for action in removal} == {"delete"}
    assert nothing == ()
    for profile in (EPIC, SANDBOX):
        card, left_out = card_about("TissueBeforeSystemicTherapy", "folfirinox-no-tissue", profile)
        assert "delete" not in {action["type"] for made in card.get("suggestions", ()) for action in made["actions"]}
        assert "remove-draft-orders:several-actions" in left_out


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("TissueBeforeSystemicTherapy", "epic-gemcitabine-select"),
        ("TissueBeforeSystemicTherapy", "epic-gemcitabine-sign"),
        ("ResectionWithLiverMetastases", "resection-proven-liver-metastasis"),
    ],
)
def test_a_single_draft_is_removed_by_its_own_id(topic: str, name: str) -> None:
    """Epic deletes unsigned orders, and its draft ids are 194 characters long."""
    card, left_out = card_about(topic, name, EPIC)
    (action,) = card["suggestions"][-1]["actions"]
    assert action["type"] == "delete"
    assert action["resourceId"] in {draft.reference for draft in decided(name)[1].orders.drafts}
    assert not any(name.startswith("remove-draft-orders") for name in left_out)


# ---- Oracle (conformance 4.3) and the sandbox (4.1)


def test_oracle_names_the_sources_in_the_text_because_it_may_take_links_out() -> None:
    for name in PATIENTS:
        for card, plain in zip(answer(name, ORACLE)[0], answer(name, GENERIC)[0], strict=True):
            closing = shipped().pathway.closing
            sources = "\n".join(f"- {link['label']}" for link in card["links"])
            before = plain["detail"].removesuffix(closing)
            assert card["detail"] == f"{before}**Sources**\n\n{sources}\n\n{closing}"
            assert {**card, "detail": ""} == {**plain, "detail": ""}


def test_the_sandbox_is_offered_orders_of_our_codes() -> None:
    """It has no catalogue: the button is there, though a ServiceRequest that it is to create has no effect."""
    card, left_out = card_about("TissueBeforeSystemicTherapy", "sandbox-rx-capecitabine", SANDBOX)
    generic, _ = card_about("TissueBeforeSystemicTherapy", "sandbox-rx-capecitabine", GENERIC)
    assert card == generic
    assert [kinds for _, kinds in offered(card)] == [["create"], ["create"], ["delete"]]
    assert left_out == ()


def test_no_prefetch_template_repeats_a_parameter() -> None:
    """The sandbox joins repeated parameters by a comma, which turns "and" into "or"."""
    for template in shipped().prefetch.values():
        names = [pair.partition("=")[0] for pair in template.partition("?")[2].split("&")]
        assert len(set(names)) == len(names)


# ---- Every profile


@pytest.mark.parametrize("name", [*PATIENTS, *CALLS])
@pytest.mark.parametrize("profile", [*PROFILES.values()], ids=[*PROFILES])
def test_what_is_not_offered_is_named(profile: VendorProfile, name: str) -> None:
    """Each suggestion of a card goes out or is left out by name, and one-action vendors get one action."""
    content = mapped(BIOPSY, "pancreas-protocol-ct")
    cards, left_out = answer(name, profile, content)
    for card, outcome in zip(cards, decided(name)[1].shown, strict=True):
        named = dict(each.split(":") for each in left_out[outcome.topic])
        whole = {template for template, reason in named.items() if reason != LeftOut.REMOVAL_BESIDE_ORDER}
        assert named.keys() <= set(outcome.suggestions)
        assert set(named.values()) <= set(LeftOut)
        assert len(card.get("suggestions", ())) == len(outcome.suggestions) - len(whole)
        for made in card.get("suggestions", ()):
            assert len(made["actions"]) == 1 or not profile.takes_one_action
        if "suggestions" in card:
            assert card["selectionBehavior"] == profile.selection_behavior


def test_no_profile_changes_what_is_decided_or_the_uuid_of_a_card() -> None:
    for name in PATIENTS:
        plain = answer(name, GENERIC)[0]
        for profile in PROFILES.values():
            assert [(card["uuid"], card["summary"], card["indicator"]) for card in answer(name, profile)[0]] == [
                (card["uuid"], card["summary"], card["indicator"]) for card in plain
            ]


def test_silent_cards_lack_nothing() -> None:
    _, decision, _ = decided("folfirinox-no-tissue")
    withheld = [replace(outcome, silence=WITHHELD) for outcome in decision.shown]
    assert any(outcome.suggestions for outcome in withheld)
    told = name_left_out(replace(decision, outcomes=tuple(withheld)), shipped(), EPIC)
    assert told.outcomes == tuple(withheld)


@pytest.mark.parametrize(
    ("drafts", "reason"),
    [
        pytest.param(0, LeftOut.NO_DRAFT, id="nothing-to-remove"),
        pytest.param(51, LeftOut.TOO_MANY_DRAFTS, id="too-many"),
        pytest.param(-1, LeftOut.DRAFT_WITHOUT_NAME, id="a-draft-that-cannot-be-named"),
    ],
)
def test_a_removal_that_cannot_be_made_is_named_for_every_vendor(drafts: int, reason: LeftOut) -> None:
    _, decision, _ = decided("epic-gemcitabine-sign")
    drug = next(order for order in decision.orders.drafts if "systemic_anticancer_drug" in order.kinds)
    made = tuple(replace(drug, reference=f"MedicationRequest/m{number}") for number in range(drafts))
    if drafts < 0:
        made = (replace(drug, reference="urn:uuid:4"),)
    changed = replace(decision, orders=replace(decision.orders, drafts=made))
    for profile in PROFILES.values():
        told = name_left_out(changed, shipped(), profile).shown[0]
        assert f"remove-draft-orders:{reason}" in told.left_out


def test_of_a_regimen_that_is_signed_in_part_nothing_is_removed_for_any_vendor() -> None:
    """One draft beside signed drugs is no removal of one draft."""
    _, decision, _ = decided("epic-gemcitabine-sign")
    drug = next(order for order in decision.orders.drafts if "systemic_anticancer_drug" in order.kinds)
    signed = replace(drug, reference="MedicationRequest/m2", resource={**drug.resource, "status": "active"})
    changed = replace(decision, orders=replace(decision.orders, drafts=(drug, signed)))
    for profile in PROFILES.values():
        told = name_left_out(changed, shipped(), profile).shown[0]
        assert f"remove-draft-orders:{LeftOut.PART_IS_SIGNED}" in told.left_out


def test_a_site_that_has_mapped_every_order_lacks_none() -> None:
    everything = mapped(*shipped().templates).templates.values()
    assert name_missing_orderables("hospital", "epic", everything) == ()
    assert name_missing_orderables("hospital", "generic", shipped().templates.values()) == ()
    (line,) = name_missing_orderables("hospital", "epic", mapped(BIOPSY).templates.values())
    assert (FUSION in line, BIOPSY in line) == (True, False)
