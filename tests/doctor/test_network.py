"""One GET at real sockets on this machine: what is kept of an answer, and how each failure is worded."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from cds_service.doctor import network
from cds_service.doctor.network import MOST_BYTES, SECONDS, Reply, Unreachable, anywhere, ask
from cds_service.fhir.line import trusted_roots
from tests.fhir.fault_server import FhirServer, Handler, Request

CERTIFICATE = Path(__file__).parents[1] / "fhir" / "certificate.pem"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def get(url: str) -> Reply:
    return ask(url, anywhere, lambda: NOW)


def serve(data: bytes) -> Handler:
    def handler(_: FhirServer, request: Request) -> None:
        request.send(data)
        with contextlib.suppress(OSError):
            request.connection.shutdown(socket.SHUT_WR)

    return handler


def answered(headers: str, body: bytes = b"{}") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize(
    ("headers", "date"),
    [
        ("Date: Mon, 02 Mar 2026 08:59:00 GMT\r\n", NOW - timedelta(seconds=60)),
        ("Date: Mon, 02 Mar 2026 08:59:00 GMT\r\nAge: 50\r\n", NOW - timedelta(seconds=10)),
        ("Date: yesterday\r\n", None),
        ("Date: Mon, 02 Mar 2026 08:59:00 GMT\r\nAge: old\r\n", None),
        ("", None),
    ],
)
def test_an_answer_over_http(headers: str, date: datetime | None) -> None:
    with FhirServer(handler=serve(answered(headers))) as server:
        assert get(f"{server.url}/metadata?x=1") == Reply(200, b"{}", NOW, date)
        [request] = server.requests
        assert (request.method, request.target) == ("GET", "/fhir/metadata?x=1")
        assert request.headers["host"] == f"127.0.0.1:{server.port}"
        assert "authorization" not in request.headers


@pytest.fixture
def no_roots() -> Iterator[None]:
    trusted_roots.cache_clear()
    yield
    trusted_roots.cache_clear()


def test_an_answer_over_tls_tells_the_end_of_the_certificate(no_roots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with FhirServer(handler=serve(answered("")), certificate=CERTIFICATE) as server:
        until = get(server.url).certificate_until
    assert until is not None
    assert until.year == 2126


def test_a_certificate_that_nobody_vouches_for(no_roots: None) -> None:
    with FhirServer(certificate=CERTIFICATE) as server, pytest.raises(Unreachable, match="certificate is not accepted"):
        get(server.url)


def test_tls_at_a_port_that_speaks_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_plainly() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1000):
                    continue

        thread = Thread(target=answer_plainly, daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match="TLS fails"):
            get(f"https://127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_an_address_that_may_not_be_connected_to() -> None:
    with FhirServer() as server:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1, an address that the service does not connect to"):
            ask(server.url, lambda _: False, lambda: NOW)
        assert server.connections == 0


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=f"nothing listens at port {port} of 127.0.0.1"):
        get(f"http://127.0.0.1:{port}")


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int) -> list[tuple[int, str]]:
        host.encode("idna")
        raise socket.gaierror

    monkeypatch.setattr(network, "resolve", resolve)
    with pytest.raises(Unreachable, match=r"the name ehr\.example\.org is not known here"):
        get("https://ehr.example.org/fhir")
    with pytest.raises(Unreachable, match="is not known here"):
        get(f"https://{'x' * 64}.example.org/fhir")
    monkeypatch.setattr(network, "resolve", lambda *_: [])
    with pytest.raises(Unreachable, match="is not known here"):
        get("https://ehr.example.org/fhir")


def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SECONDS", 0.05)
    server = FhirServer(handler=lambda _, request: request.wait_until_gone())
    with server, pytest.raises(Unreachable, match="does not answer within"):
        get(server.url)


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"])
def test_what_is_no_whole_answer(data: bytes) -> None:
    with FhirServer(handler=serve(data)) as server, pytest.raises(Unreachable, match="the connection fails"):
        get(server.url)


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST_BYTES", 1)
    with FhirServer(handler=serve(answered("", b"{}"))) as server, pytest.raises(Unreachable, match="larger than"):
        get(server.url)
    assert MOST_BYTES > 10_000_000


def test_an_answer_that_takes_too_long() -> None:
    times = iter([NOW, NOW, NOW + timedelta(seconds=4 * SECONDS + 1)])
    with FhirServer(handler=serve(answered(""))) as server, pytest.raises(Unreachable, match="longer than 20 s"):
        ask(server.url, anywhere, partial(next, times))
