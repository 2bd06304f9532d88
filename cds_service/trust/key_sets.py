"""Key sets: the keys of each client, from the configured place alone, kept and renewed (conformance SEC-07, SEC-08).

No URL from a token is ever fetched. A renewal runs beside the calls: only a call that names a key we do not have waits
for it, and not for long. Attempts keep a distance (``COOL_DOWN``), whatever the tokens say. Keys that cannot be renewed
stay good for ``STALE_AFTER``; a key that a renewal no longer brings is gone at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from types import MappingProxyType

import requests
import urllib3.exceptions

from cds_service.trust.clients import Registry
from cds_service.trust.keys import LARGEST_KEY_SET, Key, Keys, KeysUnreadable, parse_keys

RENEW_AFTER = 600.0
COOL_DOWN = 30.0
STALE_AFTER = 24 * 3600.0
PATIENCE = 2.0
"""Seconds that a call waits for a key set that it cannot do without."""
FETCH_SECONDS = 5.0
"""Seconds for one fetch, from its start to its last byte."""
_READ_SECONDS = 2.0
_MOST_HANGING = 3
_PIECE = 16_384

Read = Callable[[], bytes]
Clock = Callable[[], float]
Run = Callable[[Callable[[], None]], None]
Report = Callable[[str], None]
_NONE: Keys = MappingProxyType({})


def in_background(work: Callable[[], None]) -> None:
    """Run work beside the calls; it does not keep the process alive."""
    Thread(target=work, name="key-set", daemon=True).start()


def read_url(url: str, clock: Clock) -> bytes:
    """The body behind a configured URL; KeysUnreadable unless it is a plain 200 within the bounds of size and time."""
    end = clock() + FETCH_SECONDS
    headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
    timeout = (_READ_SECONDS, _READ_SECONDS)
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True) as answer:
                if answer.status_code != requests.codes.ok:
                    raise KeysUnreadable(f"the server answered {answer.status_code}")
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise KeysUnreadable("the server answered with a compressed body")
                return _read_body(answer, end, clock)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise KeysUnreadable(f"the server could not be read ({type(error).__name__})") from None


def _read_body(answer: requests.Response, end: float, clock: Clock) -> bytes:
    body = b""
    # What has arrived, not what was asked for: a dripping server must not hold us beyond the end.
    while piece := answer.raw.read1(_PIECE):
        body += piece
        if len(body) > LARGEST_KEY_SET:
            raise KeysUnreadable(f"it is larger than {LARGEST_KEY_SET} bytes")
        if clock() > end:
            raise KeysUnreadable(f"it took longer than {FETCH_SECONDS:.0f} s")
    return body


def read_file(path: Path) -> bytes:
    """The bytes of a key set file; KeysUnreadable if there are none."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_KEY_SET + 1)
    except OSError as error:
        raise KeysUnreadable(f"the file cannot be read ({type(error).__name__})") from None


class KeySet:
    """The keys of one client.

    ``read`` brings the bytes, ``clock`` counts seconds, ``run`` carries out a renewal (beside the caller, or at once in
    tests), ``report`` hears what is wrong when keys could not be renewed.
    """

    def __init__(self, read: Read, clock: Clock, run: Run = in_background, report: Report | None = None) -> None:
        self._read = read
        self._clock = clock
        self._run = run
        self._report = report
        self._lock = Lock()
        self._keys = _NONE
        self._loaded_at = float("-inf")
        self._started_at = float("-inf")
        self._done = Event()
        self._number = 0
        self._applied = 0
        self._under_way = 0

    def find(self, kid: str) -> tuple[Key, ...]:
        """The keys with that id; none if there is none, after a renewal or because none was due."""
        now = self._clock()
        with self._lock:
            found = self._known(now).get(kid, ())
            is_due = (not found or now - self._loaded_at >= RENEW_AFTER) and self._begin(now)
            number, done, wait = self._number, self._done, PATIENCE - (now - self._started_at)
        if is_due:
            self._start(number, done)
        if found:
            return found
        # Counted from the start of the attempt: a server that hangs holds calls for moments, not each one in turn.
        if wait > 0:
            done.wait(wait)
        with self._lock:
            return self._known(now).get(kid, ())

    @property
    def has_keys(self) -> bool:
        """Whether there are keys that may be used."""
        now = self._clock()
        with self._lock:
            return bool(self._known(now))

    def warm_up(self) -> None:
        """Begin the first fetch, so that the first call need not wait for it."""
        now = self._clock()
        with self._lock:
            is_due = self._begin(now)
            number, done = self._number, self._done
        if is_due:
            self._start(number, done)

    def _known(self, now: float) -> Keys:
        return self._keys if now - self._loaded_at < STALE_AFTER else _NONE

    def _begin(self, now: float) -> bool:
        """Whether a renewal is to be started: not if the last one began a moment ago, or too many hang."""
        if now - self._started_at < COOL_DOWN or self._under_way >= _MOST_HANGING:
            return False
        self._started_at = now
        self._number += 1
        self._under_way += 1
        self._done = Event()
        return True

    def _start(self, number: int, done: Event) -> None:
        try:
            self._run(partial(self._renew, number, done))
        except RuntimeError:
            # No thread can be had at the moment: the next attempt comes in its time.
            self._end(done)

    def _end(self, done: Event) -> None:
        with self._lock:
            self._under_way -= 1
        done.set()

    def _renew(self, number: int, done: Event) -> None:
        try:
            keys = parse_keys(self._read())
        except KeysUnreadable as error:
            if self._report is not None:
                self._report(str(error))
        else:
            with self._lock:
                # One that hung and came back must not undo a later one.
                if number > self._applied:
                    self._keys, self._loaded_at, self._applied = keys, self._clock(), number
        finally:
            self._end(done)


def key_sets_of(registry: Registry, clock: Clock, report: Callable[[str, str], None]) -> Mapping[str, KeySet]:
    """The key set of each client by its name; ``report`` gets the name and what is wrong. Nothing is fetched yet."""
    return MappingProxyType(
        {
            client.name: KeySet(
                partial(read_file, client.jwks_file)
                if client.jwks_file is not None
                else partial(read_url, client.jwks_url, clock),
                clock,
                report=partial(report, client.name),
            )
            for client in registry.clients
            if client.issuer
        }
    )
