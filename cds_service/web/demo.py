"""The demo's FHIR API over HTTP: everything below ``/fhir``, for a sandbox or a SMART client on this machine."""

from __future__ import annotations

from urllib.parse import parse_qsl

import orjson
from flask import Flask, Response, request

from cds_service.config import FHIR_PATH, Config
from cds_service.demo.api import JSON_TYPES, Asked, answer
from cds_service.demo.charts import load_charts
from cds_service.web.bodies import read_body
from cds_service.workbench.patients import find_fixtures

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FORM = "application/x-www-form-urlencoded"


def install_demo(app: Flask, config: Config) -> None:
    """Register the API. The charts are read now: ConfigError or ContentError if that cannot be done."""
    charts = load_charts(find_fixtures())

    def fhir(rest: str = "") -> Response:
        reply = answer(charts, _asked(rest, config))
        found = Response(status=reply.status, headers=dict(reply.headers))
        found.headers.remove("Content-Type")
        if reply.body is not None:
            found.set_data(orjson.dumps(reply.body))
            found.headers["Content-Type"] = "application/fhir+json"
        return found

    # A base that was typed with a slash at its end gives paths with two of them.
    for path in (FHIR_PATH, f"{FHIR_PATH}/", f"{FHIR_PATH}/<path:rest>", f"{FHIR_PATH}//<path:rest>"):
        app.add_url_rule(path, f"FHIR {path}", fhir, methods=_METHODS, provide_automatic_options=False)


def _asked(rest: str, config: Config) -> Asked:
    """The request in the terms of the API."""
    parameters = parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)
    if request.method == "POST" and request.mimetype == _FORM:
        parameters += parse_qsl(read_body(config).decode("utf-8", "replace"), keep_blank_values=True)
    preferences = [item.strip() for item in request.headers.get("Prefer", "").lower().split(",")]
    return Asked(
        request.method,
        tuple(segment for segment in rest.split("/") if segment),
        tuple(parameters),
        f"{request.scheme}://{request.host}{FHIR_PATH}",
        not request.accept_mimetypes or request.accept_mimetypes.best_match(JSON_TYPES) is not None,
        "handling=strict" in preferences,
    )
