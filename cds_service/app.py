"""create_app: the only place that wires the parts together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask

from cds_service.config import Config
from cds_service.fhir.addresses import AllowedServers, allow_servers
from cds_service.fhir.budget import Limits
from cds_service.fhir.server import FhirServers
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.governance import check_reviews
from cds_service.trust.clients import Registry
from cds_service.trust.key_sets import key_sets_of
from cds_service.trust.replay_guard import TokenIds, TokenIdsInMemory
from cds_service.trust.tokens import Verifier
from cds_service.web.answers import install_errors
from cds_service.web.call_log import call_logger, install_call_log, log_warning
from cds_service.web.guards import install_guards
from cds_service.web.services import Reach, install_endpoints


def create_app(
    config: Config,
    content: Content | None = None,
    clock: Callable[[], datetime] | None = None,
    verifier: Verifier | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> Flask:
    """The WSGI application. ``content`` is loaded from ``config.cards`` if not given; ``clock`` gives aware UTC.

    ``verifier`` tells who calls; built from the clients of the configuration if not given and tokens are needed.
    ``timer`` gives seconds for the deadline of what is fetched.
    ContentError if a content file is wrong, or the review of an active card has expired.
    """
    app = Flask("cds_service", static_folder=None, template_folder=None)
    # One byte more than a body may have: a chunked body is cut at this length without a word, and the reader sees it.
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes + 1
    # A redirect loses the body of a POST and fails a preflight: every spelling is a path of its own instead.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    app.url_map.redirect_defaults = False
    log = call_logger(config.log_level)
    install_call_log(app, log)
    if verifier is None and config.registry.needs_tokens:
        verifier = build_verifier(config, clock or _now, log)
    install_guards(app, config, verifier)
    install_errors(app, log)
    served = load_served(config, clock) if content is None else content
    reach = Reach(allowed_by_client(config.registry), FhirServers(Limits(seconds=config.fetch_ms / 1000), timer))
    install_endpoints(app, config, served, clock or _now, reach)
    return app


def allowed_by_client(registry: Registry) -> dict[str, AllowedServers]:
    """The FHIR servers that each client's calls may name; ConfigError for one that is not fit."""
    return {
        client.name: allow_servers(
            client.fhir_servers,
            development=registry.development,
            allow_private_network=client.allow_private_network,
        )
        for client in registry.clients
    }


def build_verifier(
    config: Config, clock: Callable[[], datetime], log: logging.Logger, token_ids: TokenIds | None = None
) -> Verifier:
    """The check of tokens against the clients of a configuration; the first fetch of their keys has begun.

    Without ``token_ids`` used tokens are remembered by this process alone.
    """

    def report(client: str, problem: str) -> None:
        log_warning(log, f"the keys of client {client} could not be renewed: {problem}")

    key_sets = key_sets_of(config.registry, time.monotonic, report)
    for key_set in key_sets.values():
        key_set.warm_up()
    return Verifier(config.registry, key_sets, token_ids or TokenIdsInMemory(), clock)


def load_served(config: Config, clock: Callable[[], datetime] | None = None) -> Content:
    """The content of a configuration, fit to be served today; ContentError as for ``create_app``."""
    content = load_content(config.cards, config.site)
    check_reviews(content.cards, (clock or _now)().date())
    return content


def _now() -> datetime:
    return datetime.now(UTC)
