"""Whether the servers of the clients can be used: their keys, their FHIR servers, their certificates, their clocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from cds_service.doctor.findings import Finding, blame, fine, skip, warn
from cds_service.doctor.network import Ask, Reply, Unreachable
from cds_service.errors import ConfigError
from cds_service.fhir.addresses import allow_servers
from cds_service.trust.clients import Client
from cds_service.trust.keys import Key, KeysUnreadable, parse_keys
from cds_service.trust.tokens import LEEWAY

OLD_KEYS = timedelta(days=365)
SOON = timedelta(days=30)
MOST_SKEW = timedelta(seconds=LEEWAY)
"""Tokens allow no more between the clocks of client and service."""
_FHIR_VERSION = "4.0."
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403


def check_keys(client: Client, read: Callable[[Client], bytes], now: datetime) -> Finding:
    """Whether the keys of a client can be read, and check a signature that it may use.

    ``read`` gets them as the service does; KeysUnreadable.
    """
    name = f"keys {client.name}"
    # A query may hold a key of its own.
    place = str(client.jwks_file or client.jwks_url.partition("?")[0])
    matters = "without its keys every call of this client is refused with 401"
    try:
        keys = parse_keys(read(client))
    except KeysUnreadable as error:
        advice = (
            "open that place from this host, and ask who runs the EHR; its certificate must be of a public authority, "
            "or of one in SSL_CERT_FILE"
        )
        return blame(name, f"{place}: {error}", matters, advice)
    held = [key for of_id in keys.values() for key in of_id]
    fits = [algorithm for algorithm in client.algorithms if any(key.fits(algorithm) for key in held)]
    if not fits:
        return blame(
            name,
            f"{place}: none of {_count(held)} fits {', '.join(client.algorithms)}",
            matters,
            "ask with what the EHR signs, and list that in algorithms of this client",
        )
    found = f"{place}: {_count(held)}, fit for {', '.join(fits)}"
    if client.jwks_file is not None:
        age = now.timestamp() - client.jwks_file.stat().st_mtime
        if age > OLD_KEYS.total_seconds():
            return warn(
                name,
                f"{found}; the file is {age / 86_400:.0f} days old",
                "keys are changed from time to time, and a file does not follow",
                "ask whether these are still the keys, or use jwks_url",
            )
    return fine(name, found)


def _count(keys: Sequence[Key]) -> str:
    return "1 key" if len(keys) == 1 else f"{len(keys)} keys"


def check_fhir_server(client: Client, url: str, development: bool, ask: Ask) -> tuple[Finding, Reply | None]:
    """Whether a FHIR server of a client may be read, answers ``metadata`` without a token, and speaks R4."""
    name = f"FHIR server {url}"
    matters = "what a call does not bring stays unknown, and cards say that it could not be checked"
    try:
        [server] = allow_servers(
            (url,), development=development, allow_private_network=client.allow_private_network
        ).servers
        reply = ask(f"{url}/metadata", server.may_connect)
    except ConfigError as error:
        return blame(name, str(error), "the service does not start", "mend fhir_servers of this client"), None
    except Unreachable as error:
        advice = f"try it from this host: curl {url}/metadata; if its address is private, see allow_private_network"
        return blame(name, str(error), matters, advice), None
    return judge_metadata(name, reply, matters), reply


def judge_metadata(name: str, reply: Reply, matters: str) -> Finding:
    """What the answer to ``metadata`` says about a server."""
    if reply.status in {_UNAUTHORIZED, _FORBIDDEN}:
        return warn(
            name,
            f"answers, but metadata needs a token ({reply.status})",
            "its FHIR version cannot be seen from here",
            "ask who runs it whether it is FHIR R4",
        )
    version = _fhir_version(reply.body) if reply.status == _OK else ""
    if version.startswith(_FHIR_VERSION):
        return fine(name, f"answers, FHIR {version}")
    if version:
        return blame(name, f"is FHIR {version}", matters, "give the address of its R4 endpoint")
    found = f"answers {reply.status} to metadata, without a CapabilityStatement"
    return blame(name, found, matters, "give its base URL, the address before /Patient")


def _fhir_version(body: bytes) -> str:
    """The version that a capability statement states; "" for anything else."""
    try:
        node = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(node, dict) or node.get("resourceType") != "CapabilityStatement":
        return ""
    return str(node.get("fhirVersion", ""))


def check_certificates(heard: Mapping[str, Reply], now: datetime) -> tuple[Finding, ...]:
    """When the certificates of the servers that were heard (by origin) end. An expired one was not accepted before."""
    return tuple(
        _judge_certificate(f"certificate {origin}", reply.certificate_until, now)
        for origin, reply in heard.items()
        if reply.certificate_until is not None
    )


def _judge_certificate(name: str, until: datetime, now: datetime) -> Finding:
    found = f"good until {until:%Y-%m-%d}"
    if until - now > SOON:
        return fine(name, found)
    return warn(name, found, "after that this server is not trusted", "tell who runs it to renew it")


def check_clock(heard: Mapping[str, Reply]) -> Finding:
    """Our clock against those of the servers that were heard, by origin."""
    skews = {origin: reply.at - reply.date for origin, reply in heard.items() if reply.date is not None}
    if not skews:
        return skip("clock", "no server of a client was heard whose clock could be compared")
    wrong = {origin: skew for origin, skew in skews.items() if abs(skew) > MOST_SKEW}
    if not wrong:
        worst = max(abs(skew.total_seconds()) for skew in skews.values())
        return fine("clock", f"within {worst:.0f} s of {_join(skews)}")
    found = ", ".join(f"{_shown(skew)} {origin}" for origin, skew in wrong.items())
    matters = f"tokens are refused when clocks differ by more than {MOST_SKEW.seconds} s"
    if len(wrong) < len(skews):
        agree = _join(set(skews) - set(wrong))
        return warn("clock", found, matters, f"this host agrees with {agree}: tell who runs the other")
    return blame("clock", found, matters, "set this host by NTP; if it is right, tell who runs the server")


def _shown(skew: timedelta) -> str:
    seconds = skew.total_seconds()
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
