"""Compare the service with the floor on this machine, and fail when it has become too dear.

    python -m bench.run [--seconds 2] [--rounds 5] [--connections 4] [--sizes S,M,L] [--json]

Both run on 127.0.0.1 with one worker on the same server, and are loaded in turn (A B A B), so that a busy
neighbour disturbs both alike. Figures are medians over the rounds; only ratios are judged, never absolute times. CPU is
that of the server's processes, from /proc (Linux).

    throughput   req/s of the service over the floor (Flask, orjson, one fixed card), an order of ours, with cards
    not ours     CPU per call of an order that is not ours, over reading the body and parsing it strictly once

Exit status: 0 within the limits, 1 beyond one, 2 if a server did not start or answered something else.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.payload import SIZES, build, encoded

ROOT = Path(__file__).resolve().parent.parent

LEAST_THROUGHPUT = {"S": 0.3, "M": 0.8, "L": 1.2}
"""Requests per second of the service over those of the floor, by size of the call."""

MOST_CPU_NOT_OURS = 1.3
"""CPU per call that is not ours, over reading and strictly parsing the same body, at size ``M``."""

HOOK = "order-select"
START_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")
SERVICE = "from cds_service.cli import main; main()"


class CannotMeasureError(Exception):
    """A server did not start, or answered something that makes the comparison worthless."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """What is loaded: a name for the table, the process that serves it, an address and a body."""

    name: str
    process: int
    url: str
    body: Path


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds: requests per second, and milliseconds of CPU per request."""

    rate: float
    cpu_ms: float


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
def served(arguments: Sequence[str], port: int, ready: str) -> Iterator[int]:
    """Run a server until the block ends; its process id, once ``ready`` answers in any way."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*cores()[0], sys.executable, *arguments], cwd=ROOT, stdout=log, stderr=log)
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


def measure(contestant: Contestant, seconds: float, connections: int) -> Figures:
    """Load a contestant once."""
    before = cpu_seconds(contestant.process)
    command = [sys.executable, "-m", "bench.load", contestant.url, str(contestant.body), str(seconds), str(connections)]
    done = subprocess.run([*cores()[1], *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMeasureError(f"{contestant.name} could not be loaded:\n{done.stderr}")
    result = json.loads(done.stdout)
    if result["failed"] or not result["requests"]:
        raise CannotMeasureError(f"{contestant.name}: {result['failed']} of {result['requests']} answers were not 200")
    spent = cpu_seconds(contestant.process) - before
    return Figures(result["requests"] / result["seconds"], 1000 * spent / result["requests"])


def compare(contestants: Sequence[Contestant], options: argparse.Namespace) -> dict[str, Figures]:
    """Load the contestants in turn for some rounds; the medians of each. The first, cold round does not count."""
    rounds: dict[str, list[Figures]] = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        measure(contestant, min(options.seconds, 1.0), options.connections)
    for _ in range(options.rounds):
        for contestant in contestants:
            rounds[contestant.name].append(measure(contestant, options.seconds, options.connections))
    return {
        name: Figures(statistics.median(item.rate for item in found), statistics.median(item.cpu_ms for item in found))
        for name, found in rounds.items()
    }


def check_answers(service: str, ours: bytes, not_ours: bytes) -> None:
    """Advice on our order and none on the other, or the figures would mean nothing."""
    for body, expected in ((ours, "cards"), (not_ours, "no cards")):
        cards = post(service, body)["cards"]
        if bool(cards) != (expected == "cards"):
            raise CannotMeasureError(f"the service answered {len(cards)} cards where {expected} were expected")


def run(options: argparse.Namespace, directory: Path) -> dict[str, dict[str, Figures]]:
    """All figures, by size and contestant."""
    service_port, floor_port, tuned_port = free_port(), free_port(), free_port()
    service_command = ["-c", SERVICE, "serve", "--port", str(service_port), "--log-level", "warning"]
    with (
        served(service_command, service_port, "/healthz") as service,
        served(["-m", "bench.floor", str(floor_port)], floor_port, "/") as floor,
        served(["-m", "bench.floor", str(tuned_port), "--tuned"], tuned_port, "/") as tuned,
    ):
        with urllib.request.urlopen(f"http://127.0.0.1:{service_port}/cds-services", timeout=10) as response:
            ident = next(item["id"] for item in json.load(response)["services"] if item["hook"] == HOOK)
        url = f"http://127.0.0.1:{service_port}/cds-services/{ident}"
        figures = {}
        for size in options.sizes:
            ours, not_ours = directory / f"{size}-ours.json", directory / f"{size}-not-ours.json"
            ours.write_bytes(encoded(build(SIZES[size], hook=HOOK)))
            not_ours.write_bytes(encoded(build(SIZES[size], ours=False, hook=HOOK)))
            check_answers(url, ours.read_bytes(), not_ours.read_bytes())
            contestants = [
                Contestant("service", service, url, ours),
                Contestant("floor", floor, f"http://127.0.0.1:{floor_port}/parse", ours),
                Contestant("not ours", service, url, not_ours),
                Contestant("strict parse", tuned, f"http://127.0.0.1:{tuned_port}/strict", not_ours),
                Contestant("echo", tuned, f"http://127.0.0.1:{tuned_port}/echo", not_ours),
            ]
            figures[size] = compare(contestants, options)
        return figures


def verdicts(figures: Mapping[str, Mapping[str, Figures]]) -> list[tuple[str, float, str, bool]]:
    """What is judged: a name, the ratio, its limit in words, and whether it is kept."""
    found = []
    for size, by_name in figures.items():
        ratio = by_name["service"].rate / by_name["floor"].rate
        least = LEAST_THROUGHPUT[size]
        found.append((f"throughput {size}", ratio, f"at least {least}", ratio >= least))
    if "M" in figures:
        ratio = figures["M"]["not ours"].cpu_ms / figures["M"]["strict parse"].cpu_ms
        found.append(("not ours M", ratio, f"at most {MOST_CPU_NOT_OURS}", ratio <= MOST_CPU_NOT_OURS))
    return found


def _plain(by_name: Mapping[str, Figures]) -> dict[str, dict[str, float]]:
    return {name: dataclasses.asdict(item) for name, item in by_name.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Compare the service with the floor on this machine.")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load per contestant and round (2)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the medians are taken (5)")
    parser.add_argument("--connections", type=int, default=4, help="in a closed loop (4)")
    parser.add_argument("--sizes", type=lambda text: text.split(","), default=list(SIZES), help="of calls (S,M,L)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if set(options.sizes) - set(SIZES):
        parser.error(f"--sizes: known are {', '.join(SIZES)}")
    try:
        with tempfile.TemporaryDirectory() as directory:
            figures = run(options, Path(directory))
    except CannotMeasureError as error:
        print(error, file=sys.stderr)
        return 2
    judged = verdicts(figures)
    if options.json:
        print(json.dumps({"figures": {size: _plain(by_name) for size, by_name in figures.items()}, "verdicts": judged}))
    else:
        print(f"{'size':<6}{'contestant':<14}{'req/s':>9}{'x floor':>9}{'CPU ms':>9}")
        for size, by_name in figures.items():
            for name, item in by_name.items():
                ratio = item.rate / by_name["floor"].rate
                print(f"{size:<6}{name:<14}{item.rate:>9.0f}{ratio:>9.2f}{item.cpu_ms:>9.2f}")
        for name, ratio, limit, kept in judged:
            print(f"{'kept' if kept else 'BROKEN':<8}{name:<14}{ratio:.2f} ({limit})")
    return 0 if all(kept for *_, kept in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
