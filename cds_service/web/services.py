"""The endpoints: discovery, the two services, and a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from threading import Lock

from flask import Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from cds_service.config import Config
from cds_service.errors import CallTooLarge, MalformedCall, Overloaded, UnknownService, UnsupportedBody
from cds_service.fhir.addresses import AllowedServers, FhirBase
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.prefetch_then_server import PrefetchThenServer
from cds_service.fhir.server import FhirServers, ServerSource
from cds_service.fhir.source import Answer, Source
from cds_service.hooks import parse_call, parse_json
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content, Service
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.trust.clients import Client
from cds_service.web.answers import json_answer
from cds_service.web.discovery import describe_services, services_by_id

_GATE = Lock()
"""Held by the one call that is computed. Calls share one interpreter: two at once only take turns in it, each losing
the processor's caches to the other, and hold two parsed bodies in memory."""
PATIENCE_SECONDS = 5.0


@contextmanager
def compute_slot() -> Iterator[None]:
    """A place among the calls being computed; Overloaded when none comes free in time."""
    if not _GATE.acquire(timeout=PATIENCE_SECONDS):
        raise Overloaded("the service is busy: call again")
    try:
        yield
    finally:
        _GATE.release()


@contextmanager
def outside_slot() -> Iterator[None]:
    """Let another call be computed while this one waits for somebody far away. A call begun is not refused any more."""
    _GATE.release()
    try:
        yield
    finally:
        _GATE.acquire()


@dataclass(frozen=True, slots=True)
class Reach:
    """What a call may read beyond its prefetch: the servers that each client may name, and the means to ask them.

    ``allowed`` has the names of the clients as keys. A call of no known client reaches none.
    """

    allowed: Mapping[str, AllowedServers]
    servers: FhirServers

    def find(self, client: Client | None, url: str) -> FhirBase | None:
        """The base that a call's ``fhirServer`` names, if its client may name it."""
        return self.allowed[client.name].find(url) if client is not None else None


def install_endpoints(
    app: Flask, config: Config, content: Content, clock: Callable[[], datetime], reach: Reach
) -> None:
    """Register every path, in each spelling that clients send, without redirects (decision 36)."""
    services = services_by_id(content)
    discovery = describe_services(content)

    def discover() -> Response:
        return json_answer(discovery)

    def alive() -> Response:
        return json_answer({"status": "ok"})

    def call(service_id: str) -> Response:
        service = services.get(service_id)
        if service is None:
            raise UnknownService("no service has this id: see /cds-services")
        g.service_id = service.id
        return json_answer(_answer(service, config, content, clock(), reach))

    def preflight(service_id: str = "") -> Response:
        answer = Response(status=HTTPStatus.NO_CONTENT)
        answer.headers.remove("Content-Type")
        answer.headers["Allow"] = "OPTIONS, POST" if service_id else "GET, HEAD, OPTIONS"
        return answer

    # Also the spellings of a discovery URL that was typed with a slash at its end (conformance 4.1).
    for path in ("/cds-services", "/cds-services/", "/healthz"):
        view = alive if path == "/healthz" else discover
        app.add_url_rule(path, f"GET {path}", view, methods=["GET"], provide_automatic_options=False)
        app.add_url_rule(path, f"OPTIONS {path}", preflight, methods=["OPTIONS"], provide_automatic_options=False)
    for slashes in ("/", "//"):
        for end in ("", "/"):
            path = f"/cds-services{slashes}<service_id>{end}"
            app.add_url_rule(path, f"POST {path}", call, methods=["POST"], provide_automatic_options=False)
            app.add_url_rule(path, f"OPTIONS {path}", preflight, methods=["OPTIONS"], provide_automatic_options=False)


def _answer(service: Service, config: Config, content: Content, now: datetime, reach: Reach) -> dict[str, object]:
    """One call from body to response body. The body is received before a slot is taken, and timed from there."""
    raw = _read_body(config)
    with compute_slot():
        g.started = time.perf_counter()
        return _compute(raw, service, config, content, now, reach)


def _compute(
    raw: bytes, service: Service, config: Config, content: Content, now: datetime, reach: Reach
) -> dict[str, object]:
    hook_call = parse_call(parse_json(raw), service.hook)
    if len(hook_call.drafts) > config.max_draft_orders:
        raise MalformedCall(
            f"context.draftOrders has more than {config.max_draft_orders} entries: send those that are being ordered"
        )
    try:
        with _open_source(hook_call, content, reach) as source:
            decision = evaluate(hook_call, source, content, now)
    finally:
        if hook_call.token is not None:
            hook_call.token.forget()
    g.decision = decision
    return render_response(decision, content, hook_call, now, config.uuid_key)


@contextmanager
def _open_source(call: HookCall, content: Content, reach: Reach) -> Iterator[Source]:
    """Where the data of a call come from: its prefetch, and its FHIR server if that one is allowed (decision 33)."""
    prefetch = PrefetchSource(call.prefetch, content.prefetch)
    base = reach.find(g.client, call.fhir_server)
    # A token that is bound to another patient reads another patient's chart (conformance FHIR-04).
    if base is None or (call.token is not None and call.token.patient not in {"", call.patient_id}):
        yield prefetch
        return
    with closing(reach.servers.open(base, content.prefetch, call.template_values, call.token)) as server:
        try:
            yield PrefetchThenServer(prefetch, _OutsideSlot(server))
        finally:
            g.fetches = server.outcomes()


@dataclass(frozen=True, slots=True)
class _OutsideSlot:
    """The FHIR server of a call, whose answers are waited for without a slot."""

    server: ServerSource

    def expect(self, keys: tuple[str, ...]) -> None:
        """Start these searches; nothing is waited for."""
        self.server.expect(keys)

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers, in the slot again."""
        with outside_slot():
            return self.server.fetch(keys)


def _read_body(config: Config) -> bytes:
    if request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in {"identity", ""}:
        raise UnsupportedBody("the body is compressed: send plain JSON")
    too_large = CallTooLarge(f"the body is larger than {config.max_body_bytes} bytes")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise too_large from None
    if len(raw) > config.max_body_bytes:
        raise too_large
    return raw
