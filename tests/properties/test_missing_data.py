"""Decision 29 over every stored patient: a failure never becomes an absence.

Each search of each patient is answered by each kind of failure in turn. No fact that reads the search may then
claim "no" or "not found", and no warning may rest on such a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import DataUnavailable
from cds_service.facts.registry import all_facts
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
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
        if key in specs[name].searches and (fact.state in ABSENCES or fact.value == "no")
    ]


def asked_by(card_id: str, content: Content) -> set[str]:
    """The facts that a card itself asks; those of the other cards of the call are no ground of its warning."""
    card = next(card for card in content.cards if card.id == card_id)
    return {*card.deciding_facts(), *card.wording_facts()}


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
