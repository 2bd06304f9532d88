"""Configuration: every setting, its default, its limits, and an error that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.config import DEFAULTS, Config, is_loopback, read_config
from cds_service.content_files import find_cards
from cds_service.errors import ConfigError

KEY = "0123456789abcdef"
SITE = Path(__file__).resolve().parents[2] / "docs" / "site-example.toml"
ELSEWHERE = {"CDS_HOST": "0.0.0.0", "CDS_INSECURE": "1", "CDS_UUID_KEY": KEY}


def test_defaults_are_safe() -> None:
    config = read_config({})
    assert config == Config()
    assert (config.host, config.port, config.max_body_bytes) == ("127.0.0.1", 8080, 5_000_000)
    assert (config.cors_origins, config.insecure, config.log_level) == ((), False, "info")
    assert config.cards == find_cards()
    assert config.answers_loopback_only


def test_every_setting_is_read(tmp_path: Path) -> None:
    config = read_config(
        {
            "CDS_HOST": "0.0.0.0",
            "CDS_PORT": "9000",
            "CDS_CARDS": str(tmp_path),
            "CDS_SITE": str(SITE),
            "CDS_MAX_BODY_BYTES": "1000",
            "CDS_CORS_ORIGINS": " https://a.example , http://localhost:8081,",
            "CDS_UUID_KEY": KEY,
            "CDS_INSECURE": "yes",
            "CDS_LOG_LEVEL": "DEBUG",
            "CDS_STORE": str(tmp_path),
            "CDS_REQUIRE_RECORD": "1",
            "PATH": "/bin",
        }
    )
    origins = ("https://a.example", "http://localhost:8081")
    assert config == Config(
        "0.0.0.0", 9000, tmp_path, 1000, origins, KEY.encode(), True, "debug", SITE, str(tmp_path), True
    )
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
        pytest.param({"CDS_CARDS": "/none/such"}, "CDS_CARDS", id="no-cards"),
        pytest.param({"CDS_SITE": "/none/such.toml"}, "CDS_SITE is /none/such.toml, which is not a file", id="no-site"),
        pytest.param({"CDS_SITE": "/"}, "CDS_SITE is /, which is not a file", id="site-a-directory"),
        pytest.param({"CDS_INSECURE": "maybe"}, "CDS_INSECURE", id="flag"),
        pytest.param({"CDS_STORE": "/none/such"}, "CDS_STORE is /none/such, which is not a directory", id="no-store"),
        pytest.param({"CDS_STORE": str(SITE)}, "CDS_STORE is .* not a directory", id="store-a-file"),
        pytest.param({"CDS_REQUIRE_RECORD": "1"}, "CDS_REQUIRE_RECORD needs CDS_STORE", id="records-nowhere"),
        pytest.param({"CDS_REQUIRE_RECORD": "often"}, "CDS_REQUIRE_RECORD", id="records-flag"),
        pytest.param({"CDS_LOG_LEVEL": "loud"}, "CDS_LOG_LEVEL", id="level"),
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
        {"CDS_STORE": "postgresql://cds:word@db/cds", "CDS_REQUIRE_RECORD": "1"},
    ],
    ids=["defaults", "elsewhere", "others", "site", "store"],
)
def test_a_worker_reads_the_same_configuration(environ: dict[str, str]) -> None:
    config = read_config(environ)
    assert set(config.as_environ()) == set(DEFAULTS)
    assert read_config(config.as_environ()) == config


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        pytest.param({}, ["CDS_UUID_KEY", "CDS_STORE"], id="defaults"),
        pytest.param({"CDS_UUID_KEY": KEY}, ["CDS_STORE"], id="key"),
        pytest.param({"CDS_UUID_KEY": KEY, "CDS_STORE": "/"}, [], id="key-and-store"),
        pytest.param(ELSEWHERE, ["CDS_INSECURE", "CDS_STORE"], id="elsewhere"),
        pytest.param({"CDS_INSECURE": "1", "CDS_UUID_KEY": KEY, "CDS_STORE": "/"}, ["CDS_INSECURE"], id="insecure"),
    ],
)
def test_what_the_operator_hears(environ: dict[str, str], warned: list[str]) -> None:
    assert [text.split(" ", 1)[0] for text in read_config(environ).warnings] == warned


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
