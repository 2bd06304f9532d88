"""Statements that tissue exists without the report that shows it: a weak yes for F4 (pathway F4, C1 variant k)."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import Evidence
from cds_service.facts.problems import problems_of
from cds_service.facts.vocabulary import Vocabulary, concepts_of, notes_of, vocabulary_of
from cds_service.fhir.shapes import (
    as_list,
    as_object,
    as_text,
    extensions,
    read_concept,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource

_OURS = frozenset({"cond.pancreas_primary", "cond.liver_metastasis", "cond.metastasis_from_pancreas"})
_MALIGNANT = frozenset({"path.morphology", "path.morphology_adenocarcinoma", "path.morphology_metastatic"})
_BEHAVIOUR = ("/3", "/6")
_REPORTS = ("DiagnosticReport/", "DocumentReference/")
_VOID_PLANS = frozenset({"revoked", "entered-in-error", "draft"})


def declared_tissue(case: Case) -> Iterator[Evidence]:
    """One line for each declaration in the Conditions of this cancer and in care plans, counted if it is of tissue."""
    vocabulary = vocabulary_of(case)
    for problem in problems_of(case):
        if not problem.void and not _OURS.isdisjoint(problem.coded | problem.named):
            for counted, why in _in_condition(problem.resource, case, vocabulary):
                yield problem.line(counted, why)
    for plan in case.record.of("CarePlan"):
        status_text = as_text(plan.get("status"))
        when = read_when(plan.get("created")) or read_when(plan.get("period"))
        if status_text not in _VOID_PLANS and (quote := _in_plan(plan, vocabulary)):
            yield Evidence(
                type_and_id(plan),
                as_text(plan.get("title")),
                when.text if when else "",
                status_text,
                quote[:120],
                why="states a tissue diagnosis",
            )


def _in_condition(condition: Resource, case: Case, vocabulary: Vocabulary) -> Iterator[tuple[bool, str]]:
    for extension in extensions(condition, "histology-morphology-behavior"):
        concept = read_concept(extension.get("valueCodeableConcept"))
        behaviour = any(coding.code.endswith(_BEHAVIOUR) for coding in concept.codings)
        if behaviour or not _MALIGNANT.isdisjoint(vocabulary.coded((concept,))):
            yield True, "records a malignant histology"
    texts = (*(name for concept in concepts_of(condition, "code") for name in concept.names), *notes_of(condition))
    if "tissue.declared" in vocabulary.named(texts):
        yield True, "states a tissue diagnosis"
    for item in as_list(condition.get("evidence")):
        evidence = as_object(item)
        basis = vocabulary.coded(concepts_of(evidence, "code"))
        if "mcode.evidence_tissue" in basis:
            yield True, "declares histology or cytology as its basis"
        elif "mcode.evidence_not_tissue" in basis:
            yield False, "declares a basis other than tissue"
        elif _names_absent_report(evidence, condition, case):
            yield True, "rests on a report that is not in the data"


def _names_absent_report(evidence: Resource, condition: Resource, case: Case) -> bool:
    return any(
        relative_reference(text).startswith(_REPORTS) and case.record.resolve(text, condition) is None
        for text in reference_texts(evidence.get("detail"))
    )


def _in_plan(plan: Resource, vocabulary: Vocabulary) -> str:
    """The text of a care plan that declares tissue of this cancer; a text that names another cancer does not."""
    details = [as_object(as_object(item).get("detail")) for item in as_list(plan.get("activity"))]
    texts = [as_text(plan.get("title")), as_text(plan.get("description")), *notes_of(plan)]
    texts += [as_text(detail.get("description")) for detail in details]
    for text in texts:
        names = vocabulary.named((text,))
        other = any(name.startswith("cancer.") for name in names) and _OURS.isdisjoint(names)
        if "tissue.declared" in names and not other:
            return text
    return ""
