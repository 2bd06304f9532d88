"""C4 mri_liver_requested and mri_liver_finding."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    LOINC,
    SNOMED,
    V2_REPORTS,
    Json,
    attachment,
    coded,
    ct,
    days_ago,
    line,
    make_case,
    mri,
    named,
    report,
)

RAD = [coded(V2_REPORTS, "RAD")]
PDF = [attachment("%PDF", "application/pdf")]
LIVER_MRI = coded(LOINC, "36134-5", "MRI abdomen with contrast")
DEFINITE = "Multiple liver metastases."
SUSPECTED = "Lesion in segment 7 suspicious for metastasis."
UNCLEAR = "Liver lesion, too small to characterise."
CLEAR = "No focal liver lesion."
BENIGN = "Liver: simple cyst in segment 4. No metastases."


def request(code: Json = LIVER_MRI, date: str = days_ago(5), status: str = "active", **more: Any) -> Json:
    out: Json = {"resourceType": "ServiceRequest", "id": "s1", "status": status, "intent": "order", "code": code}
    return out | ({"authoredOn": date} if date else {}) | more


def appointment(status: str = "booked", **more: Any) -> Json:
    return {
        "resourceType": "Appointment",
        "id": "ap1",
        "status": status,
        "serviceType": [named("MRI liver")],
        "participant": [{"actor": {"reference": "Patient/p1"}}],
        "start": f"{days_ago(-4)}T10:00:00Z",
    } | more


def requested(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("mri_liver_requested")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(request(), "yes", id="code"),
        pytest.param(request(named("MRI liver")), "yes", id="name"),
        pytest.param(request(date=""), "yes", id="undated"),
        pytest.param(request(date=days_ago(60)), "yes", id="last-day"),
        pytest.param(request(date=days_ago(61)), "no", id="past-the-window"),
        pytest.param(request(date=days_ago(-3)), "no", id="future"),
        pytest.param(request(status="revoked"), "no", id="revoked"),
        pytest.param(request(status="completed"), "no", id="completed"),
        pytest.param(request(doNotPerform=True), "no", id="not-to-do"),
        pytest.param(request(named("MRI lumbar spine")), "no", id="spine"),
        pytest.param(request(coded(LOINC, "58740-2")), "no", id="plain-mrcp"),
        pytest.param(request(named("MRI-guided liver biopsy")), "no", id="biopsy"),
        pytest.param(appointment(), "yes", id="booked"),
        pytest.param(appointment(status="cancelled"), "no", id="booking-cancelled"),
        pytest.param(appointment(serviceType=[named("MRI brain")]), "no", id="another-booking"),
        pytest.param(request() | {"code": 7}, "no", id="junk"),
    ],
)
def test_requests_and_bookings(item: Json, state: str) -> None:
    assert requested(item).state == state


def test_what_is_known_by_its_name_says_so() -> None:
    assert "by its name only" in line(requested(request(named("MRI liver"))), "ServiceRequest/s1").why


@pytest.mark.parametrize(
    ("draft", "state"),
    [
        pytest.param(request(id="d1", status="draft"), "yes", id="not-selected"),
        pytest.param(request(named("MRI brain"), id="d1", status="draft"), "no", id="another"),
        pytest.param(request(id="d1", status="cancelled"), "no", id="cancelled"),
    ],
)
def test_drafts_count_selected_or_not(draft: Json, state: str) -> None:
    assert requested(drafts=(draft,), selections=()).state == state


@pytest.mark.parametrize(
    ("asked", "done", "state"),
    [
        pytest.param(days_ago(20), mri(CLEAR), "no", id="reported-since"),
        pytest.param(days_ago(5), mri(CLEAR), "yes", id="reported-before"),
        pytest.param("", mri(CLEAR), "no", id="undated-request-ranks-oldest"),
        pytest.param(days_ago(20), mri(CLEAR, date=""), "yes", id="undated-mri"),
        pytest.param(days_ago(20), mri(CLEAR, date=days_ago(-3)), "yes", id="mri-in-the-future"),
        pytest.param(days_ago(20), mri(CLEAR, status="registered"), "yes", id="not-reported"),
        pytest.param(days_ago(20), report(named("MRI spine"), "x", category=RAD), "yes", id="spine"),
        pytest.param(days_ago(20), ct(CLEAR), "yes", id="ct"),
        pytest.param(
            days_ago(5),
            mri(CLEAR, date=days_ago(9), basedOn=[{"reference": "ServiceRequest/s1"}]),
            "no",
            id="reported-for-this-request",
        ),
    ],
)
def test_an_mri_since_fulfils_a_request(asked: str, done: Json, state: str) -> None:
    assert requested(request(date=asked), done).state == state


@pytest.mark.parametrize("key", ["serviceRequests", "appointments"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_requests_with_a_search_unfinished(key: str, how: Completeness) -> None:
    gaps = (f"{key}: was {how.value}",)
    for resources, state in (
        ((), "unknown:not-searched"),
        ((request(date=days_ago(90)),), "unknown:not-searched"),
        ((request(),), "yes"),
    ):
        fact = requested(*resources, searches={key: how})
        assert (fact.state, fact.gaps) == (state, gaps)


# ---- what the last one found


def finding(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("mri_liver_finding")


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-found", id="nothing"),
        pytest.param([mri(DEFINITE)], "yes:definite", id="definite"),
        pytest.param([mri(SUSPECTED)], "yes:suspected", id="suspected"),
        pytest.param([mri(UNCLEAR)], "yes:indeterminate", id="indeterminate"),
        pytest.param([mri(CLEAR)], "no", id="clear"),
        pytest.param([mri(BENIGN)], "no", id="benign"),
        pytest.param([mri(presentedForm=PDF)], "unknown:uninterpretable", id="unreadable"),
        pytest.param([mri("Dilated bile duct.")], "unknown:uninterpretable", id="silent-on-the-liver"),
        pytest.param([mri(CLEAR, status="preliminary")], "unknown:uninterpretable", id="not-final"),
        pytest.param([mri(DEFINITE, status="preliminary")], "unknown:uninterpretable", id="positive-not-final"),
        pytest.param([mri(DEFINITE, status="unknown")], "unknown:uninterpretable", id="status-unknown"),
        pytest.param([mri(DEFINITE, status="entered-in-error")], "unknown:not-found", id="in-error"),
        pytest.param(
            [mri(CLEAR, conclusionCode=[coded(SNOMED, "94381002")])], "unknown:uninterpretable", id="code-denied"
        ),
        pytest.param([mri(DEFINITE, date=days_ago(42))], "yes:definite", id="last-day"),
        pytest.param([mri(DEFINITE, date=days_ago(43))], "unknown:not-found", id="past-the-window"),
        pytest.param([mri(DEFINITE, date="")], "unknown:not-found", id="undated"),
        pytest.param([mri(DEFINITE, date=days_ago(-3))], "unknown:not-found", id="future"),
        pytest.param([ct(DEFINITE)], "unknown:not-found", id="ct"),
        pytest.param([report(named("MRI spine"), "Normal.", category=RAD)], "unknown:not-found", id="spine"),
        pytest.param(
            [report(named("Examination"), DEFINITE, category=[coded(V2_REPORTS, "NMR")])],
            "yes:definite",
            id="region-by-its-words",
        ),
        pytest.param(
            [report(named("Examination"), "Normal.", category=[coded(V2_REPORTS, "NMR")])],
            "unknown:not-found",
            id="region-not-told",
        ),
        pytest.param([report(coded(LOINC, "36046-1"), CLEAR, category=RAD)], "no", id="contrast-not-told"),
    ],
)
def test_one_mri(resources: list[Json], state: str) -> None:
    assert finding(*resources).state == state


@pytest.mark.parametrize(
    ("resources", "state", "date"),
    [
        pytest.param([mri(DEFINITE, "a", days_ago(30)), mri(CLEAR, "b")], "no", days_ago(10), id="later-one-clear"),
        pytest.param(
            [mri(CLEAR, "a", days_ago(30)), mri(SUSPECTED, "b")], "yes:suspected", days_ago(10), id="later-one-not"
        ),
        pytest.param([mri(CLEAR, "a"), mri(UNCLEAR, "b")], "yes:indeterminate", days_ago(10), id="same-day"),
        pytest.param(
            [mri(CLEAR, "a"), mri(presentedForm=PDF, ident="b")], "unknown:uninterpretable", days_ago(10), id="same-pdf"
        ),
        pytest.param(
            [mri(SUSPECTED, "a", days_ago(20)), mri("Dilated bile duct.", "b")],
            "yes:suspected",
            days_ago(20),
            id="later-one-silent",
        ),
        pytest.param(
            [mri(CLEAR, "a", days_ago(20)), mri(CLEAR, "b", status="preliminary")],
            "unknown:uninterpretable",
            days_ago(10),
            id="later-one-awaited",
        ),
        pytest.param(
            [mri(CLEAR, "a"), mri(CLEAR, "b", days_ago(20), status="preliminary")],
            "no",
            days_ago(10),
            id="earlier-one-awaited",
        ),
        pytest.param(
            [mri(DEFINITE, "a", days_ago(20)), mri(CLEAR, "b", status="preliminary")],
            "yes:definite",
            days_ago(20),
            id="definite-and-one-awaited",
        ),
    ],
)
def test_the_latest_decides(resources: list[Json], state: str, date: str) -> None:
    fact = finding(*resources)
    assert (fact.state, fact.as_of) == (state, date)
    assert {item.date for item in fact.evidence if item.counted} == {date}


def test_a_replaced_version_is_listed_only() -> None:
    key: Json = {"identifier": [{"value": "A1"}]}
    fact = finding(mri(DEFINITE, "a", **key), mri(CLEAR, "b", status="corrected", **key))
    assert fact.state == "no"
    assert "replaced" in line(fact, "DiagnosticReport/a").why


@pytest.mark.parametrize("key", ["reports", "observations"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([mri(CLEAR)], "unknown:not-searched", id="clear"),
        pytest.param([mri(DEFINITE)], "yes:definite", id="definite"),
        pytest.param([mri(presentedForm=PDF)], "unknown:uninterpretable", id="unreadable"),
    ],
)
def test_finding_with_a_search_unfinished(key: str, how: Completeness, resources: list[Json], state: str) -> None:
    fact = finding(*resources, searches={key: how})
    assert (fact.state, fact.gaps) == (state, (f"{key}: was {how.value}",))
    assert not line(fact, key).counted
