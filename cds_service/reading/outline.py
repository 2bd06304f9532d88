"""The outline of a report: where its sections and sentences begin, and what kind of section each is.

A heading is a phrase of ``sections.yaml`` at the beginning of a line or sentence, followed by a colon, a dash or the
end of the line. Kinds:

    context     history, indication, request, comparison, gross: never a finding (decision 23)
    technique   how the examination was done: read only by who asks for that, else a context
    frozen      frozen section, on-site reading, preliminary diagnosis: yields to the final one (decision 22)
    body        findings, microscopic text, comment
    conclusion  final diagnosis, impression, conclusion
    addendum    adds to the report, and beats the original where they differ
    revised     amended or corrected diagnosis: replaces the original
    original    the superseded text that an addendum quotes
    label       an organ, specimen or examination that begins a line: ends a context, keeps its words as content
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cds_service.reading.phrases import Match, PhraseIndex

MAX_SENTENCE = 160

_STOPS = frozenset(".!?")
_MARKS = frozenset("-*\u2022\u00b7>#\u2013\u2014\u25cf\u25aa()[]")
_DASHES = frozenset("-\u2013\u2014")
_TAIL = 12
_LABEL_TAIL = 9
CONTEXTS = frozenset({"context", "technique"})
_WITH_TAIL = frozenset({*CONTEXTS, "frozen", "addendum", "revised", "original", "label"})
_SETTLED = frozenset({"body", "conclusion"})


class Stretch(NamedTuple):
    """One sentence: tokens ``start`` to ``end``, in section number ``section``; ``opens`` = a new line begins here."""

    start: int
    end: int
    section: int
    opens: bool


class Section(NamedTuple):
    """A section of ``kind``; ``inline`` = its heading stood within a line, ``alone`` = on a line of its own."""

    kind: str
    inline: bool = False
    alone: bool = False


@dataclass(slots=True)
class Outline:
    """Walks once over the words of a report; ``opens`` holds the places where a line begins on purpose."""

    words: Sequence[str]
    opens: frozenset[int]
    headings: PhraseIndex
    abbreviations: frozenset[str]
    sections: list[Section] = field(default_factory=lambda: [Section("body")])
    stretches: list[Stretch] = field(default_factory=list)

    def run(self) -> None:
        """Fill ``stretches`` and ``sections``."""
        words, opens, stop = self.words, self.opens, len(self.words)
        here = start = self._begin(0, True)
        fresh = True
        while here < stop:
            word = words[here]
            here += 1
            if word in _STOPS:
                ends = not (word == "." and (words[here - 2] in self.abbreviations or self._numbers(here - 2)))
            else:
                ends = here in opens or here - start >= MAX_SENTENCE
            if ends:
                self._close(start, here, fresh)
                fresh = here in opens
                here = start = self._begin(here, fresh)
        self._close(start, stop, fresh)

    def _numbers(self, here: int) -> bool:
        """Whether this is the number of a list item that follows a colon: "differential: 1. metastasis"."""
        return here > 0 and self.words[here].isdigit() and self.words[here - 1] == ":"

    def _close(self, start: int, end: int, fresh: bool) -> None:
        if end > start:
            self.stretches.append(Stretch(start, end, len(self.sections) - 1, fresh))

    def _begin(self, here: int, fresh: bool) -> int:
        """Skip list marks, take any headings that stand here, and give the first word of the content."""
        while True:
            if fresh:
                here = self._skip_marks(here)
            if here >= len(self.words):
                return here
            match = self.headings.at(self.words, here, len(self.words))
            if match is None:
                return here
            content = self._content_after(match, fresh)
            if content < 0 or (match.kind == "label" and self.sections[-1].kind not in CONTEXTS):
                return here
            if match.kind == "label":
                self.sections.append(Section("body", not fresh))
                return here
            self.sections.append(Section(match.kind, not fresh, content in self.opens))
            here = content
            fresh = fresh or here in self.opens

    def _skip_marks(self, here: int) -> int:
        words, stop = self.words, len(self.words)
        while here < stop:
            word = words[here]
            if word in _MARKS:
                here += 1
            elif (word.isdigit() or len(word) == 1) and here + 1 < stop and words[here + 1] in ".)":
                here += 2
            else:
                break
        return here

    def _content_after(self, match: Match, fresh: bool) -> int:
        """Where the content of this heading begins; -1 if the phrase does not stand as a heading."""
        words, end, kind = self.words, match.end, match.kind
        if end >= len(words) or end in self.opens:
            return end if fresh and kind != "label" else -1
        if words[end] == ":":
            return end + 1
        if not fresh:
            return -1
        if words[end] in _DASHES and kind != "label":
            return end + 1
        if kind in _WITH_TAIL:
            tail = _LABEL_TAIL if kind == "label" else _TAIL
            for place in range(end, min(end + tail, len(words))):
                if words[place] == ":":
                    return place + 1
                if words[place] in _STOPS or place in self.opens:
                    break
        if kind in _SETTLED:
            return end if self._colon_on_line(end) or words[end].isdigit() else -1
        return end if kind in ("addendum", "revised") else -1

    def _colon_on_line(self, here: int) -> bool:
        for place in range(here, min(here + _TAIL, len(self.words))):
            if self.words[place] in _STOPS or place in self.opens:
                break
            if self.words[place] == ":":
                return True
        return False
