"""Several hosts on one PostgreSQL that write the same rows, in opposite order of arrival: none has to give way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.hooks.feedback import FeedbackItem
from cds_service.store.feedback import FeedbackOrigin
from cds_service.store.store import Store
from tests.store.databases import database, opened
from tests.store.records import NOW, SERVICE, record
from tests.store.test_group_commit import LONG, Held, until

AT_ONCE = 12
ROUNDS = 6
ITEMS = 30
ORIGIN = FeedbackOrigin("", SERVICE, NOW)
SECONDS = NOW.timestamp()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    with database("postgresql", tmp_path) as setting, opened(setting) as first, opened(setting) as second:
        first.record(record("d-1", "card-1"))
        assert second.trouble(NOW) == ""
        yield first, second


def crossed(hosts: tuple[Store, Store], *kinds: Callable[[Store, int], object]) -> list[list[Future[object]]]:
    """The same writes on both hosts, each as one transaction, begun at once; on the second the last comes first."""
    gates = [Held(), Held()]
    with ThreadPoolExecutor(2 * (1 + AT_ONCE * len(kinds))) as pool:
        jobs: list[list[Future[object]]] = []
        for host, gate, step in zip(hosts, gates, (1, -1), strict=True):
            pool.submit(host._commits.run, gate)
            assert gate.entered.wait(LONG)
            jobs.append([])
            for number in range(AT_ONCE)[::step]:
                for kind in kinds[::step]:
                    jobs[-1].append(pool.submit(kind, host, number))
                    until(lambda: len(host._commits._waiting) == len(jobs[-1]))  # noqa: B023  # done before the next
        for gate in gates:
            gate.go.set()
    return jobs


def count_retries(hosts: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever a transaction of a host is done again."""
    retries: list[int] = []
    for host in hosts:
        again = host._commits._start_again

        def count(jobs: list[Any], again: Callable[[list[Any]], None] = again) -> None:
            retries.append(len(jobs))
            again(jobs)

        monkeypatch.setattr(host._commits, "_start_again", count)
    return retries


def items(round_number: int, number: int) -> list[FeedbackItem]:
    """A batch that shares rows with most others of its round: no order of whole batches is an order of rows."""
    first = NOW + timedelta(seconds=1_000 * round_number)
    return [
        FeedbackItem("card-1", "overridden", first + timedelta(seconds=(number * 7 + one * 5) % 100))
        for one in range(ITEMS)
    ]


def test_tokens_decisions_feedback_and_probes(hosts: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.store.store._PROBE_SECONDS", -1)
    retries = count_retries(hosts, monkeypatch)

    def claim(host: Store, number: int) -> object:
        return host.claim_token("issuer", f"{round_number}-{number}", SECONDS + 300, SECONDS)

    def keep(host: Store, number: int) -> object:
        host.record(record(f"{round_number}-{number}-{hosts.index(host)}", "card-1"))
        return None

    def tell(host: Store, number: int) -> object:
        return host.take_feedback(items(round_number, number), ORIGIN).received

    for round_number in range(ROUNDS):  # noqa: B007  # the writes above name it
        first, second = crossed(hosts, tell, claim, keep)
        results = [job.result() for job in first] + [job.result() for job in second]
        assert results.count(True) == AT_ONCE
        assert results.count(False) == AT_ONCE
        assert results.count(ITEMS) == 2 * AT_ONCE
        assert [host.trouble(NOW) for host in hosts] == ["", ""]
    assert retries == []


def test_batches_of_feedback_that_share_rows(hosts: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    retries = count_retries(hosts, monkeypatch)

    def tell(host: Store, number: int) -> object:
        return host.take_feedback(items(round_number, number), ORIGIN).received

    for round_number in range(ROUNDS):  # noqa: B007  # the write above names it
        first, second = crossed(hosts, tell)
        assert [job.result() for job in (*first, *second)] == [ITEMS] * 2 * AT_ONCE
    assert retries == []
