from __future__ import annotations

import pytest

from cds_service.reading import Lexicon
from cds_service.reading.document import ADDENDUM, BODY, CONCLUSION, FROZEN, QUOTE, Document, read_document


def _read(text: str, lexicon: Lexicon) -> Document:
    return read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)


def _outline(text: str, lexicon: Lexicon) -> list[tuple[int, str]]:
    document = _read(text, lexicon)
    return [(each.rank, " ".join(document.words[each.start : each.end])) for each in document.sentences]


@pytest.mark.parametrize(
    ("text", "outline"),
    [
        pytest.param("One here. Two here", [(BODY, "one here ."), (BODY, "two here")], id="no-heading"),
        pytest.param("HISTORY: x\nFINDINGS: y\nIMPRESSION: z", [(BODY, "y"), (CONCLUSION, "z")], id="context-left-out"),
        pytest.param("Impression\nz", [(CONCLUSION, "z")], id="heading-on-its-own-line"),
        pytest.param("Diagnosis - z", [(CONCLUSION, "z")], id="heading-with-dash"),
        pytest.param("IMPRESSION 1. z", [(CONCLUSION, "z")], id="heading-before-a-number"),
        pytest.param("A. Impression: z", [(CONCLUSION, "z")], id="list-mark-before-heading"),
        pytest.param("Findings: Impression: z", [(CONCLUSION, "z")], id="heading-after-heading"),
        pytest.param("Our impression: z", [(BODY, "our impression : z")], id="word-within-a-sentence-is-no-heading"),
        pytest.param("Diagnosis of x made", [(BODY, "diagnosis of x made")], id="phrase-without-colon-is-no-heading"),
        pytest.param(
            "Final diagnosis on paraffin: z",
            [(CONCLUSION, "on paraffin : z")],
            id="conclusion-keeps-words-before-colon",
        ),
        pytest.param(
            "Diagnosis of x. Later: y", [(BODY, "diagnosis of x ."), (BODY, "later : y")], id="colon-too-late"
        ),
        pytest.param("Frozen section (Dr X): z", [(FROZEN, "z")], id="frozen-with-words-before-colon"),
        pytest.param(
            "Frozen section shows z. w", [(BODY, "frozen section shows z ."), (BODY, "w")], id="frozen-no-colon"
        ),
        pytest.param(
            "Frozen section came back as a b c d e f g h i j k: z",
            [(BODY, "frozen section came back as a b c d e f g h i j k : z")],
            id="colon-too-far",
        ),
        pytest.param(
            "Diagnosis a b c d e f g h i j k l m: z",
            [(BODY, "diagnosis a b c d e f g h i j k l m : z")],
            id="conclusion-colon-too-far",
        ),
        pytest.param("Diagnosis made\nx: z", [(BODY, "diagnosis made"), (BODY, "x : z")], id="colon-on-another-line"),
        pytest.param(
            "A full body of words here now.\nADDENDUM 2 given z",
            [(BODY, "a full body of words here now ."), (ADDENDUM, "2 given z")],
            id="addendum",
        ),
        pytest.param(
            "ADDENDUM: z\nFINAL DIAGNOSIS: w", [(ADDENDUM, "z"), (CONCLUSION, "w")], id="addendum-stands-first"
        ),
        pytest.param(
            "Diagnosis: one two three four five six seven.\nADDENDUM: z\nDiagnosis: w",
            [(CONCLUSION, "one two three four five six seven ."), (ADDENDUM, "z"), (ADDENDUM, "w")],
            id="diagnosis-within-an-addendum",
        ),
        pytest.param("ADDENDUM: z\nORIGINAL REPORT: w", [(ADDENDUM, "z"), (BODY, "w")], id="original-after-addendum"),
        pytest.param(
            "Request: x. Please y.\nZz w", [(BODY, "zz w")], id="history-ends-with-its-line-if-no-heading-follows"
        ),
        pytest.param("US. Request: x? The liver y.", [(BODY, "us ."), (BODY, "the liver y .")], id="inline-request"),
        pytest.param("History:\nx\ny", [], id="history-under-its-own-line-goes-on"),
        pytest.param("History: x\ny\nImpression: z", [(CONCLUSION, "z")], id="history-goes-on-to-the-next-heading"),
        pytest.param("History: x\nLiver: y", [(BODY, "liver : y")], id="label-ends-history"),
        pytest.param("Findings: x\nLiver: y", [(BODY, "x"), (BODY, "liver : y")], id="label-keeps-the-section"),
        pytest.param(
            "Impression: x\nLiver: y", [(CONCLUSION, "x"), (CONCLUSION, "liver : y")], id="label-in-conclusion"
        ),
        pytest.param("seen by Dr. X here", [(BODY, "seen by dr . x here")], id="abbreviation"),
        pytest.param("", [], id="empty"),
        pytest.param("- ", [], id="only-a-mark"),
        pytest.param("Impression:", [], id="only-a-heading"),
    ],
)
def test_outline(lexicon: Lexicon, text: str, outline: list[tuple[int, str]]) -> None:
    expected = [(rank, " ".join(lexicon.spelling.get(word, word) for word in words.split())) for rank, words in outline]
    assert _outline(text, lexicon) == expected


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("a long line of words that was wrapped\nhere", 1, id="lower-case-goes-on"),
        pytest.param(
            "Shorter line\nOther line which is so very much longer than is the one before", 2, id="fits-before"
        ),
        pytest.param("Short lines only\nLiver", 2, id="narrow-text-is-not-wrapped"),
        pytest.param(
            "A long line of words wrapped just before the very next word\nLiver: because it was", 2, id="label"
        ),
        pytest.param(
            "A long line of words wrapped just before the very next word in\nLiver because it was full",
            1,
            id="full-line",
        ),
        pytest.param("one\n\nTwo", 2, id="blank-line"),
        pytest.param("one\n- two", 2, id="bullet"),
        pytest.param("one is longer\n2) two", 2, id="number"),
        pytest.param("one is as long as the rest\n13 mm", 1, id="measure-goes-on"),
        pytest.param("short\n13 mm in a line that is much longer", 2, id="measure-on-a-new-line"),
        pytest.param("Named:\nx", 2, id="after-a-colon"),
        pytest.param("one\rTwo words that follow here", 2, id="carriage-return"),
        pytest.param(" ".join(["word"] * 400), 3, id="endless-sentence-is-cut"),
    ],
)
def test_line_breaks(lexicon: Lexicon, text: str, sentences: int) -> None:
    assert len(_read(text, lexicon).sentences) == sentences


def test_a_correction_is_marked(lexicon: Lexicon) -> None:
    document = _read("Diagnosis: x\nCORRECTED DIAGNOSIS: y\nORIGINAL DIAGNOSIS: z", lexicon)
    assert [each.revised for each in document.sentences] == [False, True, False]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("word " * 9_000, id="words"),
        pytest.param("x" * 100_001, id="characters"),
        pytest.param("a\n" * 4_001, id="lines"),
        pytest.param("?" * 40_001, id="marks"),
    ],
)
def test_what_is_too_long_is_said(lexicon: Lexicon, text: str) -> None:
    assert _read(text, lexicon).truncated


def test_history_does_not_count_as_length(lexicon: Lexicon) -> None:
    document = _read("History: " + "word " * 9_000 + "\nFindings: normal", lexicon)
    assert not document.truncated
    assert len(document.sentences) == 1


@pytest.mark.parametrize("focus", [0, 40, 79])
def test_quote_is_short_verbatim_and_holds_the_focus(lexicon: Lexicon, focus: int) -> None:
    text = " ".join(f"Word{number}" for number in range(80))
    quote = _read(text, lexicon).quote(0, 79, focus)
    assert len(quote) <= QUOTE
    assert quote in text
    assert f"Word{focus}" in quote


def test_short_quote_is_whole(lexicon: Lexicon) -> None:
    assert _read("Liver is  normal.", lexicon).quote(0, 3, 2) == "Liver is  normal."
