"""Versions: which reports are the same report, and which of them stands (decision 4, general rule 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cds_service.facts.reports import ReportStatus, report_status
from cds_service.fhir.shapes import (
    as_list,
    as_object,
    as_text,
    extensions,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource

if TYPE_CHECKING:
    from cds_service.facts.case import Case

_CORRECTED = frozenset({"amended", "corrected", "appended"})


def is_correction(resource: Resource) -> bool:
    """Whether a report says that it amends an earlier version of itself."""
    return as_text(resource.get("status")).lower() in _CORRECTED


def same_keys(resource: Resource, case: Case) -> frozenset[str]:
    """Keys that tell the same report or specimen: id, identifiers, accession, specimens, basedOn.

    Two items with a common ``specimen:`` or ``identifier:`` key are about the same specimen (decision 4).
    """
    keys = {f"id:{type_and_id(resource)}"} if as_text(resource.get("id")) else set()
    keys |= {_identifier(item) for item in as_list(resource.get("identifier"))}
    for reference in reference_texts(resource.get("specimen")):
        keys.add(f"specimen:{relative_reference(reference)}" if not reference.startswith("#") else "")
        specimen = case.record.resolve(reference, resource) or {}
        keys.add(_identifier(specimen.get("accessionIdentifier")))
    keys |= {f"basedOn:{relative_reference(found)}" for found in reference_texts(resource.get("basedOn"))}
    return frozenset(keys - {""})


def superseded(resources: Iterable[Resource], case: Case) -> Mapping[int, Resource]:
    """For each report that a newer version of it replaces, by its position: the newer version.

    The newest of several with one id stands. Of reports that share an accession, or a specimen and the order,
    a correction replaces what was issued before it, and a final report its preliminary ones. Two final
    reports without a correction both stand: whether they agree is a question for the fact.
    """
    items = tuple(resources)
    if len(items) < 2:  # noqa: PLR2004 (what stands alone has no other version)
        return {}
    versions = tuple(_version(item, place, case) for place, item in enumerate(items))
    shelf = _Shelf(versions)
    out: dict[int, Resource] = {}
    for old in versions:
        newer = next((new for new in shelf.candidates(old) if new is not old and _replaces(new, old)), None)
        if newer is not None:
            out[old.place] = newer.resource
    return out


_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class _Version:
    """One report among its possible versions. ``replaced`` are the ``id:`` keys of what it says it replaces."""

    resource: Resource
    place: int
    status: ReportStatus
    keys: frozenset[str]
    replaced: frozenset[str]
    issued: str
    number: int
    is_corrected: bool


class _Shelf:
    """Versions by what they share, the newest first: no more are compared than may replace each other.

    One id, or what it replaces, is enough; else there must be a common accession or specimen, and what replaces
    is final, and a correction unless the older one is corrected or pending itself.
    """

    def __init__(self, versions: Iterable[_Version]) -> None:
        self._named: dict[str, list[_Version]] = {}
        self._final: dict[str, list[_Version]] = {}
        self._corrected: dict[str, list[_Version]] = {}
        for version in sorted(versions, key=_newness, reverse=True):
            for key in version.keys | version.replaced:
                if key.startswith("id:"):
                    self._named.setdefault(key, []).append(version)
                elif version.status == "final" and not key.startswith("basedOn:"):
                    self._final.setdefault(key, []).append(version)
                    if version.is_corrected:
                        self._corrected.setdefault(key, []).append(version)

    def candidates(self, old: _Version) -> Iterator[_Version]:
        """The versions that may replace an old one, and perhaps itself."""
        takes_any = old.status == "pending" or old.is_corrected
        for key in old.keys:
            shared = self._named if key.startswith("id:") else self._final if takes_any else self._corrected
            yield from shared.get(key, ())


def _newness(version: _Version) -> tuple[str, bool, int, int]:
    return (version.issued, version.is_corrected, version.number, version.place)


def _version(resource: Resource, place: int, case: Case) -> _Version:
    issued = read_when(resource.get("issued"))
    number = as_text(as_object(resource.get("meta")).get("versionId"))
    named = [resource.get("replaces"), *(item.get("valueReference") for item in extensions(resource, "replaces"))]
    return _Version(
        resource,
        place,
        report_status(resource),
        same_keys(resource, case),
        frozenset(f"id:{relative_reference(found)}" for item in named for found in reference_texts(item)),
        issued.last.isoformat() if issued else "",
        int(number) if number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER else 0,
        is_correction(resource),
    )


def _replaces(new: _Version, old: _Version) -> bool:
    shared = {key.partition(":")[0] for key in new.keys & old.keys}
    if "id" in shared:
        later = _is_later(new, old, (new.number, new.place), (old.number, old.place))
        return new.status == "void" or (old.status != "void" and later)
    if new.replaced & old.keys and new.status != "void":
        return not old.replaced & new.keys
    if new.status == "void" or ("identifier" not in shared and not {"specimen", "basedOn"} <= shared):
        return False
    if old.status == "pending":
        return new.status == "final"
    later = _is_later(new, old, (new.is_corrected, new.place), (old.is_corrected, old.place))
    return (new.is_corrected or old.is_corrected) and new.status == "final" and later


def _is_later(new: _Version, old: _Version, new_rank: tuple[int, int], old_rank: tuple[int, int]) -> bool:
    """By issue where both tell it, else by the rank given: version of one id, correction of another's report."""
    if new.issued and old.issued and new.issued != old.issued:
        return new.issued > old.issued
    return new_rank > old_rank


def _identifier(value: Any) -> str:
    node = as_object(value)
    number = as_text(node.get("value"))
    return f"identifier:{as_text(node.get('system'))}|{number}" if number else ""
