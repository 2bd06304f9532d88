"""Twenty thousand damaged calls: never a failure of ours, never an answer out of shape (reliability parts 6 and 7)."""

from __future__ import annotations

import copy
import io
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

import pytest

from cds_service.config import Config
from cds_service.web.call_log import LOGGER
from tests.properties.mutate_call import mutate
from tests.web.service_calls import CALLS, ID, app, schema, stored

BATCHES = 10
CALLS_PER_BATCH = 2_000
OPTIONAL_CALLS = 1_500
LEAST_ANSWERED = 0.30


@cache
def seeds() -> tuple[dict[str, Any], ...]:
    """At least twenty calls: every stored one that is answered, and variations of what the client could read."""
    found = []
    for path in sorted(CALLS.glob("*.json")):
        body = stored(path.stem)
        if "draftOrders" in body["context"]:
            found.append(body)
    for body in [seed for seed in found if seed.get("prefetch")]:
        for keys in (
            ["conditions"],
            ["conditions", "reports", "patient"],
            ["conditions", "reports", "observations", "procedures"],
        ):
            less = copy.deepcopy(body)
            less["prefetch"] = {key: value for key, value in less["prefetch"].items() if key in keys}
            found.append(less)
    return tuple(found)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    log = logging.getLogger(LOGGER)
    level = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)


def call(raw: bytes, hook: str) -> tuple[int, bytes]:
    """Status and body, straight from the WSGI application."""
    status: list[int] = []

    def start_response(line: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
        status.append(int(line[:3]))
        assert ("Content-Type", "application/json") in headers
        return io.BytesIO().write

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/cds-services/{ID}{hook}",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.input": io.BytesIO(raw),
        "wsgi.url_scheme": "http",
    }
    body = b"".join(app(Config()).wsgi_app(environ, start_response))
    return status[0], body


@cache
def check_body(status: int, raw: bytes) -> None:
    """The answer has the shape that its status calls for."""
    schema("cds-hooks-response" if status == 200 else "operation-outcome").validate(json.loads(raw))


def test_there_are_enough_seeds_of_both_hooks() -> None:
    assert len(seeds()) >= 20
    assert {seed["hook"] for seed in seeds()} == {"order-select", "order-sign"}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_damaged_calls_are_answered_in_shape(batch: int) -> None:
    chance = Random(batch)
    seen: Counter[int] = Counter()
    for number in range(CALLS_PER_BATCH):
        seed = chance.choice(seeds())
        raw = mutate(seed, chance)
        status, answer = call(raw, seed["hook"])
        assert status in (200, 400, 412), f"batch {batch}, call {number}: {status} {answer!r}"
        check_body(status, answer)
        seen[status] += 1
    print(f"{CALLS_PER_BATCH} calls: {dict(sorted(seen.items()))}")
    assert seen[200] >= LEAST_ANSWERED * CALLS_PER_BATCH


def test_damage_to_optional_data_alone_is_answered() -> None:
    chance = Random("optional")
    for number in range(OPTIONAL_CALLS):
        seed = chance.choice([body for body in seeds() if len(body.get("prefetch", {})) > 1])
        key = chance.choice([key for key in seed["prefetch"] if key != "conditions"])
        within = ("prefetch", key) if isinstance(seed["prefetch"][key], dict) else ("prefetch",)
        status, answer = call(mutate(seed, chance, within), seed["hook"])
        assert status == 200, f"call {number}: {key} {answer!r}"
        check_body(status, answer)


def test_the_mutator_repeats_itself() -> None:
    first, second = ([mutate(seeds()[0], Random(number)) for number in range(50)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 45
