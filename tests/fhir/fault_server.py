"""A FHIR server on this machine that answers from stored entries, or fails in every way that servers fail.

Plain sockets and threads, so that a fault can be as broken as it likes. Time is a number that faults move on: a server
that drips one byte a second does so without anybody waiting.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cds_service.fhir.folder import Query, find
from cds_service.fhir.source import Entry

Json = dict[str, Any]
_STATUS_WORDS = {200: "OK"}


class Clock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._lock = Lock()

    def __call__(self) -> float:
        with self._lock:
            return self._now

    def pass_by(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


@dataclass(frozen=True)
class Request:
    """One request as it came: path below the base, query, headers in lower case."""

    method: str
    target: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    connection: socket.socket = field(repr=False)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def wait_until_gone(self) -> None:
        """Hold the connection until the client gives up."""
        with contextlib.suppress(OSError):
            while self.connection.recv(1000):
                continue

    def reset(self) -> None:
        """Drop the connection without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Handler = Callable[["FhirServer", Request], None]


class FhirServer:
    """Listens on 127.0.0.1. ``handler`` answers each request; the default answers FHIR reads and searches.

    ``others`` are entries of other patients, which only a faulty server gives.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        handler: Handler | None = None,
        clock: Clock | None = None,
        page_size: int = 0,
        certificate: Path | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.others: tuple[Entry, ...] = ()
        self.handler = handler or FhirServer.answer
        self.clock = clock or Clock()
        self.page_size = page_size
        self.requests: list[Request] = []
        self.connections = 0
        self._tls = None
        if certificate is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(certificate)
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}/fhir"
        self._accepting = Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> FhirServer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        with self._lock:
            left = tuple(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def asked(self) -> list[str]:
        """The targets asked for, below the base."""
        return [request.target.removeprefix("/fhir/") for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        held = connection
        try:
            with contextlib.suppress(OSError, ValueError):
                if self._tls is not None:
                    held = self._tls.wrap_socket(connection, server_side=True)
                    with self._lock:
                        self._open.discard(connection)
                        self._open.add(held)
                while (request := _read_request(held)) is not None:
                    self.requests.append(request)
                    self.handler(self, request)
                    if held.fileno() < 0:
                        break
        finally:
            with self._lock:
                self._open.discard(held)
                self._open.discard(connection)
            held.close()

    def answer(self, request: Request) -> None:
        """What a good server answers."""
        kind, _, ident = request.path.partition("/")
        if ident:
            found = find(self.entries, Query(kind, ident, ()))
            send_json(request, found[0].resource if found else outcome("not-found"), 200 if found else 404)
            return
        send_json(request, self.page(request))

    def page(self, request: Request, query: tuple[tuple[str, str], ...] | None = None) -> Json:
        """The page of the search that a request asks for."""
        asked = dict(request.query)
        plain = tuple((name, value) for name, value in (request.query if query is None else query) if name != "page")
        found = find(self.entries, Query(request.path, "", plain))
        number = int(asked.get("page", "0"))
        size = self.page_size or len(found) or 1
        shown = found[number * size : (number + 1) * size]
        links = []
        if (number + 1) * size < len(found):
            following = urlencode({**asked, "page": str(number + 1)})
            links = [{"relation": "next", "url": f"{self.url}/{request.path}?{following}"}]
        return bundle(shown, total=len(found), links=links)


def bundle(entries: Iterable[Entry], total: int | None = None, links: list[Json] | None = None) -> Json:
    """A searchset."""
    listed = [
        {
            **({"fullUrl": entry.full_url} if entry.full_url else {}),
            "resource": entry.resource,
            "search": {"mode": "match"},
        }
        for entry in entries
    ]
    whole: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        whole["total"] = total
    if links:
        whole["link"] = links
    if listed:
        whole["entry"] = listed
    return whole


def outcome(code: str, severity: str = "error") -> Json:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": "secret"}],
    }


def send_json(request: Request, body: Any, status: int = 200, *headers: str) -> None:
    """A whole answer with a JSON body."""
    send_bytes(request, json.dumps(body).encode(), status, "Content-Type: application/fhir+json", *headers)


def send_bytes(request: Request, body: bytes, status: int = 200, *headers: str) -> None:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} {_STATUS_WORDS.get(status, 'Other')}", f"Content-Length: {len(body)}", *headers]
    request.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def send_compressed(request: Request, body: bytes) -> None:
    send_bytes(request, gzip.compress(body), 200, "Content-Encoding: gzip", "Content-Type: application/fhir+json")


def _read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return None
        data += more
    first, *lines = data.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.removeprefix("/fhir/").partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, target, path, tuple(parse_qsl(query, keep_blank_values=True)), headers, connection)
