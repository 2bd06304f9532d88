"""What tests of the demo and of the sandbox share: the application as ``serve --demo`` makes it, and a running one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

from cds_service.app import create_app
from cds_service.config import Config, read_config
from cds_service.demo.charts import Charts, load_charts
from cds_service.workbench.patients import find_fixtures
from tests.web.service_calls import content

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SANDBOX = "https://sandbox.cds-hooks.org"


@cache
def charts() -> Charts:
    """The shipped charts."""
    return load_charts(find_fixtures())


def demo_config(**settings: str) -> Config:
    """The configuration of ``serve --demo``, with these settings besides."""
    return read_config({"CDS_DEMO": "1", "CDS_LOG_LEVEL": "error", **settings})


def demo_app(config: Config | None = None, clock: Callable[[], datetime] | None = None) -> Flask:
    """The application of the demo at a fixed time."""
    return create_app(config or demo_config(), content(), clock or (lambda: NOW))


@contextmanager
def serving(**settings: str) -> Iterator[str]:
    """The demo on a free port of this machine; its address. What it reads from itself has time on a busy machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = replace(demo_config(CDS_PORT=str(port), **settings), fetch_ms=10_000)
    server = make_server("127.0.0.1", port, demo_app(config), threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
