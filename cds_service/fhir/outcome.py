"""How one request to a FHIR server came out: names for log and metric, clauses for cards."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus


class Outcome(Enum):
    """The end of one fetch. ``value`` is a name of ours, ``clause`` what a card may say: neither holds any data."""

    ANSWERED = "answered"
    BROKEN = "broken"
    ERROR = "error"
    NO_TIME = "no-time"
    NOT_ALLOWED = "not-allowed"
    NOT_FOUND = "not-found"
    OTHER_PATIENT = "other-patient"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    TOO_LARGE = "too-large"
    UNCONFIRMED = "unconfirmed"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"

    @property
    def clause(self) -> str:
        """Why the search is not complete, as a short clause."""
        return _CLAUSES[self]


_CLAUSES = {
    Outcome.ANSWERED: "",
    Outcome.BROKEN: "the connection to the FHIR server broke off",
    Outcome.ERROR: "the FHIR server reported an error",
    Outcome.NO_TIME: "no time was left to ask the FHIR server",
    Outcome.NOT_ALLOWED: "the address of the FHIR server is not allowed",
    Outcome.NOT_FOUND: "the FHIR server does not know it",
    Outcome.OTHER_PATIENT: "the access token of the call is for another patient",
    Outcome.REDIRECTED: "the FHIR server pointed elsewhere, which is not followed",
    Outcome.REFUSED: "the FHIR server refused access",
    Outcome.REJECTED: "the FHIR server did not accept the search",
    Outcome.THROTTLED: "the FHIR server is too busy",
    Outcome.TIMEOUT: "the FHIR server did not answer in time",
    Outcome.TOO_LARGE: "the FHIR server sent more than can be read",
    Outcome.UNCONFIRMED: "the empty answer of the FHIR server could not be confirmed",
    Outcome.UNREACHABLE: "the FHIR server could not be reached",
    Outcome.UNREADABLE: "what the FHIR server sent could not be read",
}
_OF_STATUS: dict[int, Outcome] = {
    HTTPStatus.BAD_REQUEST: Outcome.REJECTED,
    HTTPStatus.UNPROCESSABLE_ENTITY: Outcome.REJECTED,
    HTTPStatus.UNAUTHORIZED: Outcome.REFUSED,
    HTTPStatus.FORBIDDEN: Outcome.REFUSED,
    HTTPStatus.NOT_FOUND: Outcome.NOT_FOUND,
    HTTPStatus.GONE: Outcome.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS: Outcome.THROTTLED,
}


def outcome_of(status: int) -> Outcome:
    """What an HTTP status means for a fetch.

    Only 400 and 422 say that a search is not taken as it is written. Other client errors may have any cause.
    """
    if status == HTTPStatus.OK:
        return Outcome.ANSWERED
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Outcome.REDIRECTED
    if status >= HTTPStatus.BAD_REQUEST:
        return _OF_STATUS.get(status, Outcome.ERROR)
    return Outcome.UNREADABLE


class FetchError(Exception):
    """A request that gave no answer. Raised through the HTTP library; says how it came out and nothing else."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
