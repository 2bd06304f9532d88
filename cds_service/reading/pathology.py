"""Reads a pathology report: is malignancy that fits pancreatic cancer established (fact F4, decisions 15-17, 21-23)?

Order of safety: a text is never read as ``confirmed`` when it hedges, negates, quotes history or names another origin;
what cannot be classed is ``uninterpretable``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.reading.document import Document, read_document
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.origin import Said
from cds_service.reading.scope import MAX_MATCHES, Judged, judge
from cds_service.reading.verdict import (
    PathologyState,
    decide_histology,
    decide_molecular,
    is_molecular,
    names_pancreas,
    sampled_site,
)

_SHORT = 4


@dataclass(frozen=True, slots=True)
class PathologyReading:
    """What a pathology report says.

    ``quote`` is verbatim, at most 120 characters ("" if nothing decided); ``site`` where the deciding sample came from
    (liver, pancreas, node, peritoneum, biliary, other, ""); ``label`` our name of the other primary or of the excluded
    histology; ``entity`` a named benign liver entity; ``molecular`` and ``blood`` tell the kind of report;
    ``truncated`` that the text was too long to be read whole, which makes it uninterpretable. ``names_pancreas``: the
    words of this report, without doubt, tie a malignancy that is confirmed or weak to the pancreas or the
    pancreatobiliary tract, or the sample that shows it is one of the pancreas.
    """

    state: PathologyState
    quote: str = ""
    site: str = ""
    label: str = ""
    entity: str = ""
    molecular: bool = False
    blood: bool = False
    truncated: bool = False
    names_pancreas: bool = False


def read_pathology(text: str, lexicon: Lexicon) -> PathologyReading:
    """The reading of one pathology or cytology report; never raises, whatever the text."""
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)
    if document.truncated:
        return PathologyReading("uninterpretable", truncated=True)
    said: list[Said] = []
    for sentence in document.sentences:
        matches = lexicon.pathology.find(document.words, sentence.start, sentence.end)
        if len(matches) > MAX_MATCHES:
            return PathologyReading("uninterpretable", truncated=True)
        if any(match.kind == "void" for match in matches):
            return PathologyReading("uninterpretable")  # a draft, a blank form, a withdrawn report
        judged = judge(document.words, sentence, matches)
        if not judged and sentence.end - sentence.start <= _SHORT:
            # "Category: suspicious." names nothing that is suspected, and is a result all the same.
            judged = [Judged(each._replace(kind="doubt"), frozenset()) for each in matches if each.kind == "suspected"]
        said.append(Said(sentence, tuple(judged)))
    return _read(document, said)


def _read(document: Document, said: Sequence[Said]) -> PathologyReading:
    molecular = is_molecular(said, document.title_end)
    verdict = decide_molecular(document.words, said) if molecular else decide_histology(document.words, said)
    blood = molecular and any(each.has("blood") for each in said)
    if verdict is None:
        return PathologyReading("uninterpretable", molecular=molecular, blood=blood)
    sentence = verdict.said.sentence
    return PathologyReading(
        verdict.state,
        document.quote(sentence.start, sentence.end - 1, verdict.focus.start),
        sampled_site(said, verdict),
        verdict.label,
        verdict.entity,
        molecular,
        blood,
        names_pancreas=names_pancreas(document.words, said, verdict),
    )
