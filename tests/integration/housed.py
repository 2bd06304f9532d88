"""Stored patients as one hospital holds them: all on one server, each with ids that no other has.

Every story brings its own ``pancreas-primary`` or ``ct-pancreas``. Side by side on one server they need other names.
Whatever is taken from another patient then changes an answer, which a server for each patient would not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cds_service.fhir.source import Entry
from cds_service.replay.stored import StoredCall

_LONGEST_ID = 64


def house(call: StoredCall, number: int) -> StoredCall:
    """The call of a story with ids of its own, the same in its chart, its context and every reference between them.

    ``searches`` is left empty: it bends what a client sends, and here the whole chart is there to be read.
    """
    patient = str(call.context["patientId"])
    names = {f"Patient/{patient}": f"Patient/s{number}"}
    for entry in call.entries:
        old = f"{entry.resource['resourceType']}/{entry.resource['id']}"
        if old not in names:
            new = f"s{number}-{len(names)}-{entry.resource['id']}"[:_LONGEST_ID]
            names[old] = f"{entry.resource['resourceType']}/{new}"
    entries = tuple(
        Entry(
            _renamed(entry.resource, names) | {"id": _id(names, entry)},
            entry.full_url if entry.full_url.startswith("urn:") else "",
        )
        for entry in call.entries
    )
    context = _renamed(call.context, names) | {"patientId": f"s{number}"}
    return replace(call, entries=entries, context=context, searches={})


def _id(names: Mapping[str, str], entry: Entry) -> str:
    return names[f"{entry.resource['resourceType']}/{entry.resource['id']}"].partition("/")[2]


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """The same JSON with every reference to a renamed resource changed."""
    if isinstance(node, Mapping):
        return {
            key: names.get(value, value) if key == "reference" and isinstance(value, str) else _renamed(value, names)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return [_renamed(item, names) for item in node]
    return node
