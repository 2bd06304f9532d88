"""Whose metastasis a recorded liver metastasis is: the Conditions behind F3, shared with F1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cds_service.facts.problems import Problem, is_withdrawn
from cds_service.facts.vocabulary import concepts_of, vocabulary_of
from cds_service.fhir.shapes import as_object, as_text, extensions

if TYPE_CHECKING:
    from cds_service.facts.case import Case

Origin = Literal["pancreas", "elsewhere", ""]

_LIVER = "cond.liver_metastasis"
_UNSITED = ("cond.metastasis_any_site", "cond.metastasis_from_pancreas")
_PANCREAS = frozenset({"cond.pancreas_primary", "cond.history_pancreas_primary", "cond.pancreas_neuroendocrine"})
_OURS = _PANCREAS | {"cond.metastasis_from_pancreas"}
_OTHER = frozenset({"cond.other_malignancy", "cond.other_primary_to_pancreas", "cond.history_other_primary"})
OF_THE_LIVER_ITSELF = frozenset({"cancer.biliary"})
"""Cancers that the official title of a liver metastasis seems to name ("... of liver and intrahepatic bile duct")."""

# mCODE STU1 to STU3, and the core extension of STU4 (decision 8).
_LINKS = ("related-primary-cancer-condition", "condition-related")


def says_liver_metastasis(problem: Problem) -> Literal["coded", "name-only", ""]:
    """How a Condition states a metastasis in the liver: by code (with body site), in words only, or not at all ("")."""
    if _LIVER in problem.coded or (not problem.coded.isdisjoint(_UNSITED) and "site.liver" in problem.sites):
        return "coded"
    by_name = _LIVER in problem.named and problem.coded_only_as(
        "cond.pancreas_primary", "cond.other_metastasis", "cond.peritoneal_metastasis", *_UNSITED
    )
    return "name-only" if by_name else ""


def origin_of(problem: Problem, case: Case) -> Origin:
    """The primary that a secondary Condition names, by extension or in its own words; "" if it names none.

    A link to a primary that was never so (refuted, entered in error) says nothing.
    """
    known: frozenset[str] = problem.coded | problem.named
    words = vocabulary_of(case)
    for ending in _LINKS:
        for link in extensions(problem.resource, ending):
            target = link.get("valueReference")
            found = case.record.resolve(as_text(as_object(target).get("reference")), problem.resource)
            if found is None:
                known |= words.both(words.follow(target, problem.resource, "code"))
            elif not is_withdrawn(found):
                known |= words.both(concepts_of(found, "code"))
    if known & _OURS:
        return "pancreas"
    return "elsewhere" if named_elsewhere(known) else ""


def named_elsewhere(names: frozenset[str]) -> bool:
    """Whether the names are of another cancer, and not of that of the pancreas."""
    cancers = {name for name in names if name.startswith("cancer.")}
    return names.isdisjoint(_OURS) and bool(names & _OTHER or cancers - OF_THE_LIVER_ITSELF)
