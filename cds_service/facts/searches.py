"""How a fact accounts for the searches that it rests on (decision 29, the uniform rule)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cds_service.facts.fact import Evidence
from cds_service.record import Search

if TYPE_CHECKING:
    from cds_service.facts.case import Case


def unfinished(case: Case, keys: Iterable[str], *, pathology_suffices: bool = False) -> tuple[Search, ...]:
    """The named searches that are not complete.

    Where only pathology reports matter (``pathology_suffices``), the search ``pathology`` stands in for ``reports`` if
    the site declares that its report categories are reliable (decision 7).
    """
    missing = case.record.unfinished(keys)
    if not pathology_suffices:
        return missing
    pathology = case.record.search("pathology")
    if case.settings.reports_categories_reliable and pathology.is_complete:
        return tuple(search for search in missing if search.key != "reports")
    # A pathology report was there and could not be used: `reports` without it proves no absence.
    return (*missing, pathology) if pathology.dropped else missing


def gaps_of(searches: Iterable[Search]) -> tuple[str, ...]:
    """One clause ``<search>: <problem>`` for each unfinished search."""
    return tuple([f"{search.key}: {_problem(search)}" for search in searches])


def evidence_of(searches: Iterable[Search]) -> tuple[Evidence, ...]:
    """One evidence line for each unfinished search."""
    return tuple([Evidence("", search.key, counted=False, why=_problem(search)) for search in searches])


def _problem(search: Search) -> str:
    return "; ".join(search.problems) or search.completeness.value
