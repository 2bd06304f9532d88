"""Filling placeholders: ``{{ fact }}`` in bodies, ``{{ fact.date }}`` and its like in summaries; nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isnan

from cds_service.facts.fact import Fact
from cds_service.pathway.escape import plain_label, show_date

SUMMARY_LIMIT = 139
"""CDS Hooks asks for fewer than 140 characters (CARD-02)."""

LABEL_LIMIT = 18
"""A label in a summary is cut to this, so that length can be proved when content is loaded."""

BODY_WORDS = ("lead", "orders", "gaps", "status")
"""Placeholders of a body that are not facts."""

_MOST = 9_999_999
_LEAST = 0.01
_LONGEST = {"date": "2026-01-01", "label": "x" * LABEL_LIMIT, "number": f"under -{_MOST}"}


@lru_cache(maxsize=512)
def split(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of literal text and the placeholder after it ("" at the end). Raises ValueError on stray braces.

    Only texts of content come here, so what is kept is bounded by the content.
    """
    return tuple(_split(text))


def _split(text: str) -> Iterator[tuple[str, str]]:
    rest = text
    while "{{" in rest:
        literal, _, rest = rest.partition("{{")
        name, closed, rest = rest.partition("}}")
        if not closed or "{" in name or "}" in literal:
            raise ValueError("a placeholder is written {{ name }}")
        yield literal, name.strip()
    if "}}" in rest:
        raise ValueError("a placeholder is written {{ name }}")
    yield rest, ""


def placeholders(text: str) -> tuple[str, ...]:
    """The names in a text, in order."""
    return tuple(name for _, name in split(text) if name)


def fill_summary(text: str, facts: Mapping[str, Fact]) -> str:
    """A summary with typed values inserted: an ISO date or "undated", a label, a number."""
    return "".join(literal + (_typed(name, facts) if name else "") for literal, name in split(text))


def longest_summary(text: str) -> str:
    """The summary at its greatest length, for the check."""
    return "".join(literal + (_LONGEST[name.partition(".")[2]] if name else "") for literal, name in split(text))


def fill_body(text: str, blocks: Mapping[str, str]) -> str:
    """A body with each placeholder replaced by its block; paragraphs that stay empty are left out."""
    paragraphs = (
        "".join(literal + (blocks[name] if name else "") for literal, name in split(paragraph)).strip()
        for paragraph in text.split("\n\n")
    )
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _typed(name: str, facts: Mapping[str, Fact]) -> str:
    fact_name, _, kind = name.partition(".")
    fact = facts[fact_name]
    if kind == "date":
        return show_date(fact.as_of)
    if kind == "label":
        return plain_label(fact.label, LABEL_LIMIT) or "not named"
    return "unknown" if fact.number is None else show_number(fact.number)


def show_number(number: float) -> str:
    """A number with at most two decimals and seven digits before them, never with an exponent; "unknown" for none."""
    if isnan(number):
        return "unknown"
    if abs(number) > _MOST:
        return f"over {_MOST}" if number > 0 else f"under -{_MOST}"
    if 0 < abs(number) < _LEAST:
        return f"under {_LEAST}" if number > 0 else "0"
    return f"{number:.2f}".rstrip("0").rstrip(".")
