"""serve: run the application until it is told to stop."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from cds_service import __version__
from cds_service.config import Config
from cds_service.errors import ConfigError, StoreError
from cds_service.store.database import migrate, open_engine, store_url
from cds_service.web import worker
from cds_service.web.call_log import call_logger, log_event, log_warning
from cds_service.web.metrics import share_counts
from cds_service.web.reach import allowed_by_client

BLOCKING_THREADS = 64
"""Calls received at once. A thread waits for the body of its call, so a few stalled clients must not use them up."""
GRACE_SECONDS = 10
"""How long a worker may finish its calls after SIGTERM."""
_ADVICE = {
    errno.EADDRINUSE: "end what uses it, or choose another CDS_PORT (--port)",
    errno.EACCES: "ports below 1024 belong to the system, choose another CDS_PORT (--port)",
    errno.EADDRNOTAVAIL: "CDS_HOST must be an address of this machine",
}
"""What to do about a port that cannot be had."""
LOG_LINES = {
    "formatters": {"line": {"()": "cds_service.web.call_log.ServerLines"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["console"], "propagate": False}},
}
"""The server's own messages in the shape and place of the other lines (the schema of ``logging.config``)."""


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; calls under way are finished. Wrong content or settings stop the start."""
    content = worker.preload(config)
    # What only a worker would stumble over is checked here as well: a worker that ends takes its message with it.
    allowed_by_client(config.registry)
    if config.store:
        store_url(config.store)
    claim_port(config.host, config.port)
    os.environ.update(config.as_environ())
    log = call_logger(config.log_level)
    for warning in (*config.warnings, *prepare_store(config)):
        log_warning(log, warning)
    log_event(
        log,
        "start",
        version=__version__,
        pathway=f"{content.pathway.id} {content.pathway.version}",
        content=content.digest,
        workers=config.workers,
        **({"workbench": f"open {_address(config)}/ in a browser"} if config.shows_workbench else {}),
    )
    with counted_together(config.workers):
        Server(
            target="cds_service.web.worker:build",
            factory=True,
            address=config.host,
            port=config.port,
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            websockets=False,
            workers=config.workers,
            blocking_threads=BLOCKING_THREADS,
            workers_kill_timeout=GRACE_SECONDS,
            # The others go on meanwhile; a single worker is the service, and its end is one for who watches that.
            respawn_failed_workers=config.workers > 1,
            log_level=LogLevels(config.log_level),
            log_dictconfig=LOG_LINES,
            log_access=False,
        ).serve()
    log_event(log, "stop")


def _address(config: Config) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{config.port}"


@contextmanager
def counted_together(workers: int) -> Iterator[Path | None]:
    """A directory in which several workers add up their metrics, gone at the end; one worker needs none.

    ConfigError if it cannot be made.
    """
    if workers == 1:
        yield None
        return
    try:
        made = tempfile.TemporaryDirectory(prefix="cds-service-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ConfigError(
            f"CDS_WORKERS is {workers}, and no temporary directory can be written in which workers add up their "
            f"metrics ({error.strerror}): mount a writable /tmp or set TMPDIR, or set CDS_WORKERS to 1"
        ) from None
    with made as directory:
        share_counts(Path(directory))
        yield Path(directory)


def prepare_store(config: Config) -> tuple[str, ...]:
    """Make the tables before workers ask for them. What is wrong is a warning: cards are served all the same (42)."""
    if not config.store:
        return ()
    engine = open_engine(store_url(config.store))
    try:
        migrate(engine)
    except StoreError as error:
        said = f"CDS_STORE cannot be used ({error.kind})"
        return (f"{said}: it is tried again with every call, see /readyz and cds-service doctor",)
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
            said = f"CDS_PORT {port} on {host} is not free ({error.strerror})"
            raise ConfigError(f"{said}: {_ADVICE.get(error.errno or 0, 'choose another CDS_PORT')}") from None
