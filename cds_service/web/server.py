"""serve: run the application until it is told to stop."""

from __future__ import annotations

import os
import socket

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from cds_service.config import Config
from cds_service.errors import ConfigError, StoreError
from cds_service.store.database import migrate, open_engine, store_url
from cds_service.web import worker
from cds_service.web.call_log import call_logger, log_warning

BLOCKING_THREADS = 64
"""Calls received at once. A thread waits for the body of its call, so a few stalled clients must not use them up."""
GRACE_SECONDS = 10
"""How long a worker may finish its calls after SIGTERM."""


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; calls under way are finished. Wrong content or settings stop the start."""
    worker.preload(config)
    if config.store:
        store_url(config.store)
    claim_port(config.host, config.port)
    os.environ.update(config.as_environ())
    log = call_logger(config.log_level)
    for warning in (*config.warnings, *prepare_store(config)):
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


def prepare_store(config: Config) -> tuple[str, ...]:
    """Make the tables before workers ask for them. What is wrong is a warning: cards are served all the same (42)."""
    if not config.store:
        return ()
    engine = open_engine(store_url(config.store))
    try:
        migrate(engine)
    except StoreError as error:
        return (f"CDS_STORE cannot be used ({error.kind}): it is tried again with every call, see /readyz",)
    finally:
        engine.dispose()
    return ()


def claim_port(host: str, port: int) -> None:
    """ConfigError unless the address can be had for ourselves.

    The server shares its port with any other process that asks for it, so that a forgotten older service, with older
    content, would answer every second call.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(f"CDS_PORT {port} on {host} is not free ({error.strerror}): end what uses it") from None
