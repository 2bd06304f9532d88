"""A report cut into the sentences that may hold findings, each with its weight (decisions 22 and 23).

What is not a finding (history, indication, request, technique, comparison, gross description) is left out here, so
no later step can read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.reading.outline import CONTEXTS, Outline, Section, Stretch
from cds_service.reading.phrases import PhraseIndex
from cds_service.reading.tokens import cut, flatten, span_of

MAX_CHARACTERS = 100_000
MAX_LINES = 4_000
MAX_TOKENS = 40_000
MAX_WORDS = 8_000
QUOTE = 120

FROZEN, BODY, CONCLUSION, ADDENDUM = 0, 1, 2, 3

_TECHNIQUE = frozenset({"technique"})
_LIST_MARKS = "-*\u2022\u00b7>#\u2013\u2014\u25cf\u25aa[\u2610\u2611\u2612\u25a1"
_NUMBER_MARKS = ".)"
_LEADING_MARK = 3
_TITLE = 6
_WRAPPED = 60
_SHORT = 20
_HEADING = 40


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words ``start`` to ``end`` (not included) of a document, and how much they weigh.

    ``rank`` is FROZEN, BODY, CONCLUSION or ADDENDUM; ``opens`` tells that a line, list item or part begins here;
    ``revised`` that it stands in a correction, which replaces the original; ``technique`` that it tells how the
    examination was done.
    """

    start: int
    end: int
    rank: int
    opens: bool
    revised: bool = False
    technique: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A report ready to be read.

    ``truncated`` tells that it was longer than is read: what was cut off might say the opposite. ``title_end`` is
    the word after the first line or sentence, which often names the examination.
    """

    text: str
    flat: str
    words: Sequence[str]
    sentences: tuple[Sentence, ...]
    truncated: bool
    title_end: int

    def quote(self, first: int, last: int, focus: int) -> str:
        """At most ``QUOTE`` characters, verbatim, of the words ``first`` to ``last``, holding the word ``focus``."""
        start, end = span_of(self.flat, first, last)
        if end - start > QUOTE:
            middle = span_of(self.flat, focus, focus)[0]
            start = max(start, min(middle - QUOTE // 3, end - QUOTE))
            end = start + QUOTE
        return self.text[start:end].strip()


def read_document(
    text: str,
    spelling: Mapping[str, str],
    headings: PhraseIndex,
    abbreviations: frozenset[str],
    *,
    technique: bool = False,
) -> Document:
    """Cut a report into weighed sentences; never raises, whatever the text.

    ``technique``: how the examination was done is wanted too, as body; else it is left out like any context.
    """
    lines = text[:MAX_CHARACTERS].replace("\r", "\n").split("\n")
    truncated = len(text) > MAX_CHARACTERS or len(lines) > MAX_LINES
    kept = "\n".join(lines[:MAX_LINES])
    flat = flatten(kept)
    words: list[str] = []
    opens = set()
    width = max(len(line) for line in lines[:MAX_LINES])
    previous = ""
    for line, flat_line in zip(lines, flat.split("\n"), strict=False):
        if _begins_on_purpose(previous, line, width):
            opens.add(len(words))
        words += cut(flat_line, spelling)
        previous = line
    if len(words) > MAX_TOKENS:
        return Document(text, flat, (), (), True, 0)
    outline = Outline(words, frozenset(opens), headings, abbreviations)
    outline.run()
    contexts = CONTEXTS - _TECHNIQUE if technique else CONTEXTS
    sentences, too_many = _weigh(outline.stretches, outline.sections, contexts)
    ends = [place for place in opens if place > 0] + [stretch.end for stretch in outline.stretches[:1]]
    title_end = min(ends, default=0)
    return Document(text, flat, words, sentences, truncated or too_many, title_end)


def _begins_on_purpose(previous: str, line: str, width: int) -> bool:
    """Whether a line begins something new, and is not just where the line before was wrapped."""
    begin, before = line.lstrip(), previous.rstrip()
    if not begin or not before or before[-1] == ":" or begin[0] in _LIST_MARKS:
        return True
    word = begin.split(None, 1)[0]
    if word[-1] in _NUMBER_MARKS and len(word) <= _LEADING_MARK:
        return True
    if not begin[0].isalpha() or begin[0].islower():
        return len(before) * 2 < width or len(before) < _SHORT
    if width < _WRAPPED or ":" in begin[:_HEADING]:
        return True
    return len(before) + 1 + len(word) <= width - width // 10


def _weigh(
    stretches: Sequence[Stretch], sections: Sequence[Section], contexts: frozenset[str]
) -> tuple[tuple[Sentence, ...], bool]:
    """Sentences with their rank, those of context sections left out; and whether there were too many words."""
    ranks = _ranks(sections, stretches, contexts)
    revised = _revised(sections)
    headed = any(section.kind not in contexts and section.kind != "frozen" for section in sections[1:])
    out: list[Sentence] = []
    total, left, section_now = 0, False, -1
    for start, end, number, opens in stretches:
        section, rank = sections[number], ranks[number]
        if number != section_now:
            section_now, left = number, False
        elif not headed and section.kind in contexts and not section.alone and (section.inline or opens):
            left = True  # no heading will end this history or request: it ends with its line, an inline one at once
        if left:
            rank = BODY
        if rank is None:
            continue
        total += end - start
        if total > MAX_WORDS:
            return tuple(out), True
        out.append(Sentence(start, end, rank, opens, revised[number], section.kind in _TECHNIQUE))
    return tuple(out), False


def _ranks(sections: Sequence[Section], stretches: Sequence[Stretch], contexts: frozenset[str]) -> list[int | None]:
    """The rank of each section, None for a context."""
    lengths = [0] * len(sections)
    for stretch in stretches:
        lengths[stretch.section] += stretch.end - stretch.start
    out: list[int | None] = []
    amended = settled = False
    for number, (kind, _, _) in enumerate(sections):
        if kind in ("addendum", "revised"):
            amended = True
        elif kind == "original" or (kind == "conclusion" and not settled):
            amended = False
        settled = settled or (kind in ("body", "conclusion", "original") and lengths[number] > _TITLE and not amended)
        if kind in contexts:
            out.append(None)
        elif amended:
            out.append(ADDENDUM)
        else:
            out.append({"frozen": FROZEN, "conclusion": CONCLUSION}.get(kind, BODY))
    return out


def _revised(sections: Sequence[Section]) -> list[bool]:
    """Per section, whether it belongs to a correction: from its heading up to the next addendum or original."""
    out: list[bool] = []
    now = False
    for section in sections:
        if section.kind in ("addendum", "revised", "original"):
            now = section.kind == "revised"
        out.append(now)
    return out
