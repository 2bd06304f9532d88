"""The exception tree. Each error has an HTTP status and a message that is safe to show.

    CdsError
    +-- CallError            what the client sent
    |   +-- MalformedCall        400  not JSON, wrong types, wrong hook
    |   +-- NotAuthenticated     401  no valid token, whatever is wrong with it
    |   +-- UnknownService       404  no service with that id
    |   +-- NotFromHere          403  a caller that this installation does not answer
    |   +-- DataUnavailable      412  required data neither sent nor readable
    |   +-- CallTooLarge         413  body over the limit
    |   +-- UnsupportedBody      415  compressed body
    |   +-- Overloaded           503  no place to compute came free in time
    |   +-- NotKept              503  what must be kept could not be stored
    +-- StoreError           the store cannot be read or written: decision 42 says what follows
    +-- ContentError         a file in cards/ is wrong: stops the start, never reaches a client
    +-- ConfigError          a setting is wrong: stops the start, names the key

Messages never hold patient data: they name fields and limits, not values (decision 30).
"""

from __future__ import annotations


class CdsError(Exception):
    """Root of everything this service raises on purpose."""


class CallError(CdsError):
    """A call that cannot be answered with cards.

    ``status`` is the HTTP status, ``issue_code`` the FHIR issue type of the OperationOutcome.
    """

    status = 400
    issue_code = "invalid"


class MalformedCall(CallError):
    """The body is not a CDS Hooks call (conformance REQ-02 to REQ-11)."""


class NotAuthenticated(CallError):
    """No valid token. The caller is told nothing else: the reason is for the log (decision 34)."""

    status = 401
    issue_code = "login"

    def __init__(self) -> None:
        super().__init__("this call needs a valid token")


class UnknownService(CallError):
    """No service has the id in the path."""

    status = 404
    issue_code = "not-found"


class NotFromHere(CallError):
    """Development mode answers callers on the same machine alone (decision 9)."""

    status = 403
    issue_code = "forbidden"


class DataUnavailable(CallError):
    """Required data is neither in prefetch nor obtainable (conformance PFR-08, decision 2)."""

    status = 412
    issue_code = "incomplete"


class CallTooLarge(CallError):
    """The body is larger than the configured limit."""

    status = 413
    issue_code = "too-long"


class UnsupportedBody(CallError):
    """The body is compressed; only plain JSON is read."""

    status = 415
    issue_code = "not-supported"


class Overloaded(CallError):
    """More calls than can be computed; the client may try again (decision 30)."""

    status = 503
    issue_code = "transient"


class NotKept(CallError):
    """Feedback, or a decision that must be recorded, could not be stored; the client may try again (decision 42)."""

    status = 503
    issue_code = "transient"


class StoreError(CdsError):
    """The store cannot be read or written. ``kind`` is the database's own name of the trouble, nothing of any row."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"the store cannot be used ({kind})")
        self.kind = kind


class ContentError(CdsError):
    """A content file is wrong. ``where`` is ``path:line`` (or the path alone), ``problem`` what to mend."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class ConfigError(CdsError):
    """A setting is wrong; the message names the key and what it should be."""
