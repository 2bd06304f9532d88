"""The worker process: content loaded once, the collector tuned, then the WSGI application; the store closed last."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from multiprocessing.util import Finalize
from pathlib import Path

from flask import Flask

from cds_service.app import STORE, create_app, load_served
from cds_service.config import DEFAULTS, Config, read_config
from cds_service.pathway.content import Content
from cds_service.store.store import Store
from cds_service.web.call_log import call_logger, log_event

_loaded: dict[tuple[Path, Path | None], Content] = {}
_checked: dict[frozenset[tuple[str, str]], Config] = {}
"""Configurations that the start has checked, by the settings that they are handed on as."""


def preload(config: Config) -> Content:
    """Load content before workers fork, so that a fault in it stops the start and forks share it.

    They share the configuration as well: a worker that takes the place of one that died must not read a site file that
    was changed meanwhile, and serve other clients than its neighbours, or die of a slip in it.
    """
    _checked[_settings(config.as_environ())] = config
    loaded = _loaded[config.cards, config.site] = load_served(config)
    return loaded


def build() -> Flask:
    """The application of one worker, configured as the start was, else from the environment (``Config.as_environ``).

    The collector then ignores what lives as long as the process and runs less often: a parsed call is hundreds of
    thousands of objects without cycles, and walking them made half the cost of a large call.
    """
    config = _checked.get(_settings(os.environ)) or read_config(os.environ)
    app = create_app(config, _loaded.get((config.cards, config.site)))
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)
    log_event(call_logger(config.log_level), "worker-start", pid=os.getpid())
    # Not atexit: a forked worker ends without what stands there.
    Finalize(app, end, args=(config, app.extensions.get(STORE)), exitpriority=0)
    return app


def _settings(environ: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, environ.get(name, "")) for name in DEFAULTS)


def end(config: Config, store: Store | None) -> None:
    """Leave a worker in order, its calls being answered: what waits for the store is written, and it is let go."""
    if store is not None:
        store.close()
    log_event(call_logger(config.log_level), "worker-stop", pid=os.getpid())
