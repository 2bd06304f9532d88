"""Typed reading of call fields: the value, or MalformedCall that names the field and never its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cds_service.errors import MalformedCall
from cds_service.fhir.shapes import as_text, relative_reference

_BARE_ID = re.compile(r"[A-Za-z0-9._~|:=-]{1,1024}")
_TYPE_AND_ID = re.compile(r"[A-Z][A-Za-z]{1,63}/[^\s/\x00-\x1f\x7f]{1,1024}")


def read_object(value: object, name: str) -> Mapping[str, Any]:
    """A JSON object that must be there."""
    if isinstance(value, dict):
        return value
    raise MalformedCall(f"{name} is missing: it must be an object" if value is None else f"{name} must be an object")


def read_optional_object(value: object, name: str) -> Mapping[str, Any]:
    """A JSON object; absent and ``null`` are {}."""
    return {} if value is None else read_object(value, name)


def read_text(value: object, name: str) -> str:
    """A string with more than blanks in it that must be there."""
    if isinstance(value, str) and value.strip():
        return value
    raise MalformedCall(f"{name} must be a non-empty string")


def read_optional_text(value: object, name: str) -> str:
    """A string without blanks around it; absent and ``null`` are ""."""
    return read_untouched_text(value, name).strip()


def read_untouched_text(value: object, name: str) -> str:
    """A string as it was sent, for what is compared exactly; absent and ``null`` are ""."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise MalformedCall(f"{name} must be a string")


def read_bare_id(value: object, name: str) -> str:
    """A FHIR id without its type, as CDS Hooks wants ``patientId`` (conformance part 2)."""
    text = read_text(value, name)
    if _BARE_ID.fullmatch(text):
        return text
    raise MalformedCall(f"{name} must be a bare id, without resource type, slash or blank")


def read_encounter(value: object) -> str:
    """The bare id of the encounter, also from ``Encounter/id``; "" for a missing or odd one, as for the user."""
    text = relative_reference(read_optional_text(value, "context.encounterId")).removeprefix("Encounter/")
    return text if _BARE_ID.fullmatch(text) else ""


def read_user(value: object) -> str:
    """``Type/id`` of the user; "" for a missing or odd one, which is no reason to refuse advice (decision 31)."""
    reference = relative_reference(as_text(value))
    return reference if _TYPE_AND_ID.fullmatch(reference) else ""
