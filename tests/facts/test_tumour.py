"""F16 left_sided_tumour and tumour_large."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    ICD,
    LOINC,
    SNOMED,
    Json,
    coded,
    condition,
    days_ago,
    line,
    liver_metastasis,
    make_case,
    named,
    pancreatic_cancer,
)

TAIL, HEAD = coded(SNOMED, "73239005"), coded(SNOMED, "64163001")


def cancer(code: str = "C25.9", ident: str = "c1", text: str = "", **more: Any) -> Json:
    return condition(coded(ICD, code) | ({"text": text} if text else {}), ident, **more)


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-found", id="nothing"),
        pytest.param([cancer("C25.1")], "yes", id="body"),
        pytest.param([cancer("C25.2")], "yes", id="tail"),
        pytest.param([cancer("C25.0")], "no", id="head"),
        *(
            pytest.param([cancer(code)], "unknown:indeterminate", id=code)
            for code in ("C25", "C25.3", "C25.7", "C25.8", "C25.9")
        ),
        pytest.param([condition(coded(SNOMED, "187791002"))], "yes", id="snomed-body"),
        pytest.param([condition(coded(SNOMED, "187792009"))], "yes", id="snomed-tail"),
        pytest.param([condition(coded(SNOMED, "363419009"))], "no", id="snomed-head"),
        pytest.param([cancer(bodySite=[TAIL])], "yes", id="site-tail"),
        pytest.param([cancer(bodySite=[HEAD])], "no", id="site-head"),
        pytest.param([cancer(bodySite=[named("Pancreatic body")])], "yes", id="site-in-words"),
        pytest.param([cancer(bodySite=[coded(SNOMED, "15776009")])], "unknown:indeterminate", id="site-pancreas"),
        pytest.param([cancer(bodySite=[HEAD, TAIL])], "unknown:conflict", id="two-sites"),
        pytest.param([cancer("C25.0", bodySite=[TAIL])], "unknown:conflict", id="code-against-site"),
        pytest.param([cancer("C25.0"), cancer("C25.2", "c2")], "unknown:conflict", id="two-conditions"),
        pytest.param([cancer("C25.2"), cancer("C25.9", "c2")], "yes", id="one-of-two-states-it"),
        pytest.param([cancer(text="Adenocarcinoma of the body/tail of the pancreas")], "yes", id="words"),
        pytest.param([cancer(text="Cancer of pancreas, uncinate process")], "no", id="uncinate"),
        pytest.param([condition(named("Carcinoma of tail of pancreas"))], "yes", id="words-without-code"),
        pytest.param([cancer(text="Cancer of head and body of pancreas")], "unknown:indeterminate", id="words-neck"),
        pytest.param([cancer(text="Cancer of pancreas, not tail of pancreas")], "unknown:indeterminate", id="denied"),
        pytest.param([cancer("C25.0", text="Cancer of tail of pancreas")], "no", id="code-beats-words"),
        pytest.param(
            [cancer(text="Cancer of tail of pancreas"), cancer("C25.0", "c2")], "no", id="code-beats-words-elsewhere"
        ),
        pytest.param(
            [cancer(text="Cancer of tail of pancreas"), cancer("C25.9", "c2", "Cancer of head of pancreas")],
            "unknown:conflict",
            id="words-disagree",
        ),
        pytest.param([cancer("C25.2", verified="provisional")], "yes", id="suspected"),
        pytest.param([cancer("C25.2", verified="refuted")], "unknown:not-found", id="refuted"),
        pytest.param([cancer("C25.2", clinical="resolved")], "unknown:not-found", id="past"),
        pytest.param([cancer("C25.2", onsetDateTime=days_ago(-9))], "unknown:not-found", id="future"),
        pytest.param([cancer("C25.4", text="Tail of pancreas")], "unknown:not-found", id="neuroendocrine"),
        pytest.param([condition(named("Cyst of tail of pancreas"))], "unknown:not-found", id="no-cancer"),
        pytest.param([liver_metastasis()], "unknown:not-found", id="only-the-metastasis"),
    ],
)
def test_left_sided_tumour(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("left_sided_tumour").state == state


def test_the_part_is_named_with_its_source() -> None:
    words = cancer(text="Cancer of tail of pancreas", ident="words", onsetDateTime=days_ago(8))
    fact = make_case(words, cancer(ident="bare")).fact("left_sided_tumour")
    assert (fact.label, fact.quality, fact.as_of) == ("body or tail", "name-only", days_ago(8))
    assert [(item.counted, item.why) for item in fact.evidence] == [
        (True, "by its words only"),
        (False, "states no part of the pancreas"),
    ]
    fact = make_case(words, cancer("C25.0", "code")).fact("left_sided_tumour")
    assert (fact.label, fact.quality) == ("head", "coded")
    assert line(fact, "Condition/words").why == "a code states the part"
    assert (line(fact, "Condition/code").counted, line(fact, "Condition/code").why) == (True, "")
    assert make_case(cancer(bodySite=[HEAD, TAIL])).fact("left_sided_tumour").label == ""


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([cancer("C25.0")], "unknown:not-searched", id="head"),
        pytest.param([cancer("C25.2")], "yes", id="tail"),
        pytest.param([cancer()], "unknown:indeterminate", id="not-stated"),
        pytest.param([cancer(bodySite=[HEAD, TAIL])], "unknown:conflict", id="conflict"),
    ],
)
def test_side_with_a_search_unfinished(how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(*resources, searches={"conditions": how}).fact("left_sided_tumour")
    assert (fact.state, fact.gaps) == (state, (f"conditions: was {how.value}",))


# ---- Size

CANCER = pancreatic_cancer()


def value(number: Any, unit: str = "mm", **more: Any) -> Json:
    return {"valueQuantity": {"value": number, "unit": unit} | more}


def size(
    number: Any = None,
    unit: str = "mm",
    name: str = "Tumour size",
    ident: str = "s",
    date: str = days_ago(9),
    **more: Any,
) -> Json:
    out: Json = {"resourceType": "Observation", "id": ident, "status": "final", "code": named(name)}
    return out | {"effectiveDateTime": date} | ({} if number is None else value(number, unit)) | more


def part(name: str, number: Any, unit: str = "mm") -> Json:
    return {"code": named(name)} | value(number, unit)


LIVER: Json = {"bodySite": coded(SNOMED, "10200004")}
PANCREAS: Json = {"bodySite": coded(SNOMED, "15776009")}
UNREAD = "unknown:uninterpretable"


@pytest.mark.parametrize(
    ("resources", "state", "number"),
    [
        pytest.param([], "unknown:not-found", None, id="nothing"),
        pytest.param([size(31)], "yes", 31, id="31-mm"),
        pytest.param([size(30)], "no", 30, id="30-mm"),
        pytest.param([size(3.1, "cm")], "yes", 31, id="cm"),
        pytest.param([size(4, "mm")], "no", 4, id="4-mm-is-not-4-cm"),
        pytest.param([size() | value(3.1, "x", code="cm", system="http://unitsofmeasure.org")], "yes", 31, id="ucum"),
        *(
            pytest.param([size(number, unit)], "yes", 31, id=unit)
            for unit, number in (
                *((unit, 31) for unit in ("millimeter", "millimeters", "Millimetre", "millimetres", "millimeter(s)")),
                *((unit, 3.1) for unit in ("centimeter", "centimeters", "centimetre", "centimetres", "centimetre(s)")),
            )
        ),
        pytest.param([size(31, "")], UNREAD, None, id="no-unit"),
        pytest.param([size(31, "in")], UNREAD, None, id="another-unit"),
        pytest.param([size(0)], UNREAD, None, id="zero"),
        pytest.param([size("31")], UNREAD, None, id="value-of-a-wrong-type"),
        pytest.param([size(valueQuantity=[])], UNREAD, None, id="quantity-of-a-wrong-type"),
        pytest.param([size()], UNREAD, None, id="no-value"),
        pytest.param([size(valueString="35 mm")], UNREAD, None, id="text-sizes-are-not-used"),
        pytest.param([size() | value(30, comparator=">")], "yes", 30, id="more-than-30"),
        pytest.param([size() | value(20, comparator=">")], UNREAD, None, id="more-than-20"),
        # Names.
        pytest.param([size(31, name="Largest dimension of primary")], "yes", 31, id="largest-dimension"),
        pytest.param([size(31, name="Size.maximum dimension in Tumor")], "yes", 31, id="maximum-dimension"),
        pytest.param([size(31, name="Greatest dimension of pancreatic tumour")], "yes", 31, id="of-pancreatic-tumour"),
        pytest.param([size(31, name="Pancreatic mass size")], "yes", 31, id="mass-size"),
        pytest.param(
            [size(31, name="Pancreatic duct diameter beside the mass")], "unknown:not-found", None, id="duct-diameter"
        ),
        pytest.param([size(31, name="Size of lymph node")], "unknown:not-found", None, id="node"),
        pytest.param([size(31, name="Size of liver metastasis")], "unknown:not-found", None, id="metastasis"),
        pytest.param([size(31, name="Body height")], "unknown:not-found", None, id="height"),
        pytest.param(
            [size(31, name="Comment", valueString="tumour size 31 mm")], "unknown:not-found", None, id="in-a-value"
        ),
        # Whose size.
        pytest.param([size(31, **LIVER)], "unknown:not-found", None, id="liver-by-site"),
        pytest.param([size(31, name="Tumour size, liver segment 4")], "unknown:not-found", None, id="liver-by-name"),
        pytest.param([size(31, **LIVER), size(20, ident="p", **PANCREAS)], "no", 20, id="liver-beside-primary"),
        pytest.param([size(31, **PANCREAS)], "yes", 31, id="pancreas-by-site"),
        pytest.param([size(31, bodySite=coded(SNOMED, "1"))], "unknown:not-found", None, id="site-not-known"),
        pytest.param(
            [size(31, focus=[{"reference": "Condition/liver"}]), liver_metastasis()],
            "unknown:not-found",
            None,
            id="focus-on-the-metastasis",
        ),
        pytest.param([size(31, focus=[{"reference": "Condition/pancreas"}])], "yes", 31, id="focus-on-the-primary"),
        pytest.param(
            [
                size(31, specimen={"reference": "Specimen/sp1"}),
                {"resourceType": "Specimen", "id": "sp1", "type": coded(SNOMED, "119383005")},
            ],
            "unknown:not-found",
            None,
            id="liver-specimen",
        ),
        pytest.param([size(31, date=days_ago(900))], "unknown:not-found", None, id="before-this-cancer"),
        pytest.param([size(31, date=days_ago(900), **PANCREAS)], "yes", 31, id="old-but-of-the-pancreas"),
        pytest.param([size(31, date="")], "yes", 31, id="undated"),
        pytest.param([size(31), condition(named("Breast cancer"))], "unknown:not-found", None, id="another-cancer"),
        pytest.param([size(31, **PANCREAS), condition(named("Breast cancer"))], "yes", 31, id="not-of-the-other"),
        # Time and status.
        pytest.param([size(50, ident="a", date=days_ago(20)), size(20)], "no", 20, id="latest-is-smaller"),
        pytest.param([size(50, ident="a", date=""), size(20)], "no", 20, id="undated-ranks-oldest"),
        pytest.param([size(20, ident="a"), size(35)], "yes", 35, id="greatest-of-the-day"),
        pytest.param([size(20, ident="a"), size("x")], UNREAD, None, id="small-and-unread"),
        pytest.param([size(40, ident="a"), size("x")], "yes", 40, id="large-and-unread"),
        pytest.param([size(31, status="preliminary")], "unknown:not-found", None, id="not-final"),
        pytest.param([size(31, status="unknown")], UNREAD, None, id="status-unknown"),
        pytest.param([size(31, date=days_ago(-3))], "unknown:not-found", None, id="future"),
        # Components.
        pytest.param([size(component=[part("Length", 20), part("Width", 35)])], "yes", 35, id="components"),
        pytest.param([size(25, component=[part("Diameter", 35)])], "yes", 35, id="value-and-component"),
        pytest.param([size(35, component=[part("Colour", 1)])], "yes", 35, id="other-component"),
        pytest.param([size(component=[part("Colour", 35)])], UNREAD, None, id="no-diameter-among-components"),
        pytest.param([size(name="Panel", component=[part("Tumor size", 35)])], "yes", 35, id="component-of-a-panel"),
        pytest.param([size(name="Panel", component=[part("Length", 35)])], "unknown:not-found", None, id="any-length"),
        pytest.param([size(component=[part("Length", 20), part("Width", "x")])], UNREAD, None, id="component-unread"),
        pytest.param(
            [size(name="Panel", component=[part("Tumor size liver", 35)])],
            "unknown:not-found",
            None,
            id="liver-component",
        ),
        pytest.param([size(35, component="x")], "yes", 35, id="component-of-a-wrong-type"),
        pytest.param([size(name="Panel", component=[None, 3])], "unknown:not-found", None, id="components-damaged"),
    ],
)
def test_tumour_large(resources: list[Json], state: str, number: float | None) -> None:
    fact = make_case(CANCER, *resources).fact("tumour_large")
    assert (fact.state, fact.number) == (state, None if number is None else pytest.approx(number))


def test_sizes_that_do_not_count_are_listed() -> None:
    fact = make_case(CANCER, size(31), size(90, ident="liver", **LIVER), size(60, ident="a", date=days_ago(20))).fact(
        "tumour_large"
    )
    assert (fact.as_of, fact.label, fact.quality) == (days_ago(9), "31 mm", "name-only")
    assert {item.reference: (item.counted, item.why) for item in fact.evidence} == {
        "Observation/s": (True, "recognised by its name only"),
        "Observation/liver": (False, "of another site than the pancreas"),
        "Observation/a": (False, "recognised by its name only"),
    }
    assert line(fact, "Observation/s").text == "Tumour size 31 mm"


def test_the_limit_is_a_setting_and_the_unit_millimetres() -> None:
    assert make_case(CANCER, size(31), tumour_large_mm=40).fact("tumour_large").state == "no"


def test_a_size_is_recognised_by_its_display_too() -> None:
    item = size(31) | {"code": coded(LOINC, "99999-9", "Size Tumor")}
    assert make_case(CANCER, item).fact("tumour_large").state == "yes"


@pytest.mark.parametrize("key", ["observations", "conditions", "reports", "specimens"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([size(20)], "unknown:not-searched", id="small"),
        pytest.param([size(40)], "yes", id="large"),
        pytest.param([size("x")], UNREAD, id="unread"),
    ],
)
def test_size_with_a_search_unfinished(key: str, how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(CANCER, *resources, searches={key: how}).fact("tumour_large")
    assert (fact.state, fact.gaps) == (state, (f"{key}: was {how.value}",))
