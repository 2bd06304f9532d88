"""TOML with lines: every value has the line it stands in, every fault its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import ContentError
from cds_service.toml_file import read_toml

EVERY_SHAPE = r"""# comment = 1
name = "x" # [a]
a.b . "c.d" = 1
arr = [ # [[b]]
  "a]", 'b"#',
  [1, 2,
   3], {x = 1, y.z = "}"},
]
many = '''
[t]
k = 1
quotes'''''
more = @@@
 [x] \@@@ # x = 1
 y = 2@@@@@
[t]
day = 2020-01-01T00:00:00Z
empty = []
none = {}
"x y" = true
[[p]]
k = 1
[[p]]
k = 2
[p.q]
r = 3
[[p.s]]
v = 1
[[p]]
[[p.s]]
v = 2
[u."v.w"]
f = -1.5e3
[u]
g = 'last'""".replace("@", '"')
LINES = {
    ("name",): 2,
    ("a",): 3,
    ("a", "b", "c.d"): 3,
    ("arr",): 4,
    ("arr", 1): 5,
    ("arr", 2): 6,
    ("arr", 2, 2): 7,
    ("arr", 3, "y", "z"): 7,
    ("many",): 9,
    ("more",): 13,
    ("t",): 16,
    ("t", "day"): 17,
    ("t", "none"): 19,
    ("t", "x y"): 20,
    ("p",): 21,
    ("p", 0, "k"): 22,
    ("p", 1): 23,
    ("p", 1, "k"): 24,
    ("p", 1, "q", "r"): 26,
    ("p", 1, "s", 0, "v"): 28,
    ("p", 2): 29,
    ("p", 2, "s", 0, "v"): 31,
    ("u", "v.w", "f"): 33,
    ("u",): 34,
    ("u", "g"): 35,
}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside another."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in members:
        yield (*path, key)
        yield from paths(inside, (*path, key))


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "site.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_every_value_has_its_line(tmp_path: Path, ending: str, start: str) -> None:
    file = read_toml(written(tmp_path, start + EVERY_SHAPE.replace("\n", ending)))
    assert {path: file.lines[path] for path in LINES} == LINES
    assert set(paths(dict(file.values))) == set(file.lines)


def test_what_has_no_line_of_its_own_stands_where_its_table_does(tmp_path: Path) -> None:
    file = read_toml(written(tmp_path, "\n[a]\nb = 1\n"))
    assert file.where("a", "c", 3) == f"{file.path}:2"
    assert file.where("d") == f"{file.path}:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a = 1\na = 2\n", r"site\.toml:2: not valid TOML: .*\(column 6\)", id="key-twice"),
        pytest.param("[a]\n[b]\n[a]\n", r"site\.toml:3: not valid TOML", id="table-twice"),
        pytest.param("a = 1\nb = \n", r"site\.toml:2: not valid TOML", id="no-value"),
        pytest.param("a = 1\nb = [1,\n", r"site\.toml:2: not valid TOML: .*end of document", id="array-never-closed"),
        pytest.param("a: 1\n", r"site\.toml:1: not valid TOML", id="yaml"),
        pytest.param("a = 0471\n", r"site\.toml:1: not valid TOML", id="code-with-leading-zero-unquoted"),
        pytest.param('a = "x\n', r"site\.toml:1: not valid TOML", id="text-never-closed"),
        pytest.param("a = " + "9" * 5000, r"site\.toml:1: not valid TOML", id="endless-number"),
        pytest.param("a = " + "[" * 100_000, r"site\.toml(:1)?: (is nested too deeply|not valid TOML)", id="deep"),
        pytest.param(b"a = '\xe9'", "is not UTF-8", id="latin-1"),
        pytest.param(b"\xff\xfea\x00", "is not UTF-8", id="utf-16"),
        pytest.param(b"# " + b"x" * 2_000_001, "is larger than", id="huge"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        read_toml(written(tmp_path, text))


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ContentError, match="cannot be read"):
            read_toml(path)
