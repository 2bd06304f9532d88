"""All checks of one installation together: which are made, which are skipped, and what hangs on what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.doctor import examine as examine_module
from cds_service.doctor.examine import Surroundings, examine
from cds_service.doctor.findings import Finding, State, fine
from cds_service.doctor.network import Reply, Unreachable
from cds_service.errors import ConfigError
from cds_service.trust.clients import Client
from cds_service.trust.keys import KeysUnreadable
from tests.trust.tokens_made import NOW, key_set

FHIR = "https://ehr.example.org/fhir/r4"
KEYS = "https://keys.example.org/jwks"
SITE = f"""
public_url = "https://cds.example.org"
[[clients]]
name = "general-hospital"
issuer = "https://ehr.example.org"
jwks_url = "{KEYS}"
fhir_servers = ["{FHIR}"]
"""
CAPABILITY = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
ENVIRON = {"CDS_UUID_KEY": "a secret of many characters"}


def ask(url: str, _: Callable[[str], bool]) -> Reply:
    """Every server answers, with our time and a certificate that lasts."""
    return Reply(200, json.dumps(CAPABILITY).encode(), NOW, NOW, NOW + timedelta(days=90))


AROUND = Surroundings(
    clock=lambda: NOW,
    python=(3, 11, 7),
    requirements=("flask>=3",),
    version_of=lambda _: "3.1",
    ask=ask,
    read_keys=lambda _: key_set("ec-1"),
    claim=lambda *_: None,
    free_bytes=lambda _: 10**12,
    may_write=lambda _: True,
)


@pytest.fixture(autouse=True)
def _quick_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is proved elsewhere; here it is only looked at."""

    def look(cards: Path, site: Path | None, _: object) -> tuple[Finding, ...]:
        return (fine("content", f"{cards.name} {site and site.name}"),)

    monkeypatch.setattr(examine_module, "check_content", look)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str | None]:
    site, store = tmp_path / "site.toml", tmp_path / "store"
    site.write_text(SITE, encoding="utf-8")
    store.mkdir()
    return {"CDS_SITE": str(site), "CDS_STORE": str(store), "CDS_CARDS": None}


def look(given: dict[str, str | None], around: Surroundings = AROUND) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(ENVIRON, given, around)}


def test_an_installation_that_is_well(given: dict[str, str | None]) -> None:
    found = look(given)
    assert {finding.state for finding in found.values()} == {State.OK}
    assert list(found) == [
        *("python", "packages", "settings", "content", "store", "disk"),
        *("keys general-hospital", f"FHIR server {FHIR}"),
        *("certificate https://keys.example.org", "certificate https://ehr.example.org"),
        *("certificate https://cds.example.org", "clock", "port 8080"),
    ]
    assert found["content"].found == "cards site.toml"
    assert ENVIRON["CDS_UUID_KEY"] not in " ".join(finding.as_text() for finding in found.values())


def test_an_installation_at_its_first_run() -> None:
    found = {finding.name: finding for finding in examine({}, {}, AROUND)}
    assert [name for name, one in found.items() if one.state is State.SKIPPED] == [
        *("store", "keys", "FHIR servers", "clock")
    ]
    assert [name for name, one in found.items() if one.state is State.PROBLEM] == []


def test_the_demo_is_not_asked_for_its_own_charts() -> None:
    found = {finding.name: finding for finding in examine({"CDS_DEMO": "1"}, {}, AROUND)}
    assert found["FHIR servers"].state is State.SKIPPED
    assert "demo" in found["FHIR servers"].found


@pytest.mark.parametrize("wrong", [{"CDS_PORT": "many"}, {"CDS_SITE": "nowhere.toml"}, {"CDS_PROT": "1"}])
def test_settings_that_cannot_be_read_leave_the_rest_unseen(wrong: dict[str, str]) -> None:
    found = {finding.name: finding for finding in examine(wrong, {}, AROUND)}
    assert found["settings"].state is State.PROBLEM
    assert next(iter(wrong)) in found["settings"].found
    skipped = {name for name, finding in found.items() if finding.state is State.SKIPPED}
    assert skipped == {"store", "keys", "FHIR servers", "clock", "port"}
    assert found["content"].state is State.OK


def test_an_unfit_site_file_is_named_with_its_line(given: dict[str, str | None]) -> None:
    path = Path(str(given["CDS_SITE"]))
    path.write_text("[[clients]]\nname = 7\n", encoding="utf-8")
    assert f"{path}:2:" in look(given)["settings"].found


def _unreachable(url: str, _: Callable[[str], bool]) -> Reply:
    raise Unreachable("nothing listens")


def _late(url: str, may_connect: Callable[[str], bool]) -> Reply:
    return replace(ask(url, may_connect), at=NOW + timedelta(seconds=31))


def _ending(url: str, may_connect: Callable[[str], bool]) -> Reply:
    return replace(ask(url, may_connect), certificate_until=NOW + timedelta(days=1))


def _no_keys(_: Client) -> bytes:
    raise KeysUnreadable("it is down")


def _taken(*_: object) -> None:
    raise ConfigError("not free")


@pytest.mark.parametrize(
    ("fault", "names", "state"),
    [
        ({"python": (3, 9, 1)}, ["python"], State.PROBLEM),
        ({"version_of": lambda _: None}, ["packages"], State.PROBLEM),
        ({"may_write": lambda _: False}, ["store"], State.PROBLEM),
        ({"free_bytes": lambda _: 0}, ["disk"], State.PROBLEM),
        ({"read_keys": _no_keys}, ["keys general-hospital"], State.PROBLEM),
        ({"ask": _unreachable}, [f"FHIR server {FHIR}"], State.PROBLEM),
        ({"ask": _unreachable}, ["certificate https://keys.example.org", "clock"], State.SKIPPED),
        ({"ask": _unreachable}, ["public URL https://cds.example.org"], State.WARNING),
        ({"ask": _late}, ["clock"], State.PROBLEM),
        (
            {"ask": _ending},
            [f"certificate https://{name}.example.org" for name in ("keys", "ehr", "cds")],
            State.WARNING,
        ),
        ({"ask": _unreachable, "claim": _taken}, [f"FHIR server {FHIR}", "port 8080"], State.PROBLEM),
    ],
)
def test_each_fault_is_found_and_no_other(
    given: dict[str, str | None], fault: dict[str, Any], names: list[str], state: State
) -> None:
    found = look(given, replace(AROUND, **fault))
    assert [name for name, finding in found.items() if finding.state is state] == names
    assert all(finding.advice and finding.matters for finding in found.values() if finding.state is State.PROBLEM)
