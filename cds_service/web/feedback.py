"""The feedback endpoint: ``POST /cds-services/{id}/feedback`` (decisions 36, 37, 42; conformance FB-01 to FB-10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Flask, Response, g

from cds_service.config import Config
from cds_service.errors import NotKept, StoreError, UnknownService
from cds_service.hooks.feedback import FeedbackItem, only_reasons, read_items, require_good
from cds_service.hooks.strict_json import parse_json
from cds_service.pathway.content import Content
from cds_service.store.feedback import FeedbackOrigin, Taken
from cds_service.store.store import Store
from cds_service.web.answers import json_answer, preflight_answer
from cds_service.web.bodies import read_body
from cds_service.web.discovery import services_by_id
from cds_service.web.recording import client_name
from cds_service.web.slot import compute_slot


def install_feedback(
    app: Flask, config: Config, content: Content, clock: Callable[[], datetime], store: Store | None
) -> None:
    """Register the path in each spelling that clients send (decision 36). The answer leaves after the commit."""
    services = services_by_id(content)

    def take(service_id: str) -> Response:
        if service_id not in services:
            raise UnknownService("no service has this id: see /cds-services")
        g.service_id = service_id
        raw = read_body(config)
        with compute_slot():
            good, bad = read_items(parse_json(raw))
        # Before anything can fail: wrong items are counted whatever becomes of the others.
        g.bad_feedback = len(bad)
        require_good(good, bad)
        items = [only_reasons(item, content.pathway.override_system, content.override_reasons) for item in good]
        g.feedback = taken = _keep(store, items, FeedbackOrigin(client_name(), service_id, clock()))
        answer: dict[str, object] = {"received": taken.received, "ignored": taken.ignored}
        if bad:
            answer["invalid"] = [{"index": item.index, "problem": item.problem} for item in bad]
        return json_answer(answer)

    def preflight(service_id: str) -> Response:
        return preflight_answer("OPTIONS, POST")

    for slashes in ("/", "//"):
        for end in ("", "/"):
            path = f"/cds-services{slashes}<service_id>/feedback{end}"
            app.add_url_rule(path, f"POST {path}", take, methods=["POST"], provide_automatic_options=False)
            app.add_url_rule(path, f"OPTIONS {path}", preflight, methods=["OPTIONS"], provide_automatic_options=False)


def _keep(store: Store | None, items: list[FeedbackItem], origin: FeedbackOrigin) -> Taken:
    if store is None:
        # Without a store no card is remembered, so every card is one that we do not know (decision 37).
        return Taken(0, len(items))
    try:
        return store.take_feedback(items, origin)
    except StoreError as error:
        g.record = f"lost: {error.kind}"
        raise NotKept("the feedback could not be stored: send it again later") from None
