"""Tissue: F4 tissue_confirmation and F5 pathology_pending.

F4 asks whether final cytology or histology, from any site, establishes malignancy compatible with this pancreatic
cancer. It weighs three kinds of items: pathology as read (``pathology_reports``), declarations that tissue exists
(``declarations``), and samples that have no report yet (``samples``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cds_service.facts.case import Case
from cds_service.facts.declarations import declared_tissue
from cds_service.facts.fact import CONFLICT, NOT_FOUND, NOT_SEARCHED, STALE, UNINTERPRETABLE, Evidence, Fact, Value
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.registry import fact
from cds_service.facts.samples import unreported_samples
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.timeline import first_pancreatic_evidence
from cds_service.fhir.shapes import When

TISSUE_SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens", "carePlans")
_PENDING_SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens")

PENDING = "pending"
NON_DIAGNOSTIC = "non-diagnostic"
OTHER_PRIMARY = "other-primary"
CONFIRMED = "confirmed"
WEAK = "weak"
DECLARED = "declared"

_PRECEDENCE: Mapping[str, tuple[Value, str]] = {
    CONFIRMED: ("yes", ""),
    CONFLICT: ("unknown", CONFLICT),
    PENDING: ("no", PENDING),
    OTHER_PRIMARY: ("no", OTHER_PRIMARY),
    NON_DIAGNOSTIC: ("no", NON_DIAGNOSTIC),
    WEAK: ("yes", WEAK),
    UNINTERPRETABLE: ("unknown", UNINTERPRETABLE),
    STALE: ("unknown", STALE),
}
"""The states in the order in which they win (pathway C1: d, c, b, k, e, a), each with its value and reason."""

_DESPITE_GAPS = frozenset({CONFIRMED, CONFLICT, WEAK, UNINTERPRETABLE})
"""States that keep their value when a search is unfinished; the others would rest on an absence (decision 29)."""

_STANDINGS: Mapping[str, tuple[str, str]] = {
    "confirmed": (CONFIRMED, "final, establishes malignancy"),
    "weak": (WEAK, "points to malignancy without stating it firmly"),
    "non-diagnostic": (NON_DIAGNOSTIC, "final, does not establish malignancy"),
    "excluded-histology": ("", "reports another histology"),
}
_DENIALS = frozenset({"non-diagnostic", "other-primary", "excluded-histology"})


@dataclass(frozen=True, slots=True)
class _Item:
    """One item weighed: its standing ("" if it does not count), date and line.

    ``same_as`` are keys of its report and specimen; ``denies`` if it says that this is not this cancer.
    """

    standing: str
    when: When | None
    line: Evidence
    label: str = ""
    quality: str = ""
    same_as: frozenset[str] = frozenset()
    denies: bool = False


@fact(
    "tissue_confirmation",
    source="F4",
    states=(
        "yes",
        "yes:weak",
        "no:pending",
        "no:non-diagnostic",
        "no:other-primary",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
        "unknown:conflict",
        "unknown:stale",
    ),
    searches=TISSUE_SEARCHES,
    asks=("pancreatic_cancer",),
)
def tissue_confirmation(case: Case) -> Fact:
    """Final cytology or histology that establishes malignancy compatible with this pancreatic cancer.

    ``as_of`` is the date of the latest deciding item; ``label`` the site of confirming tissue, or the other
    primary when there is one.
    """
    findings = pathology_findings(case)
    since = _since(case)
    items = [_of_finding(finding, since, case) for finding in findings]
    items += [_Item(WEAK if line.counted else "", None, line, quality=DECLARED) for line in declared_tissue(case)]
    items += [
        _Item(PENDING if sample.is_recent else "", sample.when, sample.line) for sample in unreported_samples(case)
    ]
    items = _with_conflicts(items)
    missing = unfinished(case, TISSUE_SEARCHES, pathology_suffices=True)
    for standing, (value, reason) in _PRECEDENCE.items():
        deciding = [item for item in items if item.standing == standing]
        if deciding and (standing in _DESPITE_GAPS or not missing):
            last = _latest(deciding)
            return Fact(
                "tissue_confirmation",
                value,
                reason,
                evidence=_lines(items, standing) + evidence_of(missing),
                as_of=last.when.text if last.when else "",
                label=last.label,
                quality=last.quality,
                gaps=gaps_of(missing),
            )
    reason = NOT_SEARCHED if missing else NOT_FOUND
    evidence = _lines(items, "") + evidence_of(missing)
    return Fact("tissue_confirmation", "unknown", reason, evidence, gaps=gaps_of(missing))


@fact(
    "pathology_pending",
    source="F5",
    states=("yes", "no", "unknown:not-searched", "unknown:uninterpretable"),
    searches=_PENDING_SEARCHES,
    asks=("pancreatic_cancer",),
)
def pathology_pending(case: Case) -> Fact:
    """A pathology report is not final yet, or a recent biopsy has no report.

    A preliminary report that nobody closed within its window is ``uninterpretable``.
    """
    findings = pathology_findings(case)
    since = _since(case)
    items = [_of_finding(finding, since, case) for finding in findings if finding.state == PENDING]
    items += [
        _Item(PENDING if sample.is_recent else "", sample.when, sample.line) for sample in unreported_samples(case)
    ]
    missing = unfinished(case, _PENDING_SEARCHES, pathology_suffices=True)
    answers: tuple[tuple[str, Value, str], ...] = ((PENDING, "yes", ""), (UNINTERPRETABLE, "unknown", UNINTERPRETABLE))
    for standing, value, reason in answers:
        deciding = [item for item in items if item.standing == standing]
        if deciding:
            last = _latest(deciding)
            return Fact(
                "pathology_pending",
                value,
                reason,
                evidence=_lines(items, standing) + evidence_of(missing),
                as_of=last.when.text if last.when else "",
                gaps=gaps_of(missing),
            )
    evidence = _lines(items, "") + evidence_of(missing)
    if missing:
        return Fact("pathology_pending", "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact("pathology_pending", "no", evidence=evidence)


@dataclass(frozen=True, slots=True)
class _Since:
    """From when on tissue may be of this cancer; ``is_known`` if anything dates it; ``before`` says why not earlier."""

    start: datetime
    is_known: bool
    before: str


def _since(case: Case) -> _Since:
    """The first evidence of this cancer, moved back by the lead for tissue; if nothing dates it, the reach."""
    first = first_pancreatic_evidence(case)
    if first is not None:
        lead = timedelta(days=case.settings.pancreatic_evidence_lead)
        return _Since(first.first - lead, True, "precedes this cancer")
    reach = case.settings.first_evidence_reach
    before = f"older than {reach} days, and nothing dates this cancer"
    return _Since(case.now - timedelta(days=reach), False, before)


def _of_finding(finding: PathologyFinding, since: _Since, case: Case) -> _Item:
    """One report weighed by what it says, where it is from, and whether it may be of this cancer by its date."""
    if finding.state == PENDING and not finding.blood:
        item = _of_pending(finding, case)
    else:
        item = _item(finding, *_standing(finding))
    if not item.standing:
        return item
    if finding.is_elsewhere:
        return _item(finding, "", "from a site that says nothing about this cancer")
    is_ours = finding.site == "pancreas" or finding.names_pancreas
    if finding.date is None or finding.date.last >= since.start:
        if since.is_known or is_ours:
            return item
        reach = case.settings.first_evidence_reach
        return _because(item, f"{item.line.why}; nothing dates this cancer, tissue of the last {reach} days counts")
    if not is_ours:
        return _item(finding, STALE, since.before)
    if item.standing != CONFIRMED or not since.is_known:
        return item
    if finding.site == "liver":
        return _item(finding, CONFIRMED, "earlier tissue, names the pancreas as its origin")
    return _item(finding, CONFIRMED, "earlier tissue of this cancer; recurrent liver lesions not sampled")


def _of_pending(finding: PathologyFinding, case: Case) -> _Item:
    window = case.settings.pending_report_window
    if finding.date is not None and finding.date.is_older_than(window, case.now):
        return _item(finding, UNINTERPRETABLE, f"not final after more than {window} days")
    return _item(finding, PENDING, "not final")


def _standing(finding: PathologyFinding) -> tuple[str, str]:
    """What a report that is not pending counts as, and why."""
    if finding.state == "void":
        return "", finding.why
    if finding.blood:
        return "", "from blood, proves no tissue"
    if finding.molecular:
        if finding.state in ("confirmed", "weak"):
            return WEAK, "molecular report on tissue that names the cancer"
        return "", "a molecular report, does not establish the diagnosis"
    if finding.state == "other-primary":
        standing = OTHER_PRIMARY if finding.site == "liver" else ""
        return standing, f"reports another cancer ({finding.label})"
    return _STANDINGS.get(finding.state) or (UNINTERPRETABLE, finding.why or "could not be read automatically")


def _item(finding: PathologyFinding, standing: str, why: str) -> _Item:
    shown = finding.shown_date
    others = (("dated", finding.date), ("issued", finding.issued))
    named = [f"{what} {when.text}" for what, when in others if when and shown and when.text != shown.text]
    line = Evidence(
        finding.reference,
        finding.title,
        shown.text if shown else "",
        finding.status,
        finding.quote,
        counted=bool(standing),
        why="; ".join((why, *named)),
    )
    return _Item(
        standing,
        shown,
        line,
        finding.site if standing == CONFIRMED and finding.site != "other" else finding.label,
        finding.source,
        finding.specimen_keys,
        finding.state in _DENIALS,
    )


def _because(item: _Item, why: str) -> _Item:
    return replace(item, line=item.line._replace(why=why))


def _keys_of(items: Iterable[_Item]) -> frozenset[str]:
    return frozenset().union(*(item.same_as for item in items))


def _with_conflicts(items: list[_Item]) -> list[_Item]:
    """Final reports that disagree about one specimen, and weak evidence against negative reports, become conflicts.

    A negative sample does not undo a proof from another sample, but no proof stands on weak evidence alone.
    """
    positive = [item for item in items if item.standing in (CONFIRMED, WEAK)]
    denials = [item for item in items if item.denies]
    disputed = _keys_of(positive) & _keys_of(denials)
    contested = {id(item) for item in (*positive, *denials) if item.same_as & disputed}
    negative = [item for item in items if item.standing == NON_DIAGNOSTIC]
    if positive and negative and all(item.standing == WEAK for item in positive):
        contested |= {id(item) for item in (*positive, *negative)}
    return [_contested(item) if id(item) in contested else item for item in items]


def _contested(item: _Item) -> _Item:
    return replace(_because(item, f"{item.line.why}; other records disagree"), standing=CONFLICT)


def _latest(items: Iterable[_Item]) -> _Item:
    """The item with the latest date; undated ones rank oldest (general rule 4). Of one day, order says nothing."""
    known = sorted(items, key=lambda item: item.line)
    dated = [(item.when.last, item) for item in known if item.when is not None]
    return max(dated, key=lambda pair: pair[0])[1] if dated else known[0]


def _lines(items: Iterable[_Item], standing: str) -> tuple[Evidence, ...]:
    """The lines of all items; only those of the deciding standing count."""
    return tuple(item.line._replace(counted=bool(standing) and item.standing == standing) for item in items)
