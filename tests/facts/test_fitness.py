"""F17 performance_status."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.source import Completeness
from tests.facts.cases import BROKEN, LOINC, SNOMED, Json, coded, days_ago, line, make_case, named

ECOG = coded(LOINC, "89247-1")
KARNOFSKY = coded(LOINC, "89243-0")


def status(
    value: Any, ident: str = "ps", date: str = days_ago(5), code: Json = ECOG, final: str = "final", **more: Any
) -> Json:
    """A performance status; an int stands as valueInteger, a text as valueString, an object as a concept."""
    kind = {int: "valueInteger", str: "valueString", dict: "valueCodeableConcept"}.get(type(value), "valueInteger")
    out: Json = {"resourceType": "Observation", "id": ident, "status": final, "code": code, "effectiveDateTime": date}
    return out | {kind: value} | more


def karnofsky(value: Any, ident: str = "kps", date: str = days_ago(5), **more: Any) -> Json:
    return status(value, ident, date, KARNOFSKY, **more)


def quantity(value: Any, code: Json = ECOG, **more: Any) -> Json:
    out = status(0, code=code) | {"valueQuantity": {"value": value, "unit": "{score}"} | more}
    del out["valueInteger"]
    return out


def valueless(**more: Any) -> Json:
    out = status(0) | more
    del out["valueInteger"]
    return out


def answer(code: str, text: str = "", display: str = "") -> Json:
    return coded(LOINC, code, display) | ({"text": text} if text else {})


UNREAD = "unknown:uninterpretable"


@pytest.mark.parametrize(
    ("resources", "state", "number", "label"),
    [
        pytest.param([], "unknown:not-found", None, "", id="nothing"),
        pytest.param([status(0)], "yes:ecog-0", 0, "ECOG 0", id="0"),
        pytest.param([status(1)], "yes:ecog-1", 1, "ECOG 1", id="1"),
        pytest.param([status(2)], "yes:ecog-2", 2, "ECOG 2", id="2"),
        pytest.param([status(3)], "yes:ecog-3-or-more", 3, "ECOG 3", id="3"),
        pytest.param([status(4)], "yes:ecog-3-or-more", 3, "ECOG 4", id="4"),
        pytest.param([status(5)], UNREAD, None, "", id="5-is-dead"),
        pytest.param([status(6)], UNREAD, None, "", id="impossible"),
        pytest.param([status(-1)], UNREAD, None, "", id="negative"),
        pytest.param([status(80)], UNREAD, None, "", id="karnofsky-under-the-code-of-ecog"),
        pytest.param([status(2, code=coded(SNOMED, "423740007"))], "yes:ecog-2", 2, "ECOG 2", id="snomed"),
        pytest.param([status(2, code=named("ECOG PS"))], "yes:ecog-2", 2, "ECOG 2", id="by-name"),
        pytest.param([status(80, code=named("KPS"))], "yes:ecog-1", 1, "Karnofsky 80", id="karnofsky-by-name"),
        pytest.param([status(1, code=named("ECOG / Karnofsky"))], UNREAD, None, "", id="two-scales"),
        pytest.param([status(2, code=named("Braden score"))], "unknown:not-found", None, "", id="nursing-score"),
        pytest.param(
            [status("ECOG 2", code=named("Comment"))], "unknown:not-found", None, "", id="named-in-another-value"
        ),
        # Ways to write it.
        pytest.param([quantity(1)], "yes:ecog-1", 1, "ECOG 1", id="quantity"),
        pytest.param([quantity(1.5)], UNREAD, None, "", id="half-a-grade"),
        pytest.param([quantity(1, comparator="<")], UNREAD, None, "", id="bound"),
        pytest.param([quantity("1")], UNREAD, None, "", id="quantity-of-a-wrong-type"),
        pytest.param([status(True)], UNREAD, None, "", id="integer-of-a-wrong-type"),
        pytest.param([status(None)], UNREAD, None, "", id="null"),
        pytest.param([valueless()], UNREAD, None, "", id="no-value"),
        pytest.param([valueless(valueString=["1"])], UNREAD, None, "", id="text-of-a-wrong-type"),
        *(
            pytest.param([status(answer(code))], state, number, label, id=code)
            for code, state, number, label in (
                ("LA9622-7", "yes:ecog-0", 0, "ECOG 0"),
                ("LA9623-5", "yes:ecog-1", 1, "ECOG 1"),
                ("LA9624-3", "yes:ecog-2", 2, "ECOG 2"),
                ("LA9625-0", "yes:ecog-3-or-more", 3, "ECOG 3"),
                ("LA9626-8", "yes:ecog-3-or-more", 3, "ECOG 4"),
                ("LA9627-6", UNREAD, None, ""),
            )
        ),
        pytest.param([status(answer("LA9624-3", "ECOG 1"))], "yes:ecog-2", 2, "ECOG 2", id="code-beats-text"),
        pytest.param(
            [status({"coding": [answer(code)["coding"][0] for code in ("LA9622-7", "LA9624-3")]})],
            UNREAD,
            None,
            "",
            id="two-codes",
        ),
        pytest.param([status(answer("X1", "ECOG 1"))], "yes:ecog-1", 1, "ECOG 1", id="text-beside-another-code"),
        pytest.param([status(answer("X1", "ECOG 1", "Grade 2"))], UNREAD, None, "", id="two-texts-differ"),
        pytest.param([status(answer("X1", "ECOG 1", "Restricted"))], "yes:ecog-1", 1, "ECOG 1", id="one-text-counts"),
        pytest.param([valueless(interpretation=[answer("LA9624-3")])], "yes:ecog-2", 2, "ECOG 2", id="interpretation"),
        pytest.param([status(1, interpretation=[answer("LA9624-3")])], "yes:ecog-1", 1, "ECOG 1", id="value-first"),
        *(
            pytest.param([status(text)], state, number, label, id=text)
            for text, state, number, label in (
                ("1", "yes:ecog-1", 1, "ECOG 1"),
                ("ECOG 2", "yes:ecog-2", 2, "ECOG 2"),
                ("Grade: 2.", "yes:ecog-2", 2, "ECOG 2"),
                ("2 - up and about more than 50% of waking hours", "yes:ecog-2", 2, "ECOG 2"),
                ("1-2", UNREAD, None, ""),
                ("1 or 2", UNREAD, None, ""),
                ("1.5", UNREAD, None, ""),
                (">1", UNREAD, None, ""),
                ("ECOG 3 last month, now 1", UNREAD, None, ""),
                ("2345", UNREAD, None, ""),
                ("not assessed", UNREAD, None, ""),
            )
        ),
        *(
            pytest.param([status(text)], UNREAD, None, "", id=text)
            for text in (
                "not assessed (was 1)",
                "1, not assessed today",
                "1 (not documented since)",
                "unable to assess, 1",
                "1 - unable to assess today",
                "was 0, now bedbound",
                "0, was better",
                "0 (previous)",
                "previous: 0",
                "prior score 0",
                "0 prior to admission",
                "0 in January, worse now",
                "0 in January",
                "0 in Sept.",
                "declined from 1",
                "1, declining",
                "1 but deteriorating",
                "now 1",
                "1 now",
                "not 1",
                "can not be 1",
                "at least 2",
                "at best 1",
                "up to 2",
                "maximum 2",
                "worse than 1",
                "hardly 1",
                "1 last month",
                "1 two weeks ago",
                "1 at baseline",
                "1 before chemotherapy",
                "1 (patient reported), physician disagrees",
                "1?",
                "?1",
                "1+",
                "2 or worse",
                "1 to be confirmed",
                "0/1",
                "ECOG > 1",
                "ECOG PS: 1 on 12.01.",
            )
        ),
        *(
            pytest.param([status(text)], state, number, f"ECOG {number}", id=text)
            for text, state, number in (
                ("ECOG-1", "yes:ecog-1", 1),
                ("ECOG PS = 1", "yes:ecog-1", 1),
                ("WHO grade 2", "yes:ecog-2", 2),
                (
                    "ECOG 0 - Fully active, able to carry on all pre-disease performance",
                    "yes:ecog-0",
                    0,
                ),
                (
                    "1: Restricted in physically strenuous activity but able to do light work",
                    "yes:ecog-1",
                    1,
                ),
                (
                    "2 Ambulatory and capable of all selfcare but unable to carry out any work activities; up and "
                    "about more than 50% of waking hours",
                    "yes:ecog-2",
                    2,
                ),
                ("3 Capable of only limited selfcare; confined to bed or chair", "yes:ecog-3-or-more", 3),
                ("ECOG 1 today", "yes:ecog-1", 1),
                ("1 (unchanged)", "yes:ecog-1", 1),
            )
        ),
        pytest.param(
            [status("Eastern Cooperative Oncology Group performance status - grade 1 (finding)")],
            "yes:ecog-1",
            1,
            "ECOG 1",
            id="snomed-display",
        ),
        pytest.param([status("World Health Organization PS grade 1")], "yes:ecog-1", 1, "ECOG 1", id="who"),
        pytest.param([status("Patient's current ECOG status is 1")], "yes:ecog-1", 1, "ECOG 1", id="a-sentence"),
        pytest.param([status(answer("X1", "not 1"))], UNREAD, None, "", id="denied-as-a-concept"),
        pytest.param(
            [karnofsky("30 - severely disabled; hospital admission indicated, although death not imminent")],
            "yes:ecog-3-or-more",
            3,
            "Karnofsky 30",
            id="karnofsky-30-in-words",
        ),
        pytest.param(
            [karnofsky("70: cares for self; unable to carry on normal activity")],
            "yes:ecog-1",
            1,
            "Karnofsky 70",
            id="karnofsky-70-in-words",
        ),
        # Karnofsky.
        *(
            pytest.param([karnofsky(score)], state, number, f"Karnofsky {score}", id=f"karnofsky-{score}")
            for score, state, number in (
                (100, "yes:ecog-0", 0),
                (90, "yes:ecog-0", 0),
                (80, "yes:ecog-1", 1),
                (70, "yes:ecog-1", 1),
                (60, "yes:ecog-2", 2),
                (50, "yes:ecog-2", 2),
                (40, "yes:ecog-3-or-more", 3),
                (10, "yes:ecog-3-or-more", 3),
            )
        ),
        *(
            pytest.param([karnofsky(score)], UNREAD, None, "", id=f"karnofsky-{score}")
            for score in (0, 2, 85, 110, -10)
        ),
        pytest.param([karnofsky("80%")], "yes:ecog-1", 1, "Karnofsky 80", id="karnofsky-as-text"),
        pytest.param([quantity(60, KARNOFSKY, unit="%")], "yes:ecog-2", 2, "Karnofsky 60", id="karnofsky-quantity"),
        # Time and status.
        pytest.param([status(1, date=days_ago(30))], "yes:ecog-1", 1, "ECOG 1", id="last-day"),
        pytest.param([status(1, date=days_ago(31))], "unknown:stale", None, "", id="months-old-is-not-reused"),
        pytest.param([status(1, date="")], "unknown:stale", None, "", id="undated"),
        pytest.param([status(1, date=days_ago(-3))], "unknown:not-found", None, "", id="future"),
        pytest.param([status(1, final="preliminary")], "unknown:not-found", None, "", id="not-final"),
        pytest.param([status(1, final="entered-in-error")], "unknown:not-found", None, "", id="in-error"),
        pytest.param([status(1, final="unknown")], UNREAD, None, "", id="status-unknown"),
        pytest.param([status(0, "a", days_ago(9)), status(2)], "yes:ecog-2", 2, "ECOG 2", id="latest-is-worse"),
        pytest.param(
            [status(2, "a", days_ago(9)), karnofsky(90)], "yes:ecog-0", 0, "Karnofsky 90", id="latest-is-better"
        ),
        pytest.param([status(2, "a", days_ago(9)), status("x")], UNREAD, None, "", id="latest-is-unread"),
        pytest.param([status(1, "a"), status(2)], "unknown:conflict", None, "", id="one-day-two-grades"),
        pytest.param([status(1), karnofsky(60)], "unknown:conflict", None, "", id="scales-disagree"),
        pytest.param([status(2), karnofsky(60)], "yes:ecog-2", 2, "ECOG 2", id="scales-agree"),
        pytest.param([status(3, "a"), status(4)], "yes:ecog-3-or-more", 3, "ECOG 4", id="three-and-four"),
        pytest.param([status(1, "a"), status("x")], UNREAD, None, "", id="one-day-half-unread"),
        pytest.param(
            [status(1, "a"), status(2), karnofsky("x")], "unknown:conflict", None, "", id="conflict-and-unread"
        ),
        pytest.param([status(1, "a", code=named("ECOG")), status(2)], "yes:ecog-2", 2, "ECOG 2", id="code-beats-name"),
    ],
)
def test_performance_status(resources: list[Json], state: str, number: float | None, label: str) -> None:
    fact = make_case(*resources).fact("performance_status")
    assert (fact.state, fact.number, fact.label) == (state, number, label)


def test_only_the_latest_counts_and_the_source_is_named() -> None:
    fact = make_case(
        status(0, "a", days_ago(20)), status(2, "b", code=named("ECOG")), status(1, "c", days_ago(-3))
    ).fact("performance_status")
    assert (fact.as_of, fact.quality) == (days_ago(5), "name-only")
    assert {item.reference: (item.counted, item.why) for item in fact.evidence} == {
        "Observation/a": (False, ""),
        "Observation/b": (True, "recognised by its name only"),
        "Observation/c": (False, "dated in the future"),
    }
    assert line(fact, "Observation/b").text == "ECOG 2"


def test_a_stale_score_is_dated_and_the_window_is_a_setting() -> None:
    old = status(1, date=days_ago(40))
    assert make_case(old, status(0, "b", days_ago(90))).fact("performance_status").as_of == days_ago(40)
    assert make_case(old, performance_status_window=40).fact("performance_status").state == "yes:ecog-1"


@pytest.mark.parametrize("how", BROKEN, ids=lambda how: str(how.value))
@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param([], "unknown:not-searched", id="nothing"),
        pytest.param([status(1, date=days_ago(90))], "unknown:not-searched", id="stale"),
        pytest.param([status(0)], "yes:ecog-0", id="found"),
        pytest.param([status("x")], UNREAD, id="unread"),
        pytest.param([status(1, "a"), status(2)], "unknown:conflict", id="conflict"),
    ],
)
def test_performance_status_with_a_search_unfinished(how: Completeness, resources: list[Json], state: str) -> None:
    fact = make_case(*resources, searches={"observations": how}).fact("performance_status")
    assert (fact.state, fact.gaps) == (state, (f"observations: was {how.value}",))
