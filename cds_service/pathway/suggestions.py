"""Suggestions: order templates filled with ids, and the removal of drafts (decisions 25, 28, 41).

Each is planned first: what it creates and removes at this vendor's EHR, or why it is left out. A suggestion never
does half of what it says: a removal of several drafts is whole or not offered. Where one action is all that is taken,
an order that replaces drafts is offered alone and says that they stay; its removal is never offered without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from cds_service.facts.orders import NOT_LIVE, Order
from cds_service.fhir.shapes import as_text
from cds_service.hooks.call import HookCall
from cds_service.pathway.card import Card, Suggestion
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.escape import is_plain_reference, plain_label
from cds_service.pathway.identity import Identity
from cds_service.pathway.templates import REMOVE_DRAFTS
from cds_service.pathway.vendors import VendorProfile

MOST_REMOVED = 50
"""Drafts that one suggestion may delete. A regimen has a dozen; with more none is deleted, and the card says so."""


class LeftOut(StrEnum):
    """Why an answer lacks a suggestion of its card, or a part of it."""

    NO_ORDERABLE = "no-orderable"
    """This vendor creates only what the site has mapped, and nothing is mapped for this order."""
    SEVERAL_ACTIONS = "several-actions"
    """This vendor would remove one of several drafts: nothing is removed."""
    REMOVAL_BESIDE_ORDER = "removal-beside-order"
    """This vendor takes one action: the order is offered, the removal of the drafts that it replaces is not."""
    DRAFT_WITHOUT_NAME = "draft-without-name"
    TOO_MANY_DRAFTS = "too-many-drafts"
    PART_IS_SIGNED = "part-is-signed"
    """An order of the same kinds is no draft any more: without the drafts beside it, half a regimen would stand."""
    NO_DRAFT = "no-draft"
    """There is nothing to remove."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one suggestion of a card. ``removed`` are drafts by reference.

    ``left_out`` is None if all of it is offered; else it is left out, or its removal is (``REMOVAL_BESIDE_ORDER``).
    """

    template: str
    removed: Mapping[str, Order] = field(default_factory=dict)
    left_out: LeftOut | None = None

    @property
    def is_offered(self) -> bool:
        """Whether anything of it goes out."""
        return self.left_out in (None, LeftOut.REMOVAL_BESIDE_ORDER)


def build_suggestions(
    card: Card,
    outcome: Outcome,
    decision: Decision,
    content: Content,
    call: HookCall,
    identity: Identity,
    profile: VendorProfile,
) -> list[dict[str, Any]]:
    """The suggestions of one card, each with label, uuid and actions; an empty list if none can be made."""
    made: list[dict[str, Any]] = []
    for plan in _plan_all(card, outcome, decision, content, profile):
        if not plan.is_offered:
            continue
        actions = [_delete(reference, order, content) for reference, order in plan.removed.items()]
        if plan.template != REMOVE_DRAFTS:
            actions.insert(0, _create(plan, content, decision, call))
        own = card.suggestion(outcome.rule, plan.template).label
        label = own if plan.removed else content.templates[plan.template].label
        made.append({"label": label, "uuid": identity.suggestion(plan.template), "actions": actions})
    return made


def name_left_out(decision: Decision, content: Content, profile: VendorProfile) -> Decision:
    """The decision with what its answer to this vendor lacks, named in each outcome that is shown."""
    cards = {card.id: card for card in content.cards}
    return replace(
        decision,
        outcomes=tuple(
            replace(outcome, left_out=_left_out(cards[outcome.card_id], outcome, decision, content, profile))
            if outcome.is_shown
            else outcome
            for outcome in decision.outcomes
        ),
    )


def _left_out(
    card: Card, outcome: Outcome, decision: Decision, content: Content, profile: VendorProfile
) -> tuple[str, ...]:
    plans = _plan_all(card, outcome, decision, content, profile)
    return tuple(f"{plan.template}:{plan.left_out}" for plan in plans if plan.left_out is not None)


def removes_too_many(card: Card, outcome: Outcome, decision: Decision) -> bool:
    """Whether a suggestion of the card is not offered because it would delete more than ``MOST_REMOVED`` drafts."""
    offered = (card.suggestion(outcome.rule, template_id) for template_id in outcome.suggestions)
    return any(len(_removable(decision.orders.drafts, suggestion)) > MOST_REMOVED for suggestion in offered)


def _plan_all(
    card: Card, outcome: Outcome, decision: Decision, content: Content, profile: VendorProfile
) -> tuple[Plan, ...]:
    return tuple(
        _plan(card.suggestion(outcome.rule, template_id), decision.orders.drafts, content, profile)
        for template_id in outcome.suggestions
    )


def _plan(offered: Suggestion, drafts: tuple[Order, ...], content: Content, profile: VendorProfile) -> Plan:
    """Orders already signed are left alone. A draft that cannot be named leaves the whole suggestion out."""
    template, creates = offered.template, offered.template != REMOVE_DRAFTS
    removed = _removable(drafts, offered)
    if len(removed) > MOST_REMOVED:
        return Plan(template, left_out=LeftOut.TOO_MANY_DRAFTS)
    if not all(is_plain_reference(reference) for reference in removed):
        return Plan(template, left_out=LeftOut.DRAFT_WITHOUT_NAME)
    if not creates and not removed:
        return Plan(template, left_out=LeftOut.NO_DRAFT)
    if not creates and any(_is_signed(order, offered.removes) for order in drafts):
        return Plan(template, left_out=LeftOut.PART_IS_SIGNED)
    if creates and profile.needs_orderable and not content.templates[template].has_orderable:
        return Plan(template, left_out=LeftOut.NO_ORDERABLE)
    if profile.takes_one_action and creates and removed:
        return Plan(template, left_out=LeftOut.REMOVAL_BESIDE_ORDER)
    if profile.takes_one_action and len(removed) > 1:
        return Plan(template, left_out=LeftOut.SEVERAL_ACTIONS)
    return Plan(template, removed)


def _create(plan: Plan, content: Content, decision: Decision, call: HookCall) -> dict[str, Any]:
    template = content.templates[plan.template]
    description = template.description
    if plan.left_out is LeftOut.REMOVAL_BESIDE_ORDER:
        description = f"{description} {content.pathway.wording.draft_stays}"
    references = {
        "subject": (f"Patient/{call.patient_id}",),
        "encounter": (f"Encounter/{call.encounter_id}",) if call.encounter_id else (),
        "reasonReference": _counted(decision, "pancreatic_cancer", "Condition/"),
        "supportingInfo": _counted(decision, "liver_metastases", "DiagnosticReport/"),
    }
    return {"type": "create", "description": description, "resource": template.resource(references)}


def _counted(decision: Decision, fact: str, kind: str) -> tuple[str, ...]:
    """The resources of one type that a fact rests on."""
    known = decision.facts.get(fact)
    items = known.evidence if known is not None else ()
    found = (item.reference for item in items if item.counted and item.reference.startswith(kind))
    return tuple(dict.fromkeys(reference for reference in found if is_plain_reference(reference)))


def _delete(reference: str, order: Order, content: Content) -> dict[str, Any]:
    return {
        "type": "delete",
        "description": f"{content.pathway.wording.remove_draft} {plain_label(order.label) or reference}",
        "resourceId": reference,
    }


def _removable(drafts: tuple[Order, ...], offered: Suggestion) -> Mapping[str, Order]:
    return {order.reference: order for order in drafts if _is_removable(order, offered.removes)}


def _is_signed(order: Order, kinds: tuple[str, ...]) -> bool:
    status = as_text(order.resource.get("status"))
    return not order.kinds.isdisjoint(kinds) and status not in ("draft", "") and status.lower() not in NOT_LIVE


def _is_removable(order: Order, kinds: tuple[str, ...]) -> bool:
    return not order.kinds.isdisjoint(kinds) and as_text(order.resource.get("status")) in ("draft", "")
