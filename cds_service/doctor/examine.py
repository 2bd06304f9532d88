"""examine: all checks of an installation, in the order in which one would mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cds_service.config import Config, read_config
from cds_service.content_files import find_cards
from cds_service.doctor.content import check_content
from cds_service.doctor.findings import Finding, blame, skip, warn
from cds_service.doctor.network import Ask, Reply, Unreachable, anywhere
from cds_service.doctor.peers import check_certificates, check_clock, check_fhir_server, check_keys
from cds_service.doctor.port import check_port
from cds_service.doctor.python import check_packages, check_python
from cds_service.doctor.settings import check_settings
from cds_service.doctor.store import check_store
from cds_service.errors import ConfigError, ContentError
from cds_service.trust.clients import Client


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the checks ask about the world around them.

    ``clock`` gives aware UTC, ``read_keys`` the key set of a client as the service reads it, ``claim`` raises
    ConfigError for a port that is not free, ``free_bytes`` and ``may_write`` judge a directory.
    """

    clock: Callable[[], datetime]
    python: tuple[int, ...]
    requirements: tuple[str, ...]
    version_of: Callable[[str], str | None]
    ask: Ask
    read_keys: Callable[[Client], bytes]
    claim: Callable[[str, int], None]
    free_bytes: Callable[[Path], int]
    may_write: Callable[[Path], bool]


def examine(environ: Mapping[str, str], given: Mapping[str, str | None], around: Surroundings) -> Iterator[Finding]:
    """Every finding about the installation that these settings make; ``given`` overrules ``environ``."""
    yield check_python(around.python)
    yield check_packages(around.requirements, around.version_of)
    today = around.clock().date()
    try:
        config = read_config(environ, given)
        settings = check_settings(config)
    except (ConfigError, ContentError) as error:
        yield blame("settings", str(error), "the service does not start", "mend it; docs/operate.md lists all settings")
        yield from check_content(find_cards(), None, today)
        why = "the settings cannot be read"
        yield from (skip(name, why) for name in ("store", "keys", "FHIR servers", "clock", "port"))
        return
    yield from settings
    yield from check_content(config.cards, config.site, today)
    yield from check_store(config.store, around.clock(), around.may_write, around.free_bytes)
    yield from _examine_peers(config, around)
    yield check_port(config.host, config.port, around.claim, around.ask)


def _examine_peers(config: Config, around: Surroundings) -> Iterator[Finding]:
    """Keys and FHIR servers of each client, then the certificates and clocks of the servers that answered."""
    heard: dict[str, Reply] = {}
    with_keys = [client for client in config.registry.clients if client.issuer]
    if not with_keys:
        yield skip("keys", "no client signs its calls")
    for client in with_keys:
        yield check_keys(client, around.read_keys, around.clock())
        if client.jwks_url:
            yield from _listen(client, around, heard)
    named = [(client, url) for client in config.registry.clients for url in client.fhir_servers]
    if config.demo:
        yield skip("FHIR servers", "the demo reads the charts that it serves itself")
    elif not named:
        yield skip("FHIR servers", "no client names one: only the data that calls bring are used")
    for client, url in () if config.demo else named:
        finding, reply = check_fhir_server(client, url, config.registry.development, around.ask)
        yield finding
        if reply is not None:
            heard[_origin(url)] = reply
    yield from check_certificates(heard, around.clock())
    if config.registry.public_url.startswith("https://"):
        yield from _look_at_ourselves(config.registry.public_url, around)
    yield check_clock(heard)


def _look_at_ourselves(public_url: str, around: Surroundings) -> Iterator[Finding]:
    """The certificate under which clients call this service. Its clock is ours, and says nothing."""
    try:
        reply = around.ask(public_url, anywhere)
    except Unreachable as error:
        yield warn(
            f"public URL {public_url}",
            str(error),
            "clients call this service there",
            "put the proxy that ends TLS there; if this host alone cannot reach it, try from the EHR's",
        )
    else:
        yield from check_certificates({_origin(public_url): reply}, around.clock())


def _listen(client: Client, around: Surroundings, heard: dict[str, Reply]) -> Iterator[Finding]:
    """Hear the key server's clock and certificate; that its keys can be read is another finding."""
    origin = _origin(client.jwks_url)
    try:
        heard[origin] = around.ask(client.jwks_url, anywhere)
    except Unreachable as error:
        yield skip(f"certificate {origin}", str(error))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
