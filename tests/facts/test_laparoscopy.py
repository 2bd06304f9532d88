"""C5 staging_laparoscopy_arranged."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, SNOMED, Json, coded, days_ago, line, make_case, named

GENERIC = coded(SNOMED, "73632009", "Laparoscopy")
STAGING = named("Staging laparoscopy")
PCS = coded("http://www.cms.gov/Medicare/Coding/ICD10", "0WJG4ZZ")


def procedure(code: Json = STAGING, date: str = days_ago(5), status: str = "completed", **more: Any) -> Json:
    out: Json = {"resourceType": "Procedure", "id": "pr1", "status": status, "code": code}
    return out | ({"performedDateTime": date} if date else {}) | more


def request(code: Json = STAGING, date: str = days_ago(5), status: str = "active", **more: Any) -> Json:
    out: Json = {"resourceType": "ServiceRequest", "id": "s1", "status": status, "intent": "order", "code": code}
    return out | ({"authoredOn": date} if date else {}) | more


def appointment(status: str = "booked", **more: Any) -> Json:
    return {
        "resourceType": "Appointment",
        "id": "ap1",
        "status": status,
        "serviceType": [STAGING],
        "participant": [{"actor": {"reference": "Patient/p1"}}],
        "start": f"{days_ago(-4)}T10:00:00Z",
    } | more


def whipple(**more: Any) -> Json:
    out: Json = {"resourceType": "ServiceRequest", "id": "w1", "status": "draft", "intent": "order"}
    return out | {"code": named("Pancreatoduodenectomy")} | more


def arranged(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("staging_laparoscopy_arranged")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(procedure(), "yes", id="done"),
        pytest.param(procedure(GENERIC), "yes", id="done-by-the-generic-code"),
        pytest.param(procedure(PCS), "yes", id="done-by-pcs"),
        pytest.param(procedure(named("Diagnostic laparoscopy")), "yes", id="diagnostic"),
        pytest.param(procedure(status="in-progress"), "yes", id="in-progress"),
        pytest.param(procedure(date=days_ago(42)), "yes", id="last-day"),
        pytest.param(procedure(date=days_ago(43)), "no", id="past-the-window"),
        pytest.param(procedure(date=""), "no", id="undated"),
        pytest.param(procedure(date=days_ago(-3)), "no", id="future"),
        pytest.param(procedure(status="not-done"), "no", id="not-done"),
        pytest.param(procedure(status=""), "no", id="no-status"),
        pytest.param(procedure(status="entered-in-error"), "no", id="in-error"),
        pytest.param(procedure(named("Laparoscopic cholecystectomy")), "no", id="cholecystectomy"),
        pytest.param(
            procedure(coded(SNOMED, "73632009", "Laparoscopy") | {"text": "Laparoscopic cholecystectomy"}),
            "no",
            id="the-way-to-another-operation",
        ),
        pytest.param(procedure(named("Laparoscopic distal pancreatectomy")), "no", id="laparoscopic-resection"),
        pytest.param(procedure(date="", performedPeriod={"start": days_ago(4)}), "yes", id="period"),
        pytest.param(request(), "yes", id="requested"),
        pytest.param(request(GENERIC), "yes", id="requested-by-code"),
        pytest.param(request(date=""), "yes", id="requested-undated"),
        pytest.param(request(date=days_ago(60)), "yes", id="request-in-the-window"),
        pytest.param(request(date=days_ago(61)), "no", id="request-too-old"),
        pytest.param(request(status="revoked"), "no", id="request-revoked"),
        pytest.param(request(doNotPerform=True), "no", id="not-to-do"),
        pytest.param(request(date=days_ago(-3)), "no", id="request-in-the-future"),
        pytest.param(request(named("Whipple procedure")), "no", id="another-request"),
        pytest.param(appointment(), "yes", id="booked"),
        pytest.param(appointment(status="cancelled"), "no", id="booking-cancelled"),
        pytest.param(appointment(start=f"{days_ago(9)}T10:00:00Z"), "no", id="booking-past"),
        pytest.param(
            appointment(serviceType=[named("Clinic")], description="Diagnostic laparoscopy"), "yes", id="told"
        ),
        pytest.param(appointment(serviceType=[named("Clinic")]), "no", id="another-booking"),
        pytest.param(procedure() | {"code": 7}, "no", id="junk"),
    ],
)
def test_done_requested_or_booked(item: Json, state: str) -> None:
    assert arranged(item).state == state


@pytest.mark.parametrize(
    ("more", "state"),
    [
        pytest.param({}, "no", id="says-nothing"),
        pytest.param({"note": [{"text": "Staging laparoscopy first, then proceed"}]}, "yes", id="note"),
        pytest.param({"note": [{"text": "Laparoscopy then proceed"}]}, "yes", id="then-proceed"),
        pytest.param({"orderDetail": [named("staging laparoscopy first")]}, "yes", id="order-detail"),
        pytest.param({"patientInstruction": "You will have a staging laparoscopy first"}, "yes", id="instruction"),
        pytest.param({"note": [{"text": "No staging laparoscopy"}]}, "no", id="denied"),
        pytest.param({"note": [{"text": "Staging laparoscopy not needed"}]}, "no", id="not-needed"),
        pytest.param({"note": [{"text": "Previous staging laparoscopy clear"}]}, "no", id="previous"),
        pytest.param({"note": [{"text": "Laparoscopic approach"}]}, "no", id="approach"),
        pytest.param({"note": "x", "orderDetail": 3}, "no", id="junk"),
    ],
)
def test_the_resection_order_describes_it(more: Json, state: str) -> None:
    assert arranged(drafts=(whipple(**more),)).state == state


def test_the_words_of_the_order_are_quoted() -> None:
    fact = arranged(drafts=(whipple(note=[{"text": "Staging laparoscopy first"}]),))
    assert line(fact, "ServiceRequest/w1").quote == "Staging laparoscopy first"


@pytest.mark.parametrize(
    ("draft", "state"),
    [
        pytest.param(request(id="d2", status="draft"), "yes", id="draft-not-selected"),
        pytest.param(request(id="d2", status="revoked"), "no", id="draft-revoked"),
        pytest.param(whipple(id="d2", note=[{"text": "Staging laparoscopy first"}]), "no", id="unselected-resection"),
    ],
)
def test_other_drafts(draft: Json, state: str) -> None:
    assert arranged(drafts=(whipple(), draft), selections=("ServiceRequest/w1",)).state == state


@pytest.mark.parametrize(
    ("asked", "done", "state"),
    [
        pytest.param(days_ago(55), procedure(date=days_ago(50)), "no", id="done-since-and-too-long-ago"),
        pytest.param(days_ago(45), procedure(date=days_ago(50)), "yes", id="asked-again"),
        pytest.param("", procedure(date=days_ago(50)), "no", id="undated-request-ranks-oldest"),
        pytest.param(days_ago(55), procedure(date=""), "yes", id="done-undated"),
        pytest.param(days_ago(55), procedure(date=days_ago(50), status="not-done"), "yes", id="not-done"),
    ],
)
def test_a_laparoscopy_since_fulfils_a_request(asked: str, done: Json, state: str) -> None:
    assert arranged(request(date=asked), done).state == state


@pytest.mark.parametrize("key", ["procedures", "serviceRequests", "appointments"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_a_search_unfinished(key: str, how: Completeness) -> None:
    gaps = (f"{key}: was {how.value}",)
    for resources, state in (
        ((), "unknown:not-searched"),
        ((procedure(date=days_ago(90)),), "unknown:not-searched"),
        ((procedure(),), "yes"),
    ):
        fact = arranged(*resources, searches={key: how})
        assert (fact.state, fact.gaps) == (state, gaps)
