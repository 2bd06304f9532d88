"""F21: facts about the orders of the call: what is selected, how a biopsy is guided and why, which CT is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, ICD, KEYS, LOINC, SNOMED, Json, coded, condition, make_case, named
from tests.facts.test_surgery import ANY_LAPAROSCOPY, HEPATECTOMY, PALLIATIVE, WHIPPLE, intent, request

FACTS = (
    "resection_ordered",
    "biopsy_guidance_ordered",
    "biopsy_purpose_stated",
    "abdominal_ct_ordered",
)
LIVER_BIOPSY = coded(SNOMED, "86259008")
US_BIOPSY, CT_BIOPSY = coded(LOINC, "24816-1"), coded(LOINC, "24812-0")
CONTRAST_CT, PLAIN_CT = coded(LOINC, "30599-5"), coded(LOINC, "36424-0")


def drug(text: str, ident: str = "m1", **more: Any) -> Json:
    found: Json = {"resourceType": "MedicationRequest", "id": ident, "status": "draft", "intent": "order"}
    return found | {"medicationCodeableConcept": named(text)} | more


def orders(*codes: Json) -> list[Json]:
    return [request(code, id=f"s{at}") for at, code in enumerate(codes)]


@pytest.mark.parametrize("name", FACTS)
def test_no_order_is_no(name: str) -> None:
    assert make_case().fact(name).state == "no"


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", FACTS)
def test_orders_need_no_search(name: str, how: Completeness) -> None:
    fact = make_case(searches=dict.fromkeys(KEYS, how)).fact(name)
    assert (fact.state, fact.gaps) == ("no", ())


@pytest.mark.parametrize(
    ("draft", "state"),
    [
        pytest.param(request(WHIPPLE), "yes", id="pancreas"),
        pytest.param(request(HEPATECTOMY), "yes", id="liver"),
        pytest.param(request(WHIPPLE, extension=intent(PALLIATIVE)), "no", id="palliative"),
        pytest.param(request(ANY_LAPAROSCOPY), "no", id="laparoscopy"),
        pytest.param(request(named("Gastrojejunostomy")), "no", id="bypass"),
        pytest.param(request(LIVER_BIOPSY), "no", id="biopsy"),
    ],
)
def test_resection_ordered(draft: Json, state: str) -> None:
    fact = make_case(drafts=[draft]).fact("resection_ordered")
    assert fact.state == state
    assert [line.reference for line in fact.evidence] == (["ServiceRequest/s1"] if state == "yes" else [])


def test_only_selected_orders_count() -> None:
    case = make_case(drafts=[request(WHIPPLE), drug("Gemcitabine")], selections=("MedicationRequest/m1",))
    assert case.fact("resection_ordered").state == "no"
    assert [order.reference for order in case.orders.selected] == ["MedicationRequest/m1"]


def test_the_weaker_source_is_named() -> None:
    fact = make_case(drafts=[request(named("Whipple procedure"))]).fact("resection_ordered")
    assert "recognised by its name only" in fact.evidence[0].why


@pytest.mark.parametrize(
    ("code", "more", "state"),
    [
        pytest.param(US_BIOPSY, {}, "yes:ultrasound", id="ultrasound-code"),
        pytest.param(named("Ultrasound-guided biopsy of liver"), {}, "yes:ultrasound", id="ultrasound-name"),
        pytest.param(LIVER_BIOPSY, {"orderDetail": [named("US guided")]}, "yes:ultrasound", id="ultrasound-detail"),
        pytest.param(LIVER_BIOPSY, {}, "yes:unstated", id="not-stated"),
        pytest.param(named("Liver biopsy"), {}, "yes:unstated", id="not-stated-name"),
        pytest.param(CT_BIOPSY, {}, "yes:other", id="ct-code"),
        pytest.param(named("CT-guided liver biopsy"), {}, "yes:other", id="ct-name"),
        pytest.param(named("MRI-guided liver biopsy"), {}, "yes:other", id="mri"),
        pytest.param(coded(LOINC, "69197-2"), {}, "yes:other", id="mri-code"),
        pytest.param(named("CEUS-guided liver biopsy"), {}, "yes:other", id="ceus"),
        pytest.param(named("Liver biopsy by CT/US fusion"), {}, "yes:other", id="fusion"),
        pytest.param(named("EUS-guided liver biopsy"), {}, "yes:other", id="endoscopic"),
        pytest.param(named("Laparoscopic liver biopsy"), {}, "yes:other", id="laparoscopic"),
        pytest.param(coded(SNOMED, "708248004"), {}, "no", id="code-that-is-not-known"),
        pytest.param(named("Transjugular liver biopsy"), {}, "yes:other", id="transjugular"),
        pytest.param(US_BIOPSY | {"text": "CEUS-guided"}, {}, "yes:other", id="code-refined-by-words"),
        pytest.param(US_BIOPSY | {"text": "Liver lesion seen on CT"}, {}, "yes:ultrasound", id="seen-on-ct-coded-us"),
        pytest.param(
            named("Liver biopsy, US or CT at radiologist's choice"), {}, "yes:unstated", id="choice-left-open"
        ),
        pytest.param(LIVER_BIOPSY, {"note": [{"text": "Please do CT guided"}]}, "yes:other", id="ct-in-a-note"),
        pytest.param(LIVER_BIOPSY, {"note": [{"text": "CEUS if possible"}]}, "yes:other", id="ceus-in-a-note"),
        pytest.param(
            LIVER_BIOPSY,
            {"note": [{"text": "Biopsy of segment 6 lesion seen on CT"}]},
            "yes:unstated",
            id="lesion-seen-on-ct-in-a-note",
        ),
        pytest.param(
            LIVER_BIOPSY,
            {"note": [{"text": "Ultrasound guided biopsy failed"}]},
            "yes:unstated",
            id="earlier-ultrasound-in-a-note",
        ),
        pytest.param(US_BIOPSY, {"note": 3, "orderDetail": "x"}, "yes:ultrasound", id="junk"),
        pytest.param(named("EUS-guided biopsy of pancreas"), {}, "no", id="pancreas"),
        pytest.param(US_BIOPSY, {"status": "revoked"}, "no", id="not-live"),
    ],
)
def test_biopsy_guidance_ordered(code: Json, more: Json, state: str) -> None:
    assert make_case(drafts=[request(code, **more)]).fact("biopsy_guidance_ordered").state == state


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ((US_BIOPSY, CT_BIOPSY), "yes:other"),
        ((LIVER_BIOPSY, CT_BIOPSY), "yes:other"),
        ((LIVER_BIOPSY, US_BIOPSY), "yes:ultrasound"),
    ],
)
def test_of_several_biopsies_other_guidance_decides(codes: tuple[Json, ...], state: str) -> None:
    fact = make_case(drafts=orders(*codes)).fact("biopsy_guidance_ordered")
    assert fact.state == state
    assert [line.reference for line in fact.evidence] == ["ServiceRequest/s0", "ServiceRequest/s1"]


@pytest.mark.parametrize(
    ("more", "purpose"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"reasonCode": [named("Molecular profiling")]}, "molecular", id="molecular"),
        pytest.param({"code": named("Liver biopsy for next generation sequencing")}, "molecular", id="in-the-name"),
        pytest.param({"reasonCode": [named("Suspected recurrence")]}, "recurrence", id="recurrence"),
        pytest.param({"reasonCode": [named("No evidence of recurrence")]}, "", id="no-recurrence"),
        pytest.param({"note": [{"text": "Screening biopsy for clinical trial"}]}, "trial", id="trial"),
        *(
            pytest.param({"note": [{"text": words}]}, purpose, id=words)
            for words, purpose in (
                ("Exclude lymphoma", "diagnostic doubt"),
                ("? lymphoma", "diagnostic doubt"),
                ("Mass in the head, ? Lymphoma", "diagnostic doubt"),
                ("?autoimmune pancreatitis", "diagnostic doubt"),
                ("? autoimmune pancreatitis", "diagnostic doubt"),
                ("Diagnosis uncertain", "diagnostic doubt"),
                ("IgG4 raised", "diagnostic doubt"),
                ("Lymphoma excluded", ""),
                ("Autoimmune pancreatitis ruled out", ""),
                ("IgG4 not raised", ""),
                ("IgG4 normal", ""),
                ("No diagnostic doubt", ""),
                ("Diagnosis certain", ""),
                ("Enrolled in a trial of FOLFIRINOX", "trial enrolment"),
                ("Randomised in METAPANC", "trial enrolment"),
                ("Not enrolled in a study", ""),
            )
        ),
        pytest.param({"reasonCode": [named("? IgG4-related disease")]}, "diagnostic doubt", id="doubt-as-reason"),
        pytest.param({"note": [{"text": "Not eligible for trial"}]}, "", id="not-in-a-trial"),
        pytest.param({"orderDetail": [named("exclude second primary")]}, "other primary", id="other-primary"),
        pytest.param({"reasonCode": [coded(ICD, "C64.9")]}, "other primary", id="another-cancer-coded"),
        pytest.param({"reasonCode": [named("Renal cell carcinoma")]}, "other primary", id="another-cancer-in-words"),
        pytest.param({"reasonCode": [coded(ICD, "C25.0")]}, "", id="this-cancer"),
        pytest.param({"reasonCode": [coded(ICD, "C78.7")]}, "", id="liver-metastasis"),
        pytest.param({"reasonReference": [{"display": "Recurrent disease"}]}, "recurrence", id="reference-display"),
        pytest.param({"reasonReference": [{"reference": "Condition/other"}]}, "other primary", id="reference"),
        pytest.param({"reasonReference": [{"reference": "Condition/none"}]}, "", id="dead-reference"),
        pytest.param({"reasonCode": 4, "note": "x", "orderDetail": 5}, "", id="junk"),
    ],
)
def test_biopsy_purpose_stated(more: Json, purpose: str) -> None:
    other = condition(coded(ICD, "C50.919"), "other")
    fact = make_case(other, drafts=[request(LIVER_BIOPSY) | more]).fact("biopsy_purpose_stated")
    assert fact.state == ("yes" if purpose else "no")
    (line,) = fact.evidence
    assert (line.counted, line.why) == (
        bool(purpose),
        f"purpose: {purpose}" if purpose else "states no purpose of a repeat biopsy",
    )


def test_the_purpose_of_a_pancreas_biopsy_counts_too() -> None:
    draft = request(named("EUS-guided biopsy of pancreas"), note=[{"text": "for molecular testing"}])
    assert make_case(drafts=[draft]).fact("biopsy_purpose_stated").state == "yes"


def test_the_purpose_of_another_order_says_nothing() -> None:
    draft = request(WHIPPLE, note=[{"text": "clinical trial"}])
    assert make_case(drafts=[draft]).fact("biopsy_purpose_stated").state == "no"


PROTOCOL_CT = CONTRAST_CT | {"text": "CT pancreas protocol"}


@pytest.mark.parametrize(
    ("codes", "selections", "state"),
    [
        pytest.param((CONTRAST_CT,), None, "yes:unstated", id="contrast"),
        pytest.param((PLAIN_CT,), None, "yes:other", id="without-contrast"),
        pytest.param((PROTOCOL_CT,), None, "yes:pancreas-protocol", id="protocol"),
        pytest.param((PLAIN_CT, CONTRAST_CT), None, "yes:unstated", id="unstated-before-other"),
        pytest.param((CONTRAST_CT, PROTOCOL_CT), None, "yes:pancreas-protocol", id="protocol-among-others"),
        pytest.param((CONTRAST_CT, PROTOCOL_CT), ("s0",), "yes:pancreas-protocol", id="protocol-not-selected"),
        pytest.param((PROTOCOL_CT,), (), "yes:pancreas-protocol", id="protocol-is-there-already"),
        pytest.param((CONTRAST_CT, PLAIN_CT), ("s1",), "yes:other", id="the-selected-one"),
        pytest.param((CONTRAST_CT,), (), "no", id="none-selected"),
        pytest.param((named("FDG PET-CT abdomen"),), None, "no", id="pet-ct"),
    ],
)
def test_abdominal_ct_ordered(codes: tuple[Json, ...], selections: tuple[str, ...] | None, state: str) -> None:
    assert make_case(drafts=orders(*codes), selections=selections).fact("abdominal_ct_ordered").state == state


def test_a_ct_that_is_not_selected_is_listed() -> None:
    (line,) = make_case(drafts=orders(CONTRAST_CT), selections=()).fact("abdominal_ct_ordered").evidence
    assert (line.reference, line.counted, line.why) == ("ServiceRequest/s0", False, "protocol: unstated")
