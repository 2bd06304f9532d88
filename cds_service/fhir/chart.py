"""Chart: one patient's resources as somebody exported them, with every sign that some did not come along.

An export is taken as the whole record, so that a search that finds nothing in it says "none". It may not be: one page
of a longer search, a batch of which one request failed, a page that holds the report of an error. Such signs are kept
as doubts, and whoever answers searches from the chart must not call an answer complete while there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.content_files import read_json
from cds_service.errors import ContentError
from cds_service.fhir.prefetch import read_value
from cds_service.fhir.shapes import as_list, as_object, as_text
from cds_service.fhir.source import Entry

_SENDER = "whoever made it"


@dataclass(frozen=True, slots=True)
class Chart:
    """The resources in their order. ``doubts`` say, in words without patient data, why there may be more; () if none.

    A clause of ``doubts`` goes on from "the data": "it has further pages that were not read".
    """

    entries: tuple[Entry, ...]
    doubts: tuple[str, ...] = ()


def read_chart(bundle: Mapping[str, Any]) -> Chart:
    """The resources of a Bundle and of all Bundles inside it (a batch answered, pages put into one file)."""
    entries: list[Entry] = []
    doubts: list[str] = []
    waiting: list[Mapping[str, Any]] = [bundle]
    while waiting:
        node = waiting.pop(0)
        plain: list[Any] = []
        for item in as_list(node.get("entry")):
            entry = as_object(item)
            resource = as_object(entry.get("resource"))
            if _has_failed(entry):
                doubts.append("one of its requests was answered with an error")
            if resource.get("resourceType") == "Bundle":
                waiting.append(resource)
            elif resource or not _has_failed(entry):
                plain.append(item)
        answer = read_value("", {**node, "resourceType": "Bundle", "entry": plain}, "", is_search=True, sender=_SENDER)
        entries.extend(answer.entries)
        doubts.extend(answer.problems)
    return Chart(tuple(entries), tuple(dict.fromkeys(doubts)))


def read_chart_files(path: Path) -> Chart:
    """The chart in a Bundle file, in one resource file, or in every ``*.json`` of a folder.

    ContentError names the file that is missing, is not JSON, or holds no FHIR resource.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise ContentError(str(path), "holds no *.json file: name a folder of FHIR resources or a Bundle")
        charts = [read_chart_files(file) for file in files]
        doubts = dict.fromkeys(doubt for chart in charts for doubt in chart.doubts)
        return Chart(tuple(entry for chart in charts for entry in chart.entries), tuple(doubts))
    node = as_object(read_json(path))
    if not as_text(node.get("resourceType")):
        raise ContentError(str(path), "holds something without resourceType: it must be a FHIR resource or a Bundle")
    return read_chart(node if node["resourceType"] == "Bundle" else {"entry": [{"resource": node}]})


def read_whole_chart(path: Path) -> tuple[Entry, ...]:
    """The resources of a chart that is stored here; ContentError as well where anything says that it is not whole."""
    chart = read_chart_files(path)
    if chart.doubts:
        raise ContentError(str(path), f"is not a whole chart: {'; '.join(chart.doubts)}")
    return chart.entries


def _has_failed(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of a batch that was answered tells of a request without success."""
    if "response" not in entry:
        return False
    return not str(as_object(entry["response"]).get("status", "")).strip().startswith("2")
