"""What the patient has: F1 pancreatic_cancer, F2 excluded_histology, F14 other_primary_history, and age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Literal

from cds_service.facts.case import Case
from cds_service.facts.fact import NOT_FOUND, NOT_SEARCHED, UNINTERPRETABLE, Evidence, Fact
from cds_service.facts.other_cancers import is_likely_source, recorded_cancer, sampled_cancer, unknown_codes
from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.problems import Problem, problems_of
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.spread import says_liver_metastasis
from cds_service.facts.timeline import first_pancreatic_evidence
from cds_service.facts.vocabulary import concepts_of, label_of, vocabulary_of
from cds_service.fhir.shapes import Concept, When, as_list, as_object, as_text, read_when, type_and_id

_PRIMARY = "cond.pancreas_primary"
_MASS = "cond.pancreas_lesion_indeterminate"
_FROM_PANCREAS = "cond.metastasis_from_pancreas"
_LIVER = "cond.liver_metastasis"
_SPREAD = (
    _LIVER,
    "cond.metastasis_any_site",
    _FROM_PANCREAS,
    "cond.other_metastasis",
    "cond.peritoneal_metastasis",
)
_MASSES = (_MASS, "cond.liver_lesion_indeterminate")
_PATHOLOGY_SEARCHES = ("conditions", "reports", "documents", "observations", "specimens")


@dataclass(frozen=True, slots=True)
class _Sign:
    """One item that points to the pancreas: how far ("confirmed", "suspected", "" if not), and its line."""

    level: Literal["confirmed", "suspected", ""]
    when: When | None
    line: Evidence
    label: str
    quality: str = "coded"


@fact(
    "pancreatic_cancer",
    source="F1",
    states=("yes:confirmed", "yes:suspected", "no", "unknown:not-searched"),
    searches=("conditions",),
)
def pancreatic_cancer(case: Case) -> Fact:
    """Cancer of the pancreas, exocrine or not specified, confirmed or suspected, from the Conditions and the order.

    ``as_of`` is the earliest date among the items that it rests on.
    """
    problems = problems_of(case)
    spread = any(not item.void and item.is_current and says_liver_metastasis(item) for item in problems)
    signs = [sign for item in problems if (sign := _sign(item, spread, case)) is not None]
    signs += _order_reasons(case)
    missing = unfinished(case, ("conditions",))
    lines = tuple(sign.line for sign in signs) + evidence_of(missing)
    counted = [sign for sign in signs if sign.level]
    if not counted:
        if missing:
            return Fact("pancreatic_cancer", "unknown", NOT_SEARCHED, lines, gaps=gaps_of(missing))
        return Fact("pancreatic_cancer", "no", evidence=lines)
    best = [sign for sign in counted if sign.level == "confirmed"] or counted
    oldest = min(best, key=lambda sign: (sign.when is None, sign.line.date, sign.line.reference))
    first = min((sign.when for sign in counted if sign.when), key=lambda when: when.first, default=None)
    return Fact(
        "pancreatic_cancer",
        "yes",
        oldest.level,
        lines,
        as_of=first.text if first else "",
        label=oldest.label,
        quality=oldest.quality,
        gaps=gaps_of(missing),
    )


def _sign(problem: Problem, spread: bool, case: Case) -> _Sign | None:
    """What a Condition says about the pancreas; None if it says nothing."""
    label = label_of(problem.concepts)
    by_name = _PRIMARY in problem.named and problem.coded_only_as(*_SPREAD, *_MASSES)
    if _PRIMARY in problem.coded or ("site.pancreas" in problem.sites and _has_malignant_morphology(problem, case)):
        level, quality = "suspected" if problem.is_doubtful else "confirmed", "coded"
        why = "diagnosis not yet confirmed" if problem.is_doubtful else ""
    elif "cond.history_pancreas_primary" in problem.coded:
        level, quality, why = "past", "coded", ""
    elif by_name:
        level, quality, why = "suspected", "name-only", "recognised by its name only"
    elif _FROM_PANCREAS in problem.coded:
        level, quality, why = "suspected", "coded", "a metastasis from the pancreas, the primary is not recorded"
    elif _MASS in problem.coded and _names_pancreatic_mass(problem, case):
        level, quality, why = "suspected", "coded", "a pancreatic mass"
    elif "cond.pancreas_neuroendocrine" in problem.coded:
        return _Sign("", problem.when, problem.line(False, "a neuroendocrine neoplasm"), label)
    else:
        return None
    if problem.void:
        return _Sign("", problem.when, problem.line(False, problem.void), label)
    if level == "past" or not problem.is_current:
        if not spread:
            return _Sign("", problem.when, problem.line(False, "past disease"), label)
        why = "past disease, and a liver metastasis is recorded"
        return _Sign("suspected", problem.when, problem.line(True, why), label, quality)
    return _Sign(
        "confirmed" if level == "confirmed" else "suspected", problem.when, problem.line(True, why), label, quality
    )


def _has_malignant_morphology(problem: Problem, case: Case) -> bool:
    """Whether the code or the mCODE histology extension states a malignant morphology."""
    found = [concept for item in as_list(problem.resource.get("extension")) for concept in _morphology(item)]
    return "path.morphology" in problem.coded | vocabulary_of(case).coded(found)


def _morphology(extension: object) -> tuple[Concept, ...]:
    node = as_object(extension)
    url = as_text(node.get("url"))
    return concepts_of(node, "valueCodeableConcept") if url.endswith("histology-morphology-behavior") else ()


def _names_pancreatic_mass(problem: Problem, case: Case) -> bool:
    """Whether the words of a code that other organs share, or our own name of it, tell of a pancreatic mass."""
    codings = (coding for concept in problem.concepts for coding in concept.codings)
    ours = (case.terms.display(coding.system, coding.code) for coding in codings)
    return _MASS in problem.named | vocabulary_of(case).named(ours)


def _order_reasons(case: Case) -> list[_Sign]:
    """Reasons of our orders that name the cancer; a reason that is a Condition of the record stands there already."""
    words = vocabulary_of(case)
    out: list[_Sign] = []
    for order in case.orders.selected:
        if not order.kinds:
            continue
        reasons = list(concepts_of(order.resource, "reasonCode"))
        for item in as_list(order.resource.get("reasonReference")):
            reference = as_text(as_object(item).get("reference"))
            if not reference or reference.startswith("#") or case.record.resolve(reference) is None:
                reasons.extend(words.follow(item, order.resource, "code"))
        for reason in reasons:
            is_coded = _PRIMARY in words.coded((reason,))
            if is_coded or _PRIMARY in words.worded((reason,)):
                status = as_text(order.resource.get("status"))
                why = "named as the reason of the order"
                line = Evidence(order.reference, reason.label, status=status, counted=True, why=why)
                out.append(_Sign("suspected", None, line, reason.label, "coded" if is_coded else "name-only"))
    return out


_HISTOLOGIES = frozenset({"cond.pancreas_neuroendocrine", "cond.excluded_histology", "cond.pancreas_secondary"})
_NEAR_SITES = frozenset({"liver", "node", "peritoneum", "biliary", ""})


@fact(
    "excluded_histology",
    source="F2",
    states=("yes", "no", "unknown:not-searched", "unknown:uninterpretable"),
    searches=_PATHOLOGY_SEARCHES,
    asks=("pancreatic_cancer",),
)
def excluded_histology(case: Case) -> Fact:
    """A proven histology to which this pathway does not apply: neuroendocrine, lymphoma, a metastasis to the pancreas.

    The latest final pathology of this cancer decides; a recorded diagnosis only where no pathology does.
    ``label`` is the histology.
    """
    findings = [(item, _relevance(item, case)) for item in pathology_findings(case)]
    relevant = [item for item, why in findings if not why]
    firm = [item for item in relevant if item.state in {"confirmed", "excluded-histology"}]
    latest = max((_day(item.date) for item in firm), default=None)
    deciding = [item for item in firm if _day(item.date) == latest]
    diagnoses = [item for item in problems_of(case) if _names_histology(item)]
    unread = [item for item in relevant if item.state in {"unreadable", "uninterpretable", "future"}]
    missing = unfinished(case, _PATHOLOGY_SEARCHES, pathology_suffices=True)
    lines = (
        *(_histology_line(item, why, item in deciding) for item, why in findings),
        *(item.line(not firm and not _why_not(item), _why_not(item)) for item in diagnoses),
        *evidence_of(missing),
    )
    states = {item.state for item in deciding}
    recorded = [item for item in diagnoses if not _why_not(item)]
    if states == {"excluded-histology"} or (not firm and recorded):
        label, when, quality = (
            (deciding[-1].label, deciding[-1].date, deciding[-1].source)
            if deciding
            else (label_of(recorded[0].concepts), recorded[0].when, "coded" if _is_coded(recorded[0]) else "name-only")
        )
        return Fact(
            "excluded_histology",
            "yes",
            evidence=lines,
            as_of=when.text if when else "",
            label=label,
            quality=quality,
            gaps=gaps_of(missing),
        )
    if len(states) > 1 or (unread and not firm):
        dated = max(deciding or unread, key=lambda item: _day(item.date)).date
        return Fact(
            "excluded_histology",
            "unknown",
            UNINTERPRETABLE,
            lines,
            as_of=dated.text if dated else "",
            gaps=gaps_of(missing),
        )
    if missing:
        return Fact("excluded_histology", "unknown", NOT_SEARCHED, lines, gaps=gaps_of(missing))
    return Fact("excluded_histology", "no", evidence=lines)


def _day(when: When | None) -> str:
    """A date to order by; undated ranks oldest."""
    return when.last.date().isoformat() if when else ""


def _relevance(finding: PathologyFinding, case: Case) -> str:
    """Why a pathology finding says nothing about the histology of this cancer, "" if it does."""
    if finding.state in {"void", "pending"}:
        return finding.why
    if finding.molecular or finding.blood:
        return "a molecular report"
    if finding.site == "pancreas":
        return ""
    if finding.site not in _NEAR_SITES or _is_distant_lymphoma(finding, case):
        return "from a site that says nothing about this cancer"
    first = first_pancreatic_evidence(case)
    lead = timedelta(days=case.settings.pancreatic_evidence_lead)
    if first is not None and finding.date is not None and finding.date.last < first.first - lead:
        return "precedes this cancer"
    return ""


def _is_distant_lymphoma(finding: PathologyFinding, case: Case) -> bool:
    """Whether it is a lymphoma in a node far from the pancreas: another disease beside this cancer."""
    words = vocabulary_of(case)
    sample = words.follow(finding.resource.get("specimen"), finding.resource, "type")
    places = (*sample, *concepts_of(finding.resource, "bodySite"), Concept((), finding.quote))
    is_lymphoma = "cancer.lymphoma" in words.named((finding.label, finding.quote))
    return is_lymphoma and finding.site != "liver" and "node.distant" in words.worded(places)


def _histology_line(finding: PathologyFinding, why: str, decides: bool) -> Evidence:
    reasons = {
        "confirmed": "states another histology than those excluded",
        "excluded-histology": f"states {finding.label}",
    }
    return Evidence(
        finding.reference,
        finding.title,
        finding.date.text if finding.date else "",
        finding.status,
        finding.quote,
        counted=decides,
        why=why or reasons.get(finding.state, finding.why or f"read as {finding.state}"),
    )


def _is_coded(problem: Problem) -> bool:
    return not _HISTOLOGIES.isdisjoint(problem.coded)


def _names_histology(problem: Problem) -> bool:
    by_name = "cond.pancreas_neuroendocrine" in problem.named and problem.coded_only_as(_PRIMARY, *_SPREAD, *_MASSES)
    return _is_coded(problem) or by_name


def _why_not(problem: Problem) -> str:
    """Why a recorded histology does not exclude, "" if it does."""
    if problem.void:
        return problem.void
    if problem.is_doubtful:
        return "diagnosis not confirmed"
    return "" if problem.is_current else "past disease"


@fact(
    "other_primary_history",
    source="F14",
    states=("yes:likely-source", "yes:other-site", "no", "unknown:not-searched"),
    searches=_PATHOLOGY_SEARCHES,
)
def other_primary_history(case: Case) -> Fact:
    """A cancer of another organ, now or ever, from the Conditions and from final pathology.

    ``likely-source``: at least one is of kidney, lung, breast, colorectum or ovary, or a melanoma.
    ``label`` lists the cancers, each with its year where that is known.
    """
    words = vocabulary_of(case)
    lines: list[Evidence] = []
    cancers: dict[str, str] = {}
    dates: list[When] = []
    likely = False
    for problem in problems_of(case):
        name = recorded_cancer(problem, words)
        if not name:
            continue
        why = problem.void or ("diagnosis not confirmed" if problem.is_doubtful else "")
        lines.append(problem.line(not why, why))
        if not why:
            _add(cancers, dates, name, problem.when)
            likely = likely or is_likely_source(name, problem.coded)
    for finding in pathology_findings(case):
        name = sampled_cancer(finding, words)
        if name:
            lines.append(_histology_line(finding, f"final pathology of {name}", decides=True))
            _add(cancers, dates, name, finding.date)
            # A malignancy that does not say whose it is, is taken as one of the organ that it was found in.
            found = words.named((finding.title, finding.quote)) if finding.state == "confirmed" else ()
            likely = likely or is_likely_source(name, found)
    lines += unknown_codes(case)
    missing = unfinished(case, _PATHOLOGY_SEARCHES, pathology_suffices=True)
    evidence = (*lines, *evidence_of(missing))
    if cancers:
        last = max(dates, key=lambda when: when.last, default=None)
        return Fact(
            "other_primary_history",
            "yes",
            "likely-source" if likely else "other-site",
            evidence,
            as_of=last.text if last else "",
            label=", ".join(f"{name} {year}".strip() for name, year in cancers.items()),
            gaps=gaps_of(missing),
        )
    if missing:
        return Fact("other_primary_history", "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact("other_primary_history", "no", evidence=evidence)


def _add(cancers: dict[str, str], dates: list[When], name: str, when: When | None) -> None:
    """Note a cancer with the year in which it is first mentioned."""
    year = when.text[:4] if when else ""
    known = cancers.get(name, "")
    cancers[name] = min(year, known) if year and known else year or known
    dates.extend([when] if when else [])


@fact(
    "under_eighteen",
    source="common exclusion",
    states=("yes", "no", "unknown:not-found", "unknown:not-searched"),
    searches=("patient",),
)
def under_eighteen(case: Case) -> Fact:
    """Younger than the age from which the pathway applies. A birth date given as year or month must settle it."""
    missing = unfinished(case, ("patient",))
    age = case.settings.adult_age_years
    today = case.now.astimezone(UTC).date()
    lines: list[Evidence] = []
    answers: set[Literal["yes", "no"]] = set()
    for patient in case.record.of("Patient"):
        born = read_when(patient.get("birthDate"))
        if born is None or born.is_future(case.now):
            continue
        lines.append(Evidence(type_and_id(patient), "birth date", born.text))
        if _birthday(born.last.date(), age) <= today:
            answers.add("no")
        elif _birthday(born.first.date(), age) > today:
            answers.add("yes")
    evidence = (*lines, *evidence_of(missing))
    if answers == {"yes"}:
        return Fact("under_eighteen", "yes", evidence=evidence, as_of=lines[0].date, gaps=gaps_of(missing))
    if missing:
        return Fact("under_eighteen", "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    if answers == {"no"}:
        return Fact("under_eighteen", "no", evidence=evidence, as_of=lines[0].date)
    return Fact("under_eighteen", "unknown", NOT_FOUND, evidence)


def _birthday(born: date, age: int) -> date:
    """The day on which an age is reached; born on 29 February, it is reached on 1 March of a common year."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)
