"""The floor: the least that a Flask service can do with a call, on the same server as ours.

    python -m bench.floor PORT [--tuned]

    /parse    read the body, parse it with orjson, answer one fixed card (what the throughput limits are ratios of)
    /echo     read the body, answer
    /strict   read the body, parse it as strictly as our service does, answer

The garbage collector is left as Python sets it; with ``--tuned`` it is set as our worker sets it.
"""

from __future__ import annotations

import gc
import os
import sys

import orjson
from flask import Flask, Response, request
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from cds_service.hooks import parse_json
from cds_service.web.server import BLOCKING_THREADS

TUNED = "BENCH_COLLECTOR_TUNED"
CARD = orjson.dumps({"cards": [{"summary": "fixed", "indicator": "info", "source": {"label": "floor"}}]})


def build() -> Flask:
    """The application of the floor server's worker."""
    app = Flask("floor")

    def answer() -> Response:
        return Response(CARD, mimetype="application/json")

    @app.post("/parse")
    def parse() -> Response:
        orjson.loads(request.get_data())
        return answer()

    @app.post("/echo")
    def echo() -> Response:
        request.get_data()
        return answer()

    @app.post("/strict")
    def strict() -> Response:
        parse_json(request.get_data())
        return answer()

    if os.environ.get(TUNED):
        gc.collect()
        gc.freeze()
        gc.set_threshold(200_000, 50, 50)
    return app


def main(port: str, *options: str) -> None:
    """Serve until stopped: one worker, as many threads as the service has."""
    os.environ[TUNED] = "1" if "--tuned" in options else ""
    Server(
        target="bench.floor:build",
        factory=True,
        address="127.0.0.1",
        port=int(port),
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        log_level=LogLevels.error,
        log_access=False,
    ).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
