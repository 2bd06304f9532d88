"""Bleeding risk data: shown, never computed on."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, ICD, LOINC, Json, coded, condition, days_ago, line, make_case, named

INR = coded(LOINC, "6301-6", "INR")
PLATELETS = coded(LOINC, "777-3", "Platelets")
SEARCHES = ("observations", "conditions", "medicationRequests", "medicationStatements")


def value(
    analyte: Json, number: Any, date: str = days_ago(2), ident: str = "o1", status: str = "final", **more: Any
) -> Json:
    out: Json = {"resourceType": "Observation", "id": ident, "status": status, "code": analyte}
    out["valueQuantity"] = {"value": number} | more
    return out | ({"effectiveDateTime": date} if date else {})


def risk(*resources: Json, searches: dict[str, Completeness] | None = None) -> Fact:
    return make_case(*resources, searches=searches).fact("bleeding_risk")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        pytest.param(value(INR, 1.4), "INR 1.4", id="inr"),
        pytest.param(value(PLATELETS, 85, unit="10*9/L"), "Platelets 85 10*9/L", id="platelets"),
        pytest.param(value(PLATELETS, 1250000, code="/uL"), "Platelets 1250000 /uL", id="large-number-unit-code"),
        pytest.param(value(PLATELETS, 10, comparator="<", unit="10*9/L"), "Platelets <10 10*9/L", id="comparator"),
        pytest.param(value(INR, "?") | {"valueString": "clotted"}, "INR clotted", id="text"),
        pytest.param(value(INR, None), "INR", id="no-value"),
        pytest.param(value(INR, 1.1, ""), "INR 1.1", id="undated"),
    ],
)
def test_values_are_shown_as_sent(item: Json, text: str) -> None:
    fact = risk(item)
    assert fact.state == "yes"
    assert line(fact, "Observation/o1").text == text


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(value(INR, 1.4, status="cancelled"), id="cancelled"),
        pytest.param(value(INR, 1.4, days_ago(-5)), id="future"),
        pytest.param(value(coded(LOINC, "24108-3"), 900), id="another-analyte"),
        pytest.param(condition(coded(ICD, "I10")), id="another-condition"),
        pytest.param(condition(coded(ICD, "C25.0")), id="a-cancer"),
        pytest.param(condition(coded(ICD, "D68.9"), verified="refuted"), id="refuted"),
        pytest.param(condition(coded(ICD, "D68.9"), clinical="resolved"), id="resolved"),
    ],
)
def test_what_is_no_bleeding_risk_data(item: Json) -> None:
    assert risk(item).state == "no"


def test_only_the_latest_value_of_an_analyte_is_shown() -> None:
    fact = risk(value(INR, 1.1, days_ago(9), "o2"), value(INR, 1.9, days_ago(1)), value(INR, 1.2, "", "o3"))
    assert [item.reference for item in fact.evidence] == ["Observation/o1"]


@pytest.mark.parametrize(
    "item", [condition(coded(ICD, "D69.6")), condition(coded(ICD, "Z79.01")), condition(named("Coagulopathy"))]
)
def test_conditions_are_shown(item: Json) -> None:
    assert risk(item).state == "yes"


@pytest.mark.parametrize("key", SEARCHES)
@pytest.mark.parametrize("how", BROKEN)
def test_no_needs_every_search(key: str, how: Completeness) -> None:
    fact = risk(searches={key: how})
    assert (fact.state, fact.gaps) == ("unknown:not-searched", (f"{key}: was {how.value}",))
    kept = risk(value(INR, 1.4), searches={key: how})
    assert (kept.state, kept.gaps) == ("yes", fact.gaps)


def taken(kind: str = "MedicationRequest", status: str = "active", name: str = "Apixaban 5 mg", **more: Any) -> Json:
    return {"resourceType": kind, "id": "m1", "status": status, "medicationCodeableConcept": named(name)} | more


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([taken()], "yes", id="order"),
        pytest.param([taken("MedicationStatement")], "yes", id="statement"),
        pytest.param([taken(status="stopped")], "no", id="stopped"),
        pytest.param([taken(doNotPerform=True)], "no", id="not-to-be-given"),
        pytest.param([taken(name="Heparin lock flush 10 units/mL")], "no", id="catheter-flush"),
        pytest.param([taken(name="Paracetamol")], "no", id="another-drug"),
        pytest.param(
            [
                taken(name="", medicationReference={"reference": "Medication/d1"}),
                {"resourceType": "Medication", "id": "d1", "code": named("Warfarin")},
            ],
            "yes",
            id="by-reference",
        ),
    ],
)
def test_anticoagulants_are_shown(resources: list[Json], state: str) -> None:
    assert risk(*resources).state == state
