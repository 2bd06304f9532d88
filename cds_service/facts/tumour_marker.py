"""F15 ca19_9_markedly_elevated, and what it must be read beside: bilirubin and cholangitis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from cds_service.facts.case import Case, once
from cds_service.facts.fact import INDETERMINATE, NOT_SEARCHED, STALE, UNINTERPRETABLE, Evidence, Fact, Value
from cds_service.facts.marks import with_mark
from cds_service.facts.measurements import (
    ASIDE,
    Finding,
    Quantity,
    conclude,
    early_verdict,
    exceeds,
    latest,
    line_of,
    nothing_recent,
    read_quantity,
    result_of,
)
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date
from cds_service.facts.searches import unfinished
from cds_service.facts.vocabulary import concepts_of, vocabulary_of
from cds_service.fhir.shapes import When, as_list, as_object
from cds_service.fhir.source import Resource

_CA19_9 = "lab.ca19_9"
_ELSEWHERE = "lab.ca19_9_not_in_blood"
_BILIRUBIN = "lab.bilirubin"
_CA_SEARCHES = ("observations", "conditions")
_BILIRUBIN_SEARCHES = ("observations",)
# Arbitrary units: the same number under each of these names. Not U/L, which is a thousandth.
_PER_ML: Mapping[str, float] = MappingProxyType(
    dict.fromkeys(("u/ml", "[arb'u]/ml", "[iu]/ml", "iu/ml", "units/ml", "ku/l", "k[arb'u]/l", "k[iu]/l", "kiu/l"), 1.0)
)
# To umol/L; 1 mg/dL of bilirubin is 17.1 umol/L.
_MICROMOLAR: Mapping[str, float] = MappingProxyType({"umol/l": 1.0, "micromol/l": 1.0, "mg/dl": 17.1})
_NO_UNIT = "no number in a unit that is read"


@dataclass(frozen=True, slots=True)
class _Bilirubin:
    """One total bilirubin in umol/L with its own upper limit; None what cannot be read. ``why`` it does not count."""

    when: When | None
    value: Quantity | None
    upper: float | None
    verdict: str
    line: Evidence


@fact(
    "ca19_9_markedly_elevated",
    source="F15",
    states=(
        "yes",
        "no",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
        "unknown:indeterminate",
        "unknown:stale",
    ),
    searches=_CA_SEARCHES,
    asks=("cholangitis_recorded", "emergency_context"),
)
def ca19_9_markedly_elevated(case: Case) -> Fact:
    """The latest CA 19-9 is above the limit, and neither bilirubin nor cholangitis explains that. ``number`` in U/mL.

    ``indeterminate``: between the limits, not above detection (no Lewis antigen), or high where bilirubin is raised or
    not known, or with cholangitis; and two results of one day that disagree.
    """
    findings = tuple(_markers(case))
    deciding = latest(item for item in findings if item.quality == "coded") or latest(findings)
    missing = unfinished(case, _CA_SEARCHES)
    verdicts = {item.verdict for item in deciding}
    value: Value = "unknown"
    reason = INDETERMINATE
    more: tuple[Evidence, ...] = ()
    if not deciding:
        reason = nothing_recent(findings)
    elif verdicts == {UNINTERPRETABLE}:
        reason = UNINTERPRETABLE
    elif verdicts == {"low"}:
        value, reason = "no", ""
    elif verdicts == {"high"}:
        explained, more = _explanation(case, deciding[0])
        if not explained:
            value, reason = "yes", ""
        elif explained == "unknown" and any(search.key == "observations" for search in missing):
            reason = NOT_SEARCHED
    return conclude("ca19_9_markedly_elevated", value, reason, findings, deciding, missing, more=more)


def _markers(case: Case) -> Iterator[Finding]:
    words = vocabulary_of(case)
    for item in with_mark(case, "Observation", (_CA19_9, _ELSEWHERE)):
        titles = concepts_of(item, "code")
        codes = words.coded(titles)
        is_coded = _CA19_9 in codes
        if not is_coded and _ELSEWHERE not in codes and _CA19_9 not in words.worded(titles):
            continue
        when = report_date(item, case)
        result = result_of(item)
        verdict, why = early_verdict(item, when, case, case.settings.ca19_9_window)
        if not is_coded and _ELSEWHERE in codes:
            verdict, why = ASIDE, "not measured in serum or plasma, or presence only"
        elif not verdict and not is_coded:
            verdict, why = UNINTERPRETABLE, "recognised by its name only, so that the specimen is not known"
        elif not verdict:
            verdict, why = _level(result.scaled(_PER_ML), case)
        number = result.value if verdict in {"low", "high", INDETERMINATE} else None
        label = "" if number is None else f"{result.comparator}{number:g} U/mL"
        line = line_of(item, when, result.text, why)
        yield Finding(verdict, when, line, number, label, "coded" if is_coded else "name-only")


def _level(result: Quantity | None, case: Case) -> tuple[str, str]:
    """The verdict on a value in U/mL; an upper bound does not prove that anything was detected."""
    settings = case.settings
    if result is None or result.below(0):
        return UNINTERPRETABLE, _NO_UNIT
    if result.above(settings.ca19_9_high):
        return "high", ""
    if result.above(settings.ca19_9_low) is not False:
        return INDETERMINATE, f"neither above {settings.ca19_9_high} nor at most {settings.ca19_9_low}"
    if result.below(settings.ca19_9_detectable) is False:
        return "low", ""
    return INDETERMINATE, "perhaps below detection, which without the Lewis antigen tells nothing"


def _explanation(case: Case, marker: Finding) -> tuple[str, tuple[Evidence, ...]]:
    """Whether jaundice or cholangitis may explain a high value ("" if not, "unknown" without bilirubin); the lines.

    A cholangitis counts that is recorded, or that the order or the encounter of today names as its reason (F20).
    """
    cholangitis, emergency = case.fact("cholangitis_recorded"), case.fact("emergency_context")
    is_reason = "cholangitis" in emergency.label.split(", ")
    multiple = case.settings.bilirubin_multiple
    lines: list[Evidence] = [line for line in cholangitis.evidence if line.counted]
    lines += [line for line in emergency.evidence if is_reason and line.counted]
    raised: set[bool | None] = set()
    for item in bilirubins(case):
        if item.verdict or not _are_near(item.when, marker.when, case.settings.bilirubin_reach):
            continue
        above = None if item.value is None or item.upper is None else item.value.above(multiple * item.upper)
        raised.add(above)
        why = "cannot be compared with its upper limit" if above is None else ""
        why = f"more than {multiple} times its upper limit" if above else why
        lines.append(item.line._replace(counted=above is not None, why=why or item.line.why))
    if cholangitis.value == "yes" or is_reason or True in raised:
        return "yes", tuple(lines)
    return "" if False in raised else "unknown", tuple(lines)


def _are_near(one: When | None, other: When | None, days: int) -> bool:
    """Whether two dates certainly lie within so many days of each other."""
    if one is None or other is None:
        return False
    apart = max(one.last.date() - other.first.date(), other.last.date() - one.first.date())
    return apart.days <= days


@fact(
    "bilirubin_raised",
    source="F15",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched", "unknown:uninterpretable", "unknown:stale"),
    searches=_BILIRUBIN_SEARCHES,
)
def bilirubin_raised(case: Case) -> Fact:
    """The latest total bilirubin is above its upper limit of normal. ``number`` in umol/L.

    Any raised value of the last day counts: the fact only adds a caution.
    """
    return exceeds("bilirubin_raised", tuple(_levels(case)), "raised", "normal", unfinished(case, _BILIRUBIN_SEARCHES))


def _levels(case: Case) -> Iterator[Finding]:
    window = case.settings.ca19_9_window
    for item in bilirubins(case):
        verdict, why, number = item.verdict, item.line.why, None
        if verdict != ASIDE and (item.when is None or item.when.is_older_than(window, case.now)):
            verdict, why = STALE, f"older than {window} days" if item.when else "undated"
        elif not verdict:
            if item.value is None or item.upper is None or (above := item.value.above(item.upper)) is None:
                verdict, why = UNINTERPRETABLE, why or "cannot be compared with its upper limit"
            else:
                verdict, number = ("raised" if above else "normal"), item.value.value
        label = "" if number is None else f"{number:g} umol/L"
        yield Finding(verdict, item.when, item.line._replace(why=why), number, label)


@once
def bilirubins(case: Case) -> tuple[_Bilirubin, ...]:
    """Every total bilirubin by code, each with the upper limit that its own range or the settings state."""
    words = vocabulary_of(case)
    found: list[_Bilirubin] = []
    for item in with_mark(case, "Observation", (_BILIRUBIN,)):
        if _BILIRUBIN not in words.coded(concepts_of(item, "code")):
            continue
        when, result = report_date(item, case), result_of(item)
        verdict, why = early_verdict(item, when, case)
        value = result.scaled(_MICROMOLAR)
        value = None if value is None or value.below(0) else value
        why = why or ("" if value else _NO_UNIT)
        found.append(
            _Bilirubin(when, value, _upper(item, result.unit, case), verdict, line_of(item, when, result.text, why))
        )
    return tuple(found)


def _upper(item: Resource, unit: str, case: Case) -> float | None:
    """The upper limit in umol/L: of the result's own normal range, else of the settings; None if unclear or not stated.

    A limit without unit is in that of the result.
    """
    limits: set[float] = set()
    for node in map(as_object, as_list(item.get("referenceRange"))):
        kinds = {coding.code for concept in concepts_of(node, "type") for coding in concept.codings}
        high = read_quantity(node.get("high"))
        limit = replace(high, unit=high.unit or unit).scaled(_MICROMOLAR)
        if limit is not None and limit.above(0) and kinds <= {"normal"}:
            limits.add(limit.value or 0.0)
    if limits:
        return limits.pop() if len(limits) == 1 else None
    return case.settings.bilirubin_upper_limit or None
