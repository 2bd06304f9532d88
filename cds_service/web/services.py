"""The endpoints: discovery, the two services, and a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, Response, g

from cds_service.config import Config
from cds_service.errors import MalformedCall, UnknownService
from cds_service.hooks import parse_call, parse_json
from cds_service.pathway.content import Content, Service
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.pathway.suggestions import name_left_out
from cds_service.pathway.vendors import profile_of
from cds_service.store.decision_record import DecisionRecord
from cds_service.web.answers import json_answer, preflight_answer
from cds_service.web.bodies import read_body
from cds_service.web.discovery import describe_services, services_by_id
from cds_service.web.reach import Reach
from cds_service.web.recording import Recorder
from cds_service.web.slot import compute_slot


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers calls: the configuration, the content, the time, what may be read, and where decisions are kept."""

    config: Config
    content: Content
    clock: Callable[[], datetime]
    reach: Reach
    recorder: Recorder


def install_endpoints(app: Flask, serving: Serving) -> None:
    """Register every path, in each spelling that clients send, without redirects (decision 36)."""
    services = services_by_id(serving.content)
    discovery = describe_services(serving.content)

    def discover() -> Response:
        return json_answer(discovery)

    def alive() -> Response:
        return json_answer({"status": "ok"})

    def call(service_id: str) -> Response:
        service = services.get(service_id)
        if service is None:
            raise UnknownService("no service has this id: see /cds-services")
        g.service_id = service.id
        return json_answer(_answer(service, serving))

    def preflight(service_id: str = "") -> Response:
        return preflight_answer("OPTIONS, POST" if service_id else "GET, HEAD, OPTIONS")

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


def _answer(service: Service, serving: Serving) -> dict[str, object]:
    """One call from body to response body. The body is received before a slot is taken, and timed from there.

    The record is kept after the slot is given back: calls that wait for the disk wait together.
    """
    now = serving.clock()
    raw = read_body(serving.config)
    g.received = time.perf_counter()
    with compute_slot():
        g.started = time.perf_counter()
        answer, record = _compute(raw, service, serving, now)
    serving.recorder.keep(record)
    return answer


def _compute(
    raw: bytes, service: Service, serving: Serving, now: datetime
) -> tuple[dict[str, object], DecisionRecord | None]:
    config, content = serving.config, serving.content
    hook_call = parse_call(parse_json(raw), service.hook)
    with serving.reach.open_source(hook_call, content, g.client) as source:
        if len(hook_call.drafts) > config.max_draft_orders:
            most = config.max_draft_orders
            raise MalformedCall(f"context.draftOrders has more than {most} entries: send those that are being ordered")
        decision = evaluate(hook_call, source, content, now)
    profile = profile_of(g.client.vendor if g.client is not None else "")
    g.decision = decision = name_left_out(decision, content, profile)
    answer = render_response(decision, content, hook_call, now, config.uuid_key, profile)
    return answer, serving.recorder.describe(decision, answer, hook_call, service.id, now)
