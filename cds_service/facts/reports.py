"""Reports: what kind a report is, whether it is final, of what date, and what its words are.

DiagnosticReport and DocumentReference, in whichever search they came (decision 40). Nothing is decided
here about the patient: the facts do that.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cds_service.facts.case import once, once_per_resource
from cds_service.facts.marks import marks_in
from cds_service.facts.vocabulary import Vocabulary, concepts_of, vocabulary_of
from cds_service.fhir.shapes import (
    When,
    as_list,
    as_object,
    as_text,
    read_when,
    reference_texts,
)
from cds_service.fhir.source import Resource
from cds_service.reading import Lexicon, html_to_text, read_liver, read_pathology
from cds_service.reading.lexicon import MOST_REMEMBERED, digest_of
from cds_service.reading.tokens import cut, flatten

if TYPE_CHECKING:
    from cds_service.facts.case import Case

ReportKind = Literal["pathology", "imaging", "molecular", "other"]
ReportStatus = Literal["final", "pending", "unknown", "void"]
Modality = Literal["ct", "mri", "us", "pet", ""]
Region = Literal["liver", "other", "unknown"]

_STATUS: Mapping[str, ReportStatus] = {
    **dict.fromkeys(("final", "amended", "corrected", "appended", "current"), "final"),
    **dict.fromkeys(("registered", "partial", "preliminary", "modified"), "pending"),
    **dict.fromkeys(("cancelled", "entered-in-error", "superseded"), "void"),
}
# In the order of preference: a PET-CT is a PET, and a code beats the category "radiology".
_MODALITIES: tuple[tuple[Modality, frozenset[str]], ...] = (
    ("pet", frozenset({"img.pet", "img.modality_pet"})),
    (
        "mri",
        frozenset({"img.mri_abdomen_liver", "img.mri_pancreas_mrcp", "img.mri_other_region", "img.modality_mri"}),
    ),
    ("ct", frozenset({"img.ct_abdomen", "img.ct_other_region", "img.modality_ct"})),
    ("us", frozenset({"img.us_abdomen_liver", "img.us_intraoperative_liver", "img.modality_us"})),
)
_SHOWS_LIVER = frozenset(
    {
        "img.ct_abdomen",
        "img.mri_abdomen_liver",
        "img.mri_pancreas_mrcp",
        "img.us_abdomen_liver",
        "img.us_intraoperative_liver",
        "img.pet",
    }
)
_OTHER_REGION = frozenset({"img.ct_other_region", "img.mri_other_region"})
_IMAGING = frozenset().union(*(members for _, members in _MODALITIES))
_SAMPLING = frozenset({"proc.liver_biopsy", "proc.pancreas_biopsy", "proc.image_guided_biopsy_generic"})
_HEAD = 300
_HOLDERS = frozenset(
    {"conclusionCode", "extension", "modifierExtension", "presentedForm", "result", "specimen", "contained"}
)
"""Elements that make a report worth a closer look, whatever it is called."""
_IDLE = frozenset({"rad.category", "lab.category"})
_OURS = ("img.", "path.", "proc.", "resectability.", "tissue.", "guidance.", "mri.", "reason.", "cancer.", "cond.")
# The kinds of headings that weigh a section, the heaviest first; "body" weighs nothing.
_HEADINGS = ("addendum", "conclusion", "frozen", "original")


@dataclass(frozen=True, slots=True)
class ReportText:
    """The words of a report. ``unreadable`` says, in our words, what of it could not be read ("" if nothing).

    Both may be filled (a conclusion beside a PDF); both are empty when a report holds no words at all.
    """

    text: str
    unreadable: str


@once
def telling_reports(case: Case) -> tuple[Resource, ...]:
    """The DiagnosticReports that may tell any fact something; charts hold many that cannot.

    Left out is a report of words alone, without a code or name that we know, whose words are about nothing of ours,
    unless it may be another version of one that tells something.
    """
    reports = case.record.of("DiagnosticReport")
    idle = {id(report) for report in reports if _is_idle(report, case)}
    known = frozenset(handle for report in reports if id(report) not in idle for handle in _handles(report))
    return tuple(report for report in reports if id(report) not in idle or not known.isdisjoint(_handles(report)))


def _handles(report: Resource) -> Iterator[str]:
    """What two versions of one report have in common: id, identifier, order."""
    yield as_text(report.get("id"))
    for identifier in as_list(report.get("identifier")):
        yield f"identifier {as_text(as_object(identifier).get('value'))}"
    yield from reference_texts(report.get("basedOn"))


def _is_idle(report: Resource, case: Case) -> bool:
    if not _HOLDERS.isdisjoint(report):
        return False
    marks = marks_in(report, ("code", "category"), case)
    text = report.get("conclusion")
    return marks <= _IDLE and isinstance(text, str) and bool(text.strip()) and is_idle_text(text, case.lexicon)


def is_idle_text(text: str, lexicon: Lexicon) -> bool:
    """Whether words name no examination, sample, tissue or stage of ours, and say nothing of the liver."""
    key = digest_of(text)
    known = lexicon.idle.get(key)
    if known is None:
        names_ours = any(name.startswith(_OURS) for name in lexicon.names(text))
        known = not names_ours and read_liver(text, lexicon).state == "not-found"
        if len(lexicon.idle) < MOST_REMEMBERED:
            lexicon.idle[key] = known
    return known


@once_per_resource
def classify_report(resource: Resource, case: Case) -> ReportKind:
    """The kind of a report by code, then category, then name, then content (decision 40).

    A radiologist's account of a biopsy is neither imaging nor pathology: "other".
    """
    words = vocabulary_of(case)
    titles, filed = concepts_of(resource, "code", "type"), concepts_of(resource, "category")
    code, category = words.coded(titles), words.coded(filed)
    names = words.worded((*titles, *filed))
    if "genetics.category" in category or ("path.molecular" in names and "path.report" not in code):
        return "molecular"
    if "path.report" in code:
        return "pathology"
    if code & _IMAGING:
        return "imaging"
    if "path.category" in category:
        return "pathology"
    if category & (_IMAGING | {"rad.category"}):
        return "other" if (code | names) & _SAMPLING else "imaging"
    if "path.report" in names:
        return "pathology"
    return "imaging" if names & _IMAGING else _kind_by_content(resource, case, words)


def _kind_by_content(resource: Resource, case: Case, words: Vocabulary) -> ReportKind:
    if words.coded(concepts_of(resource, "conclusionCode")) & {"path.morphology", "path.morphology_neoplasm"}:
        return "pathology"
    text = report_text(resource, case).text
    names = words.named((text[:_HEAD],))
    if names & _IMAGING:
        return "imaging"
    sampled = names & (_SAMPLING | {"path.report"})
    sampled |= words.coded(words.follow(resource.get("specimen"), resource, "type")) & {"path.specimen"}
    if text and sampled and read_pathology(text, case.lexicon).state != "uninterpretable":
        return "pathology"
    return "other"


def report_status(resource: Resource) -> ReportStatus:
    """How far a report, document or observation is: general rule 2 of pathway part 4; R5 ``modified`` is pending.

    A document's ``docStatus`` refines its ``status`` (current, superseded, entered-in-error).
    """
    status = _STATUS.get(as_text(resource.get("status")).lower(), "unknown")
    stage = as_text(resource.get("docStatus")).lower()
    return _STATUS.get(stage, "unknown") if stage and status == "final" else status


@once_per_resource
def report_date(resource: Resource, case: Case) -> When | None:
    """Specimen collection, else effective, else issued (general rule 4); never the date of filing."""
    for reference in reference_texts(resource.get("specimen")):
        collection = as_object((case.record.resolve(reference, resource) or {}).get("collection"))
        collected = read_when(collection.get("collectedDateTime")) or read_when(collection.get("collectedPeriod"))
        if collected:
            return collected
    context = as_object(resource.get("context"))
    candidates = (
        resource.get("effectiveDateTime"),
        resource.get("effectivePeriod"),
        resource.get("effectiveInstant"),
        context.get("period"),
        resource.get("issued"),
        resource.get("date"),
    )
    return next((found for value in candidates if (found := read_when(value))), None)


@once_per_resource
def report_modality(resource: Resource, case: Case) -> Modality:
    """The modality of an imaging report: by code, category, name, and the first words of its text; "" if none says."""
    words = vocabulary_of(case)
    titles, filed = concepts_of(resource, "code"), concepts_of(resource, "category")
    for known in (words.coded(titles), words.coded(filed), words.worded((*titles, *filed))):
        for modality, members in _MODALITIES:
            if known & members:
                return modality
    known = words.named((report_text(resource, case).text[:_HEAD],))
    return next((modality for modality, members in _MODALITIES if known & members), "")


def report_region(resource: Resource, case: Case) -> Region:
    """Whether an examination shows the liver by its code or name; "other" only if it names another region."""
    known = vocabulary_of(case).both(concepts_of(resource, "code", "procedureCode"))
    if known & _SHOWS_LIVER:
        return "liver"
    return "unknown" if known.isdisjoint(_OTHER_REGION) else "other"


@once_per_resource
def results_of(resource: Resource, case: Case) -> tuple[tuple[Resource, ...], int]:
    """The result Observations of a report that are here and not void, and how many are named but not here."""
    found = [case.record.resolve(reference, resource) for reference in reference_texts(resource.get("result"))]
    here = tuple(item for item in found if item is not None and report_status(item) != "void")
    return here, found.count(None)


@once_per_resource
def report_text(resource: Resource, case: Case) -> ReportText:
    """The words of a report (decision 24): conclusion, result Observations, presentedForm; else the narrative.

    A result that is a history, a request or a gross description is left out (decision 23); another stands under the
    heading that its name holds. Forms other than plain text and HTML, and forms by link, are named as unreadable.
    """
    parts = [as_text(resource.get("conclusion"))]
    results, absent = results_of(resource, case)
    for result in results:
        value, heading = as_text(result.get("valueString")), heading_of(result, case)
        if value and heading is not None:
            parts.append(f"{heading}:\n{value}" if heading else value)
    forms = [_read_attachment(attachment) for attachment in _attachments(resource)]
    parts.extend(text for text, _ in forms)
    problems = [problem for _, problem in forms if problem]
    if not any(parts) and not problems:
        parts.append(html_to_text(as_text(as_object(resource.get("text")).get("div"))).strip())
    if absent:
        problems.append("a part of the report was not in the data")
    return ReportText("\n\n".join(part for part in parts if part), problems[0] if problems else "")


def heading_of(result: Resource, case: Case) -> str | None:
    """The section heading in the name of a result ("" if it holds none); None if it is a context, not a finding."""
    titles = concepts_of(result, "code")
    ours = (case.terms.display(coding.system, coding.code) for title in titles for coding in title.codings)
    found: dict[str, str] = {}
    for name in (*(name for title in titles for name in title.names), *ours):
        words = cut(flatten(name), case.lexicon.spelling)
        for match in case.lexicon.headings.find_all(words):
            found.setdefault(match.kind, " ".join(words[match.start : match.end]))
    return None if "context" in found else next((found[kind] for kind in _HEADINGS if kind in found), "")


def _attachments(resource: Resource) -> Iterator[Mapping[str, Any]]:
    for form in as_list(resource.get("presentedForm")):
        yield as_object(form)
    for content in as_list(resource.get("content")):
        yield as_object(as_object(content).get("attachment"))


def _read_attachment(attachment: Mapping[str, Any]) -> tuple[str, str]:
    """The text of an attachment, or why it cannot be read."""
    kind = as_text(attachment.get("contentType")).lower().partition(";")[0].strip()
    data = as_text(attachment.get("data"))
    if kind not in {"text/plain", "text/html", "application/xhtml+xml"}:
        return "", "the report is a file of a type that is not read"
    if not data:
        return "", "the report is given as a link only"
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return "", "the report's file is damaged"
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = (text if kind == "text/plain" else html_to_text(text)).strip()
    return text, "" if text else "the report's file is empty"
