"""Several service processes with one store: of the calls that bear one token at once, one is answered (SEC-09)."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cds_service.trust.refusals import Refusal
from tests.store.databases import KINDS, database
from tests.store.nursery import Child, Nursery, nursery
from tests.trust.tokens_made import HOSPITAL, PUBLIC_URL, bearer, key_set, token
from tests.web.test_server import WAIT_SECONDS

DISCOVERY = "/cds-services"
"""Without a body: a refusal does not wait for one, and closes the connection on whoever still sends it."""
TOKENS = 40
CALLERS_EACH = 2


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Servers of one site, which has one client with keys in a file."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "keys.json").write_bytes(key_set("ec-1"))
    (folder / "site.toml").write_text(
        f'public_url = "{PUBLIC_URL}"\n[[clients]]\nname = "hospital"\nissuer = "{HOSPITAL.issuer}"\n'
        'jwks_file = "keys.json"\n'
    )
    with nursery(CDS_SITE=str(folder / "site.toml"), CDS_UUID_KEY="a key of this test, long enough") as made:
        yield made


def signed() -> str:
    """A token of this minute: the servers have the clock of the machine."""
    issued = int(datetime.now(UTC).timestamp())
    return bearer(token({"iat": issued, "exp": issued + 300, "aud": PUBLIC_URL + DISCOVERY}, jku=...))


def send(running: Child, tokens: list[str], together: threading.Barrier) -> list[int]:
    """The statuses of calls with these tokens, each sent at the same moment as those of the other callers."""
    statuses = []
    with closing(HTTPConnection("127.0.0.1", running.port, timeout=WAIT_SECONDS)) as connection:
        for authorization in tokens:
            together.wait(WAIT_SECONDS)
            try:
                connection.request("GET", DISCOVERY, headers={"Authorization": authorization})
                answer = connection.getresponse()
                answer.read()
            except Exception as error:
                together.abort()
                raise AssertionError(f"{running.log}: {error!r}, {running.log.read_text()}") from error
            statuses.append(answer.status)
    return statuses


@pytest.mark.parametrize("kind", KINDS)
def test_one_token_at_two_servers_at_once_is_one_call(kind: str, servers: Nursery, tmp_path: Path) -> None:
    """One server has two workers: three processes that answer."""
    tokens = [signed() for _ in range(TOKENS)]
    with database(kind, tmp_path) as setting:
        running = [
            servers.start(
                tmp_path / f"log-{workers}", CDS_STORE=setting, CDS_WORKERS=str(workers), TMPDIR=str(tmp_path)
            )
            for workers in (1, 2)
        ]
        callers = running * CALLERS_EACH
        together = threading.Barrier(len(callers))
        with ThreadPoolExecutor(len(callers)) as pool:
            calls = [pool.submit(send, child, tokens, together) for child in callers]
        broken = [error for error in (made.exception() for made in calls) if isinstance(error, AssertionError)]
        assert broken == []
        answers = [made.result() for made in calls]
        for child in running:
            child.kill()
            servers.wait(child)
        of_each_token = [sorted(statuses) for statuses in zip(*answers, strict=True)]
        assert of_each_token == [[200] + [401] * (len(callers) - 1)] * TOKENS
        assert refusals(running) == {Refusal.REPLAYED.value: TOKENS * (len(callers) - 1)}

        after = servers.start(tmp_path / "log-after", CDS_STORE=setting)
        assert send(after, [*tokens, signed()], threading.Barrier(1)) == [401] * TOKENS + [200]
        after.kill()
        servers.wait(after)


def refusals(running: list[Child]) -> Counter[str]:
    """How often each reason stands in the logs."""
    lines = [json.loads(line) for child in running for line in child.log.read_text().splitlines() if line[:1] == "{"]
    return Counter(line["refusal"] for line in lines if "refusal" in line)
