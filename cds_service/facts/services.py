"""What a ServiceRequest or a RequestGroup asks for: a biopsy, an operation, a scan, a regimen (pathway F21)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cds_service.facts.biopsies import BIOPSIES, Biopsy, biopsy_of
from cds_service.facts.imaging_orders import Scan, scan_of
from cds_service.facts.medications import AGENTS, COUNSELLING, LOCAL_ROUTES, SYSTEMIC_DRUG, read_purpose
from cds_service.facts.surgery import RESECTIONS, Operation, operation_of
from cds_service.facts.vocabulary import Vocabulary, concepts_of
from cds_service.fhir.shapes import Concept, as_list, as_object, as_text
from cds_service.fhir.source import Resource

_CHEMOTHERAPY = frozenset({"regimen", "chemo_administration"})
_TREATMENTS = _CHEMOTHERAPY | AGENTS
_REGIMENS = "regimen."
_OTHER_SERVICE = ("img.", "proc.", "lab.", "path.")
_TREATMENT = "service.treatment"
_VENOUS_ACCESS = "service.venous_access"
_INSTANTIATES = ("instantiatesCanonical", "instantiatesUri")


class Service(NamedTuple):
    """One reading: its order kinds, the value sets and names it rests on, and why it counts or does not."""

    kinds: frozenset[str]
    concepts: frozenset[str]
    why: str


_NOT_OURS = Service(frozenset(), frozenset(), "not a kind of order that this pathway advises on")


def read_service(resource: Resource, vocabulary: Vocabulary) -> Service:
    """A ServiceRequest: what a code states before what a name tells, then a regimen or chemotherapy."""
    what = concepts_of(resource, "code")
    if what and not vocabulary.both(what):
        # Most services of a hospital: nothing that we know, so nothing that a detail could turn into ours.
        return _NOT_OURS
    operation, biopsy = operation_of(resource, vocabulary), biopsy_of(resource, vocabulary)
    scan = scan_of(resource, vocabulary)
    procedures = tuple(each for each in (operation, biopsy) if each.kinds)
    by_code = tuple(each for each in procedures if not each.by_name)
    if by_code:
        return _procedures(by_code)
    if scan.kinds and not scan.by_name:
        return _scan(scan)
    if procedures:
        # What is sampled in the course of a resection is no biopsy to be asked about.
        return _procedures((operation,) if operation.kinds & RESECTIONS else procedures)
    if scan.kinds:
        return _scan(scan)
    found = read_regimen(resource, vocabulary)
    return found._replace(why=operation.refusal) if operation.refusal and not found.kinds else found


def read_regimen(resource: Resource, vocabulary: Vocabulary) -> Service:
    """A regimen or chemotherapy, by its code, its name, or the plan that it instantiates; all of a RequestGroup.

    A RequestGroup may tell it by the titles of its actions alone.
    """
    what = concepts_of(resource, "code")
    coded, worded = vocabulary.coded(what), vocabulary.worded(what)
    names = coded | worded
    by_name = _TREATMENTS.isdisjoint(coded)
    tells_more = not by_name or _TREATMENT in worded or not what
    details = (_details(resource, vocabulary) if tells_more else frozenset()) | _titled(resource, vocabulary)
    if by_name and (_is_other_service(names) or not (_is_named_treatment(worded) or _is_named_treatment(details))):
        return _NOT_OURS._replace(concepts=names)
    if read_purpose(resource, vocabulary) == "other-cancer":
        return Service(frozenset(), names, "its reason names another cancer")
    return Service(frozenset({SYSTEMIC_DRUG}), names | details, f"chemotherapy, {source(by_name)}")


def source(by_name: bool) -> str:
    """Which source told what an order is: a name is the weaker one (decision 7)."""
    return "recognised by its name only" if by_name else "recognised by its code"


def _procedures(found: Sequence[Operation | Biopsy]) -> Service:
    kinds = frozenset[str]().union(*(each.kinds for each in found))
    concepts = frozenset[str]().union(*(each.concepts for each in found))
    what = "biopsy" if kinds <= BIOPSIES else "operation" if kinds & RESECTIONS else "procedure"
    return Service(kinds, concepts, f"{what}, {source(found[0].by_name)}")


def _scan(found: Scan) -> Service:
    return Service(found.kinds, found.concepts, f"imaging, {source(found.by_name)}")


def _details(resource: Resource, vocabulary: Vocabulary) -> frozenset[str]:
    """The drugs and regimens named by the details of an order, or by the plan that it instantiates."""
    details = concepts_of(resource, "orderDetail")
    plans = (as_text(plan) for name in _INSTANTIATES for plan in as_list(resource.get(name)))
    found = vocabulary.both(details) | vocabulary.named(plans)
    return frozenset(name for name in found if name in _TREATMENTS | {COUNSELLING} or name.startswith(_REGIMENS))


def titles_of(group: Resource) -> tuple[Concept, ...]:
    """The titles of the actions of a RequestGroup, those inside others included."""
    found: list[str] = []
    waiting = [as_object(item) for item in reversed(as_list(group.get("action")))]
    while waiting:
        action = waiting.pop()
        found.append(as_text(action.get("title")))
        waiting.extend(as_object(item) for item in reversed(as_list(action.get("action"))))
    return tuple(Concept((), title) for title in found if title)


def _titled(resource: Resource, vocabulary: Vocabulary) -> frozenset[str]:
    """The drugs and regimens that the title of an action of a group names, where it is about their being given."""
    if "action" not in resource:
        return frozenset()
    known = (vocabulary.worded((title,)) for title in titles_of(resource))
    return frozenset[str]().union(
        *(names for names in known if not _is_other_service(names) and _is_named_treatment(names))
    )


def _is_other_service(names: frozenset[str]) -> bool:
    return any(name == COUNSELLING or name.startswith(_OTHER_SERVICE) for name in names)


def _is_named_treatment(worded: frozenset[str]) -> bool:
    """A regimen or chemotherapy by name, or two agents: one drug in a service's name is often a test for that drug."""
    if not _CHEMOTHERAPY.isdisjoint(worded):
        return True
    return len(AGENTS & worded) > 1 and worded.isdisjoint(LOCAL_ROUTES | {_VENOUS_ACCESS})
