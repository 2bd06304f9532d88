"""Orders of a call and their class (pathway F21, part 3.3, decision 3).

Draft orders are read from the call alone: whether an order is one of ours is decided before any patient data is
looked at. Only what an order itself refers to (its Medication, the Condition that is its reason) may be looked up
in the prefetch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds_service.facts.biopsies import BIOPSIES
from cds_service.facts.imaging_orders import ABDOMINAL_CT, LIVER_MRI, PET_CT
from cds_service.facts.medications import (
    INTENSIVE_REGIMEN,
    SUPPORTIVE_DRUG,
    SYSTEMIC_DRUG,
    MedicationUse,
    makes_intensive,
    read_medication,
)
from cds_service.facts.services import read_regimen, read_service, source, titles_of
from cds_service.facts.surgery import BILIARY_STENT, RESECTIONS, STAGING_LAPAROSCOPY
from cds_service.facts.vocabulary import Resolve, Vocabulary, concepts_of, label_of, says_not_to
from cds_service.fhir.shapes import (
    Contained,
    as_list,
    as_object,
    as_text,
    reference_text,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Entry, Resource

ORDER_KINDS = frozenset(
    {
        *BIOPSIES,
        *RESECTIONS,
        *(STAGING_LAPAROSCOPY, BILIARY_STENT),
        *(LIVER_MRI, ABDOMINAL_CT, PET_CT),
        *(SYSTEMIC_DRUG, SUPPORTIVE_DRUG, INTENSIVE_REGIMEN),
    }
)
"""Every kind that an order can be of (pathway F21): content names no other."""

if TYPE_CHECKING:
    from cds_service.facts.terminology import Terminology
    from cds_service.hooks.call import HookCall
    from cds_service.reading.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class Order:
    """One draft order. ``reference`` is ``Type/id`` as the client knows it (for delete actions), else its fullUrl.

    ``kinds`` are order kinds that cards name as triggers; empty if the order is not ours. ``concepts`` are the
    value sets it matched, ``label`` its name as the client wrote it (record text: escape before showing),
    ``why`` a short clause: why it counts, or why it does not.
    """

    reference: str
    resource: Resource
    kinds: frozenset[str]
    concepts: frozenset[str]
    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of one call: every draft, those that the call is about, and what was odd about the selection.

    ``encounter_id`` is the bare id of the encounter in which the call was made, "" if it named none.
    """

    hook: str
    drafts: tuple[Order, ...]
    selected: tuple[Order, ...]
    notes: tuple[str, ...] = ()
    encounter_id: str = ""

    def of_kind(self, *kinds: str) -> tuple[Order, ...]:
        """The selected orders of any of the kinds."""
        return tuple(order for order in self.selected if order.kinds.intersection(kinds))


_REQUESTS = frozenset(
    {
        "MedicationRequest",
        "ServiceRequest",
        "DeviceRequest",
        "NutritionOrder",
        "VisionPrescription",
        "CommunicationRequest",
        "SupplyRequest",
        "RequestGroup",
        "CarePlan",
        "Task",
        "Appointment",
        "ImmunizationRecommendation",
        "EnrollmentRequest",
        "Claim",
    }
)
NOT_LIVE = frozenset({"cancelled", "canceled", "revoked", "stopped", "completed", "entered-in-error"})
"""Statuses of an order that nobody will act on."""


def read_orders(call: HookCall, terms: Terminology, lexicon: Lexicon) -> Orders:
    """The draft orders of a call, each with its class, and which of them the call is about.

    Never raises on malformed resources: what cannot be read makes an order that is not ours.
    """
    is_foreign = _subjects(call)
    vocabulary = Vocabulary(terms, lexicon, _resolver(call, is_foreign))
    drafts: list[Order] = []
    named: dict[str, set[int]] = {}
    seen: dict[str, dict[str, int]] = {}
    firsts: dict[str, int] = {}
    for entry in call.drafts:
        resource = as_object(entry.resource)
        if as_text(resource.get("resourceType")) not in _REQUESTS:
            continue
        reference = type_and_id(resource) if as_text(resource.get("id")) else entry.full_url
        place = firsts.setdefault(reference, len(drafts))
        if place != len(drafts):
            # Compared as text: thousands of drafts of one name cost no more than as many look-ups.
            texts = seen.get(reference)
            if texts is None:
                texts = seen[reference] = {_as_text(drafts[place].resource): place}
            place = texts.setdefault(_as_text(resource), len(drafts))
        if place == len(drafts):
            drafts.append(_classify(reference, resource, is_foreign, vocabulary))
        for name in _names(entry):
            named.setdefault(name, set()).add(place)
    drafts = _with_regimens(drafts)
    selected, notes = _select(call.selections, drafts, named)
    return Orders(call.hook, tuple(drafts), selected, notes, call.encounter_id)


def _as_text(resource: Resource) -> str:
    return json.dumps(resource, sort_keys=True)


def _classify(reference: str, resource: Resource, is_foreign: _IsForeign, vocabulary: Vocabulary) -> Order:
    kinds: frozenset[str] = frozenset()
    concepts: frozenset[str] = frozenset()
    if is_foreign(resource):
        return Order(reference, resource, kinds, concepts, "", "belongs to another patient")
    if resource.get("resourceType") == "MedicationRequest":
        use = read_medication(resource, vocabulary)
        kinds, concepts, label, why = _drug_kinds(use), use.concepts, use.label, _drug_why(use)
    elif resource.get("resourceType") == "ServiceRequest":
        kinds, concepts, why = read_service(resource, vocabulary)
        label = label_of(concepts_of(resource, "code"))
    elif resource.get("resourceType") == "RequestGroup":
        kinds, concepts, why = read_regimen(resource, vocabulary)
        label = label_of((*concepts_of(resource, "code"), *titles_of(resource)))
    else:
        label, why = "", "not a kind of order that this service reads"
    ended = not_live(resource)
    return Order(reference, resource, frozenset() if ended else kinds, concepts, label, ended or why)


def _drug_kinds(use: MedicationUse) -> frozenset[str]:
    if use.is_systemic:
        return frozenset({SYSTEMIC_DRUG})
    return frozenset({SUPPORTIVE_DRUG}) if use.is_supportive else frozenset()


def _drug_why(use: MedicationUse) -> str:
    if use.refusal:
        return use.refusal
    what = "systemic anticancer drug" if use.is_systemic else "supports a regimen, is no anticancer drug itself"
    return f"{what}, {source(use.by_name)}"


def _with_regimens(drafts: Iterable[Order]) -> list[Order]:
    """The drafts, those marked that together, or by their regimen's name, make an intensive regimen (F21)."""
    known = list(drafts)
    named = [order.concepts for order in known if SYSTEMIC_DRUG in order.kinds]
    members = makes_intensive(frozenset[str]().union(*named)) if named else frozenset()
    if not members:
        return known
    return [
        _with_kind(order, INTENSIVE_REGIMEN)
        if SYSTEMIC_DRUG in order.kinds and not members.isdisjoint(order.concepts)
        else order
        for order in known
    ]


def _with_kind(order: Order, kind: str) -> Order:
    return Order(order.reference, order.resource, order.kinds | {kind}, order.concepts, order.label, order.why)


def not_live(resource: Resource) -> str:
    """Why nobody will act on an order, whatever it is for (pathway 3.3), or ""."""
    status = as_text(resource.get("status")).lower()
    if status in NOT_LIVE:
        return f"not a live order: {status}"
    return "an instruction not to do it" if says_not_to(resource) else ""


_IsForeign = Callable[[Resource], bool]


def _subjects(call: HookCall) -> _IsForeign:
    """Tells whether a resource names a subject other than the patient of the call; a draft may name none."""
    by_url = {entry.full_url: as_object(entry.resource) for entry in reversed(call.drafts)}
    base = call.fhir_server.rstrip("/").lower()

    def is_foreign(resource: Resource) -> bool:
        subject = reference_text(resource.get("subject") or resource.get("patient"))
        if subject.startswith(("urn:", "#")):
            known = by_url.get(subject)
            return known is not None and known.get("id") != call.patient_id
        if base and "://" in subject and not subject.lower().startswith(base + "/"):
            return True
        return bool(subject) and relative_reference(subject) not in (f"Patient/{call.patient_id}", call.patient_id)

    return is_foreign


def _names(entry: Entry) -> Iterator[str]:
    """Every name by which a client may mean this entry (decision 3)."""
    resource = as_object(entry.resource)
    ident = as_text(resource.get("id"))
    if ident:
        yield ident
        yield type_and_id(resource)
    if entry.full_url:
        yield entry.full_url
        yield relative_reference(entry.full_url)


def _select(
    selections: tuple[str, ...] | None, drafts: list[Order], named: Mapping[str, set[int]]
) -> tuple[tuple[Order, ...], tuple[str, ...]]:
    """The selected orders; all of them, with a note, if any selection does not resolve (decision 3)."""
    if selections is None:
        return tuple(drafts), ()
    hits: set[str] = set()
    unknown = 0
    for selection in selections:
        relative = relative_reference(selection.partition("|")[0])
        found = [name for name in (selection, relative) if name in named]
        hits.update(found)
        unknown += not found
    if unknown:
        note = f"{unknown} of {len(selections)} selections match no draft order: all draft orders were evaluated"
        return tuple(drafts), (note,)
    wanted = frozenset[int]().union(*(named[name] for name in hits))
    return tuple(order for at, order in enumerate(drafts) if at in wanted), ()


def _resolver(call: HookCall, is_foreign: _IsForeign) -> Resolve:
    """Follow a reference into the holder, the drafts, then the prefetch; never to another patient's resource."""
    drafts = {name: as_object(entry.resource) for entry in reversed(call.drafts) for name in _names(entry)}
    elsewhere: dict[str, Resource] = {}
    inside = Contained()

    def look_elsewhere(*names: str) -> Resource | None:
        if not elsewhere:
            elsewhere.update(_in_prefetch(call.prefetch.values()))
            elsewhere.setdefault("", {})
        return next((elsewhere[name] for name in names if name in elsewhere), None)

    def resolve(reference: str, holder: Resource) -> Resource | None:
        if reference.startswith("#"):
            return inside.find(holder, reference)
        relative = relative_reference(reference)
        found = drafts.get(reference) or drafts.get(relative)
        if found is None:
            found = look_elsewhere(reference, relative)
        return None if found is None or is_foreign(found) else found

    return resolve


def _in_prefetch(values: Iterable[object]) -> dict[str, Resource]:
    """Everything in the prefetch by fullUrl and ``Type/id``, the first of a name."""
    found: dict[str, Resource] = {}
    for value in values:
        node = as_object(value)
        for item in ({"resource": node}, *as_list(node.get("entry"))):
            entry = as_object(item)
            resource = as_object(entry.get("resource"))
            for name in (as_text(entry.get("fullUrl")), type_and_id(resource)):
                if name:
                    found.setdefault(name, resource)
    return found
