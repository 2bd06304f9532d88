"""Processes to measure: started on a free port of this machine and a core of their own, watched, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")
SERVICE = "from cds_service.cli import main; main()"


class CannotMeasureError(Exception):
    """A server did not start, or answered something that makes the comparison worthless."""


def process_tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        for children in Path(f"/proc/{current}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting.extend(map(int, children.read_text().split()))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants so far."""
    ticks = 0
    for member in process_tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def cores() -> tuple[list[str], list[str]]:
    """Command prefixes that keep the servers and the load on cores of their own, empty where that cannot be done."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) == 1 or not shutil.which("taskset"):
        return [], []
    return ["taskset", "-c", str(usable[0])], ["taskset", "-c", str(usable[1])]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, body: bytes) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise CannotMeasureError(f"{url} answered {error.code}: {error.read().decode(errors='replace')}") from None


@contextlib.contextmanager
def served(arguments: Sequence[str], port: int, ready: str, core: Sequence[str] | None = None) -> Iterator[int]:
    """Run a server until the block ends; its process id, once ``ready`` answers in any way.

    ``core`` is the prefix of its command, that of the servers if not given (``cores``).
    """
    prefix = cores()[0] if core is None else core
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*prefix, sys.executable, *arguments], cwd=ROOT, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(f"http://127.0.0.1:{port}{ready}"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise CannotMeasureError(f"{' '.join(arguments)} did not start:\n{log.read().decode()}")
                time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def run_load(name: str, url: str, body: Path, seconds: float, connections: int) -> dict[str, float]:
    """What ``bench.load`` measures, on the core of the load. CannotMeasureError if an answer was not 200."""
    command = [sys.executable, "-m", "bench.load", url, str(body), str(seconds), str(connections)]
    done = subprocess.run([*cores()[1], *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMeasureError(f"{name} could not be loaded:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout)
    if result["failed"] or not result["requests"]:
        raise CannotMeasureError(f"{name}: {result['failed']} of {result['requests']} answers were not 200")
    return result
