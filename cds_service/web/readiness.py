"""Readiness: whether this process does all of its work at the moment (``/healthz`` only says that it lives)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus

from flask import Flask, Response

from cds_service.trust.tokens import Verifier
from cds_service.web.answers import json_answer, outcome_answer, preflight_answer
from cds_service.web.metrics import Metrics
from cds_service.web.recording import Recorder


def install_readiness(
    app: Flask, clock: Callable[[], datetime], recorder: Recorder, verifier: Verifier | None, metrics: Metrics
) -> None:
    """``GET /readyz``: 200, or 503 while decisions cannot be kept (decision 42) or no client's tokens can be checked.

    Clients whose keys are missing while others have theirs are named: the service is ready, for the others. To ask
    begins the renewal of keys that are due. Content is loaded by then. Metrics show the same as ``cds_ready`` and
    ``cds_client_keys``.
    """

    def look_for_keys() -> Mapping[str, bool]:
        return verifier.look_for_keys() if verifier is not None else {}

    def find_problem(keys: Mapping[str, bool]) -> str:
        if keys and not any(keys.values()):
            return "the keys of no client could be read: see the log"
        trouble = recorder.trouble(clock())
        if trouble:
            return f"the store cannot be written ({trouble}); decisions lost by this process: {recorder.tally.lost}"
        return ""

    def ready() -> Response:
        keys, tally = look_for_keys(), recorder.tally
        problem = find_problem(keys)
        if problem:
            return outcome_answer(HTTPStatus.SERVICE_UNAVAILABLE, "transient", problem)
        missing = [name for name, has_keys in keys.items() if not has_keys]
        answer: dict[str, object] = {"status": "degraded" if missing else "ok"}
        if missing:
            answer["clients_without_keys"] = missing
        return json_answer({**answer, "decisions": {"kept": tally.kept, "lost": tally.lost}})

    def preflight() -> Response:
        return preflight_answer("GET, HEAD, OPTIONS")

    metrics.watch(lambda keys: not find_problem(keys), look_for_keys)
    app.add_url_rule("/readyz", "GET /readyz", ready, methods=["GET"], provide_automatic_options=False)
    app.add_url_rule("/readyz", "OPTIONS /readyz", preflight, methods=["OPTIONS"], provide_automatic_options=False)
