"""Seeded structural damage to hook calls: what broken clients, proxies and attackers send (reliability part 6)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Path = tuple[str | int, ...]

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "x",
    "\u202e\u0000",
    "x" * 5_000,
    "2026-13-45",
    "<b>x</b>",
    [],
    [[]],
    [None],
    {},
    {"resourceType": "OperationOutcome"},
    {"reference": "Patient/somebody-else"},
    {"coding": [{}]},
)
ODD_BYTES = (b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b'"', b"{", b"]", b",", b"1e999", b"NaN", b"\\")
SURROGATE = "\udc00"


def places(node: Any, here: Path = ()) -> Iterator[Path]:
    """The path of every value below ``node``."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in members:
        yield (*here, key)
        yield from places(value, (*here, key))


def at(node: Any, path: Path) -> Any:
    """The value at a path."""
    for step in path:
        node = node[step]
    return node


def delete(body: Any, path: Path, chance: Random) -> None:
    """Leave a member or an item out."""
    del at(body, path[:-1])[path[-1]]


def replace(body: Any, path: Path, chance: Random) -> None:
    """Put an odd value there: null, another type, an empty or a very long string."""
    at(body, path[:-1])[path[-1]] = copy.deepcopy(chance.choice(ODD_VALUES))


def wrap(body: Any, path: Path, chance: Random) -> None:
    """A value where a list stands in R4, or a list where a value stands."""
    holder = at(body, path[:-1])
    value = holder[path[-1]]
    holder[path[-1]] = value[0] if isinstance(value, list) and value else [value]


def duplicate(body: Any, path: Path, chance: Random) -> None:
    """An item twice, or a member under a second name."""
    holder = at(body, path[:-1])
    value = copy.deepcopy(holder[path[-1]])
    if isinstance(holder, list):
        holder.append(value)
    else:
        holder[f"{path[-1]}2"] = value


def swap(body: Any, path: Path, chance: Random) -> None:
    """Two values of the call change places by value."""
    other = chance.choice(list(places(body)))
    here, there = copy.deepcopy(at(body, path)), copy.deepcopy(at(body, other))
    at(body, path[:-1])[path[-1]] = there
    if other[: len(path)] != path:
        at(body, other[:-1])[other[-1]] = here


def rename(body: Any, path: Path, chance: Random) -> None:
    """A member under another name; an item as it is."""
    holder = at(body, path[:-1])
    if isinstance(holder, dict):
        holder[f"{path[-1]} "] = holder.pop(path[-1])


def surrogate(body: Any, path: Path, chance: Random) -> None:
    """Half a character: valid JSON text by the grammar, not a string by Unicode."""
    at(body, path[:-1])[path[-1]] = SURROGATE


EDITS: tuple[Callable[[Any, Path, Random], None], ...] = (delete, replace, replace, wrap, duplicate, swap, rename)


def mutate(seed: Any, chance: Random, within: Path = ()) -> bytes:
    """The body of ``seed`` with one to three edits; one in ten gets half a character or is damaged as text as well.

    With ``within`` (a path) nothing outside that part changes, and the body stays valid JSON.
    """
    body = copy.deepcopy(seed)
    for _ in range(chance.randint(1, 3)):
        found = list(places(at(body, within), within)) if _exists(body, within) else []
        if not found:
            break
        # Near the root first: there an edit has more to break.
        path = chance.choice([path for path in found if len(path) <= len(within) + chance.randint(1, 9)] or found)
        chance.choice([edit for edit in EDITS if edit is not swap or not within])(body, path, chance)
    if within:
        return json.dumps(body).encode()
    kind = chance.random()
    if kind < 0.03:
        found = list(places(body))
        if found:
            surrogate(body, chance.choice(found), chance)
    raw = json.dumps(body).encode()
    return damage(raw, chance) if kind > 0.93 else raw


def damage(raw: bytes, chance: Random) -> bytes:
    """A flipped byte, bytes put in, a part cut out, or a duplicate member."""
    place = chance.randrange(len(raw))
    kind = chance.randrange(4)
    if kind == 0:
        return raw[:place] + bytes([raw[place] ^ (1 << chance.randrange(8))]) + raw[place + 1 :]
    if kind == 1:
        return raw[:place] + chance.choice(ODD_BYTES) + raw[place:]
    if kind == 2:
        return raw[:place] + raw[place + chance.randint(1, 200) :]
    return raw.replace(b'{"', b'{"id": "a", "id": "b", "', 1)


def _exists(body: Any, path: Path) -> bool:
    try:
        at(body, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True
