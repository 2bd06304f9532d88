"""Whether the ordered regimen fits the proven histology (C10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import CONFLICT, NOT_SEARCHED, UNINTERPRETABLE, Evidence, Fact
from cds_service.facts.medications import SYSTEMIC_DRUG
from cds_service.facts.orders import Order, not_live
from cds_service.facts.pathology_reports import pathology_findings
from cds_service.facts.regimen_table import Histology
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.vocabulary import concepts_of, vocabulary_of
from cds_service.fhir.shapes import as_text

_SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens", "carePlans")
_OTHER_PRIMARY = "no:other-primary"
_STATES = frozenset({"excluded-histology", "other-primary"})
_RECORDED = "a recorded diagnosis, not final pathology"


@fact(
    "histology_mismatch",
    source="C10",
    states=("yes", "no", "no:regimen-fits", "unknown:not-searched", "unknown:uninterpretable"),
    searches=_SEARCHES,
    asks=("excluded_histology", "tissue_confirmation"),
)
def histology_mismatch(case: Case) -> Fact:
    """Final pathology proves another histology, for which the ordered regimen is not listed as standard.

    The regimen is what all live drafts of the call together hold. ``label`` is the histology as the regimen table calls
    it, ``as_of`` the date of the report. A histology that is only recorded is no mismatch.
    """
    excluded, tissue = case.fact("excluded_histology"), case.fact("tissue_confirmation")
    missing = unfinished(case, _SEARCHES, pathology_suffices=True)
    orders = tuple(_regimen_of(case))
    ordered = tuple(_order_line(order) for order in orders)
    for known, holds in ((excluded, excluded.value == "yes"), (tissue, tissue.state == _OTHER_PRIMARY)):
        reports = tuple(line for line in known.evidence if line.counted and not _is_recorded(line))
        if holds and reports and orders:
            histology = _histology(reports, case)
            fits = _agents(orders, case) in histology.standard
            if fits and missing:
                break  # a later report may name what the regimen does not fit
            return Fact(
                "histology_mismatch",
                "no" if fits else "yes",
                "regimen-fits" if fits else "",
                (*ordered, *reports, *evidence_of(missing)),
                as_of=known.as_of,
                label=histology.label,
                quality=known.quality,
                gaps=gaps_of(missing),
            )
    recorded = tuple(line._replace(counted=False, why=_RECORDED) for line in excluded.evidence if _counts_alone(line))
    lines = (*ordered, *recorded, *evidence_of(missing))
    if {excluded.reason, tissue.reason} & {UNINTERPRETABLE, CONFLICT}:
        return Fact("histology_mismatch", "unknown", UNINTERPRETABLE, lines, gaps=gaps_of(missing))
    if missing:
        return Fact("histology_mismatch", "unknown", NOT_SEARCHED, lines, gaps=gaps_of(missing))
    return Fact("histology_mismatch", "no", evidence=lines)


def _regimen_of(case: Case) -> Iterator[Order]:
    """The systemic drafts, and the drugs beside them that only the table knows; none where no draft is systemic."""
    drafts = case.orders.drafts
    if any(SYSTEMIC_DRUG in order.kinds for order in drafts):
        yield from (order for order in drafts if SYSTEMIC_DRUG in order.kinds or _is_companion(order, case))


def _is_companion(order: Order, case: Case) -> bool:
    """Whether a draft is of a drug that makes a listed regimen and triggers no card itself."""
    is_drug = as_text(order.resource.get("resourceType")) == "MedicationRequest"
    return is_drug and not case.regimens.companions.isdisjoint(order.concepts) and not not_live(order.resource)


def _agents(orders: Iterable[Order], case: Case) -> frozenset[str]:
    return frozenset[str]().union(*(case.regimens.agents_of(order.concepts) for order in orders))


def _histology(reports: Iterable[Evidence], case: Case) -> Histology:
    """What the deciding reports state, by their codes and the words that decided, else as their reader calls it."""
    words = vocabulary_of(case)
    references = {line.reference for line in reports}
    findings = [item for item in pathology_findings(case) if item.reference in references and item.state in _STATES]
    names = words.named(item.quote for item in findings)
    for item in findings:
        if item.source == "coded":
            codes = concepts_of(item.resource, "conclusionCode", "valueCodeableConcept")
            ours = (case.terms.display(coding.system, coding.code) for code in codes for coding in code.codings)
            names |= words.both(codes) | words.named(ours)
    return case.regimens.histology_of(names, {item.label for item in findings})


def _is_recorded(line: Evidence) -> bool:
    return line.reference.partition("/")[0] == "Condition"


def _counts_alone(line: Evidence) -> bool:
    return line.counted and _is_recorded(line)


def _order_line(order: Order) -> Evidence:
    return Evidence(order.reference, order.label, status=as_text(order.resource.get("status")), why=order.why)
