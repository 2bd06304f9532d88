"""The stored patients and orders of the page, each with the title and the group under which it is listed.

They are the invented patients of ``fixtures/``, which ship with the package: nobody on the page exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content_files import read_json, read_text
from cds_service.facts.orders import read_orders
from cds_service.fhir.shapes import as_list, as_object, as_text
from cds_service.fhir.source import Entry
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content
from cds_service.replay.result import Result
from cds_service.replay.stored import PATIENT_TOKEN, USER, StoredCall, load_patient

FIRST_PATIENT = "folfirinox-no-tissue"
"""Shown when the page opens: an order that is answered with a warning, decided as of the time of its story."""
OWN_ORDERS = "story"
"""Names the orders of a story that are in no order file."""
WITHOUT_DATA = "Data missing, refused or cut short"
QUIET = "Quiet, with a reason"
NOT_OURS = "Not this pathway"
REFUSED = "Refused: what is required is missing"
OTHER_ORDERS = "Orders that are not ours"

_ACRONYMS = frozenset(
    {"ct", "mri", "pet", "eus", "us", "ecog", "inr", "mdt", "icd", "ercp", "html", "pdf", "atc", "egfr", "hcc"}
    | {"folfirinox", "folfox", "nalirifox"}
)
_NAMES = MappingProxyType({"mcode": "mCODE", "whipple": "Whipple", "karnofsky": "Karnofsky", "ca19-9": "CA 19-9"})
_SPECIAL = re.compile(r"ca19-9|[a-z0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredPatient:
    """One story. ``calls`` holds it at each hook; ``orders`` names the order file, or ``OWN_ORDERS``."""

    name: str
    title: str
    story: str
    group: str
    orders: str
    calls: Mapping[str, StoredCall]

    @property
    def call(self) -> StoredCall:
        """The story at its first hook: time, data, settings and drafts are the same at each."""
        return next(iter(self.calls.values()))

    @property
    def patient_id(self) -> str:
        """The id of the patient."""
        return str(self.call.context["patientId"])

    def as_json(self) -> dict[str, Any]:
        """What the page needs to compose a call for this patient."""
        selecting = self.calls.get("order-select", self.call).context
        return {
            "name": self.name,
            "title": self.title,
            "story": self.story,
            "patientId": self.patient_id,
            "now": self.call.now.isoformat().replace("+00:00", "Z"),
            "hooks": list(self.calls),
            "orders": self.orders,
            "draftOrders": selecting["draftOrders"],
            "selections": selecting.get("selections"),
            "searches": dict(self.call.searches),
        }


@dataclass(frozen=True, slots=True)
class OrderTemplate:
    """Draft orders that can be added in one step: an order file. ``group`` says what they are for."""

    name: str
    title: str
    group: str
    draft_orders: Mapping[str, Any]
    selections: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for the page."""
        return {
            "name": self.name,
            "title": self.title,
            "group": self.group,
            "draftOrders": self.draft_orders,
            "selections": list(self.selections),
        }


@dataclass(frozen=True, slots=True)
class Shelf:
    """All that is stored: patients by name, in groups, and the orders."""

    patients: Mapping[str, StoredPatient]
    orders: tuple[OrderTemplate, ...]
    groups: tuple[tuple[str, tuple[StoredPatient, ...]], ...]


def find_fixtures() -> Path | None:
    """The stored patients: inside the wheel, or beside the package in a checkout; None if neither has them."""
    package = Path(str(resources.files("cds_service")))
    places = (package / "fixtures", package.parent / "fixtures")
    return next((place for place in places if (place / "patients").is_dir() and (place / "orders").is_dir()), None)


def load_shelf(root: Path | None, content: Content) -> Shelf:
    """Read every stored patient and order; without a folder there are none. ContentError names a file that is wrong."""
    if root is None:
        return Shelf(MappingProxyType({}), (), ())
    folders = sorted(path for path in (root / "patients").iterdir() if path.is_dir())
    patients = [_patient(folder, root / "orders", content) for folder in folders]
    by_group: dict[str, list[StoredPatient]] = {name: [] for name in _group_names(content)}
    for patient in patients:
        by_group[patient.group].append(patient)
    return Shelf(
        MappingProxyType({patient.name: patient for patient in patients}),
        tuple(_order(path, content) for path in sorted((root / "orders").glob("*.json"))),
        tuple((name, tuple(members)) for name, members in by_group.items() if members),
    )


def title_of(name: str) -> str:
    """A file name in words: ``ct-biopsy-already-booked`` is "CT biopsy already booked"."""
    words = [_NAMES.get(word) or (word.upper() if word in _ACRONYMS else word) for word in _SPECIAL.findall(name)]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if words and words[0] not in _NAMES else text


def _patient(folder: Path, orders: Path, content: Content) -> StoredPatient:
    calls = {call.hook: call for call in load_patient(folder, orders)}
    story = " ".join(read_text(folder / "story.md").split())
    first = next(iter(calls.values()))
    group = _group([call.expected for call in calls.values()], first.searches, content)
    orders_of = first.order or OWN_ORDERS
    return StoredPatient(folder.name, title_of(folder.name), story, group, orders_of, MappingProxyType(calls))


def _group_names(content: Content) -> tuple[str, ...]:
    titles = {card.id: card.title for card in content.cards}
    return (*(titles[name] for name in content.pathway.order), WITHOUT_DATA, QUIET, NOT_OURS, REFUSED)


def _group(expected: list[Result], searches: Mapping[str, str], content: Content) -> str:
    """What a story shows: that data are missing, else its most urgent card, else why there is none."""
    if searches:
        return WITHOUT_DATA
    titles = {card.topic: card.title for card in content.cards}
    shown = [card.topic for result in expected for card in result.cards]
    if shown:
        return titles.get(shown[0], QUIET)
    if any(result.error for result in expected):
        return REFUSED
    return NOT_OURS if any("call" in result.silence for result in expected) else QUIET


def _order(path: Path, content: Content) -> OrderTemplate:
    node = as_object(read_json(path))
    draft_orders = as_object(node.get("draftOrders"))
    selections = tuple(map(as_text, as_list(node.get("selections"))))
    return OrderTemplate(path.stem, title_of(path.stem), _purpose(draft_orders, content), draft_orders, selections)


def _purpose(draft_orders: Mapping[str, Any], content: Content) -> str:
    """What draft orders are for: the first of their kinds, in the words of the review pages."""
    entries = map(as_object, as_list(draft_orders.get("entry")))
    drafts = tuple(Entry(as_object(entry.get("resource")), as_text(entry.get("fullUrl"))) for entry in entries)
    call = HookCall("order-sign", "purpose", PATIENT_TOKEN, USER, "", None, drafts, {}, "")
    kinds = frozenset[str]().union(*(order.kinds for order in read_orders(call, content.terms, content.lexicon).drafts))
    return next((words for kind, words in content.review.order_kinds.items() if kind in kinds), OTHER_ORDERS)
