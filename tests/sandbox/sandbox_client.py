"""The public CDS Hooks sandbox (cds-hooks/sandbox, commit 3b7e255) as its server sees it.

``session.json`` holds what it sent to the demo when somebody ordered capecitabine for a patient, answered a card and
signed: every request in order, in its own words and with its own tokens, Chromium's own headers left out. The rest
imitates what it does with its templates and with our suggestions; tests compare that with the session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import jwt
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

HERE = Path(__file__).parent
KEYS = HERE / "jwks.json"
"""The key set that the sandbox publishes (build/.well-known/jwks.json of its repository)."""
ADDRESS = "http://127.0.0.1:8080"
"""Where the service ran that the session was held with."""
PAGE = "http://127.0.0.1:8000"
"""Where the sandbox was served."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of the session."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str = ""

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    @property
    def claims(self) -> dict[str, Any]:
        """What its token says, unchecked."""
        token = self.headers["authorization"].removeprefix("Bearer ")
        return dict(jwt.decode(token, options={"verify_signature": False}))

    @property
    def moment(self) -> datetime:
        """When its token was signed."""
        return datetime.fromtimestamp(self.claims["iat"], UTC)

    def send(self, client: FlaskClient, body: Any = None) -> TestResponse:
        """Send it again, with another body if given."""
        data = self.body if body is None else json.dumps(body)
        return client.open(self.path, method=self.method, headers=dict(self.headers), data=data, base_url=ADDRESS)


@cache
def session() -> tuple[Sent, ...]:
    """Every request, in order."""
    return tuple(Sent(**item) for item in json.loads((HERE / "session.json").read_bytes()))


def signed() -> list[Sent]:
    """Discovery, calls and feedback: what carries a token."""
    return [sent for sent in session() if "authorization" in sent.headers]


def calls(hook: str) -> list[Sent]:
    """The calls of one hook, in order."""
    return [sent for sent in session() if sent.method == "POST" and sent.path.endswith(hook)]


def feedback() -> list[Sent]:
    """The feedback, in order: a suggestion taken, a card overridden with a reason."""
    return [sent for sent in session() if sent.path.endswith("/feedback")]


def searches() -> list[tuple[str, str]]:
    """Type and form of each search that was posted to the FHIR server."""
    posted = [sent for sent in session() if sent.path.endswith("/_search")]
    return [(sent.path.split("/")[2], sent.body) for sent in posted]


def form_of(template: str, patient: str) -> tuple[str, str]:
    """Type and form that it makes of a search template: parameters sorted, repeated ones joined by a comma."""
    kind, _, query = template.replace("{{context.patientId}}", patient).partition("?")
    joined: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined.setdefault(name, []).append(value)
    return kind, urlencode({name: ",".join(joined[name]) for name in sorted(joined)}, quote_via=quote)


def effect_of(suggestion: Mapping[str, Any]) -> str:
    """What a click does on the prescribing page: the first action that it understands, or nothing to be seen.

    A delete empties the order; a create or update counts with a coded medication alone
    (src/reducers/medication-reducers.js).
    """
    for action in suggestion.get("actions", []):
        if action["type"] == "delete":
            return "order removed"
        medication = action.get("resource", {}).get("medicationCodeableConcept", {})
        if medication.get("text") and medication.get("coding", [{}])[0].get("code"):
            return "order changed"
    return "nothing"
