"""The client registry: exactly the form of the site file, and every slip with file and line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.pathway import site
from cds_service.trust.clients import SIGNATURES, TRUST_MEMBERS, Client, Registry, Vendor, read_registry
from tests.trust.tokens_made import jwk, key_set

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "site-file.md"
HOSPITAL = """
[[clients]]
name = "general-hospital"
issuer = "https://ehr.example.org"
jwks_url = "https://ehr.example.org/.well-known/jwks.json"
"""
URL = 'public_url = "https://cds.example.org"\n'
FULL = """
public_url = "https://cds.example.org"
development = false            # true: http://127.0.0.1 key sets and FHIR servers are allowed
[[clients]]
name = "general-hospital"
issuer = "https://ehr.example.org"
jwks_url = "https://ehr.example.org/.well-known/jwks.json"   # or jwks_file
audience = ["https://cds.example.org/cds-services/..."]       # optional; default: public_url + the called path
fhir_servers = ["https://ehr.example.org/fhir/r4"]
cors_origins = ["https://ehr.example.org"]
vendor = "epic"                                              # epic | oracle | sandbox | generic
allow_private_network = false
"""


def read(tmp_path: Path, text: str) -> Registry:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return read_registry(path)


def test_the_form_of_the_site_file(tmp_path: Path) -> None:
    assert read(tmp_path, FULL) == Registry(
        "https://cds.example.org",
        clients=(
            Client(
                name="general-hospital",
                issuer="https://ehr.example.org",
                jwks_url="https://ehr.example.org/.well-known/jwks.json",
                audience=("https://cds.example.org/cds-services/...",),
                fhir_servers=("https://ehr.example.org/fhir/r4",),
                cors_origins=("https://ehr.example.org",),
                vendor=Vendor.EPIC,
            ),
        ),
    )


def test_the_example_of_the_document_is_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    registry = read(tmp_path, next(block for block in blocks if "[[clients]]" in block))
    assert registry.needs_tokens
    assert [client.vendor for client in registry.clients] == [Vendor.EPIC]


def test_a_file_without_clients(tmp_path: Path) -> None:
    registry = read(tmp_path, 'name = "x"\n[settings]\nmri_window = 28\n')
    assert registry == Registry()
    assert not registry.needs_tokens
    assert registry.open_client is None
    assert registry.client_of("") is None


def test_what_a_client_has_by_default(tmp_path: Path) -> None:
    (client,) = read(tmp_path, URL + HOSPITAL).clients
    assert (client.algorithms, client.audience, client.vendor) == (SIGNATURES, (), Vendor.GENERIC)
    assert (client.several_audiences, client.allow_private_network, client.fhir_servers) == (False, False, ())


def test_an_open_client(tmp_path: Path) -> None:
    text = 'development = true\n[[clients]]\nname = "here"\nfhir_servers = ["http://127.0.0.1:8081/r4/"]\n'
    text += 'cors_origins = ["http://localhost:3000"]\n'
    registry = read(tmp_path, text)
    assert registry.open_client == Client(
        "here", fhir_servers=("http://127.0.0.1:8081/r4",), cors_origins=("http://localhost:3000",)
    )
    assert not registry.needs_tokens


def test_two_clients_are_found_by_issuer(tmp_path: Path) -> None:
    clinic = HOSPITAL.replace("general-hospital", "clinic").replace("ehr.", "clinic.")
    hospital = HOSPITAL + 'cors_origins = ["https://a.example", "https://b.example"]\n'
    registry = read(tmp_path, URL + hospital + clinic + 'cors_origins = ["https://a.example"]\n')
    found = registry.client_of("https://clinic.example.org")
    assert found is not None
    assert found.name == "clinic"
    assert registry.client_of("https://clinic.example.org/") is None
    assert registry.cors_origins == ("https://a.example", "https://b.example")


def test_keys_from_a_file_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set("ec-1"))
    assert read(tmp_path, ISSUED + 'jwks_file = "keys.json"').clients[0].jwks_file == tmp_path / "keys.json"


def test_the_sandbox_under_the_demo_setting(tmp_path: Path) -> None:
    text = URL + HOSPITAL.replace("ehr.example.org", "sandbox.cds-hooks.org")
    assert read(tmp_path, "demo = true\n" + text).clients[0].issuer == "https://sandbox.cds-hooks.org"


def test_a_public_url_may_have_a_path_and_loses_its_slash(tmp_path: Path) -> None:
    assert read(tmp_path, 'public_url = "https://example.org/cds/"').public_url == "https://example.org/cds"


def test_both_readers_of_the_site_file_know_each_other() -> None:
    assert TRUST_MEMBERS == site._READ_ELSEWHERE


MINIMAL = '[[clients]]\nname = "x"\n'
ISSUED = URL + '[[clients]]\nname = "x"\nissuer = "i"\n'
KEYED = ISSUED + 'jwks_url = "https://a.example/jwks"\n'
ANOTHER = KEYED.removeprefix(URL).replace('"x"', '"y"')
SANDBOX = "the signing key of the public sandbox is public"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("public_url = 1", 1, "public_url must be a text", id="public-url-a-number"),
        pytest.param('\npublic_url = ""', 2, "public_url must be a text", id="public-url-empty"),
        pytest.param('public_url = "http://cds.example.org"', 1, "must begin with https://", id="public-url-http"),
        pytest.param('public_url = "https://u@cds.example.org"', 1, "must be a URL", id="public-url-user"),
        pytest.param('public_url = "https://cds.example.org/?x"', 1, "must be a URL", id="public-url-query"),
        pytest.param('development = "true"', 1, "development is true or false", id="development-a-text"),
        pytest.param("\ndemo = 1", 2, "demo is true or false", id="demo-a-number"),
        pytest.param('clients = "x"', 1, "clients are tables of their own", id="clients-a-text"),
        pytest.param("[clients]\nx = 1", 1, "clients are tables of their own", id="clients-one-table"),
        pytest.param("clients = [1]", 1, "clients are tables of their own", id="clients-numbers"),
        pytest.param("[[clients]]\n", 1, "name must be a text", id="no-name"),
        pytest.param('[[clients]]\nname = "a b"', 2, "name is written in log", id="name-with-blank"),
        pytest.param('[[clients]]\nname = "' + "x" * 65 + '"', 2, "name is written in log", id="name-long"),
        pytest.param(MINIMAL + "fhir_server = []", 3, "unknown member 'fhir_server'", id="misspelt"),
        pytest.param(MINIMAL + 'issuer = ""', 3, "issuer is empty", id="issuer-empty"),
        pytest.param(MINIMAL + 'issuer = " i"', 3, "issuer must be a text", id="issuer-with-blank"),
        pytest.param(MINIMAL + "issuer = 3", 3, "issuer must be a text", id="issuer-a-number"),
        pytest.param(MINIMAL + 'jwks_url = "https://a.example"', 3, "has no issuer", id="open-with-keys"),
        pytest.param(MINIMAL + 'audience = ["x"]', 3, "has no issuer", id="open-with-audience"),
        pytest.param(MINIMAL + 'algorithms = ["RS256"]', 3, "has no issuer", id="open-with-algorithms"),
        pytest.param(ISSUED, 4, "either jwks_url or jwks_file", id="no-keys"),
        pytest.param(KEYED + 'jwks_file = "k"', 4, "either jwks_url or jwks_file", id="keys-twice"),
        pytest.param(KEYED.removeprefix(URL), 3, "public_url is missing", id="no-audience"),
        pytest.param(KEYED + 'algorithms = ["HS256"]', 6, "algorithms lists some of", id="hs256"),
        pytest.param(KEYED + 'algorithms = ["none"]', 6, "algorithms lists some of", id="none"),
        pytest.param(KEYED + "algorithms = []", 6, "algorithms lists some of", id="no-algorithms"),
        pytest.param(KEYED + 'algorithms = "ES384"', 6, "algorithms stand in a list", id="algorithm-a-text"),
        pytest.param(KEYED + 'several_audiences = "yes"', 6, "several_audiences is true", id="several-a-text"),
        pytest.param(KEYED + 'audience = ["a",\n"a"]', 7, "'a' stands twice", id="audience-twice"),
        pytest.param(KEYED + 'audience = [""]', 6, "audience lists texts", id="audience-empty"),
        pytest.param(KEYED + 'vendor = "cerner"', 6, "vendor is one of epic, oracle, sandbox, generic", id="vendor"),
        pytest.param(KEYED + "allow_private_network = 0", 6, "allow_private_network is true", id="private-network"),
        pytest.param(ISSUED + 'jwks_url = "http://a.example/k"', 5, "must begin with https://", id="keys-http"),
        pytest.param(ISSUED + 'jwks_url = "http://127.0.0.1/k"', 5, "must begin with https://", id="keys-loopback"),
        pytest.param(ISSUED + 'jwks_url = "file:///etc/k"', 5, "must be a URL", id="keys-file-url"),
        pytest.param(ISSUED + 'jwks_file = "none.json"', 5, "cannot be read: No such file", id="no-key-file"),
        pytest.param(ISSUED + 'jwks_file = "site.toml"', 5, "is no key set: it is not JSON", id="key-file-other"),
        pytest.param(KEYED + '[[clients]]\nname = "x"', 7, "there is a client x already", id="name-twice"),
        pytest.param(KEYED + ANOTHER, 8, "another client has this issuer", id="issuer-twice"),
        pytest.param(KEYED + '[[clients]]\nname = "y"', 7, "must be the only one", id="open-beside-issuer"),
        pytest.param(URL + MINIMAL + ANOTHER, 5, "must be the only one", id="issuer-beside-open"),
        pytest.param(MINIMAL + '[[clients]]\nname = "y"', 4, "must be the only one", id="two-open"),
        pytest.param(KEYED.replace('"i"', '"https://sandbox.cds-hooks.org"'), 4, SANDBOX, id="sandbox"),
        pytest.param(KEYED.replace('"i"', '"https://SANDBOX.cds-hooks.org/"'), 4, SANDBOX, id="sandbox-spelling"),
        pytest.param(KEYED.replace("a.example", "sandbox.cds-hooks.org"), 4, SANDBOX, id="sandbox-keys"),
        pytest.param('x = "\ny = 1', 1, "not valid TOML", id="no-toml"),
    ],
)
def test_a_slip_is_told_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(ContentError, match=re.escape(says)) as caught:
        read(tmp_path, text)
    assert caught.value.where == f"{tmp_path / 'site.toml'}:{line}"


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org/fhir",
        "https://ehr.example.org:8443/fhir/r4",
        "https://10.1.2.3/fhir",
        "https://[fd00::1]/fhir",
        "https://ehr/fhir",
        "https://ehr.example.org/a~b/c(d)",
    ],
)
def test_fhir_servers_that_can_be_meant(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, MINIMAL + f'fhir_servers = ["{url}"]').clients[0].fhir_servers == (url,)


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example.org/fhir",
        "http://127.0.0.1/fhir",
        "HTTPS://ehr.example.org",
        "https://EHR.example.org",
        "https://user@ehr.example.org",
        "https://user:pw@ehr.example.org",
        "https://ehr.example.org:443/fhir",
        "https://ehr.example.org:0/fhir",
        "https://ehr.example.org:65536/fhir",
        "https://ehr.example.org./fhir",
        "https://ehr..example.org/fhir",
        "https://2130706433/fhir",
        "https://0x7f000001/fhir",
        "https://0177.0.0.1/fhir",
        "https://127.1/fhir",
        "https://[::1/fhir",
        "https://[1.2.3]/fhir",
        "https://ehr.example.org/fhir?x=1",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org/a/../fhir",
        "https://ehr.example.org/./fhir",
        "https://ehr.example.org//fhir",
        "https://ehr.example.org/%66hir",
        "https://ehr.example.org\\\\fhir",
        "https://ehr.example.org/fhir r4",
        "https://ehrü.example.org/fhir",
        "//ehr.example.org/fhir",
        "ehr.example.org",
        "https://",
        "*",
    ],
)
def test_fhir_servers_that_cannot(tmp_path: Path, url: str) -> None:
    with pytest.raises(ContentError, match=r"site\.toml:3: .* in fhir_servers must"):
        read(tmp_path, MINIMAL + f'fhir_servers = ["{url}"]')


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://a.example/", "https://a.example/x", "http://a.example", "http://localhost:3000"]
)
def test_origins_that_cannot_be_meant(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ContentError, match=r"site\.toml:3: .* in cors_origins must"):
        read(tmp_path, MINIMAL + f'cors_origins = ["{origin}"]')


def test_development_allows_this_machine_alone(tmp_path: Path) -> None:
    start = "development = true\n"
    for host in ("127.0.0.1", "localhost:8081", "[::1]:8081"):
        assert read(tmp_path, start + MINIMAL + f'fhir_servers = ["http://{host}/r4"]').clients
    for host in ("10.0.0.1", "ehr.example.org", "127.0.0.1.example.org", "0.0.0.0"):
        with pytest.raises(ContentError, match="http:// only on a loopback host"):
            read(tmp_path, start + MINIMAL + f'fhir_servers = ["http://{host}/r4"]')


def test_a_key_set_url_may_have_a_query(tmp_path: Path) -> None:
    url = "https://a.example/keys?tenant=1"
    assert read(tmp_path, ISSUED + f'jwks_url = "{url}"').clients[0].jwks_url == url


def test_a_key_file_that_holds_no_key_of_use(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk("ec-1", use="enc")]}))
    with pytest.raises(ContentError, match=r"site\.toml:5: .*keys\.json is no key set: it holds no key"):
        read(tmp_path, ISSUED + 'jwks_file = "keys.json"')
