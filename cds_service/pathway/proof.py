"""check: the proof of all content. Loads it, then proves each card total, tested, short enough and safely worded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path

from cds_service.errors import ContentError
from cds_service.pathway.banned import banned_in
from cds_service.pathway.card import Card, Rule
from cds_service.pathway.cases import CardCase, failure, read_cases
from cds_service.pathway.condition import leaves
from cds_service.pathway.content import Content, check_site, load_content
from cds_service.pathway.governance import check_reviews
from cds_service.pathway.statements import untraced
from cds_service.pathway.truth_table import TruthTable
from cds_service.pathway.wording import BODY_WORDS, SUMMARY_LIMIT, longest_summary, placeholders

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What ``check`` found. ``problems`` are ``path:line: what`` lines; ``notes`` say what was proved."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check(cards: Path, today: date, site: Path | None = None) -> CheckReport:
    """Check a content directory, and a site file over it.

    Faults that stop loading, or the start of the service today, are problems too; so is what is idle in a site file.
    """
    problems: list[str] = []
    notes: list[str] = []
    try:
        if site is not None:
            read, at_site = check_site(cards, site)
            problems += map(str, at_site)
            notes.append(read.as_text())
            if any(finding.stops for finding in at_site):
                return CheckReport(tuple(problems), tuple(notes))
        content = load_content(cards, site)
        check_reviews(content.cards, today)
    except ContentError as error:
        return CheckReport((*problems, str(error)), ())
    problems += untraced(content.statements, content.cards)
    for card in content.cards:
        found, states = check_card(card, content)
        problems += found
        facts = len(card.deciding_facts())
        notes.append(f"{card.id}: {len(card.rules)} rules, total over {states} distinct states of {facts} facts")
    return CheckReport(tuple(problems), tuple(notes))


def check_card(card: Card, content: Content) -> tuple[list[str], int]:
    """The problems of one card, and how many rows its truth table has."""
    gaps, reached, count = _prove_total(card)
    problems = [f"{card.path}: no rule holds when {gap}" for gap in gaps]
    problems += [
        f"{card.path}:{rule.line}: the rule {rule.id!r} can never decide"
        for rule in card.rules
        if rule.id not in reached
    ]
    problems += _check_suggestions(card)
    for rule in card.rules:
        problems += _check_summaries(card, rule)
    problems += _check_body(card, content)
    problems += _check_words(card, content)
    try:
        problems += _check_cases(card, read_cases(card))
    except ContentError as error:
        problems.append(str(error))
    return problems, count


def _prove_total(card: Card) -> tuple[list[str], set[str], int]:
    """Uncovered states (the first few, in words), the rules that decide somewhere, and the number of rows."""
    table = TruthTable(card.deciding_facts(), card)
    decided = table.decided(card)
    gaps = [
        ", ".join(f"{name} is {state}" for name, state in states.items())
        for states in table.first(decided.pop(""), MOST_SHOWN)
    ]
    return gaps, {name for name, where in decided.items() if where}, table.count


def _check_suggestions(card: Card) -> list[str]:
    """No template is offered twice in one state."""
    table = TruthTable(tuple(sorted({leaf.fact for item in card.suggestions for leaf in leaves(item.when)})), card)
    for rule in card.rules:
        for offered, where in table.offered(card, rule.id, table.all).items():
            if len(offered) != len(set(offered)):
                return [f"{card.path}: {rule.id} offers a template twice when {next(table.first(where, 1))}"]
    return []


def _check_summaries(card: Card, rule: Rule) -> list[str]:
    problems: list[str] = []
    known = {*card.deciding_facts(), *card.wording_facts()}
    for wording in rule.summaries:
        where = f"{card.path}:{rule.line}"
        try:
            names = placeholders(wording.text)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        wrong = [
            name
            for name in names
            if name.partition(".")[0] not in known or name.partition(".")[2] not in ("date", "label", "number")
        ]
        if wrong:
            problems.append(
                f"{where}: a summary takes .date, .label or .number of the card's facts, not {', '.join(wrong)}"
            )
            continue
        longest = len(longest_summary(wording.text))
        if longest > SUMMARY_LIMIT:
            problems.append(f"{where}: the summary can reach {longest} characters, {SUMMARY_LIMIT} are allowed")
    return problems


def _check_body(card: Card, content: Content) -> list[str]:
    where = f"{card.path}:{card.body_line}"
    problems = [
        f"{where}: no heading for {name} in pathway.yaml"
        for name in card.shown_facts
        if name not in content.pathway.headings
    ]
    names = placeholders(card.body)
    problems += [f"{where}: the body lacks {{{{ {name} }}}}" for name in BODY_WORDS if name not in names]
    if not card.body.rstrip().endswith(content.pathway.closing):
        problems.append(f"{where}: the body must end with the sentence {content.pathway.closing!r}")
    return problems


def _check_words(card: Card, content: Content) -> list[str]:
    """No banned word or figure in any text of the card, its templates or the words of the pathway."""
    texts = [card.title, card.body, *(rule.lead for rule in card.rules)]
    texts += [wording.text for rule in card.rules for wording in rule.summaries]
    texts += [content.override_reasons[name] for name in card.override_reasons]
    for offered in card.suggestions:
        template = content.templates.get(offered.template)
        texts += [template.label, template.description, template.body] if template is not None else []
    found = (banned_in(text, content.pathway.banned, content.pathway.allowed) for text in texts)
    return [f"{card.path}: {word!r} may not stand in a card" for word in dict.fromkeys(chain.from_iterable(found))]


def _check_cases(card: Card, cases: tuple[CardCase, ...]) -> list[str]:
    path = Path(card.path).with_suffix(".cases.yaml")
    problems = [f"{path}:{case.line}: {case.name}: {wrong}" for case in cases if (wrong := failure(case, card))]
    expected = {case.expect for case in cases}
    wanted = (*(rule.id for rule in card.rules), *card.requires, *card.excluded_by)
    return problems + [f"{path}: no case expects {name!r}" for name in wanted if name not in expected]
