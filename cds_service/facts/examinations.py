"""Examinations done: whether one of a kind took place within its window, by its report or by its images (F11, F12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cds_service.facts.fact import INDETERMINATE, NOT_SEARCHED, STALE, Evidence, Fact, Value
from cds_service.facts.searches import evidence_of, gaps_of
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of
from cds_service.fhir.shapes import Concept, When, as_list, as_object, as_text, type_and_id
from cds_service.fhir.source import Resource
from cds_service.record import Search

if TYPE_CHECKING:
    from cds_service.facts.case import Case

Standing = Literal["done", "unsure", "stale", ""]

_ANSWERS: tuple[tuple[Standing, Value, str], ...] = (
    ("done", "yes", ""),
    ("unsure", "unknown", INDETERMINATE),
    ("stale", "unknown", STALE),
)


@dataclass(frozen=True, slots=True)
class Examination:
    """One examination: "done", "unsure" (nobody can tell), "stale", or "" if it does not count."""

    standing: Standing
    when: When | None
    line: Evidence


def examination_of(
    resource: Resource,
    when: When | None,
    standing: Standing,
    why: str,
    titles: tuple[Concept, ...],
    window: int,
    case: Case,
) -> Examination:
    """An examination of that standing, unless it lies ahead or outside its window (days)."""
    if standing and when is not None and when.is_future(case.now):
        standing, why = "", "dated in the future"
    elif standing and (when is None or when.is_older_than(window, case.now)):
        why = f"older than {window} days" if when else "undated"
        standing = "stale"
    line = Evidence(
        type_and_id(resource),
        label_of(titles),
        when.text if when else "",
        as_text(resource.get("status")),
        counted=False,
        why=why,
    )
    return Examination(standing, when, line)


def settle_examinations(name: str, examinations: Iterable[Examination], missing: tuple[Search, ...]) -> Fact:
    """Yes if one was done. Without one: indeterminate if one cannot be judged, else stale or no; all these need every
    search, for the examination that settles the question may be what is missing."""
    known = tuple(examinations)
    for standing, value, reason in _ANSWERS:
        deciding = [item for item in known if item.standing == standing]
        if deciding and (standing == "done" or not missing):
            last = max(deciding, key=lambda item: item.line.date)
            lines = tuple(item.line._replace(counted=item.standing == standing) for item in known)
            return Fact(name, value, reason, lines + evidence_of(missing), as_of=last.line.date, gaps=gaps_of(missing))
    lines = tuple(item.line for item in known) + evidence_of(missing)
    if missing:
        return Fact(name, "unknown", NOT_SEARCHED, lines, gaps=gaps_of(missing))
    return Fact(name, "no", evidence=lines)


def parts_named(study: Resource, words: Vocabulary) -> frozenset[str]:
    """The modality and body sites of an ImagingStudy and its series: bare Codings in R4."""
    return words.both(concept for part in _parts(study) for concept in concepts_of(part, "modality", "bodySite"))


def sites_told(study: Resource) -> tuple[str, ...]:
    """The body sites of an ImagingStudy and its series, as far as they are told in words."""
    sites = (concept for part in _parts(study) for concept in concepts_of(part, "bodySite"))
    return tuple(name for site in sites for name in site.names)


def series_descriptions(study: Resource) -> tuple[str, ...]:
    """What the series of an ImagingStudy are called."""
    return tuple(
        text for series in as_list(study.get("series")) if (text := as_text(as_object(series).get("description")))
    )


def _parts(study: Resource) -> Iterator[Resource]:
    yield study
    for series in as_list(study.get("series")):
        yield as_object(series)
