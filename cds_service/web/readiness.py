"""Readiness: whether this process does all of its work at the moment (``/healthz`` only says that it lives)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from flask import Flask, Response

from cds_service.trust.tokens import Verifier
from cds_service.web.answers import json_answer, outcome_answer
from cds_service.web.recording import Recorder


def install_readiness(app: Flask, clock: Callable[[], datetime], recorder: Recorder, verifier: Verifier | None) -> None:
    """``GET /readyz``: 200, or 503 while decisions cannot be kept (decision 42) or a client's keys are missing.

    Content is loaded by then.
    """

    def ready() -> Response:
        if verifier is not None and not verifier.has_all_keys:
            return outcome_answer(
                HTTPStatus.SERVICE_UNAVAILABLE, "transient", "the keys of a client could not be read: see the log"
            )
        trouble, tally = recorder.trouble(clock()), recorder.tally
        if trouble:
            return outcome_answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "transient",
                f"the store cannot be written ({trouble}); decisions lost by this process: {tally.lost}",
            )
        return json_answer({"status": "ok", "decisions": {"kept": tally.kept, "lost": tally.lost}})

    def preflight() -> Response:
        answer = Response(status=HTTPStatus.NO_CONTENT)
        answer.headers.remove("Content-Type")
        answer.headers["Allow"] = "GET, HEAD, OPTIONS"
        return answer

    app.add_url_rule("/readyz", "GET /readyz", ready, methods=["GET"], provide_automatic_options=False)
    app.add_url_rule("/readyz", "OPTIONS /readyz", preflight, methods=["OPTIONS"], provide_automatic_options=False)
