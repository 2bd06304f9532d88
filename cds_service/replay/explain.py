"""explain: one call with everything that led to its answer, for the person who asks "why this card, why not".

What it prints holds patient data from the call. It is for the terminal of someone who may see the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.errors import DataUnavailable, MalformedCall
from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.orders import Order, read_orders
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.source import Source
from cds_service.hooks import parse_call
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content
from cds_service.pathway.decide import without_cards
from cds_service.pathway.decision import Decision, Outcome
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.pathway.suggestions import name_left_out
from cds_service.pathway.vendors import GENERIC, VendorProfile
from cds_service.record import build_record
from cds_service.replay.in_process import REPLAY_KEY
from cds_service.replay.report import printable


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decided call. ``cards`` are the rendered cards in the order of ``decision.shown``.

    ``refusal`` is the error that the service would answer instead, for want of required data; None if it answers cards.
    """

    decision: Decision
    cards: tuple[Mapping[str, Any], ...]
    now: datetime
    refusal: DataUnavailable | None = None

    def as_json(self) -> dict[str, Any]:
        """Orders, facts, cards and searches as JSON values."""
        decision = self.decision
        return {
            "hook": decision.hook,
            "now": self.now.isoformat(),
            "silence": decision.silence,
            "orders": [_order_json(order, decision) for order in decision.orders.drafts],
            "notes": list(decision.orders.notes),
            "facts": {name: _fact_json(fact) for name, fact in decision.facts.items()},
            "cards": [{**_outcome_json(outcome), "summary": self._summary(outcome)} for outcome in decision.outcomes],
            "searches": {
                search.key: {"completeness": search.completeness.value, "problems": list(search.problems)}
                for search in decision.searches.values()
            },
        }

    def as_text(self) -> str:
        """The same for a terminal; control characters from the record are made visible."""
        decision = self.decision
        blocks = [
            [f"{decision.hook} at {self.now.isoformat()}"],
            ["Orders", *(_order_line(order, decision) for order in decision.orders.drafts)],
            ["Notes", *(f"  {note}" for note in decision.orders.notes)],
            ["Facts", *(line for fact in decision.facts.values() for line in _fact_lines(fact))],
            ["Cards", *(line for outcome in decision.outcomes for line in self._outcome_lines(outcome))],
            ["Searches", *(_search_line(name, decision) for name in decision.searches)],
        ]
        if decision.silence:
            blocks[4].append(f"  none considered: {decision.silence}")
        return "\n\n".join("\n".join(map(_one_line, block)) for block in blocks if len(block) > 1 or block is blocks[0])

    def _summary(self, outcome: Outcome) -> str:
        return str(self.cards[self.decision.shown.index(outcome)]["summary"]) if outcome.is_shown else ""

    def _outcome_lines(self, outcome: Outcome) -> list[str]:
        if not outcome.is_shown:
            variant = f" (variant {outcome.variant})" if outcome.variant else ""
            lines = [f"  {outcome.card_id}: silent, {outcome.silence}{variant}, by {outcome.rule}"]
        else:
            lines = [f"  {outcome.card_id}: {outcome.indicator}, variant {outcome.variant}, by rule {outcome.rule}"]
            lines += [f"    {self._summary(outcome)}"]
        lines += [f"    suggests {name}" for name in outcome.suggestions if outcome.is_shown]
        lines += [f"    left out {name}" for name in outcome.left_out]
        return lines + [f"    not ruled out: {name}" for name in outcome.not_ruled_out]


def explain(
    body: Mapping[str, Any],
    content: Content,
    now: datetime,
    source: Source | None = None,
    profile: VendorProfile = GENERIC,
) -> Explanation:
    """Decide a call and keep all that led there. ``source`` replaces the prefetch of the call as its data.

    ``profile`` is that of the vendor whose EHR is answered; what the answer lacks for it stands in the outcomes.
    A call that is answered 412 is explained as far as it came. MalformedCall as the service would raise it.
    """
    hook = body.get("hook")
    hooks = {service.hook for service in content.pathway.services}
    if hook not in hooks:
        raise MalformedCall(f"hook must be one of {', '.join(sorted(hooks))}")
    return explain_parsed(parse_call(body, str(hook)), content, now, source, profile=profile)


def explain_parsed(
    call: HookCall,
    content: Content,
    now: datetime,
    source: Source | None = None,
    key: bytes = REPLAY_KEY,
    profile: VendorProfile = GENERIC,
) -> Explanation:
    """The same for a call that has been read. ``key`` signs the uuids of the cards."""
    refusal: DataUnavailable | None = None
    data = source if source is not None else PrefetchSource(call.prefetch, content.prefetch)
    try:
        decision = evaluate(call, data, content, now)
    except DataUnavailable as error:
        orders = read_orders(call, content.terms, content.lexicon)
        record = build_record(call.patient_id, data.fetch(tuple(content.prefetch)).values(), call.fhir_server)
        decision = without_cards(orders, f"answered {error.status}, {error}", record)
        refusal = error
    decision = name_left_out(decision, content, profile)
    cards = render_response(decision, content, call, now, key, profile)["cards"]
    return Explanation(decision, tuple(cards), now, refusal)


def _order_json(order: Order, decision: Decision) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "label": order.label,
        "kinds": sorted(order.kinds),
        "concepts": sorted(order.concepts),
        "why": order.why,
        "selected": order in decision.orders.selected,
    }


def _fact_json(fact: Fact) -> dict[str, Any]:
    return {
        "value": fact.value,
        "reason": fact.reason,
        "as_of": fact.as_of,
        "label": fact.label,
        "quality": fact.quality,
        "traits": sorted(fact.traits),
        "gaps": list(fact.gaps),
        "evidence": [
            {
                "reference": item.reference,
                "date": item.date,
                "status": item.status,
                "text": item.text,
                "quote": item.quote,
                "counted": item.counted,
                "why": item.why,
            }
            for item in fact.evidence
        ],
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "card": outcome.card_id,
        "shown": outcome.is_shown,
        "rule": outcome.rule,
        "variant": outcome.variant,
        "silence": outcome.silence,
        "indicator": outcome.indicator,
        "suggestions": list(outcome.suggestions),
        "not_ruled_out": list(outcome.not_ruled_out),
        "left_out": list(outcome.left_out),
    }


def _order_line(order: Order, decision: Decision) -> str:
    kinds = ", ".join(sorted(order.kinds)) or "not ours"
    chosen = "" if order in decision.orders.selected else ", not selected"
    return f"  {order.reference}: {order.label or 'no name given'}: {kinds}{chosen} ({order.why})"


def _fact_lines(fact: Fact) -> list[str]:
    extras = [fact.as_of, fact.label, fact.quality, ", ".join(sorted(fact.traits))]
    head = f"  {fact.name}: {fact.state}" + "".join(f"; {extra}" for extra in extras if extra)
    return [head, *map(_evidence_line, fact.evidence), *(f"    not read: {gap}" for gap in fact.gaps)]


def _evidence_line(item: Evidence) -> str:
    where = " ".join(part for part in (item.reference, item.date or "undated", item.status) if part)
    quote = f' "{item.quote}"' if item.quote else ""
    why = f" ({item.why})" if item.why else ""
    return f"    {'+' if item.counted else '-'} {where}: {item.text}{quote}{why}"


def _search_line(name: str, decision: Decision) -> str:
    search = decision.searches[name]
    return f"  {name}: {search.completeness.value}" + (f" ({'; '.join(search.problems)})" if search.problems else "")


def _one_line(text: str) -> str:
    return printable(text).replace("\n", " ")
