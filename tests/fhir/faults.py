"""The ways in which a FHIR server fails (reliability part 5 and more), each a handler of ``FhirServer``.

``FAULTS`` give nothing that supports an absence. ``ODDITIES`` are answers that look wrong and are right.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache, partial
from threading import Event, Lock
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from cds_service.fhir.folder import Query, find
from cds_service.fhir.source import Entry
from tests.fhir.fault_server import (
    FhirServer,
    Handler,
    Request,
    bundle,
    outcome,
    send_bytes,
    send_compressed,
    send_json,
)

DRIP = 10.0
"""Seconds that pass between two bytes of a server that drips."""
STRANGER = {"resourceType": "Condition", "id": "stranger", "subject": {"reference": "Patient/somebody-else"}}


def _status(status: int, *headers: str) -> Handler:
    return lambda server, request: send_json(request, outcome("exception"), status, *headers)


def _body(body: bytes, *headers: str) -> Handler:
    return lambda server, request: send_bytes(request, body, 200, *headers)


def _raw(data: bytes) -> Handler:
    def answer(server: FhirServer, request: Request) -> None:
        request.send(data)
        request.connection.close()

    return answer


def _json(make: Callable[[FhirServer, Request], Any]) -> Handler:
    return lambda server, request: send_json(request, make(server, request))


def _reset(server: FhirServer, request: Request) -> None:
    request.reset()


def _reset_in_body(server: FhirServer, request: Request) -> None:
    request.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"resourceType": "Bun')
    request.reset()


def _hang(server: FhirServer, request: Request) -> None:
    request.wait_until_gone()


def _drip(server: FhirServer, request: Request, before: bytes, piece: bytes) -> None:
    request.send(before)
    for _ in range(100):
        server.clock.pass_by(DRIP)
        request.send(piece)


def _drip_body(server: FhirServer, request: Request) -> None:
    _drip(server, request, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ")


def _continue_for_ever(server: FhirServer, request: Request) -> None:
    while True:
        server.clock.pass_by(DRIP)
        request.send(b"HTTP/1.1 100 Continue\r\n\r\n")


def _bomb(server: FhirServer, request: Request) -> None:
    send_bytes(request, _bomb_body(), 200, "Content-Encoding: gzip")


@cache
def _bomb_body() -> bytes:
    return gzip.compress(b'{"resourceType": "Bundle", "type": "' + b" " * 50_000_000 + b'"}')


def _large(server: FhirServer, request: Request) -> None:
    send_bytes(request, _large_body())


@cache
def _large_body() -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "text": "x" * 10_000_000}).encode()


def _endless(server: FhirServer, request: Request) -> None:
    """A new next page every time."""
    number = int(dict(request.query).get("page", "0")) + 1
    link = {"relation": "next", "url": f"{server.url}/{request.path}?page={number}"}
    send_json(request, bundle((), links=[link]))


def _round(server: FhirServer, request: Request) -> None:
    """The next page is this page."""
    link = {"relation": "next", "url": f"http://127.0.0.1:{server.port}{request.target}"}
    send_json(request, bundle((), links=[link]))


def _first_page_again(server: FhirServer, request: Request) -> None:
    """Takes no notice of where in the result a page begins, and always has a next one."""
    number = int(dict(request.query).get("page", "0")) + 1
    link = {"relation": "next", "url": f"{server.url}/{request.path}?page={number}"}
    kind = request.path.partition("/")[0]
    send_json(request, bundle([Entry({**STRANGER, "resourceType": kind})], links=[link]))


def _empty_then(handler: Handler) -> Handler:
    """``patient=X`` matches nothing; ``patient=Patient/X`` is answered by the handler."""

    def answer(server: FhirServer, request: Request) -> None:
        is_typed = any(name in {"patient", "subject"} and "/" in value for name, value in request.query)
        if is_typed or not request.query:
            handler(server, request)
        else:
            send_json(request, bundle((), total=0))

    return answer


def _next(url: Any) -> Handler:
    return _json(lambda server, request: bundle((), links=[{"relation": "next", "url": url}]))


def _redirect(where: str) -> Handler:
    return lambda server, request: send_bytes(request, b"", 302, f"Location: {where}")


def _redirect_to_itself(server: FhirServer, request: Request) -> None:
    send_bytes(request, b"", 307, f"Location: {server.url}/{request.path}?again=1")


def _full_page(server: FhirServer, request: Request) -> None:
    size = int(dict(request.query).get("_count", "1"))
    resource = {"resourceType": request.path.partition("/")[0], "subject": {"reference": "Patient/somebody-else"}}
    send_json(request, bundle([Entry({**resource, "id": f"r{number}"}) for number in range(size)]))


def _html_after_a_page(server: FhirServer, request: Request) -> None:
    if "page" in dict(request.query):
        send_bytes(request, b"<html>502</html>")
        return
    send_json(request, bundle((), links=[{"relation": "next", "url": f"{server.url}/{request.path}?page=1"}]))


FAULTS: dict[str, Handler] = {
    "400": _status(400),
    "401": _status(401),
    "403": _status(403),
    "404": _status(404),
    "410": _status(410),
    "422": _status(422),
    "429-retry-after": _status(429, "Retry-After: 1"),
    "500": _status(500),
    "501": _status(501),
    "503": _status(503),
    "503-retry-after": _status(503, "Retry-After: 120"),
    "504": _status(504),
    "201": _status(201),
    "204": lambda server, request: send_bytes(request, b"", 204),
    "reset": _reset,
    "reset-in-body": _reset_in_body,
    "closed-in-body": _raw(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"resourceType": "Bundle"}'),
    "closed-in-headers": _raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed-at-once": _raw(b""),
    "no-http": _raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "endless-header": _raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000),
    "too-many-headers": _raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
    "broken-chunks": _raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "truncated-json": _body(b'{"resourceType": "Bundle", "entry": [{"resource":'),
    "empty-body": _body(b""),
    "html": _body(b"<html><body>502 Bad Gateway</body></html>", "Content-Type: text/html"),
    "xml": _body(b'<Bundle xmlns="http://hl7.org/fhir"/>', "Content-Type: application/fhir+xml"),
    "nan": _body(b'{"resourceType": "Bundle", "total": NaN}'),
    "duplicate-keys": _body(b'{"resourceType": "Bundle", "resourceType": "Bundle"}'),
    "deep-json": _body(b"[" * 100_000),
    "utf-16": _body('{"resourceType": "Bundle"}'.encode("utf-16")),
    "array": _body(b'[{"resourceType": "Bundle"}]'),
    "null": _body(b"null"),
    "no-resource-type": _body(b'{"entry": []}'),
    "not-gzip": _body(b"plain", "Content-Encoding: gzip"),
    "half-gzip": _body(gzip.compress(b'{"resourceType": "Bundle"}' * 50)[:40], "Content-Encoding: gzip"),
    "drip-headers": partial(_drip, before=b"HTTP/1.1 200 OK\r\nX: ", piece=b"x"),
    "drip-body": _drip_body,
    "drip-chunks": partial(_drip, before=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", piece=b"1\r\n \r\n"),
    "drip-lines": partial(_drip, before=b"HTTP/1.1 200 OK\r\n", piece=b"X: y\r\n"),
    "continue-for-ever": _continue_for_ever,
    "hang": _hang,
    "gzip-bomb": _bomb,
    "too-large": _large,
    "endless-pages": _endless,
    "round-pages": _round,
    "html-behind-a-page": _html_after_a_page,
    "next-elsewhere": _next("http://127.0.0.1:9/fhir/Condition?page=2"),
    "next-metadata": _next("http://169.254.169.254/latest/meta-data"),
    "next-a-file": _next("file:///etc/passwd"),
    "next-a-number": _next(7),
    "next-beside-the-base": _next("/other/Condition?page=2"),
    "redirect-elsewhere": _redirect("http://127.0.0.1:9/fhir"),
    "redirect-https": _redirect("https://fhir.example.org/r4"),
    "redirect-to-itself": _redirect_to_itself,
    "outcome-200": _json(lambda server, request: outcome("exception")),
    "outcome-entry": _json(lambda server, request: bundle([Entry(outcome("exception"))])),
    "outcome-throttled": _json(lambda server, request: bundle([Entry(outcome("throttled", "warning"))])),
    "other-patients": _json(lambda server, request: bundle([Entry({**STRANGER, "resourceType": request.path})])),
    "other-type": _json(lambda server, request: bundle([Entry({"resourceType": "Basic", "id": "b"})])),
    "total-too-large": _json(lambda server, request: bundle((), total=12)),
    "total-odd": _json(lambda server, request: {**bundle(()), "total": "many"}),
    "entry-odd": _json(lambda server, request: {**bundle(()), "entry": [7, None, {"resource": "x"}]}),
    "links-odd": _json(lambda server, request: {**bundle(()), "link": "next"}),
    "full-page": _full_page,
    "first-page-again": _first_page_again,
    "empty-and-cannot-be-confirmed": _empty_then(_status(500)),
    "empty-then-drips": _empty_then(_drip_body),
    "empty-then-refused": _empty_then(_status(403)),
    "empty-then-outcome-200": _empty_then(_json(lambda server, request: outcome("exception"))),
    "empty-then-a-total-alone": _empty_then(_json(lambda server, request: bundle((), total=3))),
}
FEW_SECONDS = {"hang": 0.2}
"""Nothing can move this fault on but the time that really passes."""


def _duplicates(server: FhirServer, request: Request) -> None:
    if "/" in request.path:
        FhirServer.answer(server, request)
        return
    page = server.page(request)
    send_json(request, {**page, "entry": [*page.get("entry", ()), *page.get("entry", ())]} if "entry" in page else page)


def _typed_only(server: FhirServer, request: Request) -> None:
    """``patient=X`` matches nothing, without a word."""
    is_bare = any(name == "patient" and "/" not in value for name, value in request.query)
    if is_bare:
        send_json(request, bundle((), total=0))
    else:
        FhirServer.answer(server, request)


class _ManySpeeds:
    """A typed-only server whose first search is quick in both spellings; all others give their bare answer after it.

    What the quick search teaches the client is then known before the slow ones come back with nothing.
    """

    def __init__(self) -> None:
        self._quick: WeakKeyDictionary[FhirServer, tuple[str, Event]] = WeakKeyDictionary()
        self._lock = Lock()

    def __call__(self, server: FhirServer, request: Request) -> None:
        if "/" in request.path:
            FhirServer.answer(server, request)
            return
        is_bare = not any(name == "patient" and "/" in value for name, value in request.query)
        with self._lock:
            kind, is_over = self._quick.setdefault(server, (request.path, Event()))
        if is_bare and request.path != kind:
            is_over.wait(10)
        _typed_only(server, request)
        if not is_bare and request.path == kind:
            is_over.set()


def _warned_when_empty(server: FhirServer, request: Request) -> None:
    """``patient=X`` matches nothing, which an outcome entry tells in place of no entry (counterparties part 2)."""
    is_bare = any(name == "patient" and "/" not in value for name, value in request.query)
    page = bundle((), total=0) if is_bare else None if "/" in request.path else server.page(request)
    if page is None:
        FhirServer.answer(server, request)
        return
    warning = {"resource": outcome("not-found", "warning"), "search": {"mode": "outcome"}}
    send_json(request, page if page.get("entry") else {**page, "entry": [warning]})


def _chunked(server: FhirServer, request: Request) -> None:
    if "/" in request.path:
        FhirServer.answer(server, request)
        return
    body = json.dumps(server.page(request)).encode()
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n")


def _compressed(server: FhirServer, request: Request) -> None:
    if "/" in request.path:
        FhirServer.answer(server, request)
    else:
        send_compressed(request, json.dumps(server.page(request)).encode())


def _warned(server: FhirServer, request: Request) -> None:
    """An unknown parameter is told in an outcome entry (the independent server of counterparties part 2)."""
    if "/" in request.path:
        FhirServer.answer(server, request)
        return
    page = server.page(request)
    warning = {"resource": outcome("not-supported", "warning"), "search": {"mode": "outcome"}}
    send_json(request, {**page, "entry": [*page.get("entry", ()), warning]})


def _once_away(handler: Handler) -> Handler:
    """The first request for each target fails; the second is answered."""
    seen: set[tuple[int, str]] = set()

    def answer(server: FhirServer, request: Request) -> None:
        key = (server.port, request.target)
        if key in seen:
            FhirServer.answer(server, request)
        else:
            seen.add(key)
            handler(server, request)

    return answer


def _a_day_off(server: FhirServer, request: Request) -> None:
    if "/" in request.path:
        FhirServer.answer(server, request)
    else:
        send_json(request, server.page(request), 200, "Date: Sun, 01 Mar 2026 09:00:00 GMT", "Set-Cookie: a=b; Path=/")


def _in_pages(server: FhirServer, request: Request, *, size: int, with_total: bool) -> None:
    """Pages of a size that nobody asked for, whatever ``_count`` says."""
    if "/" in request.path:
        FhirServer.answer(server, request)
        return
    asked = dict(request.query)
    number = int(asked.get("page", "0"))
    query = tuple((name, value) for name, value in request.query if name != "page")
    found = find(server.entries, Query(request.path, "", query))
    links = []
    if (number + 1) * size < len(found):
        following = urlencode({**asked, "page": str(number + 1)})
        links = [{"relation": "next", "url": f"{server.url}/{request.path}?{following}"}]
    shown = found[number * size : (number + 1) * size]
    send_json(request, bundle(shown, total=len(found) if with_total else None, links=links))


ODDITIES: dict[str, Handler] = {
    "plain": FhirServer.answer,
    "duplicates": _duplicates,
    "typed-only": _typed_only,
    "typed-only-at-many-speeds": _ManySpeeds(),
    "typed-only-warns-when-empty": _warned_when_empty,
    "chunked": _chunked,
    "compressed": _compressed,
    "warning-entry": _warned,
    "clock-a-day-off": _a_day_off,
    "count-ignored": partial(_in_pages, size=2, with_total=True),
    "total-missing": partial(_in_pages, size=2, with_total=False),
    "first-time-reset": _once_away(_reset),
    "first-time-closed": _once_away(_raw(b"")),
    "first-time-503": _once_away(_status(503)),
}


def _everybodys(server: FhirServer, request: Request) -> None:
    """Ignores every parameter: all resources of the type, whoever they belong to."""
    if "/" in request.path:
        FhirServer.answer(server, request)
        return
    page = server.page(request, ())
    others = [{"resource": entry.resource} for entry in server.others if entry.resource["resourceType"] == request.path]
    others.append({"resource": {**STRANGER, "resourceType": request.path}})
    send_json(request, {**page, "total": page["total"] + len(others), "entry": [*page.get("entry", ()), *others]})


def _mixed_up(server: FhirServer, request: Request) -> None:
    """The chart of other patients in place of the one that is asked for."""
    kind = request.path.partition("/")[0]
    found = [entry for entry in server.others if entry.resource["resourceType"] == kind]
    send_json(request, bundle([*found, Entry({**STRANGER, "resourceType": kind})]))


FAULTS["ignores-parameters"] = _everybodys
FAULTS["charts-mixed-up"] = _mixed_up
