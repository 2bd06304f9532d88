"""Fact and Evidence: what we know about one patient, how well, and what it rests on.

A fact is ``yes``, ``no`` or ``unknown`` (pathway part 3.2). ``reason`` refines the value; together they
are the fact's state, written ``value`` or ``value:reason``, the vocabulary of card conditions.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Value = Literal["yes", "no", "unknown"]

NOT_FOUND = "not-found"
NOT_SEARCHED = "not-searched"
UNINTERPRETABLE = "uninterpretable"
CONFLICT = "conflict"
INDETERMINATE = "indeterminate"
STALE = "stale"


class Evidence(NamedTuple):
    """One item that a fact considered, also when it did not count.

    ``reference`` is the literal ``Type/id`` ("" for a search problem), ``date`` an ISO date or "" (undated),
    ``status`` the resource's status, ``text`` its display or name, ``quote`` at most 120 characters of a
    report, ``counted`` whether the fact rests on it, ``why`` a short clause in our own words.
    All but ``why`` may come from a record: only ``pathway.render`` may turn them into card text.
    """

    reference: str
    text: str
    date: str = ""
    status: str = ""
    quote: str = ""
    counted: bool = True
    why: str = ""


class Fact(NamedTuple):
    """The answer to one clinical question about one patient.

    ``as_of`` is the ISO date of the deciding item ("" if undated or none). ``label`` and ``number`` are the
    typed values that a summary may insert (decision 6). ``gaps`` lists, in safe words, searches that could
    not be completed and might have changed the answer: a positive fact keeps its value and names them
    (decision 29). ``quality`` says what kind of source decided: coded, from-text, name-only, declared.
    ``traits`` are further named properties that a card may ask for (``modality-ct``, ``origin-unclear``).
    """

    name: str
    value: Value
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    as_of: str = ""
    label: str = ""
    number: float | None = None
    quality: str = ""
    gaps: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()

    @property
    def state(self) -> str:
        """``value`` or ``value:reason``."""
        return f"{self.value}:{self.reason}" if self.reason else self.value
