"""F3 liver_metastases: whether, how surely and since when the liver is involved.

One rule settles most of pathway F3: a positive finding stands until a CT or MRI of at least its rank, of the same
day or later, is negative (MRI before CT before PET before ultrasound). So a later MRI overturns a CT, a later CT
does not overturn an MRI, ultrasound overturns nothing, and an earlier negative never beats a later positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cds_service.facts.case import Case, once
from cds_service.facts.fact import (
    CONFLICT,
    INDETERMINATE,
    NOT_FOUND,
    NOT_SEARCHED,
    STALE,
    UNINTERPRETABLE,
    Evidence,
    Fact,
    Value,
)
from cds_service.facts.liver_imaging import Level, LiverItem, liver_items
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.problems import Problem, problems_of
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.spread import origin_of, says_liver_metastasis
from cds_service.facts.timeline import precedes_this_cancer
from cds_service.fhir.shapes import read_when

if TYPE_CHECKING:
    from cds_service.facts.reports import Modality
    from cds_service.facts.spread import Origin

_SEARCHES = ("conditions", "reports", "observations", "specimens")
_RANKS = {"mri": 4, "ct": 3, "pet": 2, "us": 1}
_ADEQUATE = frozenset({"ct", "mri"})
_IMAGED = frozenset({"definite", "suspected"})
_EXPLAINED = frozenset({"definite", "suspected", "recorded", "indeterminate", "unclear"})

_ANSWERS: Mapping[str, tuple[Value, str]] = {
    "pathology": ("yes", "pathology"),
    "definite": ("yes", "imaging-definite"),
    "suspected": ("yes", "imaging-suspected"),
    "recorded": ("yes", "recorded-only"),
    "contested": ("unknown", CONFLICT),
    "indeterminate": ("unknown", INDETERMINATE),
    "unclear": ("unknown", UNINTERPRETABLE),
    # From here on the answer rests on an absence, so every search must be complete.
    "stale-suspected": ("unknown", "stale-suspected"),
    "stale": ("unknown", STALE),
    "negative": ("no", ""),
}
_DESPITE_GAPS = frozenset(list(_ANSWERS)[:7])


@fact(
    "liver_metastases",
    source="F3",
    states=(
        *("yes:pathology", "yes:imaging-definite", "yes:imaging-suspected", "yes:recorded-only", "no"),
        *("unknown:not-found", "unknown:not-searched", "unknown:uninterpretable", "unknown:indeterminate"),
        *("unknown:conflict", "unknown:stale", "unknown:stale-suspected"),
    ),
    searches=_SEARCHES,
    traits=("modality-ct", "modality-mri", "modality-us", "multiple", "origin-unclear"),
    reads=("documents",),
    asks=("other_primary_history", "pancreatic_cancer"),
)
def liver_metastases(case: Case) -> Fact:
    """Metastases of this cancer in the liver, with the strongest level of evidence.

    ``as_of`` is the date of the latest item of that level. Traits: the modalities behind a definite or suspected
    finding, several lesions, and whether the metastases might be another cancer's.
    """
    items, origins = _collect(case)
    scans = _scans_of(items)
    standings = [_standing(item, scans, case) for item in items]
    missing = unfinished(case, _SEARCHES)
    for standing, (value, reason) in _ANSWERS.items():
        deciding = [item for item, found in zip(items, standings, strict=True) if found == standing]
        if deciding and (standing in _DESPITE_GAPS or not missing):
            last = max(deciding, key=lambda item: item.day)
            imaged = [item for item, found in zip(items, standings, strict=True) if found == "definite"]
            return Fact(
                "liver_metastases",
                value,
                reason,
                _lines(items, standings, standing, scans) + evidence_of(missing),
                as_of=last.line.date,
                quality=last.quality,
                gaps=gaps_of(missing),
                traits=_traits(imaged or deciding) | _origin_trait(value, origins, case),
            )
    lines = _lines(items, standings, "", scans) + evidence_of(missing)
    return Fact("liver_metastases", "unknown", NOT_SEARCHED if missing else NOT_FOUND, lines, gaps=gaps_of(missing))


def definite_imaging(case: Case) -> tuple[LiverItem, ...]:
    """The imaging that shows definite metastases of this cancer, and that nothing has overturned since."""
    items, _ = _collect(case)
    scans = _scans_of(items)
    return tuple(item for item in items if item.is_imaging and _standing(item, scans, case) == "definite")


def _traits(items: Iterable[LiverItem]) -> frozenset[str]:
    """The modalities behind the answer, and whether any of them shows several lesions."""
    seen = {f"modality-{item.modality}" for item in items if item.modality in {"ct", "mri", "us"}}
    return frozenset(seen | {"multiple" for item in items if item.multiple})


def _origin_trait(value: Value, origins: frozenset[Origin], case: Case) -> frozenset[str]:
    """Whether the metastases may be another cancer's: nobody says whose they are, and another may have spread here."""
    unclear = value == "yes" and "pancreas" not in origins
    other = unclear and case.fact("other_primary_history").state == "yes:likely-source"
    return frozenset({"origin-unclear"} if other else ())


def is_from_pancreas(case: Case) -> bool:
    """Whether anything states that the metastases are of the pancreas; then it does not matter what else is known."""
    return "pancreas" in _collect(case)[1]


def weighed_items(case: Case) -> tuple[LiverItem, ...]:
    """Every item about the liver as F3 weighs it, also a finding that a later examination overturned (for F19)."""
    return _collect(case)[0]


@once
def _collect(case: Case) -> tuple[tuple[LiverItem, ...], frozenset[Origin]]:
    """Every item about the liver, and the primaries that the Conditions of today and the specimens name."""
    findings = tuple(finding for finding in pathology_findings(case) if finding.site == "liver")
    silent = [finding.specimen_keys for finding in findings if finding.state == "non-diagnostic"]
    denied: frozenset[str] = frozenset().union(*silent)
    sampled = [_of_pathology(finding, denied, case) for finding in findings]
    imaging = list(liver_items(case))
    recorded: list[LiverItem] = []
    origins: set[Origin] = set()
    for problem in problems_of(case):
        quality = says_liver_metastasis(problem)
        if not quality:
            continue
        origin = origin_of(problem, case)
        item = _of_problem(problem, origin)._replace(quality=quality)
        recorded.append(item)
        if item.level:
            origins.add(origin)
    if origins == {"elsewhere"}:
        last = max((item for item in recorded if item.level), key=lambda item: item.day)
        imaging = [_attributed(item, last) for item in imaging]
    items = [*sampled, *imaging, *recorded]
    items = _reclassified(items, [item for item in sampled if item.level == "negative"])
    for finding, item in zip(findings, sampled, strict=True):
        if item.level == "pathology" and finding.names_pancreas:
            origins.add("pancreas")
    return tuple(items), frozenset(origins)


def _of_problem(problem: Problem, origin: Origin) -> LiverItem:
    """A recorded metastasis, dated by when it was recorded; another cancer's is a negative item."""
    why = problem.void or ("" if problem.is_current else "resolved")
    level: Level = "" if why else "recorded"
    if not why and origin == "elsewhere":
        level, why = "negative", "attributed to another cancer"
    recorded = read_when(problem.resource.get("recordedDate")) or problem.when
    line = problem.line(counted=False, why=why or "recorded as a diagnosis")
    return LiverItem(level, recorded, line)


def _attributed(item: LiverItem, diagnosis: LiverItem) -> LiverItem:
    """Imaging that a diagnosis of another cancer's metastases already covers; later or newer imaging is not covered."""
    covered = item.level and item.level != "negative" and item.day <= diagnosis.day
    return _dropped(item, "attributed to another cancer") if covered else item


def _of_pathology(finding: PathologyFinding, denied: frozenset[str], case: Case) -> LiverItem:
    """A report on a specimen of the liver: malignant, hedged, a named benign lesion, or of no consequence here.

    ``denied``: the specimens that a non-diagnostic report is about.
    A malignancy from before this cancer is taken as another's, unless it names the pancreas as its origin (as in F4).
    """
    aside = "a molecular report" if finding.molecular else "a blood sample" if finding.blood else ""
    levels: Mapping[str, Level] = {} if aside else {"confirmed": "pathology", "weak": "recorded"}
    why = {"confirmed": "malignant in a liver specimen", "weak": "points to malignancy without stating it firmly"}
    level = levels.get(finding.state, "negative" if finding.entity and not aside else "")
    disputed = not denied.isdisjoint(finding.specimen_keys)
    if level == "pathology" and disputed:
        level = "disputed"
    is_older = level not in {"", "negative"} and not finding.names_pancreas and precedes_this_cancer(finding.date, case)
    before = "precedes this cancer, origin not stated" if is_older else ""
    benign = f"names a benign lesion ({finding.entity})" if finding.entity else ""
    line = Evidence(
        finding.reference,
        finding.title,
        finding.date.text if finding.date else "",
        finding.status,
        finding.quote,
        counted=False,
        why=aside or benign or before or why.get(finding.state) or finding.why or f"read as {finding.state}",
    )
    return LiverItem("" if is_older else level, finding.date, line, quality=finding.source)


def _reclassified(items: Sequence[LiverItem], benign: Sequence[LiverItem]) -> list[LiverItem]:
    """A named benign lesion explains what was seen up to then: all of it, or one of several lesions.

    Several lesions were seen from the earliest report of more than one on: a benign biopsy before that explains all.
    """
    first_of_several = min((item.day for item in items if item.level in _EXPLAINED and item.multiple), default="9999")
    alone = max((item.day for item in benign if item.day < first_of_several), default=None)
    one_of_them = max((item.day for item in benign if item.day >= first_of_several), default=None)
    out: list[LiverItem] = []
    for item in items:
        if item.level in _EXPLAINED and alone is not None and item.day <= alone:
            out.append(_dropped(item, "explained by a benign biopsy"))
        elif item.level == "definite" and one_of_them is not None and item.day <= one_of_them:
            line = item.line._replace(why="one of several lesions was benign on biopsy")
            out.append(item._replace(level="suspected", line=line))
        else:
            out.append(item)
    return out


def _dropped(item: LiverItem, why: str) -> LiverItem:
    return item._replace(level="", line=item.line._replace(why=why))


class _Scans(NamedTuple):
    """What each item is weighed against: the newest clear CT and MRI, and the examinations that contradict themselves.

    Made once for all items, so that a call with thousands of reports costs in proportion to their number.
    """

    newest_clear: tuple[LiverItem, ...]
    contested: frozenset[tuple[Modality, str]]

    def overturning(self, modality: Modality, day: str) -> LiverItem | None:
        """The clear CT or MRI that overturns a finding of this kind and day; None if there is none."""
        rank = _RANKS.get(modality, 0)
        for other in self.newest_clear:
            higher = _RANKS[other.modality] - rank
            if (other.day > day and higher >= 0) or (other.day == day and higher > 0):
                return other
        return None


def _scans_of(items: Sequence[LiverItem]) -> _Scans:
    """The newest clear scans are ordered by weight, the weightiest first."""
    clear = [item for item in items if item.level == "negative" and item.modality in _ADEQUATE]
    newest: dict[Modality, LiverItem] = {}
    for item in sorted(clear, key=lambda item: (item.day, item.line.reference)):
        newest[item.modality] = item
    weighed = sorted(newest.values(), key=lambda item: _RANKS[item.modality], reverse=True)
    positive = {(item.modality, item.day) for item in items if item.level in _IMAGED}
    return _Scans(tuple(weighed), frozenset(positive & {(item.modality, item.day) for item in clear}))


def _standing(item: LiverItem, scans: _Scans, case: Case) -> str:
    """What an item amounts to beside the others: a key of ``_ANSWERS``, or "" if it does not count."""
    if item.level in {"", "pathology"}:
        return item.level
    if item.level == "disputed":
        return "contested"
    examination = (item.modality, item.day)
    overturned = scans.overturning(*examination) is not None
    if item.level == "negative":
        if examination in scans.contested and not overturned:
            return "contested"
        return "negative" if item.modality in _ADEQUATE or not item.is_imaging else ""
    if overturned:
        return ""
    if item.level in _IMAGED and examination in scans.contested:
        return "contested"
    is_old = item.when is not None and item.when.is_older_than(case.settings.liver_suspected_window, case.now)
    if is_old and item.level in {"suspected", "indeterminate"}:
        return "stale-suspected" if item.level == "suspected" else "stale"
    return item.level


def _lines(items: Sequence[LiverItem], standings: Sequence[str], decides: str, scans: _Scans) -> tuple[Evidence, ...]:
    """A line for each item, the deciding ones first, the newest first among equals."""
    lines: list[tuple[bool, str, Evidence]] = []
    for item, standing in zip(items, standings, strict=True):
        counted = bool(decides) and standing == decides
        over = scans.overturning(item.modality, item.day) if item.level in _EXPLAINED else None
        why = f"{item.line.why}; overturned by {over.line.reference}" if over else item.line.why
        lines.append((counted, item.day, item.line._replace(counted=counted, why=why)))
    return tuple(line for _, _, line in sorted(lines, key=lambda entry: entry[:2], reverse=True))
