"""Make the value sets of ``cards/value-sets`` from the verified codes.

    python tools/make_value_sets.py [CODES.csv] [--check]

Reads CODES.csv (default: ``verified-codes.csv`` in the same directory) and the reviewed mapping
``sets.yaml``; writes ``verified-codes.csv`` (the rows that a set uses, without the displays that their
licence keeps us from shipping) and one FHIR R4 ValueSet ``<name>.json`` per set. With ``--check`` nothing is
written; the exit status is 1 if a file differs from what would be written.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cds_service.content_files import line_of, read_text, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.terminology import SYSTEMS_FILE, CodeSystem, load_systems

CANONICAL = "https://pancreas-cds.example.org/ValueSet/"
VERSION = "0.1.0"
CODES_FILE = "verified-codes.csv"
MAPPING_FILE = "sets.yaml"
COLUMNS = (
    "concept",
    "system_url",
    "code",
    "display",
    "include_descendants",
    "verified_in",
    "second_source",
    "confidence",
    "note",
)
_INN = re.compile(r"[a-z]+( [a-z]+)?")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ValueSetPlan:
    """One set of ``sets.yaml``: its rows in the order of the codes file, its categories with their system's URI."""

    name: str
    title: str
    concepts: frozenset[str]
    rows: tuple[Row, ...]
    prefixes: tuple[tuple[str, str], ...]
    not_prefixes: tuple[tuple[str, str], ...]


def read_codes(path: Path) -> list[Row]:
    """The rows of a codes file; ContentError with its line if one has not exactly the nine columns."""
    reader = csv.reader(io.StringIO(read_text(path)))
    if tuple(next(reader, ())) != COLUMNS:
        raise ContentError(f"{path}:1", f"the columns must be {', '.join(COLUMNS)}")
    rows: list[Row] = []
    for cells in reader:
        if len(cells) != len(COLUMNS):
            problem = f"has {len(cells)} columns, not {len(COLUMNS)}: put quotes round a cell with a comma"
            raise ContentError(f"{path}:{reader.line_num}", problem)
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def read_plans(path: Path, rows: Sequence[Row], systems: Mapping[str, CodeSystem]) -> list[ValueSetPlan]:
    """The sets of ``sets.yaml``; ContentError where a group, a code or a category is not among the verified rows."""
    plans = []
    for name, node in read_yaml(path).items():
        where = f"{path}:{line_of(node)}"
        _check_keys(node, {"title", "from"}, {"prefixes", "not_prefixes"}, f"{where}: {name}")
        taken: dict[tuple[str, str], Row] = {}
        for group in node["from"]:
            for row in _rows_of(group, rows, systems, f"{path}:{line_of(group)}"):
                taken.setdefault((row["system_url"], row["code"]), row)
        used = {row["system_url"] for row in taken.values()}
        categories = [row for row in rows if row["system_url"] in used and systems[row["system_url"]].has_prefixes]
        plans.append(
            ValueSetPlan(
                name,
                node["title"],
                frozenset(group["rows"] for group in node["from"]),
                tuple(taken.values()),
                _categories(node.get("prefixes", ()), categories, f"{where}: {name}"),
                _categories(node.get("not_prefixes", ()), categories, f"{where}: {name}"),
            )
        )
    return plans


def _check_keys(node: Mapping[str, Any], needed: set[str], allowed: set[str], where: str) -> None:
    wrong = (needed - set(node)) | (set(node) - needed - allowed)
    if wrong:
        raise ContentError(where, f"missing or unknown: {', '.join(sorted(wrong))}")


def _rows_of(group: Mapping[str, Any], rows: Sequence[Row], systems: Mapping[str, CodeSystem], where: str) -> list[Row]:
    _check_keys(group, {"rows"}, {"system", "only", "without"}, where)
    found = [row for row in rows if row["concept"] == group["rows"]]
    codes = {row["code"] for row in found}
    only, without = set(group.get("only", codes)), set(group.get("without", ()))
    missing = (only | without) - codes
    if missing or not found:
        raise ContentError(where, f"{group['rows']} has no row for {', '.join(sorted(missing)) or 'it'}")
    strange = {row["system_url"] for row in found} - set(systems)
    if strange:
        raise ContentError(where, f"{group['rows']} has codes of {', '.join(sorted(strange))}: not in {SYSTEMS_FILE}")
    wanted = {uri for uri, system in systems.items() if group.get("system", system.key) == system.key}
    return [row for row in found if row["code"] in only and row["code"] not in without and row["system_url"] in wanted]


def _categories(prefixes: Sequence[str], rows: Sequence[Row], where: str) -> tuple[tuple[str, str], ...]:
    """Each category with the systems in which a verified code is it, or begins with it."""
    pairs: list[tuple[str, str]] = []
    for prefix in prefixes:
        uris = dict.fromkeys(row["system_url"] for row in rows if row["code"].startswith(prefix))
        if not uris:
            raise ContentError(where, f"no verified code begins with {prefix}")
        pairs.extend((uri, prefix) for uri in uris)
    return tuple(pairs)


def display_of(row: Row, system: CodeSystem) -> str:
    """The display of a row as far as it may be shipped."""
    allowed = {
        "all": row["code"] not in system.not_displayed,
        "gps": "[GPS]" in row["note"],
        "inn": _INN.fullmatch(row["display"]) is not None,
        "none": False,
    }[system.displays]
    return row["display"] if allowed else ""


def codes_text(rows: Sequence[Row], plans: Sequence[ValueSetPlan], systems: Mapping[str, CodeSystem]) -> str:
    """The text of ``verified-codes.csv``: the rows of every concept that a set draws on, in their order."""
    used = frozenset[str]().union(*(plan.concepts for plan in plans))
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row["concept"] in used:
            writer.writerow({**row, "display": display_of(row, systems[row["system_url"]])})
    return out.getvalue()


def value_set(plan: ValueSetPlan, systems: Mapping[str, CodeSystem]) -> dict[str, Any]:
    """One set as a FHIR R4 ValueSet. A category has an include of its own: FHIR allows no concept beside a filter."""
    include: list[dict[str, Any]] = []
    notices = []
    for uri, system in systems.items():
        members = [row for row in plan.rows if row["system_url"] == uri]
        if not members:
            continue
        notices.append(system.copyright)
        include.append({"system": uri, "concept": [_member(row, system) for row in members]})
    include.extend(_category(uri, prefix) for uri, prefix in plan.prefixes)
    compose: dict[str, Any] = {"include": include}
    if plan.not_prefixes:
        compose["exclude"] = [_category(uri, prefix) for uri, prefix in plan.not_prefixes]
    ident = plan.name.replace(".", "-").replace("_", "-")
    return {
        "resourceType": "ValueSet",
        "id": ident,
        "url": CANONICAL + ident,
        "version": VERSION,
        "name": "".join(part.capitalize() for part in re.split(r"[._]", plan.name)),
        "title": plan.title,
        "status": "draft",
        "copyright": " ".join(dict.fromkeys(notices)),
        "compose": compose,
    }


def _member(row: Row, system: CodeSystem) -> dict[str, str]:
    display = display_of(row, system)
    return {"code": row["code"], "display": display} if display else {"code": row["code"]}


def _category(uri: str, prefix: str) -> dict[str, Any]:
    return {"system": uri, "filter": [{"property": "concept", "op": "is-a", "value": prefix}]}


def json_text(node: Any, depth: int = 0) -> str:
    """JSON with one line per concept or filter, so that a change of one code is a change of one line."""
    pad, inner = "  " * depth, "  " * (depth + 1)
    if isinstance(node, dict) and not any(isinstance(value, str) and key == "code" for key, value in node.items()):
        body = ",\n".join(f"{inner}{json.dumps(key)}: {json_text(value, depth + 1)}" for key, value in node.items())
        return f"{{\n{body}\n{pad}}}"
    if isinstance(node, list):
        body = ",\n".join(inner + json_text(item, depth + 1) for item in node)
        return f"[\n{body}\n{pad}]"
    return json.dumps(node, ensure_ascii=False)


def files_for(directory: Path, codes: Path) -> dict[str, str]:
    """Name and text of every generated file of the value set directory."""
    rows = read_codes(codes)
    systems = {system.uris[0]: system for system in load_systems(directory / SYSTEMS_FILE)}
    plans = read_plans(directory / MAPPING_FILE, rows, systems)
    files = {CODES_FILE: codes_text(rows, plans, systems)}
    for plan in plans:
        files[f"{plan.name}.json"] = json_text(value_set(plan, systems)) + "\n"
    return files


def stale(directory: Path, files: Mapping[str, str]) -> list[str]:
    """The generated files that differ from ``files``, are missing, or should not be there."""
    present = {path.name for path in directory.glob("*.json")} | {CODES_FILE}
    return sorted(
        name
        for name in present | set(files)
        if name not in files or not (directory / name).exists() or read_text(directory / name) != files[name]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; 0 when done or equal, 1 when different, 2 when the content is wrong."""
    parser = argparse.ArgumentParser(description="Make the value sets from the verified codes.")
    parser.add_argument("codes", nargs="?", type=Path, help=f"codes file (default: {CODES_FILE} in the directory)")
    parser.add_argument("--directory", type=Path, default=Path(__file__).resolve().parent.parent / "cards/value-sets")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    try:
        files = files_for(directory, options.codes or directory / CODES_FILE)
    except ContentError as error:
        print(error, file=sys.stderr)
        return 2
    changed = stale(directory, files)
    for name in changed:
        print(f"{'differs' if options.check else 'wrote' if name in files else 'removed'}: {name}")
        if options.check:
            continue
        if name in files:
            (directory / name).write_text(files[name], encoding="utf-8")
        else:
            (directory / name).unlink()
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
