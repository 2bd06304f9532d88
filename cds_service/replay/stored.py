"""Stored calls: patients (a record and an order) and whole hook calls, read from a fixtures folder.

``patients/<name>/`` holds ``bundle.json``, ``case.yaml``, ``expected.yaml`` and ``story.md``; ``orders/<name>.json``
the drafts that cases name; ``calls/<name>.json`` a whole call beside ``<name>.expected.yaml``. The format is
described in ``fixtures/README.md``.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import line_of, read_json, read_yaml
from cds_service.errors import ContentError
from cds_service.facts.settings import change_settings
from cds_service.fhir.chart import read_whole_chart
from cds_service.fhir.shapes import as_object, as_text
from cds_service.fhir.source import Entry
from cds_service.hooks import READERS
from cds_service.pathway.content import Content, with_settings
from cds_service.replay.prefetch_shapes import SHAPES, fill_prefetch
from cds_service.replay.result import Result, read_results

USER = "Practitioner/example"
_CASE_KEYS = frozenset(
    {"now", "order", "draftOrders", "selections", "patient", "searches", "settings", "shape", "not_r4b"}
)
PATIENT_TOKEN = "{{context.patientId}}"


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One call to replay: a hook, the time it is made at, how to build its body, and what it should come to.

    A whole call carries its ``recorded`` body; a stored patient is made into one by ``body``. ``settings`` are those
    in which the site of the story differs from the shipped content. ``order`` names the order file of a stored patient,
    "" where the drafts stand in the story itself.
    """

    name: str
    hook: str
    now: datetime
    expected: Result
    expected_path: Path
    context: Mapping[str, Any]
    entries: tuple[Entry, ...] = ()
    searches: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    order: str = ""

    @property
    def title(self) -> str:
        """Name and hook, for a table."""
        return f"{self.name} {self.hook}"

    def content(self, shipped: Content) -> Content:
        """The content under which the story plays."""
        if not self.settings:
            return shipped
        where = dict.fromkeys(self.settings, str(self.expected_path.with_name("case.yaml")))
        return with_settings(shipped, change_settings(shipped.settings, self.settings, where))

    def body(self, templates: Mapping[str, str]) -> dict[str, Any]:
        """The call for a service with these prefetch templates (those of discovery, or of our own content)."""
        if self.recorded is not None:
            return dict(self.recorded)
        values = {f"context.{key}": value for key, value in self.context.items() if isinstance(value, str)}
        body: dict[str, Any] = {
            "hook": self.hook,
            "hookInstance": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{self.hook}")),
            "context": dict(self.context),
        }
        prefetch = fill_prefetch(templates, values, self.entries, self.searches)
        return {**body, "prefetch": prefetch} if prefetch else body


def load_stored(root: Path) -> tuple[StoredCall, ...]:
    """Every stored call under a fixtures folder, patients first. ContentError names the file that is wrong."""
    patients = sorted(path for path in (root / "patients").glob("*") if path.is_dir())
    calls = sorted((root / "calls").glob("*.json"))
    if not patients and not calls:
        raise ContentError(str(root), "holds neither patients/ nor calls/: name a fixtures folder")
    found = [call for folder in patients for call in load_patient(folder, root / "orders")]
    return (*found, *map(load_call, calls))


def load_patient(folder: Path, orders: Path) -> tuple[StoredCall, ...]:
    """The calls of one stored patient, one per hook that its ``expected.yaml`` names."""
    path = folder / "case.yaml"
    case = read_yaml(path)
    if not isinstance(case, dict):
        raise ContentError(str(path), "must be a mapping")
    for key in case:
        if key not in _CASE_KEYS:
            known = ", ".join(sorted(_CASE_KEYS))
            raise ContentError(f"{path}:{line_of(case, key)}", f"unknown key {key!r}; known: {known}")
    entries = read_whole_chart(folder / "bundle.json")
    patient = _patient_id(case, entries, path)
    drafts = _drafts(case, orders, patient, path)
    expected_path = folder / "expected.yaml"
    expected = read_results(read_yaml(expected_path), str(expected_path), READERS)
    return tuple(
        StoredCall(
            f"patients/{folder.name}",
            hook,
            read_now(case.get("now"), f"{path}:{line_of(case, 'now')}"),
            result,
            expected_path,
            _context(hook, patient, drafts),
            entries,
            _searches(case.get("searches", {}), path),
            settings=_settings(case.get("settings", {}), path),
            order=as_text(case.get("order")),
        )
        for hook, result in expected.items()
    )


def load_call(path: Path) -> StoredCall:
    """A whole hook call and the expectation beside it."""
    body = as_object(read_json(path))
    hook = as_text(body.get("hook"))
    expected_path = path.with_name(f"{path.stem}.expected.yaml")
    node = read_yaml(expected_path)
    results = read_results(node, str(expected_path), READERS)
    if hook not in results:
        raise ContentError(str(expected_path), f"says nothing about {hook or 'the call, which names no hook'}")
    now = read_now(node.get("now"), f"{expected_path}:{line_of(node, 'now')}")
    name = f"calls/{path.stem}"
    return StoredCall(name, hook, now, results[hook], expected_path, MappingProxyType({}), recorded=body)


def read_now(value: Any, where: str) -> datetime:
    """An instant with a time zone, as UTC; ContentError otherwise."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ContentError(where, '`now` is a quoted instant with time zone, such as "2026-03-02T09:00:00Z"')
    return moment.astimezone(UTC)


def _patient_id(case: Mapping[str, Any], entries: tuple[Entry, ...], path: Path) -> str:
    named = as_text(case.get("patient"))
    found = [as_text(entry.resource.get("id")) for entry in entries if entry.resource.get("resourceType") == "Patient"]
    if not named and len(found) != 1:
        raise ContentError(str(path), f"the bundle holds {len(found)} Patients: say with `patient` whose call it is")
    return named or found[0]


def _drafts(case: Mapping[str, Any], orders: Path, patient: str, path: Path) -> Mapping[str, Any]:
    """``draftOrders`` and ``selections`` of the case: from an order file, or written in the case itself."""
    if ("order" in case) == ("draftOrders" in case):
        raise ContentError(str(path), "name an `order` file or write `draftOrders`, not both")
    node = read_json(orders / f"{case['order']}.json") if "order" in case else case
    drafts = {"draftOrders": node.get("draftOrders"), "selections": case.get("selections", node.get("selections"))}
    filled: dict[str, Any] = json.loads(json.dumps(drafts).replace(PATIENT_TOKEN, patient))
    return filled


def _context(hook: str, patient: str, drafts: Mapping[str, Any]) -> Mapping[str, Any]:
    context = {"userId": USER, "patientId": patient, "draftOrders": drafts["draftOrders"]}
    if hook == "order-select" and drafts["selections"] is not None:
        context["selections"] = drafts["selections"]
    return MappingProxyType(context)


def _settings(node: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        raise ContentError(str(path), "`settings` maps settings of the pathway to the values of this site")
    return MappingProxyType(dict(node))


def _searches(node: Any, path: Path) -> Mapping[str, str]:
    if not isinstance(node, dict):
        raise ContentError(str(path), "`searches` maps search keys to shapes")
    for key, shape in node.items():
        if shape not in SHAPES:
            known = ", ".join(sorted(SHAPES))
            raise ContentError(f"{path}:{line_of(node, key)}", f"unknown shape {shape!r}; known: {known}")
    return MappingProxyType({str(key): str(shape) for key, shape in node.items()})
