"""Texts of which nothing is taken as stated: drafts, blank forms, withdrawn reports."""

from __future__ import annotations

from cds_service.reading.document import Document
from cds_service.reading.lexicon import Lexicon

_FORM = "form"


def is_void(document: Document, lexicon: Lexicon, *, answered: bool = False) -> bool:
    """Whether a sentence of an imaging report or note says so; the words are those of the liver reader.

    ``answered``: a form's "select one" is followed by an answer, so that it is no longer blank.
    """
    return any(
        match.kind == "void" and not (answered and match.label == _FORM)
        for sentence in document.sentences
        for match in lexicon.liver.find(document.words, sentence.start, sentence.end)
    )
