"""What may be contacted: the FHIR servers that an operator has named, in one spelling each, at addresses that are fit.

A call names its own ``fhirServer``, and the answer of a server names its next page. Both are somebody else's text, and
the token of the call would go with it, so neither is ever used as it came: the text must name a place that is
allowed, and the URL that is asked is built from that place (decision 33, conformance FHIR-07, reliability 2.11).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urljoin

from cds_service.errors import ConfigError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_URL = 4000
_PARTS = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?((?:/[A-Za-z0-9._~-]+)*)/?")
_SCHEME_AND_HOST = re.compile(r"[A-Za-z]+://[^/?#]*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LIKE_A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label like this makes a name that some resolvers read as an IPv4 address in decimal, octal or hex."""
_QUERY = re.compile(r"[!\"$%&'()*+,./0-9:;=?@A-Z\[\]_a-z{|}~-]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65_535
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOW_32_BITS = 0xFFFF_FFFF


class Place(NamedTuple):
    """A base URL in parts: ``scheme`` and ``host`` in lower case, ``port`` always given, ``path`` without end slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The one spelling of this place."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def holds(self, other: Place) -> bool:
        """Whether another place is this one or lies under its path."""
        return self[:3] == other[:3] and (other.path == self.path or other.path.startswith(f"{self.path}/"))


def read_place(text: str) -> Place | None:
    """The place that a base URL names, or None for any other text.

    The case of scheme and host, a default port that is written out, and one slash at the end make no difference
    (RFC 3986 6.2). User names, queries, fragments, escapes, dot segments, names with a dot at the end, and addresses
    in any form but the usual one are no place.
    """
    if len(text) > _LONGEST_URL:
        return None
    found = _PARTS.fullmatch(_SCHEME_AND_HOST.sub(lambda part: part[0].lower(), text, count=1))
    if found is None:
        return None
    scheme, name, port, path = found.groups()
    host = _host(name)
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if not host or number > _LARGEST_PORT or {".", ".."} & set(path.split("/")):
        return None
    return Place(scheme, host, number, path)


def _host(name: str) -> str:
    """A host name or address in its one spelling, "" if it is in another."""
    if name.startswith("["):
        address = _address(name[1:-1])
        return str(address) if address is not None and str(address) == str(unwrap(address)) else ""
    if _address(name) is not None:
        return name
    labels = name.split(".")
    if _LIKE_A_NUMBER.fullmatch(labels[-1]) or not all(map(_LABEL.fullmatch, labels)):
        return ""
    return name


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def unwrap(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv6 address that stands for one (mapped, NAT64, 6to4, Teredo), else the same."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


@dataclass(frozen=True, slots=True)
class AllowedServer:
    """One FHIR server that an operator has named; ``is_development`` for one on this machine.

    ``allow_private_network``: its name may resolve to an address of a private network.
    """

    place: Place
    allow_private_network: bool = False
    is_development: bool = False

    def may_connect(self, address: str) -> bool:
        """Whether an address that the server's name resolved to may be connected to."""
        found = _address(address.partition("%")[0])
        if found is None:
            return False
        real = unwrap(found)
        if self.is_development:
            return real.is_loopback
        if real.is_loopback or real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved:
            return False
        is_site_local = isinstance(real, ipaddress.IPv6Address) and real.is_site_local
        return self.allow_private_network or (real.is_global and not is_site_local)


@dataclass(frozen=True, slots=True)
class FhirBase:
    """The FHIR base of one call: a place at an allowed server."""

    place: Place
    server: AllowedServer

    def link(self, text: str) -> str | None:
        """The URL that a link of an answer names, if it lies under this base, else None.

        A relative link is relative to the base (FHIR R4, 2.1.0.5).
        """
        whole = urljoin(f"{self.place.url}/", text) if "://" not in text else text
        path, mark, query = whole.partition("?")
        place = read_place(path)
        if place is None or not self.place.holds(place) or not _QUERY.fullmatch(query) or len(query) > _LONGEST_URL:
            return None
        return f"{place.url}{mark}{query}"


@dataclass(frozen=True, slots=True)
class AllowedServers:
    """The FHIR servers that calls may name. Empty: none is ever contacted."""

    servers: tuple[AllowedServer, ...] = ()

    def find(self, text: str) -> FhirBase | None:
        """The base that a call's ``fhirServer`` names, if it is an allowed server or lies under its path."""
        place = read_place(text)
        if place is None:
            return None
        return next((FhirBase(place, server) for server in self.servers if server.place.holds(place)), None)


def allow_servers(
    urls: Iterable[str], *, development: bool = False, allow_private_network: bool = False
) -> AllowedServers:
    """The servers of a list ``fhir_servers``. ConfigError for a URL that is none, or that needs ``development``.

    Production data need https (conformance GEN-02); a server on this machine is for development (decisions 9 and 34).
    """
    return AllowedServers(tuple([_allow(url, development, allow_private_network) for url in urls]))


def _allow(url: str, development: bool, allow_private_network: bool) -> AllowedServer:
    place = read_place(url)
    if place is None:
        raise ConfigError(f"fhir_servers holds {url!r}: give base URLs such as https://ehr.example.org/fhir/r4")
    address = _address(place.host)
    is_here = place.host == "localhost" or (address is not None and address.is_loopback)
    if is_here and not development:
        raise ConfigError(f"fhir_servers holds {url!r}: a server on this machine is for development alone")
    if place.scheme == "http" and not is_here:
        raise ConfigError(f"fhir_servers holds {url!r}: only https is safe for patient data and tokens")
    server = AllowedServer(place, allow_private_network, is_here)
    if address is not None and not server.may_connect(place.host):
        raise ConfigError(f"fhir_servers holds {url!r}: its address is private (allow_private_network) or unfit")
    return server
