"""Whether an order, a booking or a procedure is a curative resection, a staging laparoscopy or a biliary stent (F21).

What a code states decides; a name is asked only where no code says what is done. A talk about an operation, a status
after one and an operation of another kind (bypass, cholecystectomy) are no operations of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.facts.medications import COUNSELLING, read_purpose, reasons_of
from cds_service.facts.vocabulary import Vocabulary, concepts_of, notes_of
from cds_service.fhir.shapes import Concept, extensions, read_concept
from cds_service.fhir.source import Resource

PANCREATIC_RESECTION = "pancreatic_resection"
LIVER_RESECTION = "liver_resection"
STAGING_LAPAROSCOPY = "staging_laparoscopy"
BILIARY_STENT = "biliary_stent"
RESECTIONS = frozenset({PANCREATIC_RESECTION, LIVER_RESECTION})
"""The kinds that are operations with curative intent."""
_OF_THIS_CANCER = RESECTIONS | {BILIARY_STENT}

_KINDS = {
    "proc.pancreatectomy": PANCREATIC_RESECTION,
    "proc.liver_resection": LIVER_RESECTION,
    "proc.liver_metastasis_local_treatment": LIVER_RESECTION,
    "proc.liver_chemoembolisation": LIVER_RESECTION,
    "proc.staging_laparoscopy": STAGING_LAPAROSCOPY,
    "proc.biliary_stent_insertion": BILIARY_STENT,
}
_CHEMOEMBOLISATION = "proc.liver_chemoembolisation"
_LAPAROSCOPY = "proc.staging_laparoscopy"
_OTHER_OPERATION = "proc.other_operation"
_STENT = "device.stent"
_ERCP = "proc.ercp"
_STENTING = "proc.biliary_stent_insertion"
_NEUROENDOCRINE = frozenset({"histology.neuroendocrine_tumour", "histology.neuroendocrine_carcinoma"})
_BENIGN = "benign.disease"
_CLAUSES = str.maketrans(";|\n.", ",,,,")
_CURATIVE = "intent.curative"
_NOT_CURATIVE = frozenset({"intent.palliative", "intent.supportive", "intent.diagnostic"})
_MARKS = frozenset({*_KINDS, _ERCP, _STENT})
_INTENTS = ("mcode-procedure-intent", "mcode-treatment-intent")
# What is coded as one of these is no operation, whatever its name mentions.
_OTHER = ("lab.", "path.", "drug.", "regimen", "img.", "chemo_administration")


@dataclass(frozen=True, slots=True)
class Operation:
    """One reading: ``kinds`` is empty when it is none of ours; ``by_name`` if only wording shows that it is one.

    ``refusal`` says why an operation that could be ours does not count, "" otherwise.
    """

    kinds: frozenset[str]
    concepts: frozenset[str]
    by_name: bool
    refusal: str = ""


_NONE = Operation(frozenset(), frozenset(), False)


def operation_of(resource: Resource, vocabulary: Vocabulary) -> Operation:
    """The operation that a ServiceRequest or a Procedure is, by code, order detail, body site and stated intent.

    A resection or a stent whose reason names another disease is none of this pathway (part 3.3).
    """
    what = concepts_of(resource, "code")
    if _MARKS.isdisjoint(vocabulary.both(what)):
        return _NONE
    how = (
        *concepts_of(resource, "orderDetail", "bodySite"),
        *(Concept((), text) for text in notes_of(resource)),
    )
    found = read_operation(vocabulary, what, how, intents_of(resource, vocabulary))
    refusal = _other_disease(resource, vocabulary) if found.kinds & _OF_THIS_CANCER else ""
    return Operation(frozenset(), frozenset(), False, refusal) if refusal else found


def _other_disease(resource: Resource, vocabulary: Vocabulary) -> str:
    """Says so if the reason of an operation names a disease other than this cancer; "" if none, or ours beside it."""
    purpose = read_purpose(resource, vocabulary)
    if purpose in ("none", "this-cancer"):
        return ""
    reasons = reasons_of(resource, vocabulary)
    if purpose == "other-cancer" or all(not _NEUROENDOCRINE.isdisjoint(vocabulary.worded((each,))) for each in reasons):
        return "its reason names another cancer"
    is_benign = all(_is_benign(reason, vocabulary) for reason in reasons)
    return "its reason names benign disease" if is_benign else ""


def _is_benign(reason: Concept, vocabulary: Vocabulary) -> bool:
    """Whether a benign disease is the whole of a reason: a mass or a doubt in its next clause leaves it open."""
    return _BENIGN in vocabulary.named(name.translate(_CLAUSES) for name in reason.names)


def read_operation(
    vocabulary: Vocabulary,
    what: Iterable[Concept],
    how: Iterable[Concept] = (),
    intents: frozenset[str] = frozenset(),
) -> Operation:
    """Read what is done, how (details and notes, which tell of a stent or of the aim), and the coded intent."""
    known, told = tuple(what), tuple(how)
    coded, worded = vocabulary.coded(known), vocabulary.worded(known)
    by_code, by_name = _operations(coded), _operations(worded)
    found = by_code
    if by_code <= {_LAPAROSCOPY} and COUNSELLING not in worded and not _is_other(coded):
        if _tells_of_stent(coded | worded, told, vocabulary):
            by_name |= {_STENTING}
        # A laparoscopy by code may be the way to another operation, which its words tell.
        found = by_name or (by_code if _OTHER_OPERATION not in worded else frozenset())
    if not found:
        return _NONE
    aims = intents or _intents(worded | vocabulary.worded(told))
    kept = frozenset(name for name in found if _is_curative(name, aims))
    if not kept:
        refusal = "an operation that is stated not to be curative" if aims else "an operation not stated to be curative"
        return Operation(frozenset(), frozenset(), False, refusal)
    return Operation(frozenset(_KINDS[name] for name in kept), coded | worded, not found <= by_code)


def intents_of(resource: Resource, vocabulary: Vocabulary) -> frozenset[str]:
    """The ``intent.*`` names of the mCODE intent extension (decision 8), by code, else in its words."""
    stated = [read_concept(item.get("valueCodeableConcept")) for url in _INTENTS for item in extensions(resource, url)]
    coded = _intents(vocabulary.coded(stated))
    # What the extension says is an intent: "palliative" alone means a palliative intent there.
    return coded or _intents(vocabulary.named(f"{name} intent" for concept in stated for name in concept.names))


def _intents(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if name.startswith("intent."))


def _operations(names: frozenset[str]) -> frozenset[str]:
    return names.intersection(_KINDS)


def _is_other(coded: frozenset[str]) -> bool:
    return any(name.startswith(_OTHER) for name in coded)


def _tells_of_stent(names: frozenset[str], told: tuple[Concept, ...], vocabulary: Vocabulary) -> bool:
    """An ERCP whose details tell of a stent, or a stent whose details tell of the bile duct; each alone may be another.

    An ERCP may only look, or clear stones: without a word of a stent no advice on stenting is due.
    """
    if _ERCP not in names and _STENT not in names:
        return False
    details = names | vocabulary.both(told)
    return _STENT in details and (_ERCP in names or "site.biliary" in details)


def _is_curative(name: str, aims: frozenset[str]) -> bool:
    """Whether an operation counts with these aims: a resection unless another aim alone is stated, others always."""
    if name == _CHEMOEMBOLISATION:
        return _CURATIVE in aims
    return _KINDS[name] not in RESECTIONS or _CURATIVE in aims or _NOT_CURATIVE.isdisjoint(aims)
