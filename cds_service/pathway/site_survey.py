"""The survey of a site file against the shipped content: what is unknown, shadowed or never used.

What is unknown, or would take the place of something of ours, stops the start. The rest is for the operator to judge:
a code that means something else already, a mapping that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cds_service.errors import ContentError
from cds_service.facts.settings import change_settings, setting_problem
from cds_service.pathway.banned import banned_in
from cds_service.pathway.card import Card
from cds_service.pathway.site import Site

if TYPE_CHECKING:
    from cds_service.pathway.content import Content
    from cds_service.pathway.templates import OrderTemplate


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend in a site file; ``stops`` if the service does not start with it."""

    where: str
    problem: str
    stops: bool

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


def survey(site: Site, shipped: Content, cards: tuple[Card, ...]) -> tuple[Finding, ...]:
    """Everything that is wrong or idle in a site file; ``cards`` are its own."""
    return (
        *_settings(site, shipped),
        *_systems(site, shipped),
        *_codes(site, shipped),
        *_orderables(site, shipped, cards),
        *_cards(site, shipped, cards),
    )


def _settings(site: Site, shipped: Content) -> Iterator[Finding]:
    problems = {key: problem for key, value in site.settings.items() if (problem := setting_problem(key, value))}
    for key, problem in problems.items():
        yield Finding(site.settings_where[key], problem, True)
    if not problems:
        try:
            change_settings(shipped.settings, site.settings, site.settings_where)
        except ContentError as error:
            yield Finding(error.where, error.problem, True)


def _systems(site: Site, shipped: Content) -> Iterator[Finding]:
    spellings = {_loosely(uri): (uri, system) for uri, system in shipped.terms.systems().items()}
    ours = {system.key for system in shipped.terms.systems().values()}
    for name, uri in site.systems.items():
        where = site.systems_where[name]
        if name in ours:
            yield Finding(where, f"shadowed: {name!r} is a short name of ours and now means {uri}", False)
        if name not in site.used:
            yield Finding(where, f"never used: no code and no orderable stands under {name!r}", False)
    seen = set()
    named = ((mapped.local.system, mapped.where) for mapped in site.codes)
    for uri, where in (*named, *((item.system, item.where) for item in site.orderables)):
        near = spellings.get(_loosely(uri))
        if near is not None and uri not in seen and shipped.terms.system(uri) is None:
            said = f"shadowed: {uri} is kept apart from {near[1].name}, whose URI is {near[0]}: is it misspelt?"
            yield Finding(where, said, False)
        seen.add(uri)


def _codes(site: Site, shipped: Content) -> Iterator[Finding]:
    known = _concepts(shipped)
    for name, where in site.empty:
        if name not in known:
            yield Finding(where, f"unknown value set {name!r}{or_near(name, known)}", True)
        else:
            yield Finding(where, f"never used: no code stands here for {name}", False)
    terms = shipped.terms.extended(())
    seen: set[tuple[str, str, str]] = set()
    unknown: set[str] = set()
    for mapped in site.codes:
        name, uri, code = mapped.local.name, mapped.local.system, mapped.local.code
        if name not in known:
            if name not in unknown:
                yield Finding(mapped.where, f"unknown value set {name!r}{or_near(name, known)}", True)
            unknown.add(name)
            continue
        system = terms.system(uri)
        key = (name, system.key if system else uri, system.comparable(code) if system else code)
        already = terms.concepts_of_code(uri, code)
        if key in seen:
            yield Finding(mapped.where, f"never used: {code} stands twice under {name}", False)
        elif name in already:
            yield Finding(mapped.where, f"never used: {code} is in {name} already, as shipped", False)
        elif already:
            said = f"shadowed: {code} means {_listed(already)} as shipped, and now {name} too"
            yield Finding(mapped.where, said, False)
        seen.add(key)


def _orderables(site: Site, shipped: Content, cards: tuple[Card, ...]) -> Iterator[Finding]:
    settings = site.settings
    served = [card for card in (*shipped.cards, *cards) if card.status != "retired"]
    offered = {item.template for card in served if _is_on(card, shipped, settings) for item in card.suggestions}
    terms = shipped.terms.extended(mapped.local for mapped in site.codes)
    pathway = shipped.pathway
    for item in site.orderables:
        for word in banned_in(item.display, pathway.banned, pathway.allowed):
            yield Finding(item.where, f"{word!r} may not stand in a card", True)
        template = shipped.templates.get(item.template)
        if template is None:
            near = or_near(item.template, frozenset(shipped.templates))
            yield Finding(item.where, f"unknown order template {item.template!r}{near}", True)
            continue
        means = terms.concepts_of_code(item.system, item.code)
        if not means:
            said = f"{item.code} is in no value set, so the order could not be recognised: add it under [codes]"
            yield Finding(item.where, said, True)
        elif _families(means).isdisjoint(_families(_meaning(template, shipped))):
            said = f"shadowed: {item.code} means {_listed(means)}, the template {_listed(_meaning(template, shipped))}"
            yield Finding(item.where, said, False)
        if item.template not in offered:
            yield Finding(item.where, f"never used: no card suggests {item.template}", False)


def _cards(site: Site, shipped: Content, cards: tuple[Card, ...]) -> Iterator[Finding]:
    if site.cards is not None and not cards:
        yield Finding(site.cards_where, f"never used: {site.cards} holds no card (*.md)", False)
    for place, card in enumerate(cards):
        earlier = (*shipped.cards, *shipped.retired, *cards[:place])
        if card.id in {other.id for other in earlier}:
            yield Finding(card.where("id"), f"the card id {card.id!r} is taken: give it another", True)
        if card.topic in {other.topic for other in earlier}:
            yield Finding(card.where("topic"), f"the topic {card.topic!r} is taken: give it another", True)
    own = frozenset(card.id for card in cards)
    for name, later in site.before.items():
        for wanted, there in ((name, own), (later, frozenset(shipped.pathway.order))):
            if wanted not in there:
                yield Finding(site.before_where[name], f"unknown card {wanted!r}{or_near(wanted, there)}", True)


def _concepts(shipped: Content) -> frozenset[str]:
    """Value sets, and the names of the lexicon in families that have value sets: what a code may be given for."""
    families = _families(shipped.terms.names)
    named = shipped.lexicon.naming.concepts
    return shipped.terms.names | {name for name in named if name.partition(".")[0] in families}


def _is_on(card: Card, shipped: Content, changed: Mapping[str, object]) -> bool:
    switch = card.enabled_by
    return not switch or bool(changed.get(switch, getattr(shipped.settings, switch, False)))


def _meaning(template: OrderTemplate, shipped: Content) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for coding in template.codings():
        found = found | shipped.terms.concepts_of_code(coding["system"], coding["code"])
    return found


def _families(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def or_near(name: str, known: frozenset[str]) -> str:
    """The names that were perhaps meant, or all of them."""
    near = get_close_matches(name, sorted(known), 3)
    return f"; known: {', '.join(near or sorted(known))}"


def _loosely(uri: str) -> str:
    return uri.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
