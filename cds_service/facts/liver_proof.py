"""How the liver metastases are proven, beyond the level of F3 (C3)."""

from __future__ import annotations

from datetime import UTC

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_SEARCHED, Evidence, Fact, Value
from cds_service.facts.liver import definite_imaging, is_from_pancreas
from cds_service.facts.liver_imaging import LiverItem, liver_items
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.fhir.shapes import When, read_when

_SEARCHES = ("reports", "observations")
_PROVEN = frozenset({"yes:pathology", "yes:imaging-definite"})
_WHOLE_LIVER = frozenset({"ct", "mri", "pet"})
_UNREAD = frozenset({"", "unclear"})
_ENOUGH = 2


@fact(
    "definite_beyond_ct",
    source="F3",
    states=("yes", "no", "unknown:not-searched"),
    searches=_SEARCHES,
    asks=("liver_metastases",),
)
def definite_beyond_ct(case: Case) -> Fact:
    """Imaging shows definite liver metastases on MRI, or on two modalities, and nothing has overturned it since."""
    liver = case.fact("liver_metastases")
    missing = unfinished(case, _SEARCHES)
    gaps = tuple(dict.fromkeys((*gaps_of(missing), *liver.gaps)))
    shown = definite_imaging(case) if liver.state in _PROVEN else ()
    modalities = {item.modality for item in shown if item.modality}
    if "mri" in modalities or len(modalities) >= _ENOUGH:
        lines = tuple(_line(item, bool(item.modality), "definite, and not overturned since") for item in shown)
        last = max(line.date for line in lines if line.counted)
        return Fact("definite_beyond_ct", "yes", "", lines + evidence_of(missing), as_of=last, gaps=gaps)
    lines = tuple(_line(item, False, "definite on one modality, not MRI") for item in shown)
    if gaps:
        return Fact("definite_beyond_ct", "unknown", NOT_SEARCHED, lines + evidence_of(missing), gaps=gaps)
    return Fact("definite_beyond_ct", "no", evidence=lines)


@fact(
    "liver_pathology_recent",
    source="C3",
    states=("yes", "no", "unknown:not-searched"),
    searches=(),
    asks=("liver_metastases",),
)
def liver_pathology_recent(case: Case) -> Fact:
    """The pathology that proves the liver metastases is within its window. Undated, or not surely within it: no."""
    liver = case.fact("liver_metastases")
    is_proven = liver.state == "yes:pathology"
    is_recent = is_proven and _is_within(read_when(liver.as_of), case.settings.liver_pathology_window, case)
    lines = tuple(line._replace(counted=is_recent) for line in liver.evidence if is_proven and line.counted)
    as_of = liver.as_of if is_proven else ""
    if liver.gaps and not is_recent:
        return Fact("liver_pathology_recent", "unknown", NOT_SEARCHED, lines, as_of=as_of, gaps=liver.gaps)
    return Fact("liver_pathology_recent", "yes" if is_recent else "no", "", lines, as_of=as_of, gaps=liver.gaps)


@fact(
    "liver_origin_unclear",
    source="F3",
    states=("yes", "no", "unknown:not-searched"),
    searches=(),
    asks=("liver_metastases", "other_primary_history"),
)
def liver_origin_unclear(case: Case) -> Fact:
    """The liver metastases may be another cancer's: nobody says whose they are, and one that spreads there is known.

    It only lowers a card. ``label`` and ``as_of`` are those of the other cancer (F14).
    """
    liver, other = case.fact("liver_metastases"), case.fact("other_primary_history")
    gaps = tuple(dict.fromkeys((*liver.gaps, *other.gaps)))
    if "origin-unclear" in liver.traits:
        lines = tuple(line for line in (*liver.evidence, *other.evidence) if line.counted)
        return Fact("liver_origin_unclear", "yes", "", lines, as_of=other.as_of, label=other.label, gaps=gaps)
    if gaps and not is_from_pancreas(case):
        return Fact("liver_origin_unclear", "unknown", NOT_SEARCHED, gaps=gaps)
    return Fact("liver_origin_unclear", "no")


@fact(
    "liver_imaging_recent",
    source="C3",
    states=("yes", "no", "unknown:not-searched"),
    searches=_SEARCHES,
)
def liver_imaging_recent(case: Case) -> Fact:
    """The latest CT, MRI or PET whose report tells of the liver is within the restaging window."""
    missing = unfinished(case, _SEARCHES)
    told = [item for item in liver_items(case) if item.modality in _WHOLE_LIVER and item.level not in _UNREAD]
    window = case.settings.restaging_window
    recent = [item for item in told if _is_within(item.when, window, case)]
    lines = tuple(
        _line(item, item in recent, "" if item in recent else f"not from the last {window} days") for item in told
    )
    value: Value = "yes" if recent else "unknown" if missing else "no"
    return Fact(
        "liver_imaging_recent",
        value,
        NOT_SEARCHED if value == "unknown" else "",
        lines + evidence_of(missing),
        as_of="" if value == "unknown" else max((line.date for line in lines), default=""),
        gaps=gaps_of(missing),
    )


def _is_within(when: When | None, window: int, case: Case) -> bool:
    """Surely not older than so many days: a month or a year alone may be."""
    return when is not None and (case.now.astimezone(UTC).date() - when.first.date()).days <= window


def _line(item: LiverItem, counted: bool, why: str) -> Evidence:
    return item.line._replace(counted=counted, why=f"{item.line.why}; {why}" if why else item.line.why)
