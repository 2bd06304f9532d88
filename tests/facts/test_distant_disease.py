"""F18 other_distant_disease and the scope of the tissue rule (question Q1)."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
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

LUNG = coded(ICD, "C78.01", "Secondary malignant neoplasm of right lung")
COLON = condition(coded(ICD, "C18.9"), "colon")
PRESENT = coded(SNOMED, "399409002")


def spread(*resources: Json, **options: Any) -> Fact:
    return make_case(pancreatic_cancer(), *resources, **options).fact("other_distant_disease")


def site(name: str = "", code: str = "") -> Json:
    return {"bodySite": [coded(SNOMED, code) if code else named(name)]}


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(liver_metastasis(), "no", id="liver-alone"),
        pytest.param(condition(LUNG), "yes", id="lung"),
        pytest.param(condition(coded(ICD, "C78.6")), "yes", id="peritoneum"),
        pytest.param(condition(coded(SNOMED, "94627008")), "yes", id="peritoneum-sct"),
        pytest.param(condition(coded(SNOMED, "94222008")), "yes", id="bone-sct"),
        pytest.param(condition(coded(ICD, "C79.51")), "yes", id="bone"),
        pytest.param(condition(coded(ICD, "C79.2")), "yes", id="below-the-category"),
        pytest.param(condition(coded(ICD, "C79.9", "Unspecified site")), "no", id="site-not-told"),
        pytest.param(condition(coded(ICD, "C77.2", "Intra-abdominal lymph nodes")), "no", id="regional-nodes"),
        pytest.param(condition(coded(ICD, "C77.9")), "no", id="nodes-not-told"),
        pytest.param(condition(coded(ICD, "C78.89")), "no", id="digestive-organ-not-told"),
        pytest.param(condition(coded(ICD, "C80.0")), "no", id="disseminated"),
        pytest.param(condition(coded(SNOMED, "128462008")), "no", id="secondary-without-a-site"),
        pytest.param(condition(coded(SNOMED, "128462008"), **site("Left lung")), "yes", id="site-beside-the-code"),
        pytest.param(condition(coded(SNOMED, "128462008"), **site(code="15425007")), "yes", id="site-by-code"),
        pytest.param(condition(coded(SNOMED, "128462008"), **site(code="10200004")), "no", id="in-the-liver"),
        pytest.param(condition(coded(SNOMED, "128462008"), **site("Supraclavicular lymph node")), "yes", id="far-node"),
        pytest.param(condition(coded(SNOMED, "128462008"), **site("Peripancreatic lymph node")), "no", id="near-node"),
        pytest.param(condition(coded(SNOMED, "128462008", "Lung metastases")), "yes", id="site-in-its-words"),
        pytest.param(condition(coded(SNOMED, "314999005"), **site("Lung")), "yes", id="from-the-pancreas"),
        pytest.param(condition(named("Lung metastases")), "yes", id="text-lung"),
        pytest.param(condition(named("Peritoneal carcinomatosis")), "yes", id="text-peritoneum"),
        pytest.param(condition(named("Bone mets")), "yes", id="text-bone"),
        pytest.param(condition(named("Metastasis to supraclavicular lymph node")), "yes", id="text-node"),
        pytest.param(condition(named("Metastatic pancreatic cancer to lung")), "yes", id="text-with-the-primary"),
        pytest.param(condition(named("Regional lymph node metastasis")), "no", id="text-regional-node"),
        pytest.param(condition(named("Indeterminate lung nodules")), "no", id="indeterminate-nodules"),
        pytest.param(condition(named("Metastatic pancreatic cancer, lung nodules")), "no", id="nodules"),
        pytest.param(condition(named("Possible lung metastases")), "no", id="possible"),
        pytest.param(condition(named("?lung metastases")), "no", id="asked"),
        pytest.param(condition(named("No lung metastases")), "no", id="denied"),
        pytest.param(condition(named("Family history of lung metastases")), "no", id="family-history"),
        pytest.param(condition(named("Secondary pulmonary hypertension")), "no", id="secondary-but-no-tumour"),
        pytest.param(condition(LUNG, clinical="resolved"), "no", id="resolved"),
        pytest.param(condition(LUNG, verified="refuted"), "no", id="refuted"),
        pytest.param(condition(LUNG, verified="entered-in-error"), "no", id="in-error"),
        pytest.param(condition(LUNG, verified="provisional"), "no", id="provisional"),
        pytest.param(condition(LUNG, onsetDateTime=days_ago(-3)), "no", id="future"),
        pytest.param(condition(LUNG, clinical="", verified=""), "yes", id="no-status"),
        pytest.param(condition(named("Metastatic lung cancer")), "no", id="a-lung-primary"),
        pytest.param(condition(named("Bone metastases from breast cancer")), "no", id="of-another-primary-by-name"),
        pytest.param(condition(coded(ICD, "C78.01", "Lung metastasis of colon cancer")), "no", id="coded-of-another"),
        pytest.param(condition({"coding": 7}), "no", id="junk"),
    ],
)
def test_conditions(item: Json, state: str) -> None:
    assert spread(item).state == state


@pytest.mark.parametrize(
    ("target", "state"),
    [
        pytest.param("Condition/colon", "no", id="of-the-colon"),
        pytest.param("Condition/pancreas", "yes", id="of-the-pancreas"),
        pytest.param("Condition/absent", "yes", id="not-here"),
    ],
)
def test_whose_metastasis(target: str, state: str) -> None:
    link = {
        "url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-related-primary-cancer-condition",
        "valueReference": {"reference": target},
    }
    fact = spread(COLON, condition(LUNG, extension=[link]))
    assert fact.state == state
    if state == "no":
        assert line(fact, "Condition/c1").why == "attributed to another cancer"


def test_where_nobody_says_whose_it_counts() -> None:
    assert spread(COLON, condition(LUNG)).state == "yes"


def test_items_are_listed_and_dated() -> None:
    fact = spread(
        condition(LUNG, onsetDateTime=days_ago(9)),
        condition(named("Bone metastases"), "bone", onsetDateTime=days_ago(4)),
        condition(coded(ICD, "C77.2"), "nodes", onsetDateTime=days_ago(2)),
    )
    assert (fact.state, fact.as_of) == ("yes", days_ago(4))
    assert line(fact, "Condition/c1").why == ""
    assert line(fact, "Condition/bone").why == "recognised by its name only"
    assert not line(fact, "Condition/nodes").counted


def observation(code: Json, value: Json | None = None, ident: str = "o1", **more: Any) -> Json:
    out: Json = {"resourceType": "Observation", "id": ident, "status": "final", "code": code}
    out["effectiveDateTime"] = days_ago(6)
    return out | ({"valueCodeableConcept": value} if value else {}) | more


TNM = coded(LOINC, "21907-1")
ANY = named("Distant metastasis")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(observation(TNM, named("cM1"), **site("Lung")), "yes", id="m1-lung"),
        pytest.param(observation(TNM, coded(SNOMED, "x", "M1 category"), **site(code="15425007")), "yes", id="m1-code"),
        pytest.param(observation(TNM, named("cM1"), **site(code="10200004")), "no", id="m1-liver"),
        pytest.param(observation(TNM, named("cM1")), "no", id="m1-site-not-told"),
        pytest.param(observation(TNM, named("cM0"), **site("Lung")), "no", id="m0"),
        pytest.param(observation(ANY, PRESENT, **site("Bone")), "yes", id="present-bone"),
        pytest.param(observation(ANY, PRESENT), "no", id="present-site-not-told"),
        pytest.param(observation(ANY, coded(SNOMED, "94391008")), "yes", id="value-tells-the-site"),
        pytest.param(observation(coded(SNOMED, "94391008"), valueBoolean=True), "yes", id="code-tells-the-site"),
        pytest.param(observation(coded(SNOMED, "94391008"), valueBoolean=False), "no", id="stated-as-not-so"),
        pytest.param(observation(ANY, PRESENT, **site("Bone")) | {"status": "preliminary"}, "no", id="not-final"),
        pytest.param(
            observation(ANY, PRESENT, **site("Bone")) | {"effectiveDateTime": days_ago(-3)}, "no", id="future"
        ),
        pytest.param(
            observation(ANY, PRESENT, **site("Bone"), focus=[{"reference": "Condition/colon"}]), "no", id="of-the-colon"
        ),
        pytest.param(
            observation(ANY, PRESENT, **site("Bone"), focus=[{"reference": "Condition/pancreas"}]), "yes", id="of-ours"
        ),
        pytest.param(observation(ANY, PRESENT, bodySite=7), "no", id="junk-site"),
    ],
)
def test_observations(item: Json, state: str) -> None:
    fact = spread(COLON, item)
    assert fact.state == state
    assert fact.as_of == (days_ago(6) if state == "yes" else "")


@pytest.mark.parametrize("key", ["conditions", "observations"])
@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
def test_a_search_unfinished(key: str, how: Completeness) -> None:
    gaps = (f"{key}: was {how.value}",)
    nothing = spread(searches={key: how})
    assert (nothing.state, nothing.gaps) == ("unknown:not-searched", gaps)
    found = spread(condition(LUNG), searches={key: how})
    assert (found.state, found.gaps) == ("yes", gaps)


@pytest.mark.parametrize(
    ("scope", "resources", "searches", "state"),
    [
        pytest.param("liver", [condition(LUNG)], {}, "no", id="liver-only"),
        pytest.param("liver", [], {"conditions": Completeness.FAILED}, "no", id="liver-only-needs-no-search"),
        pytest.param("metastatic", [condition(LUNG)], {}, "yes:metastatic", id="metastatic"),
        pytest.param("metastatic", [], {}, "no", id="metastatic-none"),
        pytest.param(
            "metastatic", [], {"observations": Completeness.FAILED}, "unknown:not-searched", id="metastatic-unknown"
        ),
        pytest.param("systemic", [], {}, "yes:systemic", id="systemic"),
        pytest.param("systemic", [], {"conditions": Completeness.FAILED}, "yes:systemic", id="systemic-always"),
    ],
)
def test_tissue_scope_extends(scope: str, resources: list[Json], searches: dict[str, Completeness], state: str) -> None:
    case = make_case(pancreatic_cancer(), *resources, searches=searches, tissue_scope=scope)
    assert case.fact("tissue_scope_extends").state == state


def test_the_scope_shows_what_it_rests_on() -> None:
    case = make_case(condition(LUNG, onsetDateTime=days_ago(9)), tissue_scope="metastatic")
    fact = case.fact("tissue_scope_extends")
    assert fact.as_of == days_ago(9)
    assert line(fact, "Condition/c1").counted
