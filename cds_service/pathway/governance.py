"""Governance: who answers for a card's content, and until when. Today's date is an argument, as everywhere in the core.

A draft card may be shown, and says in its own text that it is one. An active card speaks with a clinician's name:
without that name, or after its review date, it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cds_service.errors import ContentError
from cds_service.pathway.card import Card

ACTIVE = "active"


def check_named_review(card: Card) -> None:
    """ContentError unless the dates of a card exist and an active one has a named reviewer and a review date."""
    where = _where(card)
    for name, text in (("review_due", card.review_due), ("released", card.released), ("revised", card.revised)):
        if text and not is_date(text):
            raise ContentError(where, f"{name} is {text}, which is no day of the calendar")
    if card.status == ACTIVE and not (card.reviewed_by.strip() and card.review_due):
        raise ContentError(
            where, "an active card needs reviewed_by and review_due: name the reviewer or keep it a draft"
        )


def check_reviews(cards: Iterable[Card], today: date) -> None:
    """ContentError at the first active card whose review has expired."""
    for card in cards:
        if is_expired(card, today):
            raise ContentError(
                _where(card),
                f"the review of this active card was due on {card.review_due}: review it or set its status to draft",
            )


def _where(card: Card) -> str:
    """Where its file states the review date, or else the status."""
    return card.where("review_due" if card.review_due else "status")


def is_expired(card: Card, today: date) -> bool:
    """Whether an active card is past its review date; the date itself is the last good day."""
    return card.status == ACTIVE and date.fromisoformat(card.review_due) < today


def standing(card: Card, today: date) -> str:
    """A card's standing in a few words, for lists and review pages."""
    if card.status != ACTIVE:
        return card.status
    return f"expired on {card.review_due}" if is_expired(card, today) else f"active until {card.review_due}"


def is_date(text: str) -> bool:
    """Whether a text is a day, written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
