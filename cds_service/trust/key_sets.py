"""Key sets: the keys of each client, from the configured place alone, kept and renewed (conformance SEC-07, SEC-08).

No URL from a token is ever fetched. A renewal runs beside the calls: only a call that names a key we do not have waits
for it, and not for long. Attempts keep a distance (``COOL_DOWN``), whatever the tokens say. Keys that cannot be renewed
stay good for ``STALE_AFTER``; a key that a renewal no longer brings is gone at once, and so are all when a key set
comes empty: that is how a hospital revokes them in an emergency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from socket import SHUT_RDWR, socket
from ssl import SSLContext
from threading import Event, Lock, Thread, Timer
from types import MappingProxyType
from typing import Any, Protocol

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool

from cds_service.trust.clients import Registry
from cds_service.trust.keys import LARGEST_KEY_SET, Key, Keys, KeysUnreadable, KeysWithdrawn, parse_keys
from cds_service.trust.roots import load_roots

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
_TOO_LONG = f"it took longer than {FETCH_SECONDS:.0f} s"

Read = Callable[[], bytes]
Clock = Callable[[], float]
Run = Callable[[Callable[[], None]], None]
Report = Callable[[str], None]
_NONE: Keys = MappingProxyType({})


def in_background(work: Callable[[], None]) -> None:
    """Run work beside the calls; it does not keep the process alive."""
    Thread(target=work, name="key-set", daemon=True).start()


class Alarm(Protocol):
    """What is started now and calls later, unless it is cancelled before: ``threading.Timer``."""

    def start(self) -> None: ...

    def cancel(self) -> None: ...


def _set_alarm(seconds: float, call: Callable[[], None]) -> Alarm:
    found = Timer(seconds, call)
    found.daemon = True
    return found


def read_url(url: str, clock: Clock, set_alarm: Callable[[float, Callable[[], None]], Alarm] = _set_alarm) -> bytes:
    """The body behind a configured URL; KeysUnreadable unless it is a plain 200 within the bounds of size and time.

    ``set_alarm`` makes what ends the fetch after some seconds.
    """
    scissors = _Scissors()
    alarm = set_alarm(FETCH_SECONDS, scissors.cut)
    try:
        alarm.start()
        body = _read_url(url, clock, scissors)
    except KeysUnreadable:
        if not scissors.has_cut:
            raise
    except RuntimeError:
        raise KeysUnreadable("no thread could be had to watch over its time") from None
    finally:
        alarm.cancel()
        scissors.close()
    if scissors.has_cut:
        # Even of what was read: a body without a length ends where it is cut.
        raise KeysUnreadable(_TOO_LONG)
    return body


def _read_url(url: str, clock: Clock, scissors: _Scissors) -> bytes:
    end = clock() + FETCH_SECONDS
    headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
    timeout = (_READ_SECONDS, _READ_SECONDS)
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, _CutAdapter(scissors))
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
            raise KeysUnreadable(_TOO_LONG)
    return body


class _Scissors:
    """Cuts the connection of one fetch, wherever that stands: in the TLS handshake, the headers or the body.

    A timeout of the library holds for one read, so a server that sends a byte now and then would keep us for ever.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: socket | None = None
        self.has_cut = False

    def hold(self, connection: socket) -> None:
        """Be ready to cut this connection."""
        with self._lock:
            # A handle of our own: TLS takes the one that it is given away.
            self._held = connection.dup()
            if self.has_cut:
                self._shut()

    def cut(self) -> None:
        """Make the fetch fail now."""
        with self._lock:
            self.has_cut = True
            self._shut()

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            if self._held is not None:
                self._held.close()
                self._held = None

    def _shut(self) -> None:
        if self._held is not None:
            # It may have ended by itself.
            with suppress(OSError):
                self._held.shutdown(SHUT_RDWR)


class _Connection(HTTPConnection):
    """Gives the scissors its socket before it is used."""

    def __init__(self, scissors: _Scissors, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scissors = scissors

    def _new_conn(self) -> socket:
        made = super()._new_conn()
        self._scissors.hold(made)
        return made


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


@cache
def _roots() -> SSLContext:
    return load_roots()


class _CutAdapter(HTTPAdapter):
    """Gives the scissors every connection that it makes, and checks servers by our roots."""

    def __init__(self, scissors: _Scissors) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._scissors = scissors

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, "ssl_context": _roots()})

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Nothing to do: the inherited method would add the roots of the library alone, at every fetch."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if isinstance(pool, HTTPSConnectionPool):
            pool.ConnectionCls = partial(_TlsConnection, self._scissors)  # type: ignore[assignment]
        elif isinstance(pool, HTTPConnectionPool):
            pool.ConnectionCls = partial(_Connection, self._scissors)  # type: ignore[assignment]
        return pool


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

    def keep_fresh(self) -> None:
        """Begin a renewal if one is due: at the start, so that no call need wait for it, and while no call comes."""
        now = self._clock()
        with self._lock:
            is_due = (not self._known(now) or now - self._loaded_at >= RENEW_AFTER) and self._begin(now)
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
            self._apply(number, parse_keys(self._read()))
        except KeysWithdrawn as error:
            self._apply(number, _NONE)
            self._tell(f"{error}; the keys that it held before are no longer used")
        except KeysUnreadable as error:
            self._tell(str(error))
        finally:
            self._end(done)

    def _apply(self, number: int, keys: Keys) -> None:
        with self._lock:
            # One that hung and came back must not undo a later one.
            if number > self._applied:
                self._keys, self._loaded_at, self._applied = keys, self._clock(), number

    def _tell(self, problem: str) -> None:
        if self._report is not None:
            self._report(problem)


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
