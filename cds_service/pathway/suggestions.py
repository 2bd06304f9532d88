"""Suggestions: order templates filled with ids, and the removal of the regimen's drafts (decisions 25, 28)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.facts.orders import Order
from cds_service.fhir.shapes import as_text
from cds_service.hooks.call import HookCall
from cds_service.pathway.card import Card, Suggestion
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.escape import is_plain_reference, plain_label
from cds_service.pathway.identity import Identity
from cds_service.pathway.templates import REMOVE_DRAFTS

MOST_REMOVED = 50
"""Drafts that one suggestion may delete. A regimen has a dozen; with more none is deleted, and the card says so."""


def build_suggestions(
    card: Card, outcome: Outcome, decision: Decision, content: Content, call: HookCall, identity: Identity
) -> list[dict[str, Any]]:
    """The suggestions of one card, each with label, uuid and actions; an empty list if none can be made."""
    made: list[dict[str, Any]] = []
    for template_id in outcome.suggestions:
        offered = card.suggestion(outcome.rule, template_id)
        removed = _removed(decision.orders.drafts, offered, content)
        if removed is None or (template_id == REMOVE_DRAFTS and not removed):
            continue
        actions = removed if template_id == REMOVE_DRAFTS else [_create(template_id, content, decision, call), *removed]
        label = offered.label if removed else content.templates[template_id].label
        made.append({"label": label, "uuid": identity.suggestion(template_id), "actions": actions})
    return made


def removes_too_many(card: Card, outcome: Outcome, decision: Decision) -> bool:
    """Whether a suggestion of the card is not offered because it would delete more than ``MOST_REMOVED`` drafts."""
    offered = (card.suggestion(outcome.rule, template_id) for template_id in outcome.suggestions)
    return any(len(_removable(decision.orders.drafts, suggestion)) > MOST_REMOVED for suggestion in offered)


def _create(template_id: str, content: Content, decision: Decision, call: HookCall) -> dict[str, Any]:
    template = content.templates[template_id]
    references = {
        "subject": (f"Patient/{call.patient_id}",),
        "encounter": (f"Encounter/{call.encounter_id}",) if call.encounter_id else (),
        "reasonReference": _counted(decision, "pancreatic_cancer", "Condition/"),
        "supportingInfo": _counted(decision, "liver_metastases", "DiagnosticReport/"),
    }
    return {"type": "create", "description": template.description, "resource": template.resource(references)}


def _counted(decision: Decision, fact: str, kind: str) -> tuple[str, ...]:
    """The resources of one type that a fact rests on."""
    known = decision.facts.get(fact)
    items = known.evidence if known is not None else ()
    found = (item.reference for item in items if item.counted and item.reference.startswith(kind))
    return tuple(dict.fromkeys(reference for reference in found if is_plain_reference(reference)))


def _removed(drafts: tuple[Order, ...], offered: Suggestion, content: Content) -> list[dict[str, Any]] | None:
    """One delete per draft of the kinds that a suggestion removes; orders already signed are left alone.

    None if one of the drafts cannot be named, or if they are too many: a regimen removed in part would look removed.
    """
    ours = _removable(drafts, offered)
    if len(ours) > MOST_REMOVED or not all(is_plain_reference(reference) for reference in ours):
        return None
    return [
        {
            "type": "delete",
            "description": f"{content.pathway.wording.remove_draft} {plain_label(order.label) or reference}",
            "resourceId": reference,
        }
        for reference, order in ours.items()
    ]


def _removable(drafts: tuple[Order, ...], offered: Suggestion) -> Mapping[str, Order]:
    return {order.reference: order for order in drafts if _is_removable(order, offered.removes)}


def _is_removable(order: Order, kinds: tuple[str, ...]) -> bool:
    return not order.kinds.isdisjoint(kinds) and as_text(order.resource.get("status")) in ("draft", "")
