"""C8 benign_mimic_recorded: what passes for cancer of the pancreas, what does not, gaps."""

from __future__ import annotations

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, Json, condition, days_ago, line, make_case, named, pancreatic_cancer

AUTOIMMUNE = "Autoimmune pancreatitis"


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "no", id="nothing"),
        pytest.param([condition(named(AUTOIMMUNE))], "yes", id="autoimmune"),
        pytest.param([condition(named("Type 1 autoimmune pancreatitis (IgG4-related)"))], "yes", id="type-1"),
        pytest.param([condition(named("IgG4-related pancreatitis"))], "yes", id="igg4"),
        pytest.param([condition(named("Groove pancreatitis"))], "yes", id="groove"),
        pytest.param([condition(named("Mass-forming chronic pancreatitis"))], "yes", id="mass-forming"),
        pytest.param([pancreatic_cancer(), condition(named(AUTOIMMUNE))], "yes", id="beside-cancer"),
        pytest.param([condition(named(AUTOIMMUNE), verified="differential")], "yes", id="differential"),
        pytest.param([condition(named("Rule out autoimmune pancreatitis"))], "yes", id="not-ruled-out-yet"),
        pytest.param([condition(named(AUTOIMMUNE), clinical="")], "yes", id="no-status"),
        pytest.param([condition(named("Autoimmune pancreatitis ruled out"))], "no", id="ruled-out"),
        pytest.param([condition(named("No autoimmune pancreatitis"))], "no", id="denied"),
        pytest.param([condition(named("Family history of autoimmune pancreatitis"))], "no", id="family"),
        pytest.param([condition(named(AUTOIMMUNE), verified="refuted")], "no", id="refuted"),
        pytest.param([condition(named(AUTOIMMUNE), clinical="resolved")], "no", id="resolved"),
        pytest.param([condition(named(AUTOIMMUNE), onsetDateTime=days_ago(-5))], "no", id="future"),
        pytest.param([condition(named("Acute pancreatitis"))], "no", id="acute"),
        pytest.param([condition(named("Chronic pancreatitis"))], "no", id="chronic"),
        pytest.param([condition(named("Autoimmune hepatitis"))], "no", id="another-organ"),
        pytest.param([pancreatic_cancer()], "no", id="cancer-alone"),
    ],
)
def test_benign_mimic(resources: list[Json], state: str) -> None:
    assert make_case(*resources).fact("benign_mimic_recorded").state == state


def test_a_mimic_is_dated_and_those_that_do_not_count_are_shown() -> None:
    fact = make_case(
        condition(named(AUTOIMMUNE), onsetDateTime=days_ago(3)),
        condition(named(AUTOIMMUNE), "c2", clinical="resolved", onsetDateTime=days_ago(300)),
    ).fact("benign_mimic_recorded")
    assert (fact.as_of, fact.quality) == (days_ago(3), "name-only")
    assert line(fact, "Condition/c1").why == "can pass for cancer"
    assert line(fact, "Condition/c2").why == "no longer active"


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("resources", "state"), [([], "unknown:not-searched"), ([condition(named(AUTOIMMUNE))], "yes")]
)
def test_an_unfinished_search(resources: list[Json], state: str, how: Completeness) -> None:
    fact = make_case(*resources, searches={"conditions": how}).fact("benign_mimic_recorded")
    assert fact.state == state
    assert fact.gaps == (f"conditions: was {how.value}",)
    assert line(fact, "conditions").why == f"was {how.value}"
