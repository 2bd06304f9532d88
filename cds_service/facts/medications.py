"""What a medication resource is to us: its agents, its route, the cancer it is given for (pathway F21, part 3.3).

The same reading serves draft orders (F21) and earlier therapy (F9): both ask whether a drug is a systemic
anticancer drug for this cancer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of
from cds_service.fhir.shapes import Concept, as_list, as_object, as_text, read_concept
from cds_service.fhir.source import Resource

SYSTEMIC_DRUG = "systemic_anticancer_drug"
SUPPORTIVE_DRUG = "supportive_drug"
INTENSIVE_REGIMEN = "intensive_regimen"
"""Order kinds of drugs and regimens."""

AGENTS = frozenset(
    {
        "drug.gemcitabine",
        "drug.nab_paclitaxel",
        "drug.paclitaxel",
        "drug.fluorouracil",
        "drug.irinotecan",
        "drug.irinotecan_liposomal",
        "drug.oxaliplatin",
        "drug.cisplatin",
        "drug.capecitabine",
        "drug.tegafur_S1",
        "drug.erlotinib",
        "drug.olaparib",
        "regimen",
    }
)
"""Value sets whose drugs trigger C1 (pathway C1, triggers)."""

_INTENSIVE_NAME = "regimen.intensive"
_BACKBONE = frozenset({"drug.fluorouracil", "drug.oxaliplatin"})
_IRINOTECANS = frozenset({"drug.irinotecan", "drug.irinotecan_liposomal"})
_INTENSIVE = _BACKBONE | _IRINOTECANS | {_INTENSIVE_NAME}

SUPPORTIVE = frozenset({"drug.leucovorin"})
"""Modulators: they belong to a regimen and never make one (pathway 3.3)."""

COUNSELLING = "service.counselling"
"""Names of talks about a treatment, which are no treatment."""

_INTO_A_REGION = frozenset({"route.intravesical", "route.regional", "route.regional_infusion"})
LOCAL_ROUTES = _INTO_A_REGION | {"route.topical", "route.ophthalmic"}

Purpose = Literal["none", "unclear", "this-cancer", "other-cancer"]
"""What the stated reason says: nothing at all, nothing that names a primary, ours, another cancer."""

_THIS_CANCER = frozenset({"cond.pancreas_primary", "cond.metastasis_from_pancreas", "cond.history_pancreas_primary"})
_OTHER_CANCER = frozenset(
    {
        "cond.other_primary_to_pancreas",
        "cond.history_other_primary",
        "cond.other_malignancy",
        "cond.pancreas_neuroendocrine",
        "cond.excluded_histology",
        "origin.other",
    }
)


@dataclass(frozen=True, slots=True)
class MedicationUse:
    """One reading of a medication.

    ``concepts`` are the value sets matched by drug and route, ``label`` the drug's name as the client wrote it,
    ``by_name`` whether only its wording identified it, ``refusal`` why it is not one of ours ("" if it is).
    """

    concepts: frozenset[str]
    label: str
    purpose: Purpose
    by_name: bool
    refusal: str

    @property
    def is_systemic(self) -> bool:
        """A systemic anticancer drug that counts for this cancer."""
        return not self.refusal and not AGENTS.isdisjoint(self.concepts)

    @property
    def is_supportive(self) -> bool:
        """A modulator that no anticancer drug accompanies in the same item."""
        return not self.refusal and AGENTS.isdisjoint(self.concepts) and not SUPPORTIVE.isdisjoint(self.concepts)


def read_medication(resource: Resource, vocabulary: Vocabulary) -> MedicationUse:
    """Read a MedicationRequest, MedicationAdministration or MedicationStatement."""
    drug = drug_of(resource, vocabulary)
    coded = _drugs(vocabulary.coded(drug))
    worded = vocabulary.worded(drug)
    drugs = coded | _drugs(worded)
    label = label_of(drug)
    if AGENTS.isdisjoint(drugs) and SUPPORTIVE.isdisjoint(drugs):
        return MedicationUse(drugs, label, "none", False, "not an anticancer drug of this pathway")
    routes = _routes(resource, vocabulary, _named_routes(worded))
    purpose = read_purpose(resource, vocabulary)
    refusal = _route_refusal(drugs, routes) or _purpose_refusal(drugs, purpose)
    return MedicationUse(drugs | routes, label, purpose, not coded, refusal)


def drug_of(resource: Resource, vocabulary: Vocabulary) -> tuple[Concept, ...]:
    """The concepts that name the drug: its own, and those of the Medication that it refers to."""
    return (*concepts_of(resource, "medicationCodeableConcept"), *_medications(resource, vocabulary))


def reasons_of(resource: Resource, vocabulary: Vocabulary) -> tuple[Concept, ...]:
    """What reasonCode and reasonReference of an order or a treatment say, without the empty ones."""
    reasons = (
        *concepts_of(resource, "reasonCode"),
        *vocabulary.follow(resource.get("reasonReference"), resource, "code"),
    )
    return tuple(reason for reason in reasons if reason.codings or reason.text)


def read_purpose(resource: Resource, vocabulary: Vocabulary) -> Purpose:
    """What the reasons of an order or a treatment name. A missing reason is "none"."""
    verdicts = {_purpose_of(reason, vocabulary) for reason in reasons_of(resource, vocabulary)}
    for verdict in ("this-cancer", "other-cancer", "unclear"):
        if verdict in verdicts:
            return verdict
    return "none"


def _purpose_of(reason: Concept, vocabulary: Vocabulary) -> Purpose:
    """What one reason names: by its codes where we know their diagnosis, else by its words (decision 7)."""
    coded = vocabulary.coded((reason,))
    names = coded if any(name.startswith("cond.") for name in coded) else vocabulary.worded((reason,))
    if not _THIS_CANCER.isdisjoint(names):
        return "this-cancer"
    if not _OTHER_CANCER.isdisjoint(names) or any(name.startswith("cancer.") for name in names):
        return "other-cancer"
    return "unclear"


def _medications(resource: Resource, vocabulary: Vocabulary) -> Iterable[Concept]:
    """The code, ingredients and form of the Medication that ``medicationReference`` names, else its display."""
    for item in as_list(resource.get("medicationReference")):
        node = as_object(item)
        reference = as_text(node.get("reference"))
        target = vocabulary.resolve(reference, resource) if reference else None
        if target is not None:
            yield from concepts_of(target, "code", "form")
            for ingredient in as_list(target.get("ingredient")):
                yield from concepts_of(as_object(ingredient), "itemCodeableConcept")
                yield from _named_ingredient(as_object(ingredient).get("itemReference"), (target, resource), vocabulary)
        yield Concept((), as_text(node.get("display")))


def _named_ingredient(value: object, holders: Iterable[Resource], vocabulary: Vocabulary) -> Iterable[Concept]:
    """The substance or product of an ingredient given by reference; a contained one stands in the outermost holder."""
    node = as_object(value)
    reference = as_text(node.get("reference"))
    found = [vocabulary.resolve(reference, holder) for holder in holders if reference]
    for target in found:
        yield from concepts_of(target or {}, "code")
    yield Concept((), as_text(node.get("display")))


def makes_intensive(named: frozenset[str]) -> frozenset[str]:
    """The names among those of all drugs ordered that make FOLFIRINOX or NALIRIFOX (F21, C12); none if they do not."""
    ours = named & _INTENSIVE
    agents_suffice = ours >= _BACKBONE and not ours.isdisjoint(_IRINOTECANS)
    return ours if agents_suffice or _INTENSIVE_NAME in ours else frozenset()


def _drugs(names: frozenset[str]) -> frozenset[str]:
    return frozenset([name for name in names if name == "regimen" or name.startswith(("drug.", "regimen."))])


def _named_routes(names: frozenset[str]) -> frozenset[str]:
    return frozenset([name for name in names if name.startswith("route.")])


def _routes(resource: Resource, vocabulary: Vocabulary, from_name: frozenset[str]) -> frozenset[str]:
    """The routes stated: the route element, else the drug's own name, else the dosage instructions in words.

    A name that says "injection" tells the form: instructions to instil it into the bladder still tell the route.
    """
    dosages = [as_object(item) for name in ("dosageInstruction", "dosage") for item in as_list(resource.get(name))]
    stated = _named_routes(vocabulary.both([read_concept(dosage["route"]) for dosage in dosages if "route" in dosage]))
    if stated:
        return stated
    texts = [as_text(dosage.get(name)) for dosage in dosages for name in ("text", "patientInstruction")]
    methods = vocabulary.worded([read_concept(dosage["method"]) for dosage in dosages if "method" in dosage])
    said = _named_routes(vocabulary.named(texts) | methods)
    return said if said & _INTO_A_REGION or not from_name else from_name


def _route_refusal(drugs: frozenset[str], routes: frozenset[str]) -> str:
    if "route.iv" in routes:
        return ""
    if not LOCAL_ROUTES.isdisjoint(routes):
        return "given by a local route"
    if drugs & AGENTS == {"drug.fluorouracil"} and "route.oral" in routes:
        return "fluorouracil counts only when given intravenously"
    return ""


def _purpose_refusal(drugs: frozenset[str], purpose: Purpose) -> str:
    if purpose == "other-cancer":
        return "its reason names another cancer"
    if drugs & AGENTS == {"drug.paclitaxel"} and purpose != "this-cancer":
        return "plain paclitaxel counts only when its reason is pancreatic cancer"
    return ""
