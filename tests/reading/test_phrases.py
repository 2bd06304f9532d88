from __future__ import annotations

import pytest

from cds_service.reading.phrases import Match, PhraseIndex
from cds_service.reading.tokens import cut, flatten, span_of


def _index(*phrases: str, fillers: str = "") -> PhraseIndex:
    index = PhraseIndex(frozenset(fillers.split()))
    for phrase in phrases:
        assert index.add(phrase.split(), phrase, "") is None
    return index


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("carcinoma in situ", ["carcinoma in situ"], id="longest"),
        pytest.param("carcinoma in situ carcinoma", ["carcinoma in situ", "carcinoma"], id="not-overlapping"),
        pytest.param("carcinoma in the liver", ["carcinoma"], id="longer-one-not-finished"),
        pytest.param("carcinoma in", ["carcinoma"], id="text-ends-within-a-longer-one"),
        pytest.param("not clearly seen", ["not seen"], id="filler-inside"),
        pytest.param("not well seen", ["not seen"], id="filler-that-also-begins-another-phrase"),
        pytest.param("not well here", ["not well here"], id="filler-word-as-part-of-a-phrase"),
        pytest.param("not a b c d seen", [], id="too-many-fillers"),
        pytest.param("not clearly", [], id="filler-at-the-end"),
        pytest.param("not clearly absent", [], id="other-word-after-a-filler"),
        pytest.param("not today seen", [], id="no-filler"),
    ],
)
def test_finds_leftmost_longest(text: str, found: list[str]) -> None:
    index = _index("carcinoma", "carcinoma in situ", "not seen", "not well here", fillers="clearly well a b c d")
    words = text.split()
    assert [match.kind for match in index.find(words, 0, len(words))] == found


def test_a_trailing_filler_is_no_part_of_the_match() -> None:
    index = _index("not", "not seen here", fillers="clearly")
    assert index.find(["not", "clearly"], 0, 2) == [Match(0, 1, "not", "")]


def test_a_second_entry_is_told_where_it_stands() -> None:
    index = _index("not seen")
    assert index.add(["not", "seen"], "other", "x") == ("not seen", "")


def test_find_all_gives_every_phrase_of_a_place() -> None:
    index = _index("liver", "liver biopsy", "biopsy")
    kinds = [match.kind for match in index.find_all(["liver", "biopsy", "x"])]
    assert kinds == ["liver biopsy", "liver", "biopsy"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Non-diagnostic", "non diagnostic", id="hyphen"),
        pytest.param("patient\u2019s", "patient s", id="apostrophe"),
        pytest.param("3.8 cm, 1,040 cells", "3 8 cm , 1 040 cells", id="numbers"),
        pytest.param("End. Next", "end . next", id="stop"),
        pytest.param("end.Next", "end . next", id="stop-without-blank"),
        pytest.param("e.g.this", "e g this", id="abbreviation"),
        pytest.param("?mets or mets?", "\u00bf mets or mets ?", id="query-and-question"),
        pytest.param("\u0130stanbul", "istanbul", id="letter-that-grows-in-lower-case"),
    ],
)
def test_cuts_words(text: str, words: str) -> None:
    assert cut(flatten(text), {}) == words.split()
    assert len(flatten(text)) == len(text)


def test_spelling_is_unified() -> None:
    assert cut("tumors", {"tumors": "tumour"}) == ["tumour"]


def test_span_is_in_characters_of_the_text() -> None:
    assert span_of("a  bcd, e", 1, 2) == (3, 7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ([":", "negative"], [(0, "after")]),
        ([":", "negative", "for"], [(1, "before")]),
        ([":", "other", "negative", "for"], [(2, "before")]),
        ([":", "cannot", "be", "told"], [(0, "after")]),
        ([":", "0", "of"], [(0, "after")]),
    ],
)
def test_a_phrase_with_a_colon_gives_way_to_a_longer_one_behind_it(
    text: list[str], found: list[tuple[int, str]]
) -> None:
    index = PhraseIndex()
    index.add((":", "negative"), "negated", "after")
    index.add(("negative", "for"), "negated", "before")
    index.add((":", "0"), "negated", "after")
    index.add(("0", "of"), "negated", "before")
    index.add((":", "cannot"), "negated", "after")
    index.add(("cannot", "be", "told"), "indeterminate", "after")
    assert [(match.start, match.label) for match in index.find(text, 0, len(text))] == found
