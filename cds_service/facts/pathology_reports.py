"""Pathology findings: what each pathology report, document or observation of a record says (facts F2, F3, F4, F14).

One reading for all facts, so that the liver fact and the tissue fact cannot differ about the same report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cds_service.facts.case import once
from cds_service.facts.marks import with_mark
from cds_service.facts.reports import (
    ReportKind,
    classify_report,
    heading_of,
    report_date,
    report_status,
    report_text,
    results_of,
    telling_reports,
)
from cds_service.facts.versions import is_correction, same_keys, superseded
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import (
    Concept,
    When,
    as_object,
    as_text,
    read_when,
    reference_texts,
    relative_reference,
    type_and_id,
)
from cds_service.fhir.source import Resource
from cds_service.reading import PathologyReading, read_pathology

if TYPE_CHECKING:
    from cds_service.facts.case import Case

FindingKind = Literal["report", "document", "observation"]

# Codes of a conclusion, the firmest meaning first.
_EXCLUDED = frozenset(
    {"cond.pancreas_neuroendocrine", "cond.excluded_histology", "cond.pancreas_secondary"}
    | {"cond.hepatocellular_carcinoma"}
)
_OTHER = frozenset({"cond.other_malignancy", "cond.other_primary_to_pancreas"})
_FROM_PANCREAS = frozenset({"cond.pancreas_primary", "cond.metastasis_from_pancreas"})
_METASTATIC = frozenset(
    {"cond.liver_metastasis", "cond.metastasis_any_site", "cond.other_metastasis", "cond.peritoneal_metastasis"}
)
_ADENOCARCINOMA = "path.morphology_adenocarcinoma"
_MALIGNANT = _FROM_PANCREAS | _METASTATIC | {"path.morphology", _ADENOCARCINOMA, "path.morphology_metastatic"}

_TISSUE_MARKS = ("path.report", "mcode.histology_observation", "path.morphology")
_BLOOD = "path.blood"
_MALIGNANT_STATES = frozenset({"confirmed", "weak"})
_CONTRADICTS = "its code and its words contradict each other"
_SITES: Mapping[str, str] = {
    "site.liver": "liver",
    "site.pancreas": "pancreas",
    "site.node": "node",
    "site.peritoneum": "peritoneum",
    "site.biliary": "biliary",
    "site.other": "other",
}


@dataclass(frozen=True, slots=True)
class PathologyFinding:
    """What one report says about tissue.

    ``state`` is a reading state (confirmed, weak, non-diagnostic, other-primary, excluded-histology, uninterpretable)
    or: unreadable (a file, a link, no words), pending, future (final, but dated more than a day ahead), void
    (withdrawn, replaced by a newer version, or not final and dated ahead). ``status`` is the resource's own;
    ``title`` the report's name; ``site``, ``label``, ``entity`` and ``quote`` as in the reading; ``source`` is "coded"
    or "from-text" ("" where nothing was read); ``same_as`` holds the keys of ``versions.same_keys``; ``why`` says in
    our words what is odd about it. A report malignant by code and not in words, or the reverse, gives two findings.

    ``site`` "other" is an organ that says nothing by itself about this cancer, or one that is not known; only a
    malignancy that the report itself ties to the pancreas (``names_pancreas``) means something there. A ``confirmed``
    finding of site "other" without that tie is a cancer elsewhere. ``blood``: the sample was blood, whoever says so.
    ``date`` is when the sample was taken, as far as known, ``issued`` when the report was.
    """

    reference: str
    resource: Resource
    kind: FindingKind
    status: str
    date: When | None
    state: str
    title: str = ""
    site: str = ""
    label: str = ""
    entity: str = ""
    quote: str = ""
    source: str = ""
    same_as: frozenset[str] = frozenset()
    molecular: bool = False
    blood: bool = False
    names_pancreas: bool = False
    issued: When | None = None
    why: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is of an organ that says nothing about this cancer."""
        return self.site == "other" and not self.names_pancreas

    @property
    def shown_date(self) -> When | None:
        """The date to show: of a corrected report when the correction was issued, else ``date`` (decision 4)."""
        return self.issued if self.issued is not None and is_correction(self.resource) else self.date

    @property
    def specimen_keys(self) -> frozenset[str]:
        """What two findings about one specimen share: a Specimen or accession, or the same report (decision 4)."""
        return frozenset(key for key in self.same_as if key.startswith(("id:", "identifier:", "specimen:")))


@once
def pathology_findings(case: Case) -> tuple[PathologyFinding, ...]:
    """Every pathology or molecular report, document and stand-alone observation, also those that do not count."""
    taken: list[tuple[Resource, FindingKind, ReportKind]] = []
    for resource in (*telling_reports(case), *case.record.of("DocumentReference")):
        what = classify_report(resource, case)
        if what in {"pathology", "molecular"}:
            kind: FindingKind = "report" if resource.get("resourceType") == "DiagnosticReport" else "document"
            taken.append((resource, kind, what))
    taken += [(resource, "observation", "pathology") for resource in _lone_observations(case)]
    words = vocabulary_of(case)
    newer = superseded((resource for resource, _, _ in taken), case)
    out: list[PathologyFinding] = []
    for position, (resource, kind, what) in enumerate(taken):
        found = PathologyFinding(
            type_and_id(resource),
            resource,
            kind,
            as_text(resource.get("status")),
            report_date(resource, case),
            "",
            label_of(concepts_of(resource, "code", "type")),
            same_as=same_keys(resource, case),
            molecular=what == "molecular",
            blood=_is_blood(resource, words),
            issued=read_when(resource.get("issued")),
        )
        out.extend(_read(found, newer.get(position), case))
    return tuple(out)


def _lone_observations(case: Case) -> Iterable[Resource]:
    """Pathology observations that no report of the record holds as its result; a history or gross text is none."""
    held = {
        relative_reference(reference)
        for report in case.record.of("DiagnosticReport")
        for reference in reference_texts(report.get("result"))
    }
    for resource in with_mark(case, "Observation", _TISSUE_MARKS):
        code = case.terms.concepts(_joined(concepts_of(resource, "code")))
        value = case.terms.concepts(_joined(concepts_of(resource, "valueCodeableConcept")))
        ours = code & {"path.report", "mcode.histology_observation"} or (
            value & {"path.morphology"} and _is_from_pathology(resource, case)
        )
        if ours and type_and_id(resource) not in held and heading_of(resource, case) is not None:
            yield resource


def _is_from_pathology(resource: Resource, case: Case) -> bool:
    """Whether an observation is filed or named as pathology, or names its specimen: a morphology may be history."""
    words = vocabulary_of(case)
    titles = concepts_of(resource, "code", "category")
    filed = "path.category" in words.coded(titles) or "path.report" in words.worded(titles)
    return filed or bool(resource.get("specimen"))


def _is_blood(resource: Resource, words: Vocabulary) -> bool:
    """Whether the name of a report, or every specimen that it names, says that blood was examined (decision 16)."""
    if _BLOOD in words.worded(concepts_of(resource, "code", "type")):
        return True
    specimens = words.follow(resource.get("specimen"), resource, "type")
    return bool(specimens) and all(_BLOOD in words.worded((specimen,)) for specimen in specimens)


def _joined(concepts: Iterable[Concept]) -> Concept:
    return Concept(tuple(coding for concept in concepts for coding in concept.codings), "")


def _read(found: PathologyFinding, newer: Resource | None, case: Case) -> tuple[PathologyFinding, ...]:
    """One finding from a report; two if its code and its words contradict each other."""
    special = _without_reading(found, newer, case)
    return _read_final(found, case) if special is None else (_placed(special, "", vocabulary_of(case)),)


def _without_reading(found: PathologyFinding, newer: Resource | None, case: Case) -> PathologyFinding | None:
    """The finding from a report whose words do not matter; None if they do."""
    status = report_status(found.resource)
    ahead = found.date is not None and found.date.is_future(case.now)
    if status == "void":
        return replace(found, state="void", why="withdrawn")
    if newer is not None:
        return replace(found, state="void", why=f"replaced by a newer version, {type_and_id(newer)}")
    if ahead:
        return replace(found, state="future" if status == "final" else "void", why="dated in the future")
    if status == "pending":
        return replace(found, state="pending", why="not final")
    if status == "unknown":
        return replace(found, state="uninterpretable", why="its status is not known")
    if found.kind == "document":
        return replace(found, state="unreadable", why="a document, not read automatically")
    return None


def _read_final(found: PathologyFinding, case: Case) -> tuple[PathologyFinding, ...]:
    words = vocabulary_of(case)
    concepts = _conclusions(found, case)
    coded = _coded(found, concepts, words)
    said = report_text(found.resource, case)
    wording = next((name for concept in concepts for name in concept.names), "")
    text = said.text or as_text(found.resource.get("valueString")) or wording
    if not text:
        unread = replace(found, state="unreadable", why=said.unreadable or "it holds no words")
        return (_placed(coded or unread, "", words),)
    reading = read_pathology(text, case.lexicon)
    from_text = replace(
        found,
        state=reading.state,
        label=reading.label,
        entity=reading.entity,
        quote=reading.quote,
        source="from-text",
        molecular=found.molecular or reading.molecular,
        blood=found.blood or reading.blood,
        names_pancreas=reading.names_pancreas and reading.state in _MALIGNANT_STATES,
        why=_oddity(reading, said.unreadable),
    )
    kept = _weigh(coded, from_text, words.coded(concepts)) if coded else (from_text,)
    return tuple(_placed(item, reading.site, words) for item in kept)


def _conclusions(found: PathologyFinding, case: Case) -> tuple[Concept, ...]:
    results = results_of(found.resource, case)[0] if found.kind == "report" else ()
    own = concepts_of(found.resource, "conclusionCode", "valueCodeableConcept")
    return own + tuple(concept for item in results for concept in concepts_of(item, "valueCodeableConcept"))


def _coded(found: PathologyFinding, concepts: tuple[Concept, ...], words: Vocabulary) -> PathologyFinding | None:
    """The finding of the codes alone, None if they say nothing about a malignancy."""
    for members, state in ((_EXCLUDED, "excluded-histology"), (_OTHER, "other-primary"), (_MALIGNANT, "confirmed")):
        for concept in concepts:
            if words.coded((concept,)) & members:
                label = "" if state == "confirmed" else name_of_cancer(concept, words)
                tied = state == "confirmed" and bool(words.coded((concept,)) & _FROM_PANCREAS)
                quote = concept.label[:120]
                return replace(found, state=state, label=label, quote=quote, source="coded", names_pancreas=tied)
    return None


def name_of_cancer(concept: Concept, words: Vocabulary) -> str:
    """The cancer that a concept names: our word for its site where we know it, else its own name."""
    ours = (words.terms.display(coding.system, coding.code) for coding in concept.codings)
    named = sorted(name for name in words.named((*ours, *concept.names)) if name.startswith("cancer."))
    return ", ".join(name.partition(".")[2].replace("_", " ") for name in named) or concept.label


def _oddity(reading: PathologyReading, unreadable: str) -> str:
    if reading.truncated:
        return "longer than is read"
    return unreadable if reading.state == "uninterpretable" else ""


def _weigh(coded: PathologyFinding, text: PathologyFinding, codes: frozenset[str]) -> tuple[PathologyFinding, ...]:
    """Code against words: the code stands, unless the words are firm and say more, or contradict it.

    Malignant by code and not by words (or the reverse) leaves two findings about one specimen, which F4 sees as a
    conflict. Two different histologies leave nothing that can be relied on.
    """
    tied = coded.names_pancreas or text.names_pancreas
    agreed = replace(coded, molecular=text.molecular, blood=text.blood, names_pancreas=tied)
    if text.state == coded.state:
        return (replace(agreed, label=text.label or coded.label, quote=text.quote or coded.quote),)
    if text.state in {"weak", "uninterpretable"} or (coded.state, text.state) == ("other-primary", "confirmed"):
        return (agreed,)
    if (coded.state, text.state) == ("confirmed", "non-diagnostic"):
        one_specimen = coded.same_as | {f"specimen:of {coded.reference}"}
        return tuple(replace(item, same_as=one_specimen, why=_CONTRADICTS) for item in (agreed, text))
    # A general code ("adenocarcinoma") does not say whose metastasis it is, nor does C25 say which histology.
    narrower = _FROM_PANCREAS if text.state == "other-primary" else {_ADENOCARCINOMA}
    if coded.state == "confirmed" and not codes & narrower:
        return (text,)
    return (replace(text, state="uninterpretable", label="", why=_CONTRADICTS),)


def _placed(found: PathologyFinding, said_site: str, words: Vocabulary) -> PathologyFinding:
    """The finding with its site: by specimen and body site, else by its words, its name, its code.

    A body site that is stated and not recognised is another organ, not an unstated one.
    """
    resource = found.resource
    types = words.follow(resource.get("specimen"), resource, "type")
    places = (*_collection_sites(resource, words), *concepts_of(resource, "bodySite"))
    sampled = _sites_in((*types, *places), words)
    named = sampled or _sites_in(concepts_of(resource, "code", "type"), words)
    if len(sampled) == 1:
        site = min(sampled)
    elif said_site or len(named) == 1:
        site = said_site or min(named)
    elif not sampled and "cond.liver_metastasis" in words.coded(concepts_of(resource, "conclusionCode")):
        site = "liver"
    else:
        site = "other" if not sampled and any(_is_unknown_place(place, words) for place in places) else ""
    return replace(found, site=site)


def _sites_in(concepts: Iterable[Concept], words: Vocabulary) -> frozenset[str]:
    """The sites that the concepts state, each by its code, else in its words."""
    known = [words.coded((concept,)).intersection(_SITES) or words.worded((concept,)) for concept in concepts]
    return frozenset(site for name, site in _SITES.items() if any(name in names for names in known))


def _is_unknown_place(place: Concept, words: Vocabulary) -> bool:
    """Whether a body site says something that is not recognised; the abdomen leaves the organ open."""
    return bool(place.label) and "site.abdomen" not in words.both((place,))


def _collection_sites(resource: Resource, words: Vocabulary) -> tuple[Concept, ...]:
    targets = (words.resolve(reference, resource) or {} for reference in reference_texts(resource.get("specimen")))
    collections = (as_object(target.get("collection")) for target in targets)
    return tuple(concept for collection in collections for concept in concepts_of(collection, "bodySite"))
