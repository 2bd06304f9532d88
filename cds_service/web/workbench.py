"""The workbench page: ``GET /`` and what it asks for under ``/workbench/``, for people who try the service.

A call of the page is answered as every other, in the same slot, but it is neither recorded nor counted as a call, and
the FHIR server that a pasted call names is not asked. What is pasted comes in the body of a request and is forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from threading import Lock
from types import MappingProxyType
from typing import Any

from flask import Flask, Response, abort, request

from cds_service.config import Config
from cds_service.errors import CallError, MalformedCall, UnsupportedBody
from cds_service.hooks.feedback import read_feedback
from cds_service.hooks.strict_json import parse_json
from cds_service.pathway.content import Content
from cds_service.web.answers import describe_outcome, json_answer
from cds_service.web.bodies import read_body
from cds_service.web.slot import compute_slot
from cds_service.workbench.exchange import run_exchange
from cds_service.workbench.page import describe_exchange, describe_refusal, render_shell
from cds_service.workbench.patients import Shelf, StoredPatient, find_fixtures, load_shelf
from cds_service.workbench.request import Wish, propose, read_wish

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files. Every other answer may load nothing at all."""
_KINDS: Mapping[str, str] = MappingProxyType(
    {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
)


class StoredShelf:
    """The stored patients, read when they are first asked for: most processes never show the page."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._reading = Lock()
        self._shelf: Shelf | None = None

    def get(self) -> Shelf:
        """All patients and orders."""
        with self._reading:
            if self._shelf is None:
                self._shelf = load_shelf(find_fixtures(), self._content)
            return self._shelf


def install_workbench(app: Flask, config: Config, content: Content, clock: Callable[[], datetime]) -> None:
    """Register the page and its files; only where the configuration shows it."""
    stored = StoredShelf(content)
    files = read_files()

    def page() -> Response:
        answer = Response(render_shell(stored.get(), content), content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = PAGE_POLICY
        return answer

    def file(name: str) -> Response:
        if name not in files:
            abort(HTTPStatus.NOT_FOUND)
        kind, body = files[name]
        return Response(body, content_type=kind)

    def patient(name: str) -> Response:
        found = stored.get().patients.get(name)
        if found is None:
            abort(HTTPStatus.NOT_FOUND)
        return json_answer(found.as_json())

    def orders() -> Response:
        return json_answer({order.name: order.as_json() for order in stored.get().orders})

    def evaluate() -> Response:
        raw = _read_json_body(config)
        patients = stored.get().patients
        with compute_slot():
            started = time.perf_counter()
            described = _answer(read_wish(raw), patients, config, content, clock())
            described["ms"] = round((time.perf_counter() - started) * 1000, 1)
        return json_answer(described)

    def feedback() -> Response:
        good, bad = read_feedback(parse_json(_read_json_body(config)))
        answer: dict[str, object] = {"received": len(good), "ignored": 0}
        if bad:
            answer["invalid"] = [{"index": item.index, "problem": item.problem} for item in bad]
        return json_answer(answer)

    for path, view, method in (
        ("/", page, "GET"),
        ("/workbench/static/<name>", file, "GET"),
        ("/workbench/patients/<name>", patient, "GET"),
        ("/workbench/orders", orders, "GET"),
        ("/workbench/evaluate", evaluate, "POST"),
        ("/workbench/feedback", feedback, "POST"),
    ):
        app.add_url_rule(path, f"{method} {path}", view, methods=[method], provide_automatic_options=False)


def _answer(
    wish: Wish, patients: Mapping[str, StoredPatient], config: Config, content: Content, now: datetime
) -> dict[str, Any]:
    """What the page is told: the call, its answer with the status, and all that led there."""
    error: CallError | None
    cards: tuple[Mapping[str, Any], ...] = ()
    try:
        proposal = propose(wish, patients, content, now)
    except MalformedCall as refused:
        described, error = describe_refusal(refused), refused
    else:
        exchange = run_exchange(proposal, config.uuid_key, config.max_draft_orders)
        described, cards, error = describe_exchange(exchange), exchange.cards, exchange.error
    if error is None:
        return {**described, "status": int(HTTPStatus.OK), "response": {"cards": list(cards)}}
    return {**described, "status": error.status, "response": describe_outcome(error.issue_code, str(error))}


def read_files() -> dict[str, tuple[str, bytes]]:
    """The files of the page by name, each with its media type."""
    folder = resources.files("cds_service.workbench") / "static"
    found = {}
    for item in folder.iterdir():
        kind = next((kind for ending, kind in _KINDS.items() if item.name.endswith(ending)), "")
        if kind:
            found[item.name] = (kind, item.read_bytes())
    return found


def _read_json_body(config: Config) -> bytes:
    """The body of a request of the page. A form of another site cannot send this media type unasked."""
    if request.mimetype != "application/json":
        raise UnsupportedBody("send the body as application/json")
    return read_body(config)
