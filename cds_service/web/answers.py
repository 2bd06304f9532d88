"""How answers look: JSON bodies, and an OperationOutcome for everything that is not 2xx (decision 30)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from cds_service.errors import CallError
from cds_service.web.call_log import log_failure

_ISSUE_CODES: Mapping[int, str] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "invalid",
        HTTPStatus.NOT_FOUND: "not-found",
        HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    }
)
_MESSAGES: Mapping[int, str] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "the request could not be read: a header is wrong or the body ended too early",
        HTTPStatus.NOT_FOUND: "nothing is served under this path: see /cds-services",
        HTTPStatus.METHOD_NOT_ALLOWED: "this path does not answer this method: see the Allow header",
    }
)


def json_answer(body: Mapping[str, Any], status: int = HTTPStatus.OK) -> Response:
    """A JSON response."""
    text = orjson.dumps(body)
    return Response(text, status=status, content_type="application/json")


def describe_outcome(code: str, message: str) -> dict[str, Any]:
    """An OperationOutcome with one error issue; ``code`` is a FHIR issue type, ``message`` safe to show."""
    issue = {"severity": "error", "code": code, "diagnostics": message}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def outcome_answer(status: int, code: str, message: str) -> Response:
    """The same as a response."""
    return json_answer(describe_outcome(code, message), status)


def preflight_answer(methods: str) -> Response:
    """The answer to OPTIONS: no body, and the methods in ``Allow``."""
    answer = Response(status=HTTPStatus.NO_CONTENT)
    answer.headers.remove("Content-Type")
    answer.headers["Allow"] = methods
    return answer


def install_errors(app: Flask, log: logging.Logger) -> None:
    """Answer every error in one shape. What nobody expected is a 500 and a log line without its message."""

    def refused(error: CallError) -> Response:
        g.problem = type(error).__name__
        answer = outcome_answer(error.status, error.issue_code, str(error))
        if error.status == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def by_protocol(error: HTTPException) -> Response:
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        g.problem = type(error).__name__
        message = _MESSAGES.get(status, HTTPStatus(status).phrase.lower())
        answer = outcome_answer(status, _ISSUE_CODES.get(status, "processing"), message)
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer

    def unexpected(error: Exception) -> Response:
        g.problem = type(error).__name__
        log_failure(log, error)
        return outcome_answer(
            HTTPStatus.INTERNAL_SERVER_ERROR, "exception", "this service failed; no advice could be computed"
        )

    app.register_error_handler(CallError, refused)
    app.register_error_handler(HTTPException, by_protocol)
    app.register_error_handler(Exception, unexpected)
