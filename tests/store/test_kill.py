"""kill -9 under load: no answered decision and no acknowledged feedback is lost (issue; reliability part 4).

Each round starts the real server over the same store, calls it from several threads over HTTP, kills all of its
processes without warning, and then looks for everything that was answered. ``make kills`` runs two hundred rounds on
each database.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cds_service.store.database import open_existing, reading
from cds_service.store.decisions import Wanted, find_decisions
from cds_service.store.schema import feedback, shown_cards
from tests.store.databases import KINDS, database
from tests.store.nursery import Nursery, nursery
from tests.web.service_calls import ID, stored
from tests.web.test_server import WAIT_SECONDS

CALLERS = 6
ANSWERS_BEFORE_KILL = (3, 40)
WORKERS = (1, 3)
FEW, MANY = 10, 200
PATH = f"/cds-services/{ID}order-select"
WHEN = "2026-03-02T08:59:00Z"


@dataclass
class Heard:
    """What the service has answered, over all rounds."""

    cards: set[str] = field(default_factory=set)
    feedback: set[str] = field(default_factory=set)
    enough: threading.Event = field(default_factory=threading.Event)
    wanted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: set[str], found: set[str]) -> None:
        with self.lock:
            kind.update(found)
            if len(self.cards) + len(self.feedback) >= self.wanted:
                self.enough.set()


def call(port: int, heard: Heard, caller: str) -> None:
    """Call, answer each card with feedback, and so on until the service is gone."""
    body: dict[str, Any] = stored("sandbox-rx-capecitabine")
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    try:
        for number in range(10_000):
            # Another user, so that each call has cards of its own.
            body["context"]["userId"] = f"Practitioner/{caller}-{number}"
            status, answer = ask(connection, PATH, body)
            if status != HTTPStatus.OK:
                continue
            cards = {card["uuid"] for card in answer["cards"]}
            heard.add(heard.cards, cards)
            items = [{"card": card, "outcome": "overridden", "outcomeTimestamp": WHEN} for card in cards]
            status, answer = ask(connection, f"{PATH}/feedback", {"feedback": items})
            if status != HTTPStatus.OK:
                continue
            assert answer == {"received": len(cards), "ignored": 0}
            heard.add(heard.feedback, cards)
    except (OSError, HTTPException):
        pass  # killed
    finally:
        connection.close()


def ask(connection: HTTPConnection, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and body. On a slow machine the store may run out of patience: 503 then promises nothing."""
    connection.request("POST", path, json.dumps(body))
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE), text
    return answer.status, json.loads(text)


def play_round(servers: Nursery, setting: str, number: int, heard: Heard, log: Path) -> None:
    """Start, load, kill: one worker process in one round, several in the next."""
    server = servers.start(
        log,
        CDS_STORE=setting,
        CDS_REQUIRE_RECORD="1",
        CDS_WORKERS=str(WORKERS[number % 2]),
        # What a killed server leaves behind goes with the log.
        TMPDIR=str(log.parent),
    )
    least, most = ANSWERS_BEFORE_KILL
    heard.enough.clear()
    heard.wanted = len(heard.cards) + len(heard.feedback) + least + number * 7 % (most - least)
    callers = [
        threading.Thread(target=call, args=(server.port, heard, f"{number}-{caller}")) for caller in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    try:
        assert heard.enough.wait(WAIT_SECONDS), log.read_text()
    finally:
        server.kill()
        servers.wait(server)
        # A caller ends when its connection is gone, and with it the last process that could still have written.
        for caller in callers:
            caller.join(WAIT_SECONDS)
    assert not any(caller.is_alive() for caller in callers)


def look(setting: str) -> tuple[set[str], set[str]]:
    """Cards and feedback that the store holds."""
    engine = open_existing(setting)
    with reading(engine) as connection:
        cards = set(connection.scalars(select(shown_cards.c.card)))
        said = set(connection.scalars(select(feedback.c.card)))
    engine.dispose()
    return cards, said


def play(kind: str, folder: Path, rounds: int) -> None:
    heard = Heard()
    with database(kind, folder) as setting, nursery() as servers:
        for number in range(rounds):
            play_round(servers, setting, number, heard, folder / "log")
            cards, said = look(setting)
            assert heard.cards - cards == set(), f"decisions lost in round {number}"
            assert heard.feedback - said == set(), f"feedback lost in round {number}"
        check_whole(setting)
    assert len(heard.feedback) > rounds
    print(f"{kind}: {rounds} kills, {len(heard.cards)} cards and {len(heard.feedback)} feedback answered, none lost")


def check_whole(setting: str) -> None:
    """Nothing is torn: every decision can be read, and SQLite finds no fault in its file."""
    engine = open_existing(setting)
    assert all(found["facts"] and found["at"] for found in find_decisions(engine, Wanted()))
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    engine.dispose()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_acknowledged_is_lost_in_a_few_kills(kind: str, tmp_path: Path) -> None:
    play(kind, tmp_path, FEW)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_acknowledged_is_lost_in_two_hundred_kills(kind: str, tmp_path: Path) -> None:
    play(kind, tmp_path, MANY)
