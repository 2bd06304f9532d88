"""Report: the rows of one replay, as a table with the differences, as JSON and as JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from cds_service.pathway.content import Content
from cds_service.replay.in_process import run_in_process
from cds_service.replay.result import Difference, Result, compare, updated, write_results
from cds_service.replay.stored import StoredCall

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Row:
    """One replayed call: what it came to, and what of it is not as expected."""

    call: StoredCall
    observed: Result
    differences: tuple[Difference, ...]

    @property
    def answer(self) -> str:
        """The observed result in a few words."""
        if self.observed.error:
            return f"refused with {self.observed.error}"
        shown = [f"{card.indicator} {card.variant or card.topic}" for card in self.observed.cards]
        return "; ".join(shown) or f"silent: {', '.join(dict.fromkeys(self.observed.silence.values())) or 'no cards'}"


@dataclass(frozen=True, slots=True)
class Report:
    """All rows of one replay. ``target`` says what was called, ``left_out`` names calls that it cannot be asked."""

    target: str
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows that differ from what is stored."""
        return tuple(row for row in self.rows if row.differences)

    def as_text(self) -> str:
        """A table of all calls, then every difference, then the count."""
        wide = max((len(row.call.name) for row in self.rows), default=0)
        lines = [
            f"{'DIFFERS' if row.differences else 'ok':8}{row.call.name:{wide}}  {row.call.hook:13} {row.answer}"
            for row in self.rows
        ]
        for row in self.failed:
            lines += ["", row.call.title, *(line for found in row.differences for line in _lines(found))]
        lines += [f"left out {title}: its site has other settings" for title in self.left_out]
        lines += ["", f"{len(self.rows)} calls to {self.target}, {len(self.failed)} differ from what is stored"]
        return printable("\n".join(lines))

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "target": self.target,
            "calls": len(self.rows),
            "differing": len(self.failed),
            "left_out": list(self.left_out),
            "rows": [
                {
                    "name": row.call.name,
                    "hook": row.call.hook,
                    "answer": row.answer,
                    "differences": [
                        {"what": found.what, "expected": found.expected, "observed": found.observed}
                        for found in row.differences
                    ],
                }
                for row in self.rows
            ],
        }

    def as_junit(self) -> str:
        """A JUnit test suite with one test case per call."""
        suite = ElementTree.Element(
            "testsuite", name="cds-service replay", tests=str(len(self.rows)), failures=str(len(self.failed))
        )
        for row in self.rows:
            case = ElementTree.SubElement(suite, "testcase", classname=row.call.name, name=row.call.hook)
            if row.differences:
                text = printable("\n".join(line for found in row.differences for line in _lines(found)))
                failure = ElementTree.SubElement(case, "failure", message=f"{len(row.differences)} values differ")
                failure.text = text
        ElementTree.indent(suite)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def replay_in_process(calls: Iterable[StoredCall], content: Content) -> Report:
    """Every call through the core of this process, each at its own stored time."""
    rows = []
    for call in calls:
        observed = run_in_process(call.body(content.prefetch), call.hook, call.content(content), call.now)
        rows.append(Row(call, observed, compare(call.expected, observed)))
    return Report("this installation", tuple(rows))


def rewrite_expectations(report: Report) -> tuple[str, ...]:
    """Store what was observed in place of what was expected, in every file with a difference; their paths.

    For a deliberate change of content: read the difference first, the files are the proof of what is wanted.
    """
    changed = dict.fromkeys(row.call.expected_path for row in report.failed)
    for path in changed:
        rows = [row for row in report.rows if row.call.expected_path == path]
        results = {row.call.hook: updated(row.call.expected, row.observed) for row in rows}
        now = rows[0].call.now.isoformat().replace("+00:00", "Z") if rows[0].call.recorded is not None else ""
        path.write_text(write_results(results, now), encoding="utf-8")
    return tuple(map(str, changed))


def printable(text: str) -> str:
    """Text for a terminal: control characters that a record may hold are shown, not sent. Newlines are ours."""
    return "\n".join(_CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", line) for line in text.split("\n"))


def _lines(found: Difference) -> tuple[str, ...]:
    return (f"  {found.what}", f"    - {found.expected or '(nothing)'}", f"    + {found.observed or '(nothing)'}")
