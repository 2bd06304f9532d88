"""A canary patient: words that stand in every name, number, text and token of a call, and a search for them.

Each kind of data has a word of its own, so that a finding says what leaked. All begin alike: one search finds them all.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from cds_service.fhir.source import Entry
from cds_service.web.call_log import LOGGER

Json = dict[str, Any]

MARK = "Quincunx"
NAME = f"{MARK}Name"
NUMBER = f"{MARK}Number-4711"
NOTE = f"{MARK}Note"
TOKEN = f"{MARK}Access.token"
COMMENT = f"{MARK}Comment"
OTHER = f"{MARK}Other"
"""In what nobody reads: headers, members of objects, ids of sessions."""

_WORDS: Mapping[str, str] = {
    "family": NAME,
    "given": NAME,
    "value": NUMBER,
    "text": NOTE,
    "display": NOTE,
    "conclusion": NOTE,
    "description": NOTE,
    "title": NOTE,
    "valueString": NOTE,
}
"""The canary that is put behind the text of a member, by the member's name."""
AUTHORIZATION: Json = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "cds-service",
}


def with_canary(node: Any, patient: str = "", key: str = "") -> Any:
    """The same data with a canary in every name, number, text and narrative; the patient's id becomes a canary."""
    if isinstance(node, dict):
        made = {name: with_canary(value, patient, name) for name, value in node.items()}
        if isinstance(made.get("resourceType"), str) and made["resourceType"] != "Bundle":
            made["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{NOTE}</div>'}
            if made["resourceType"] == "Patient" and made.get("id") == patient:
                made["id"] = NUMBER
        return made
    if isinstance(node, list):
        return [with_canary(item, patient, key) for item in node]
    if not isinstance(node, str):
        return node
    if key == "data":
        return base64.b64encode(base64.b64decode(node) + f"\n{NOTE}\n".encode()).decode()
    if key == "patientId" and node == patient:
        return NUMBER
    if patient and key in {"reference", "fullUrl"} and node.endswith(f"Patient/{patient}"):
        return node.removesuffix(patient) + NUMBER
    return f"{node} {_WORDS[key]}" if key in _WORDS else node


def entries_with_canary(entries: Iterable[Entry], patient: str) -> tuple[Entry, ...]:
    """The same record with canaries."""
    return tuple(
        Entry(with_canary(entry.resource, patient), with_canary(entry.full_url, patient, "fullUrl"))
        for entry in entries
    )


def call_with_canary(call: Mapping[str, Any]) -> Json:
    """The same call with canaries in all that it holds, and an access token."""
    made: Json = with_canary(call, call["context"]["patientId"])
    made["hookInstance"] = OTHER
    made["context"] |= {"userId": f"Practitioner/{NAME}", "encounterId": NUMBER, OTHER: OTHER}
    return {**made, "fhirAuthorization": AUTHORIZATION, OTHER: OTHER}


def _spellings(word: str) -> tuple[str, ...]:
    """The word itself, as hexadecimal digits, and as base64 at each of the three places where it can begin in it."""
    data = word.encode()
    # Only the letters that depend on nothing before and behind.
    inside = [
        base64.b64encode(bytes(shift) + data).decode()[(0, 2, 3)[shift] : (shift + len(data)) * 8 // 6]
        for shift in range(3)
    ]
    return tuple(spelling.lower() for spelling in (word, data.hex(), *inside))


_SPELLINGS = _spellings(MARK)


def found_in(data: str | bytes) -> list[str]:
    """The surroundings of every canary in what the service wrote, whatever its spelling."""
    text = (data if isinstance(data, str) else data.decode("latin-1")).lower()
    found = []
    for spelling in _SPELLINGS:
        place = text.find(spelling)
        if place >= 0:
            found.append(text[max(0, place - 80) : place + 80])
    return found


class Written:
    """All that the process has written during a test: log lines of everybody at all levels with their tracebacks, and
    both output streams."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog, self._capfd = caplog, capfd
        caplog.set_level(logging.DEBUG)
        caplog.set_level(logging.DEBUG, logger=LOGGER)

    def take(self) -> str:
        """What has been written since it was last asked for."""
        text = self._caplog.text + "".join(map(repr, (record.__dict__ for record in self._caplog.records)))
        self._caplog.clear()
        return text + "".join(self._capfd.readouterr())
