"""Decision 29 over every stored patient: a failure never becomes an absence.

Each search of each patient is answered by each kind of failure in turn. No fact that declares to rest on the search
may then claim "no" or "not found", and no warning may rest on such a claim. What the facts declare is not believed:
whatever a fact finds in the whole chart it may not deny when any search fails, or lacks any one of its entries.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import DataUnavailable
from cds_service.facts.case import Case
from cds_service.facts.fact import Fact
from cds_service.facts.orders import read_orders
from cds_service.facts.registry import all_facts
from cds_service.facts.reports import classify_report
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decide import open_case
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.record import build_record
from cds_service.replay.stored import StoredCall, load_stored

FAILURES: Mapping[str, Any] = {
    "outcome": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
    "error-entry": "error-entry",
    "next": "next",
    "total": "total",
    "html": "<html><body>502</body></html>",
    "foreign-entry": "foreign-entry",
    "absent": None,
}
ABSENCES = ("no", "unknown:not-found", "unknown:stale")
TISSUE_CARD = "tissue-before-systemic-therapy"
GUIDANCE_CARD = "us-biopsy-failed-change-guidance"
RESECTION_CARD = "resection-with-liver-metastases"
FITNESS_CARD = "fitness-before-intensive-regimen"
LIVER_MRI_CARD = "mri-before-resection-decision"

# The closed list of decision 29: facts of a card whose unknown leaves a warning standing, because the warning does not
# rest on their absence. The card's detail names what could not be read. `tissue_confirmation` is never among them.
MAY_BE_UNKNOWN_IN_A_WARNING = {
    (TISSUE_CARD, name)
    for name in (
        "excluded_histology",
        "under_eighteen",
        "prior_systemic_therapy",
        "biopsy_declined_or_contraindicated",
        "biopsy_requested",
        "other_primary_history",
        "failed_ultrasound_biopsy",
        "mri_liver_done",
        "mri_contraindicated",
        "resectability",
        "pathology_pending",
        "bleeding_risk",
    )
}
# C2: the warning rests on the failed attempt and the lesion, both found. Exclusions do not exclude while unknown
# (pathway 3.2); the others only choose what is offered.
MAY_BE_UNKNOWN_IN_A_WARNING |= {
    (GUIDANCE_CARD, name)
    for name in (
        "excluded_histology",
        "under_eighteen",
        "guided_biopsy_requested",
        "mri_liver_done",
        "mri_contraindicated",
        "resectability",
        "biopsy_declined_or_contraindicated",
    )
}
# C3: the warning rests on the pathology or the imaging that was found. Therapy, response, emergency and the exclusions
# soften it; imaging beside pathology decides nothing; the others choose wording and what is offered. That the critical
# card needs `prior_systemic_therapy` known is asserted below.
MAY_BE_UNKNOWN_IN_A_WARNING |= {
    (RESECTION_CARD, name)
    for name in (
        "excluded_histology",
        "under_eighteen",
        "trial_documented",
        "prior_systemic_therapy",
        "conversion_response",
        "emergency_context",
        "definite_beyond_ct",
        "mri_liver_finding",
        "liver_imaging_recent",
        "mri_contraindicated",
    )
}
# C4 b and d: the warning rests on the liver lesions or the MRI that were found. An emergency and the exclusions soften
# it, and so does an MRI that is arranged (as F6 does in C1); the others choose what is offered or, for resections,
# nothing. That no MRI was done (`mri_liver_done`) is never among them.
MAY_BE_UNKNOWN_IN_A_WARNING |= {
    (LIVER_MRI_CARD, name)
    for name in (
        "excluded_histology",
        "under_eighteen",
        "emergency_context",
        "mri_liver_requested",
        "mri_contraindicated",
        "resectability",
        "left_sided_tumour",
        "tumour_large",
        "ca19_9_markedly_elevated",
        "staging_laparoscopy_arranged",
    )
}
# C12: the warning rests on the performance status that was found; another histology would only exclude (pathway 3.2).
MAY_BE_UNKNOWN_IN_A_WARNING |= {(FITNESS_CARD, "excluded_histology")}

# At signing, where more speaks and louder: the facts and rules of the other hook are the same.
PATIENTS = [
    call for call in load_stored(Path("fixtures")) if call.name.startswith("patients/") and call.hook == "order-sign"
]


@pytest.fixture(scope="module")
def content() -> Content:
    return load_content(find_cards())


def fail(prefetch: Mapping[str, Any], key: str, how: str) -> dict[str, Any]:
    """The prefetch with one search failing; what it found stays in the answer where that kind of failure has one."""
    changed = {name: value for name, value in prefetch.items() if name != key}
    if how == "absent":
        return changed
    if how in ("outcome", "html"):
        return {**changed, key: FAILURES[how]}
    value = prefetch.get(key)
    bundle = (
        dict(value)
        if isinstance(value, dict) and value.get("resourceType") == "Bundle"
        else {"resourceType": "Bundle", "type": "searchset"}
    )
    entries = list(bundle.get("entry", []))
    if how == "next":
        bundle["link"] = [{"relation": "next", "url": "https://fhir.example.org/page2"}]
    elif how == "total":
        bundle["total"] = len(entries) + 5
    elif how == "error-entry":
        bundle["entry"] = [*entries, {"resource": FAILURES["outcome"], "search": {"mode": "outcome"}}]
    else:
        foreign = {"resourceType": "Observation", "id": "z", "subject": {"reference": "Patient/somebody-else"}}
        bundle["entry"] = [*entries, {"resource": foreign, "search": {"mode": "match"}}]
    return {**changed, key: bundle}


def run(stored: StoredCall, body: Mapping[str, Any], content: Content) -> Decision | None:
    """The decision, or None for 412."""
    try:
        call = parse_call(body, stored.hook)
        return evaluate(call, PrefetchSource(call.prefetch, content.prefetch), stored.content(content), stored.now)
    except DataUnavailable:
        return None


def claims(decision: Decision, key: str) -> list[str]:
    """Facts that read the search and yet claim an absence."""
    specs = all_facts()
    return [
        f"{name}={fact.state}"
        for name, fact in decision.facts.items()
        if key in specs[name].searches and is_absence(fact)
    ]


def case_of(stored: StoredCall, prefetch: Mapping[str, Any], content: Content) -> Case:
    """The case of a call with that prefetch, whatever its cards would ask."""
    own = stored.content(content)
    call = parse_call({**stored.body(content.prefetch), "prefetch": prefetch}, stored.hook)
    answers = PrefetchSource(call.prefetch, own.prefetch).fetch(tuple(own.prefetch)).values()
    record = build_record(call.patient_id, answers, call.fhir_server)
    return open_case(record, read_orders(call, own.terms, own.lexicon), own, stored.now)


def is_absence(fact: Fact) -> bool:
    """Whether a fact claims that something is not so, that there is nothing, or nothing of late."""
    return fact.state in ABSENCES or fact.value == "no"


def entries_of(prefetch: Mapping[str, Any], key: str) -> list[Any]:
    """The entries of one answer; none if it is no Bundle."""
    value = prefetch.get(key)
    found: list[Any] = value.get("entry", []) if isinstance(value, dict) else []
    return found


def without(prefetch: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """The prefetch with one search failing altogether, and with each of its entries on a page that was not read."""
    yield fail(prefetch, key, "outcome")
    for at in range(len(entries_of(prefetch, key))):
        less = fail(prefetch, key, "next")
        less[key]["entry"] = [entry for place, entry in enumerate(less[key]["entry"]) if place != at]
        yield less


def told_apart(stored: StoredCall, content: Content) -> dict[str, Any]:
    """The same chart as other EHRs keep it: words of reports as result Observations, dates of tissue in Specimens."""
    prefetch: dict[str, Any] = copy.deepcopy(dict(stored.body(content.prefetch).get("prefetch", {})))
    case = case_of(stored, prefetch, content)
    told: dict[str, list[Any]] = {"observations": [], "specimens": []}
    for key in ("reports", "pathology"):
        for entry in entries_of(prefetch, key):
            report = entry["resource"]
            if report.get("resourceType") != "DiagnosticReport" or "id" not in report:
                continue
            own = {"id": f"of-{report['id']}", "status": "final", "subject": report.get("subject")}
            if isinstance(words := report.pop("conclusion", None), str):
                result = {"resourceType": "Observation", **own, "code": {"text": "Report"}, "valueString": words}
                report["result"] = [*report.get("result", []), {"reference": f"Observation/{own['id']}"}]
                told["observations"].append({"resource": result})
            if "effectiveDateTime" in report and classify_report(report, case) == "pathology":
                taken = {"collection": {"collectedDateTime": report.pop("effectiveDateTime")}}
                report["specimen"] = [*report.get("specimen", []), {"reference": f"Specimen/{own['id']}"}]
                told["specimens"].append({"resource": {"resourceType": "Specimen", **own, **taken}})
    for key, entries in told.items():
        if entries:
            known = entries_of(prefetch, key)
            prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": [*known, *entries]}
    return prefetch


def denied(stored: StoredCall, prefetch: Mapping[str, Any], keys: Iterator[str], content: Content) -> set[str]:
    """Facts that find something in the whole chart and deny it when a search fails, each with what it then says."""
    whole = case_of(stored, prefetch, content)
    known = {name: fact for name in all_facts() if not is_absence(fact := whole.fact(name))}
    return {
        f"{key}: {name} {fact.state} -> {less.state}"
        for key in keys
        for partial in without(prefetch, key)
        for case in (case_of(stored, partial, content),)
        for name, fact in known.items()
        if is_absence(less := case.fact(name))
    }


def asked_by(card_id: str, content: Content) -> set[str]:
    """The facts that a card itself asks; those of the other cards of the call are no ground of its warning."""
    card = next(card for card in content.cards if card.id == card_id)
    return {*card.deciding_facts(), *card.wording_facts()}


@pytest.mark.parametrize("stored", PATIENTS, ids=lambda stored: stored.title)
def test_what_the_whole_chart_shows_is_not_denied_when_a_search_fails(stored: StoredCall, content: Content) -> None:
    prefetch = stored.body(content.prefetch).get("prefetch", {})
    assert denied(stored, prefetch, iter(content.prefetch), content) == set()


@pytest.mark.parametrize("stored", PATIENTS, ids=lambda stored: stored.title)
def test_nor_where_a_report_leaves_its_words_and_dates_to_others(stored: StoredCall, content: Content) -> None:
    prefetch = told_apart(stored, content)
    assert denied(stored, prefetch, iter(("observations", "specimens")), content) == set()


def test_there_are_enough_replacements(content: Content) -> None:
    assert len(PATIENTS) * (len(content.prefetch) - 1) * len(FAILURES) >= 10_000


@pytest.mark.parametrize("stored", PATIENTS, ids=lambda stored: stored.title)
def test_a_failure_never_becomes_an_absence(stored: StoredCall, content: Content) -> None:
    body = stored.body(content.prefetch)
    tried = 0
    for key in content.prefetch:
        if key == "patient":
            continue
        for how in FAILURES:
            tried += 1
            decision = run(stored, {**body, "prefetch": fail(body.get("prefetch", {}), key, how)}, content)
            if decision is None:
                assert key in content.pathway.required_searches or not run(stored, body, content)
                continue
            assert claims(decision, key) == [], f"{key} answered {how}"
            for outcome in decision.shown:
                if outcome.indicator == "critical":
                    assert decision.facts["prior_systemic_therapy"].state == "no"
                if outcome.indicator in ("warning", "critical"):
                    unknown = [
                        name
                        for name, fact in decision.facts.items()
                        if fact.value == "unknown"
                        and fact.reason == "not-searched"
                        and key in all_facts()[name].searches
                        and name in asked_by(outcome.card_id, content)
                    ]
                    resting = [name for name in unknown if (outcome.card_id, name) not in MAY_BE_UNKNOWN_IN_A_WARNING]
                    assert resting == [], f"{key} answered {how}: {outcome.variant} rests on {resting}"
    assert tried == (len(content.prefetch) - 1) * len(FAILURES)


@pytest.mark.parametrize("stored", PATIENTS, ids=lambda stored: stored.title)
def test_a_confirmed_tissue_stays_confirmed_whatever_else_fails(stored: StoredCall, content: Content) -> None:
    body = stored.body(content.prefetch)
    whole = run(stored, body, content)
    if whole is None or "tissue_confirmation" not in whole.facts or whole.facts["tissue_confirmation"].state != "yes":
        return
    for key in content.prefetch:
        for how in ("next", "total", "error-entry", "foreign-entry"):
            decision = run(stored, {**body, "prefetch": fail(body["prefetch"], key, how)}, content)
            assert decision is not None
            assert decision.facts["tissue_confirmation"].state == "yes", f"{key} answered {how}"
            assert TISSUE_CARD not in {outcome.card_id for outcome in decision.shown}, f"{key} answered {how}"


def test_the_stories_hold_confirmed_tissue(content: Content) -> None:
    """The test above passes over all others: it must have somebody to look at."""
    decisions = (run(stored, stored.body(content.prefetch), content) for stored in PATIENTS)
    states = [
        found.facts["tissue_confirmation"].state
        for found in decisions
        if found and "tissue_confirmation" in found.facts
    ]
    assert states.count("yes") >= 10


def test_order_and_repeats_of_entries_change_nothing(content: Content) -> None:
    for stored in PATIENTS:
        body = stored.body(content.prefetch)
        whole = run(stored, body, content)
        turned = {
            key: {**value, "entry": [*reversed(value["entry"]), value["entry"][0]], "total": len(value["entry"])}
            if isinstance(value, dict)
            and value.get("entry")
            and "total" in value
            and value["total"] == len(value["entry"])
            else value
            for key, value in body.get("prefetch", {}).items()
        }
        other = run(stored, {**body, "prefetch": turned}, content)
        assert (whole is None) == (other is None), stored.title
        if whole is not None and other is not None:
            assert other.outcomes == whole.outcomes, stored.title
            assert {name: fact.state for name, fact in other.facts.items()} == {
                name: fact.state for name, fact in whole.facts.items()
            }, stored.title
