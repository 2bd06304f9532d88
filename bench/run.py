"""Compare the service with the floor on this machine, and fail when it has become too dear.

    python -m bench.run [--seconds 2] [--rounds 5] [--connections 4] [--sizes S,M,L] [--rows floor,fetch,page] [--json]

Both run on 127.0.0.1 with one worker on the same server, and are loaded in turn (A B A B), so that a busy
neighbour disturbs both alike. Figures are medians over the rounds; only ratios are judged, never absolute times. CPU is
that of the server's processes, from /proc (Linux).

    throughput   req/s of the service over the floor (Flask, orjson, one fixed card), an order of ours, with cards
    not ours     CPU per call of an order that is not ours, over reading the body and parsing it strictly once

The rows ``fetch`` compare nothing: calls whose data are read from a FHIR server that is slow or hangs
(``bench.fetch``). The row ``page`` is a change of order on the workbench page (``bench.page``).

Exit status: 0 within the limits, 1 beyond one, 2 if a server did not start or answered something else.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.fetch import Waits, fetch_verdicts, run_fetches
from bench.page import page_verdicts, run_page
from bench.payload import SIZES, build, encoded
from bench.processes import SERVICE, CannotMeasureError, cpu_seconds, free_port, post, run_load, served

LEAST_THROUGHPUT = {"S": 0.3, "M": 0.8, "L": 1.2}
"""Requests per second of the service over those of the floor, by size of the call."""

MOST_CPU_NOT_OURS = 1.3
"""CPU per call that is not ours, over reading and strictly parsing the same body, at size ``M``."""

HOOK = "order-select"
ROWS = ("floor", "fetch", "page")


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


def measure(contestant: Contestant, seconds: float, connections: int) -> Figures:
    """Load a contestant once."""
    before = cpu_seconds(contestant.process)
    result = run_load(contestant.name, contestant.url, contestant.body, seconds, connections)
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


def _plain(by_name: Mapping[str, Figures | Waits]) -> dict[str, dict[str, float]]:
    return {name: dataclasses.asdict(item) for name, item in by_name.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Compare the service with the floor on this machine.")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load per contestant and round (2)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the medians are taken (5)")
    parser.add_argument("--connections", type=int, default=4, help="in a closed loop (4)")
    parser.add_argument("--sizes", type=lambda text: text.split(","), default=list(SIZES), help="of calls (S,M,L)")
    parser.add_argument(
        "--rows", type=lambda text: text.split(","), default=list(ROWS), help="what to measure (floor,fetch,page)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if set(options.sizes) - set(SIZES):
        parser.error(f"--sizes: known are {', '.join(SIZES)}")
    if set(options.rows) - set(ROWS):
        parser.error(f"--rows: known are {', '.join(ROWS)}")
    try:
        with tempfile.TemporaryDirectory() as directory:
            figures = run(options, Path(directory)) if "floor" in options.rows else {}
            waits = run_fetches(Path(directory), options.seconds, options.rounds) if "fetch" in options.rows else {}
            page = run_page(options.rounds) if "page" in options.rows else []
    except CannotMeasureError as error:
        print(error, file=sys.stderr)
        return 2
    judged = [*verdicts(figures), *fetch_verdicts(waits), *page_verdicts(page)]
    if options.json:
        plain = {size: _plain(by_name) for size, by_name in figures.items()}
        print(json.dumps({"figures": plain, "waits": _plain(waits), "verdicts": judged}))
    else:
        if figures:
            print(f"{'size':<6}{'contestant':<14}{'req/s':>9}{'x floor':>9}{'CPU ms':>9}")
        for size, by_name in figures.items():
            for name, item in by_name.items():
                ratio = item.rate / by_name["floor"].rate
                print(f"{size:<6}{name:<14}{item.rate:>9.0f}{ratio:>9.2f}{item.cpu_ms:>9.2f}")
        for name, row in waits.items():
            print(f"{name:<24}median {row.median:.0f} ms, longest {row.longest:.0f} ms, CPU {row.cpu:.1f} ms")
        for name, figure, limit, kept in judged:
            print(f"{'kept' if kept else 'BROKEN':<8}{name:<16}{figure:.2f} ({limit})")
    return 0 if all(kept for *_, kept in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
