"""Ask: one GET, made to look at a server rather than to use it, so that all that it shows of itself is kept.

TLS is checked with the roots that the service reads FHIR servers with. No redirect, no proxy, nothing from the
environment, no token: nothing that belongs to a patient is ever sent.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from cds_service.fhir.line import resolve, trusted_roots

SECONDS = 5.0
"""How long each step may take: connecting, and each read."""
MOST_BYTES = 20_000_000
"""A capability statement of a large server takes some megabytes."""
_PIECE = 65_536


class Unreachable(Exception):
    """There was no answer. The message says why, in words of ours."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``at`` is when it came by our clock, ``date`` by that of the server, if it tells.

    ``certificate_until`` is the end of its certificate, None over http.
    """

    status: int
    body: bytes
    at: datetime
    date: datetime | None = None
    certificate_until: datetime | None = None


Ask = Callable[[str, Callable[[str], bool]], Reply]
"""Gives the answer to a GET of a URL; Unreachable. The second argument tells which addresses may be connected to."""


def anywhere(_: str) -> bool:
    """For URLs whose address is not judged by the service either."""
    return True


def ask(url: str, may_connect: Callable[[str], bool], clock: Callable[[], datetime]) -> Reply:
    """GET a URL. The whole answer may take four times ``SECONDS``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    end = clock() + timedelta(seconds=4 * SECONDS)
    try:
        found = _connect(host, port, may_connect)
        with found:
            until = None
            if parts.scheme == "https":
                found = trusted_roots().wrap_socket(found, server_hostname=host)
                until = _end_of_certificate(found)
            with found:
                return _get(found, url, until, clock, end)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"its certificate is not accepted: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise Unreachable(f"TLS fails ({error.reason or 'no reason given'})") from None
    except (socket.gaierror, UnicodeError):
        raise Unreachable(f"the name {host} is not known here") from None
    except TimeoutError:
        raise Unreachable(f"it does not answer within {SECONDS:.0f} s") from None
    except ConnectionRefusedError:
        raise Unreachable(f"nothing listens at port {port} of {host}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"the connection fails ({type(error).__name__})") from None


def _connect(host: str, port: int, may_connect: Callable[[str], bool]) -> socket.socket:
    last: OSError = socket.gaierror("no address")
    addresses = resolve(host, port)
    for _, address in addresses:
        if not may_connect(address):
            raise Unreachable(f"{host} is at {address}, an address that the service does not connect to")
    for _, address in addresses:
        try:
            return socket.create_connection((address, port), timeout=SECONDS)
        except OSError as error:
            last = error
    raise last


def _get(found: socket.socket, url: str, until: datetime | None, clock: Callable[[], datetime], end: datetime) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.sock = found
    headers = {"Accept": "application/fhir+json, application/json", "User-Agent": "cds-service doctor"}
    connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", headers=headers)
    answer = connection.getresponse()
    at, body = clock(), b""
    while piece := answer.read1(_PIECE):
        body += piece
        if len(body) > MOST_BYTES:
            raise Unreachable(f"its answer is larger than {MOST_BYTES // 1_000_000} MB")
        if clock() > end:
            raise Unreachable(f"its answer takes longer than {4 * SECONDS:.0f} s")
    if answer.length:
        # What is read piece by piece ends without a word where the connection does.
        raise http.client.IncompleteRead(body)
    return Reply(answer.status, body, at, _date(answer), until)


def _date(answer: http.client.HTTPResponse) -> datetime | None:
    """When the answer came by the server's clock: its Date and the time it lay in a cache since (RFC 9110, 9111)."""
    try:
        date = parsedate_to_datetime(answer.getheader("Date", ""))
        aged = date + timedelta(seconds=int(answer.getheader("Age", "0")))
    except (ValueError, OverflowError):
        return None
    return aged if aged.tzinfo is not None else aged.replace(tzinfo=UTC)


def _end_of_certificate(found: ssl.SSLSocket) -> datetime | None:
    text = (found.getpeercert() or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None
