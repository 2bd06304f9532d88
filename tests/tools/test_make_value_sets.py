"""The shipped value sets rest on verified codes only, and the generator keeps them so."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from fhir.resources.R4B.valueset import ValueSet

from cds_service.content_files import find_cards, read_json
from cds_service.facts.terminology import load_systems

DIRECTORY = find_cards() / "value-sets"
SETS = sorted(DIRECTORY.glob("*.json"))
SYSTEMS = load_systems(DIRECTORY / "code-systems.yaml")
TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_value_sets.py"

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ATC = "http://www.whocc.no/atc"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_value_sets", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def verified_rows() -> list[dict[str, str]]:
    with (DIRECTORY / "verified-codes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def members() -> Iterator[tuple[str, str, str, str]]:
    """Every (set, system, code, display) of the value set files; a category has the display "category"."""
    for path in SETS:
        compose = json.loads(path.read_text(encoding="utf-8"))["compose"]
        for part in (*compose["include"], *compose.get("exclude", ())):
            for member in part.get("concept", ()):
                yield path.stem, part["system"], member["code"], member.get("display", "")
            for rule in part.get("filter", ()):
                yield path.stem, part["system"], rule["value"], "category"


# The dihedral group of order ten, as the Verhoeff scheme of SNOMED CT identifiers uses it.
_TIMES = [[(a + b) % 5 if a < 5 else 5 + (a - b) % 5 for b in range(5)] for a in range(10)]
_TIMES = [
    [*row, *([5 + (a + b) % 5 for b in range(5)] if a < 5 else [(a - b) % 5 for b in range(5)])]
    for a, row in enumerate(_TIMES)
]
_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def passes_verhoeff(code: str) -> bool:
    check = 0
    for place, letter in enumerate(reversed(code)):
        digit = int(letter)
        for _ in range(place % 8):
            digit = _TURN[digit]
        check = _TIMES[check][digit]
    return check == 0


def passes_loinc(code: str) -> bool:
    body, check = code.split("-")
    total = 0
    for place, letter in enumerate(reversed(body)):
        # The letters of an answer code count by their distance from "0", like the digits.
        value = ord(letter) - ord("0")
        total += 2 * value - 9 * (value // 5) if place % 2 == 0 else value
    return (10 - total % 10) % 10 == int(check)


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("363418001", True),
        ("461391000124102", True),
        ("363418002", False),
        ("336418001", False),
        # Ids that public sources print, and that are none.
        ("16457501000119100", False),
        ("432416000", False),
        ("9408008", False),
    ],
)
def test_verhoeff_tells_a_slip_from_an_identifier(code: str, passes: bool) -> None:
    assert passes_verhoeff(code) is passes


@pytest.mark.parametrize(
    ("code", "passes"),
    [("11529-5", True), ("LA9622-7", True), ("11529-4", False), ("15129-5", False), ("LA9623-7", False)],
)
def test_loinc_check_digit_tells_a_slip_from_a_code(code: str, passes: bool) -> None:
    assert passes_loinc(code) is passes


def test_every_verified_code_passes_the_check_digit_of_its_system() -> None:
    rows = verified_rows()
    slips = [row["code"] for row in rows if row["system_url"] == SNOMED and not passes_verhoeff(row["code"])]
    slips += [row["code"] for row in rows if row["system_url"] == LOINC and not passes_loinc(row["code"])]
    assert slips == []
    assert {SNOMED, LOINC} < {row["system_url"] for row in rows}


def test_every_verified_code_names_its_source_and_its_confidence() -> None:
    for row in verified_rows():
        assert row["verified_in"], row
        assert row["confidence"] in {"high", "medium"}, row
        assert bool(row["second_source"]) == (row["confidence"] == "high"), row


def test_every_code_of_a_set_is_verified() -> None:
    verified = {(row["system_url"], row["code"]) for row in verified_rows()}
    strangers = [
        (name, code)
        for name, system, code, display in members()
        if display != "category" and (system, code) not in verified
    ]
    assert strangers == []


def test_every_category_of_a_set_covers_a_verified_code() -> None:
    rows = verified_rows()
    empty = [
        (name, code)
        for name, system, code, display in members()
        if display == "category"
        and not any(row["system_url"] == system and row["code"].startswith(code) for row in rows)
    ]
    assert empty == []


def test_the_files_are_what_the_generator_makes(tool: ModuleType) -> None:
    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_value_set_is_a_draft_fhir_r4_value_set_of_our_own(path: Path) -> None:
    raw = read_json(path)
    parsed = ValueSet.model_validate(raw)
    assert parsed.status == "draft"
    assert parsed.url == f"https://pancreas-cds.example.org/ValueSet/{parsed.id}"
    assert parsed.id == re.sub(r"[._]", "-", path.stem)
    assert all(isinstance(code, str) for name, _, code, _ in members() if name == path.stem)
    used = {part["system"] for part in raw["compose"]["include"]}
    assert {system.copyright in raw["copyright"] for system in SYSTEMS if system.uris[0] in used} == {True}


def test_ids_and_machine_names_are_unique() -> None:
    sets = [read_json(path) for path in SETS]
    assert len({item["id"] for item in sets}) == len(sets)
    assert len({item["name"] for item in sets}) == len(sets)


def test_displays_are_shipped_only_where_the_licence_allows() -> None:
    noted = {row["code"] for row in verified_rows() if "[GPS]" in row["note"]}
    for _, system, code, display in members():
        if system == SNOMED:
            assert bool(display) == (code in noted), code
        elif re.fullmatch(r"LA\d+-\d", code):
            assert display == ""
        elif system == ATC:
            assert display == "category" or re.fullmatch(r"([a-z]+( [a-z]+)?)?", display), code
        else:
            assert display, code
    for row in verified_rows():
        assert "[GPS]" in row["note"] or not (row["system_url"] == SNOMED and row["display"]), row
        assert "cpt" not in row["system_url"].lower()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DIRECTORY, tmp_path / "value-sets"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_generator_notices_and_mends_an_edited_a_missing_and_a_stray_file(copied: Path, tool: ModuleType) -> None:
    (copied / "stray.json").write_text("{}", encoding="utf-8")
    (copied / "regimen.json").unlink()
    edit(copied / "site.liver.json", "10200004", "15776009")
    assert tool.main(["--check", "--directory", str(copied)]) == 1
    assert tool.main(["--directory", str(copied)]) == 0
    assert tool.main(["--check", "--directory", str(copied)]) == 0
    assert not (copied / "stray.json").exists()
    assert (copied / "regimen.json").read_bytes() == (DIRECTORY / "regimen.json").read_bytes()


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("verified-codes.csv", "concept,system_url", "concept,system", "the columns must be"),
        ("verified-codes.csv", "C25.0,", "C25.0,extra,", "has 10 columns, not 9"),
        ("sets.yaml", '"782697005"', '"782697006"', "has no row for 782697006"),
        ("sets.yaml", 'prefixes: ["C25"]', 'prefixes: ["C26"]', "no verified code begins with C26"),
        ("sets.yaml", 'rows: "regimen"', 'rows: "regime"', "regime has no row for it"),
        ("sets.yaml", 'title: "Gemcitabine"', 'titel: "Gemcitabine"', "missing or unknown: titel, title"),
        ("sets.yaml", 'system: "snomed"', 'sytem: "snomed"', "missing or unknown: sytem"),
        ("code-systems.yaml", "http://loinc.org", "http://loinc.example.org", "not in code-systems.yaml"),
    ],
)
def test_generator_refuses_what_is_not_verified(
    copied: Path, tool: ModuleType, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, problem: str
) -> None:
    edit(copied / file, old, new)
    assert tool.main(["--check", "--directory", str(copied)]) == 2
    assert problem in capsys.readouterr().err
