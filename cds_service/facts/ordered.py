"""What the orders of the call are, as facts that cards may ask for (F21). They stand in the call: never unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cds_service.facts.biopsies import BIOPSIES, LIVER_BIOPSY, states_other_guidance
from cds_service.facts.case import Case
from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.imaging_orders import ABDOMINAL_CT, protocol_of
from cds_service.facts.orders import Order
from cds_service.facts.registry import fact
from cds_service.facts.surgery import RESECTIONS
from cds_service.facts.vocabulary import concepts_of, notes_of, vocabulary_of
from cds_service.fhir.shapes import Concept, as_text

Guidance = Literal["other", "ultrasound", "unstated"]

_ULTRASOUND, _CT, _ASKS_FOR_CT = "guidance.us", "guidance.ct", "ask.ct_guidance"
_PURPOSES = "purpose."
_OTHER_CANCERS = (
    "cancer.",
    "cond.other_primary_to_pancreas",
    "cond.other_malignancy",
    "cond.history_other_primary",
)
_PROTOCOL, _UNSTATED, _OTHER = "pancreas-protocol", "unstated", "other"


@fact(
    "resection_ordered",
    source="F21",
    states=("yes", "no"),
    searches=(),
)
def resection_ordered(case: Case) -> Fact:
    """A curative resection of pancreas or liver is among the selected orders."""
    return _among_selected("resection_ordered", case, RESECTIONS)


@fact(
    "biopsy_guidance_ordered",
    source="F21",
    states=("yes:ultrasound", "yes:unstated", "yes:other", "no"),
    searches=(),
)
def biopsy_guidance_ordered(case: Case) -> Fact:
    """How the ordered liver biopsy is to be guided; no where none is ordered.

    ``other``: CT, MRI, contrast-enhanced or endoscopic ultrasound, fusion, an operation. One order that states it
    decides. A choice left open between ultrasound and CT is ``unstated``.
    """
    orders = case.orders.of_kind(LIVER_BIOPSY)
    stated = [_guidance(order, case) for order in orders]
    lines = tuple(_line(order, f"guidance: {guidance}") for order, guidance in zip(orders, stated, strict=True))
    for guidance in ("other", "ultrasound", "unstated"):
        if guidance in stated:
            return Fact("biopsy_guidance_ordered", "yes", guidance, lines)
    return Fact("biopsy_guidance_ordered", "no")


@fact(
    "biopsy_purpose_stated",
    source="F21",
    states=("yes", "no"),
    searches=(),
)
def biopsy_purpose_stated(case: Case) -> Fact:
    """The ordered biopsy states its purpose: molecular testing, recurrence, a trial, another primary, diagnostic doubt.

    A plan that gives one is not read: the fact is about the order.
    """
    lines = []
    for order in case.orders.of_kind(*BIOPSIES):
        purposes = _purposes(order, case)
        why = f"purpose: {', '.join(purposes)}" if purposes else "states no purpose of a repeat biopsy"
        lines.append(_line(order, why, counted=bool(purposes)))
    holds = any(line.counted for line in lines)
    return Fact("biopsy_purpose_stated", "yes" if holds else "no", evidence=tuple(lines))


@fact(
    "abdominal_ct_ordered",
    source="F21",
    states=("yes:pancreas-protocol", "yes:unstated", "yes:other", "no"),
    searches=(),
)
def abdominal_ct_ordered(case: Case) -> Fact:
    """Which abdominal CT is ordered: with a stated pancreas protocol, without saying, or without contrast.

    A pancreas protocol among the drafts decides, selected or not: what a card would ask for is there already.
    """
    words = vocabulary_of(case)
    stated = [
        (order, protocol_of(order.resource, words)) for order in case.orders.drafts if ABDOMINAL_CT in order.kinds
    ]
    lines = tuple(_line(order, f"protocol: {protocol}") for order, protocol in stated)
    drafted = {protocol for _, protocol in stated}
    chosen = {id(order) for order in case.orders.selected}
    selected = {protocol for order, protocol in stated if id(order) in chosen}
    for protocol, found in ((_PROTOCOL, drafted), (_UNSTATED, selected), (_OTHER, selected)):
        if protocol in found:
            return Fact("abdominal_ct_ordered", "yes", protocol, lines)
    return Fact("abdominal_ct_ordered", "no", evidence=tuple(line._replace(counted=False) for line in lines))


def _among_selected(name: str, case: Case, kinds: Iterable[str]) -> Fact:
    orders = case.orders.of_kind(*kinds)
    return Fact(name, "yes" if orders else "no", evidence=tuple(_line(order, order.why) for order in orders))


def _line(order: Order, why: str, *, counted: bool = True) -> Evidence:
    status = as_text(order.resource.get("status"))
    return Evidence(order.reference, order.label, status=status, counted=counted, why=why)


def _guidance(order: Order, case: Case) -> Guidance:
    """By code, then in words. A note counts only for other guidance: of ultrasound it may tell the earlier attempt."""
    words = vocabulary_of(case)
    how = concepts_of(order.resource, "code", "orderDetail")
    coded = words.coded(how)
    names, noted = coded | words.worded(how), words.named(notes_of(order.resource))
    by_ultrasound = _ULTRASOUND in names
    # "Ultrasound-guided biopsy of a lesion seen on CT" names both, and so does a choice between them.
    stated = names - {_CT} if by_ultrasound and _CT not in coded else names
    if states_other_guidance(stated | (noted - {_CT})) or _ASKS_FOR_CT in noted:
        return "other"
    return "ultrasound" if by_ultrasound and (_ULTRASOUND in coded or _CT not in names) else "unstated"


def _purposes(order: Order, case: Case) -> tuple[str, ...]:
    words = vocabulary_of(case)
    reasons = (
        *concepts_of(order.resource, "reasonCode"),
        *words.follow(order.resource.get("reasonReference"), order.resource, "code"),
    )
    texts = (
        *reasons,
        *concepts_of(order.resource, "code", "orderDetail"),
        *(Concept((), text) for text in notes_of(order.resource)),
    )
    found = {name for name in words.both(texts) if name.startswith(_PURPOSES)}
    if any(name.startswith(_OTHER_CANCERS) for name in words.both(reasons)):
        found.add("purpose.other_primary")
    return tuple(sorted(name.removeprefix(_PURPOSES).replace("_", " ") for name in found))
