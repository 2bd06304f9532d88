"""kill -9 under load: no answered decision and no acknowledged feedback is lost (issue; reliability part 4).

Each round starts the real server over the same store, calls it from several threads, kills all of its processes without
warning, and then looks for everything that was answered. ``make kills`` runs two hundred rounds on each database.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cds_service.store.database import open_existing, reading
from cds_service.store.schema import feedback, shown_cards
from tests.store.databases import KINDS, database
from tests.web.service_calls import ID, ROOT, stored
from tests.web.test_server import START, WAIT_SECONDS, free_port, wait_for

CALLERS = 6
ANSWERS_BEFORE_KILL = (3, 40)
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


def play_round(setting: str, number: int, heard: Heard, log: Path) -> None:
    """Start, load, kill."""
    port = free_port()
    environ = {
        **os.environ,
        "CDS_PORT": str(port),
        "CDS_STORE": setting,
        "CDS_REQUIRE_RECORD": "1",
        "PYTHONPATH": str(ROOT),
    }
    least, most = ANSWERS_BEFORE_KILL
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [sys.executable, "-c", START], env=environ, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            wait_for(port, server, log)
            heard.enough.clear()
            heard.wanted = len(heard.cards) + len(heard.feedback) + least + number * 7 % (most - least)
            callers = [
                threading.Thread(target=call, args=(port, heard, f"{number}-{caller}")) for caller in range(CALLERS)
            ]
            for caller in callers:
                caller.start()
            assert heard.enough.wait(WAIT_SECONDS), log.read_text()
        finally:
            # Its own session: the workers die with it, and nobody else.
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(timeout=WAIT_SECONDS)
    for caller in callers:
        caller.join(WAIT_SECONDS)
        assert not caller.is_alive()


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
    with database(kind, folder) as setting:
        for number in range(rounds):
            play_round(setting, number, heard, folder / "log")
            cards, said = look(setting)
            assert heard.cards - cards == set(), f"decisions lost in round {number}"
            assert heard.feedback - said == set(), f"feedback lost in round {number}"
    assert len(heard.feedback) > rounds


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_acknowledged_is_lost_in_a_few_kills(kind: str, tmp_path: Path) -> None:
    play(kind, tmp_path, 3)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_acknowledged_is_lost_in_two_hundred_kills(kind: str, tmp_path: Path) -> None:
    play(kind, tmp_path, 200)
