"""Reports that can tell no fact anything are left out early; leaving them out never changes an answer."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.marks import with_mark
from cds_service.facts.reports import telling_reports
from tests.facts.cases import PATIENT, make_case

SUBJECT = {"reference": f"Patient/{PATIENT}"}
KNEE = "The knee shows degenerative change only. No fracture."


def report(ident: str, conclusion: Any = KNEE, name: str = "Knee X-ray", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": ident,
        "status": "final",
        "subject": SUBJECT,
        "code": {"text": name},
        "conclusion": conclusion,
        **more,
    }


@pytest.mark.parametrize(
    "idle",
    [
        pytest.param(report("k"), id="words-about-nothing-of-ours"),
        pytest.param(report("k", category=[{"text": "Radiology"}]), id="with-a-category"),
    ],
)
def test_an_idle_report_is_left_out(idle: dict[str, Any]) -> None:
    assert telling_reports(make_case(idle)) == ()


@pytest.mark.parametrize(
    "telling",
    [
        pytest.param(report("k", "Liver metastases."), id="speaks-of-the-liver"),
        pytest.param(report("k", name="CT abdomen"), id="a-name-we-know"),
        pytest.param(report("k", "Core biopsy: adenocarcinoma."), id="speaks-of-tissue"),
        pytest.param(report("k", conclusionCode=[{"text": "x"}]), id="coded-conclusion"),
        pytest.param(report("k", presentedForm=[{}]), id="a-file"),
        pytest.param(report("k", ""), id="no-words"),
        pytest.param(report("k", None), id="a-conclusion-that-is-null"),
    ],
)
def test_a_report_that_may_tell_something_is_kept(telling: dict[str, Any]) -> None:
    assert telling_reports(make_case(telling)) == (telling,)


@pytest.mark.parametrize(
    ("shared", "kept"),
    [
        pytest.param({"id": "same"}, 2, id="one-id"),
        pytest.param({"identifier": [{"value": "A-1"}]}, 2, id="one-accession"),
        pytest.param({"basedOn": [{"reference": "ServiceRequest/s"}]}, 2, id="one-order"),
        pytest.param({}, 1, id="nothing-in-common"),
    ],
)
def test_another_version_of_a_telling_report_is_kept(shared: dict[str, Any], kept: int) -> None:
    """A correction that no longer speaks of the liver must still replace what it corrects."""
    before, after = report("a", "Liver metastases.", **{}), report("b", status="corrected")
    found = telling_reports(make_case({**before, **shared}, {**after, **shared}))
    assert len(found) == kept


def test_marks_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.facts.marks.MOST_REMEMBERED", 0)
    done = {
        "resourceType": "Procedure",
        "id": "x",
        "subject": SUBJECT,
        "code": {"coding": [{"display": "Biopsy of liver, never seen"}]},
    }
    case = make_case(done)
    assert with_mark(case, "Procedure", ("proc.",)) == (done,)
    assert (None, None, None, "Biopsy of liver, never seen") not in case.terms.remembered


@pytest.mark.parametrize("system", [["x"], {"a": 1}, 7, None], ids=["list", "object", "number", "null"])
def test_a_code_of_the_wrong_type_is_read_by_its_words(system: Any) -> None:
    code = {"coding": [{"system": system, "code": "1", "display": "Biopsy of liver"}]}
    done = {"resourceType": "Procedure", "id": "x", "subject": SUBJECT, "code": code}
    assert with_mark(make_case(done), "Procedure", ("proc.",)) == (done,)


def test_what_is_idle_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.facts.reports.MOST_REMEMBERED", 0)
    new = report("a", "The lungs are clear, never read before.")
    assert telling_reports(make_case(new)) == telling_reports(make_case(new)) == ()
