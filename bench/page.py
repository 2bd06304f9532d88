"""What the workbench page waits for: a change of order, on a chart of size M that was pasted.

The time is the service's own, from the request as it was received to the parts of the page; the way to the browser and
what the browser does with them are not in it.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

from bench.payload import SIZES, build, encoded
from bench.processes import SERVICE, CannotMeasureError, free_port, post, served

MOST_MS = 100
"""The median of the evaluations, in milliseconds of the service's own clock."""
SIZE = "M"
CHANGES = 40


def run_page(rounds: int) -> list[float]:
    """Milliseconds of each evaluation; the first round, cold, does not count."""
    call = build(SIZES[SIZE])
    port = free_port()
    command = ["-c", SERVICE, "serve", "--port", str(port), "--workbench", "--log-level", "error"]
    with served(command, port, "/healthz"):
        url = f"http://127.0.0.1:{port}/workbench/evaluate"
        found = [_change(url, call, number) for number in range(CHANGES * (rounds + 1))]
    return found[CHANGES:]


def _change(url: str, call: dict[str, Any], number: int) -> float:
    """One evaluation after an order came, or went: by turns the whole regimen and all of it but one drug."""
    context = call["context"]
    picked = context["selections"][: len(context["selections"]) - number % 2]
    wish = {"text": encoded(call).decode(), "draftOrders": context["draftOrders"], "selections": picked}
    answer = post(url, json.dumps(wish).encode())
    if not answer["response"].get("cards"):
        raise CannotMeasureError("the page was told of no card where one was expected")
    return float(answer["ms"])


def page_verdicts(found: list[float]) -> list[tuple[str, float, str, bool]]:
    """What is judged: a name, the figure, its limit in words, and whether it is kept."""
    if not found:
        return []
    median = statistics.median(found)
    return [(f"page {SIZE}", median, f"at most {MOST_MS} ms", median <= MOST_MS)]
