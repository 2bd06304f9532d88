"""F15 ca19_9_markedly_elevated and bilirubin_raised."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, LOINC, Json, coded, condition, days_ago, line, make_case, named

UCUM = "http://unitsofmeasure.org"
KEYS = ("observations", "conditions")


def result(test: Json, value: Any, unit: str, ident: str, date: str, status: str, **quantity: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": status,
        "code": test,
        "effectiveDateTime": date,
        "valueQuantity": {"value": value, "unit": unit} | quantity,
    }


def marker(
    value: Any, unit: str = "U/mL", ident: str = "ca", date: str = days_ago(5), status: str = "final", **quantity: Any
) -> Json:
    return result(coded(LOINC, "24108-3"), value, unit, ident, date, status, **quantity)


def marker_text(text: Any) -> Json:
    out = marker(0) | {"valueString": text}
    del out["valueQuantity"]
    return out


def bilirubin(
    value: Any, unit: str = "umol/L", ident: str = "bili", date: str = days_ago(5), status: str = "final", **more: Any
) -> Json:
    """A total bilirubin; its upper limit is 20 umol/L unless ``high`` or ``referenceRange`` say otherwise."""
    high = more.pop("high", {"value": 20, "unit": "umol/L"})
    more = {"referenceRange": [{"high": high}]} | more
    return result(coded(LOINC, "14631-6"), value, unit, ident, date, status) | more


CALM = bilirubin(12)
CHOLANGITIS = condition(named("Acute cholangitis"), "chol")


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-found", id="nothing"),
        pytest.param([CALM], "unknown:not-found", id="bilirubin-alone"),
        pytest.param([marker(501), CALM], "yes", id="above-the-limit"),
        pytest.param([marker(500), CALM], "unknown:indeterminate", id="at-the-limit"),
        pytest.param([marker(151), CALM], "unknown:indeterminate", id="between"),
        pytest.param([marker(150)], "no", id="low-needs-no-bilirubin"),
        pytest.param([marker(2)], "no", id="just-detectable"),
        pytest.param([marker(1.9)], "unknown:indeterminate", id="lewis-negative"),
        pytest.param([marker(0)], "unknown:indeterminate", id="zero"),
        pytest.param([marker(-5)], "unknown:uninterpretable", id="impossible"),
        # Bounds.
        pytest.param([marker(1000, comparator=">"), CALM], "yes", id="more-than-1000"),
        pytest.param([marker(500, comparator=">"), CALM], "yes", id="more-than-500"),
        pytest.param([marker(300, comparator=">"), CALM], "unknown:indeterminate", id="more-than-300"),
        pytest.param([marker(100, comparator=">"), CALM], "unknown:indeterminate", id="more-than-100"),
        pytest.param([marker(2, comparator="<")], "unknown:indeterminate", id="less-than-2"),
        pytest.param([marker(5, comparator="<")], "unknown:indeterminate", id="less-than-5-may-be-undetectable"),
        pytest.param([marker(5000, comparator="<"), CALM], "unknown:indeterminate", id="less-than-5000"),
        # Units and texts.
        pytest.param([marker(900, "kU/L"), CALM], "yes", id="kU/L"),
        pytest.param([marker(900, "x", code="k[IU]/L", system=UCUM), CALM], "yes", id="k[IU]/L"),
        pytest.param([marker(900, "x", code="[arb'U]/mL", system=UCUM), CALM], "yes", id="arbitrary-units"),
        pytest.param([marker(900, "[IU]/mL"), CALM], "yes", id="[IU]/mL"),
        pytest.param([marker(900, "U/L"), CALM], "unknown:uninterpretable", id="U/L-is-a-thousandth"),
        pytest.param([marker(900, "ng/mL"), CALM], "unknown:uninterpretable", id="mass"),
        pytest.param([marker(900, ""), CALM], "unknown:uninterpretable", id="no-unit"),
        pytest.param([marker("900"), CALM], "unknown:uninterpretable", id="value-of-a-wrong-type"),
        pytest.param([marker_text(">1000 U/mL"), CALM], "yes", id="text"),
        pytest.param([marker_text(">1000"), CALM], "unknown:uninterpretable", id="text-without-unit"),
        pytest.param([marker_text("elevated"), CALM], "unknown:uninterpretable", id="text-without-number"),
        pytest.param([marker_text(None), CALM], "unknown:uninterpretable", id="no-value"),
        # What is measured.
        pytest.param([marker(900) | {"code": coded(LOINC, "83084-4")}, CALM], "yes", id="immunoassay"),
        pytest.param([marker(900) | {"code": coded(LOINC, "26924-1")}, CALM], "unknown:not-found", id="body-fluid"),
        pytest.param([marker(900) | {"code": coded(LOINC, "50781-4")}, CALM], "unknown:not-found", id="peritoneal"),
        pytest.param([marker(900) | {"code": coded(LOINC, "97750-4")}, CALM], "unknown:not-found", id="aspirate"),
        pytest.param([marker(900) | {"code": coded(LOINC, "2009-9")}, CALM], "unknown:not-found", id="presence"),
        pytest.param([marker(900) | {"code": named("CA 19-9")}, CALM], "unknown:uninterpretable", id="by-name-only"),
        pytest.param([marker(900) | {"code": named("CA 19-9 cyst fluid")}, CALM], "unknown:not-found", id="cyst"),
        pytest.param([marker(900) | {"code": named("CEA")}, CALM], "unknown:not-found", id="another-marker"),
        pytest.param(
            [marker_text("CA 19-9 see letter") | {"code": named("Comment")}], "unknown:not-found", id="named-in-a-value"
        ),
        pytest.param([marker(900, ident="n") | {"code": named("CA19-9")}, marker(10)], "no", id="code-beats-name"),
        # Time and status.
        pytest.param([marker(900, date=days_ago(30)), bilirubin(12, date=days_ago(30))], "yes", id="last-day"),
        pytest.param([marker(900, date=days_ago(31)), bilirubin(12, date=days_ago(31))], "unknown:stale", id="old"),
        pytest.param([marker(900, date=""), CALM], "unknown:stale", id="undated"),
        pytest.param([marker(900, date=days_ago(-3)), CALM], "unknown:not-found", id="future"),
        pytest.param([marker(900, status="preliminary"), CALM], "unknown:not-found", id="not-final"),
        pytest.param([marker(900, status="entered-in-error"), CALM], "unknown:not-found", id="in-error"),
        pytest.param([marker(900, status="unknown"), CALM], "unknown:uninterpretable", id="status-unknown"),
        pytest.param([marker(900, status="corrected"), CALM], "yes", id="corrected"),
        pytest.param([marker(900, ident="a", date=days_ago(9)), marker(20), CALM], "no", id="latest-is-low"),
        pytest.param([marker(20, ident="a", date=days_ago(9)), marker(900), CALM], "yes", id="latest-is-high"),
        pytest.param(
            [marker(20, ident="a", date=days_ago(9)), marker("x")], "unknown:uninterpretable", id="last-unread"
        ),
        pytest.param([marker(20, ident="a"), marker(900), CALM], "unknown:indeterminate", id="one-day-disagrees"),
        pytest.param([marker(800, ident="a"), marker(900), CALM], "yes", id="one-day-agrees"),
        pytest.param([marker(900, ident="a"), marker("x"), CALM], "unknown:indeterminate", id="one-day-half-unread"),
        # Bilirubin and cholangitis.
        pytest.param([marker(900)], "unknown:indeterminate", id="no-bilirubin"),
        pytest.param([marker(900), bilirubin(40)], "yes", id="twice-the-limit"),
        pytest.param([marker(900), bilirubin(41)], "unknown:indeterminate", id="jaundice"),
        pytest.param([marker(900), bilirubin(12, date=days_ago(12))], "yes", id="seven-days-before"),
        pytest.param([marker(900), bilirubin(12, date=days_ago(13))], "unknown:indeterminate", id="eight-days-before"),
        pytest.param(
            [marker(900, date=days_ago(9)), bilirubin(12, date=days_ago(1))], "unknown:indeterminate", id="after"
        ),
        pytest.param([marker(900), bilirubin(12, date="")], "unknown:indeterminate", id="bilirubin-undated"),
        pytest.param([marker(900), bilirubin(12, date="2026-02")], "unknown:indeterminate", id="bilirubin-of-a-month"),
        pytest.param(
            [marker(900), bilirubin(12, status="preliminary")], "unknown:indeterminate", id="bilirubin-awaited"
        ),
        pytest.param([marker(900), bilirubin(12, "%")], "unknown:indeterminate", id="bilirubin-unit"),
        pytest.param([marker(900), bilirubin(-1)], "unknown:indeterminate", id="bilirubin-impossible"),
        pytest.param([marker(900), bilirubin(12, high=None)], "unknown:indeterminate", id="no-upper-limit"),
        pytest.param(
            [marker(900), bilirubin(12), bilirubin(80, ident="b", date=days_ago(10))],
            "unknown:indeterminate",
            id="jaundice-that-has-just-gone",
        ),
        pytest.param([marker(900), bilirubin(12), bilirubin("x", ident="b")], "yes", id="one-bilirubin-unread"),
        pytest.param([marker(900), bilirubin(2.3, "mg/dL")], "yes", id="39-umol-in-mg"),
        pytest.param([marker(900), bilirubin(2.4, "mg/dL")], "unknown:indeterminate", id="41-umol-in-mg"),
        pytest.param([marker(900), CALM, CHOLANGITIS], "unknown:indeterminate", id="cholangitis"),
        pytest.param([marker(900), CALM, CHOLANGITIS | {"clinicalStatus": "resolved"}], "yes", id="cholangitis-past"),
        pytest.param([marker(100), CHOLANGITIS], "no", id="low-in-spite-of-cholangitis"),
    ],
)
def test_ca19_9_markedly_elevated(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("ca19_9_markedly_elevated").state == state


def test_the_marker_and_what_it_was_read_beside_are_listed() -> None:
    resources = (
        marker(300, ident="old", date=days_ago(20)),
        marker(1000, comparator=">"),
        marker(900, ident="fluid") | {"code": coded(LOINC, "26924-1")},
        bilirubin(12),
        bilirubin(70, ident="far", date=days_ago(25)),
    )
    fact = make_case(*resources).fact("ca19_9_markedly_elevated")
    assert (fact.state, fact.as_of, fact.number, fact.label) == ("yes", days_ago(5), 1000, ">1000 U/mL")
    assert {item.reference: item.counted for item in fact.evidence} == {
        "Observation/old": False,
        "Observation/ca": True,
        "Observation/fluid": False,
        "Observation/bili": True,
    }
    assert line(fact, "Observation/fluid").why == "not measured in serum or plasma, or presence only"
    assert line(fact, "Observation/ca").text == "24108-3 >1000 U/mL"


def admitted(words: str = "Acute cholangitis", status: str = "in-progress", **more: Any) -> Json:
    return {
        "resourceType": "Encounter",
        "id": "enc",
        "status": status,
        "class": {"code": "IMP"},
        "period": {"start": days_ago(1)},
        "reasonCode": [named(words)],
    } | more


@pytest.mark.parametrize(
    ("visit", "state"),
    [
        pytest.param(admitted(), "unknown:indeterminate", id="admitted-for-cholangitis"),
        pytest.param(admitted("Cholangitis and bleeding"), "unknown:indeterminate", id="among-others"),
        pytest.param(admitted("Upper GI bleeding"), "yes", id="another-emergency"),
        pytest.param(admitted("Primary sclerosing cholangitis"), "yes", id="another-cholangitis"),
        pytest.param(admitted(status="finished"), "yes", id="past"),
        pytest.param(admitted(reasonCode=7), "yes", id="malformed"),
        pytest.param(
            admitted("", reasonReference=[{"reference": "Condition/chol"}]), "unknown:indeterminate", id="by-reference"
        ),
    ],
)
def test_cholangitis_as_the_reason_of_the_encounter_explains_too(visit: Json, state: str) -> None:
    resources = [CHOLANGITIS | {"clinicalStatus": "resolved"}] if "reasonReference" in visit else []
    fact = make_case(marker(900), CALM, visit, *resources).fact("ca19_9_markedly_elevated")
    assert fact.state == state
    assert any(item.reference == "Encounter/enc" for item in fact.evidence) is (state != "yes")
    assert make_case(marker(100), CALM, visit, *resources).fact("ca19_9_markedly_elevated").state == "no"


def test_cholangitis_is_listed_where_it_explains() -> None:
    fact = make_case(marker(900), CALM, CHOLANGITIS).fact("ca19_9_markedly_elevated")
    assert line(fact, "Condition/chol").counted
    jaundice = make_case(marker(900), bilirubin(90)).fact("ca19_9_markedly_elevated")
    assert line(jaundice, "Observation/bili").why == "more than 2 times its upper limit"
    unclear = make_case(marker(900), bilirubin(12, high=None)).fact("ca19_9_markedly_elevated")
    assert line(unclear, "Observation/bili").why == "cannot be compared with its upper limit"


def test_the_limits_are_settings() -> None:
    case = make_case(marker(200), CALM, ca19_9_high=199, ca19_9_low=100)
    assert case.fact("ca19_9_markedly_elevated").state == "yes"
    assert make_case(marker(3), ca19_9_detectable=4).fact("ca19_9_markedly_elevated").state == "unknown:indeterminate"
    old = marker(100, date=days_ago(40))
    assert make_case(old, ca19_9_window=40).fact("ca19_9_markedly_elevated").state == "no"
    far = (marker(900), bilirubin(50, date=days_ago(14)))
    assert make_case(*far, bilirubin_reach=9, bilirubin_multiple=3).fact("ca19_9_markedly_elevated").state == "yes"
    without = bilirubin(12, referenceRange=[])
    assert make_case(marker(900), without, bilirubin_upper_limit=20).fact("ca19_9_markedly_elevated").state == "yes"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([marker(900, date=days_ago(90))], "unknown:not-searched", id="stale"),
        pytest.param([marker(100)], "unknown:not-searched", id="low"),
        pytest.param([marker(900), CALM], "yes", id="high"),
        pytest.param([marker(300)], "unknown:indeterminate", id="between"),
        pytest.param([marker("x")], "unknown:uninterpretable", id="unread"),
    ],
)
def test_ca19_9_with_a_search_unfinished(key: str, how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(*resources, searches={key: how}).fact("ca19_9_markedly_elevated")
    assert (fact.state, fact.gaps) == (state, (f"{key}: was {how.value}",))


@pytest.mark.parametrize(
    ("key", "state"), [("observations", "unknown:not-searched"), ("conditions", "unknown:indeterminate")]
)
def test_a_bilirubin_that_was_not_found_may_not_have_been_searched(key: str, state: str) -> None:
    case = make_case(marker(900), searches={key: Completeness.FAILED})
    assert case.fact("ca19_9_markedly_elevated").state == state


# ---- Bilirubin


@pytest.mark.parametrize(
    ("resources", "state", "number"),
    [
        pytest.param([], "unknown:not-found", None, id="nothing"),
        pytest.param([marker(900)], "unknown:not-found", None, id="another-test"),
        pytest.param([bilirubin(20)], "no", 20, id="at-the-limit"),
        pytest.param([bilirubin(21)], "yes", 21, id="above"),
        pytest.param([bilirubin(2, "mg/dL")], "yes", 34.2, id="mg/dL"),
        pytest.param([bilirubin(2, "mg/dL", high={"value": 2.1, "unit": "mg/dL"})], "no", 34.2, id="limit-in-mg/dL"),
        pytest.param([bilirubin(2, "mg/dL", high={"value": 2.1})], "no", 34.2, id="limit-in-the-unit-of-the-result"),
        pytest.param([bilirubin(21, "mmol/L")], "unknown:uninterpretable", None, id="another-unit"),
        pytest.param([bilirubin(21, "")], "unknown:uninterpretable", None, id="no-unit"),
        pytest.param([bilirubin("21")], "unknown:uninterpretable", None, id="value-of-a-wrong-type"),
        pytest.param([bilirubin(21, high=None)], "unknown:uninterpretable", None, id="no-limit"),
        pytest.param(
            [bilirubin(21, high={"value": 0, "unit": "umol/L"})], "unknown:uninterpretable", None, id="limit-0"
        ),
        pytest.param([bilirubin(21, high={"value": 9, "unit": "%"})], "unknown:uninterpretable", None, id="limit-unit"),
        pytest.param([bilirubin(21, referenceRange="x")], "unknown:uninterpretable", None, id="range-of-a-wrong-type"),
        pytest.param(
            [bilirubin(21, referenceRange=[{"high": {"value": 20}}, {"high": {"value": 30}}])],
            "unknown:uninterpretable",
            None,
            id="two-ranges",
        ),
        pytest.param(
            [
                bilirubin(
                    21,
                    referenceRange=[
                        {"high": {"value": 20}, "type": coded("urn:x", "normal")},
                        {"high": {"value": 300}, "type": coded("urn:x", "treatment")},
                    ],
                )
            ],
            "yes",
            21,
            id="only-the-normal-range",
        ),
        pytest.param([bilirubin(21, date=days_ago(30))], "yes", 21, id="last-day"),
        pytest.param([bilirubin(21, date=days_ago(31))], "unknown:stale", None, id="old"),
        pytest.param([bilirubin(21, date="")], "unknown:stale", None, id="undated"),
        pytest.param([bilirubin(21, date=days_ago(-3))], "unknown:not-found", None, id="future"),
        pytest.param([bilirubin(21, status="registered")], "unknown:not-found", None, id="not-final"),
        pytest.param([bilirubin(21, status="")], "unknown:uninterpretable", None, id="status-not-told"),
        pytest.param([bilirubin(90, ident="a", date=days_ago(9)), bilirubin(12)], "no", 12, id="latest-is-normal"),
        pytest.param([bilirubin(25, ident="a"), bilirubin(12)], "yes", 25, id="any-of-the-day"),
        pytest.param([bilirubin(25, ident="a"), bilirubin("x")], "yes", 25, id="one-of-the-day-unread"),
        pytest.param([bilirubin(12, ident="a"), bilirubin("x")], "unknown:uninterpretable", None, id="half-unread"),
        pytest.param([bilirubin(12) | {"code": named("Total bilirubin")}], "unknown:not-found", None, id="no-code"),
        pytest.param(
            [bilirubin(12) | {"code": named("Order"), "valueCodeableConcept": coded(LOINC, "14631-6")}],
            "unknown:not-found",
            None,
            id="bilirubin-as-a-value",
        ),
    ],
)
def test_bilirubin_raised(resources: list[Json], state: str, number: float | None) -> None:
    fact = make_case(*resources).fact("bilirubin_raised")
    assert (fact.state, fact.number) == (state, None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    ("comparator", "value", "state"), [("<", 5, "no"), (">", 300, "yes"), ("<", 50, "unknown:uninterpretable")]
)
def test_a_bound_on_bilirubin(comparator: str, value: int, state: str) -> None:
    item = bilirubin(value)
    item["valueQuantity"]["comparator"] = comparator
    assert make_case(item).fact("bilirubin_raised").state == state


def test_bilirubin_against_the_limit_of_the_settings() -> None:
    assert make_case(bilirubin(21, high=None), bilirubin_upper_limit=20).fact("bilirubin_raised").state == "yes"
    assert make_case(bilirubin(21, high={"value": 25}), bilirubin_upper_limit=20).fact("bilirubin_raised").state == "no"


def test_only_the_deciding_bilirubin_counts() -> None:
    fact = make_case(bilirubin(90, ident="a", date=days_ago(9)), bilirubin(12, ident="b"), bilirubin(30)).fact(
        "bilirubin_raised"
    )
    assert (fact.as_of, fact.label) == (days_ago(5), "30 umol/L")
    assert [item.counted for item in fact.evidence] == [False, False, True]


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([bilirubin(12)], "unknown:not-searched", id="normal"),
        pytest.param([bilirubin(12, date=days_ago(90))], "unknown:not-searched", id="stale"),
        pytest.param([bilirubin(30)], "yes", id="raised"),
        pytest.param([bilirubin("x")], "unknown:uninterpretable", id="unread"),
    ],
)
def test_bilirubin_with_a_search_unfinished(how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(*resources, searches={"observations": how}).fact("bilirubin_raised")
    assert (fact.state, fact.gaps) == (state, (f"observations: was {how.value}",))
