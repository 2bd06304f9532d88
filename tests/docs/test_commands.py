"""Every command in the documents is executed and prints what they show; the others stand here with the reason."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.pathway.mutants import MutantReport, mutants
from tests.docs.shell import (
    FILE_PROGRAMS,
    Block,
    Shell,
    check_shown,
    missing_lines,
    read_blocks,
    read_commands,
    replace_in_command,
    write_file,
)
from tests.web.service_calls import ROOT

NOT_EXECUTED = {
    "make serve": "installs first; what it starts is the `cds-service serve` of tests/web/test_server.py",
    "make test": "runs this test",
    "npm ci": "builds the page of another project, in its own repository and with Node",
    "npm run build": "the same",
    "python3 -m http.server 8000 --bind 127.0.0.1 --directory build": "the same: serves that page",
    "cds-service reading fixtures/reading": "tests/reading compares what docs/reading.md shows of it",
    "cds-service replay fixtures/": "tests/replay does this, for every patient",
}
"""Commands by their text."""
PROGRAMS = FILE_PROGRAMS | {"$", "cds-service", "curl", "docker", "kubectl", "make", "npm", "pip"}
ELSEWHERE = {"docs/operate.md": "tests/test_operate.py"}
"""Documents whose commands another test executes or parses."""


def documents() -> list[str]:
    """Every document with a command, except those of ``ELSEWHERE``."""
    paths = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "fixtures" / "README.md"})
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return [name for name in names if name not in ELSEWHERE and any(map(is_shell, blocks_of(name)))]


def blocks_of(name: str) -> list[Block]:
    return read_blocks((ROOT / name).read_text(encoding="utf-8"))


def is_shell(block: Block) -> bool:
    return block.language in ("sh", "bash", "shell", "console", "zsh")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present directory: a working copy of what documents name, whose content may be changed."""
    for folder in ("cards", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    # As in a checkout, where the content beside the package is served.
    monkeypatch.setenv("CDS_CARDS", "cards")
    return tmp_path


@pytest.fixture
def shell(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    started = Shell(monkeypatch)
    yield started
    started.close()


@pytest.fixture
def only_new_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``check --mutants`` tries new cards; for the shipped ones, a minute's work, there is ``make mutants``."""

    def of_new_cards(cards: Path, site: Path | None) -> MutantReport:
        few = shutil.copytree(cards, tmp_path / "few", dirs_exist_ok=True)
        for shipped in (ROOT / "cards").glob("*/*.md"):
            path = few / shipped.parent.name / shipped.name
            path.write_text(path.read_text("utf-8").replace('status: "draft"', 'status: "retired"'), "utf-8")
        return mutants(few, site)

    replace_in_command(monkeypatch, "check", "run_mutants", of_new_cards)


@pytest.mark.usefixtures("only_new_cards")
@pytest.mark.parametrize("name", documents())
def test_every_command_of_a_document_works_as_shown(name: str, shell: Shell) -> None:
    output: str | None = None
    for block in blocks_of(name):
        if is_shell(block):
            for command in read_commands(block):
                output = None if command in NOT_EXECUTED else shell.run(command)
            continue
        if block.title:
            write_file(block)
        elif block.language in ("text", "json") and output is not None and not block.opens_section:
            check_shown(block, output)
        output = None


def test_commands_that_are_not_executed_stand_in_a_document() -> None:
    said = {
        command
        for name in documents()
        for block in blocks_of(name)
        if is_shell(block)
        for command in read_commands(block)
    }
    assert set(NOT_EXECUTED) <= said
    for document, test in ELSEWHERE.items():
        assert (ROOT / document).is_file()
        assert (ROOT / test).is_file()


def test_no_command_hides_in_another_block_or_in_one_that_is_not_read() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        blocks = read_blocks(text)
        assert len(re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)) == 2 * len(blocks), path
        for block in blocks:
            if not is_shell(block) and not block.title:
                starts = {line.split(" ")[0] for line in block.text.splitlines()}
                assert starts.isdisjoint(PROGRAMS), path


def test_what_is_shown_must_be_printed_in_order() -> None:
    assert list(missing_lines("a\n...\nc\n", "a\nb\nc\n")) == []
    assert list(missing_lines("c\na\n", "a\nb\nc\n")) == ["a"]
    assert list(missing_lines("x\n", "a\n")) == ["x"]


@pytest.mark.parametrize(
    "command", ["cds-service explain nowhere.json", "cds-service check --site nowhere", "rm -r cards"]
)
def test_a_command_that_fails_is_found(command: str, shell: Shell) -> None:
    with pytest.raises(AssertionError):
        shell.run(command)
