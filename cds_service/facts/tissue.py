"""Tissue: F4 tissue_confirmation and F5 pathology_pending.

F4 asks whether final cytology or histology, from any site, establishes malignancy compatible with this pancreatic
cancer. It weighs three kinds of items: pathology as read (``pathology_reports``), declarations that tissue exists
(``declarations``), and samples that have no report yet (``samples``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from cds_service.facts.case import Case
from cds_service.facts.declarations import declared_tissue
from cds_service.facts.fact import CONFLICT, NOT_FOUND, NOT_SEARCHED, STALE, UNINTERPRETABLE, Evidence, Fact, Value
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.registry import fact
from cds_service.facts.samples import unreported_samples
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.timeline import first_pancreatic_evidence
from cds_service.facts.vocabulary import concepts_of, vocabulary_of
from cds_service.fhir.shapes import When

_TISSUE_SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens", "carePlans")
_PENDING_SEARCHES = ("reports", "procedures", "specimens")

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
_SITES_OF_THIS_CANCER = frozenset({"site.liver", "site.pancreas", "site.node", "site.peritoneum", "site.biliary"})


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
    searches=_TISSUE_SEARCHES,
)
def tissue_confirmation(case: Case) -> Fact:
    """Final cytology or histology that establishes malignancy compatible with this pancreatic cancer.

    ``as_of`` is the date of the latest deciding item; ``label`` the other primary when there is one.
    """
    findings = pathology_findings(case)
    earliest = _earliest(case)
    items = [_of_finding(finding, earliest, case) for finding in findings]
    items += [_Item(WEAK if line.counted else "", None, line, quality=DECLARED) for line in declared_tissue(case)]
    items += [
        _Item(PENDING if sample.is_recent else "", sample.when, sample.line)
        for sample in unreported_samples(case, findings)
    ]
    items = _with_conflicts(items)
    missing = unfinished(case, _TISSUE_SEARCHES, pathology_suffices=True)
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
)
def pathology_pending(case: Case) -> Fact:
    """A pathology report is not final yet, or a recent biopsy has no report.

    A preliminary report that nobody closed within its window is ``uninterpretable``.
    """
    findings = pathology_findings(case)
    items = [_of_pending(finding, case) for finding in findings if finding.state == PENDING]
    items += [
        _Item(PENDING if sample.is_recent else "", sample.when, sample.line)
        for sample in unreported_samples(case, findings)
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


def _earliest(case: Case) -> When | None:
    """The first evidence of this cancer, moved back by the lead that old tissue is allowed."""
    first = first_pancreatic_evidence(case)
    if first is None:
        return None
    lead = timedelta(days=case.settings.pancreatic_evidence_lead)
    return replace(first, first=first.first - lead)


def _of_finding(finding: PathologyFinding, earliest: When | None, case: Case) -> _Item:
    if finding.state == PENDING:
        item = _of_pending(finding, case)
    else:
        standing, why = _standing(finding)
        item = _item(finding, standing, why)
    if not item.standing:
        return item
    if _is_elsewhere(finding, case):
        return _item(finding, "", "from a site that says nothing about this cancer")
    if earliest is None or finding.date is None or finding.date.last >= earliest.first:
        return item
    if finding.site != "pancreas":
        return _item(finding, STALE, "precedes this cancer")
    if item.standing == CONFIRMED:
        return _item(finding, CONFIRMED, "earlier tissue of this cancer; recurrent liver lesions not sampled")
    return item


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


def _is_elsewhere(finding: PathologyFinding, case: Case) -> bool:
    """Whether an item is of an organ that says nothing about this cancer.

    A malignancy of another organ whose own words tie it to this cancer, or call it a metastasis, is read as such.
    """
    if finding.state in ("confirmed", "weak") and finding.source == "from-text":
        return False
    if finding.site:
        return finding.site == "other"
    vocabulary = vocabulary_of(case)
    known = vocabulary.both(concepts_of(finding.resource, "code", "type", "bodySite"))
    known |= vocabulary.both(vocabulary.follow(finding.resource.get("specimen"), finding.resource, "type"))
    return "site.other" in known and _SITES_OF_THIS_CANCER.isdisjoint(known)


def _item(finding: PathologyFinding, standing: str, why: str) -> _Item:
    line = Evidence(
        finding.reference,
        finding.title,
        finding.date.text if finding.date else "",
        finding.status,
        finding.quote,
        counted=bool(standing),
        why=why,
    )
    return _Item(
        standing,
        finding.date,
        line,
        finding.label,
        finding.source,
        _specimen_keys(finding),
        finding.state in _DENIALS,
    )


def _specimen_keys(finding: PathologyFinding) -> frozenset[str]:
    """Keys that two items share only if they are about the same specimen or are one report (decision 4)."""
    return frozenset(key for key in finding.same_as if key.startswith(("id:", "identifier:", "specimen:")))


def _with_conflicts(items: list[_Item]) -> list[_Item]:
    """Final reports that disagree about one specimen, and a declaration against negative reports, become conflicts."""
    positive = [item for item in items if item.standing in (CONFIRMED, WEAK)]
    contested = {
        id(item)
        for one in positive
        for other in items
        if other.denies and one.same_as & other.same_as
        for item in (one, other)
    }
    negative = [item for item in items if item.standing == NON_DIAGNOSTIC]
    if positive and negative and all(item.quality == DECLARED for item in positive):
        contested |= {id(item) for item in (*positive, *negative)}
    return [_contested(item) if id(item) in contested else item for item in items]


def _contested(item: _Item) -> _Item:
    return replace(item, standing=CONFLICT, line=replace(item.line, why=f"{item.line.why}; other records disagree"))


def _latest(items: Iterable[_Item]) -> _Item:
    """The item with the latest date; undated ones rank oldest (general rule 4)."""
    known = list(items)
    dated = [(item.when.last, item) for item in known if item.when is not None]
    return max(dated, key=lambda pair: pair[0])[1] if dated else known[0]


def _lines(items: Iterable[_Item], standing: str) -> tuple[Evidence, ...]:
    """The lines of all items; only those of the deciding standing count."""
    return tuple(replace(item.line, counted=bool(standing) and item.standing == standing) for item in items)
