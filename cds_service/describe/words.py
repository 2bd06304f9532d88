"""Conditions in words: a tree of clauses that pages show as nested lists."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.pathway.condition import All, Condition, Is
from cds_service.pathway.content import Content
from cds_service.pathway.wording import split


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of a condition. ``states`` are those a fact may be in; a clause with ``parts`` only joins them."""

    text: str
    fact: str = ""
    states: tuple[str, ...] = ()
    parts: tuple[Clause, ...] = ()


def in_words(condition: Condition, content: Content) -> Clause:
    """A condition as clauses; one that holds always says so."""
    if isinstance(condition, Is):
        return Clause(heading(condition.fact, content), condition.fact, tuple(map(_pattern, condition.patterns)))
    if not condition.parts:
        return Clause("always")
    joined = "all of these" if isinstance(condition, All) else "at least one of these"
    return Clause(joined, parts=tuple(in_words(part, content) for part in condition.parts))


def heading(fact: str, content: Content) -> str:
    """What cards call a fact, or its name with blanks."""
    return content.pathway.headings.get(fact) or fact.replace("_", " ").capitalize()


def short_summary(text: str) -> str:
    """A summary with DATE, LABEL or NUMBER where a value of the patient stands."""
    return "".join(literal + name.rpartition(".")[2].upper() for literal, name in split(text))


def long_summary(content: Content, text: str) -> str:
    """A summary with each value of the patient named in brackets, with the fact that gives it."""
    return "".join(literal + (_value(name, content) if name else "") for literal, name in split(text))


def _value(placeholder: str, content: Content) -> str:
    fact, _, kind = placeholder.partition(".")
    return f"[{kind} of: {heading(fact, content)}]"


def _pattern(pattern: str) -> str:
    value, _, reason = pattern.partition(":")
    return f"{value} (any)" if reason == "*" else pattern
