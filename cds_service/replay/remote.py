"""Replaying stored calls against a running CDS Hooks service, ours or another, as a client would call it.

Discovery tells which service answers a hook and what it wants prefetched. A running service decides at its
own "today", so every date of a call, and every date in the expected summaries, is moved by as many days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import requests

from cds_service.errors import CdsError
from cds_service.fhir.shapes import as_list, as_object, as_text
from cds_service.pathway.render import VARIANT_KEY
from cds_service.replay.report import Report, Row
from cds_service.replay.result import CardLine, Result, compare, map_summaries
from cds_service.replay.stored import StoredCall

_DISCOVERY = "/cds-services"
_TIMEOUT = (5, 30)
"""Seconds to connect, and to wait for an answer."""
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_DATE_OR_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}.*)?")


class RemoteError(CdsError):
    """The service that should be replayed against does not answer as a CDS Hooks service."""


@dataclass(frozen=True, slots=True)
class RemoteService:
    """One service of a discovery answer: where to call it, and the prefetch templates it asks for."""

    url: str
    hook: str
    templates: Mapping[str, str]


def replay_remote(calls: Iterable[StoredCall], base: str, today: date) -> Report:
    """Every call over HTTP to the service at ``base`` that answers its hook. RemoteError if none does.

    Stories of sites with other settings are left out and named: the settings of a running service are its own.
    """
    with requests.Session() as session:
        services = discover(session, base)
        rows, left_out = [], []
        for call in calls:
            if call.settings:
                left_out.append(call.title)
                continue
            days = (today - call.now.date()).days
            service = services.get(call.hook)
            if service is None:
                raise RemoteError(f"{base}: no service for the hook {call.hook}, which {call.name} needs")
            body = shift_dates(call.body(service.templates), days)
            observed = _call(session, service, body)
            expected = map_summaries(call.expected, partial(shift_text, days=days))
            rows.append(Row(call, observed, compare(expected, observed, over_http=True)))
    return Report(base, tuple(rows), tuple(left_out))


def discover(session: requests.Session, base: str) -> dict[str, RemoteService]:
    """The service per hook. RemoteError if discovery fails or two services answer the same hook."""
    root = base.rstrip("/").removesuffix(_DISCOVERY)
    node = _json(_request(session, "GET", root + _DISCOVERY, None), root + _DISCOVERY)
    found: dict[str, RemoteService] = {}
    for item in map(as_object, as_list(as_object(node).get("services"))):
        hook, ident = as_text(item.get("hook")), as_text(item.get("id"))
        if hook in found:
            raise RemoteError(f"{root}{_DISCOVERY}: several services answer {hook}: replay needs exactly one per hook")
        templates = {key: value for key, value in as_object(item.get("prefetch")).items() if isinstance(value, str)}
        found[hook] = RemoteService(f"{root}{_DISCOVERY}/{ident}", hook, templates)
    return found


def shift_dates(value: Any, days: int) -> Any:
    """The same JSON with every full date and date-time moved by ``days``. Years and months alone stay."""
    if isinstance(value, dict):
        return {key: shift_dates(item, days) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shift_dates(item, days) for item in value]
    if isinstance(value, str) and _DATE_OR_TIME.fullmatch(value):
        return shift_text(value, days)
    return value


def shift_text(text: str, days: int) -> str:
    """The text with each ISO date in it moved by ``days``; what only looks like a date stays."""

    def move(found: re.Match[str]) -> str:
        try:
            return (date.fromisoformat(found[0]) + timedelta(days=days)).isoformat()
        except (ValueError, OverflowError):
            return found[0]

    return _DATE.sub(move, text)


def _call(session: requests.Session, service: RemoteService, body: Any) -> Result:
    answer = _request(session, "POST", service.url, body)
    if answer.status_code != HTTPStatus.OK:
        return Result(error=answer.status_code)
    node = _json(answer, service.url)
    return Result(tuple(_card(as_object(card)) for card in as_list(as_object(node).get("cards"))))


def _card(card: Mapping[str, Any]) -> CardLine:
    topic = as_object(as_object(card.get("source")).get("topic"))
    return CardLine(
        as_text(topic.get("code")),
        as_text(as_object(card.get("extension")).get(VARIANT_KEY)),
        as_text(card.get("indicator")),
        as_text(card.get("summary")),
    )


def _request(session: requests.Session, method: str, url: str, body: Any) -> requests.Response:
    try:
        return session.request(method, url, json=body, timeout=_TIMEOUT, allow_redirects=False)
    except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
        raise RemoteError(f"{url}: not a URL of a service: give it as http://host:port") from None
    except requests.RequestException as error:
        raise RemoteError(f"{url}: no answer ({type(error).__name__}): is the service running there?") from None


def _json(answer: requests.Response, url: str) -> Any:
    try:
        node = answer.json()
    except requests.JSONDecodeError:
        node = None
    if answer.status_code != HTTPStatus.OK or not isinstance(node, dict):
        raise RemoteError(f"{url}: answered {answer.status_code} without a JSON object: is it a CDS Hooks service?")
    return node
