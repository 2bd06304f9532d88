"""What reading from a FHIR server costs: calls that lack three searches, and a server that is slow or hangs.

    three fetches    32 clients at once, each answer of the server 200 ms after its question: the median of the calls
    one fetch        the same calls with one search to read: for comparison, what it costs to read at all
    hanging          a server that takes questions and never answers, 4 clients: the longest call

The FHIR server and the load share a core, the service has another. What is judged are times, not ratios to another
contestant: "one fetch" stands for its 200 ms, with nothing on top.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.payload import SIZES, build, encoded
from bench.processes import SERVICE, CannotMeasureError, cores, cpu_seconds, free_port, post, run_load, served
from bench.slow_fhir import NEVER
from cds_service.config import DEFAULTS

SEARCHES = {"reports": "DiagnosticReport", "observations": "Observation", "medicationRequests": "MedicationRequest"}
"""What the calls lack, by key: three searches that an order of chemotherapy rests on, all of which find something."""
ONE_SEARCH = "reports"
FETCH_MS = 200
MOST_TIMES_ONE_FETCH = 1.2
"""The median of calls with three fetches over what one fetch takes."""
DEADLINE_MS = int(DEFAULTS["CDS_FETCH_MS"])
MOST_BEYOND_DEADLINE_MS = 100
"""How long after the deadline for fetching (``CDS_FETCH_MS``) the last answer may come."""
CLIENTS = 32
FEW_CLIENTS = 4
HOOK = "order-select"


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds from a call to its answer, and of CPU of the service per call: medians over the rounds.

    ``longest`` is that of all rounds.
    """

    median: float
    longest: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Pair:
    """The service beside a FHIR server: the URL of a hook, the FHIR base, the process of the service."""

    url: str
    fhir: str
    process: int


def run_fetches(directory: Path, seconds: float, rounds: int) -> dict[str, Waits]:
    """All figures by row. CannotMeasureError if calls are not answered as they should be, or ask for something else."""
    whole = build(SIZES["S"], hook=HOOK)
    answers = {kind: whole["prefetch"][key] for key, kind in SEARCHES.items()}
    lacking = {**whole, "prefetch": {key: value for key, value in whole["prefetch"].items() if key not in SEARCHES}}
    alone = {**whole, "prefetch": {key: value for key, value in whole["prefetch"].items() if key != ONE_SEARCH}}
    found = {}
    with _beside(directory, str(FETCH_MS), answers) as pair:
        body, one = _body(directory / "three.json", lacking, pair), _body(directory / "one.json", alone, pair)
        if post(pair.url, body.read_bytes()) != post(pair.url, encoded({**whole, "fhirServer": pair.fhir})):
            raise CannotMeasureError("what is fetched is not answered as what is sent")
        before = _asked(pair.fhir)
        found["three fetches"], calls = _measure(pair, body, seconds, rounds, CLIENTS)
        if (asked := _asked(pair.fhir) - before) != len(SEARCHES) * calls:
            raise CannotMeasureError(f"{calls} calls asked {asked} questions, not {len(SEARCHES)} each")
        found["one fetch"], _ = _measure(pair, one, seconds, rounds, CLIENTS)
    with _beside(directory, NEVER, answers) as pair:
        body = _body(directory / "three.json", lacking, pair)
        if not post(pair.url, body.read_bytes())["cards"]:
            raise CannotMeasureError("a call whose data could not be read was answered without a card")
        found["hanging"], _ = _measure(pair, body, seconds, rounds, FEW_CLIENTS)
        found[f"hanging, {CLIENTS} clients"], _ = _measure(pair, body, seconds, rounds, CLIENTS)
    return found


def fetch_verdicts(found: Mapping[str, Waits]) -> list[tuple[str, float, str, bool]]:
    """What is judged: a name, the figure, its limit in words, and whether it is kept."""
    if not found:
        return []
    ratio = found["three fetches"].median / FETCH_MS
    late = found["hanging"].longest - DEADLINE_MS
    return [
        ("three fetches", ratio, f"at most {MOST_TIMES_ONE_FETCH} times one", ratio <= MOST_TIMES_ONE_FETCH),
        ("hanging", late, f"at most {MOST_BEYOND_DEADLINE_MS} ms late", late <= MOST_BEYOND_DEADLINE_MS),
    ]


@contextlib.contextmanager
def _beside(directory: Path, delay: str, answers: dict[str, Any]) -> Iterator[Pair]:
    """The service beside a FHIR server that answers after so many milliseconds, or never."""
    service_port, fhir_port = free_port(), free_port()
    fhir = f"http://127.0.0.1:{fhir_port}/fhir"
    file, site = directory / "answers.json", directory / "site.toml"
    file.write_text(json.dumps(answers), encoding="utf-8")
    site.write_text(f'development = true\n[[clients]]\nname = "bench"\nfhir_servers = ["{fhir}"]\n', encoding="utf-8")
    command = ["-c", SERVICE, "serve", "--port", str(service_port), "--site", str(site), "--log-level", "error"]
    with (
        served(["-m", "bench.slow_fhir", str(fhir_port), delay, str(file)], fhir_port, "/asked", cores()[1]),
        served(command, service_port, "/healthz") as process,
    ):
        with urllib.request.urlopen(f"http://127.0.0.1:{service_port}/cds-services", timeout=10) as response:
            ident = next(item["id"] for item in json.load(response)["services"] if item["hook"] == HOOK)
        yield Pair(f"http://127.0.0.1:{service_port}/cds-services/{ident}", fhir, process)


def _body(file: Path, call: dict[str, Any], pair: Pair) -> Path:
    """A file with the call of a client that gives access to its FHIR server."""
    access = {
        "access_token": "bench",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "b",
    }
    file.write_bytes(encoded({**call, "fhirServer": pair.fhir, "fhirAuthorization": access}))
    return file


def _asked(fhir: str) -> int:
    """How many questions the FHIR server has heard."""
    with urllib.request.urlopen(fhir.removesuffix("/fhir") + "/asked", timeout=10) as response:
        return int(response.read())


def _measure(pair: Pair, body: Path, seconds: float, rounds: int, clients: int) -> tuple[Waits, int]:
    """The figures of some rounds, and how many calls were made. The first, cold round counts as calls alone."""
    calls = run_load("the service", pair.url, body, min(seconds, 1.0), clients)["requests"]
    medians, longest, cpu = [], [], []
    for _ in range(rounds):
        before = cpu_seconds(pair.process)
        result = run_load("the service", pair.url, body, seconds, clients)
        cpu.append(1000 * (cpu_seconds(pair.process) - before) / result["requests"])
        medians.append(result["median_ms"])
        longest.append(result["longest_ms"])
        calls += result["requests"]
    return Waits(statistics.median(medians), max(longest), statistics.median(cpu)), int(calls)
