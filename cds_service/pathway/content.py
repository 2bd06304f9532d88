"""Content: everything in ``cards/``, loaded and checked once, before the first call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.facts.settings import Settings, load_settings
from cds_service.facts.terminology import Terminology, load_terminology
from cds_service.pathway.card import Card
from cds_service.pathway.card_file import read_card
from cds_service.pathway.templates import REMOVE_DRAFTS, OrderTemplate, load_templates
from cds_service.reading.lexicon import Lexicon, load_lexicon


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service as discovery describes it."""

    id: str
    hook: str
    title: str
    description: str
    usage: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Words that stand in every card and belong to no single one."""

    orders: str
    gaps: str
    remove_drafts: str
    remove_draft: str
    not_ruled_out: str


@dataclass(frozen=True, slots=True)
class Pathway:
    """What holds for every card of a pathway (``pathway.yaml``).

    ``gate`` is the fact that must be yes for a patient to be ours; ``order`` ranks cards of equal urgency;
    ``headings`` names facts in the detail; ``banned`` are words and figures that no card may show.
    """

    id: str
    title: str
    version: str
    status: str
    card_system: str
    override_system: str
    source_label: str
    gate: str
    required_searches: tuple[str, ...]
    supporting_searches: tuple[str, ...]
    most_cards: int
    order: tuple[str, ...]
    services: tuple[Service, ...]
    closing: str
    banned: tuple[str, ...]
    wording: Wording
    headings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceLink:
    """One registered source: what a card may link to. ``reviewed`` is the date on which the link was last checked."""

    id: str
    label: str
    url: str
    reviewed: str
    claim: str


@dataclass(frozen=True, slots=True)
class Content:
    """All content of one installation. ``digest`` changes with any byte of it."""

    pathway: Pathway
    cards: tuple[Card, ...]
    templates: Mapping[str, OrderTemplate]
    links: Mapping[str, SourceLink]
    override_reasons: Mapping[str, str]
    prefetch: Mapping[str, str]
    terms: Terminology
    lexicon: Lexicon
    settings: Settings
    digest: str


PATHWAY = "pancreatic-liver-metastases"


def load_content(cards: Path) -> Content:
    """Load and check the content directory; ContentError with file and line at the first fault."""
    folder = cards / PATHWAY
    terms = load_terminology(cards / "value-sets")
    pathway = _read_pathway(folder / "pathway.yaml")
    links = _read_links(cards / "sources.yaml")
    reasons = {str(code): str(display) for code, display in _mapping(folder / "override-reasons.yaml").items()}
    templates = load_templates(cards / "order-templates", terms)
    found = [read_card(path) for path in sorted(folder.glob("*.md"))]
    for card in found:
        _check_card(card, pathway, links, reasons, templates)
    return Content(
        pathway,
        tuple(card for card in found if card.status != "retired"),
        MappingProxyType(templates),
        MappingProxyType(links),
        MappingProxyType(reasons),
        _read_prefetch(cards / "prefetch.yaml", pathway),
        terms,
        load_lexicon(cards / "lexicon"),
        load_settings(folder / "settings.yaml"),
        _digest(cards),
    )


def _check_card(
    card: Card,
    pathway: Pathway,
    links: Mapping[str, SourceLink],
    reasons: Mapping[str, str],
    templates: Mapping[str, OrderTemplate],
) -> None:
    for name in card.sources:
        if name not in links:
            raise ContentError(card.path, f"unregistered source {name!r}: add it to cards/sources.yaml")
    for name in card.override_reasons:
        if name not in reasons:
            raise ContentError(card.path, f"unknown override reason {name!r}: add it to override-reasons.yaml")
    for offered in card.suggestions:
        if offered.template not in templates and offered.template != REMOVE_DRAFTS:
            raise ContentError(f"{card.path}:{offered.line}", f"unknown order template {offered.template!r}")
    if card.id not in pathway.order:
        raise ContentError(card.path, f"the card {card.id!r} has no rank: add it to `order` in pathway.yaml")
    if card.status == "active" and not (card.reviewed_by and card.review_due):
        raise ContentError(card.path, "an active card needs reviewed_by and review_due")
    hooks = {service.hook for service in pathway.services}
    for rule in card.rules:
        if not rule.is_silence and set(rule.indicators) != hooks:
            raise ContentError(
                f"{card.path}:{rule.line}", f"indicator names each hook once: {', '.join(sorted(hooks))}"
            )


def _read_pathway(path: Path) -> Pathway:
    node = _mapping(path)
    try:
        services = tuple(Service(**{key: str(value) for key, value in item.items()}) for item in node["services"])
        members: dict[str, Any] = {
            **{key: str(value) for key, value in node.items()},
            "required_searches": _texts(node["required_searches"]),
            "supporting_searches": _texts(node["supporting_searches"]),
            "most_cards": int(node["most_cards"]),
            "order": _texts(node["order"]),
            "services": services,
            "banned": _texts(node["banned"]),
            "wording": Wording(**{key: str(value) for key, value in node["wording"].items()}),
            "headings": MappingProxyType({str(key): str(value) for key, value in node["headings"].items()}),
        }
        pathway = Pathway(**members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContentError(str(path), f"does not have the members of a pathway file: {error}") from None
    for name in (pathway.gate, *pathway.headings):
        if name not in all_facts():
            raise ContentError(f"{path}:{line_of(node, 'gate')}", f"unknown fact {name!r}")
    return pathway


def _read_links(path: Path) -> dict[str, SourceLink]:
    links: dict[str, SourceLink] = {}
    node = _mapping(path)
    for name, item in node.items():
        where = f"{path}:{line_of(node, name)}"
        try:
            link = SourceLink(str(name), **{key: str(value) for key, value in item.items()})
        except (TypeError, AttributeError):
            raise ContentError(where, "a source has label, url, reviewed and claim") from None
        if not link.url.startswith("https://"):
            raise ContentError(where, f"the url of {name!r} must begin with https://")
        links[link.id] = link
    return links


def _read_prefetch(path: Path, pathway: Pathway) -> Mapping[str, str]:
    node = _mapping(path)
    keys = {key for spec in all_facts().values() for key in spec.searches}
    keys |= {*pathway.required_searches, *pathway.supporting_searches}
    for key in sorted(keys.difference(node)):
        raise ContentError(str(path), f"no template for the search {key!r}, which facts read")
    for key in sorted(set(node).difference(keys)):
        raise ContentError(f"{path}:{line_of(node, key)}", f"the search {key!r} is read by no fact")
    return MappingProxyType({str(key): str(value) for key, value in node.items()})


def _mapping(path: Path) -> Any:
    node = read_yaml(path)
    if not isinstance(node, dict):
        raise ContentError(str(path), "must be a mapping")
    return node


def _texts(node: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in node)


def _digest(cards: Path) -> str:
    """SHA-256 over names and bytes of all content files."""
    found = hashlib.sha256()
    for path in sorted(cards.rglob("*")):
        if path.is_file():
            found.update(str(path.relative_to(cards)).encode())
            found.update(path.read_bytes())
    return found.hexdigest()
