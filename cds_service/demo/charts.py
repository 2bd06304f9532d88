"""The stored patients as one hospital holds them: all charts side by side, every resource under an id of its own.

Each story brings its own ``ct-pancreas``. Here it becomes ``ct-pancreas.1f0c52aa``, in the references of that chart as
well; the end is a digest of the patient's id, so that no other story changes it. Ids of patients are those of the
stories, and stand behind the family name too: clients list patients by name, and many share one. What a story does to
single searches (``searches`` in its ``case.yaml``) is not done here: the whole chart is there to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.errors import ConfigError, ContentError
from cds_service.fhir.chart import read_whole_chart
from cds_service.fhir.shapes import as_list, as_object, as_text, type_and_id
from cds_service.fhir.source import Entry, Resource

_PATIENT = "Patient"
_DIGEST_BYTES = 4
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Charts:
    """Every resource of every chart: ``by_type`` for searches, in the order of the stories; ``by_name`` for reads."""

    by_type: Mapping[str, tuple[Entry, ...]]
    by_name: Mapping[str, Resource]

    def read(self, kind: str, ident: str) -> Resource | None:
        """One resource, or None."""
        return self.by_name.get(f"{kind}/{ident}")


def load_charts(root: Path | None) -> Charts:
    """The charts of a fixtures folder. ConfigError without one, ContentError for a file that is wrong."""
    if root is None:
        raise ConfigError("CDS_DEMO is set, but this installation holds no stored patients: install the package again")
    by_type: dict[str, list[Entry]] = {}
    by_name: dict[str, Resource] = {}
    for folder in sorted(path for path in (root / "patients").iterdir() if path.is_dir()):
        for resource in _housed(read_whole_chart(folder / "bundle.json"), folder.name):
            name = type_and_id(resource)
            if name in by_name:
                raise ContentError(str(folder / "bundle.json"), f"{name} is in another chart as well: rename it")
            by_name[name] = resource
            by_type.setdefault(as_text(resource["resourceType"]), []).append(Entry(resource))
    return Charts(
        MappingProxyType({kind: tuple(entries) for kind, entries in by_type.items()}), MappingProxyType(by_name)
    )


def _housed(entries: tuple[Entry, ...], patient: str) -> Iterator[Resource]:
    """The resources of one chart under their new ids."""
    digest = blake2s(patient.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    names = {type_and_id(entry.resource): _new_id(entry.resource, digest) for entry in entries}
    for entry in entries:
        kind = as_text(entry.resource["resourceType"])
        renamed = {**_renamed(entry.resource, names), "id": names[type_and_id(entry.resource)]}
        yield _labelled(renamed) if kind == _PATIENT else renamed


def _new_id(resource: Resource, digest: str) -> str:
    ident = as_text(resource.get("id"))
    return ident if resource["resourceType"] == _PATIENT else f"{ident[: _LONGEST_ID - len(digest) - 1]}.{digest}"


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """The same JSON with every reference to a resource of this chart changed."""
    if isinstance(node, dict):
        return {
            key: _reference(value, names) if key == "reference" and isinstance(value, str) else _renamed(value, names)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    return node


def _reference(text: str, names: Mapping[str, str]) -> str:
    return f"{text.partition('/')[0]}/{names[text]}" if text in names else text


def _labelled(patient: Resource) -> Resource:
    """The patient with the id behind the family name, and a given name: the public sandbox lists none without it."""
    name, *others = list(map(as_object, as_list(patient.get("name")))) or [{}]
    given = as_list(name.get("given")) or ["Unnamed"]
    labelled = {**name, "given": given, "family": f"{as_text(name.get('family'))} ({patient['id']})".strip()}
    return {**patient, "name": [labelled, *others]}
