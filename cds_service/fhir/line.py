"""Line: one kept HTTP connection to one FHIR server, used by one search at a time, that obeys a call's deadline.

A timeout of an HTTP library holds for one read, so a server that sends a byte now and then keeps a caller for ever.
Here every single read is given no more than what is left of the budget, headers included (reliability 2.12). The
address that was judged is the one that is connected to: the name is resolved once, by us. GET only, no redirects, no
cookies, no proxies, nothing from the environment.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from cds_service.fhir.addresses import AllowedServer
from cds_service.fhir.budget import Budget
from cds_service.fhir.outcome import FetchError, Outcome
from cds_service.fhir.token import AccessToken
from cds_service.trust.roots import load_roots

Resolver = Callable[[str, int], list[tuple[int, str]]]
"""Gives the addresses of a host name, each with its address family; OSError if it has none."""

_CHUNK = 65_536
_HEADERS = {"Accept": "application/fhir+json", "Accept-Encoding": "gzip", "User-Agent": "cds-service"}
# They write URLs, which hold the patient's id, into logs that are not ours (reliability 2.27).
_TALKATIVE = ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry")


class Reply(NamedTuple):
    """A whole answer: its status, its body with any compression undone, and whether it asks to come back later."""

    status: int
    body: bytes
    asks_to_wait: bool


def resolve(host: str, port: int) -> list[tuple[int, str]]:
    """The addresses of a host name in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), str(address[0])) for family, _, _, _, address in found]


@cache
def trusted_roots() -> ssl.SSLContext:
    """What FHIR servers are checked with; its connections obey the deadline of a line."""
    context = load_roots()
    context.sslsocket_class = _TimedTlsSocket
    return context


class Line:
    """At most one connection. ``get`` is for one thread at a time, ``cut`` for any."""

    def __init__(self, server: AllowedServer, resolver: Resolver = resolve) -> None:
        self._server = server
        self._resolve = resolver
        self._budget: Budget | None = None
        self._socket: socket.socket | None = None
        self._adapter = _PinnedAdapter(self, server)
        for name in _TALKATIVE:
            logging.getLogger(name).disabled = True

    def get(self, url: str, token: AccessToken | None, budget: Budget) -> Reply:
        """The answer to one GET. FetchError, and no other, if there is none within the budget."""
        self._budget = budget
        try:
            return self._get(url, token, budget)
        except FetchError:
            raise
        except requests.exceptions.SSLError:
            raise FetchError(Outcome.UNREACHABLE) from None
        except (requests.Timeout, TimeoutError):
            raise FetchError(Outcome.TIMEOUT) from None
        except (requests.RequestException, HTTPError, OSError, ValueError):
            # After the end of a call its connections are cut: that is no fault of the server.
            raise FetchError(Outcome.BROKEN if budget.left() else Outcome.TIMEOUT) from None
        finally:
            self._budget = None

    def _get(self, url: str, token: AccessToken | None, budget: Budget) -> Reply:
        header = token.header() if token is not None else ""
        # Past the session of requests: its merging of settings, cookies and hooks is a third of what a request costs,
        # and we want none of it. The adapter follows no redirect and reads nothing from the environment.
        prepared = requests.Request(
            "GET", url, headers={**_HEADERS, "Authorization": header} if header else _HEADERS
        ).prepare()
        with self._adapter.send(prepared, stream=True, timeout=self.time_left()) as answer:
            body = bytearray()
            for chunk in answer.iter_content(_CHUNK):
                body += chunk
                if len(body) > budget.limits.bytes_of_search or not budget.take(len(chunk)):
                    raise FetchError(Outcome.TOO_LARGE)
            return Reply(answer.status_code, bytes(body), "Retry-After" in answer.headers)

    def time_left(self) -> float:
        """Seconds that the next step may take; FetchError if there are none."""
        left = self._budget.left() if self._budget is not None else 0.0
        if not left:
            raise FetchError(Outcome.TIMEOUT)
        return left

    def connect(self) -> socket.socket:
        """A connection to the first address of the server that takes one. All its addresses must be fit."""
        place = self._server.place
        try:
            addresses = self._resolve(place.host, place.port)
        except (OSError, UnicodeError):
            raise FetchError(Outcome.UNREACHABLE) from None
        if not addresses or not all(self._server.may_connect(address) for _, address in addresses):
            raise FetchError(Outcome.NOT_ALLOWED if addresses else Outcome.UNREACHABLE)
        for family, address in addresses:
            found = _TimedSocket(family, socket.SOCK_STREAM)
            found.line = self
            self._socket = found
            try:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                found.settimeout(self.time_left())
                found.connect((address, place.port))
                self.time_left()
            except TimeoutError:
                found.close()
                raise FetchError(Outcome.TIMEOUT) from None
            except OSError:
                found.close()
            except FetchError:
                found.close()
                raise
            else:
                return found
        raise FetchError(Outcome.UNREACHABLE)

    def uses(self, tls: ssl.SSLSocket) -> None:
        """The connection now runs through this TLS socket."""
        self._socket = tls

    def cut(self) -> None:
        """Make whatever is under way on this line fail at once."""
        found = self._socket
        if found is not None:
            try:
                # Past the TLS layer: another thread may be reading in it.
                socket.socket.shutdown(found, socket.SHUT_RDWR)
            except OSError:
                return

    def close(self) -> None:
        """Give the connection back to the system."""
        self._adapter.close()
        self._socket = None


class _TimedSocket(socket.socket):
    """A socket each of whose reads may take what is left of the budget."""

    line: Line | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self.line is not None:
            self.settimeout(self.line.time_left())
        return super().recv_into(*args, **kwargs)


class _TimedTlsSocket(ssl.SSLSocket):
    """The same above TLS."""

    line: Line | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self.line is not None:
            self.settimeout(self.line.time_left())
        return super().recv_into(*args, **kwargs)


class _Connection(HTTPConnection):
    def __init__(self, line: Line, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.connect()


class _TlsConnection(HTTPSConnection):
    def __init__(self, line: Line, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.connect()

    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, _TimedTlsSocket):
            self.sock.line = self._line
            self._line.uses(self.sock)


class _PinnedAdapter(HTTPAdapter):
    """Sends every request to the one server of a line, whatever the URL says."""

    def __init__(self, line: Line, server: AllowedServer) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        place = server.place
        host = f"[{place.host}]" if ":" in place.host else place.host
        self._pool: HTTPConnectionPool
        if place.scheme == "https":
            self._pool = HTTPSConnectionPool(
                host, place.port, maxsize=1, ssl_context=trusted_roots(), cert_reqs="CERT_REQUIRED"
            )
            self._pool.ConnectionCls = partial(_TlsConnection, line)  # type: ignore[assignment]
        else:
            self._pool = HTTPConnectionPool(host, place.port, maxsize=1)
            self._pool.ConnectionCls = partial(_Connection, line)  # type: ignore[assignment]

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Nothing to do: the pool has its roots, which the inherited method would read from disk for every request."""

    def close(self) -> None:
        self._pool.close()
        super().close()
