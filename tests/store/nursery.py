"""Many fresh servers in little time: content is loaded once, and each server is a fork that serves from there on.

A fork runs the same ``serve`` as ``cds-service serve`` does, with workers, threads and connections of its own; only the
reading and proving of content, three seconds each time, is not done again. For tests that kill servers by the hundred.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from cds_service.config import read_config
from cds_service.web import server, worker
from tests.web.service_calls import ROOT
from tests.web.test_server import WAIT_SECONDS, free_port


@dataclass(frozen=True)
class Child:
    """A running server: the leader of a session that holds all of its processes and nobody else's."""

    pid: int
    port: int
    log: Path

    def kill(self) -> None:
        """Without warning, all of its processes at once."""
        os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """As an operator does."""
        os.kill(self.pid, signal.SIGTERM)


class Nursery:
    """A process that has loaded the content and makes servers on request."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._alive: set[Child] = set()

    def start(self, log: Path, port: int = 0, **settings: str) -> Child:
        """A server with these settings beside those of the nursery, once its port answers."""
        port = port or free_port()
        environ = {"CDS_PORT": str(port), **settings}
        child = Child(int(self._ask({"start": environ, "log": str(log)})), port, log)
        self._alive.add(child)
        self._wait_for_port(child)
        return child

    def wait(self, child: Child) -> int:
        """The exit status of a server that was told to end; the negative signal if one ended it."""
        self._alive.discard(child)
        return int(self._ask({"wait": child.pid}))

    def end(self) -> None:
        """Kill what still runs."""
        for child in tuple(self._alive):
            child.kill()
            self.wait(child)

    def _wait_for_port(self, child: Child) -> None:
        patience = threading.Event()
        for _ in range(WAIT_SECONDS * 50):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", child.port)) == 0:
                    return
            if self._ask({"look": child.pid}) != "alive":
                break
            patience.wait(0.02)
        raise AssertionError(child.log.read_text())

    def _ask(self, order: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery has ended: see its standard error"
        return answer.strip()


@contextmanager
def nursery(**settings: str) -> Iterator[Nursery]:
    """A nursery for servers that share these settings, the content among them."""
    environ = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.nursery"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        made = Nursery(process)
        # A nursery that hangs must not hang the tests.
        watch = threading.Timer(WAIT_SECONDS, process.kill)
        watch.start()
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        finally:
            watch.cancel()
        try:
            yield made
        finally:
            made.end()
            assert process.stdin is not None
            process.stdin.close()
            process.wait(WAIT_SECONDS)


def _main() -> None:
    """The nursery itself. One thread, so that a fork inherits no lock that somebody holds."""
    loaded = patch.object(worker, "preload", return_value=worker.preload(read_config(os.environ)))
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            # The content is here already.
            with loaded:
                answer = str(_fork(order["start"], order["log"]))
        elif "wait" in order:
            answer = str(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]))
        else:
            ended = os.waitid(os.P_PID, order["look"], os.WEXITED | os.WNOHANG | os.WNOWAIT)
            answer = "ended" if ended else "alive"
        print(answer, flush=True)


def _fork(environ: Mapping[str, str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (sink, 1), (sink, 2)):
        os.dup2(source, target)
    os.environ.update(environ)
    server.serve(read_config(os.environ))
    os._exit(0)


if __name__ == "__main__":
    _main()
