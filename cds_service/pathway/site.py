"""The site file: what one hospital adds to the shipped content and changes in it, without touching it.

A TOML file (``docs/site-file.md``). Reading it looks at its shape alone: members, types, how a system is spelled.
Whether the value sets, settings, templates and cards that it names exist is for ``site_survey``, which also applies
it. Every value keeps its file and line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import read_bytes
from cds_service.errors import ContentError
from cds_service.facts.terminology import OID, LocalCode
from cds_service.toml_file import Step, TomlFile, read_toml

_MEMBERS = ("name", "settings", "systems", "codes", "orderables", "cards")
_READ_ELSEWHERE = ("public_url", "development", "demo", "clients")
"""Who may call stands in the same file and is read by ``trust/clients.py``; a test compares the two lists."""
_ORDERABLE = ("system", "code", "display", "keep_ours")
_CARDS = ("directory", "before")
_OID = re.compile(r"(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))+")
_LOOKS_LIKE_AN_OID = re.compile(r"[0-9]+\.[0-9.]*")
_URI = re.compile(r"(?:https?://|urn:)[^\s<>\"|]+")
_LONGEST_CODE = 200


@dataclass(frozen=True, slots=True)
class Mapped:
    """A local code in a value set, and where the file says so."""

    local: LocalCode
    where: str


@dataclass(frozen=True, slots=True)
class Orderable:
    """What a site orders for one of our order templates. ``keep_ours``: beside the template's own coding."""

    template: str
    system: str
    code: str
    display: str
    keep_ours: bool
    where: str

    def coding(self) -> dict[str, str]:
        """The same as a FHIR Coding."""
        return {"system": self.system, "code": self.code} | ({"display": self.display} if self.display else {})


@dataclass(frozen=True, slots=True)
class Site:
    """One site file. ``systems`` are its own short names for code systems, ``used`` those that it uses.

    ``empty`` are value sets under which no code stands, each with its place.
    ``cards`` is a directory with cards of the site; ``before`` gives the card of ours that one of them precedes.
    """

    path: Path
    name: str
    settings: Mapping[str, Any]
    settings_where: Mapping[str, str]
    systems: Mapping[str, str]
    systems_where: Mapping[str, str]
    used: frozenset[str]
    codes: tuple[Mapped, ...]
    empty: tuple[tuple[str, str], ...]
    orderables: tuple[Orderable, ...]
    cards: Path | None
    cards_where: str
    before: Mapping[str, str]
    before_where: Mapping[str, str]
    digest: str

    def as_text(self) -> str:
        """What the file holds, in one line."""
        counts = [
            (len(self.codes), "local code"),
            (len(self.settings), "setting"),
            (len(self.orderables), "orderable"),
            (len(card_files(self.cards)) if self.cards is not None else 0, "card"),
        ]
        held = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
        return f"{self.path}: {self.name + ': ' if self.name else ''}{held}"


def read_site(path: Path, systems: Mapping[str, str]) -> Site:
    """Read a site file; ContentError with file and line on a slip.

    ``systems`` are the short names of the shipped code systems with their URIs.
    """
    return _Reader(read_toml(path), systems).read()


class _Reader:
    """The members of one file, each checked for its type where it is read."""

    def __init__(self, file: TomlFile, shipped: Mapping[str, str]) -> None:
        self._file = file
        self._shipped = shipped
        self._used: set[str] = set()

    def read(self) -> Site:
        """The whole file."""
        node, where = self._file.values, self._file.where
        self._only(node, _MEMBERS + _READ_ELSEWHERE)
        named = self._table(node, "systems")
        own = {key: self._uri(self._text(named, key, "systems"), where("systems", key)) for key in named}
        for key in own:
            if _URI.fullmatch(key) or _OID.fullmatch(key):
                raise ContentError(
                    where("systems", key), f"{key!r} is no short name: it would hide the system of that URI"
                )
        settings, cards = self._table(node, "settings"), self._table(node, "cards")
        self._only(cards, _CARDS, "cards")
        before = self._table(cards, "before", "cards")
        directory = self._directory(cards)
        if before and directory is None:
            raise ContentError(where("cards", "before"), "gives ranks to cards, but names no directory of cards")
        if "cards" in node and directory is None:
            raise ContentError(where("cards", "directory"), "names no directory: give the folder of your cards")
        codes, empty = self._codes(self._table(node, "codes"), own)
        orderables = self._orderables(self._table(node, "orderables"), own)
        return Site(
            self._file.path,
            self._text(node, "name", required=False),
            MappingProxyType(dict(settings)),
            MappingProxyType({key: where("settings", key) for key in settings}),
            MappingProxyType(own),
            MappingProxyType({key: where("systems", key) for key in own}),
            frozenset(self._used),
            codes,
            empty,
            orderables,
            directory,
            where("cards", "directory"),
            MappingProxyType({key: self._text(before, key, "cards", "before") for key in before}),
            MappingProxyType({key: where("cards", "before", key) for key in before}),
            _digest(self._file.path, directory),
        )

    def _codes(
        self, node: Mapping[str, Any], own: Mapping[str, str]
    ) -> tuple[tuple[Mapped, ...], tuple[tuple[str, str], ...]]:
        """The mapped codes, and what is empty (see ``Site.empty``)."""
        found, empty = [], []
        for name in node:
            by_system = self._table(node, name, "codes")
            if not by_system:
                empty.append((name, self._file.where("codes", name)))
            for system in by_system:
                steps = ("codes", name, system)
                listed = by_system[system]
                if not isinstance(listed, list):
                    raise ContentError(self._file.where(*steps), 'codes stand in a list: ["A1", "A2"]')
                uri = self._system(system, own, self._file.where(*steps))
                if not listed:
                    empty.append((name, self._file.where(*steps)))
                for place, code in enumerate(listed):
                    where = self._file.where(*steps, place)
                    found.append(Mapped(LocalCode(name, uri, _code(code, where)), where))
        return tuple(found), tuple(empty)

    def _orderables(self, node: Mapping[str, Any], own: Mapping[str, str]) -> tuple[Orderable, ...]:
        found = []
        for name in node:
            entry, steps = self._table(node, name, "orderables"), ("orderables", name)
            self._only(entry, _ORDERABLE, *steps)
            keep = entry.get("keep_ours", False)
            if not isinstance(keep, bool):
                raise ContentError(self._file.where(*steps, "keep_ours"), "keep_ours is true or false, without quotes")
            found.append(
                Orderable(
                    name,
                    self._system(self._text(entry, "system", *steps), own, self._file.where(*steps, "system")),
                    _code(entry.get("code"), self._file.where(*steps, "code")),
                    self._text(entry, "display", *steps, required=False),
                    keep,
                    self._file.where(*steps),
                )
            )
        return tuple(found)

    def _directory(self, cards: Mapping[str, Any]) -> Path | None:
        """Relative to the site file: the operator wrote it, and it may lead anywhere."""
        text = self._text(cards, "directory", "cards", required=False)
        if not text:
            return None
        directory = self._file.path.parent / text
        if not directory.is_dir():
            where = self._file.where("cards", "directory")
            raise ContentError(where, f"{directory} is not a directory: give the folder of your cards")
        return directory

    def _system(self, text: str, own: Mapping[str, str], where: str) -> str:
        """The URI that a system is named by: a short name of the file, one of ours, an OID or a URI."""
        if text in own:
            self._used.add(text)
            return own[text]
        return self._shipped.get(text) or self._uri(text, where)

    def _uri(self, text: str, where: str) -> str:
        oid = text.removeprefix(OID) if text.lower().startswith("urn:") else text
        if _OID.fullmatch(oid):
            return OID + oid
        if text.lower().startswith(OID) or _LOOKS_LIKE_AN_OID.fullmatch(text):
            raise ContentError(where, f"{text!r} is not an OID: numbers with dots between, no number begins with 0")
        if not _URI.fullmatch(text):
            known = ", ".join(self._shipped)
            raise ContentError(
                where, f"{text!r} is no code system: give its URI, its OID, a name of [systems] or one of {known}"
            )
        return text

    def _table(self, node: Mapping[str, Any], key: str, *steps: Step) -> Mapping[str, Any]:
        value = node.get(key, {})
        if not isinstance(value, dict):
            raise ContentError(self._file.where(*steps, key), f"{key} must be a table")
        return value

    def _text(self, node: Mapping[str, Any], key: str, *steps: Step, required: bool = True) -> str:
        value = node.get(key, None if required else "")
        if not isinstance(value, str) or (required and not value.strip()) or not value.isprintable():
            raise ContentError(self._file.where(*steps, key), f"{key} must be a text, in quotes, on one line")
        return value.strip()

    def _only(self, node: Mapping[str, Any], allowed: tuple[str, ...], *steps: Step) -> None:
        for key in node:
            if key not in allowed:
                where = self._file.where(*steps, key)
                raise ContentError(where, f"unknown member {key!r}; known: {', '.join(allowed)}")


def _code(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ContentError(where, f"a code stands in quotes, as leading zeros and dots count: {value!r}")
    if not value or value != " ".join(value.split()) or not value.isprintable() or len(value) > _LONGEST_CODE:
        raise ContentError(
            where, f"{value[:_LONGEST_CODE]!r} is no code: no blanks around it or two together, not empty"
        )
    return value


def card_files(directory: Path) -> tuple[Path, ...]:
    """The cards of a site, in file order."""
    return tuple(sorted(directory.glob("*.md")))


def _digest(path: Path, cards: Path | None) -> str:
    """SHA-256 over the bytes of the site file, and the names and bytes of what is read beside its cards."""
    found = hashlib.sha256(read_bytes(path))
    files = (*card_files(cards), *cards.glob("*.yaml")) if cards is not None else ()
    for file in sorted(files):
        found.update(file.name.encode())
        found.update(read_bytes(file))
    return found.hexdigest()
