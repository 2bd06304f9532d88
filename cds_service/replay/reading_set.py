"""Measures the report readers on labelled texts: confusion matrices, rates, and the failures one may look at.

A directory holds one YAML file per set. Each text has ``id``, ``question`` (pathology, liver, attempt,
resectability, protocol-ct), ``expect`` and ``text``. ``tuning``, ``tuning-2``, ``spent`` and ``spent-2`` are
development sets (the last two were frozen halves, until they failed their measurements): their failures are listed.
Every other file, ``frozen`` and ``frozen-3`` above all, is there to measure with, so of it only numbers are ever shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.reading import (
    Lexicon,
    read_attempt,
    read_liver,
    read_pathology,
    read_protocol_ct,
    read_resectability,
)

DEVELOPMENT = ("tuning", "tuning-2", "spent", "spent-2")
"""The sets that rules may be written on, so that their failures may be seen."""
UNREAD = {
    "pathology": "uninterpretable",
    "liver": "uninterpretable",
    "attempt": "uninterpretable",
    "resectability": "not-stated",
    "protocol-ct": "not-stated",
}
"""Per question the state of a text that tells nothing, or that could not be read."""
POSITIVE = {
    "pathology": ("confirmed",),
    "liver": ("definite",),
    "attempt": ("failed-visibility",),
    "resectability": ("resectable", "borderline"),
    "protocol-ct": ("yes",),
}
"""Per question the states that must never be read without being there."""
DENIED = {"liver": "absent"}
"""Per question the state that a positive text must never be read as: it would take back what the report states."""
_SAME = {"absent-hedged": "absent"}
_READERS: Mapping[str, Callable[[str, Lexicon], str]] = {
    "pathology": lambda text, lexicon: read_pathology(text, lexicon).state,
    "liver": lambda text, lexicon: read_liver(text, lexicon).state,
    "attempt": lambda text, lexicon: read_attempt(text, lexicon).state,
    "resectability": lambda text, lexicon: read_resectability(text, lexicon).state,
    "protocol-ct": lambda text, lexicon: read_protocol_ct(text, lexicon).state,
}


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and the state that a reader should give it. The text is left out of ``repr``."""

    id: str
    question: str
    expect: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts of (expected, read) states of one question."""

    question: str
    counts: Mapping[tuple[str, str], int]

    @property
    def total(self) -> int:
        """All texts."""
        return sum(self.counts.values())

    @property
    def right(self) -> int:
        """Texts read as labelled."""
        return sum(count for (expect, read), count in self.counts.items() if expect == read)

    @property
    def wrongly_positive(self) -> int:
        """Texts read as a state that must never be read wrongly (``POSITIVE``), though labelled otherwise."""
        positive = POSITIVE[self.question]
        return sum(count for (expect, read), count in self.counts.items() if read in positive and read != expect)

    @property
    def wrongly_denied(self) -> int:
        """Texts labelled positive (``POSITIVE``) and read as their contrary (``DENIED``); 0 where there is none."""
        return sum(
            count
            for (expect, read), count in self.counts.items()
            if expect in POSITIVE[self.question] and read == DENIED.get(self.question)
        )

    @property
    def recall(self) -> float:
        """The share, 0 to 1, of the texts labelled positive that were read so; 1 if there are none."""
        positive = POSITIVE[self.question]
        labelled = sum(count for (expect, _), count in self.counts.items() if expect in positive)
        return sum(self.counts.get((state, state), 0) for state in positive) / labelled if labelled else 1.0

    @property
    def unread(self) -> float:
        """The share, 0 to 1, of texts that do hold a statement and were read as telling none (``UNREAD``)."""
        unread = UNREAD[self.question]
        telling = [(read, count) for (expect, read), count in self.counts.items() if expect != unread]
        total = sum(count for _, count in telling)
        return sum(count for read, count in telling if read == unread) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A text that was not read as labelled."""

    id: str
    question: str
    expect: str
    read: str


@dataclass(frozen=True, slots=True)
class ReadingReport:
    """The matrices of each set, and the failures of the development sets."""

    sets: Mapping[str, tuple[Matrix, ...]]
    failures: tuple[Failure, ...]

    def text(self) -> str:
        """A table for the terminal."""
        parts = [format_matrix(name, matrix) for name, matrices in self.sets.items() for matrix in matrices]
        if self.failures:
            lines = (f"  {each.id}: labelled {each.expect}, read {each.read}" for each in self.failures)
            parts.append("\n".join([f"Not read as labelled ({', '.join(DEVELOPMENT)}):", *lines]))
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "sets": {name: [_matrix_json(matrix) for matrix in matrices] for name, matrices in self.sets.items()},
            "failures": [
                {"id": each.id, "question": each.question, "expect": each.expect, "read": each.read}
                for each in self.failures
            ],
        }


def read_set(path: Path) -> tuple[LabelledText, ...]:
    """The labelled texts of one file; ContentError with file and line on a slip (the text itself is never shown)."""
    node = read_yaml(path)
    if not isinstance(node, list):
        raise ContentError(str(path), "must be a list of labelled texts")
    out: list[LabelledText] = []
    seen: set[str] = set()
    for number, entry in enumerate(node):
        where = f"{path}:{line_of(node, number)}"
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in _KEYS):
            raise ContentError(where, f"each text needs {', '.join(_KEYS)} as strings")
        if entry["question"] not in _READERS:
            raise ContentError(where, f"the question must be one of {', '.join(sorted(_READERS))}")
        if entry["id"] in seen:
            raise ContentError(where, "this id stands twice")
        seen.add(entry["id"])
        expect = _SAME.get(str(entry["expect"]), str(entry["expect"]))
        out.append(LabelledText(entry["id"], entry["question"], expect, entry["text"]))
    return tuple(out)


_KEYS = ("id", "question", "expect", "text")


def read_all(texts: Sequence[LabelledText], lexicon: Lexicon) -> tuple[tuple[LabelledText, str], ...]:
    """Each text with the state that the reader of its question gives it."""
    out = []
    for each in texts:
        state = _READERS[each.question](each.text, lexicon)
        out.append((each, _SAME.get(state, state)))
    return tuple(out)


def confusion(texts: Sequence[LabelledText], lexicon: Lexicon) -> tuple[Matrix, ...]:
    """One matrix per question that the texts ask."""
    counts: dict[str, dict[tuple[str, str], int]] = {}
    for each, state in read_all(texts, lexicon):
        cells = counts.setdefault(each.question, {})
        cells[each.expect, state] = cells.get((each.expect, state), 0) + 1
    return tuple(Matrix(question, counts[question]) for question in sorted(counts))


def format_matrix(name: str, matrix: Matrix) -> str:
    """A printed table: rows as labelled, columns as read, then the rates."""
    rows = sorted({expect for expect, _ in matrix.counts})
    columns = sorted({read for _, read in matrix.counts})
    width = max(len(row) for row in rows)
    lines = [f"{name}, {matrix.question}: {matrix.right} of {matrix.total} as labelled"]
    lines.append("  " + " " * width + "  " + "  ".join(columns))
    for row in rows:
        cells = (str(matrix.counts.get((row, column), 0)).rjust(len(column)) for column in columns)
        lines.append(f"  {row.ljust(width)}  " + "  ".join(cells))
    positive = " or ".join(POSITIVE[matrix.question])
    denied = DENIED.get(matrix.question)
    contrary = f" {positive} read as {denied}: {matrix.wrongly_denied};" if denied else ""
    lines.append(
        f"  wrongly {positive}: {matrix.wrongly_positive};{contrary} {positive} recall: {matrix.recall:.1%};"
        f" {UNREAD[matrix.question]} though telling: {matrix.unread:.1%}"
    )
    return "\n".join(lines)


def report(directory: Path, lexicon: Lexicon) -> ReadingReport:
    """Measure every set in ``directory`` (its ``*.yaml`` files, named after the set)."""
    sets: dict[str, tuple[Matrix, ...]] = {}
    failures: list[Failure] = []
    for path in sorted(directory.glob("*.yaml")):
        texts = read_set(path)
        sets[path.stem] = confusion(texts, lexicon)
        if path.stem in DEVELOPMENT:
            failures += [
                Failure(each.id, each.question, each.expect, state)
                for each, state in read_all(texts, lexicon)
                if state != each.expect
            ]
    if not sets:
        raise ContentError(str(directory), "holds no labelled texts (*.yaml): name a folder such as fixtures/reading")
    return ReadingReport(sets, tuple(failures))


def _matrix_json(matrix: Matrix) -> dict[str, Any]:
    return {
        "question": matrix.question,
        "total": matrix.total,
        "right": matrix.right,
        "wrongly_positive": matrix.wrongly_positive,
        "wrongly_denied": matrix.wrongly_denied,
        "recall": matrix.recall,
        "uninterpretable": matrix.unread,
        "counts": [
            {"expect": expect, "read": read, "count": count} for (expect, read), count in sorted(matrix.counts.items())
        ],
    }
