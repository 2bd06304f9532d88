"""What may be contacted: every spelling that is not an allowed place makes no connection, and resolves no name."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cds_service.errors import ConfigError
from cds_service.fhir.addresses import AllowedServer, FhirBase, allow_servers, read_place
from cds_service.fhir.budget import Budget, Limits
from cds_service.fhir.line import Line
from cds_service.fhir.outcome import FetchError, Outcome
from cds_service.fhir.server import FhirServers
from cds_service.fhir.source import Completeness
from cds_service.fhir.token import AccessToken
from tests.fhir.fault_server import Clock, FhirServer

EHR = "https://ehr.example.org/fhir/r4"
ALLOWED = allow_servers([EHR])
HERE = allow_servers(["http://127.0.0.1:8090/fhir"], development=True)

ONE_PLACE = [
    EHR,
    f"{EHR}/",
    "HTTPS://EHR.Example.ORG/fhir/r4",
    "https://ehr.example.org:443/fhir/r4",
    "https://ehr.example.org/fhir/r4/tenant-7",
]
OTHER_SPELLINGS = [
    "",
    " ",
    "ehr.example.org/fhir/r4",
    "//ehr.example.org/fhir/r4",
    "http://ehr.example.org/fhir/r4",
    "https://ehr.example.org:8443/fhir/r4",
    "https://ehr.example.org:0443/fhir/r4",
    "https://ehr.example.org:/fhir/r4",
    "https://ehr.example.org:99999/fhir/r4",
    "https://ehr.example.org./fhir/r4",
    "https://ehr.example.org.evil.example/fhir/r4",
    "https://evil-ehr.example.org/fhir/r4",
    "https://ehr.example.org@evil.example/fhir/r4",
    "https://evil.example@ehr.example.org/fhir/r4",
    "https://user:pass@ehr.example.org/fhir/r4",
    "https://evil.example#@ehr.example.org/fhir/r4",
    "https://evil.example\\@ehr.example.org/fhir/r4",
    "https://ehr.example.org\\@evil.example/fhir/r4",
    "https://ehr.example.org/fhir",
    "https://ehr.example.org/fhir/r4evil",
    "https://ehr.example.org/fhir/R4",
    "https://ehr.example.org/fhir/r4/../../admin",
    "https://ehr.example.org/fhir/r4/./x",
    "https://ehr.example.org/fhir//r4",
    "https://ehr.example.org/fhir/r4//",
    "https://ehr.example.org/fhir/r4/%2e%2e/admin",
    "https://ehr.example.org/%66hir/r4",
    "https://ehr%2eexample.org/fhir/r4",
    "https://ehr.example.org/fhir/r4?x=1",
    "https://ehr.example.org/fhir/r4#x",
    "https://ehr.example.org/fhir/r4\n",
    "https://ehr.example.org/fhir/r4\r\nX: y",
    "https://ehr.example.org/fhir/r4\x00",
    " https://ehr.example.org/fhir/r4",
    "https://ehr.example.org /fhir/r4",
    "https:/ehr.example.org/fhir/r4",
    "https:ehr.example.org/fhir/r4",
    "https:///ehr.example.org/fhir/r4",
    "https://\u0435hr.example.org/fhir/r4",
    "https://ehr。example。org/fhir/r4",
    "https://ⓔhr.example.org/fhir/r4",
    "file:///etc/passwd",
    "gopher://ehr.example.org/fhir/r4",
    "ftp://ehr.example.org/fhir/r4",
    "jar:https://ehr.example.org/fhir/r4",
    "javascript:alert(1)",
    "data:,x",
    "https://" + "a" * 5000 + "/fhir/r4",
    "http://169.254.169.254/latest/meta-data",
    "http://metadata.google.internal/",
    "https://localhost/fhir/r4",
    "https://10.0.0.1/fhir/r4",
    "https://[::1]/fhir/r4",
]
LOOPBACK_SPELLINGS = [
    "http://127.0.0.1/fhir",
    "http://127.0.0.1:8091/fhir",
    "http://127.1:8090/fhir",
    "http://127.0.1:8090/fhir",
    "http://127.0.0.2:8090/fhir",
    "http://2130706433:8090/fhir",
    "http://0x7f000001:8090/fhir",
    "http://0x7f.0.0.1:8090/fhir",
    "http://0X7F.1:8090/fhir",
    "http://017700000001:8090/fhir",
    "http://0177.0.0.1:8090/fhir",
    "http://127.0.0.01:8090/fhir",
    "http://127.0.0.1.:8090/fhir",
    "http://1.0.0.127:8090/fhir",
    "http://0:8090/fhir",
    "http://0.0.0.0:8090/fhir",
    "http://[::1]:8090/fhir",
    "http://[::]:8090/fhir",
    "http://[::ffff:127.0.0.1]:8090/fhir",
    "http://[::ffff:7f00:1]:8090/fhir",
    "http://[0:0:0:0:0:ffff:7f00:0001]:8090/fhir",
    "http://[::127.0.0.1]:8090/fhir",
    "http://[64:ff9b::7f00:1]:8090/fhir",
    "http://[::1%25lo]:8090/fhir",
    "http://①②⑦.⓪.⓪.①:8090/fhir",
    "http://127。0。0。1:8090/fhir",
    "http://localhost:8090/fhir",
    "http://localhost.localdomain:8090/fhir",
    "http://localtest.me:8090/fhir",
    "http://127.0.0.1.nip.io:8090/fhir",
    "http://127.0.0.1:8090@evil.example/fhir",
    "http://127.0.0.1:8090%2ffhir",
    "https://127.0.0.1:8090/fhir",
]


@pytest.mark.parametrize("text", ONE_PLACE)
def test_an_allowed_server_is_found_in_its_one_spelling(text: str) -> None:
    base = ALLOWED.find(text)
    assert base is not None
    assert base.place.url in {EHR, f"{EHR}/tenant-7"}


@pytest.mark.parametrize("text", OTHER_SPELLINGS)
def test_decision_33_any_other_server_is_not_allowed(text: str) -> None:
    assert ALLOWED.find(text) is None
    assert HERE.find(text) is None


@pytest.mark.parametrize("text", LOOPBACK_SPELLINGS)
def test_any_other_spelling_of_this_machine_is_not_allowed(text: str) -> None:
    assert HERE.find(text) is None
    assert ALLOWED.find(text) is None


def test_without_servers_none_is_found() -> None:
    assert allow_servers([]).find(EHR) is None


@pytest.mark.parametrize(
    ("url", "development", "private", "says"),
    [
        ("ehr.example.org", False, False, "base URLs"),
        ("https://user@ehr.example.org/fhir", False, False, "base URLs"),
        ("https://ehr.example.org/fhir?x", False, False, "base URLs"),
        ("https://2130706433/fhir", True, True, "base URLs"),
        ("https://0x7f000001/fhir", True, True, "base URLs"),
        ("https://ehr.0x7f/fhir", True, True, "base URLs"),
        ("https://[::ffff:10.0.0.1]/fhir", True, True, "base URLs"),
        ("https://[64:ff9b::a00:1]/fhir", True, True, "base URLs"),
        ("https://[fe80::1%25eth0]/fhir", True, True, "base URLs"),
        ("https://-ehr.example.org/fhir", False, False, "base URLs"),
        ("https://ehr..example.org/fhir", False, False, "base URLs"),
        ("http://ehr.example.org/fhir", True, True, "only https"),
        ("http://10.0.0.1/fhir", True, True, "only https"),
        ("http://127.0.0.1/fhir", False, True, "for development"),
        ("https://localhost/fhir", False, True, "for development"),
        ("https://10.0.0.1/fhir", False, False, "private"),
        ("https://169.254.169.254/fhir", True, True, "unfit"),
        ("https://0.0.0.0/fhir", True, True, "unfit"),
        ("https://224.0.0.1/fhir", True, True, "unfit"),
    ],
)
def test_a_server_that_is_not_fit_stops_the_start(url: str, development: bool, private: bool, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        allow_servers([url], development=development, allow_private_network=private)
    assert "fhir_servers" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("https://ehr.example.org", "https://ehr.example.org"),
        ("https://ehr.example.org:8443/a/b/", "https://ehr.example.org:8443/a/b"),
        ("https://8.8.8.8/fhir", "https://8.8.8.8/fhir"),
        ("https://[2606:4700:0:0::1111]/fhir", "https://[2606:4700::1111]/fhir"),
    ],
)
def test_places_have_one_spelling(url: str, spelt: str) -> None:
    [server] = allow_servers([url]).servers
    assert server.place.url == spelt


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("::ffff:8.8.8.8", True, True),
        ("64:ff9b::808:808", True, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.0.1", False, True),
        ("100.64.0.1", False, True),
        ("fd00::1", False, True),
        ("fec0::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("2002:a00:1::1", False, True),
        ("127.0.0.1", False, False),
        ("127.9.9.9", False, False),
        ("::1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("64:ff9b::7f00:1", False, False),
        ("2002:7f00:1::1", False, False),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", False, False),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("255.255.255.255", False, False),
        ("240.0.0.1", False, False),
        ("no address", False, False),
        ("", False, False),
    ],
)
def test_an_address_is_judged_after_resolution(address: str, public: bool, private: bool) -> None:
    place = read_place(EHR)
    assert place is not None
    assert AllowedServer(place).may_connect(address) is public
    assert AllowedServer(place, allow_private_network=True).may_connect(address) is private


@pytest.mark.parametrize(
    ("address", "may"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("8.8.8.8", False)]
)
def test_a_development_server_is_on_this_machine(address: str, may: bool) -> None:
    [server] = allow_servers(["http://localhost:8090"], development=True).servers
    assert server.may_connect(address) is may


BASE = ALLOWED.find(EHR)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        (f"{EHR}/Condition?patient=p1&page=2", f"{EHR}/Condition?patient=p1&page=2"),
        (f"{EHR}?_getpages=a-b&_getpagesoffset=20", f"{EHR}?_getpages=a-b&_getpagesoffset=20"),
        ("HTTPS://EHR.EXAMPLE.ORG:443/fhir/r4?x=%7C|", f"{EHR}?x=%7C|"),
        ("Condition?page=2", f"{EHR}/Condition?page=2"),
        ("?page=2", f"{EHR}?page=2"),
        ("/fhir/r4/Condition?page=2", f"{EHR}/Condition?page=2"),
        ("", EHR),
        ("/fhir/Condition?page=2", None),
        ("../Condition?page=2", None),
        ("Condition/../../../x?page=2", None),
        ("//evil.example/fhir/r4?page=2", None),
        ("https://evil.example/fhir/r4?page=2", None),
        ("http://ehr.example.org/fhir/r4?page=2", None),
        ("https://ehr.example.org:444/fhir/r4?page=2", None),
        ("https://ehr.example.org@evil.example/fhir/r4?page=2", None),
        (f"{EHR}?page=2#x", None),
        (f"{EHR}?page= 2", None),
        (f"{EHR}?page=2\r\nX: y", None),
        (f"{EHR}?page=\\", None),
        (f"{EHR}?page=é", None),
        (f"{EHR}?page={'x' * 5000}", None),
        ("file:///etc/passwd", None),
        ("urn:uuid:x", None),
        ("http://[", None),
    ],
)
def test_a_link_is_followed_only_under_the_base_of_the_call(link: str, url: str | None) -> None:
    assert isinstance(BASE, FhirBase)
    assert BASE.link(link) == url


def test_a_link_does_not_lead_from_one_tenant_to_another() -> None:
    base = ALLOWED.find(f"{EHR}/tenant-7")
    assert base is not None
    assert base.link(f"{EHR}/tenant-8?page=2") is None


# --- what is connected to


def failing(addresses: list[str], url: str = EHR, **allowed: bool) -> Outcome:
    """How a fetch comes out when the name of the server resolves to these addresses."""
    [server] = allow_servers([url], **allowed).servers
    line = Line(
        server, lambda host, port: [(socket.AF_INET6 if ":" in item else socket.AF_INET, item) for item in addresses]
    )
    with pytest.raises(FetchError) as caught:
        line.get(f"{server.place.url}/metadata", AccessToken("t"), Budget(Limits(seconds=30), Clock()))
    line.close()
    return caught.value.outcome


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["fe80::1"],
    ],
)
def test_a_name_that_resolves_to_an_unfit_address_makes_no_connection(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(socket, "socket", lambda *args, **_: made.append(args))
    monkeypatch.setattr("cds_service.fhir.line._TimedSocket", lambda *args, **_: made.append(args))
    assert failing(addresses) is Outcome.NOT_ALLOWED
    assert made == []


def test_a_name_without_address_is_unreachable() -> None:
    assert failing([]) is Outcome.UNREACHABLE


def test_the_address_that_was_judged_is_the_one_that_is_connected_to() -> None:
    """A name that resolves to another address the second time is not asked a second time."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[tuple[int, str]]:
        asked.append(host)
        return [(socket.AF_INET, "127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    with FhirServer() as server:
        url = server.url.replace("127.0.0.1", "localhost")
        servers = FhirServers(Limits(seconds=30), server.clock, rebinding)
        base = allow_servers([url], development=True).find(url)
        assert base is not None
        with servers.open(
            base, {"flags": "Flag?patient={{context.patientId}}"}, {"context.patientId": "p"}, None
        ) as source:
            assert source.fetch(("flags",))["flags"].completeness is Completeness.COMPLETE
        servers.close()
    assert asked == ["localhost"]
    assert server.requests[0].headers["host"] == f"localhost:{server.port}"


def test_the_next_address_is_tried() -> None:
    with FhirServer() as server:
        [allowed] = allow_servers([server.url], development=True).servers
        line = Line(allowed, lambda host, port: [(socket.AF_INET, "127.0.0.9"), (socket.AF_INET, "127.0.0.1")])
        reply = line.get(f"{server.url}/Flag", None, Budget(Limits(seconds=30), server.clock))
        line.close()
    assert reply.status == 200


def test_a_name_that_cannot_be_resolved_is_unreachable() -> None:
    def unknown(host: str, port: int) -> list[tuple[int, str]]:
        raise socket.gaierror(-2, "Name or service not known")

    [server] = allow_servers([EHR]).servers
    with pytest.raises(FetchError) as caught:
        Line(server, unknown).get(EHR, None, Budget(Limits(seconds=30), Clock()))
    assert caught.value.outcome is Outcome.UNREACHABLE
