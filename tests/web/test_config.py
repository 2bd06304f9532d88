"""Configuration: every setting, its default, its limits, and an error that names the key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cds_service.config import DEFAULTS, Config, read_config
from cds_service.content_files import find_cards
from cds_service.errors import ConfigError, ContentError
from cds_service.loopback import is_loopback

KEY = "0123456789abcdef"
SITE = Path(__file__).resolve().parents[2] / "docs" / "site-example.toml"
ELSEWHERE = {"CDS_HOST": "0.0.0.0", "CDS_INSECURE": "1", "CDS_UUID_KEY": KEY}


def test_defaults_are_safe() -> None:
    config = read_config({})
    assert config == Config()
    assert (config.host, config.port, config.max_body_bytes) == ("127.0.0.1", 8080, 5_000_000)
    assert (config.cors_origins, config.insecure, config.log_level) == ((), False, "info")
    assert config.max_draft_orders == 1_000
    assert config.cards == find_cards()
    assert config.answers_loopback_only
    assert config.fetch_ms == 450


def test_every_setting_is_read(tmp_path: Path) -> None:
    config = read_config(
        {
            "CDS_HOST": "0.0.0.0",
            "CDS_PORT": "9000",
            "CDS_CARDS": str(tmp_path),
            "CDS_SITE": str(SITE),
            "CDS_MAX_BODY_BYTES": "1000",
            "CDS_MAX_DRAFT_ORDERS": "20",
            "CDS_CORS_ORIGINS": " https://a.example , http://localhost:8081,",
            "CDS_UUID_KEY": KEY,
            "CDS_INSECURE": "yes",
            "CDS_LOG_LEVEL": "DEBUG",
            "CDS_FETCH_MS": "700",
            "CDS_STORE": str(tmp_path),
            "CDS_REQUIRE_RECORD": "1",
            "CDS_WORKERS": "3",
            "CDS_METRICS_OPEN": "1",
            "PATH": "/bin",
        }
    )
    origins = ("https://a.example", "http://localhost:8081")
    given = Config("0.0.0.0", 9000, tmp_path, 1000, origins, KEY.encode(), True, "debug", SITE, 20, fetch_ms=700)
    assert config == replace(given, store=str(tmp_path), require_record=True, workers=3, metrics_open=True)
    assert not config.answers_loopback_only


def test_what_is_given_overrules_the_environment() -> None:
    config = read_config({"CDS_PORT": "9000", "CDS_LOG_LEVEL": "error"}, {"CDS_PORT": "9001", "CDS_LOG_LEVEL": None})
    assert (config.port, config.log_level) == (9001, "error")


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        pytest.param({"CDS_HOST": ""}, "CDS_HOST must be the IP address", id="no-host"),
        pytest.param({"CDS_HOST": "0.0.0.0", "CDS_UUID_KEY": KEY}, "needs --insecure", id="all-addresses"),
        pytest.param({"CDS_HOST": "10.0.0.5", "CDS_UUID_KEY": KEY}, "needs --insecure", id="one-address"),
        pytest.param({"CDS_HOST": "cds.example.org", "CDS_UUID_KEY": KEY}, "CDS_HOST must be", id="a-name"),
        pytest.param({**ELSEWHERE, "CDS_UUID_KEY": ""}, "CDS_UUID_KEY", id="no-key-elsewhere"),
        pytest.param({**ELSEWHERE, "CDS_UUID_KEY": "short"}, "CDS_UUID_KEY", id="short-key"),
        pytest.param({"CDS_UUID_KEY": "short"}, "CDS_UUID_KEY", id="short-key-on-loopback"),
        pytest.param({"CDS_INSECURE": "1"}, "CDS_UUID_KEY", id="no-key-behind-a-proxy"),
        pytest.param({"CDS_INSECURE": "1", "CDS_UUID_KEY": " " * 21}, "CDS_UUID_KEY", id="blank-key"),
        pytest.param({"CDS_PROT": "1"}, "CDS_PROT is not a setting", id="misspelt"),
        pytest.param({"CDS_PORT": "0"}, "CDS_PORT", id="port-0"),
        pytest.param({"CDS_PORT": "65536"}, "CDS_PORT", id="port-too-large"),
        pytest.param({"CDS_PORT": "http"}, "CDS_PORT", id="port-a-word"),
        pytest.param({"CDS_PORT": "-1"}, "CDS_PORT", id="port-negative"),
        pytest.param({"CDS_PORT": "٨٠٨٠"}, "CDS_PORT", id="port-other-digits"),
        pytest.param({"CDS_PORT": ""}, "CDS_PORT", id="port-empty"),
        pytest.param({"CDS_MAX_BODY_BYTES": "999"}, "CDS_MAX_BODY_BYTES", id="body-too-small"),
        pytest.param({"CDS_MAX_BODY_BYTES": "5MB"}, "CDS_MAX_BODY_BYTES", id="body-with-unit"),
        pytest.param({"CDS_MAX_BODY_BYTES": "100000001"}, "CDS_MAX_BODY_BYTES", id="body-too-large"),
        pytest.param({"CDS_MAX_DRAFT_ORDERS": "0"}, "CDS_MAX_DRAFT_ORDERS must be a whole number", id="no-drafts"),
        pytest.param({"CDS_MAX_DRAFT_ORDERS": "100001"}, "CDS_MAX_DRAFT_ORDERS", id="too-many-drafts"),
        pytest.param({"CDS_CARDS": "/none/such"}, "CDS_CARDS", id="no-cards"),
        pytest.param({"CDS_SITE": "/none/such.toml"}, "CDS_SITE is /none/such.toml, which is not a file", id="no-site"),
        pytest.param({"CDS_SITE": "/"}, "CDS_SITE is /, which is not a file", id="site-a-directory"),
        pytest.param({"CDS_INSECURE": "maybe"}, "CDS_INSECURE", id="flag"),
        pytest.param({"CDS_STORE": "/none/such"}, "CDS_STORE is /none/such, which is not a directory", id="no-store"),
        pytest.param({"CDS_STORE": str(SITE)}, "CDS_STORE is .* not a directory", id="store-a-file"),
        pytest.param({"CDS_REQUIRE_RECORD": "1"}, "CDS_REQUIRE_RECORD needs CDS_STORE", id="records-nowhere"),
        pytest.param({"CDS_REQUIRE_RECORD": "often"}, "CDS_REQUIRE_RECORD", id="records-flag"),
        pytest.param({"CDS_WORKERS": "0"}, "CDS_WORKERS must be a whole number from 1 to 64", id="no-workers"),
        pytest.param({"CDS_WORKERS": "65"}, "CDS_WORKERS", id="too-many-workers"),
        pytest.param({"CDS_METRICS_OPEN": "all"}, "CDS_METRICS_OPEN", id="metrics-flag"),
        pytest.param({"CDS_LOG_LEVEL": "loud"}, "CDS_LOG_LEVEL", id="level"),
        pytest.param({"CDS_FETCH_MS": "0"}, "CDS_FETCH_MS", id="no-time"),
        pytest.param({"CDS_FETCH_MS": "10001"}, "CDS_FETCH_MS", id="too-much-time"),
        *(
            pytest.param({"CDS_CORS_ORIGINS": origin}, "CDS_CORS_ORIGINS", id=f"origin-{origin}")
            for origin in (
                "*",
                "null",
                "sandbox.cds-hooks.org",
                "https://",
                "https://*.example.org",
                "https://a.example/",
                "https://a.example/path",
                "https://A.example",
                "https://user@a.example",
                "https://a.example https://b.example",
                "ftp://a.example",
            )
        ),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_config(environ)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="CDS_PROT is not a setting"):
        read_config({}, {"CDS_PROT": "1"})


def test_no_error_repeats_the_key() -> None:
    with pytest.raises(ConfigError) as caught:
        read_config({"CDS_UUID_KEY": "short-secret"})
    assert "short-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        ELSEWHERE,
        {"CDS_CORS_ORIGINS": "https://a.example,https://b.example", "CDS_LOG_LEVEL": "warning", "CDS_PORT": "1"},
        {"CDS_SITE": str(SITE)},
        {"CDS_MAX_DRAFT_ORDERS": "7"},
        {"CDS_FETCH_MS": "10"},
        {"CDS_STORE": "postgresql://cds:word@db/cds", "CDS_REQUIRE_RECORD": "1"},
        {"CDS_WORKERS": "8", "CDS_METRICS_OPEN": "1"},
    ],
    ids=["defaults", "elsewhere", "others", "site", "drafts", "fetch", "store", "workers"],
)
def test_a_worker_reads_the_same_configuration(environ: dict[str, str]) -> None:
    config = read_config(environ)
    assert set(config.as_environ()) == set(DEFAULTS)
    assert read_config(config.as_environ()) == config


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        pytest.param({}, ["CDS_UUID_KEY", "CDS_SITE", "CDS_STORE"], id="defaults"),
        pytest.param({"CDS_UUID_KEY": KEY}, ["CDS_SITE", "CDS_STORE"], id="key"),
        pytest.param({"CDS_UUID_KEY": KEY, "CDS_STORE": "/"}, ["CDS_SITE"], id="key-and-store"),
        pytest.param(ELSEWHERE, ["CDS_INSECURE", "CDS_STORE"], id="elsewhere"),
        pytest.param({"CDS_INSECURE": "1", "CDS_UUID_KEY": KEY, "CDS_STORE": "/"}, ["CDS_INSECURE"], id="insecure"),
    ],
)
def test_what_the_operator_hears(environ: dict[str, str], warned: list[str]) -> None:
    assert [text.split(" ", 1)[0] for text in read_config(environ).warnings] == warned


ISSUED = """
public_url = "https://cds.example.org"
[[clients]]
name = "hospital"
issuer = "https://ehr.example.org"
jwks_url = "https://ehr.example.org/jwks"
"""
OPEN = '[[clients]]\nname = "workbench"\ncors_origins = ["https://pages.example.org"]\n'
DEVELOPMENT = "development = true\n"
BEHIND_TLS = {"CDS_HOST": "0.0.0.0", "CDS_UUID_KEY": KEY}


def at_site(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "site.toml"
    path.write_text(text)
    return read_config({"CDS_SITE": str(path), **environ})


@pytest.mark.parametrize(
    ("text", "environ", "loopback_only", "development"),
    [
        pytest.param("", {}, True, False, id="no-clients"),
        pytest.param("", {"CDS_INSECURE": "1", "CDS_UUID_KEY": KEY}, False, False, id="no-clients-insecure"),
        pytest.param("", ELSEWHERE, False, False, id="no-clients-elsewhere"),
        pytest.param(OPEN, {}, True, False, id="open"),
        pytest.param(OPEN, ELSEWHERE, False, False, id="open-elsewhere"),
        pytest.param(DEVELOPMENT + OPEN, {}, True, True, id="open-development"),
        pytest.param(ISSUED, {"CDS_UUID_KEY": KEY}, False, False, id="issuer-here"),
        pytest.param(ISSUED, BEHIND_TLS, False, False, id="issuer-elsewhere"),
        pytest.param(DEVELOPMENT + ISSUED, {}, True, True, id="issuer-development"),
    ],
)
def test_who_is_answered(
    tmp_path: Path, text: str, environ: dict[str, str], loopback_only: bool, development: bool
) -> None:
    config = at_site(tmp_path, text, **environ)
    assert (config.answers_loopback_only, config.registry.development) == (loopback_only, development)
    assert read_config(config.as_environ()) == config


@pytest.mark.parametrize(
    ("text", "environ", "says"),
    [
        pytest.param("", BEHIND_TLS, "names no client with an issuer: .* --insecure", id="no-clients-elsewhere"),
        pytest.param(OPEN, BEHIND_TLS, "names no client with an issuer: .* --insecure", id="open-elsewhere"),
        pytest.param(DEVELOPMENT + ISSUED, BEHIND_TLS, "development = true: set it to false", id="development"),
        pytest.param(DEVELOPMENT + OPEN, ELSEWHERE, "development = true: set it", id="development-insecure"),
        pytest.param(
            DEVELOPMENT + OPEN, {"CDS_INSECURE": "1"}, "CDS_INSECURE .* development = true", id="insecure-on-loopback"
        ),
        pytest.param(
            DEVELOPMENT + ISSUED, {"CDS_INSECURE": "1"}, "CDS_INSECURE .* development = true", id="insecure-with-tokens"
        ),
        pytest.param(ISSUED, {}, "CDS_UUID_KEY must be a secret", id="issuer-without-uuid-key"),
        pytest.param(
            ISSUED,
            {**BEHIND_TLS, "CDS_CORS_ORIGINS": "https://a.example"},
            "CDS_CORS_ORIGINS belongs to no client",
            id="origins-of-nobody",
        ),
        pytest.param(
            ISSUED, {**BEHIND_TLS, "CDS_WORKERS": "2"}, "CDS_WORKERS is 2 .* CDS_STORE is not set", id="tokens-of-each"
        ),
    ],
)
def test_what_clients_rule_out(tmp_path: Path, text: str, environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        at_site(tmp_path, text, **environ)


def test_a_slip_in_the_clients_stops_the_start_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"site\.toml:2: name must be a text"):
        at_site(tmp_path, "[[clients]]\nname = 1\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "names no clients: only callers on this machine", id="no-clients"),
        pytest.param(OPEN, "client workbench has no issuer", id="open"),
        pytest.param(DEVELOPMENT + ISSUED, "development = true: only callers on this machine", id="development"),
        pytest.param("demo = true\n" + ISSUED, "demo = true: anybody can sign", id="demo"),
    ],
)
def test_what_the_operator_hears_of_clients(tmp_path: Path, text: str, says: str) -> None:
    (warning,) = at_site(tmp_path, text, CDS_UUID_KEY=KEY, CDS_STORE="/").warnings
    assert warning.startswith("CDS_SITE")
    assert says in warning


def test_without_a_site_file_none_is_said_to_name_no_clients() -> None:
    (warning,) = read_config({"CDS_UUID_KEY": KEY, "CDS_STORE": "/"}).warnings
    assert warning.startswith("CDS_SITE is not set, so there are no clients: only callers on this machine")


def test_with_issuers_there_is_nothing_to_warn_of(tmp_path: Path) -> None:
    assert at_site(tmp_path, ISSUED, **BEHIND_TLS, CDS_STORE="/").warnings == ()
    assert at_site(tmp_path, ISSUED, **BEHIND_TLS, CDS_STORE="/", CDS_INSECURE="1").warnings == ()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("Localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.1.1.1", False),
        ("localhost.example.org", False),
        ("127.1", False),
        ("0x7f000001", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_password_of_a_store_does_not_show() -> None:
    config = read_config({"CDS_STORE": "postgresql://cds:s3cret-word@db/cds"})
    assert "s3cret-word" not in repr(config)
    assert "s3cret-word" not in " ".join(config.warnings)


def test_several_workers_share_used_tokens_by_a_store_or_have_no_tokens(tmp_path: Path) -> None:
    assert at_site(tmp_path, ISSUED, **BEHIND_TLS, CDS_WORKERS="2", CDS_STORE="/").workers == 2
    assert at_site(tmp_path, ISSUED, **BEHIND_TLS, CDS_WORKERS="1").workers == 1
    assert at_site(tmp_path, "", CDS_WORKERS="2").workers == 2
