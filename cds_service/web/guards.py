"""What stands before and after every call: who may ask, CORS, security headers.

The client that calls is ``g.client`` from then on: none where no clients are configured.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers

from cds_service.config import FHIR_PATH, Config
from cds_service.errors import NotFromHere
from cds_service.loopback import is_loopback
from cds_service.trust.clients import Client
from cds_service.trust.refusals import TokenRefused
from cds_service.trust.tokens import Verifier

NEEDS_NO_TOKEN = frozenset({"/healthz", "/readyz", "/metrics"})
"""Probes, and the metrics, which have a guard of their own. Every other path needs a token where clients are
configured, whether something is served there or not."""

_SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def install_guards(app: Flask, config: Config, verifier: Verifier | None) -> None:
    """Hook the guards into the app; they hold for every path and every status.

    ``verifier`` checks tokens; None: the clients of the configuration send none.
    """
    offered = (*config.cors_origins, *config.registry.cors_origins)

    def needs_token(path: str) -> bool:
        # A browser has no token: where the workbench is shown at all, it is shown without.
        is_workbench = config.shows_workbench and (path == "/" or path.startswith("/workbench/"))
        # The charts of the demo hold nobody, and the pages that read them have no token for a FHIR server.
        is_demo = config.demo and (path == FHIR_PATH or path.startswith(f"{FHIR_PATH}/"))
        return path not in NEEDS_NO_TOKEN and not is_workbench and not is_demo

    def admit() -> None:
        if config.answers_loopback_only:
            refuse_strangers(request.environ)
        if verifier is None:
            g.client = config.registry.open_client
        elif request.method != "OPTIONS" and needs_token(request.path):
            g.client = identify(verifier)

    def finish(answer: Response) -> Response:
        for name, value in _SECURITY_HEADERS:
            # The page of the workbench has said what it may load.
            answer.headers.setdefault(name, value)
        if offered:
            client: Client | None = g.get("client")
            # Before a client is known (a preflight, a refusal) the origins of all clients are allowed.
            allowed = offered if client is None else (*config.cors_origins, *client.cors_origins)
            add_cors(answer.headers, allowed, request.headers.get("Origin", ""))
        if config.demo:
            add_demo_cors(answer.headers, request.headers)
        return answer

    app.before_request(admit)
    app.after_request(finish)


def identify(verifier: Verifier) -> Client:
    """The client whose token the request bears. Why one is refused is left for log and metric, never for the answer."""
    try:
        return verifier.verify(request.headers.get("Authorization", ""), request.path)
    except TokenRefused as refused:
        g.refusal = refused.refusal
        g.claimed_client = refused.client
        raise


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


def add_demo_cors(headers: Headers, asked: Headers) -> None:
    """What the pages of the demo need besides: a header of FHIR clients, and to reach this machine from the network.

    Chrome asks before a page of the public network calls a private address (WICG Private Network Access).
    """
    if "Access-Control-Allow-Origin" not in headers:
        return
    headers["Access-Control-Allow-Headers"] = f"{headers['Access-Control-Allow-Headers']}, Prefer"
    if asked.get("Access-Control-Request-Private-Network") == "true":
        headers["Access-Control-Allow-Private-Network"] = "true"
