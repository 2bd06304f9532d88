"""The proof of one card: total, tested, short enough and safely worded. Every fault has its file and line.

``check`` proves all cards; at the start of the service those are proved that nobody has proved before it was shipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cds_service.errors import ContentError
from cds_service.pathway.banned import banned_in
from cds_service.pathway.card import Card, Rule
from cds_service.pathway.cases import CardCase, failure, read_cases
from cds_service.pathway.condition import leaves
from cds_service.pathway.truth_table import TruthTable
from cds_service.pathway.wording import BODY_WORDS, SUMMARY_LIMIT, longest_summary, placeholders

if TYPE_CHECKING:
    from cds_service.pathway.content import Content

MOST_SHOWN = 5


def check_proved(cards: Iterable[Card], content: Content) -> None:
    """ContentError at the first fault of any of the cards."""
    for card in cards:
        for fault in check_card(card, content)[0]:
            raise fault


def check_card(card: Card, content: Content) -> tuple[list[ContentError], int]:
    """The faults of one card, and how many rows its truth table has."""
    try:
        gaps, reached, count = _prove_total(card)
        faults = [ContentError(card.where("rules"), f"no rule holds when {gap}") for gap in gaps]
        faults += [
            ContentError(f"{card.path}:{rule.line}", f"the rule {rule.id!r} can never decide")
            for rule in card.rules
            if rule.id not in reached
        ]
        faults += _check_suggestions(card)
    except ContentError as error:
        faults, count = [error], 0
    for rule in card.rules:
        faults += _check_summaries(card, rule)
    faults += _check_body(card, content)
    faults += _check_words(card, content)
    try:
        faults += _check_cases(card, read_cases(card))
    except ContentError as error:
        faults.append(error)
    return faults, count


def check_shared_words(content: Content) -> list[ContentError]:
    """Banned words in texts that belong to no single card: those of the pathway and its sources."""
    pathway = content.pathway
    texts = [("title", pathway.title), ("source_label", pathway.source_label), ("closing", pathway.closing)]
    texts += [("services", text) for item in pathway.services for text in (item.title, item.description, item.usage)]
    texts += [("wording", text) for text in asdict(pathway.wording).values()]
    texts += [("headings", text) for text in pathway.headings.values()]
    found = _banned(((pathway.where(member), text) for member, text in texts), content)
    return found + _banned(((link.where, link.label) for link in content.links.values()), content)


def _prove_total(card: Card) -> tuple[list[str], set[str], int]:
    """Uncovered states (the first few, in words), the rules that decide somewhere, and the number of rows."""
    table = TruthTable(card.deciding_facts(), card)
    decided = table.decided(card)
    gaps = [
        ", ".join(f"{name} is {state}" for name, state in states.items())
        for states in table.first(decided.pop(""), MOST_SHOWN)
    ]
    return gaps, {name for name, where in decided.items() if where}, table.count


def _check_suggestions(card: Card) -> list[ContentError]:
    """No template is offered twice in one state."""
    table = TruthTable(tuple(sorted({leaf.fact for item in card.suggestions for leaf in leaves(item.when)})), card)
    for rule in card.rules:
        for offered, where in table.offered(card, rule.id, table.all).items():
            templates = [item.template for item in offered]
            if len(templates) != len(set(templates)):
                said = f"{rule.id} offers a template twice when {next(table.first(where, 1))}"
                return [ContentError(card.where("suggestions"), said)]
    return []


def _check_summaries(card: Card, rule: Rule) -> Iterator[ContentError]:
    known = {*card.deciding_facts(), *card.wording_facts()}
    for wording in rule.summaries:
        where = f"{card.path}:{rule.line}"
        try:
            names = placeholders(wording.text)
        except ValueError as error:
            yield ContentError(where, str(error))
            continue
        wrong = [
            name
            for name in names
            if name.partition(".")[0] not in known or name.partition(".")[2] not in ("date", "label", "number")
        ]
        if wrong:
            said = f"a summary takes .date, .label or .number of the card's facts, not {', '.join(wrong)}"
            yield ContentError(where, said)
            continue
        longest = len(longest_summary(wording.text))
        if longest > SUMMARY_LIMIT:
            yield ContentError(where, f"the summary can reach {longest} characters, {SUMMARY_LIMIT} are allowed")


def _check_body(card: Card, content: Content) -> list[ContentError]:
    names = placeholders(card.body)
    said = [
        f"no heading for {name} in pathway.yaml" for name in card.shown_facts if name not in content.pathway.headings
    ]
    said += [f"the body lacks {{{{ {name} }}}}" for name in BODY_WORDS if name not in names]
    if not card.body.rstrip().endswith(content.pathway.closing):
        said.append(f"the body must end with the sentence {content.pathway.closing!r}")
    return [ContentError(f"{card.path}:{card.body_line}", each) for each in said]


def _check_words(card: Card, content: Content) -> list[ContentError]:
    """No banned word or figure in any text of the card or of the templates it suggests."""
    texts = [(card.where(name), getattr(card, name)) for name in ("title", "owner", "reviewed_by")]
    texts.append((f"{card.path}:{card.body_line}", card.body))
    for rule in card.rules:
        said = (rule.lead, *(wording.text for wording in rule.summaries))
        texts += [(f"{card.path}:{rule.line}", text) for text in said]
    texts += [(card.where("override_reasons", name), content.override_reasons[name]) for name in card.override_reasons]
    for offered in card.suggestions:
        template = content.templates.get(offered.template)
        shown = (template.label, template.description, template.body) if template is not None else ()
        texts += [(f"{card.path}:{offered.line}", text) for text in (offered.label, *shown)]
    return _banned(texts, content)


def _banned(texts: Iterable[tuple[str, str]], content: Content) -> list[ContentError]:
    """A fault for each banned word in texts that stand somewhere, each once."""
    found = dict.fromkeys(
        (where, word)
        for where, text in texts
        for word in banned_in(text, content.pathway.banned, content.pathway.allowed)
    )
    return [ContentError(where, f"{word!r} may not stand in a card") for where, word in found]


def _check_cases(card: Card, cases: tuple[CardCase, ...]) -> Iterator[ContentError]:
    path = Path(card.path).with_suffix(".cases.yaml")
    for case in cases:
        wrong = failure(case, card)
        if wrong:
            yield ContentError(f"{path}:{case.line}", f"{case.name}: {wrong}")
    expected = {case.expect for case in cases}
    for name in (*(rule.id for rule in card.rules), *card.requires, *card.excluded_by):
        if name not in expected:
            yield ContentError(f"{path}:1", f"no case expects {name!r}")
