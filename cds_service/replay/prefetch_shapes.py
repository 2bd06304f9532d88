"""Filling prefetch templates from stored resources, in every shape in which clients answer a search.

A stored patient becomes a call by filling the templates of the service that is called. A case may bend
single keys (``searches`` in ``case.yaml``) to what real clients send when a search fails or is cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cds_service.fhir.folder import CannotSearchError, Query, fill_template, find_in_chart
from cds_service.fhir.source import Entry

Json = Any
_ABSENT = object()
"""Stands for a key that is left out, which JSON cannot say."""


def fill_prefetch(
    templates: Mapping[str, str],
    values: Mapping[str, str],
    entries: tuple[Entry, ...],
    shapes: Mapping[str, str] = MappingProxyType({}),
    doubts: tuple[str, ...] = (),
) -> dict[str, Json]:
    """The ``prefetch`` object of a call: each template answered from ``entries``, bent where ``shapes`` says so.

    ``values`` fill the templates' tokens (``context.patientId``). A template that cannot be answered from
    files is left out, as a client does with a query that it does not support. KeyError for an unknown shape.
    ``doubts`` say why the entries may not be all there are: then every search says that it is incomplete.
    """
    filled: dict[str, Json] = {}
    for key, template in templates.items():
        try:
            query = fill_template(template, values)
        except CannotSearchError:
            continue
        value = SHAPES[shapes[key]](entries, query) if key in shapes else _stored(entries, query, doubts)
        if value is not _ABSENT:
            filled[key] = value
    return filled


def _whole(entries: tuple[Entry, ...], query: Query) -> Json:
    found = find_in_chart(entries, query)
    if not query.is_read:
        return _searchset(found)
    if any(entry.full_url.startswith("urn:") for entry in found):
        # Others name the patient by it, and a bare resource has no place for it.
        return {"resourceType": "Bundle", "type": "searchset", "entry": list(map(_listed, found))}
    return found[0].resource if found else None


def _stored(entries: tuple[Entry, ...], query: Query, doubts: tuple[str, ...]) -> Json:
    """All that matches; where there may be more, with an outcome that says so. A read that found it stands."""
    whole = _whole(entries, query)
    if not doubts or (query.is_read and whole is not None):
        return whole
    issue = {"severity": "warning", "code": "incomplete", "diagnostics": "; ".join(doubts)}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    if query.is_read:
        return outcome
    return _searchset(find_in_chart(entries, query), entry=[{"resource": outcome, "search": {"mode": "outcome"}}])


def _searchset(found: tuple[Entry, ...], **more: Json) -> dict[str, Json]:
    """A searchset Bundle; without matches it has no ``entry`` at all, as FHIR wants it."""
    bundle: dict[str, Json] = {"resourceType": "Bundle", "type": "searchset", "total": len(found), **more}
    listed = [_listed(entry) for entry in found] + list(more.get("entry", ()))
    if listed:
        bundle["entry"] = listed
    return bundle


def _listed(entry: Entry) -> dict[str, Json]:
    link = {"fullUrl": entry.full_url} if entry.full_url else {}
    return {**link, "resource": entry.resource, "search": {"mode": "match"}}


def _outcome(severity: str, code: str) -> dict[str, Json]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


def _with_outcome(severity: str, code: str) -> Callable[[tuple[Entry, ...], Query], Json]:
    def shape(entries: tuple[Entry, ...], query: Query) -> Json:
        return _searchset(
            find_in_chart(entries, query), entry=[{"resource": _outcome(severity, code), "search": {"mode": "outcome"}}]
        )

    return shape


def _partial(entries: tuple[Entry, ...], query: Query) -> Json:
    found = find_in_chart(entries, query)
    return _searchset(found, total=len(found) + 1)


def _next(entries: tuple[Entry, ...], query: Query) -> Json:
    link = {"relation": "next", "url": f"https://fhir.example.org/r4/{query.kind}?page=2"}
    return _searchset(find_in_chart(entries, query), link=[link])


def _unfiltered(entries: tuple[Entry, ...], query: Query) -> Json:
    """Every resource of the type, whoever it belongs to: the answer of a server that ignores parameters."""
    return _searchset(find_in_chart(entries, Query(query.kind, "", ())))


SHAPES: Mapping[str, Callable[[tuple[Entry, ...], Query], Json]] = MappingProxyType(
    {
        "absent": lambda entries, query: _ABSENT,
        "null": lambda entries, query: None,
        "outcome": lambda entries, query: _outcome("error", "exception"),
        "error-entry": _with_outcome("error", "exception"),
        "warning-entry": _with_outcome("warning", "not-found"),
        "partial": _partial,
        "next": _next,
        "html": lambda entries, query: "<html><body>Service unavailable</body></html>",
        "unfiltered": _unfiltered,
    }
)
"""What a client may send for a search, by the name that ``case.yaml`` uses."""
