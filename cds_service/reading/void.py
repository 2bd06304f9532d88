"""Texts of which nothing is taken as stated: drafts, blank forms, withdrawn reports."""

from __future__ import annotations

from cds_service.reading.document import Document
from cds_service.reading.lexicon import Lexicon


def is_void(document: Document, lexicon: Lexicon) -> bool:
    """Whether a sentence of an imaging report or note says so; the words are those of the liver reader."""
    return any(
        match.kind == "void"
        for sentence in document.sentences
        for match in lexicon.liver.find(document.words, sentence.start, sentence.end)
    )
