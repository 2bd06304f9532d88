"""check: the proof of all content. Loads it, then proves each card total, tested, short enough and safely worded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cds_service.errors import ContentError
from cds_service.pathway.card_proof import check_card, check_shared_words
from cds_service.pathway.content import check_site, unproved_content
from cds_service.pathway.governance import check_reviews
from cds_service.pathway.statements import untraced


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
        content = unproved_content(cards, site)
        check_reviews(content.cards, today)
    except ContentError as error:
        return CheckReport((*problems, str(error)), ())
    problems += untraced(content.statements, content.cards)
    problems += map(str, check_shared_words(content))
    for card in content.cards:
        found, states = check_card(card, content)
        problems += map(str, found)
        facts = len(card.deciding_facts())
        notes.append(f"{card.id}: {len(card.rules)} rules, total over {states} distinct states of {facts} facts")
    return CheckReport(tuple(problems), tuple(notes))
