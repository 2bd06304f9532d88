"""Config: every setting of one process, from environment and command line, checked before anything starts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from cds_service.content_files import find_cards
from cds_service.errors import ConfigError
from cds_service.loopback import is_loopback
from cds_service.trust.clients import Registry, read_registry
from cds_service.trust.demo_client import demo_registry

_DEVELOPMENT_KEY = b"development key of cds-service: not secret, for loopback only"
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_SHORTEST_KEY = 16
_LARGEST_PORT = 65_535
_SMALLEST_BODY = 1_000
_LARGEST_BODY = 100_000_000
_MOST_DRAFTS = 100_000
_SHORTEST_FETCH = 10
_LONGEST_FETCH = 10_000
_MOST_WORKERS = 64
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
FHIR_PATH = "/fhir"
"""Where the demo's FHIR API is served."""
LOG_LEVELS = ("debug", "info", "warning", "error")

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "CDS_HOST": "127.0.0.1",
        "CDS_PORT": "8080",
        "CDS_CARDS": "",
        "CDS_SITE": "",
        "CDS_MAX_BODY_BYTES": "5000000",
        "CDS_MAX_DRAFT_ORDERS": "1000",
        "CDS_CORS_ORIGINS": "",
        "CDS_FETCH_MS": "450",
        "CDS_UUID_KEY": "",
        "CDS_INSECURE": "",
        "CDS_LOG_LEVEL": "info",
        "CDS_STORE": "",
        "CDS_REQUIRE_RECORD": "",
        "CDS_WORKERS": "1",
        "CDS_METRICS_OPEN": "",
        "CDS_WORKBENCH": "auto",
        "CDS_DEMO": "",
    }
)
"""Every setting by its environment name, with its default as text."""


@dataclass(frozen=True, slots=True)
class Config:
    """One frozen configuration.

    ``cards`` is the content directory, ``site`` the file with what a site adds to it and changes in it (None: nothing).
    ``max_draft_orders`` are the entries that the draft orders of one call may have.
    ``registry`` holds the clients that the site file names. ``cors_origins`` are exact origins of browser clients
    beside theirs (none by default).
    ``uuid_key`` keys the hash that card uuids are (decision 39); workers and restarts must share it.
    ``fetch_ms`` is the one deadline of all that is read from a FHIR server for a call.
    ``insecure`` lifts the rule that callers without authentication must be on this machine; no token is spared by it.
    ``store`` is where decisions and feedback are kept: a directory (SQLite in it), a postgresql URL, or "" (nowhere).
    ``require_record`` refuses a call whose decision cannot be kept (decision 42).
    ``workers`` are the processes that answer calls. ``metrics_open`` answers ``/metrics`` to callers elsewhere too.
    ``workbench`` serves the workbench page, or does not; None leaves it to ``shows_workbench``.
    ``demo`` serves the stored patients at ``/fhir`` and, if the site file names no clients, answers the public sandbox.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    cards: Path = field(default_factory=find_cards)
    max_body_bytes: int = 5_000_000
    cors_origins: tuple[str, ...] = ()
    uuid_key: bytes = field(default=_DEVELOPMENT_KEY, repr=False)
    insecure: bool = False
    log_level: str = "info"
    site: Path | None = None
    max_draft_orders: int = 1_000
    registry: Registry = field(default_factory=Registry)
    fetch_ms: int = 450
    store: str = field(default="", repr=False)
    require_record: bool = False
    workers: int = 1
    metrics_open: bool = False
    workbench: bool | None = None
    demo: bool = False

    @property
    def shows_workbench(self) -> bool:
        """Whether the workbench page is served: as configured, else where only this machine is answered."""
        return self.answers_loopback_only if self.workbench is None else self.workbench

    @property
    def has_own_key(self) -> bool:
        """Whether card uuids are keyed by a secret of this installation."""
        return self.uuid_key != _DEVELOPMENT_KEY

    @property
    def answers_loopback_only(self) -> bool:
        """Decision 9: calls without a token are answered on this machine alone, and all calls while developing."""
        return not self.insecure and (self.registry.development or not self.registry.needs_tokens)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should hear at the start."""
        registry, found = self.registry, []
        if not self.has_own_key:
            found.append("CDS_UUID_KEY is not set: card uuids use a development key that everybody knows")
        if not registry.clients and not self.insecure:
            said = "CDS_SITE is not set, so there are no clients" if self.site is None else "CDS_SITE names no clients"
            found.append(f"{said}: only callers on this machine are answered, for development")
        if self.demo:
            found.append("CDS_DEMO is set: invented patients are served at /fhir, to pages of the public sandbox too")
        if registry.open_client is not None and self.site is not None:
            found.append(f"CDS_SITE: client {registry.open_client.name} has no issuer: its calls carry no token")
        if registry.development and self.site is not None:
            found.append("CDS_SITE sets development = true: only callers on this machine are answered, http is allowed")
        if registry.demo and self.site is not None:
            found.append("CDS_SITE sets demo = true: anybody can sign calls as the public sandbox")
        if self.insecure and not registry.needs_tokens:
            found.append("CDS_INSECURE is set: anybody who reaches this port is answered, without authentication")
        if self.shows_workbench and not self.answers_loopback_only:
            found.append("CDS_WORKBENCH is set: anybody who reaches this port can use the workbench without a token")
        if not self.store:
            found.append("CDS_STORE is not set: decisions and feedback are not kept")
        return tuple(found)

    def as_environ(self) -> dict[str, str]:
        """The same configuration as environment variables, for a worker process."""
        return {
            "CDS_HOST": self.host,
            "CDS_PORT": str(self.port),
            "CDS_CARDS": str(self.cards),
            "CDS_SITE": str(self.site or ""),
            "CDS_MAX_BODY_BYTES": str(self.max_body_bytes),
            "CDS_MAX_DRAFT_ORDERS": str(self.max_draft_orders),
            "CDS_CORS_ORIGINS": ",".join(self.cors_origins),
            "CDS_FETCH_MS": str(self.fetch_ms),
            "CDS_UUID_KEY": self.uuid_key.decode() if self.has_own_key else "",
            "CDS_INSECURE": "1" if self.insecure else "",
            "CDS_LOG_LEVEL": self.log_level,
            "CDS_STORE": self.store,
            "CDS_REQUIRE_RECORD": "1" if self.require_record else "",
            "CDS_WORKERS": str(self.workers),
            "CDS_METRICS_OPEN": "1" if self.metrics_open else "",
            "CDS_WORKBENCH": "auto" if self.workbench is None else str(int(self.workbench)),
            "CDS_DEMO": "1" if self.demo else "",
        }


def read_config(environ: Mapping[str, str], given: Mapping[str, str | None] | None = None) -> Config:
    """The configuration from environment variables, overruled by ``given`` (same names; None = not given).

    ConfigError names the key that is wrong and says what it should be.
    """
    chosen = {key: value for key, value in (given or {}).items() if value is not None}
    misspelt = {name for name in environ if name.startswith("CDS_")}
    unknown = sorted((set(chosen) | misspelt).difference(DEFAULTS))
    if unknown:
        raise ConfigError(f"{unknown[0]} is not a setting; known: {', '.join(DEFAULTS)}")
    text = {key: chosen.get(key, environ.get(key, default)).strip() for key, default in DEFAULTS.items()}
    host = _address(text["CDS_HOST"])
    insecure = _flag("CDS_INSECURE", text["CDS_INSECURE"])
    site = _site(text["CDS_SITE"])
    port = _number("CDS_PORT", text["CDS_PORT"], 1, _LARGEST_PORT)
    demo = _flag("CDS_DEMO", text["CDS_DEMO"])
    registry = read_registry(site) if site is not None else Registry()
    if demo:
        registry = _demo(host, port, insecure, registry)
    _check_exposure(host, insecure, registry)
    cors_origins = _origins(text["CDS_CORS_ORIGINS"])
    if cors_origins and registry.needs_tokens:
        raise ConfigError("CDS_CORS_ORIGINS belongs to no client: list the origins as cors_origins of their client")
    store = _store(text["CDS_STORE"])
    require_record = _flag("CDS_REQUIRE_RECORD", text["CDS_REQUIRE_RECORD"])
    if require_record and not store:
        raise ConfigError("CDS_REQUIRE_RECORD needs CDS_STORE: a directory or a postgresql:// URL to keep records in")
    workers = _number("CDS_WORKERS", text["CDS_WORKERS"], 1, _MOST_WORKERS)
    if workers > 1 and registry.needs_tokens and not store:
        raise ConfigError(
            f"CDS_WORKERS is {workers} and clients sign tokens (CDS_SITE), but CDS_STORE is not set: workers learn "
            "only from a store which tokens were used; set CDS_STORE, or CDS_WORKERS to 1"
        )
    config = Config(
        host=host,
        port=port,
        cards=_cards(text["CDS_CARDS"]),
        max_body_bytes=_number("CDS_MAX_BODY_BYTES", text["CDS_MAX_BODY_BYTES"], _SMALLEST_BODY, _LARGEST_BODY),
        cors_origins=cors_origins,
        insecure=insecure,
        log_level=_log_level(text["CDS_LOG_LEVEL"]),
        site=site,
        max_draft_orders=_number("CDS_MAX_DRAFT_ORDERS", text["CDS_MAX_DRAFT_ORDERS"], 1, _MOST_DRAFTS),
        registry=registry,
        fetch_ms=_number("CDS_FETCH_MS", text["CDS_FETCH_MS"], _SHORTEST_FETCH, _LONGEST_FETCH),
        store=store,
        require_record=require_record,
        workers=workers,
        metrics_open=_flag("CDS_METRICS_OPEN", text["CDS_METRICS_OPEN"]),
        workbench=_workbench(text["CDS_WORKBENCH"]),
        demo=demo,
    )
    return replace(config, uuid_key=_uuid_key(text["CDS_UUID_KEY"], is_required=not config.answers_loopback_only))


def _check_exposure(host: str, insecure: bool, registry: Registry) -> None:
    """ConfigError if more callers are let in than the clients allow."""
    if registry.development and not is_loopback(host):
        raise ConfigError(
            f"CDS_HOST is {host}, not a loopback address, but the site file sets development = true: set it to false"
        )
    if registry.development and insecure:
        # Loopback may be what a proxy calls: whoever reaches that would be answered, and could name servers over http.
        raise ConfigError(
            "CDS_INSECURE is set, but the site file (CDS_SITE) sets development = true, which is for this machine "
            "alone: unset one of them"
        )
    if not is_loopback(host) and not registry.needs_tokens and not insecure:
        raise ConfigError(
            f"CDS_HOST is {host}, not a loopback address, but the site file (CDS_SITE) names no client with an issuer: "
            "listening elsewhere then needs --insecure (CDS_INSECURE=1) and a proxy that authenticates"
        )


def _demo(host: str, port: int, insecure: bool, registry: Registry) -> Registry:
    """The clients of the demo: those of the site file, if it names any, else the public sandbox.

    ConfigError where callers from elsewhere than this machine would be answered.
    """
    if not is_loopback(host):
        raise ConfigError(f"CDS_DEMO is for this machine alone, but CDS_HOST is {host}: set it to 127.0.0.1")
    if insecure:
        raise ConfigError("CDS_DEMO is for this machine alone, but CDS_INSECURE is set: unset one of them")
    if not registry.clients:
        return demo_registry(_addresses(host, port), FHIR_PATH)
    if not registry.development:
        raise ConfigError("CDS_DEMO with clients of a site file (CDS_SITE) needs development = true there")
    return registry


def _addresses(host: str, port: int) -> tuple[str, ...]:
    """What a service on this machine can be called by; the address that it listens on comes first."""
    own = f"[{host}]" if ":" in host else host
    return tuple(dict.fromkeys(f"http://{name}:{port}" for name in (own, "127.0.0.1", "localhost")))


def _flag(key: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ConfigError(f"{key} must be 1 or 0")


def _workbench(text: str) -> bool | None:
    if text.lower() in {"", "auto"}:
        return None
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ConfigError("CDS_WORKBENCH must be auto, 1 or 0")


def _number(key: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise ConfigError(f"{key} must be a whole number from {least} to {most}")


def _cards(text: str) -> Path:
    cards = Path(text) if text else find_cards()
    if not cards.is_dir():
        raise ConfigError(f"CDS_CARDS is {cards}, which is not a directory: give the content directory")
    return cards


def _site(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise ConfigError(f"CDS_SITE is {text}, which is not a file: give the site file (TOML)")
    return Path(text) if text else None


def _store(text: str) -> str:
    # A URL may hold a password, so that only a path is repeated.
    if text and "://" not in text and not Path(text).is_dir():
        raise ConfigError(f"CDS_STORE is {text}, which is not a directory: make it, or give a postgresql:// URL")
    return text


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(item.strip() for item in text.split(",") if item.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"CDS_CORS_ORIGINS holds {origin!r}: list exact origins in lower case, such as "
                "https://sandbox.cds-hooks.org (no path, no *)"
            )
    return origins


def _address(text: str) -> str:
    """The address to listen on; the server takes no names but this one."""
    if text.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ConfigError("CDS_HOST must be the IP address to listen on, such as 127.0.0.1") from None


def _uuid_key(text: str, is_required: bool) -> bytes:
    if not text and not is_required:
        return _DEVELOPMENT_KEY
    if len(text) < _SHORTEST_KEY:
        raise ConfigError(f"CDS_UUID_KEY must be a secret of at least {_SHORTEST_KEY} characters, equal on all workers")
    return text.encode()


def _log_level(text: str) -> str:
    if text.lower() in LOG_LEVELS:
        return text.lower()
    raise ConfigError(f"CDS_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
