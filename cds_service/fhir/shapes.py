"""Tolerant readers of plain FHIR JSON: each yields a value, or an empty one that its caller can see.

Real clients send an object where R4 has a list, a Coding where a CodeableConcept stands, codes with
blanks around them, absolute references (counterparties part 6). These readers accept that. They
never raise on any JSON value, and never invent: what cannot be read is ``""``, ``()`` or ``None``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from cds_service.fhir.source import Resource


class Coding(NamedTuple):
    """One coding: ``system`` without version and blanks, ``code`` stripped, ``display`` as sent."""

    system: str
    code: str
    display: str


class Concept(NamedTuple):
    """A CodeableConcept: its codings and its text. ``label`` is the best name to show."""

    codings: tuple[Coding, ...]
    text: str

    @property
    def label(self) -> str:
        """Text, else the first display, else the first code, else ""."""
        if self.text:
            return self.text
        for coding in self.codings:
            if coding.display:
                return coding.display
        return self.codings[0].code if self.codings else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every wording that the client gave: text and displays."""
        named = [coding.display for coding in self.codings if coding.display]
        return (self.text, *named) if self.text else tuple(named)


class When(NamedTuple):
    """A FHIR date, dateTime or Period end as the interval it may denote (``2025-01`` is a month).

    ``text`` is the ISO date to show: as many of year, month, day as were given.
    """

    first: datetime
    last: datetime
    text: str

    def is_older_than(self, days: int, now: datetime) -> bool:
        """Certainly more than ``days`` days before ``now`` (by calendar day, in UTC)."""
        return (now.astimezone(UTC).date() - self.last.date()).days > days

    def is_future(self, now: datetime, slack: timedelta = timedelta(hours=24)) -> bool:
        """Certainly later than ``now`` plus ``slack`` (decision 5)."""
        return self.first > now + slack


def as_list(value: Any) -> list[Any]:
    """A list as it is, a single value as a list of one, None as an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def as_object(value: Any) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """A string without blanks around it, or ""."""
    return value.strip() if isinstance(value, str) else ""


def read_coding(value: Any) -> Coding | None:
    """A Coding with at least a code or a display, or None."""
    if not isinstance(value, dict):
        return None
    get = value.get
    code, display, system = get("code"), get("display"), get("system")
    code = code.strip() if isinstance(code, str) else ""
    display = display.strip() if isinstance(display, str) else ""
    if not (code or display):
        return None
    system = system.strip() if isinstance(system, str) else ""
    return Coding(system.split("|", 1)[0] if "|" in system else system, code, display)


def read_concept(value: Any) -> Concept:
    """A CodeableConcept from an object, a list of them (merged), a bare Coding or a bare string."""
    if isinstance(value, dict):
        members, text = value.get("coding"), value.get("text")
        if isinstance(members, list):
            found = tuple([coding for member in members if (coding := read_coding(member)) is not None])
            return Concept(found, text.strip() if isinstance(text, str) else "")
    codings: list[Coding] = []
    texts: list[str] = []
    for item in as_list(value):
        if isinstance(item, str):
            texts.append(item.strip())
            continue
        node = as_object(item)
        texts.append(as_text(node.get("text")))
        members = as_list(node.get("coding")) if "coding" in node else [node] if "code" in node else []
        codings.extend(coding for member in members if (coding := read_coding(member)) is not None)
    return Concept(tuple(codings), next((text for text in texts if text), ""))


def read_concepts(value: Any) -> tuple[Concept, ...]:
    """Each CodeableConcept of a list (or the single one given)."""
    if value is None:
        return ()
    return tuple([read_concept(item) for item in value]) if isinstance(value, list) else (read_concept(value),)


def reference_text(value: Any) -> str:
    """The literal ``reference`` of a Reference (or of the first in a list), or ""."""
    for item in as_list(value):
        found = as_text(as_object(item).get("reference"))
        if found:
            return found
    return ""


def reference_texts(value: Any) -> tuple[str, ...]:
    """The literal references of a list of References."""
    return tuple(found for item in as_list(value) if (found := as_text(as_object(item).get("reference"))))


def relative_reference(reference: str) -> str:
    """``Type/id`` of a relative, absolute or versioned reference; urn and contained ones as they are."""
    if reference.startswith(("urn:", "#")):
        return reference
    parts = reference.split("?", 1)[0].rstrip("/").split("/")
    if parts[-2:-1] == ["_history"]:
        parts = parts[:-2]
    return "/".join(parts[-2:])


def type_and_id(resource: Resource) -> str:
    """``Type/id`` of a resource, ``Type`` alone without an id."""
    kind, ident = resource.get("resourceType"), resource.get("id")
    kind = kind.strip() if isinstance(kind, str) else ""
    return f"{kind}/{ident.strip()}" if isinstance(ident, str) and ident.strip() else kind


class Contained:
    """Finds contained resources. Each holder is indexed when it is first asked, so that many references cost no more.

    To be kept no longer than one call: it keeps the holders that it was asked about.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Resource, Mapping[str, Resource]]] = {}

    def find(self, holder: Resource, reference: str) -> Resource | None:
        """The contained resource that ``#id`` names, the first of that id, if it is there."""
        if not reference.startswith("#"):
            return None
        known = self._known.get(id(holder))
        if known is None:
            inside = [as_object(item) for item in as_list(holder.get("contained"))]
            by_id = {as_text(item.get("id")): item for item in reversed(inside)}
            # The holder is kept with its index: an identity is that of one object only as long as the object lives.
            known = self._known[id(holder)] = (holder, by_id)
        return known[1].get(reference[1:])


def read_when(value: Any) -> When | None:
    """A date, dateTime or instant string, or a Period (its start, else its end), as an interval; else None.

    A time without zone is taken as UTC: the day it denotes may be off by one, the windows are days.
    """
    if isinstance(value, dict):
        return read_when(value.get("start")) or read_when(value.get("end"))
    text = as_text(value)
    if not text or not text[:4].isdigit():
        return None
    try:
        if len(text) == len("2026"):
            first, last = date(int(text), 1, 1), date(int(text), 12, 31)
        elif len(text) == len("2026-01"):
            year, month = int(text[:4]), int(text[5:])
            first = date(year, month, 1)
            last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        elif len(text) == len("2026-01-31"):
            first = last = date.fromisoformat(text)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            return When(moment, moment, text[:10])
    except (ValueError, OverflowError):
        return None
    return When(datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC), text)


def read_number(value: Any) -> float | None:
    """A JSON number (not a boolean), or None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def extensions(node: Any, url_ending: str) -> Iterator[Mapping[str, Any]]:
    """The extensions of an element whose URL ends with ``url_ending``."""
    for item in as_list(as_object(node).get("extension")):
        found = as_object(item)
        if as_text(found.get("url")).endswith(url_ending):
            yield found
