"""create_app: the only place that wires the parts together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from flask import Flask

from cds_service.config import Config
from cds_service.fhir.budget import Limits
from cds_service.fhir.server import FhirServers
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.governance import check_reviews
from cds_service.store.database import store_url
from cds_service.store.store import Store
from cds_service.store.used_tokens import TokenIdsInStore
from cds_service.trust.key_sets import key_sets_of
from cds_service.trust.replay_guard import TokenIds, TokenIdsInMemory, TokenIdsWithFallback
from cds_service.trust.tokens import Verifier
from cds_service.web.answers import install_errors
from cds_service.web.call_log import call_logger, install_call_log, log_warning
from cds_service.web.demo import install_demo
from cds_service.web.feedback import install_feedback
from cds_service.web.guards import install_guards
from cds_service.web.metrics import Metrics, install_metrics
from cds_service.web.reach import Reach, allowed_by_client
from cds_service.web.readiness import install_readiness
from cds_service.web.recording import Recorder
from cds_service.web.services import Serving, install_endpoints
from cds_service.web.workbench import install_workbench

STORE = "cds_service.store"
"""Under this name an application holds its Store in ``extensions``, or None."""


def create_app(
    config: Config,
    content: Content | None = None,
    clock: Callable[[], datetime] | None = None,
    *,
    verifier: Verifier | None = None,
    timer: Callable[[], float] = time.monotonic,
    new_id: Callable[[], str] | None = None,
) -> Flask:
    """The WSGI application. ``content`` is loaded from ``config.cards`` if not given; ``clock`` gives aware UTC.

    ``verifier`` tells who calls; built from the clients of the configuration if not given and tokens are needed.
    ``timer`` gives seconds for the deadline of what is fetched, ``new_id`` a fresh id for a decision.
    ContentError if a content file is wrong, or the review of an active card has expired; ConfigError if the store is
    no URL that we know, or a FHIR server not fit. A store that cannot be reached stops nothing here (decision 42).
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
    served = load_served(config, clock) if content is None else content
    metrics = Metrics(served, [client.name for client in config.registry.clients])
    install_metrics(app, config, metrics, log)
    now = clock or _now
    store = Store(store_url(config.store)) if config.store else None
    app.extensions[STORE] = store
    if verifier is None and config.registry.needs_tokens:
        verifier = build_verifier(config, now, log, store, metrics)
    install_guards(app, config, verifier)
    install_errors(app, log)
    reach = Reach(allowed_by_client(config.registry), FhirServers(Limits(seconds=config.fetch_ms / 1000), timer))
    reach.warm_up()
    recorder = Recorder(store, config, served, new_id or _new_id)
    install_endpoints(app, Serving(config, served, now, reach, recorder))
    install_feedback(app, config, served, now, store)
    install_readiness(app, now, recorder, verifier, metrics)
    if config.shows_workbench:
        install_workbench(app, config, served, now)
    if config.demo:
        install_demo(app, config)
    return app


def build_verifier(
    config: Config,
    clock: Callable[[], datetime],
    log: logging.Logger,
    store: Store | None = None,
    metrics: Metrics | None = None,
) -> Verifier:
    """The check of tokens against the clients of a configuration; the first fetch of their keys has begun.

    Used tokens are remembered in the store; without one, and while it fails, by this process alone.
    """

    def report(client: str, problem: str) -> None:
        log_warning(log, f"the keys of client {client} could not be renewed: {problem}")
        if metrics is not None:
            metrics.failed_keys(client)

    def lost() -> None:
        log_warning(log, "a used token could not be stored: until the store works, it is known to this process alone")

    key_sets = key_sets_of(config.registry, time.monotonic, report)
    for key_set in key_sets.values():
        key_set.keep_fresh()
    token_ids: TokenIds = TokenIdsInMemory()
    if store is not None:
        token_ids = TokenIdsWithFallback(TokenIdsInStore(store), lost)
    return Verifier(config.registry, key_sets, token_ids, clock)


def load_served(config: Config, clock: Callable[[], datetime] | None = None) -> Content:
    """The content of a configuration, fit to be served today; ContentError as for ``create_app``."""
    content = load_content(config.cards, config.site)
    check_reviews(content.cards, (clock or _now)().date())
    return content


def _new_id() -> str:
    return str(uuid4())


def _now() -> datetime:
    return datetime.now(UTC)
