"""F17 performance_status."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds_service.facts.case import Case
from cds_service.facts.fact import CONFLICT, UNINTERPRETABLE, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.measurements import (
    Finding,
    conclude,
    early_verdict,
    latest,
    line_of,
    nothing_recent,
    read_quantity,
)
from cds_service.facts.registry import fact
from cds_service.facts.reports import report_date
from cds_service.facts.searches import unfinished
from cds_service.facts.vocabulary import Vocabulary, concepts_of, vocabulary_of
from cds_service.fhir.shapes import Concept, as_text, read_number
from cds_service.fhir.source import Resource

_SEARCHES = ("observations",)
_SCALES = ("status.ecog", "status.karnofsky")
_GRADES = (
    "status.ecog_0",
    "status.ecog_1",
    "status.ecog_2",
    "status.ecog_3",
    "status.ecog_4",
    "status.ecog_5",
)
_WORST = 3
# The first number of a text, if nothing compares it, it is no range, and no other number but a percentage follows.
_STATED = re.compile(r"[^0-9<>\u2264\u2265~]*([0-9]{1,3})(?![0-9]|[.,][0-9])(?:[^0-9]|[0-9]+ ?%)*")
_DIGIT = re.compile(r"[0-9]")
_LETTERS = re.compile(r"[^\W\d_]+")
# Any other word before the number may deny it, bound it or put it in the past ("not 1", "at least 2", "was 0").
_LEADING = frozenset(
    (
        *("ecog", "eastern", "cooperative", "oncology", "group", "who", "world", "health", "organization"),
        *("organisation", "zubrod", "karnofsky", "kps", "ps", "performance", "status", "scale", "index", "grade"),
        *("graded", "score", "scored", "level", "value", "result", "current", "currently", "today", "assessed", "as"),
        *("is", "of", "the", "patient", "patients", "pt", "s"),
    )
)
# Not "unable" or "not" alone: the scales describe their grades with both ("unable to carry out any work").
_UNSURE = re.compile(
    r"\?|\A\+|\b(?:was|were|been|previous|previously|prior|former|formerly|earlier|last|ago|before|baseline|since|now"
    r"|declin\w*|wors\w*|deteriorat\w*|drop\w*|disagree\w*|disput\w*|doubt\w*|confirm\w*|probabl[ey]|possibl[ey]"
    r"|patient reported|jan|january|feb|february|mar|march|april|may|june|july|aug|august|sept?|september|oct|october"
    r"|nov|november|dec|december|apr|jun|jul|(?:not|un\w+ to) (?:be )?(?:assess|applicable|known|done|document|record"
    r"|valid|current|determin|evaluat|score|grade|rate|obtain|accurate|reliable|certain|sure|available|yet)\w*)\b",
    re.IGNORECASE,
)
_SHOWN = 60


@fact(
    "performance_status",
    source="F17",
    states=(
        "yes:ecog-0",
        "yes:ecog-1",
        "yes:ecog-2",
        "yes:ecog-3-or-more",
        "unknown:not-found",
        "unknown:not-searched",
        "unknown:uninterpretable",
        "unknown:stale",
        "unknown:conflict",
    ),
    searches=_SEARCHES,
)
def performance_status(case: Case) -> Fact:
    """The latest ECOG grade, or Karnofsky score read as one; absent is unknown, never fit.

    ``number`` is the grade, 3 for three and more. Of one day, coded scales count before those known by name only.
    """
    findings = tuple(_findings(case))
    deciding = latest(findings)
    deciding = tuple(item for item in deciding if item.quality == "coded") or deciding
    grades = {item.verdict for item in deciding}
    missing = unfinished(case, _SEARCHES)
    if not deciding:
        return conclude("performance_status", "unknown", nothing_recent(findings), findings, (), missing)
    if UNINTERPRETABLE in grades or len(grades) > 1:
        reason = CONFLICT if len(grades - {UNINTERPRETABLE}) > 1 else UNINTERPRETABLE
        return conclude("performance_status", "unknown", reason, findings, deciding, missing)
    return conclude("performance_status", "yes", grades.pop(), findings, deciding, missing)


def _findings(case: Case) -> Iterator[Finding]:
    words = vocabulary_of(case)
    window = case.settings.performance_status_window
    for item in with_mark(case, "Observation", _SCALES):
        titles = concepts_of(item, "code")
        codes = words.coded(titles).intersection(_SCALES)
        scales = codes or words.worded(titles).intersection(_SCALES)
        if not scales:
            continue
        when = report_date(item, case)
        score, shown = _score(item, words)
        grade, label = _grade(score, scales)
        verdict, why = early_verdict(item, when, case, window)
        if not verdict and grade is None:
            verdict, why = UNINTERPRETABLE, "no value of this scale could be read"
        quality = "coded" if codes else "name-only"
        if verdict or grade is None:
            yield Finding(verdict, when, line_of(item, when, shown, why), quality=quality)
            continue
        verdict = f"ecog-{grade}" if grade < _WORST else "ecog-3-or-more"
        line = line_of(item, when, shown, "" if codes else "recognised by its name only")
        yield Finding(verdict, when, line, float(min(grade, _WORST)), label, quality)


def _grade(score: float | None, scales: frozenset[str]) -> tuple[int | None, str]:
    """The ECOG grade of a score and its name; None for a score that the scale does not have, or that means death."""
    if score is None or len(scales) > 1 or not score.is_integer():
        return None, ""
    if "status.ecog" in scales:
        return (int(score), f"ECOG {score:g}") if 0 <= score < len(_GRADES) - 1 else (None, "")
    if score not in range(10, 101, 10):
        return None, ""
    # Karnofsky (pathway F17): 90-100 is ECOG 0, 70-80 is 1, 50-60 is 2, and what lies below is 3 or more.
    grade = next((grade for grade, lowest in enumerate((90, 70, 50)) if score >= lowest), _WORST)
    return grade, f"Karnofsky {score:g}"


def _score(item: Resource, words: Vocabulary) -> tuple[float | None, str]:
    """The number of a score, whichever way it is written, and what to show of it; the ECOG answers also by code."""
    if "valueQuantity" in item:
        quantity = read_quantity(item["valueQuantity"])
        return (None if quantity.comparator else quantity.value), quantity.text
    if "valueInteger" in item:
        number = read_number(item["valueInteger"])
        return number, "" if number is None else f"{number:g}"
    if "valueString" in item:
        text = as_text(item["valueString"])
        return _stated((text,)), text[:_SHOWN]
    # mCODE repeats the grade as an interpretation; without a value it is all there is.
    answers = concepts_of(item, "valueCodeableConcept") or concepts_of(item, "interpretation")
    codes = words.coded(answers)
    graded = [float(grade) for grade, name in enumerate(_GRADES) if name in codes]
    shown = next((answer.label for answer in answers if answer.label), "")
    if graded:
        return (graded[0] if len(graded) == 1 else None), shown
    return _stated(_names(answers)), shown


def _names(answers: tuple[Concept, ...]) -> tuple[str, ...]:
    return tuple(name for answer in answers for name in answer.names)


def _stated(texts: tuple[str, ...]) -> float | None:
    """The number that the texts state, None if they hold none, differ, or one holds digits of another kind."""
    numbers = {_grade_in(text) for text in texts if _DIGIT.search(text)}
    return numbers.pop() if len(numbers) == 1 else None


def _grade_in(text: str) -> float | None:
    """The number that a text gives as the score of today, None if its other words put that in doubt."""
    found = _STATED.fullmatch(text)
    if found is None or not _LEADING.issuperset(_LETTERS.findall(text[: found.start(1)].lower())):
        return None
    is_unsure = "?" in text[: found.start(1)] or _UNSURE.search(text[found.end(1) :])
    return None if is_unsure else float(found[1])
