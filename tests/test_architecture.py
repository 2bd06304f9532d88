"""Rules of the house that neither the linter nor the import contracts can check."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.facts.terminology import load_terminology

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cds_service"
SOURCES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = ("cds_service", "tests", "tools", "bench")
EVERY_PYTHON_FILE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
CARDS = find_cards()

# Only these two may ask what time it is; everyone else is told. No one draws an id by chance.
MAY_READ_THE_CLOCK = {"app.py", "cli.py"}
LONGEST_MODULE = 400
_CLOCKS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime"},
    "uuid": {"uuid1", "uuid4"},
}
_CONCEPT_NAME = re.compile(
    r"(cond|drug|proc|path|rad|lab|genetics|img|mri|site|guidance|mcode|intent|status|route|reason|cancer|resectability"
    r"|tissue)\.[A-Za-z][A-Za-z0-9_]*"
)
_SAYS_NOTHING = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?|processors?)($|_)")
_BLANKET = re.compile(r"#\s*(noqa(?!:\s*[A-Z])|type:\s*ignore(?!\[)|pragma:\s*no\s*cover)", re.IGNORECASE)


def clock_readings(source: str) -> list[str]:
    """Where a module reads the time of day or draws an id: ``name.attribute`` of each place, called or not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in _CLOCKS.get(owner.lstrip("_"), ()):
                found.append(f"{owner}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "uuid"}:
            found.extend(f"{node.module}.{name.name}" for name in node.names if name.name in _CLOCKS[node.module])
    return found


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and value of every string of a module, docstrings apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from datetime import datetime\nx = datetime.now()", ["datetime.now"]),
        ("import datetime\nx = datetime.datetime.utcnow()", ["datetime.utcnow"]),
        ("import datetime as d\nx = d.date.today", ["date.today"]),
        ("import time\nx = time.time()", ["time.time"]),
        ("from time import time_ns", ["time.time_ns"]),
        ("from uuid import UUID, uuid4", ["uuid.uuid4"]),
        ("import uuid\nx = uuid.UUID(int=1)", []),
        ("import time\nx = time.perf_counter()", []),
        ("def f(now): return now.date()", []),
    ],
)
def test_a_clock_reading_is_seen(source: str, found: list[str]) -> None:
    assert clock_readings(source) == found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_keeps_the_rules_of_the_house(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if str(path.relative_to(PACKAGE)) not in MAY_READ_THE_CLOCK:
        assert clock_readings(text) == []
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert not _SAYS_NOTHING.search(path.stem), "name a module by what it holds"
    assert ast.get_docstring(ast.parse(text)) or not text.strip(), "say in the docstring what the module is for"


@pytest.mark.parametrize(
    ("comment", "blanket"),
    [
        ("x  # noqa", True),
        ("x  # noqa: E501", False),
        ("x  # type: ignore", True),
        ("x  # type: ignore[arg-type]", False),
        ("x  # pragma: no cover", True),
        ("x  # ignore what follows", False),
    ],
)
def test_a_blanket_suppression_is_seen(comment: str, blanket: bool) -> None:
    assert bool(_BLANKET.search(comment)) is blanket


def test_no_file_suppresses_findings_wholesale() -> None:
    this = Path(__file__)
    hits = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in EVERY_PYTHON_FILE
        if path != this
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _BLANKET.search(line)
    ]
    assert hits == []


def test_every_concept_that_code_asks_for_exists() -> None:
    """A misspelt value set name would be false for every patient, and nobody would notice."""
    known = set(load_terminology(CARDS / "value-sets").names)
    for path in (CARDS / "lexicon").glob("*.yaml"):
        known.update(match.group() for match in _CONCEPT_NAME.finditer(path.read_text(encoding="utf-8")))
    unknown = [
        f"{path.relative_to(ROOT)}:{line}: {value}"
        for path in SOURCES
        for line, value in strings(path)
        if _CONCEPT_NAME.fullmatch(value) and value not in known
    ]
    assert unknown == []


def test_codes_stand_in_value_sets_not_in_python() -> None:
    with (CARDS / "value-sets" / "verified-codes.csv").open(encoding="utf-8", newline="") as file:
        # Short ones ("CT", "H", "active") are words as well.
        codes = {row["code"] for row in csv.DictReader(file) if len(row["code"]) > 3 and re.search(r"\d", row["code"])}
    hits = [
        f"{path.relative_to(ROOT)}:{line}: {value}"
        for path in SOURCES
        for line, value in strings(path)
        if value in codes
    ]
    assert hits == []
