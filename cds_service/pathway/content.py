"""Content: everything in ``cards/``, loaded and checked once, before the first call."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import find_cards, line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.orders import ORDER_KINDS
from cds_service.facts.regimen_table import RegimenTable, load_regimens
from cds_service.facts.registry import all_facts
from cds_service.facts.settings import Settings, change_settings, load_settings, setting_names
from cds_service.facts.terminology import Terminology, load_terminology
from cds_service.pathway.card import Card
from cds_service.pathway.card_file import read_card
from cds_service.pathway.card_proof import check_proved, check_shared_words
from cds_service.pathway.governance import check_named_review, is_date
from cds_service.pathway.review import Review, load_review
from cds_service.pathway.site import Site, card_files, read_site
from cds_service.pathway.site_survey import Finding, or_near, survey
from cds_service.pathway.statements import Statement, check_carried, load_statements
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
    remove_draft: str
    not_ruled_out: str
    too_many_to_remove: str
    draft_stays: str
    sources: str


@dataclass(frozen=True, slots=True)
class Pathway:
    """What holds for every card of a pathway (``pathway.yaml``).

    ``gate`` is the fact that must be yes for a patient to be ours; ``order`` ranks cards of equal urgency;
    ``headings`` names facts in the detail; ``banned`` are words and figures that no card may show, ``allowed`` the
    phrases with a figure that may stand all the same.
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
    allowed: tuple[str, ...]
    wording: Wording
    headings: Mapping[str, str]
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, member: str) -> str:
        """``path:line`` of a member of its file."""
        return f"{self.path}:{self.lines.get(member, 1)}"


@dataclass(frozen=True, slots=True)
class SourceLink:
    """One registered source: what a card may link to. ``reviewed`` is the date on which the link was last checked."""

    id: str
    label: str
    url: str
    reviewed: str
    claim: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """All content of one installation. ``digest`` changes with any byte of it.

    ``statements``, ``review`` and the ``retired`` cards serve those who review the content; no call reads them.
    """

    pathway: Pathway
    cards: tuple[Card, ...]
    templates: Mapping[str, OrderTemplate]
    links: Mapping[str, SourceLink]
    override_reasons: Mapping[str, str]
    prefetch: Mapping[str, str]
    terms: Terminology
    lexicon: Lexicon
    settings: Settings
    regimens: RegimenTable
    statements: Mapping[str, Statement]
    review: Review
    retired: tuple[Card, ...]
    digest: str


PATHWAY = "pancreatic-liver-metastases"
_URL = re.compile(r"https://[A-Za-z0-9._~:/?#@!$&*+,;=%-]+")


def load_content(cards: Path, site: Path | None = None) -> Content:
    """Load and check the content directory, and a site file over it; ContentError names file and line of a fault.

    Cards of a site are proved as ``check`` proves them, and so are all cards of a directory that is not the shipped
    one: what nobody has proved answers no call.
    """
    content = unproved_content(cards, site)
    is_ours = cards.resolve() == find_cards().resolve()
    shipped = str(cards / PATHWAY)
    check_proved((card for card in content.cards if not (is_ours and str(Path(card.path).parent) == shipped)), content)
    if site is not None or not is_ours:
        for fault in check_shared_words(content):
            raise fault
    return content


def unproved_content(cards: Path, site: Path | None = None) -> Content:
    """The same without the proof of the cards, for ``check``, which shows all that is wrong and not the first."""
    shipped = _load_shipped(cards)
    return shipped if site is None else _with_site(shipped, read_site(site, shipped.terms.short_names()))


def check_site(cards: Path, site: Path) -> tuple[Site, tuple[Finding, ...]]:
    """A site file and what in it is unknown, shadowed or never used; ContentError if a file cannot be read."""
    shipped = _load_shipped(cards)
    read = read_site(site, shipped.terms.short_names())
    return read, survey(read, shipped, _site_cards(read))


def _load_shipped(cards: Path) -> Content:
    folder = cards / PATHWAY
    if not folder.is_dir():
        raise ContentError(str(cards), f"holds no folder {PATHWAY}: give a content directory, as cards/ is one")
    terms, lexicon = load_terminology(cards / "value-sets"), load_lexicon(cards / "lexicon")
    pathway = _read_pathway(folder / "pathway.yaml")
    links = _read_links(cards / "sources.yaml")
    reasons = {str(code): str(display) for code, display in _mapping(folder / "override-reasons.yaml").items()}
    settings = load_settings(folder / "settings.yaml")
    templates = _with_intent(load_templates(cards / "order-templates", terms), settings)
    found = [read_card(path) for path in sorted(folder.glob("*.md"))]
    statements = load_statements(folder / "statements.yaml")
    for card in found:
        _check_card(card, pathway, links, reasons, templates)
        check_carried(card, statements)
    return Content(
        pathway,
        tuple(card for card in found if card.status != "retired"),
        templates,
        MappingProxyType(links),
        MappingProxyType(reasons),
        _read_prefetch(cards / "prefetch.yaml", pathway),
        terms,
        lexicon,
        settings,
        load_regimens(folder / "regimens.yaml", terms, lexicon),
        statements,
        load_review(folder / "review.yaml"),
        tuple(card for card in found if card.status == "retired"),
        _digest(cards),
    )


def _with_site(shipped: Content, site: Site) -> Content:
    """The shipped content as a site has it: its codes, settings, orderables and cards. Nothing of ours is lost."""
    own = _site_cards(site)
    for finding in survey(site, shipped, own):
        if finding.stops:
            raise ContentError(finding.where, finding.problem)
    terms = shipped.terms.extended(mapped.local for mapped in site.codes)
    settings = change_settings(shipped.settings, site.settings, site.settings_where)
    templates = dict(shipped.templates)
    for item in site.orderables:
        templates[item.template] = templates[item.template].with_orderable(item.coding(), item.keep_ours)
    pathway = replace(shipped.pathway, order=_ranks(shipped.pathway.order, own, site.before))
    links = _site_links(site, shipped.links)
    for card in own:
        _check_card(card, pathway, links, shipped.override_reasons, templates)
        check_carried(card, shipped.statements)
    return replace(
        shipped,
        pathway=pathway,
        cards=(*shipped.cards, *(card for card in own if card.status != "retired")),
        templates=_with_intent(templates, settings),
        links=links,
        terms=terms,
        settings=settings,
        retired=(*shipped.retired, *(card for card in own if card.status == "retired")),
        digest=hashlib.sha256(f"{shipped.digest} {site.digest}".encode()).hexdigest(),
    )


def _with_intent(templates: Mapping[str, OrderTemplate], settings: Settings) -> Mapping[str, OrderTemplate]:
    intent = settings.suggested_order_intent
    return MappingProxyType({name: template.with_intent(intent) for name, template in templates.items()})


def with_settings(content: Content, settings: Settings) -> Content:
    """The content with other settings, and all that ``load_content`` makes of them."""
    return replace(content, settings=settings, templates=_with_intent(content.templates, settings))


def _site_cards(site: Site) -> tuple[Card, ...]:
    return tuple(read_card(path) for path in card_files(site.cards)) if site.cards is not None else ()


def _site_links(site: Site, ours: Mapping[str, SourceLink]) -> Mapping[str, SourceLink]:
    """Our sources and those that stand beside the cards of a site; none takes the place of another."""
    path = site.cards / "sources.yaml" if site.cards is not None else None
    if path is None or not path.exists():
        return ours
    added = _read_links(path)
    for name in added:
        if name in ours:
            raise ContentError(added[name].where, f"the source {name!r} is taken: give it another name")
    return MappingProxyType({**ours, **added})


def _ranks(ours: tuple[str, ...], own: tuple[Card, ...], before: Mapping[str, str]) -> tuple[str, ...]:
    """The cards of a site come after ours, in file order, unless it says before which of ours one stands."""
    ranked: list[str] = []
    for name in ours:
        ranked += [card.id for card in own if before.get(card.id) == name]
        ranked.append(name)
    return (*ranked, *(card.id for card in own if card.id not in before))


def _check_card(
    card: Card,
    pathway: Pathway,
    links: Mapping[str, SourceLink],
    reasons: Mapping[str, str],
    templates: Mapping[str, OrderTemplate],
) -> None:
    for name in card.sources:
        if name not in links:
            raise ContentError(
                card.where("sources", name), f"unregistered source {name!r}: add it to cards/sources.yaml"
            )
    for name in card.override_reasons:
        if name not in reasons:
            raise ContentError(
                card.where("override_reasons", name),
                f"unknown override reason {name!r}: add it to override-reasons.yaml",
            )
    named = [(card.where("orders", kind), kind) for kind in card.orders]
    named += [(f"{card.path}:{offered.line}", kind) for offered in card.suggestions for kind in offered.removes]
    for where, kind in named:
        if kind not in ORDER_KINDS:
            raise ContentError(where, f"unknown order kind {kind!r}{or_near(kind, ORDER_KINDS)}")
    for offered in card.suggestions:
        if offered.template not in templates and offered.template != REMOVE_DRAFTS:
            raise ContentError(f"{card.path}:{offered.line}", f"unknown order template {offered.template!r}")
    if card.id not in pathway.order:
        raise ContentError(card.where("id"), f"the card {card.id!r} has no rank: add it to `order` in pathway.yaml")
    if card.enabled_by and setting_names().get(card.enabled_by) is not bool:
        said = f"enabled_by names {card.enabled_by!r}, which is no switch of settings.yaml"
        raise ContentError(card.where("enabled_by"), said)
    check_named_review(card)
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
            "allowed": _texts(node["allowed"]),
            "wording": Wording(**{key: str(value) for key, value in node["wording"].items()}),
            "headings": MappingProxyType({str(key): str(value) for key, value in node["headings"].items()}),
            "path": str(path),
            "lines": MappingProxyType({str(key): line_of(node, key) for key in node}),
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
            link = SourceLink(str(name), where=where, **{key: str(value) for key, value in item.items()})
        except (TypeError, AttributeError):
            raise ContentError(where, "a source has label, url, reviewed and claim") from None
        if not link.url.startswith("https://"):
            raise ContentError(where, f"the url of {name!r} must begin with https://")
        if not _URL.fullmatch(link.url):
            raise ContentError(where, f"the url of {name!r} holds what no link may hold: blanks, brackets, quotes ...")
        if not (link.label.isprintable() and link.claim.isprintable()):
            raise ContentError(where, f"label and claim of {name!r} are one line each, without control characters")
        if not is_date(link.reviewed):
            raise ContentError(where, f"{name!r} was reviewed on {link.reviewed!r}: write a day as YYYY-MM-DD")
        links[link.id] = link
    return links


def _read_prefetch(path: Path, pathway: Pathway) -> Mapping[str, str]:
    node = _mapping(path)
    keys = {key for spec in all_facts().values() for key in (*spec.searches, *spec.reads)}
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
