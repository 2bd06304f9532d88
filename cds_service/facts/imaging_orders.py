"""Which scan an order asks for, and which protocol it states: CT of the abdomen, MRI of the liver, PET-CT (F21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds_service.facts.medications import COUNSELLING
from cds_service.facts.vocabulary import Vocabulary, concepts_of, notes_of
from cds_service.fhir.shapes import Concept
from cds_service.fhir.source import Resource

LIVER_MRI = "liver_mri"
ABDOMINAL_CT = "abdominal_ct"
PET_CT = "pet_ct"

Protocol = Literal["pancreas-protocol", "unstated", "other"]

_LIVER_MRI = frozenset({"img.mri_abdomen_liver"})
_PET = frozenset({"img.pet", "img.modality_pet"})
_NO_PET_CT = frozenset({"pet.other_tracer", "img.pet_mri"})
_NOT_ASKED = "scan.not_asked"
_ABDOMEN = frozenset({"img.ct_abdomen"})
_CT = "img.modality_ct"
_ABDOMINAL_SITES = frozenset({"site.abdomen", "site.liver", "site.pancreas"})
_PLAIN, _PLAIN_CODE = "ct.no_contrast", "img.ct_abdomen_without_contrast"
_WITH_CONTRAST = frozenset({"img.ct_abdomen_contrast", "img.ct_pancreas_or_liver"})


@dataclass(frozen=True, slots=True)
class Scan:
    """One reading: ``kinds`` is empty when it is no scan of ours; ``by_name`` if only wording shows that it is one."""

    kinds: frozenset[str]
    concepts: frozenset[str]
    by_name: bool


def scan_of(resource: Resource, vocabulary: Vocabulary) -> Scan:
    """The scan that a ServiceRequest asks for, by code and body site, else by name."""
    what = concepts_of(resource, "code")
    coded, worded = vocabulary.coded(what), vocabulary.worded(what)
    by_code = _kinds(coded | _of_abdomen(coded, resource, vocabulary))
    kinds = by_code or (_kinds(worded) if worded.isdisjoint({COUNSELLING, _NOT_ASKED}) else frozenset())
    if not worded.isdisjoint(_NO_PET_CT):
        kinds -= {PET_CT}
    return Scan(kinds, coded | worded if kinds else frozenset(), not by_code)


def protocol_of(resource: Resource, vocabulary: Vocabulary) -> Protocol:
    """What an ordered abdominal CT states about its protocol, in its code, order details or notes.

    No LOINC code states several phases, so a pancreas protocol is always told in words; without contrast there is none.
    """
    how = concepts_of(resource, "code", "orderDetail")
    words = vocabulary.worded((*how, *(Concept((), text) for text in notes_of(resource))))
    coded = vocabulary.coded(how)
    if _PLAIN_CODE in coded:
        return "other"
    if "ct.pancreas_protocol" in words:
        return "pancreas-protocol"
    enhanced = "ct.contrast" in words or not coded.isdisjoint(_WITH_CONTRAST)
    return "other" if _PLAIN in words and not enhanced else "unstated"


def _kinds(names: frozenset[str]) -> frozenset[str]:
    if names & _PET:
        return frozenset({PET_CT})
    found = frozenset({LIVER_MRI}) if names & _LIVER_MRI else frozenset()
    return found | {ABDOMINAL_CT} if names & _ABDOMEN else found


def _of_abdomen(coded: frozenset[str], resource: Resource, vocabulary: Vocabulary) -> frozenset[str]:
    """A code that says only "CT" needs the body site beside it."""
    if _CT not in coded or _ABDOMINAL_SITES.isdisjoint(vocabulary.both(concepts_of(resource, "bodySite"))):
        return frozenset()
    return _ABDOMEN
