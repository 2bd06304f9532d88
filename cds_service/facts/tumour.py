"""The tumour itself: F16 left_sided_tumour and tumour_large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from cds_service.facts.case import Case
from cds_service.facts.fact import CONFLICT, INDETERMINATE, NOT_FOUND, UNINTERPRETABLE, Fact, Value
from cds_service.facts.marks import marks_in, with_mark
from cds_service.facts.measurements import (
    ASIDE,
    Finding,
    Quantity,
    conclude,
    early_verdict,
    exceeds,
    line_of,
    read_quantity,
)
from cds_service.facts.problems import Problem, problems_of
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date
from cds_service.facts.searches import unfinished
from cds_service.facts.timeline import first_pancreatic_evidence
from cds_service.facts.vocabulary import concepts_of, vocabulary_of
from cds_service.fhir.shapes import When, as_list, as_object
from cds_service.fhir.source import Resource

_PARTS: Mapping[str, str] = MappingProxyType({"part.pancreas_left": "left", "part.pancreas_head": "head"})
_SIZE_SEARCHES = ("observations", "conditions", "reports", "specimens")
_SIZE = "size.tumour"
_DIMENSION = "size.dimension"
_SPELT = ("{}meter", "{}meters", "{}metre", "{}metres", "{}meter(s)", "{}metre(s)")
_MILLIMETRES: Mapping[str, float] = MappingProxyType(
    {"mm": 1.0, "cm": 10.0}
    | {form.format("milli"): 1.0 for form in _SPELT}
    | {form.format("centi"): 10.0 for form in _SPELT}
)
_OF_THE_PANCREAS = frozenset({"site.pancreas", "site.abdomen"})
_SPREAD = frozenset({"cond.liver_metastasis", "cond.other_metastasis", "cond.peritoneal_metastasis"})


@dataclass(frozen=True, slots=True)
class _Place:
    """One Condition of this cancer: the parts of the pancreas that it names, and whether by code."""

    parts: frozenset[str]
    is_coded: bool
    problem: Problem


@fact(
    "left_sided_tumour",
    source="F16",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched", "unknown:indeterminate", "unknown:conflict"),
    searches=("conditions",),
    asks=("pancreatic_cancer",),
)
def left_sided_tumour(case: Case) -> Fact:
    """Body or tail of the pancreas (yes), head (no), by the Conditions that F1 rests on: code or body site, else words.

    ``indeterminate``: no part is stated, or one that is neither; ``conflict``: body or tail, and head.
    """
    ours = {line.reference for line in case.fact("pancreatic_cancer").evidence if line.counted}
    places = [_place(item, case) for item in problems_of(case) if item.reference in ours and not item.void]
    stated = [item for item in places if item.parts and item.is_coded] or [item for item in places if item.parts]
    parts = frozenset[str]().union(*(item.parts for item in stated))
    findings = tuple(_line(item, item in stated) for item in places)
    deciding = tuple(finding for finding, place in zip(findings, places, strict=True) if place in stated)
    value: Value = "unknown"
    if len(parts) > 1:
        # One text may name both parts of one tumour; two codes, or two Conditions, contradict each other.
        reason = INDETERMINATE if len(stated) == 1 and not stated[0].is_coded else CONFLICT
    elif parts:
        value, reason = ("yes" if parts == {"left"} else "no"), ""
    else:
        reason = INDETERMINATE if places else NOT_FOUND
    return conclude("left_sided_tumour", value, reason, findings, deciding, unfinished(case, ("conditions",)))


def _place(problem: Problem, case: Case) -> _Place:
    words = vocabulary_of(case)
    sites = concepts_of(problem.resource, "bodySite")
    coded = _parts(problem.coded | words.coded(sites))
    return _Place(coded or _parts(problem.named | words.worded(sites)), bool(coded), problem)


def _parts(names: frozenset[str]) -> frozenset[str]:
    return frozenset(part for name, part in _PARTS.items() if name in names)


def _line(place: _Place, counts: bool) -> Finding:
    why = "by its words only" if place.parts and not place.is_coded else "states no part of the pancreas"
    why = "" if place.parts and place.is_coded else why
    if place.parts and not counts:
        why = "a code states the part"
    label = {frozenset({"left"}): "body or tail", frozenset({"head"}): "head"}.get(place.parts, "")
    quality = "coded" if place.is_coded else "name-only"
    return Finding("part", place.problem.when, place.problem.line(counts, why), label=label, quality=quality)


@fact(
    "tumour_large",
    source="F16",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched", "unknown:uninterpretable"),
    searches=_SIZE_SEARCHES,
    reads=("documents",),
    asks=("other_primary_history", "pancreatic_cancer"),
)
def tumour_large(case: Case) -> Fact:
    """The greatest diameter of the primary, by the latest size Observation, is above the limit. ``number`` in mm.

    No code for a size is verified: such an Observation is known by its name. Sizes in texts are not used.
    """
    return exceeds("tumour_large", tuple(_sizes(case)), "large", "small", unfinished(case, _SIZE_SEARCHES))


def _sizes(case: Case) -> Iterator[Finding]:
    """One finding for each diameter: an Observation may hold one itself, and others as components."""
    limit = case.settings.tumour_large_mm
    for item in _candidates(case):
        names = marks_in(item, ("code",), case)
        when = report_date(item, case)
        verdict, why = early_verdict(item, when, case)
        for part, part_names in _dimensions(item, names, case):
            sort, clause, number = verdict, why or _not_the_primary(item, names | part_names, when, case), None
            size = read_quantity(part.get("valueQuantity"))
            if clause and not why:
                sort = ASIDE
            elif not sort:
                sort, clause, number = _measure(size.scaled(_MILLIMETRES), limit)
            line = line_of(item, when, size.text, clause)
            label = "" if number is None else f"{number:g} mm"
            yield Finding(sort, when, line, number, label, "name-only")


def _candidates(case: Case) -> tuple[Resource, ...]:
    """Observations named as a size, and those with a component that is."""
    named = with_mark(case, "Observation", (_SIZE,))
    known = {id(item) for item in named}
    others = (item for item in case.record.of("Observation") if "component" in item and id(item) not in known)
    return (*named, *others)


def _dimensions(item: Resource, names: frozenset[str], case: Case) -> Iterator[tuple[Resource, frozenset[str]]]:
    """The parts of an Observation that state a diameter, each with what it names."""
    wanted = {_SIZE, _DIMENSION} if _SIZE in names else {_SIZE}
    parts = [as_object(part) for part in as_list(item.get("component"))]
    sized = [(part, found) for part in parts if not wanted.isdisjoint(found := marks_in(part, ("code",), case))]
    yield from sized
    if _SIZE in names and ("valueQuantity" in item or not sized):
        yield item, names


def _measure(size: Quantity | None, limit: int) -> tuple[str, str, float | None]:
    """The verdict on a diameter in mm, why it is not used, and the number if it is."""
    if size is None or not size.above(0):
        return UNINTERPRETABLE, "no diameter in mm or cm", None
    above = size.above(limit)
    if above is None:
        return UNINTERPRETABLE, "a bound that does not settle it", None
    return ("large" if above else "small"), "recognised by its name only", size.value


def _not_the_primary(item: Resource, names: frozenset[str], when: When | None, case: Case) -> str:
    """Why a size is not that of the primary, "" if it may be: by its name, body site, specimen and focus."""
    words = vocabulary_of(case)
    sites = words.both(concepts_of(item, "bodySite"))
    known = names | sites
    known |= words.both(words.follow(item.get("specimen"), item, "type", "code"))
    known |= words.both(words.follow(item.get("focus"), item, "code", "location"))
    places = {name for name in known if name.startswith("site.")}
    if places - _OF_THE_PANCREAS or known & _SPREAD:
        return "of another site than the pancreas"
    if "site.pancreas" in places or "cond.pancreas_primary" in known:
        return ""
    if "bodySite" in item:
        return "of a site that is not known here"
    first = first_pancreatic_evidence(case)
    lead = timedelta(days=case.settings.pancreatic_evidence_lead)
    if first is not None and when is not None and when.last < first.first - lead:
        return "precedes this cancer"
    is_alone = case.fact("other_primary_history").value != "yes"
    return "" if is_alone else "does not say of which cancer"
