"""serve: run the application until it is told to stop."""

from __future__ import annotations

import os

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from cds_service.config import Config
from cds_service.web import worker
from cds_service.web.call_log import call_logger, log_warning

BLOCKING_THREADS = 4
"""Calls computed at once. They share one interpreter, so more threads only add bodies in memory."""
GRACE_SECONDS = 10
"""How long a worker may finish its calls after SIGTERM."""


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; calls under way are finished. ContentError before the port is opened."""
    worker.preload(config.cards)
    os.environ.update(config.as_environ())
    log = call_logger(config.log_level)
    for warning in config.warnings:
        log_warning(log, warning)
    Server(
        target="cds_service.web.worker:build",
        factory=True,
        address=config.host,
        port=config.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        workers_kill_timeout=GRACE_SECONDS,
        log_level=LogLevels(config.log_level),
        log_access=False,
    ).serve()
