"""What stands before and after every call: who may ask, CORS, security headers."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, request
from werkzeug.datastructures import Headers

from cds_service.config import Config, is_loopback
from cds_service.errors import NotFromHere

_SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def install_guards(app: Flask, config: Config) -> None:
    """Hook the guards into the app; they hold for every path and every status."""

    def admit() -> None:
        if config.answers_loopback_only:
            refuse_strangers(request.environ)

    def finish(answer: Response) -> Response:
        answer.headers.extend(_SECURITY_HEADERS)
        if config.cors_origins:
            add_cors(answer.headers, config.cors_origins, request.headers.get("Origin", ""))
        return answer

    app.before_request(admit)
    app.after_request(finish)


def refuse_strangers(environ: Mapping[str, object]) -> None:
    """NotFromHere unless the call names a loopback host and came through no proxy.

    A page in the user's browser can reach this machine's ports under a name of its own (DNS rebinding), and a
    proxy turns strangers into neighbours; the address of the peer alone shows neither.
    """
    if not is_loopback(_without_port(str(environ.get("HTTP_HOST", "")))):
        raise NotFromHere("only calls from this machine to a loopback host are answered (see --insecure)")
    if any(name == "HTTP_FORWARDED" or name.startswith("HTTP_X_FORWARDED") for name in environ):
        raise NotFromHere("this installation does not answer forwarded calls (see --insecure)")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def add_cors(headers: Headers, origins: tuple[str, ...], origin: str) -> None:
    """CORS headers for an allowed origin, whatever the status (decision 35): never ``*``, never credentials."""
    headers.add("Vary", "Origin")
    if origin in origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Accept"
        headers["Access-Control-Max-Age"] = "600"
