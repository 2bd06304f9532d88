"""PrefetchSource: what each shape of a prefetch value means (decision 1, conformance PFR-01 to PFR-11)."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.source import Answer, Completeness

TEMPLATES = {"patient": "Patient/{{context.patientId}}", "conditions": "Condition?patient={{context.patientId}}"}
COMPLETE, INCOMPLETE = Completeness.COMPLETE, Completeness.INCOMPLETE
FAILED, NOT_ATTEMPTED = Completeness.FAILED, Completeness.NOT_ATTEMPTED
ONE = {"resourceType": "Condition", "id": "c1"}
TWO = {"resourceType": "Condition", "id": "c2"}
PATIENT = {"resourceType": "Patient", "id": "p1"}
MEDICATION = {"resourceType": "Medication", "id": "m1"}


def bundle(*resources: Any, **members: Any) -> dict[str, Any]:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **members}


def outcome(severity: Any, code: Any = "processing") -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


def answer(value: Any, key: str = "conditions") -> Answer:
    return PrefetchSource({key: value}, TEMPLATES).fetch((key,))[key]


def ids(found: Answer) -> list[Any]:
    return [entry.resource.get("id") for entry in found.entries]


def test_a_key_left_out_was_not_attempted() -> None:
    found = PrefetchSource({}, TEMPLATES).fetch(("conditions", "patient"))
    assert list(found) == ["conditions", "patient"]
    assert {item.completeness for item in found.values()} == {NOT_ATTEMPTED}
    assert found["conditions"].problems == ("the client did not send it",)


def test_only_the_keys_asked_for_are_answered() -> None:
    source = PrefetchSource({"conditions": None, "other": "junk"}, TEMPLATES)
    assert list(source.fetch(("conditions",))) == ["conditions"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param({"resourceType": "Bundle"}, id="no-entry-attribute"),
        pytest.param({"resourceType": "Bundle", "entry": None}, id="null-entries"),
        pytest.param(bundle(total=0), id="no-entries"),
        pytest.param(bundle(total=0, link=[{"relation": "self", "url": "https://x.example"}]), id="self-link"),
        pytest.param(bundle(outcome("warning")), id="warning-entry"),
        pytest.param(bundle(outcome("information"), total=0), id="information-entry"),
        pytest.param(bundle(outcome(" Warning ")), id="warning-with-blanks"),
    ],
)
def test_looked_and_found_nothing(value: Any) -> None:
    assert answer(value) == Answer("conditions", (), COMPLETE)


@pytest.mark.parametrize(
    ("value", "found_ids"),
    [
        pytest.param(bundle(ONE, TWO), ["c1", "c2"], id="two-entries"),
        pytest.param(bundle(ONE, TWO, total=2), ["c1", "c2"], id="total-matches"),
        pytest.param(bundle(ONE, TWO, total=1), ["c1", "c2"], id="total-too-small"),
        pytest.param(bundle(ONE, total=None), ["c1"], id="null-total"),
        pytest.param(bundle(ONE, outcome("warning")), ["c1"], id="with-a-warning"),
        pytest.param(bundle(ONE, MEDICATION, total=1), ["c1", "m1"], id="another-type-rides-along"),
        pytest.param({**bundle(), "entry": {"resource": ONE}}, ["c1"], id="single-entry-not-a-list"),
        pytest.param(bundle(ONE, link={"relation": "self"}), ["c1"], id="single-link-not-a-list"),
    ],
)
def test_complete_search(value: Any, found_ids: list[str]) -> None:
    found = answer(value)
    assert (ids(found), found.completeness, found.problems) == (found_ids, COMPLETE, ())


def test_the_full_url_is_kept_and_an_odd_one_is_not() -> None:
    value = {
        "resourceType": "Bundle",
        "entry": [{"fullUrl": "urn:uuid:1", "resource": ONE}, {"fullUrl": 1, "resource": TWO}],
    }
    assert [entry.full_url for entry in answer(value).entries] == ["urn:uuid:1", ""]


def test_included_resources_are_data_but_do_not_count_towards_the_total() -> None:
    value = bundle(ONE, total=2)
    value["entry"].append({"resource": TWO, "search": {"mode": "include"}})
    found = answer(value)
    assert (ids(found), found.completeness) == (["c1", "c2"], INCOMPLETE)
    assert found.problems == ("only 1 of 2 results were sent",)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(bundle(ONE, total=25), "only 1 of 25 results were sent", id="total-above-entries"),
        pytest.param(bundle(ONE, MEDICATION, total=2), "only 1 of 2 results", id="riders-do-not-fill-the-total"),
        pytest.param(bundle(ONE, total="1"), "total could not be read", id="total-a-string"),
        pytest.param(bundle(ONE, total=True), "total could not be read", id="total-a-boolean"),
        pytest.param(bundle(ONE, total=-1), "total could not be read", id="total-negative"),
        pytest.param(bundle(ONE, total=1.0), "total could not be read", id="total-a-fraction"),
        pytest.param(
            bundle(ONE, link=[{"relation": "next", "url": "https://x.example/2"}]), "further pages", id="next-link"
        ),
        pytest.param(
            bundle(ONE, link=[{"relation": "self"}, {"relation": "next"}]), "further pages", id="next-link-second"
        ),
        pytest.param(bundle(ONE, link={"relation": "next"}), "further pages", id="next-link-not-a-list"),
        pytest.param(bundle(ONE, link="x"), "links could not be read", id="link-a-string"),
        pytest.param(
            bundle(ONE, link=[{"url": "https://x.example"}]), "links could not be read", id="link-without-relation"
        ),
        pytest.param(bundle(ONE, outcome("error")), "reported an error", id="error-entry"),
        pytest.param(bundle(ONE, outcome("fatal")), "reported an error", id="fatal-entry"),
        pytest.param(bundle(ONE, outcome(None)), "reported an error", id="severity-missing"),
        pytest.param(bundle(ONE, outcome("odd")), "reported an error", id="severity-unknown"),
        pytest.param(
            bundle(ONE, {"resourceType": "OperationOutcome"}), "reported a problem", id="outcome-without-issue"
        ),
        pytest.param(
            bundle(ONE, {"resourceType": "OperationOutcome", "issue": "x"}), "reported an error", id="issue-a-string"
        ),
        pytest.param(bundle(ONE, None), "1 of its entries could not be read", id="resource-null"),
        pytest.param(bundle(ONE, "x", 3, []), "3 of its entries could not be read", id="resources-junk"),
        pytest.param(bundle(ONE, {"id": "c9"}), "1 of its entries could not be read", id="resource-without-type"),
        pytest.param(bundle(ONE, {"resourceType": 5}), "1 of its entries could not be read", id="type-a-number"),
        pytest.param({**bundle(), "entry": [{"resource": ONE}, None, "x"]}, "2 of its entries", id="entries-junk"),
        pytest.param(ONE, "single resource", id="bare-resource-for-a-search"),
    ],
)
def test_data_kept_but_the_search_is_not_complete(value: Any, says: str) -> None:
    found = answer(value)
    assert ids(found)[:1] == ["c1"]
    assert found.completeness is INCOMPLETE
    assert says in found.problems[0]


@pytest.mark.parametrize("severity", ["warning", "information", "error"])
@pytest.mark.parametrize(
    "code",
    [
        "incomplete",
        "throttled",
        "timeout",
        "too-costly",
        "security",
        "login",
        "expired",
        "forbidden",
        "suppressed",
    ],
)
def test_some_issue_types_tell_of_missing_results_whatever_their_severity(severity: str, code: str) -> None:
    found = answer(bundle(ONE, outcome(severity, code)))
    assert found.completeness is INCOMPLETE
    assert found.problems == (f"the client reported a problem ({code})",)


def test_the_same_problem_is_said_once() -> None:
    assert answer(bundle(ONE, outcome("error"), outcome("fatal"))).problems == ("the client reported an error",)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(outcome("error"), "could not read it", id="outcome-error"),
        pytest.param(outcome("information"), "could not read it", id="outcome-information"),
        pytest.param({"resourceType": "OperationOutcome"}, "could not read it", id="outcome-empty"),
        pytest.param(bundle(outcome("error")), "reported an error", id="bundle-of-an-error"),
        pytest.param(bundle(outcome("warning", "timeout")), "(timeout)", id="bundle-of-a-timeout"),
        pytest.param({"resourceType": "Bundle", "entry": "x"}, "1 of its entries", id="entries-a-string"),
        pytest.param(bundle(total=3), "only 0 of 3", id="total-without-entries"),
        pytest.param("x", "not FHIR data", id="string"),
        pytest.param("<html>502</html>", "not FHIR data", id="html"),
        pytest.param(7, "not FHIR data", id="number"),
        pytest.param(True, "not FHIR data", id="boolean"),
        pytest.param([ONE], "not FHIR data", id="array"),
        pytest.param({}, "not FHIR data", id="empty-object"),
        pytest.param({"resourceType": 1}, "not FHIR data", id="type-a-number"),
        pytest.param({"resourceType": " "}, "not FHIR data", id="type-blank"),
        pytest.param({"id": "c1"}, "not FHIR data", id="no-type"),
        pytest.param({"response": {"status": "404 Not Found"}, "resource": ONE}, "could not read it", id="wrapped-404"),
        pytest.param({"response": {}, "resource": ONE}, "could not read it", id="wrapped-without-status"),
        pytest.param({"response": "x", "resource": ONE}, "could not read it", id="wrapped-odd-response"),
        pytest.param({"response": {"status": "200"}}, "not FHIR data", id="wrapped-nothing"),
        pytest.param({"response": {"status": "200"}, "resource": None}, "not FHIR data", id="wrapped-null"),
        pytest.param(
            {"response": {"status": "200"}, "resource": {"response": {"status": "200"}, "resource": ONE}},
            "not FHIR data",
            id="wrapped-twice",
        ),
        pytest.param(
            {"response": {"status": 200}, "resource": outcome("error")}, "could not read it", id="wrapped-outcome"
        ),
    ],
)
@pytest.mark.parametrize("key", ["conditions", "patient"])
def test_nothing_usable_came(value: Any, says: str, key: str) -> None:
    found = answer(value, key)
    assert (found.entries, found.completeness) == ((), FAILED)
    assert says in found.problems[0]


def test_the_wrapper_from_before_version_1_is_opened() -> None:
    wrapped = {"response": {"status": "200 OK"}, "resource": bundle(ONE, total=1)}
    assert (ids(answer(wrapped)), answer(wrapped).completeness) == (["c1"], COMPLETE)
    wrapped["resource"] = PATIENT
    assert answer(wrapped, "patient").completeness is COMPLETE


@pytest.mark.parametrize(
    ("value", "completeness"),
    [
        pytest.param(PATIENT, COMPLETE, id="bare-resource"),
        pytest.param(bundle(PATIENT), COMPLETE, id="bundle-of-one"),
        pytest.param(ONE, INCOMPLETE, id="another-type"),
        pytest.param(bundle(ONE), INCOMPLETE, id="bundle-of-another-type"),
    ],
)
def test_a_read(value: Any, completeness: Completeness) -> None:
    found = answer(value, "patient")
    assert len(found.entries) == 1
    assert found.completeness is completeness


def test_a_search_answered_with_other_types_only_is_not_complete() -> None:
    found = answer(bundle(PATIENT, MEDICATION))
    assert (ids(found), found.completeness) == (["p1", "m1"], INCOMPLETE)
    assert found.problems == ("it holds resources of other types than asked for",)


@pytest.mark.parametrize(
    ("value", "completeness"),
    [pytest.param(bundle(ONE, PATIENT, total=2), COMPLETE, id="bundle"), pytest.param(ONE, COMPLETE, id="bare")],
)
def test_a_key_without_template_counts_every_type(value: Any, completeness: Completeness) -> None:
    assert answer(value, "unlisted").completeness is completeness


def test_problems_never_repeat_what_the_client_wrote() -> None:
    loud = {"severity": "fatal", "code": "Zaphodine", "diagnostics": "Zaphodine", "details": {"text": "Zaphodine"}}
    value = bundle(ONE, {"resourceType": "OperationOutcome", "issue": [loud]}, total="Zaphodine", link="Zaphodine")
    assert "Zaphodine" not in " ".join(answer(value).problems)


@pytest.mark.parametrize(
    ("value", "completeness"),
    [
        pytest.param(bundle(ONE, ONE, total=2), INCOMPLETE, id="one-twice-of-two"),
        pytest.param(bundle(ONE, ONE, TWO, total=2), COMPLETE, id="both-one-twice"),
        pytest.param(bundle(ONE, MEDICATION, MEDICATION, total=1), COMPLETE, id="a-rider-twice"),
        pytest.param(
            bundle({"resourceType": "Condition"}, {"resourceType": "Condition"}, total=2), COMPLETE, id="no-ids"
        ),
    ],
)
def test_a_result_sent_twice_does_not_hide_one_that_did_not_come(value: Any, completeness: Completeness) -> None:
    assert answer(value).completeness is completeness
