"""The Source protocol: a named search in, an Answer out that says how far it can be trusted.

Five things that look alike to careless code are kept apart here (decision 1, conformance PFR-01 to
PFR-11): a key that is absent, ``null``, an empty Bundle, an OperationOutcome, and a Bundle whose
``next`` page was not followed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol

Resource = Mapping[str, Any]
"""One FHIR resource as plain JSON. Never modified by anyone."""


class Completeness(Enum):
    """How far an answer supports a statement of absence. Only COMPLETE may support "none found"."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    NOT_ATTEMPTED = "not-attempted"


class Entry(NamedTuple):
    """One entry of an answer: the resource and the fullUrl it came with ("" if none)."""

    resource: Resource
    full_url: str = ""


class Answer(NamedTuple):
    """What one search returned.

    ``key`` is the search's name in ``cards/prefetch.yaml``. ``problems`` says, in words safe for a card
    (no patient data), why the answer is not complete: one short clause each. ``dropped`` counts entries that
    could not be read at all.
    """

    key: str
    entries: tuple[Entry, ...]
    completeness: Completeness
    problems: tuple[str, ...] = ()
    dropped: int = 0


class Source(Protocol):
    """Anything that can answer searches: prefetch, a FHIR server, a folder of files."""

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """Answer the named searches. Failures are Answers, never exceptions."""
        ...


class ExpectingSource(ABC):
    """A Source that can work ahead, because somebody far away has to be asked. Which is one is asked at every call."""

    @abstractmethod
    def expect(self, keys: tuple[str, ...]) -> None:
        """The call rests on these searches. Nobody far away is asked for others, which may stay unanswered."""

    @abstractmethod
    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """Answer the named searches, as every Source does."""
