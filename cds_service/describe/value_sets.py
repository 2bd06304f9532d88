"""The published value sets, as the pages show them: codes, and displays where the licence lets us carry them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cds_service.content_files import read_json
from cds_service.facts.terminology import SYSTEMS_FILE, load_systems


@dataclass(frozen=True, slots=True)
class ListedCode:
    """One code. ``display`` is "" where its licence forbids to carry it."""

    uri: str
    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class ListedSet:
    """One value set by its file name, with its codes in the order of the file."""

    name: str
    title: str
    codes: tuple[ListedCode, ...]


def read_value_sets(directory: Path) -> dict[str, ListedSet]:
    """Every value set of a directory that has been loaded before, so that its files are known to be sound."""
    systems = {uri: system.name for system in load_systems(directory / SYSTEMS_FILE) for uri in system.uris}
    found: dict[str, ListedSet] = {}
    for path in sorted(directory.glob("*.json")):
        node = read_json(path)
        codes = tuple(
            ListedCode(part["system"], systems[part["system"]], item["code"], item.get("display", ""))
            for part in node["compose"]["include"]
            for item in part.get("concept", ())
        )
        found[path.stem] = ListedSet(path.stem, node.get("title", path.stem), codes)
    return found
