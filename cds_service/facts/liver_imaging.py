"""What imaging says of the liver: each imaging report and observation read once, with modality, date and level (F3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from cds_service.facts.case import once
from cds_service.facts.fact import Evidence
from cds_service.facts.marks import with_mark
from cds_service.facts.reports import (
    classify_report,
    report_date,
    report_modality,
    report_region,
    report_status,
    report_text,
    results_of,
    telling_reports,
)
from cds_service.facts.versions import superseded
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import When, as_text, reference_texts, relative_reference, type_and_id
from cds_service.fhir.source import Resource
from cds_service.reading import read_liver

if TYPE_CHECKING:
    from cds_service.facts.case import Case
    from cds_service.facts.reports import Modality, Region, ReportStatus
    from cds_service.facts.vocabulary import Vocabulary

Level = Literal[
    "pathology", "disputed", "definite", "suspected", "recorded", "indeterminate", "unclear", "negative", ""
]

_LEVELS: dict[str, Level] = {
    "definite": "definite",
    "suspected": "suspected",
    "indeterminate": "indeterminate",
    "absent": "negative",
    "absent-hedged": "negative",
    "uninterpretable": "unclear",
}
_POSITIVE = frozenset({"definite", "suspected", "indeterminate"})
_METASTASIS = "cond.liver_metastasis"
_LESION = frozenset({"cond.liver_lesion_indeterminate", "cond.liver_malignancy_ambiguous"})
_CROSS_SECTIONAL = frozenset({"ct", "mri", "pet"})
_DISTANT = ("mcode.distant_metastasis_present", "stage.m1")
_SENTENCE_END = re.compile(r"\n|(?<=\.)\s")


class LiverItem(NamedTuple):
    """One item about the liver: imaging, pathology or a diagnosis.

    ``level`` is what it says ("disputed": pathology that another report on the specimen denies; "unclear": it could
    not be read or is not final; "" : nothing that counts). ``modality`` is "" where there is none or it is not known.
    ``multiple``: it tells of more than one lesion.
    """

    level: Level
    when: When | None
    line: Evidence
    modality: Modality = ""
    multiple: bool = False
    quality: str = "coded"
    is_imaging: bool = False

    @property
    def day(self) -> str:
        """A date to order by; undated ranks oldest (general rule 4)."""
        return self.when.last.date().isoformat() if self.when else ""


@once
def liver_items(case: Case) -> tuple[LiverItem, ...]:
    """Every imaging report, and every stand-alone observation about the liver, also those that do not count."""
    out = [item for report, newer in imaging_reports(case) for item in items_of_report(report, newer, case)]
    out.extend(_of_observations(case))
    return tuple(out)


@once
def imaging_reports(case: Case) -> tuple[tuple[Resource, Resource | None], ...]:
    """Every imaging report, each with the newer version that replaces it, if there is one."""
    reports = [item for item in telling_reports(case) if classify_report(item, case) == "imaging"]
    newer = superseded(reports, case)
    return tuple((report, newer.get(place)) for place, report in enumerate(reports))


def items_of_report(resource: Resource, newer: Resource | None, case: Case) -> tuple[LiverItem, ...]:
    """One item from an imaging report; two if its code and its words contradict each other.

    None from an examination of no known modality (a plain film of the knee) that says nothing of the liver: nobody
    would look for it there.
    """
    if not report_modality(resource, case) and _is_silent(resource, case):
        return ()
    when, status = report_date(resource, case), report_status(resource)
    blank = LiverItem(
        "",
        when,
        Evidence(
            type_and_id(resource),
            label_of(concepts_of(resource, "code", "category")),
            when.text if when else "",
            as_text(resource.get("status")),
            counted=False,
        ),
        report_modality(resource, case),
        is_imaging=True,
    )
    if status == "void":
        return (_because(blank, "withdrawn"),)
    if newer is not None:
        return (_because(blank, f"replaced by a newer version, {type_and_id(newer)}"),)
    if when is not None and when.is_future(case.now):
        return (_because(blank, "dated in the future"),)
    region = report_region(resource, case)
    return tuple(_shown(_settle(item, status, region), region, resource, case) for item in _read(resource, blank, case))


def _is_silent(resource: Resource, case: Case) -> bool:
    """Whether a report holds words, no codes or results, and not a word of the liver."""
    if resource.get("conclusionCode") or resource.get("result"):
        return False
    said = report_text(resource, case)
    return bool(said.text) and read_liver(said.text, case.lexicon).state == "not-found"


def _read(resource: Resource, blank: LiverItem, case: Case) -> tuple[LiverItem, ...]:
    words = vocabulary_of(case)
    results, _ = results_of(resource, case)
    values = [concept for result in results for concept in concepts_of(result, "valueCodeableConcept")]
    codes = words.coded((*concepts_of(resource, "conclusionCode"), *values))
    said = report_text(resource, case)
    if not said.text:
        if _METASTASIS in codes:
            return (_coded(blank),)
        if codes & _LESION:
            return (_because(blank, "coded as a lesion of the liver")._replace(level="indeterminate"),)
        return (_because(blank, said.unreadable or "it holds no words")._replace(level="unclear"),)
    reading = read_liver(said.text, case.lexicon)
    why = {"absent-hedged": "read as absent, hedged", "not-found": "says nothing of the liver"}
    line = blank.line._replace(quote=reading.quote, why=why.get(reading.state, f"read as {reading.state}"))
    worded = blank._replace(
        level=_LEVELS.get(reading.state, ""),
        line=line,
        multiple=reading.multiple,
        quality="from-text",
    )
    if _METASTASIS in codes:
        coded = _coded(blank)
        agreed = coded._replace(multiple=reading.multiple, line=coded.line._replace(quote=reading.quote))
        return (coded, worded) if reading.state == "absent" else (agreed,)
    if codes & _LESION and worded.level in {"", "unclear"}:
        return (_because(worded, "coded as a lesion of the liver")._replace(level="indeterminate", quality="coded"),)
    return (worded,)


def _coded(blank: LiverItem) -> LiverItem:
    return _because(blank, "coded as metastasis")._replace(level="definite")


def _settle(item: LiverItem, status: ReportStatus, region: Region) -> LiverItem:
    """What a reading is worth, given how final the report is and what the examination shows."""
    if status == "pending":
        return _because(item, "not final")._replace(level="unclear" if item.level in _POSITIVE else "")
    if status == "unknown" and item.level:
        item = _because(item, "its status is not known")._replace(level="unclear")
    if item.level == "unclear" and region != "liver" and (region == "other" or item.modality not in _CROSS_SECTIONAL):
        return item._replace(level="")
    return item


def _shown(item: LiverItem, region: Region, resource: Resource, case: Case) -> LiverItem:
    """A negative only from an examination that shows the liver (pathway F3: the latest adequate CT or MRI)."""
    if item.level != "negative" or region == "liver":
        return item
    if region == "other":
        return _because(item, "an examination of another region")._replace(level="")
    if _speaks_of_the_liver(item.line.quote, report_text(resource, case).text, case):
        return item
    return _because(item, "not known to show the whole liver")._replace(level="")


def _speaks_of_the_liver(quote: str, text: str, case: Case) -> bool:
    """Whether the deciding words, or another negative sentence, name the liver, and no part of it alone."""
    words = vocabulary_of(case)
    if "partial.liver" in words.named((text,)):
        return False
    return "site.liver" in words.named((quote,)) or any(
        "site.liver" in words.named((sentence,)) and _LEVELS.get(read_liver(sentence, case.lexicon).state) == "negative"
        for sentence in _SENTENCE_END.split(text)
    )


def _because(item: LiverItem, why: str) -> LiverItem:
    return item._replace(line=item.line._replace(why=why))


def _of_observations(case: Case) -> Iterator[LiverItem]:
    """Observations that no report holds: a distant metastasis (or M1) sited in the liver, or a liver finding."""
    words = vocabulary_of(case)
    held = {
        relative_reference(reference)
        for report in case.record.of("DiagnosticReport")
        for reference in reference_texts(report.get("result"))
    }
    wanted = {_METASTASIS, "mcode.distant_metastasis_present", "mcode.tnm_distant", *_LESION}
    for resource in with_mark(case, "Observation", wanted):
        codes = words.coded(concepts_of(resource, "code"))
        values = words.coded(concepts_of(resource, "valueCodeableConcept"))
        if "mcode.tnm_distant" in codes:
            values |= distant_category(resource, words)
        in_liver = "site.liver" in words.both(concepts_of(resource, "bodySite"))
        metastasis = _METASTASIS in codes | values or (in_liver and not values.isdisjoint(_DISTANT))
        if type_and_id(resource) in held or not (metastasis or (codes | values) & _LESION):
            continue
        yield _of_observation(resource, "recorded" if metastasis else "indeterminate", case)


def distant_category(resource: Resource, words: Vocabulary) -> frozenset[str]:
    """The category of distant metastasis in the value's text, displays or codes ("cM1", "M1 category")."""
    values = concepts_of(resource, "valueCodeableConcept", "valueString")
    codes = (coding.code for value in values for coding in value.codings)
    return words.worded(values) | words.named(codes)


def _of_observation(resource: Resource, level: Level, case: Case) -> LiverItem:
    when = report_date(resource, case)
    problem = {
        report_status(resource) != "final": "not final or withdrawn",
        when is not None and when.is_future(case.now): "dated in the future",
        resource.get("valueBoolean") is False: "stated as not so",
    }.get(True, "")
    line = Evidence(
        type_and_id(resource),
        label_of(concepts_of(resource, "valueCodeableConcept", "code")),
        when.text if when else "",
        as_text(resource.get("status")),
        counted=False,
        why=problem or "recorded as an observation",
    )
    return LiverItem("" if problem else level, when, line)
