"""A TOML file with the line of each of its values: ``tomllib`` reads it, and tells no lines of what it has read.

The lines are found by a second walk over a text that is known to be valid TOML, so the walk need only see where
keys, strings, arrays and inline tables begin and end.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import deepest_line, read_text
from cds_service.errors import ContentError

Step = str | int
_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_AT_END = " (at end of document)"
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_STRING = r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'"
_NAME = re.compile(rf"{_STRING}|[A-Za-z0-9_-]*", re.DOTALL)
_SCALAR = re.compile(rf"{_STRING}|[^,\]}}#\n]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The values of a TOML file, and the line of each by its path of keys and positions."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[tuple[Step, ...], int]

    def where(self, *steps: Step) -> str:
        """``path:line`` of a value, or of the nearest table or array around it."""
        while steps not in self.lines and steps:
            steps = steps[:-1]
        return f"{self.path}:{self.lines.get(steps, 1)}"


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file; ContentError with file and line if it cannot be read."""
    # A byte order mark is what some editors of Windows begin a UTF-8 file with.
    text = read_text(path).removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
        lines = _Walk(text).lines()
    except RecursionError:
        raise ContentError(f"{path}:{deepest_line(text)}", "is nested too deeply") from None
    except ValueError as error:
        where, said = _located(str(error), text)
        raise ContentError(f"{path}:{where}", f"not valid TOML: {said}") from None
    return TomlFile(path, MappingProxyType(values), MappingProxyType(lines))


def _located(message: str, text: str) -> tuple[int, str]:
    """The line of a fault and what it is; the first line where the reader names none."""
    found = _AT_LINE.search(message)
    if found:
        return int(found[1]), f"{message[: found.start()]} (column {found[2]})"
    if message.endswith(_AT_END):
        return text.rstrip("\n").count("\n") + 1, message
    return 1, message


class _Walk:
    """One walk over valid TOML text, from its first character to its last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted_to = 0
        self._found: dict[tuple[Step, ...], int] = {}
        self._tables: dict[tuple[Step, ...], int] = {}

    def lines(self) -> dict[tuple[Step, ...], int]:
        """The line of every key, table and element."""
        table: tuple[Step, ...] = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip_blank()
        return self._found

    def _header(self) -> tuple[Step, ...]:
        """``[a.b]``, or ``[[a.b]]``: one more element of an array of tables."""
        line = self._line_here()
        is_array = self._text.startswith("[[", self._at)
        self._at += 1 + is_array
        *parents, last = self._key()
        self._at += 1 + is_array
        path: tuple[Step, ...] = ()
        for step in parents:
            self._found.setdefault((*path, step), line)
            path = self._latest((*path, step))
        path = (*path, last)
        if is_array:
            self._tables[path] = self._tables.get(path, -1) + 1
            self._found.setdefault(path, line)
        path = self._latest(path)
        self._found[path] = line
        return path

    def _latest(self, path: tuple[Step, ...]) -> tuple[Step, ...]:
        """The path itself, or its last element so far if it is an array of tables."""
        return (*path, self._tables[path]) if path in self._tables else path

    def _pair(self, table: tuple[Step, ...]) -> None:
        """``key = value``; each part of a dotted key is a table that stands in this line."""
        line = self._line_here()
        path = table
        for step in self._key():
            path = (*path, step)
            self._found.setdefault(path, line)
        self._at += 1
        self._value(path)

    def _key(self) -> list[str]:
        """The parts of a key; afterwards we stand at the ``=`` or ``]`` behind it."""
        parts: list[str] = []
        while True:
            self._skip_blank()
            # A quoted part may hold escapes: the reader itself says what it is.
            parts.append(next(iter(tomllib.loads(f"{self._take(_NAME)} = 0"))))
            self._skip_blank()
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: tuple[Step, ...]) -> None:
        self._skip_blank()
        if self._text.startswith("[", self._at):
            self._members(path, "]")
        elif self._text.startswith("{", self._at):
            self._members(path, "}")
        else:
            self._take(_SCALAR)

    def _members(self, path: tuple[Step, ...], end: str) -> None:
        """The elements of an array, or the pairs of an inline table, up to and with the closing bracket."""
        self._at += 1
        self._skip_blank()
        place = 0
        while self._at < len(self._text) and not self._text.startswith(end, self._at):
            if end == "}":
                self._pair(path)
            else:
                self._found[*path, place] = self._line_here()
                self._value((*path, place))
            place += 1
            self._skip_blank()
            self._at += self._text.startswith(",", self._at)
            self._skip_blank()
        self._at += 1

    def _skip_blank(self) -> None:
        self._take(_BLANK)

    def _take(self, pattern: re.Pattern[str]) -> str:
        """What matches here, at least nothing; we stand behind it then."""
        found = pattern.match(self._text, self._at)
        taken = found[0] if found else ""
        self._at += len(taken)
        return taken

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        return self._line
