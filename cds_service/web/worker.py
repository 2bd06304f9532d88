"""The worker process: content loaded once, the collector tuned, then the WSGI application."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from flask import Flask

from cds_service.app import create_app, load_served
from cds_service.config import Config, read_config
from cds_service.pathway.content import Content

_loaded: dict[tuple[Path, Path | None], Content] = {}


def preload(config: Config) -> None:
    """Load content before workers fork, so that a fault in it stops the start and forks share it."""
    _loaded[config.cards, config.site] = load_served(config)


def build() -> Flask:
    """The application of one worker, configured from the environment (see ``Config.as_environ``).

    The collector then ignores what lives as long as the process and runs less often: a parsed call is hundreds of
    thousands of objects without cycles, and walking them made half the cost of a large call.
    """
    config = read_config(os.environ)
    app = create_app(config, _loaded.get((config.cards, config.site)))
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)
    return app
