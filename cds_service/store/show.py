"""Decisions as lines of text for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def decision_lines(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One line per decision: time, id, service, client, each card with what was said of it, or why there is none."""
    for decision in found:
        shown = [_card(card) for card in decision["cards"]]
        silent = decision["silence"] or ", ".join(f"{item['topic']}:{item['silence']}" for item in decision["outcomes"])
        what = "; ".join(shown) or f"no card ({silent})"
        yield f"{decision['at']} {decision['id']} {decision['service']} {decision['client'] or '-'} {what}"


def _card(card: Mapping[str, Any]) -> str:
    said = [" ".join(filter(None, (item["outcome"], item["reason_code"]))) for item in card["feedback"]]
    return f"{card['topic']}:{card['variant']}:{card['indicator']}" + (f" [{', '.join(said)}]" if said else "")
