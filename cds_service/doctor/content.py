"""Whether the content loads and is proved, and how long its reviews last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from cds_service.doctor.findings import Finding, blame, fine, skip, warn
from cds_service.errors import ContentError
from cds_service.pathway.card import Card
from cds_service.pathway.content import unproved_content
from cds_service.pathway.governance import ACTIVE, is_expired
from cds_service.pathway.proof import check as prove

SOON = timedelta(days=30)
"""A review that is due within this time is told: it takes a clinician, and expired it stops the next start."""
_MATTERS = "the service does not start with content that is wrong, and an unproved card could be wrong about a patient"
_MOST_SHOWN = 3


def check_content(cards: Path, site: Path | None, today: date) -> tuple[Finding, ...]:
    """Prove a content directory, with a site file over it, as ``cds-service check`` does, and look at its reviews."""
    try:
        content = unproved_content(cards, site)
    except ContentError as error:
        why = "the content cannot be loaded"
        return (blame("content", str(error), _MATTERS, "mend that file"), skip("reviews", why))
    problems = prove(cards, today, site).problems
    pathway = content.pathway
    proved = f"{pathway.id} {pathway.version}, {len(content.cards)} cards proved, digest {content.digest[:12]}"
    return (judge_proof(problems, proved), check_reviews(content.cards, today))


def judge_proof(problems: tuple[str, ...], proved: str) -> Finding:
    """The finding about the problems of a proof; ``proved`` says what it covers if there are none."""
    if not problems:
        return fine("content", proved)
    shown = "; ".join(problems[:_MOST_SHOWN])
    more = f"; {len(problems) - _MOST_SHOWN} more" if len(problems) > _MOST_SHOWN else ""
    return blame("content", f"{shown}{more}", _MATTERS, "mend them; cds-service check lists all")


def check_reviews(cards: Iterable[Card], today: date) -> Finding:
    """Expired and soon due reviews of active cards, and cards that nobody has signed off."""
    listed = tuple(cards)
    active = [card for card in listed if card.status == ACTIVE]
    expired = [f"{card.id} ({card.review_due})" for card in active if is_expired(card, today)]
    if expired:
        return blame(
            "reviews",
            f"expired: {', '.join(expired)}",
            "an active card past its review stops the next start",
            "have it reviewed, or set its status to draft",
        )
    soon = [f"{card.id} ({card.review_due})" for card in active if date.fromisoformat(card.review_due) <= today + SOON]
    if soon:
        return warn(
            "reviews",
            f"due within {SOON.days} days: {', '.join(soon)}",
            "after that day the service does not start",
            "ask the reviewer now; cds-service cards names each",
        )
    drafts = len(listed) - len(active)
    if drafts:
        return warn(
            "reviews",
            f"{drafts} of {len(listed)} cards are drafts",
            "nobody has signed them off, so they must not be put before real patients",
            "cds-service describe makes the pages for a review",
        )
    return fine("reviews", f"{len(active)} active cards, none due within {SOON.days} days")
