"""render: a Decision becomes CDS Hooks cards. Wording comes from content, record text only through ``escape``.

Card attributes follow CDS Hooks 2.0.1 (conformance CARD-01 to CARD-14), the text rules pathway part 2.6.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.orders import Order
from cds_service.hooks.call import HookCall
from cds_service.pathway.card import Card, Rule
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.escape import escape_clause, escape_markdown, show_date, show_reference
from cds_service.pathway.identity import Signer
from cds_service.pathway.suggestions import build_suggestions, removes_too_many
from cds_service.pathway.vendors import GENERIC, VendorProfile
from cds_service.pathway.wording import fill_body, fill_summary

VARIANT_KEY = "cds-service.variant"
"""The member of a card's ``extension`` that names its variant."""

MOST_ITEMS = 8
"""Evidence lines shown per fact, and orders shown per card; the rest are counted, never silently cut."""


def render_response(
    decision: Decision,
    content: Content,
    call: HookCall,
    now: datetime,
    key: bytes,
    profile: VendorProfile = GENERIC,
) -> dict[str, Any]:
    """The body of a 200 answer: ``{"cards": [...]}``, most urgent first. ``key`` signs the uuids (decision 39).

    ``profile`` is that of the EHR that calls; what it leaves out is named by ``suggestions.name_left_out``.
    """
    if not decision.shown:
        return {"cards": []}
    cards = {card.id: card for card in content.cards}
    signer = Signer(key, call, decision, now)
    return {
        "cards": [
            render_card(cards[outcome.card_id], outcome, decision, content, call, signer, profile)
            for outcome in decision.shown
        ]
    }


def render_card(
    card: Card,
    outcome: Outcome,
    decision: Decision,
    content: Content,
    call: HookCall,
    signer: Signer,
    profile: VendorProfile,
) -> dict[str, Any]:
    """One card as a JSON object."""
    rule = card.rule(outcome.rule)
    orders = decision.orders.of_kind(*card.orders)
    identity = signer.identify(card, orders, outcome)
    states = {name: fact.state for name, fact in decision.facts.items()}
    detail = render_detail(card, rule, outcome, decision, content, orders)
    rendered: dict[str, Any] = {
        "uuid": identity.card,
        "summary": fill_summary(rule.summary(states), decision.facts),
        "detail": _with_sources(detail, card, content) if profile.may_remove_links else detail,
        "indicator": outcome.indicator,
        "source": {
            "label": f"{content.pathway.source_label} {content.pathway.version}",
            "topic": {"system": content.pathway.card_system, "code": card.topic, "display": card.title},
        },
    }
    suggestions = build_suggestions(card, outcome, decision, content, call, identity, profile)
    if suggestions:
        rendered["suggestions"] = suggestions
        rendered["selectionBehavior"] = profile.selection_behavior
    rendered["overrideReasons"] = [
        {"code": code, "system": content.pathway.override_system, "display": content.override_reasons[code]}
        for code in card.override_reasons
    ]
    rendered["links"] = [
        {"label": content.links[name].label, "url": content.links[name].url, "type": "absolute"}
        for name in card.sources
    ]
    rendered["extension"] = {VARIANT_KEY: outcome.variant}
    return rendered


def render_detail(
    card: Card, rule: Rule, outcome: Outcome, decision: Decision, content: Content, orders: tuple[Order, ...]
) -> str:
    """The Markdown detail: the card's body with lead, orders, evidence, gaps and status filled in."""
    blocks = {name: _evidence_block(name, decision.facts[name], content) for name in card.shown_facts}
    blocks["lead"] = rule.lead
    blocks["orders"] = _orders_block(orders, content)
    blocks["gaps"] = _gaps_block(card, outcome, decision, content)
    blocks["status"] = status_line(card)
    return fill_body(card.body, blocks)


def _with_sources(detail: str, card: Card, content: Content) -> str:
    """The sources by name, for want of links. The closing sentence still ends the card (pathway 2.6)."""
    closing = content.pathway.closing
    named = "\n".join(f"- {content.links[name].label}" for name in card.sources)
    return f"{detail.removesuffix(closing)}**{content.pathway.wording.sources}**\n\n{named}\n\n{closing}"


def status_line(card: Card) -> str:
    """What a reader must know of the card's own standing."""
    reviewed = f"reviewed by {card.reviewed_by}" if card.reviewed_by else "not yet reviewed by a clinician"
    return f"Content status: {card.status}, version {card.version}, {reviewed}."


def _orders_block(orders: tuple[Order, ...], content: Content) -> str:
    lines = [
        f"- {show_reference(order.reference)}: {escape_markdown(order.label) or 'no name given'}"
        for order in orders[:MOST_ITEMS]
    ]
    if len(orders) > MOST_ITEMS:
        lines.append(f"- and {len(orders) - MOST_ITEMS} more")
    return "\n".join((f"**{content.pathway.wording.orders}**", "", *lines))


def _evidence_block(name: str, fact: Fact, content: Content) -> str:
    """A heading and a line per item; nothing for a fact that considered nothing."""
    items = [item for item in fact.evidence if item.reference or item.quote]
    if not items:
        return ""
    lines = [_evidence_line(item) for item in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        lines.append(f"- and {len(items) - MOST_ITEMS} more")
    return "\n".join(
        (f"**{content.pathway.headings[name]}** ({fact.value}, {fact.reason or 'no further reason'})", "", *lines)
    )


def _evidence_line(item: Evidence) -> str:
    """What, date, status, source resource; then the display or quote, and why it did not count (pathway 2.6)."""
    parts = [show_reference(item.reference), show_date(item.date), escape_markdown(item.status, 30) or "no status"]
    line = f"- {', '.join(parts)}: {escape_markdown(item.text)}"
    if item.quote:
        line += f' "{escape_markdown(item.quote)}"'
    if item.why:
        why = escape_clause(item.why)
        line += f" ({why})" if item.counted else f" (did not count: {why})"
    return line


def _gaps_block(card: Card, outcome: Outcome, decision: Decision, content: Content) -> str:
    """What could not be read, what the selection was like, which exclusions stay open, what is not offered."""
    gaps = tuple(dict.fromkeys(gap for fact in decision.facts.values() for gap in fact.gaps))
    lines = [f"- {escape_clause(gap)}" for gap in gaps]
    lines += [
        f"- search {search.key}: {escape_clause(', '.join(search.problems))}"
        for search in decision.searches.values()
        if not search.is_complete and not any(gap.startswith(f"{search.key}:") for gap in gaps)
    ]
    lines += [
        f"- {content.pathway.headings[name].lower()} {content.pathway.wording.not_ruled_out}"
        for name in outcome.not_ruled_out
    ]
    lines += [f"- {escape_clause(note)}" for note in decision.orders.notes]
    if removes_too_many(card, outcome, decision):
        lines.append(f"- {content.pathway.wording.too_many_to_remove}")
    return "\n".join((f"**{content.pathway.wording.gaps}**", "", *lines)) if lines else ""
