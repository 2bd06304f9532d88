"""The call log: one JSON line per call, built from an allow-list, so that no patient data can reach it.

Nothing here formats an exception message, a path, a header or a part of a body: only names that are ours.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, g, request

from cds_service.pathway.decision import Decision
from cds_service.trust.clients import Client

_PACKAGE = Path(__file__).resolve().parent.parent
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_LONGEST_CHAIN = 5
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
LOGGER = "cds_service.calls"


def call_logger(level: str) -> logging.Logger:
    """The logger of calls and failures; writes lines as they are to standard error."""
    log = logging.getLogger(LOGGER)
    log.setLevel(level.upper())
    if not log.handlers:
        log.addHandler(_LinesToStderr())
    return log


class _LinesToStderr(logging.Handler):
    """Writes to whatever standard error is at the moment.

    A handler of the library would print the exception being handled, message and all, when a line cannot be written.
    """

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{record.getMessage()}\n")
            sys.stderr.flush()


class ServerLines(logging.Formatter):
    """Messages of the HTTP server as lines of JSON; of an exception its type alone, since its text may hold data."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, object] = {"event": "server", "level": record.levelname.lower(), "text": record.getMessage()}
        if record.exc_info is not None and record.exc_info[0] is not None:
            fields["types"] = [record.exc_info[0].__name__]
        return _ENCODE(fields)


def log_warning(log: logging.Logger, text: str) -> None:
    """Write a warning to the operator, in the shape of the other lines."""
    log.warning(_ENCODE({"event": "warning", "text": text}))


def log_event(log: logging.Logger, event: str, **fields: str | int) -> None:
    """Write that something of operation happened, such as a start; every value is a name or a number of ours."""
    log.info(_ENCODE({"event": event, **fields}))


def install_call_log(app: Flask, log: logging.Logger) -> None:
    """Write one line per answered request. Install it first, so that its clock starts before every guard."""

    def start_watch() -> None:
        g.started = time.perf_counter()

    def record(answer: Response) -> Response:
        # Probes come every few seconds and say nothing while all is well.
        if log.isEnabledFor(logging.INFO) and (answer.status_code != HTTPStatus.OK or request.path not in _PROBES):
            log.info(_ENCODE(_describe(answer)))
        return answer

    app.before_request(start_watch)
    app.after_request(record)


def _describe(answer: Response) -> dict[str, object]:
    """The fields of one line. Every text in it is a name of ours: of code, content or site file."""
    fields: dict[str, object] = {
        "event": "call",
        "service": g.get("service_id", ""),
        "method": request.method if request.method in _METHODS else "other",
        "status": answer.status_code,
        "ms": round((time.perf_counter() - g.started) * 1000, 1),
    }
    decision: Decision | None = g.get("decision")
    if decision is not None:
        fields["outcomes"] = len(decision.outcomes)
        fields["cards"] = [f"{found.topic}:{found.variant}:{found.indicator}" for found in decision.shown]
        fields["silences"] = [f"{found.topic}:{found.silence}" for found in decision.outcomes if not found.is_shown]
        if decision.silence:
            fields["silences"] = [decision.silence]
        left_out = [f"{found.topic}:{name}" for found in decision.shown for name in found.left_out]
        if left_out:
            fields["left_out"] = left_out
    client: Client | None = g.get("client")
    if client is not None:
        fields["client"] = client.name
    if "refusal" in g:
        # The name is ours; that the call comes from that client is only what its token says.
        fields |= {"refusal": g.refusal.value, "claimed_client": g.claimed_client}
    if g.get("fetches"):
        fields["fetches"] = g.fetches
    if "record" in g:
        fields["record"] = g.record
    if "problem" in g:
        fields["problem"] = g.problem
    return fields


def log_failure(log: logging.Logger, error: BaseException) -> None:
    """Write where an unexpected exception arose: types along its chain and places in our code, no messages."""
    kinds: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(kinds) < _LONGEST_CHAIN:
        kinds.append(type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    log.error(_ENCODE({"event": "failure", "types": kinds, "at": _places(error)}))


def _places(error: BaseException) -> list[str]:
    """``module.py:line`` of each frame in this package, the innermost last."""
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename).resolve()
        if path.is_relative_to(_PACKAGE):
            found.append(f"{path.relative_to(_PACKAGE)}:{frame.lineno}")
    return found
