"""Since when this cancer is known: the yardstick for old tissue (F4) and earlier drugs (F9)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from cds_service.facts.case import Case, once
from cds_service.facts.liver_imaging import imaging_reports
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.reports import report_date, report_status, report_text
from cds_service.fhir.shapes import When, read_when
from cds_service.reading.document import read_document
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.scope import judge

_DENIED = frozenset({"negated", "unlikely", "aside"})
_TUMOUR = frozenset({"malignant", "malignant-noun"})
_LESION = frozenset({"lesion", "suspect-lesion"})


@once
def first_pancreatic_evidence(case: Case) -> When | None:
    """The earliest date among the items that F1 rests on and the reports that name the tumour; None if none is dated.

    A report is trusted within the reach of the settings before the first of those items (or today, if they are
    undated): an older one may be of something else, or of a cancer that has come back.
    """
    dates = (read_when(line.date) for line in case.fact("pancreatic_cancer").evidence if line.counted)
    recorded = _first(when for when in dates if when is not None)
    latest = recorded.first if recorded else case.now
    oldest = latest - timedelta(days=case.settings.first_evidence_reach)
    proven = [found.date for found in pathology_findings(case) if found.date is not None and _is_of_pancreas(found)]
    known = [when for when in proven if oldest <= when.first < latest]
    for report, newer in imaging_reports(case):
        when = report_date(report, case)
        if when is None or newer is not None or report_status(report) != "final" or not oldest <= when.first < latest:
            continue
        if names_pancreatic_tumour(report_text(report, case).text, case.lexicon):
            known.append(when)
    return _first(known) or recorded


def precedes_this_cancer(when: When | None, case: Case) -> bool:
    """Whether tissue is surely older than this cancer: from before the lead that it may have on the first evidence.

    Undated tissue, or that of a cancer which nothing dates, is not surely older.
    """
    first = first_pancreatic_evidence(case)
    lead = timedelta(days=case.settings.pancreatic_evidence_lead)
    return first is not None and when is not None and when.last < first.first - lead


def _first(dates: Iterable[When]) -> When | None:
    return min(dates, key=lambda when: when.first, default=None)


def _is_of_pancreas(found: PathologyFinding) -> bool:
    """Whether a pathology report states a malignancy of the pancreas, in the pancreas or spread from it."""
    is_malignant = found.state in {"confirmed", "weak"} and not found.blood
    return is_malignant and (found.site == "pancreas" or found.names_pancreas)


def names_pancreatic_tumour(text: str, lexicon: Lexicon) -> bool:
    """Whether a sentence of a report names the pancreas together with a mass or a malignancy, and denies neither."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)
    for sentence in document.sentences:
        span = (document.words, sentence.start, sentence.end)
        stated = judge(document.words, sentence, lexicon.pathology.find(*span))
        shown = judge(document.words, sentence, lexicon.liver.find(*span))
        kinds = {item.match.kind for item in stated if _DENIED.isdisjoint(item.effects)}
        seen = {item.match.kind for item in shown if _DENIED.isdisjoint(item.effects)}
        if "organ-own" in kinds and (kinds & _TUMOUR or seen & _LESION):
            return True
    return False
