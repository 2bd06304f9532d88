"""Where content lives and how its files are read: strict YAML and JSON with file and line in every error.

Content is reviewed data, but typing slips happen, so the readers refuse duplicate keys, YAML
aliases (a small file could otherwise unfold to a huge one), files over ``MAX_BYTES`` and anything
that is not UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from cds_service.errors import ContentError

MAX_BYTES = 2_000_000


def find_cards() -> Path:
    """The shipped ``cards/`` directory: inside the wheel, or beside the package in a checkout."""
    installed = Path(str(resources.files("cds_service"))) / "cards"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "cards"


def read_bytes(path: Path) -> bytes:
    """The bytes of a content file; ContentError if it is missing or too large. Never reads more than it may."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ContentError(str(path), f"cannot be read ({error.strerror}): check the path") from None
    if len(raw) > MAX_BYTES:
        raise ContentError(str(path), f"is larger than {MAX_BYTES} bytes: split it")
    return raw


def read_text(path: Path) -> str:
    """The text of a content file; ContentError if it is missing, too large or not UTF-8."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise ContentError(str(path), "is not UTF-8: save it as UTF-8") from None


def read_yaml(path: Path) -> Any:
    """A YAML 1.2 document as mappings and sequences that know their line numbers (see ``line_of``)."""
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, path: Path, first_line: int = 1) -> Any:
    """Parse YAML text that starts at ``first_line`` of ``path``."""
    try:
        if "&" in text:  # without an anchor there is no alias, and the extra pass over the file is saved
            for event in YAML(typ="rt", pure=True).parse(text):
                if isinstance(event, AliasEvent):
                    raise ContentError(f"{path}:{event.start_mark.line + first_line}", "YAML aliases are not allowed")
        return _load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark is not None else 0)
        raise ContentError(f"{path}:{line}", f"not valid YAML: {error.problem}") from None
    except YAMLError as error:
        raise ContentError(f"{path}:{first_line}", f"not valid YAML: {error}") from None
    except RecursionError:
        raise ContentError(f"{path}:{deepest_line(text, first_line)}", "is nested too deeply") from None


def _load(text: str) -> Any:
    """The nodes of a YAML text. Nobody changes them, so that the tests may parse each text once."""
    loader = YAML(typ="rt", pure=True)
    loader.allow_duplicate_keys = False
    return loader.load(text)


def read_json(path: Path) -> Any:
    """A JSON document; duplicate keys are refused."""
    try:
        return json.loads(read_text(path), object_pairs_hook=lambda pairs: _unique(pairs, path))
    except json.JSONDecodeError as error:
        raise ContentError(f"{path}:{error.lineno}", f"not valid JSON: {error.msg}") from None


def deepest_line(text: str, first_line: int = 1) -> int:
    """The first line on which most brackets are open, or which is indented most: where nesting went too far."""
    found, most, is_open = first_line, 0, 0
    for number, line in enumerate(text.split("\n"), first_line):
        deep = is_open + len(line) - len(line.lstrip(" "))
        for mark in line:
            is_open += (mark in "[{") - (mark in "]}")
            deep = max(deep, is_open)
        if deep > most:
            found, most = number, deep
    return found


def line_of(node: Any, key: object = None, first_line: int = 1) -> int:
    """The line in its file of a YAML node, or of ``key`` inside it; ``first_line`` where it is not known."""
    if isinstance(node, (CommentedMap, CommentedSeq)):
        if key is not None:
            data = node.lc.data
            if data is not None and key in data:
                return int(data[key][0]) + first_line
        return int(node.lc.line) + first_line
    return first_line


def _unique(pairs: Iterable[tuple[str, Any]], path: Path) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise ContentError(str(path), f"the key {key!r} stands twice in one object")
        out[key] = value
    return out
