"""Samples without a report: biopsies performed and specimens taken whose pathology is not in the data (F4, F5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.facts.biopsies import biopsy_of, performed_when, reasons_in, sample_links
from cds_service.facts.case import Case, once
from cds_service.facts.fact import Evidence
from cds_service.facts.marks import marks_in
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import When, as_object, as_text, read_when, type_and_id
from cds_service.fhir.source import Resource
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.tokens import cut, flatten

_SITES = frozenset({"site.liver", "site.pancreas", "site.node", "site.peritoneum", "site.biliary"})
_SAMPLED = frozenset({"proc.peritoneal_biopsy", "proc.image_guided_biopsy_generic"})
_SAMPLING_WORD = "word.biopsy"
_NOT_TAKEN = frozenset({"reason.not_visualised", "reason.unsuccessful"})
_NO_SAMPLE = frozenset({"unavailable", "unsatisfactory", "entered-in-error"})
_NOT_REPORTS = frozenset({"void", "future"})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample without a report; ``is_recent`` if its report may still be awaited."""

    when: When | None
    is_recent: bool
    line: Evidence


@once
def unreported_samples(case: Case) -> tuple[Sample, ...]:
    """Completed biopsies that may bear on this cancer, and tissue specimens, that no pathology in the data belongs to.

    A specimen that belongs to a listed biopsy is not listed again.
    """
    taken = tuple(_taken(case))
    links = [sample_links(resource, case) for resource, _, _, _ in taken]
    reports = [
        (finding, sample_links(finding.resource, case))
        for finding in pathology_findings(case)
        if finding.state not in _NOT_REPORTS
    ]
    every = frozenset().union(*links)
    reported = frozenset().union(*(tied for _, tied in reports))
    free = _latest(finding for finding, tied in reports if tied.isdisjoint(every) and not finding.molecular)
    found: list[Sample] = []
    listed: set[str] = set()
    for (resource, when, text, sites), tied in zip(taken, links, strict=True):
        if not (tied.isdisjoint(listed) and tied.isdisjoint(reported)):
            continue
        listed |= tied
        if not _may_be_of(free, when, sites):
            found.append(_sample(resource, when, text, case))
    return tuple(found)


def _taken(case: Case) -> Iterator[tuple[Resource, When | None, str, frozenset[str]]]:
    """What was taken: resource, date, name, sites (names of ``site.*`` without the prefix; empty if not stated)."""
    vocabulary = vocabulary_of(case)
    for procedure in case.record.of("Procedure"):
        if as_text(procedure.get("status")) == "completed":
            sites = _sites_sampled(procedure, case)
            if sites and not _missed(procedure, vocabulary):
                yield procedure, performed_when(procedure), label_of(concepts_of(procedure, "code")), sites
    for specimen in case.record.of("Specimen"):
        collection = as_object(specimen.get("collection"))
        what = (*concepts_of(specimen, "type"), *concepts_of(collection, "bodySite"))
        names = vocabulary.both(what)
        if as_text(specimen.get("status")) in _NO_SAMPLE or not _is_ours(names, collection):
            continue
        when = read_when(collection.get("collectedDateTime")) or read_when(collection.get("collectedPeriod"))
        sites = frozenset(name.removeprefix("site.") for name in names & _SITES)
        yield specimen, when, label_of(what), sites


def _sites_sampled(procedure: Resource, case: Case) -> frozenset[str]:
    """The sites that may bear on this cancer and that a Procedure took tissue or cells from; empty if none."""
    marks = marks_in(procedure, ("code", "bodySite"), case)
    sites = frozenset({"site.peritoneum"}) if "proc.peritoneal_biopsy" in marks else marks & _SITES
    if not sites and not any(mark.startswith("proc.") for mark in marks):
        return sites
    kinds = biopsy_of(procedure, vocabulary_of(case)).kinds
    if kinds:
        return frozenset(kind.removesuffix("_biopsy") for kind in kinds)
    names = (name for concept in concepts_of(procedure, "code") for name in concept.names)
    if marks & _SAMPLED or any(_tells_of_sampling(name, case.lexicon) for name in names):
        return frozenset(site.removeprefix("site.") for site in sites)
    return frozenset()


def _tells_of_sampling(name: str, lexicon: Lexicon) -> bool:
    naming = lexicon.naming
    found = naming.index.find_all(cut(flatten(name), lexicon.spelling))
    return any(_SAMPLING_WORD in naming.groups[match.kind] for match in found)


def _missed(procedure: Resource, vocabulary: Vocabulary) -> bool:
    """Whether the outcome of a completed biopsy says that the lesion was not reached, or nothing was taken."""
    return not _NOT_TAKEN.isdisjoint(reasons_in(vocabulary.both(concepts_of(procedure, "outcome"))))


def _is_ours(names: frozenset[str], collection: Resource) -> bool:
    """Tissue of a site that may bear on this cancer, or tissue whose site nobody stated."""
    if names & _SITES:
        return True
    return "path.specimen" in names and "site.other" not in names and not collection.get("bodySite")


def _latest(findings: Iterable[PathologyFinding]) -> Mapping[str, datetime]:
    """The date of the latest of the reports of each site; "" is no site stated."""
    latest: dict[str, datetime] = {}
    for finding in findings:
        if finding.date is not None:
            latest[finding.site] = max(latest.get(finding.site, finding.date.last), finding.date.last)
    return latest


def _may_be_of(free: Mapping[str, datetime], when: When | None, sites: frozenset[str]) -> bool:
    """Whether a report that names no sample may be the one awaited: of the same site, and not older than the sample."""
    if when is None:
        return False
    return any(last >= when.first - _DAY for site, last in free.items() if not site or not sites or site in sites)


def _sample(resource: Resource, when: When | None, text: str, case: Case) -> Sample:
    window = case.settings.tissue_pending_window
    recent = when is not None and not when.is_older_than(window, case.now) and not when.is_future(case.now)
    why = "no report yet" if recent else "no report found"
    status = as_text(resource.get("status"))
    line = Evidence(type_and_id(resource), text, when.text if when else "", status, counted=recent, why=why)
    return Sample(when, recent, line)
