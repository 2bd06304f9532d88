"""Runs what the documents say: their files are written, their commands executed, in a working copy of the repository.

A document is read as a list of fenced blocks. ``sh`` holds commands; a ``text`` or ``json`` block after one, in the
same section, is what is shown of the output of its last command. A block with a ``title`` is a file: written, or
changed as the title says.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from cds_service.app import STORE, create_app
from cds_service.cli import main
from cds_service.config import Config
from tests.web.service_calls import NOW

_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SOURCED = re.compile(r"source <\((.*)\)")
_HEADING = re.compile(r"^#+ ", re.MULTILINE)
_PROBLEMS = re.compile(r"^(?:survived: .*|[1-9]\d* problems?|.*, [1-9]\d* differ from what is stored)$", re.MULTILINE)
FILE_PROGRAMS = frozenset({"cp", "mkdir"})


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: language, title ("": none) and text; whether a heading parts it from the block before."""

    language: str
    title: str
    text: str
    opens_section: bool


def read_blocks(text: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(text):
        language, title, inside = fence.groups(default="")
        found.append(Block(language, title, inside, _HEADING.search(text, end, fence.start()) is not None))
        end = fence.end()
    return found


def read_commands(block: Block) -> list[str]:
    """The commands of a block, one each, continued lines joined."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split("  # ")[0].split()) for line in lines if line.strip() and not line.startswith("#")]


class Shell:
    """Runs commands in the present directory. ``cds-service`` runs in this process, at the present date of the test.

    ``serve`` makes the application that ``curl`` asks from then on; nothing listens. Exit code 1 is right where the
    output tells a problem or a difference, and 0 elsewhere.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._app: Flask | None = None

    def run(self, command: str) -> str:
        """Run one command and return what it prints; AssertionError if it fails."""
        sourced = _SOURCED.fullmatch(command)
        if sourced is not None:
            return self.run(sourced[1])
        program, *arguments = shlex.split(command)
        name = Path(program).name
        if name == "cds-service" and arguments[0] == "serve":
            return self._serve(arguments)
        if name == "cds-service":
            result = CliRunner().invoke(main, arguments)
            expected = 1 if _PROBLEMS.search(result.output) else 0
            assert result.exit_code == expected, f"{command}\n{result.output}"
            return result.output
        if name == "curl":
            return self._ask(arguments)
        assert name in FILE_PROGRAMS, f"{command}: not a program that documents may use"
        return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout

    def close(self) -> None:
        """Stop what ``serve`` started."""
        store = self._app.extensions[STORE] if self._app is not None else None
        if store is not None:
            store.close()

    def _serve(self, arguments: list[str]) -> str:
        self.close()

        def start(config: Config) -> None:
            self._app = create_app(config, clock=lambda: NOW)

        replace_in_command(self._patch, "serve", "run_server", start)
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    def _ask(self, arguments: list[str]) -> str:
        parser = argparse.ArgumentParser()
        parser.add_argument("-s", action="store_true")
        parser.add_argument("-H", action="append", default=[])
        parser.add_argument("-d", default="")
        parser.add_argument("url")
        asked = parser.parse_args(arguments)
        host, path = re.fullmatch(r"(http://127\.0\.0\.1:8080)(/.*)", asked.url).groups()  # type: ignore[union-attr]
        body = Path(asked.d[1:]).read_bytes() if asked.d.startswith("@") else asked.d.encode()
        headers = [tuple(header.split(": ", 1)) for header in asked.H]
        if self._app is None:
            self._app = create_app(Config(), clock=lambda: NOW)
        answer = self._app.test_client().open(
            path, base_url=host, method="POST" if asked.d else "GET", data=body, headers=headers
        )
        return answer.text


def replace_in_command(patch: pytest.MonkeyPatch, command: str, name: str, replacement: Callable[..., Any]) -> None:
    """Let a command of ``cds-service`` call something else by this name of its module."""
    callback = main.commands[command].callback
    assert callback is not None
    names = inspect.unwrap(callback).__globals__
    assert name in names, f"cds-service {command} calls nothing by the name {name}"
    patch.setitem(names, name, replacement)


def write_file(block: Block) -> None:
    """Write or change the file that the title names."""
    path_text, _, change = block.title.partition(" (")
    path, change = Path(path_text), change.removesuffix(")")
    if not change:
        path.write_text(block.text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if change == "at the end":
        lines.append(block.text)
    elif change.startswith("below "):
        [place] = [number for number, line in enumerate(lines) if change.removeprefix("below ") in line]
        lines.insert(place + 1, block.text)
    else:
        place = int(change.removeprefix("in place of line ")) - 1
        lines[place : place + 1] = [block.text]
    path.write_text("".join(lines), encoding="utf-8")


def missing_lines(shown: str, output: str) -> Iterator[str]:
    """The shown lines that do not stand in the output in this order; ``...`` stands for any lines."""
    rest = iter(output.splitlines())
    for line in shown.splitlines():
        if line.strip() != "..." and line not in rest:
            yield line


def is_part(wanted: Any, found: Any) -> bool:
    """Whether every member of ``wanted`` stands in ``found``."""
    if isinstance(wanted, dict):
        same = isinstance(found, dict) and set(wanted) <= set(found)
        return same and all(is_part(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(is_part, wanted, found))
    return bool(wanted == found)


def check_shown(block: Block, output: str) -> None:
    """What a document shows is what was printed."""
    if block.language == "json":
        assert is_part(json.loads(block.text), json.loads(output)), output
    else:
        assert list(missing_lines(block.text, output)) == [], output
