"""F6 biopsy_requested and F7 biopsy_declined_or_contraindicated."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, ICD, SNOMED, Json, coded, condition, days_ago, line, make_case, named, pathology

LIVER_BIOPSY = coded(SNOMED, "86259008", "Biopsy of liver")
PANCREAS_BIOPSY = coded(SNOMED, "274354007")
KIDNEY_BIOPSY = named("Biopsy of kidney")
PATIENT = {"reference": "Patient/p1"}
REFUSED = named("Patient refused")
BENIGN = "Liver, core biopsy: benign hepatocytes, no malignancy."
SAMPLE = [{"reference": "Specimen/sp1"}]
UNSAFE = named("Liver biopsy contraindicated: uncorrectable coagulopathy")


def request(code: Json = LIVER_BIOPSY, date: str = days_ago(5), status: str = "active", **more: Any) -> Json:
    out: Json = {"resourceType": "ServiceRequest", "id": "s1", "status": status, "intent": "order", "code": code}
    return out | ({"authoredOn": date} if date else {}) | more


def appointment(status: str = "booked", start: str = days_ago(-4), **more: Any) -> Json:
    out: Json = {
        "resourceType": "Appointment",
        "id": "ap1",
        "status": status,
        "serviceType": [LIVER_BIOPSY],
        "participant": [{"actor": PATIENT}],
    }
    return out | ({"start": f"{start}T10:00:00Z"} if start else {}) | more


def procedure(code: Json = LIVER_BIOPSY, date: str = days_ago(5), status: str = "completed", **more: Any) -> Json:
    out: Json = {"resourceType": "Procedure", "id": "pr1", "status": status, "code": code}
    return out | ({"performedDateTime": date} if date else {}) | more


def requested(*resources: Json, searches: dict[str, Completeness] | None = None, drafts: tuple[Json, ...] = ()) -> Fact:
    return make_case(*resources, searches=searches, drafts=drafts).fact("biopsy_requested")


def declined(*resources: Json, searches: dict[str, Completeness] | None = None) -> Fact:
    return make_case(*resources, searches=searches).fact("biopsy_declined_or_contraindicated")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(request(), "yes", id="active-liver-biopsy"),
        pytest.param(request(PANCREAS_BIOPSY), "yes", id="active-pancreas-biopsy"),
        pytest.param(request(named("US-guided liver biopsy")), "yes", id="by-name"),
        pytest.param(request(KIDNEY_BIOPSY), "no", id="another-organ"),
        pytest.param(request(status="revoked"), "no", id="revoked"),
        pytest.param(request(status="completed"), "no", id="completed"),
        pytest.param(request(status=""), "no", id="no-status"),
        pytest.param(request(doNotPerform=True), "no", id="not-to-do"),
        pytest.param(request(date=days_ago(60)), "yes", id="sixty-days-old"),
        pytest.param(request(date=days_ago(61)), "unknown:stale", id="older-than-its-window"),
        pytest.param(request(date=""), "yes", id="undated"),
        pytest.param(request(date=days_ago(-9)), "no", id="written-in-the-future"),
        pytest.param(
            request(date=days_ago(90), occurrenceDateTime=days_ago(-6)), "yes", id="old-but-planned-for-next-week"
        ),
        pytest.param(
            request(date=days_ago(90), occurrencePeriod={"start": days_ago(70)}), "unknown:stale", id="planned-long-ago"
        ),
        pytest.param(appointment(), "yes", id="booked"),
        pytest.param(appointment("cancelled"), "no", id="booking-cancelled"),
        pytest.param(appointment("noshow"), "no", id="booking-missed"),
        pytest.param(appointment(status=""), "no", id="booking-without-status"),
        pytest.param(appointment(start=days_ago(2)), "no", id="booking-past"),
        pytest.param(appointment(start=days_ago(1)), "yes", id="booking-of-yesterday"),
        pytest.param(
            appointment(start="", requestedPeriod=[{"start": days_ago(70)}]), "unknown:stale", id="asked-long-ago"
        ),
        pytest.param(
            appointment(start="", requestedPeriod=[{"start": days_ago(-3)}]), "yes", id="booking-requested-period"
        ),
        pytest.param(appointment(start=""), "yes", id="booking-undated"),
        pytest.param(appointment(serviceType=[], description="Liver biopsy, ultrasound"), "yes", id="booking-in-words"),
        pytest.param(appointment(serviceType=[], description="Clinic review"), "no", id="booking-of-something-else"),
        *(
            pytest.param(item, "no", id=f"{item['resourceType']}: {words}")
            for words in ("Ultrasound liver without biopsy", "Liver biopsy pathology review")
            for item in (request(named(words)), appointment(serviceType=[], description=words))
        ),
    ],
)
def test_what_counts_as_requested(item: Json, state: str) -> None:
    assert requested(item).state == state


def test_a_booking_may_refer_to_its_request() -> None:
    booked = appointment(
        serviceType=[], basedOn=[{"reference": "ServiceRequest/s1"}, {"reference": "ServiceRequest/x"}]
    )
    fact = requested(booked, request(status="completed"))
    assert fact.state == "yes"
    assert line(fact, "Appointment/ap1").counted


@pytest.mark.parametrize("status", ["draft", "active"])
def test_draft_orders_count_though_not_selected(status: str) -> None:
    draft = request(status=status) | {"subject": PATIENT}
    case = make_case(drafts=(draft,), selections=())
    assert case.fact("biopsy_requested").state == "yes"


def test_a_revoked_draft_and_another_draft_do_not_count() -> None:
    assert requested(drafts=(request(status="revoked"), {**request(KIDNEY_BIOPSY), "id": "s2"})).state == "no"


def test_a_draft_that_is_also_on_record_is_listed_once() -> None:
    assert len(requested(request(), drafts=(request(),)).evidence) == 1


@pytest.mark.parametrize(
    ("done", "state"),
    [
        pytest.param(procedure(), "no", id="procedure-completed"),
        pytest.param(procedure(status="not-done"), "yes", id="procedure-not-done"),
        pytest.param({"resourceType": "DiagnosticReport", "id": "d", "status": "final"}, "no", id="reported"),
        pytest.param({"resourceType": "DiagnosticReport", "id": "d", "status": "registered"}, "yes", id="registered"),
    ],
)
def test_a_fulfilled_request_is_over(done: Json, state: str) -> None:
    assert requested(request(), done | {"basedOn": [{"reference": "ServiceRequest/s1"}]}).state == state
    assert requested(request(), done | {"basedOn": [{"reference": "ServiceRequest/s2"}]}).state == "yes"


def test_the_latest_request_gives_the_date() -> None:
    fact = requested(request(), appointment(), request(date=days_ago(80)) | {"id": "s3"})
    assert fact.as_of == days_ago(-4)
    assert not line(fact, "ServiceRequest/s3").counted


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(procedure(status="not-done", statusReason=REFUSED), "yes", id="refused"),
        pytest.param(procedure(status="stopped", statusReason=UNSAFE), "yes", id="stopped-as-unsafe"),
        pytest.param(procedure(PANCREAS_BIOPSY, status="not-done", statusReason=REFUSED), "yes", id="pancreas-refused"),
        pytest.param(
            procedure(status="not-done", note=[{"text": "Patient declined"}]), "yes", id="refused-in-the-note"
        ),
        pytest.param(
            procedure(status="stopped", statusReason=named("Unsuccessful"), note=[{"text": "Patient declined"}]),
            "yes",
            id="failed-says-nothing",
        ),
        pytest.param(procedure(status="not-done"), "no", id="no-reason"),
        pytest.param(
            procedure(status="not-done", statusReason=named("Lesion not visualised")), "no", id="not-visualised-is-f8"
        ),
        pytest.param(procedure(status="not-done", statusReason=named("Equipment failure")), "no", id="equipment"),
        pytest.param(procedure(statusReason=REFUSED), "no", id="done-after-all"),
        pytest.param(procedure(KIDNEY_BIOPSY, status="not-done", statusReason=REFUSED), "no", id="another-organ"),
        pytest.param(procedure(date="", status="not-done", statusReason=REFUSED), "yes", id="undated"),
        pytest.param(
            procedure(date=days_ago(61), status="not-done", statusReason=REFUSED), "unknown:stale", id="long-ago"
        ),
        pytest.param(procedure(date=days_ago(60), status="not-done", statusReason=REFUSED), "yes", id="in-the-window"),
        pytest.param(procedure(date=days_ago(-9), status="not-done", statusReason=REFUSED), "no", id="in-the-future"),
        pytest.param(
            request(
                status="revoked",
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
                        "valueCodeableConcept": REFUSED,
                    }
                ],
            ),
            "yes",
            id="request-revoked-on-refusal",
        ),
        pytest.param(request(status="revoked", note=[{"text": "Patient declined"}]), "yes", id="revoked-note"),
        pytest.param(request(status="revoked"), "no", id="request-revoked-without-reason"),
        pytest.param(request(doNotPerform=True, reasonCode=[REFUSED]), "yes", id="request-not-to-do"),
        pytest.param(request(reasonCode=[REFUSED]), "no", id="live-request"),
        pytest.param(request(KIDNEY_BIOPSY, status="revoked", reasonCode=[REFUSED]), "no", id="revoked-other-organ"),
    ],
)
def test_refusals_and_contraindications(item: Json, state: str) -> None:
    assert declined(item).state == state


def consent(provision: Any, status: str = "active", date: str = days_ago(5)) -> Json:
    return {
        "resourceType": "Consent",
        "id": "k1",
        "status": status,
        "patient": PATIENT,
        "dateTime": date,
        "provision": provision,
    }


DENIED = {"type": "deny", "code": [LIVER_BIOPSY]}


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(consent(DENIED), "yes", id="denied"),
        pytest.param(consent({"type": "permit", "provision": [DENIED]}), "yes", id="denied-as-an-exception"),
        pytest.param(consent({"type": "permit", "code": [LIVER_BIOPSY]}), "no", id="permitted"),
        pytest.param(consent({"type": "deny", "code": [KIDNEY_BIOPSY]}), "no", id="another-procedure"),
        pytest.param(consent({"type": "deny"}), "no", id="denies-nothing-named"),
        pytest.param(consent(DENIED, status="inactive"), "no", id="not-in-force"),
        pytest.param(consent(DENIED, status=""), "no", id="no-status"),
        pytest.param(consent(DENIED | {"period": {"end": days_ago(2)}}), "no", id="ended"),
        pytest.param(consent(DENIED | {"period": {"end": days_ago(-2)}}), "yes", id="not-ended"),
        pytest.param(consent(DENIED, date=days_ago(90)), "unknown:stale", id="long-ago"),
        pytest.param(consent("x"), "no", id="junk"),
    ],
)
def test_consents(item: Json, state: str) -> None:
    assert declined(item).state == state


def flag(code: Json, status: str = "active", start: str = days_ago(5), **more: Any) -> Json:
    return {"resourceType": "Flag", "id": "f1", "status": status, "code": code, "period": {"start": start}} | more


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(flag(UNSAFE), "yes", id="flag"),
        pytest.param(flag(named("Liver biopsy contraindicated")), "yes", id="flag-about-biopsy"),
        pytest.param(flag(UNSAFE, "inactive"), "no", id="flag-inactive"),
        pytest.param(flag(UNSAFE, ""), "no", id="flag-without-status"),
        pytest.param(flag(UNSAFE, period={"start": days_ago(9), "end": days_ago(3)}), "no", id="flag-ended"),
        pytest.param(flag(UNSAFE, start=days_ago(90)), "unknown:stale", id="flag-long-ago"),
        pytest.param(flag(named("MRI contraindicated: pacemaker")), "no", id="flag-about-mri"),
        pytest.param(flag(named("Thrombocytopenia, bleeding risk")), "no", id="flag-that-forbids-no-biopsy"),
        pytest.param(flag(named("Fall risk")), "no", id="another-flag"),
        pytest.param(condition(UNSAFE, recordedDate=days_ago(5)), "yes", id="condition"),
        pytest.param(
            condition(coded(ICD, "D68.9"), note=[{"text": "Liver biopsy contraindicated"}]), "yes", id="noted"
        ),
        pytest.param(condition(coded(ICD, "D68.9")), "no", id="coagulopathy-code-alone"),
        pytest.param(condition(coded(ICD, "Z79.01")), "no", id="anticoagulant-alone"),
        pytest.param(condition(UNSAFE, clinical="resolved"), "no", id="condition-resolved"),
        pytest.param(condition(UNSAFE, verified="refuted"), "no", id="condition-refuted"),
        pytest.param(condition(UNSAFE, recordedDate=days_ago(90)), "unknown:stale", id="condition-long-ago"),
        pytest.param(condition(UNSAFE, onsetDateTime=days_ago(90)), "unknown:stale", id="condition-onset-long-ago"),
    ],
)
def test_flags_and_conditions(item: Json, state: str) -> None:
    assert declined(item).state == state


def test_laboratory_values_never_make_it_yes() -> None:
    inr: Json = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": coded("http://loinc.org", "6301-6"),
        "effectiveDateTime": days_ago(1),
        "valueQuantity": {"value": 4.5},
    }
    assert declined(inr).state == "no"


@pytest.mark.parametrize(
    ("later", "state"),
    [
        pytest.param(procedure(date=days_ago(3)) | {"id": "pr2"}, "no", id="performed-later"),
        pytest.param(procedure(date=days_ago(30)) | {"id": "pr2"}, "yes", id="performed-before"),
        pytest.param(procedure(date="") | {"id": "pr2"}, "yes", id="performed-undated"),
        pytest.param(procedure(KIDNEY_BIOPSY, date=days_ago(3)) | {"id": "pr2"}, "yes", id="another-organ"),
    ],
)
def test_a_later_biopsy_ends_a_refusal(later: Json, state: str) -> None:
    fact = declined(procedure(date=days_ago(10), status="not-done", statusReason=REFUSED), later)
    assert fact.state == state
    assert line(fact, "Procedure/pr1").counted is (state == "yes")


def test_a_later_biopsy_ends_nothing_that_is_undated_or_does_not_hold() -> None:
    undated = procedure(date="", status="not-done", statusReason=REFUSED)
    void = procedure(date=days_ago(10), status="not-done") | {"id": "pr3"}
    fact = declined(undated, void, procedure(date=days_ago(3)) | {"id": "pr2"})
    assert fact.state == "yes"
    assert "neither" in line(fact, "Procedure/pr3").why


ASKED = ("serviceRequests", "appointments")
RULED_OUT = ("procedures", "serviceRequests", "consents", "flags", "conditions")


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("name", "key"),
    [("biopsy_requested", key) for key in ASKED] + [("biopsy_declined_or_contraindicated", key) for key in RULED_OUT],
)
def test_no_and_stale_need_every_search(name: str, key: str, how: Completeness) -> None:
    old = request(date=days_ago(90)), procedure(date=days_ago(90), status="not-done", statusReason=REFUSED)
    for resources in ((), old):
        fact = make_case(*resources, searches={key: how}).fact(name)
        assert fact.state == "unknown:not-searched"
        assert fact.gaps == (f"{key}: was {how.value}",)
        assert not line(fact, key).counted


@pytest.mark.parametrize("key", ASKED)
def test_a_request_keeps_its_value_and_names_the_gap(key: str) -> None:
    fact = requested(request(), searches={key: Completeness.FAILED})
    assert (fact.state, fact.gaps) == ("yes", (f"{key}: was failed",))


@pytest.mark.parametrize("key", RULED_OUT)
def test_a_refusal_keeps_its_value_and_names_the_gap(key: str) -> None:
    refused = procedure(status="not-done", statusReason=REFUSED)
    fact = declined(refused, searches={key: Completeness.FAILED})
    assert (fact.state, fact.as_of, fact.gaps) == ("yes", days_ago(5), (f"{key}: was failed",))


@pytest.mark.parametrize(
    ("asked", "later", "state"),
    [
        pytest.param({}, procedure(date=days_ago(3)), "no", id="performed-later"),
        pytest.param({}, procedure(date=days_ago(9)), "yes", id="performed-before"),
        pytest.param({}, procedure(date=""), "yes", id="performed-undated"),
        pytest.param({}, procedure(date=days_ago(-9)), "yes", id="performed-in-the-future"),
        pytest.param({}, procedure(PANCREAS_BIOPSY, date=days_ago(3)), "yes", id="another-site"),
        pytest.param({}, procedure(date=days_ago(3), status="not-done"), "yes", id="not-done"),
        pytest.param({}, pathology(BENIGN, date=days_ago(3)), "no", id="reported-later"),
        pytest.param({}, pathology(BENIGN, date=days_ago(9)), "yes", id="reported-before"),
        pytest.param({}, pathology(BENIGN, date=days_ago(3), status="entered-in-error"), "yes", id="report-withdrawn"),
        pytest.param({}, pathology("Pancreas, FNA: atypical cells.", date=days_ago(3)), "yes", id="report-elsewhere"),
        pytest.param({"date": ""}, procedure(date=days_ago(90)), "no", id="undated-request-ranks-oldest"),
        pytest.param({"occurrenceDateTime": days_ago(-5)}, procedure(date=days_ago(3)), "yes", id="planned-for-later"),
    ],
)
def test_tissue_taken_after_a_request_fulfils_it(asked: Json, later: Json, state: str) -> None:
    fact = requested(request(**asked), later)
    assert fact.state == state
    assert (line(fact, "ServiceRequest/s1").why == "already carried out") is (state == "no")


def test_the_latest_tissue_taken_fulfils_a_request_in_whatever_order_it_stands() -> None:
    new, old = procedure(date=days_ago(3)), procedure(date=days_ago(40)) | {"id": "pr2"}
    for done in ((new, old), (old, new)):
        assert requested(request(), *done).state == "no"


@pytest.mark.parametrize(
    ("again", "state"),
    [
        pytest.param(request(date=days_ago(5)), "no", id="asked-again"),
        pytest.param(request(date=days_ago(20)), "yes", id="asked-before"),
        pytest.param(request(date=""), "yes", id="undated"),
        pytest.param(request(date=days_ago(-2)), "yes", id="ahead"),
        pytest.param(request(date=days_ago(5), status="revoked"), "yes", id="revoked"),
        pytest.param(request(date=days_ago(5), doNotPerform=True), "yes", id="not-to-do"),
        pytest.param(request(KIDNEY_BIOPSY, date=days_ago(5)), "yes", id="another-organ"),
    ],
)
def test_a_refusal_is_over_once_biopsy_is_asked_for_again(again: Json, state: str) -> None:
    """Also where the tissue has been taken since: no report that is not here may bring the refusal back, or end it."""
    refused = procedure(status="not-done", statusReason=REFUSED, date=days_ago(10))
    reported = pathology(BENIGN, date=days_ago(3))
    assert declined(refused, again).state == state
    assert declined(refused, again, reported).state == state


def test_the_drafts_of_the_call_end_no_refusal() -> None:
    refused = procedure(status="not-done", statusReason=REFUSED, date=days_ago(10))
    asked = request(date=days_ago(5))
    case = make_case(refused, asked, drafts=(asked,))
    assert case.fact("biopsy_declined_or_contraindicated").state == "yes"


def test_a_molecular_report_fulfils_no_request() -> None:
    specimen: Json = {"resourceType": "Specimen", "id": "sp1", "type": named("Liver tissue")}
    sequenced = pathology("Next generation sequencing: KRAS G12D.", date=days_ago(3), specimen=SAMPLE)
    sequenced["code"] = named("Molecular report")
    assert requested(request(), specimen, sequenced).state == "yes"


@pytest.mark.parametrize("words", ["INR 1.9", "High INR", "Low platelets", "Thrombocytopenia", "Deranged clotting"])
def test_laboratory_wording_is_no_contraindication(words: str) -> None:
    assert declined(procedure(status="not-done", statusReason=named(words))).state == "no"


@pytest.mark.parametrize(
    "item",
    [
        flag(named("Uncorrectable coagulopathy")),
        condition(named("Uncorrectable coagulopathy"), recordedDate=days_ago(5)),
    ],
    ids=["flag", "condition"],
)
def test_an_uncorrectable_coagulopathy_needs_no_other_word(item: Json) -> None:
    assert declined(item).state == "yes"


@pytest.mark.parametrize(
    ("newer", "state"),
    [
        pytest.param({}, "no", id="asked-again"),
        pytest.param({"date": days_ago(20)}, "yes", id="asked-before"),
        pytest.param({"date": days_ago(20), "occurrenceDateTime": days_ago(-3)}, "yes", id="asked-before-for-later"),
        pytest.param({"date": ""}, "yes", id="asked-undated"),
        pytest.param({"status": "revoked"}, "yes", id="asked-again-and-withdrawn"),
        pytest.param({"code": KIDNEY_BIOPSY}, "yes", id="another-organ"),
    ],
)
def test_a_newer_request_ends_a_refusal(newer: Json, state: str) -> None:
    refused = procedure(date=days_ago(10), status="not-done", statusReason=REFUSED)
    assert declined(refused, request(**newer)).state == state


def test_a_newer_request_ends_no_standing_contraindication() -> None:
    assert declined(flag(UNSAFE, start=days_ago(10)), request()).state == "yes"


# ---- C2: a biopsy of the liver under another guidance than plain ultrasound

CT_GUIDED = coded("http://loinc.org", "69097-4")
US_GUIDED = coded("http://loinc.org", "44170-9")


def draft(code: Json, ident: str = "d1", **more: Any) -> Json:
    return {"resourceType": "ServiceRequest", "id": ident, "status": "draft", "intent": "order", "code": code} | more


def guided(*resources: Json, **options: Any) -> Fact:
    return make_case(*resources, **options).fact("guided_biopsy_requested")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(request(CT_GUIDED), "yes", id="ct-by-code"),
        pytest.param(request(named("CT-guided liver biopsy")), "yes", id="ct-by-name"),
        pytest.param(request(named("CEUS guided liver biopsy")), "yes", id="contrast-ultrasound"),
        pytest.param(request(named("Fusion guided liver biopsy")), "yes", id="fusion"),
        pytest.param(request(named("MRI guided liver biopsy")), "yes", id="mri"),
        pytest.param(request(named("Laparoscopic liver biopsy")), "yes", id="laparoscopic"),
        pytest.param(request(orderDetail=[named("CT guided")]), "yes", id="in-the-order-detail"),
        pytest.param(request(), "no", id="guidance-not-stated"),
        pytest.param(request(US_GUIDED), "no", id="plain-ultrasound"),
        pytest.param(request(named("US or CT guided liver biopsy")), "no", id="choice-left-open"),
        pytest.param(request(named("EUS guided liver biopsy")), "no", id="endoscopic"),
        pytest.param(request(named("CT-guided pancreas biopsy")), "no", id="pancreas"),
        pytest.param(request(named("CT-guided kidney biopsy")), "no", id="kidney"),
        pytest.param(request(CT_GUIDED, status="revoked"), "no", id="revoked"),
        pytest.param(request(CT_GUIDED, doNotPerform=True), "no", id="not-to-do"),
        pytest.param(request(CT_GUIDED, date=days_ago(60)), "yes", id="last-day"),
        pytest.param(request(CT_GUIDED, date=days_ago(61)), "unknown:stale", id="past-the-window"),
        pytest.param(appointment(serviceType=[named("CT guided liver biopsy")]), "yes", id="booked"),
        pytest.param(appointment(), "no", id="booked-without-guidance"),
        pytest.param(appointment(serviceType=[CT_GUIDED], status="cancelled"), "no", id="booking-cancelled"),
        pytest.param(request() | {"code": 7}, "no", id="junk"),
    ],
)
def test_guided_biopsy_requested(item: Json, state: str) -> None:
    assert guided(item).state == state


@pytest.mark.parametrize(
    ("drafts", "state"),
    [
        pytest.param((draft(US_GUIDED),), "no", id="the-ultrasound-order-itself"),
        pytest.param((draft(US_GUIDED), draft(CT_GUIDED, "d2")), "yes", id="other-draft"),
        pytest.param((draft(US_GUIDED), draft(CT_GUIDED, "d2", status="revoked")), "no", id="other-draft-revoked"),
        pytest.param((draft(named("CT-guided pancreas biopsy")),), "no", id="pancreas"),
    ],
)
def test_guided_biopsy_among_the_drafts_selected_or_not(drafts: tuple[Json, ...], state: str) -> None:
    assert guided(drafts=drafts, selections=("ServiceRequest/d1",)).state == state


def test_tissue_taken_since_fulfils_a_guided_request() -> None:
    fact = guided(request(CT_GUIDED), procedure(date=days_ago(3)))
    assert (fact.state, line(fact, "ServiceRequest/s1").why) == ("no", "already carried out")


@pytest.mark.parametrize("key", ASKED)
@pytest.mark.parametrize("how", BROKEN)
def test_guided_biopsy_with_a_search_unfinished(key: str, how: Completeness) -> None:
    gaps = (f"{key}: was {how.value}",)
    for resources, state in (
        ((), "unknown:not-searched"),
        ((request(CT_GUIDED, date=days_ago(90)),), "unknown:not-searched"),
        ((request(CT_GUIDED),), "yes"),
    ):
        fact = guided(*resources, searches={key: how})
        assert (fact.state, fact.gaps) == (state, gaps)
