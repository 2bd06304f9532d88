"""AccessToken: the bearer token of one call, in the only object that holds it.

It goes into the ``Authorization`` header of requests to the call's own FHIR server and nowhere else; it shows itself
to nobody, cannot be pickled or compared, and is forgotten with the response (conformance FHIR-02, FHIR-05).
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
"""What may stand in a header: printable ASCII without blanks (RFC 6750 is narrower; vendors are not)."""
_TEXTS = ("access_token", "scope", "subject", "token_type")


class AccessToken:
    """A bearer token; ``patient`` is the patient that it is bound to, "" if the client named none."""

    __slots__ = ("_text", "patient")

    def __init__(self, text: str, patient: str = "") -> None:
        self._text = text
        self.patient = patient

    def header(self) -> str:
        """The value of the Authorization header; "" once the token has been forgotten."""
        return f"Bearer {self._text}" if self._text else ""

    def forget(self) -> None:
        """Drop the token: no request can be made with it any more."""
        self._text = ""

    def __repr__(self) -> str:
        return "AccessToken(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an access token is not stored")


def read_token(value: Any) -> AccessToken | None:
    """The token of a call's ``fhirAuthorization``; None for an absent, odd or incomplete one (FHIR-03, decision 33)."""
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in _TEXTS):
        return None
    seconds = value.get("expires_in")
    is_valid = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0
    text = value["access_token"]
    if not is_valid or value["token_type"].lower() != "bearer" or not _TOKEN.fullmatch(text):
        return None
    patient = value.get("patient")
    return AccessToken(text, patient.strip().removeprefix("Patient/") if isinstance(patient, str) else "")
