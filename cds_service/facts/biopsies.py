"""Whether an order, a procedure, a booking or a report is about a biopsy of liver or pancreas, and how it is guided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds_service.facts.vocabulary import Vocabulary, concepts_of, notes_of
from cds_service.fhir.shapes import (
    Concept,
    When,
    as_object,
    as_text,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource

if TYPE_CHECKING:
    from cds_service.facts.case import Case

LIVER_BIOPSY = "liver_biopsy"
PANCREAS_BIOPSY = "pancreas_biopsy"
BIOPSIES = frozenset({LIVER_BIOPSY, PANCREAS_BIOPSY})

_KINDS = {"proc.liver_biopsy": LIVER_BIOPSY, "proc.pancreas_biopsy": PANCREAS_BIOPSY}
BIOPSY_MARKS = ("proc.",)
"""Marks without which nothing is read as a biopsy here (see ``marks``)."""
_KINDS_BY_SITE = {"site.liver": LIVER_BIOPSY, "site.pancreas": PANCREAS_BIOPSY}
_OTHER = ("lab.", "path.", "drug.", "regimen")
_FAILED = "reason.unsuccessful"
_GENERIC = "proc.image_guided_biopsy_generic"
_NOT_PLAIN_ULTRASOUND = frozenset(
    {"guidance.ct", "guidance.mri", "guidance.ceus", "guidance.fusion", "guidance.eus", "guidance.laparoscopic"}
)
_OTHER_ACCESS = frozenset({"guidance.fluoro", "proc.liver_biopsy_laparoscopic"})


@dataclass(frozen=True, slots=True)
class Biopsy:
    """One reading: ``kinds`` is empty when it is no biopsy of ours; ``by_name`` if only wording shows it is one."""

    kinds: frozenset[str]
    concepts: frozenset[str]
    by_name: bool

    @property
    def guidance(self) -> frozenset[str]:
        """The ``guidance.*`` names stated by code or in words; empty when guidance is not stated."""
        return frozenset(name for name in self.concepts if name.startswith("guidance."))

    @property
    def is_plain_ultrasound(self) -> bool:
        """Guided by ultrasound, without contrast, fusion or an endoscope, and by nothing else."""
        return "guidance.us" in self.concepts and _NOT_PLAIN_ULTRASOUND.isdisjoint(self.concepts)


def states_other_guidance(names: frozenset[str]) -> bool:
    """Whether the names say that a biopsy is guided by something else than plain ultrasound."""
    return not (_NOT_PLAIN_ULTRASOUND | _OTHER_ACCESS).isdisjoint(names)


def read_biopsy(
    vocabulary: Vocabulary,
    what: Iterable[Concept],
    where: Iterable[Concept] = (),
    how: Iterable[Concept] = (),
) -> Biopsy:
    """Read what is done (code or name), at which body site, and how (order detail, method in words).

    A biopsy whose code names no organ needs the site beside it; a biopsy that names its organ does not. What is coded
    as a laboratory test, a pathology report or a drug is no biopsy, whatever its name mentions.
    """
    known = tuple(what)
    coded, worded = vocabulary.coded(known), vocabulary.worded(known)
    sites = vocabulary.both(where) | worded
    by_code = _kinds(coded, sites)
    is_other = any(name.startswith(_OTHER) for name in coded)
    kinds = by_code or (frozenset() if is_other else _kinds(worded, sites))
    concepts = coded | worded | _sites(sites) | vocabulary.both(how)
    kept = frozenset(name for name in concepts if name.startswith(("proc.", "guidance.", "site.")))
    return Biopsy(kinds, kept if kinds else frozenset(), bool(kinds) and not by_code)


def biopsy_of(resource: Resource, vocabulary: Vocabulary) -> Biopsy:
    """The biopsy that a ServiceRequest or a Procedure is, by code, bodySite, orderDetail."""
    return read_biopsy(
        vocabulary,
        concepts_of(resource, "code"),
        concepts_of(resource, "bodySite"),
        concepts_of(resource, "orderDetail"),
    )


def performed_when(procedure: Resource) -> When | None:
    """When a Procedure was performed; None if undated or unreadable."""
    return read_when(procedure.get("performedDateTime")) or read_when(procedure.get("performedPeriod"))


def stop_reasons(procedure: Resource, vocabulary: Vocabulary) -> frozenset[str]:
    """The ``reason.*`` names in a Procedure's statusReason, else in its notes; so too if it says only "failed"."""
    stated = reasons_in(vocabulary.both(concepts_of(procedure, "statusReason")))
    if stated - {_FAILED}:
        return stated
    return stated | reasons_in(vocabulary.named(notes_of(procedure)))


def reasons_in(names: frozenset[str]) -> frozenset[str]:
    """The ``reason.*`` names among others."""
    return frozenset(name for name in names if name.startswith("reason."))


def sample_links(resource: Resource, case: Case) -> frozenset[str]:
    """References that tie a biopsy, its specimen and its report to each other: ids, orders, specimens, collections."""
    found = {type_and_id(resource)} if as_text(resource.get("id")) else set()
    specimens = reference_texts(resource.get("specimen"))
    texts = [*specimens, *reference_texts(resource.get("basedOn")), *reference_texts(resource.get("report"))]
    taken = [target for text in specimens if (target := case.record.resolve(text, resource)) is not None]
    if resource.get("resourceType") == "Specimen":
        taken.append(resource)
    for specimen in taken:
        texts.extend(reference_texts(specimen.get("request")))
        texts.extend(reference_texts(as_object(specimen.get("collection")).get("procedure")))
    return frozenset(found | {relative_reference(text) for text in texts if not text.startswith("#")})


def _kinds(names: frozenset[str], sites: frozenset[str]) -> frozenset[str]:
    named = frozenset(kind for name, kind in _KINDS.items() if name in names)
    if named or _GENERIC not in names:
        return named
    return frozenset(kind for name, kind in _KINDS_BY_SITE.items() if name in sites)


def _sites(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if name.startswith("site."))
