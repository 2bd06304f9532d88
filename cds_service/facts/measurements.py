"""Measured quantities of Observations: number, comparator and unit, and which of several results decides.

Shared by the facts on laboratory values (F13, F15), sizes (F16) and scores (F17). Units are compared as UCUM codes
or, where a client sends none, as the usual spelling; nothing is assumed about a result without a unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from cds_service.facts.case import Case
from cds_service.facts.fact import CONFLICT, NOT_FOUND, NOT_SEARCHED, STALE, UNINTERPRETABLE, Evidence, Fact, Value
from cds_service.facts.reports import report_status
from cds_service.facts.searches import evidence_of, gaps_of
from cds_service.facts.vocabulary import concepts_of, label_of
from cds_service.fhir.shapes import When, as_object, as_text, read_number, type_and_id
from cds_service.fhir.source import Resource
from cds_service.record import Search

ASIDE = "aside"
"""The verdict on a result that does not count at all."""
_UCUM = "http://unitsofmeasure.org"
_MICRO = str.maketrans({"\u00b5": "u", "\u03bc": "u"})
# Three digits behind a stop may be thousands in some countries: such a text is not read.
_AS_TEXT = re.compile(r"(<=?|>=?|\u2264|\u2265)?\s*([0-9]{1,9}(?:\.[0-9]{1,2})?)\s*([^\s0-9.,<>=-].*)")
_SIGNS = MappingProxyType({"\u2264": "<=", "\u2265": ">="})
_UNREADABLE = "?"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as a result states it.

    ``value`` is None if there is none; ``comparator`` one of R4's ("" for an exact value), ``unit`` in lower case
    without blanks ("" if not stated), ``text`` the whole as sent.
    """

    value: float | None
    comparator: str = ""
    unit: str = ""
    text: str = ""

    def scaled(self, units: Mapping[str, float]) -> Quantity | None:
        """The quantity times the factor of its unit; None without a number or for a unit that is not listed."""
        factor = units.get(self.unit)
        return None if factor is None or self.value is None else replace(self, value=self.value * factor)

    def above(self, limit: float) -> bool | None:
        """Whether it lies above the limit; None if the number, or its bound, does not settle that."""
        if self.value is None:
            return None
        over, reached = self.value > limit, self.value >= limit
        known = {"": over, ">": reached or None, ">=": over or None, "<": over and None, "<=": over and None}
        return known.get(self.comparator)

    def below(self, limit: float) -> bool | None:
        """Whether it lies below the limit; None if the number, or its bound, does not settle that."""
        if self.value is None:
            return None
        under, within = self.value < limit, self.value <= limit
        known = {"": under, "<": within or None, "<=": under or None, ">": under and None, ">=": under and None}
        return known.get(self.comparator)


@dataclass(frozen=True, slots=True)
class Finding:
    """One result as a fact reads it: ``verdict`` in the fact's words, ``stale``, or ``aside`` if it does not count."""

    verdict: str
    when: When | None
    line: Evidence
    number: float | None = None
    label: str = ""
    quality: str = "coded"

    @property
    def day(self) -> str:
        """The day to order by; undated ranks oldest."""
        return self.when.last.date().isoformat() if self.when else ""


def read_quantity(value: Any) -> Quantity:
    """A FHIR Quantity; the UCUM code tells the unit, where there is one, and else the unit's text."""
    node = as_object(value)
    is_ucum = as_text(node.get("system")) in {_UCUM, ""}
    name = as_text(node.get("unit"))
    unit = (as_text(node.get("code")) if is_ucum else "") or name
    sign = node.get("comparator")
    comparator = as_text(sign) if isinstance(sign, str) or sign is None else _UNREADABLE
    text = f"{comparator}{node.get('value', '')} {name or unit}".strip()
    return Quantity(read_number(node.get("value")), comparator, _plain(unit), text[:_SHOWN])


def result_of(item: Resource) -> Quantity:
    """The result of an Observation: its Quantity, or a text that holds a number and a unit (">1000 U/mL")."""
    if "valueQuantity" in item:
        return read_quantity(item["valueQuantity"])
    text = as_text(item.get("valueString"))
    found = _AS_TEXT.fullmatch(text)
    if found is None:
        return Quantity(None, text=text[:_SHOWN])
    sign = found[1] or ""
    return Quantity(float(found[2]), _SIGNS.get(sign, sign), _plain(found[3]), text[:_SHOWN])


def _plain(unit: str) -> str:
    return "".join(unit.split()).translate(_MICRO).lower()


def early_verdict(item: Resource, when: When | None, case: Case, window: int | None = None) -> tuple[str, str]:
    """The verdict on a result that need not be read, and why; both "" if it must be (pathway part 4, rules 1 and 2)."""
    status = report_status(item)
    if when is not None and when.is_future(case.now):
        return ASIDE, "dated in the future"
    if status in {"void", "pending"}:
        return ASIDE, "not final or withdrawn"
    if window is not None and (when is None or when.is_older_than(window, case.now)):
        return STALE, f"older than {window} days" if when else "undated"
    return (UNINTERPRETABLE, "its status does not say that it is final") if status == "unknown" else ("", "")


def line_of(item: Resource, when: When | None, shown: str, why: str = "") -> Evidence:
    """The evidence line of a result: its name and what it shows; whether it counts is known later."""
    text = f"{label_of(concepts_of(item, 'code'))} {shown}".strip()
    date = when.text if when else ""
    return Evidence(type_and_id(item), text, date, as_text(item.get("status")), counted=False, why=why)


def latest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of the last day on which any counts."""
    counted = [item for item in findings if item.verdict not in {ASIDE, STALE}]
    last = max((item.day for item in counted), default="")
    return tuple(item for item in counted if item.day == last)


def nothing_recent(findings: Iterable[Finding]) -> str:
    """The reason of a fact for which no result counts: an old one is there, or none."""
    return STALE if any(item.verdict == STALE for item in findings) else NOT_FOUND


def exceeds(name: str, findings: tuple[Finding, ...], verdict: str, other: str, missing: tuple[Search, ...]) -> Fact:
    """The fact that some result of the last day has ``verdict`` (yes), or that all have ``other`` (no)."""
    deciding = latest(findings)
    verdicts = {item.verdict for item in deciding}
    value: Value = "unknown"
    reason = UNINTERPRETABLE if deciding else nothing_recent(findings)
    if verdict in verdicts:
        value, reason = "yes", ""
        deciding = tuple(item for item in deciding if item.verdict == verdict)
    elif verdicts == {other}:
        value, reason = "no", ""
    return conclude(name, value, reason, findings, deciding, missing)


def _weight(item: Finding) -> tuple[float, str, str]:
    """The highest result first; of equals the latest, and of one day the order says nothing."""
    return (-1 if item.number is None else item.number, item.line.date, item.line.reference)


def conclude(
    name: str,
    value: Value,
    reason: str,
    findings: tuple[Finding, ...],
    deciding: tuple[Finding, ...],
    missing: tuple[Search, ...],
    *,
    more: tuple[Evidence, ...] = (),
) -> Fact:
    """The fact that follows from its results: an absence with a search unfinished is no absence (the uniform rule).

    Number, label and date are those of the highest deciding result; ``more`` are evidence lines of other facts.
    """
    if missing and (value == "no" or reason in {NOT_FOUND, STALE}):
        value, reason, deciding = "unknown", NOT_SEARCHED, ()
    lines = tuple(item.line._replace(counted=item in deciding) for item in findings)
    # Results in conflict, or beside one that cannot be read, have no number of their own.
    first = max(deciding, key=_weight, default=None)
    shown = None if reason in {CONFLICT, UNINTERPRETABLE} else first
    old = max((item.line.date for item in findings if item.verdict == STALE), default="") if reason == STALE else ""
    return Fact(
        name,
        value,
        reason,
        (*lines, *more, *evidence_of(missing)),
        as_of=first.line.date if first else old,
        label=shown.label if shown else "",
        number=shown.number if shown else None,
        quality=first.quality if first else "",
        gaps=gaps_of(missing),
    )
