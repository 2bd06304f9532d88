"""Finding: what one check saw. Checks are pure functions over what they are given, so that each can be tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended. A problem keeps the service from doing its work; a warning is for a person to judge."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    ``name`` says what was looked at, ``found`` what is so (for a skipped check why it was not looked at), ``matters``
    what hangs on it and ``advice`` what to do; both are empty where all is well. No patient data, no secrets.
    """

    name: str
    state: State
    found: str
    matters: str = ""
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {
            "name": self.name,
            "state": self.state.value,
            "found": self.found,
            "matters": self.matters,
            "advice": self.advice,
        }

    def as_text(self) -> str:
        """For people: one line, or two when there is something to do."""
        first = f"{self.state.value:8} {self.name}: {self.found}"
        rest = ": ".join(part for part in (self.matters, self.advice) if part)
        return f"{first}\n{'':9}{rest}" if rest else first


def fine(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, found)


def warn(name: str, found: str, matters: str, advice: str) -> Finding:
    """Something for a person to judge."""
    return Finding(name, State.WARNING, found, matters, advice)


def blame(name: str, found: str, matters: str, advice: str) -> Finding:
    """Something that keeps the service from its work."""
    return Finding(name, State.PROBLEM, found, matters, advice)


def skip(name: str, why: str) -> Finding:
    """Not looked at."""
    return Finding(name, State.SKIPPED, why)
