"""create_app: the only place that wires the parts together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from flask import Flask

from cds_service.config import Config
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.governance import check_reviews
from cds_service.store.database import store_url
from cds_service.store.store import Store
from cds_service.web.answers import install_errors
from cds_service.web.call_log import call_logger, install_call_log
from cds_service.web.feedback import install_feedback
from cds_service.web.guards import install_guards
from cds_service.web.readiness import install_readiness
from cds_service.web.recording import Recorder
from cds_service.web.services import install_endpoints

STORE = "cds_service.store"
"""Under this name an application holds its Store in ``extensions``, or None."""


def create_app(
    config: Config,
    content: Content | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
) -> Flask:
    """The WSGI application. ``content`` is loaded from ``config.cards`` if not given; ``clock`` gives aware UTC,
    ``new_id`` a fresh id for a decision.

    ContentError if a content file is wrong, or the review of an active card has expired; ConfigError if the store is
    no URL that we know. A store that cannot be reached stops nothing here (decision 42).
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
    install_guards(app, config)
    install_errors(app, log)
    served = load_served(config, clock) if content is None else content
    now = clock or _now
    store = Store(store_url(config.store)) if config.store else None
    app.extensions[STORE] = store
    recorder = Recorder(store, config, served, new_id or _new_id)
    install_endpoints(app, config, served, now, recorder)
    install_feedback(app, config, served, now, store)
    install_readiness(app, now, recorder)
    return app


def load_served(config: Config, clock: Callable[[], datetime] | None = None) -> Content:
    """The content of a configuration, fit to be served today; ContentError as for ``create_app``."""
    content = load_content(config.cards, config.site)
    check_reviews(content.cards, (clock or _now)().date())
    return content


def _new_id() -> str:
    return str(uuid4())


def _now() -> datetime:
    return datetime.now(UTC)
