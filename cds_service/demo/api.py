"""A read-only FHIR R4 API over the charts: what was asked for becomes a status, headers and a resource.

It knows nothing of HTTP servers: the web package hands over method, path and parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from cds_service.demo.capability import describe_capability
from cds_service.demo.charts import Charts
from cds_service.demo.search import PARAMETERS, CannotSearch, Parameters, describe_issue, plan_search, run_search

JSON_TYPES = ("application/fhir+json", "application/json+fhir", "application/json", "text/json")
"""Media types under which JSON is asked for; the second is what the public sandbox sends."""
_JSON_FORMATS = frozenset({"json", *JSON_TYPES})
_READING = ("GET", "HEAD")
_ENTRANCE = "see metadata below this path for what is served"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``path`` are the segments below the base; ``takes_json``: whether the client accepts JSON."""

    method: str
    path: tuple[str, ...]
    parameters: Parameters = ()
    base: str = ""
    takes_json: bool = True
    is_strict: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; ``body`` is a FHIR resource, or None."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(charts: Charts, asked: Asked) -> Reply:
    """The answer to a request. Whatever is wrong is an OperationOutcome; nothing is ever changed."""
    methods = _methods(asked.path)
    allow = {"Allow": ", ".join((*methods, "OPTIONS"))}
    if asked.method == "OPTIONS":
        return Reply(HTTPStatus.NO_CONTENT, None, allow)
    if asked.method not in methods:
        return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, "not-supported", "these charts can only be read", allow)
    wanted = [value for name, value in asked.parameters if name == "_format" and value]
    # `_format` stands over Accept (FHIR R4, 3.1.0.1.11); a `+` that was not escaped has become a blank.
    takes_json = wanted[-1].replace(" ", "+").lower() in _JSON_FORMATS if wanted else asked.takes_json
    if not takes_json:
        return _refuse(HTTPStatus.NOT_ACCEPTABLE, "not-supported", f"only JSON is served: accept {JSON_TYPES[0]}")
    match asked.path:
        case ("metadata",):
            return Reply(HTTPStatus.OK, describe_capability(asked.base))
        case (kind,) | (kind, "_search") if kind in PARAMETERS:
            return _search(charts, kind, asked)
        case (kind, ident) if kind in PARAMETERS and ident != "_search":
            found = charts.read(kind, ident)
            if found is None:
                return _refuse(HTTPStatus.NOT_FOUND, "not-found", f"no {kind} has this id")
            return Reply(HTTPStatus.OK, found)
        case (kind, *_) if kind not in PARAMETERS:
            return _refuse(HTTPStatus.NOT_FOUND, "not-supported", f"this resource type is not served: {_ENTRANCE}")
    return _refuse(HTTPStatus.NOT_FOUND, "not-supported", f"this is not served: {_ENTRANCE}")


def _methods(path: tuple[str, ...]) -> tuple[str, ...]:
    """A search may be posted as a form (FHIR R4, 3.1.1.1); all else is read."""
    return (*_READING, "POST") if path[1:] == ("_search",) else _READING


def _search(charts: Charts, kind: str, asked: Asked) -> Reply:
    try:
        plan = plan_search(kind, asked.parameters, is_strict=asked.is_strict)
    except CannotSearch as error:
        return _refuse(HTTPStatus.BAD_REQUEST, "invalid", str(error))
    return Reply(HTTPStatus.OK, run_search(charts, plan, asked.base))


def _refuse(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, describe_issue("error", code, text), headers or {})
