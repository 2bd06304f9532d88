"""Earlier systemic therapy for this cancer: prior_systemic_therapy (pathway F9, decision 12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Literal

from cds_service.facts.case import Case
from cds_service.facts.fact import INDETERMINATE, NOT_SEARCHED, Evidence, Fact
from cds_service.facts.marks import with_mark
from cds_service.facts.medications import AGENTS, COUNSELLING, Purpose, read_medication, read_purpose
from cds_service.facts.registry import fact
from cds_service.facts.searches import evidence_of, gaps_of, unfinished
from cds_service.facts.timeline import first_pancreatic_evidence
from cds_service.facts.vocabulary import Vocabulary, concepts_of, label_of, says_not_to, vocabulary_of
from cds_service.fhir.shapes import When, as_text, read_when, type_and_id
from cds_service.fhir.source import Resource
from cds_service.record import Search

_SEARCHES = ("medicationRequests", "medicationAdministrations", "medicationStatements", "procedures")
_WHOSE_CANCER = ("conditions", "reports", "observations", "specimens")
"""What dates the first evidence of this cancer, by which a drug that names no cancer is judged."""

_Verdict = Literal["given", "unsure", "not"]

_GIVEN = {
    "MedicationAdministration": frozenset({"in-progress", "completed"}),
    "MedicationStatement": frozenset({"active", "completed", "stopped"}),
    "MedicationRequest": frozenset({"completed"}),
    "Procedure": frozenset({"in-progress", "completed"}),
}
_PERHAPS_GIVEN = {
    "MedicationAdministration": frozenset({"stopped", "on-hold", "unknown"}),
    "MedicationStatement": frozenset({"on-hold", "unknown"}),
    "MedicationRequest": frozenset({"active", "stopped", "on-hold", "unknown"}),
    "Procedure": frozenset({"stopped", "on-hold", "unknown"}),
}
_DATES = {
    "MedicationAdministration": ("effectivePeriod", "effectiveDateTime"),
    "MedicationStatement": ("effectivePeriod", "effectiveDateTime"),
    "MedicationRequest": ("authoredOn",),
    "Procedure": ("performedPeriod", "performedDateTime"),
}
_NO_ORDER = frozenset({"proposal", "plan", "option"})
_CHEMOTHERAPY = AGENTS | {"chemo_administration"}


@dataclass(frozen=True, slots=True)
class Treatment:
    """One treatment of ours in the record, before anything is asked about it."""

    resource: Resource
    label: str
    purpose: Purpose
    refusal: str
    by_name: bool


@fact(
    "prior_systemic_therapy",
    source="F9",
    states=("yes", "no", "unknown:not-searched", "unknown:indeterminate"),
    searches=_SEARCHES,
    reads=_WHOSE_CANCER,
    asks=("other_primary_history", "pancreatic_cancer"),
)
def prior_systemic_therapy(case: Case) -> Fact:
    """Systemic anticancer therapy for this cancer, first given more than a week ago.

    ``no`` needs all four searches. ``as_of`` is the first date on which a counted treatment was given.
    """
    judged = [_judge(treatment, case) for treatment in _treatments(case)]
    lines = tuple(line for _, line, _ in judged)
    given = [(line, named) for verdict, line, named in judged if verdict == "given"]
    missing = unfinished(case, _SEARCHES)
    if given:
        doubts = () if any(named for _, named in given) else _undated_since(case)
        return Fact(
            "prior_systemic_therapy",
            "yes",
            evidence=lines + evidence_of(missing),
            as_of=min((line.date for line, _ in given if line.date), default=""),
            gaps=gaps_of((*missing, *doubts)),
        )
    evidence = lines + evidence_of(missing)
    unsure = [named for verdict, _, named in judged if verdict == "unsure"]
    if unsure:
        doubts = () if all(unsure) else _undated_since(case)
        return Fact("prior_systemic_therapy", "unknown", INDETERMINATE, evidence, gaps=gaps_of((*missing, *doubts)))
    if missing:
        return Fact("prior_systemic_therapy", "unknown", NOT_SEARCHED, evidence, gaps=gaps_of(missing))
    return Fact("prior_systemic_therapy", "no", evidence=evidence)


def therapy_begun_lately(case: Case) -> Iterator[tuple[Treatment, When]]:
    """What was given, not certainly longer ago than earlier therapy was, each with its date; never what is ordered."""
    for treatment in _treatments(case):
        resource = treatment.resource
        kind, when = as_text(resource.get("resourceType")), _when(resource) or read_when(resource.get("dateAsserted"))
        if kind == "MedicationRequest" or when is None or when.is_future(case.now) or _recent(when, case) is None:
            continue
        if not treatment.refusal and not _never_given(resource, kind, as_text(resource.get("status")), case):
            yield treatment, when


def _treatments(case: Case) -> Iterator[Treatment]:
    vocabulary = vocabulary_of(case)
    for resource in _medications(case):
        use = read_medication(resource, vocabulary)
        if not AGENTS.isdisjoint(use.concepts):
            yield Treatment(resource, use.label, use.purpose, use.refusal, use.by_name)
    yield from _procedures(with_mark(case, "Procedure", _CHEMOTHERAPY), vocabulary)


def _medications(case: Case) -> Iterator[Resource]:
    """Drugs that may be ours: by what they are called, or given by reference, which has to be followed."""
    for kind in ("MedicationAdministration", "MedicationStatement", "MedicationRequest"):
        named = {id(item) for item in with_mark(case, kind, ("drug.", "regimen"))}
        for resource in case.record.of(kind):
            if id(resource) in named or "medicationReference" in resource:
                yield resource


def _procedures(procedures: Iterable[Resource], vocabulary: Vocabulary) -> Iterator[Treatment]:
    for resource in procedures:
        what = concepts_of(resource, "code")
        by_name = _CHEMOTHERAPY.isdisjoint(vocabulary.coded(what))
        worded = vocabulary.worded(what)
        if by_name and (COUNSELLING in worded or _CHEMOTHERAPY.isdisjoint(worded)):
            continue
        purpose = read_purpose(resource, vocabulary)
        refusal = "its reason names another cancer" if purpose == "other-cancer" else ""
        yield Treatment(resource, label_of(what), purpose, refusal, by_name)


def _judge(treatment: Treatment, case: Case) -> tuple[_Verdict, Evidence, bool]:
    """Whether a treatment was given for this cancer long enough ago, its line, and whether its own reason says so."""
    began, asserted = _when(treatment.resource), read_when(treatment.resource.get("dateAsserted"))
    when = began or asserted
    verdict, why = _verdict(treatment, when, case)
    if verdict == "given" and began is None:
        verdict, why = _undated(treatment, asserted)
    line = Evidence(
        type_and_id(treatment.resource),
        treatment.label,
        date=when.text if when else "",
        status=as_text(treatment.resource.get("status")),
        counted=verdict == "given",
        why=f"{why}, recognised by its name only" if treatment.by_name else why,
    )
    return verdict, line, treatment.purpose == "this-cancer"


def _verdict(treatment: Treatment, when: When | None, case: Case) -> tuple[_Verdict, str]:
    resource = treatment.resource
    kind, status = as_text(resource.get("resourceType")), as_text(resource.get("status"))
    refusal = treatment.refusal or _never_given(resource, kind, status, case)
    if refusal:
        return "not", refusal
    if when is not None and when.is_future(case.now):
        return "not", "dated in the future"
    recent = _recent(when, case)
    if recent is not None:
        return recent
    if status not in _GIVEN[kind]:
        return "unsure", "ordered or begun, but nothing shows that it was given"
    if treatment.purpose == "this-cancer":
        return "given", "given for this cancer"
    return _reasonless(when, case)


def _recent(when: When | None, case: Case) -> tuple[_Verdict, str] | None:
    """The verdict on what was not certainly given longer ago than the least age; None if it was, or is undated."""
    age = case.settings.prior_therapy_minimum_age
    if when is None or when.is_older_than(age, case.now):
        return None
    if (case.now.astimezone(UTC).date() - when.first.date()).days > age:
        return "unsure", f"its date does not tell whether it was more than {age} days ago"
    return "not", f"not more than {age} days ago"


def _undated(treatment: Treatment, asserted: When | None) -> tuple[_Verdict, str]:
    """When it was asserted, it had begun: enough for a treatment of this cancer; without that nothing is known."""
    if asserted is not None and treatment.purpose == "this-cancer":
        return "given", "given for this cancer, by the day on which it was asserted"
    return "unsure", "nothing tells when it was given"


def _never_given(resource: Resource, kind: str, status: str, case: Case) -> str:
    """Why a treatment was certainly not given, or ""."""
    if status not in _GIVEN[kind] | _PERHAPS_GIVEN[kind]:
        return "not given"
    if as_text(resource.get("intent")) in _NO_ORDER:
        return "a plan or proposal, not an order"
    if says_not_to(resource):
        return "an instruction not to give it"
    if type_and_id(resource) in {order.reference for order in case.orders.drafts}:
        return "is an order of this call"
    return ""


def _reasonless(when: When | None, case: Case) -> tuple[_Verdict, str]:
    """A drug that names no cancer counts only after the first evidence of this one (decision 12)."""
    if case.fact("other_primary_history").value == "yes":
        return "unsure", "names no reason, and another cancer is in the history"
    diagnosed = first_pancreatic_evidence(case)
    if when is None or diagnosed is None:
        return "unsure", "names no reason, and dates do not show that it followed the diagnosis"
    if when.last.date() >= diagnosed.first.date() > when.first.date():
        return "unsure", "its date does not tell whether it followed the diagnosis"
    if when.last < diagnosed.first:
        # What could not be read may show this cancer earlier.
        before = "given before the first evidence of this cancer"
        return ("unsure", f"{before} that could be read") if _undated_since(case) else ("not", before)
    return "given", "given after the first evidence of this cancer"


def _undated_since(case: Case) -> tuple[Search, ...]:
    """The unfinished searches that may hold an earlier evidence of this cancer."""
    return unfinished(case, _WHOSE_CANCER)


def _when(resource: Resource) -> When | None:
    """When a treatment began (an order: when it was written); None if undated or unreadable."""
    names = _DATES[as_text(resource.get("resourceType"))]
    return next((when for name in names if (when := read_when(resource.get(name))) is not None), None)
