"""The clients of a site: who may call, with whose keys, and which FHIR servers and pages belong to them.

They stand in the site file (``docs/site-file.md``), beside what ``pathway/site.py`` reads there. Every slip is told
with file and line, and stops the start. Nothing is fetched here; a ``jwks_file`` is read to see that it can be.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cds_service.errors import ContentError
from cds_service.loopback import is_loopback
from cds_service.toml_file import Step, TomlFile, read_toml
from cds_service.trust.keys import KeysUnreadable, parse_keys

TRUST_MEMBERS = ("public_url", "development", "demo", "clients")
"""The members of a site file that are read here."""
SIGNATURES = ("ES384", "RS384")
"""What a client may sign with unless ``algorithms`` says otherwise (conformance SEC-06)."""
ALL_SIGNATURES = (*SIGNATURES, "ES256", "RS256")
SANDBOX_HOST = "sandbox.cds-hooks.org"
"""The public sandbox: its signing key is public, so whoever likes can sign as it."""

_CLIENT = (
    "name", "issuer", "jwks_url", "jwks_file", "audience", "algorithms", "several_audiences",
    "fhir_servers", "cors_origins", "vendor", "allow_private_network",
)  # fmt: skip
_OF_AN_ISSUER = ("jwks_url", "jwks_file", "audience", "algorithms", "several_audiences")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SEGMENT = r"[A-Za-z0-9._~!$&'()*+,;=:@-]+"
_URL = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?)"
    rf"(?P<path>(?:/{_SEGMENT})*)(?P<slash>/?)(?P<query>\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]+)?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LARGEST_PORT = 65_535
_DEFAULT_PORTS = {"https": "443", "http": "80"}


class Vendor(StrEnum):
    """Whose EHR calls: small declared differences hang on it."""

    EPIC = "epic"
    ORACLE = "oracle"
    SANDBOX = "sandbox"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Client:
    """One client of the site.

    Without ``issuer`` it is the open development client, which sends no tokens. ``audience`` are the only audiences
    that its tokens may name (empty: the URL that was called). ``fhir_servers`` are base URLs, no slash at the end.
    """

    name: str
    issuer: str = ""
    jwks_url: str = ""
    jwks_file: Path | None = None
    audience: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = SIGNATURES
    several_audiences: bool = False
    fhir_servers: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    vendor: Vendor = Vendor.GENERIC
    allow_private_network: bool = False


@dataclass(frozen=True, slots=True)
class Registry:
    """All clients of a site. ``public_url`` is what clients call us by, without a slash at the end.

    ``development`` allows key sets, FHIR servers and pages on this machine over http; ``demo`` the public sandbox.
    """

    public_url: str = ""
    development: bool = False
    demo: bool = False
    clients: tuple[Client, ...] = ()

    @property
    def needs_tokens(self) -> bool:
        """Whether every call needs a valid token."""
        return any(client.issuer for client in self.clients)

    @property
    def open_client(self) -> Client | None:
        """The client whose calls carry no token, if there is one."""
        return next((client for client in self.clients if not client.issuer), None)

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """The origins of all clients: what a preflight, which names no client, is answered by."""
        return tuple(dict.fromkeys(origin for client in self.clients for origin in client.cors_origins))

    def client_of(self, issuer: str) -> Client | None:
        """The client whose tokens bear this issuer, character by character."""
        return next((client for client in self.clients if issuer and client.issuer == issuer), None)


def read_registry(path: Path) -> Registry:
    """The clients that a site file names; ContentError with file and line on a slip."""
    file = read_toml(path)
    top = _Table(file, file.values)
    development, demo = top.flag("development"), top.flag("demo")
    public_url = top.url("public_url", development) if "public_url" in file.values else ""
    listed = file.values.get("clients", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise ContentError(file.where("clients"), "clients are tables of their own: [[clients]]")
    clients: list[Client] = []
    for place, entry in enumerate(listed):
        table = _Table(file, entry, "clients", place)
        client = _client(table, development)
        _check_place(table, client, clients)
        _check_audience(table, client, public_url)
        if not demo and any(SANDBOX_HOST in text.lower() for text in (client.issuer, client.jwks_url)):
            raise table.wrong("issuer", "the signing key of the public sandbox is public: it needs demo = true")
        clients.append(client)
    return Registry(public_url, development, demo, tuple(clients))


def _client(table: _Table, development: bool) -> Client:
    """One client by itself."""
    table.only(_CLIENT)
    name, issuer = table.text("name"), table.text("issuer", required=False)
    if not _NAME.fullmatch(name):
        raise table.wrong("name", "name is written in log and metrics: at most 64 letters, digits, dots, hyphens")
    if "issuer" in table.node and not issuer:
        raise table.wrong("issuer", "issuer is empty: leave it out for a client that sends no tokens")
    for key in _OF_AN_ISSUER if not issuer else ():
        if key in table.node:
            raise table.wrong(key, f"{key} says how tokens are checked, but this client has no issuer")
    if issuer and ("jwks_url" in table.node) == ("jwks_file" in table.node):
        raise table.wrong("issuer", f"the keys of {name} come from either jwks_url or jwks_file")
    algorithms = table.texts("algorithms") if "algorithms" in table.node else SIGNATURES
    if not algorithms or not set(algorithms) <= set(ALL_SIGNATURES):
        raise table.wrong("algorithms", f"algorithms lists some of {', '.join(ALL_SIGNATURES)}")
    vendor = table.text("vendor") if "vendor" in table.node else Vendor.GENERIC
    if vendor not in tuple(Vendor):
        raise table.wrong("vendor", f"vendor is one of {', '.join(Vendor)}")
    return Client(
        name=name,
        issuer=issuer,
        jwks_url=table.url("jwks_url", development, query=True) if "jwks_url" in table.node else "",
        jwks_file=_key_file(table) if "jwks_file" in table.node else None,
        audience=table.texts("audience"),
        algorithms=algorithms,
        several_audiences=table.flag("several_audiences"),
        fhir_servers=table.urls("fhir_servers", development),
        cors_origins=table.urls("cors_origins", development, path=False),
        vendor=Vendor(vendor),
        allow_private_network=table.flag("allow_private_network"),
    )


def _check_place(table: _Table, client: Client, before: list[Client]) -> None:
    """A client must differ from those before it, and stand alone if it is open."""
    if any(client.name == other.name for other in before):
        raise table.wrong("name", f"there is a client {client.name} already")
    if client.issuer and any(client.issuer == other.issuer for other in before):
        raise table.wrong("issuer", "another client has this issuer: a token could not tell which of them calls")
    if before and not (client.issuer and all(other.issuer for other in before)):
        raise table.wrong("name", "a client without issuer must be the only one: with issuers every call needs a token")


def _check_audience(table: _Table, client: Client, public_url: str) -> None:
    if client.issuer and not client.audience and not public_url:
        raise table.wrong("issuer", "public_url is missing: a token names the URL called, unless audience is given")


def _key_file(table: _Table) -> Path:
    """Relative to the site file; it must hold a key now, though it is read again while serving."""
    path = table.file.path.parent / table.text("jwks_file")
    try:
        parse_keys(path.read_bytes())
    except OSError as error:
        raise table.wrong("jwks_file", f"{path} cannot be read: {error.strerror}") from None
    except KeysUnreadable as error:
        raise table.wrong("jwks_file", f"{path} is no key set: {error}") from None
    return path


class _Table:
    """One table of the file: its members, each checked for its type where it is read."""

    def __init__(self, file: TomlFile, node: Mapping[str, Any], *steps: Step) -> None:
        self.file = file
        self.node = node
        self._steps = steps

    def wrong(self, key: str, problem: str, *place: int) -> ContentError:
        """The error about a member."""
        return ContentError(self.file.where(*self._steps, key, *place), problem)

    def only(self, allowed: tuple[str, ...]) -> None:
        """ContentError if there is another member."""
        for key in self.node:
            if key not in allowed:
                raise self.wrong(key, f"unknown member {key!r}; known: {', '.join(allowed)}")

    def flag(self, key: str) -> bool:
        """A switch, off unless given."""
        value = self.node.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{key} is true or false, without quotes")
        return value

    def text(self, key: str, required: bool = True) -> str:
        """A text on one line, exactly as written: it will be compared."""
        value = self.node.get(key, None if required else "")
        if not isinstance(value, str) or (required and not value) or not value.isprintable() or value != value.strip():
            raise self.wrong(key, f"{key} must be a text, in quotes, on one line, without blanks around it")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of different texts, empty unless given."""
        value = self.node.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, f'{key} stand in a list: ["...", "..."]')
        for place, item in enumerate(value):
            if not isinstance(item, str) or not item.strip() or not item.isprintable():
                raise self.wrong(key, f"{key} lists texts, in quotes", place)
            if item in value[:place]:
                raise self.wrong(key, f"{item!r} stands twice", place)
        return tuple(value)

    def url(self, key: str, development: bool, query: bool = False) -> str:
        """One URL."""
        problem = _url_problem(self.text(key), development, query=query)
        if problem:
            raise self.wrong(key, f"{key} {problem}")
        return self.text(key) if query else self.text(key).removesuffix("/")

    def urls(self, key: str, development: bool, path: bool = True) -> tuple[str, ...]:
        """A list of URLs, empty unless given."""
        found = self.texts(key)
        for place, item in enumerate(found):
            problem = _url_problem(item, development, path=path)
            if problem:
                raise self.wrong(key, f"{item!r} in {key} {problem}", place)
        return tuple(item.removesuffix("/") for item in found)


def _url_problem(text: str, development: bool, query: bool = False, path: bool = True) -> str:
    """What is wrong with a URL of the file; nothing if it has the one spelling that we compare by."""
    found = _URL.fullmatch(text)
    if found is None or _is_odd(found) or (found["query"] and not query):
        return "must be a URL such as https://ehr.example.org/path: lower case host, no user, fragment, %, default port"
    if not path and found["origin"] != text:
        return "must be an origin, without a path or a slash at its end"
    if found["scheme"] == "http" and not (development and is_loopback(found["host"].strip("[]"))):
        return "must begin with https:// (http:// only on a loopback host, with development = true)"
    return ""


def _is_odd(found: re.Match[str]) -> bool:
    """Spellings that match but mean something else than they look like, or have a shorter form."""
    host, port = found["host"], found["port"] or ""
    last = host.rpartition(".")[2]
    if host.startswith("[") or _NUMBER.fullmatch(last):
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return True
    return (
        ".." in host
        or (port != "" and int(port) > _LARGEST_PORT)
        or port == _DEFAULT_PORTS[found["scheme"]]
        or not {".", ".."}.isdisjoint(found["path"].split("/"))
    )
