"""Other cancers than that of the pancreas, as Conditions and final pathology tell of them: the items behind F14."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cds_service.facts.fact import Evidence
from cds_service.facts.pathology_reports import PathologyFinding, name_of_cancer
from cds_service.facts.problems import Problem, is_withdrawn
from cds_service.facts.spread import OF_THE_LIVER_ITSELF
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import Concept, type_and_id

if TYPE_CHECKING:
    from cds_service.facts.case import Case

_LIVER = "cond.liver_metastasis"
_OTHER = frozenset({"cond.other_malignancy", "cond.other_primary_to_pancreas", "cond.history_other_primary"})
_NOT_COUNTED = frozenset({"cancer.skin_minor"})
# The words that leave a cancer found elsewhere with the pancreas, or with a primary that nobody names.
_TIED = frozenset({"site.pancreas", "cond.pancreas_primary", "resectability.metastatic"})
# Pathway F14: the cancers that spread to pancreas and liver most often.
_LIKELY = frozenset(
    {
        "cond.other_primary_to_pancreas",
        "cancer.kidney",
        "cancer.lung",
        "cancer.breast",
        "cancer.colorectal",
        "cancer.melanoma",
        "cancer.ovary",
    }
)
_UNKNOWN_CODE = "a code that is not known here"
_CANCER_CHAPTER = re.compile(r"C\d", re.IGNORECASE)


def recorded_cancer(problem: Problem, words: Vocabulary) -> str:
    """Our name of the other cancer that a Condition records, "" if it records none."""
    if problem.coded & _OTHER:
        return ", ".join(dict.fromkeys(name_of_cancer(concept, words) for concept in problem.concepts))
    named = sorted(name for name in problem.named if name.startswith("cancer.") and name not in _NOT_COUNTED)
    if _LIVER in problem.named:
        named = [name for name in named if name not in OF_THE_LIVER_ITSELF]
    if not problem.coded_only_as() or ("cond.history_other_primary" not in problem.named and not named):
        return ""
    return ", ".join(name.partition(".")[2].replace("_", " ") for name in named) or label_of(problem.concepts)


def sampled_cancer(finding: PathologyFinding, words: Vocabulary) -> str:
    """Our name of the other cancer in a final pathology report, "" if it shows none.

    A malignancy of another organ is one even where the report does not say so, unless its words tie it to the pancreas
    or call it metastatic. Blood and molecular results prove none.
    """
    if finding.state == "other-primary":
        return finding.label
    known = words.named((finding.title, finding.quote))
    if finding.state != "confirmed" or finding.site != "other" or finding.molecular or finding.blood:
        return ""
    return "" if known & (_TIED | _NOT_COUNTED) else "another organ"


def is_likely_source(cancer: str, known: Iterable[str]) -> bool:
    """Whether a cancer is of a kind that is likely to spread to the pancreas: by our name, or by what else is known.

    ``known`` are the value sets and names of the item that tells of the cancer.
    """
    names = {f"cancer.{name}" for name in cancer.split(", ")}
    return not _LIKELY.isdisjoint(names.union(known))


def _names_cancer(concepts: Iterable[Concept]) -> bool:
    """Whether a code is of the cancer chapter of ICD-10."""
    return any(
        _CANCER_CHAPTER.match(code) and "icd-10" in system.lower()
        for codings, _ in concepts
        for system, code, _ in codings
    )


def unknown_codes(case: Case) -> Iterator[Evidence]:
    """Conditions with a cancer code of ICD-10 that none of our sets holds, and whose words say nothing either."""
    words = vocabulary_of(case)
    for condition in case.record.of("Condition"):
        concepts = concepts_of(condition, "code")
        if not _names_cancer(concepts) or words.coded(concepts) or is_withdrawn(condition):
            continue
        if not any(name.startswith(("cancer.", "cond.")) for name in words.worded(concepts)):
            yield Evidence(type_and_id(condition), label_of(concepts), counted=False, why=_UNKNOWN_CODE)
