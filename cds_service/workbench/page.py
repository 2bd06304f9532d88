"""The page as HTML: the shell once, and the parts that change with every call. Text is escaped by the template engine.

Markdown of cards is turned into HTML with raw HTML and pictures off, so that no text of a record becomes markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markdown_it import MarkdownIt

from cds_service import __version__
from cds_service.describe.drawing import as_svg
from cds_service.describe.flow import stations
from cds_service.describe.words import heading
from cds_service.errors import CallError
from cds_service.facts.fact import Fact
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision
from cds_service.workbench.exchange import Exchange
from cds_service.workbench.patients import FIRST_PATIENT, OTHER_ORDERS, Shelf
from cds_service.workbench.place import find_place, marks
from cds_service.workbench.request import FIRST_YEAR, LAST_YEAR
from cds_service.workbench.silences import not_considered, silences_of, whole_silence
from cds_service.workbench.timeline import make_timeline
from cds_service.workbench.timeline_drawing import draw_timeline

TOKEN_NOT_SHOWN = "(not shown)"
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact with its name in words and what its state means."""

    title: str
    fact: Fact
    meaning: str


def render_shell(shelf: Shelf, content: Content) -> str:
    """The whole page, before any call."""
    groups = (*content.review.order_kinds.values(), OTHER_ORDERS)
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for order in shelf.orders:
        by_group.setdefault(order.group, []).append(order.as_json())
    first = FIRST_PATIENT if FIRST_PATIENT in shelf.patients else next(iter(shelf.patients), "")
    return _template("index").render(
        shelf=shelf,
        first=first,
        orders={group: by_group[group] for group in groups if group in by_group},
        searches={key: (_kind_of(template), "?" in template) for key, template in content.prefetch.items()},
        services=content.pathway.services,
        pathway=content.pathway,
        version=__version__,
        first_year=FIRST_YEAR,
        last_year=LAST_YEAR,
    )


def describe_exchange(exchange: Exchange) -> dict[str, Any]:
    """What the page is told about a call, as JSON values: the call, the explanation, and the parts of the page.

    The answer itself is added by the web, which knows how errors look.
    """
    proposal, explanation = exchange.proposal, exchange.explanation
    return {
        "service": exchange.service.id if exchange.service is not None else "",
        "now": proposal.now.isoformat().replace("+00:00", "Z"),
        "request": _without_token(proposal.body),
        "explanation": explanation.as_json() if explanation is not None else None,
        "html": {
            "cards": _template("cards").render(_cards(exchange)),
            "why": _template("why").render(_why(exchange)),
            "timeline": draw_timeline(make_timeline(proposal.entries, proposal.body, proposal.content, proposal.now)),
        },
    }


def describe_refusal(error: CallError) -> dict[str, Any]:
    """The same for what was pasted and can be made into no call."""
    cards = {"cards": [], "error": error, "silence": "", "quiet": 0, "doubts": ()}
    return {
        "service": "",
        "now": "",
        "request": None,
        "explanation": None,
        "html": {
            "cards": _template("cards").render(cards),
            "why": _template("why").render(error=error, decision=None),
            "timeline": "",
        },
    }


def to_html(markdown: str) -> str:
    """Markdown of a card as HTML, without raw HTML, pictures or links to anything but the web."""
    return str(_MARKDOWN.render(markdown))


def _kind_of(template: str) -> str:
    """The resource type that a prefetch template asks for."""
    return template.partition("?")[0].partition("/")[0]


def _without_token(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call as it may stand on a screen: without the token for the FHIR server, if it brought one."""
    authorization = body.get("fhirAuthorization")
    if not isinstance(authorization, Mapping) or "access_token" not in authorization:
        return body
    return {**body, "fhirAuthorization": {**authorization, "access_token": TOKEN_NOT_SHOWN}}


def _cards(exchange: Exchange) -> dict[str, Any]:
    decision = exchange.explanation.decision if exchange.explanation is not None else None
    return {
        "cards": [(card, to_html(str(card.get("detail", "")))) for card in exchange.cards],
        "error": exchange.error,
        "doubts": exchange.proposal.doubts,
        "silence": whole_silence(decision, exchange.proposal.content) if decision is not None else "",
        "quiet": len(silences_of(decision, exchange.proposal.content)) if decision is not None else 0,
    }


def _why(exchange: Exchange) -> dict[str, Any]:
    if exchange.explanation is None:
        return {"error": exchange.error, "decision": None}
    decision, served = exchange.explanation.decision, exchange.proposal.content
    flow = stations(served, exchange.proposal.now.date())
    steps = find_place(flow, decision, served)
    return {
        "error": exchange.error,
        "decision": decision,
        "steps": steps,
        "svg": as_svg(flow, served.pathway.title, marks(steps, decision)),
        "facts": _facts(decision, served),
        "silences": silences_of(decision, served),
        "not_considered": not_considered(decision, served),
        "whole_silence": whole_silence(decision, served),
        "searches": [decision.searches[key] for key in served.prefetch if key in decision.searches],
    }


def _facts(decision: Decision, content: Content) -> list[FactRow]:
    """The facts of a call: those that are unknown first, then yes, then no."""
    order = ("unknown", "yes", "no")
    found = sorted(decision.facts.values(), key=lambda fact: order.index(fact.value))
    return [FactRow(heading(fact.name, content), fact, content.review.meaning(fact.name, fact.state)) for fact in found]


@lru_cache(maxsize=8)
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.html.j2")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cds_service.workbench"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
