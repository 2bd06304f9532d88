"""A hostile call costs in proportion to its size: judged by ratio, so that the speed of the machine does not matter."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Mapping
from time import process_time
from typing import Any

import pytest

from cds_service.config import Config
from cds_service.facts.orders import Order
from tests.facts.cases import Json, make_case
from tests.web.service_calls import post, stored

SMALL, LARGE = 500, 2_000
MOST_TIMES = 8
"""Four times the size may cost twice that in proportion, for noise; what is quadratic costs sixteen times as much."""
UNLIMITED = Config(max_draft_orders=100_000)
CALL = stored("folfirinox-no-tissue")
PATIENT = {"reference": f"Patient/{CALL['context']['patientId']}"}


def order(text: str, ident: str = "", kind: str = "ServiceRequest", **more: Any) -> Json:
    return {"resourceType": kind, "status": "draft", "code": {"text": text}} | ({"id": ident} if ident else {}) | more


def done(kind: str, ident: str, text: str, request: str, date: str = "2026-01-01") -> Json:
    when = {"performedDateTime": date} if kind == "Procedure" else {"effectiveDateTime": date}
    status = "completed" if kind == "Procedure" else "final"
    based = {"basedOn": [{"reference": request}]}
    return {
        "resourceType": kind,
        "id": ident,
        "status": status,
        "subject": PATIENT,
        "code": {"text": text},
        **when,
        **based,
    }


def asked(ident: str, text: str) -> Json:
    request = order(text, ident, subject=PATIENT, authoredOn="2026-02-20", intent="order")
    return request | {"status": "active"}


def body(
    drafts: list[Json], selections: list[str] | None = None, prefetch: Mapping[str, list[Json]] | None = None
) -> bytes:
    """A call with these drafts, as resources or as whole entries, and these answers beside those of the stored call."""
    entries = [item if "resource" in item else {"resource": item} for item in drafts]
    context: Json = {**CALL["context"], "draftOrders": {"resourceType": "Bundle", "entry": entries}}
    context.pop("selections", None)
    if selections is not None:
        context["selections"] = selections
    searches = {
        key: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": item} for item in items]}
        for key, items in (prefetch or {}).items()
    }
    return json.dumps({**CALL, "context": context, "prefetch": {**CALL["prefetch"], **searches}}).encode()


def scans_without_id(size: int) -> bytes:
    return body([order("CT abdomen", note=[{"text": str(number)}]) for number in range(size)])


def reasons_in_one_order(size: int) -> bytes:
    reasons = [{"reference": f"#q{number}"} for number in range(size)]
    inside = [{"resourceType": "Condition", "id": f"c{number}"} for number in range(size)]
    return body([order("liver biopsy", "m", reasonReference=reasons, contained=inside)])


def specimens_in_one_report(size: int) -> bytes:
    report = done("DiagnosticReport", "r", "Surgical pathology report", "ServiceRequest/none")
    report["conclusion"] = "Liver, core biopsy: adenocarcinoma."
    report["specimen"] = [{"reference": f"#q{number}"} for number in range(size)]
    report["contained"] = [{"resourceType": "Specimen", "id": f"c{number}"} for number in range(size)]
    return body([order("liver biopsy", "m")], prefetch={"reports": [report]})


def unknown_subjects(size: int) -> bytes:
    orders = [order("aspirin", f"d{number}", subject={"reference": f"urn:uuid:x{number}"}) for number in range(size)]
    return body([{"resource": item, "fullUrl": f"urn:uuid:{number}"} for number, item in enumerate(orders)])


def selections_of_one_name(size: int) -> bytes:
    """Copying a set is quick: it shows in larger calls only."""
    drafts = [order("aspirin", "m", note=[{"text": str(number)}]) for number in range(10 * size)]
    return body(drafts, ["m"] * len(drafts))


def requests_and_what_was_done(text: str, kind: str, search: str, ordered: str) -> Callable[[int], bytes]:
    """Requests that nothing fulfils, and as many things done for none of them, before they were written."""

    def build(size: int) -> bytes:
        written = [asked(f"s{number}", text) for number in range(size)]
        others = [done(kind, f"p{number}", text, "ServiceRequest/none") for number in range(size)]
        return body([order(ordered, "m")], prefetch={"serviceRequests": written, search: others})

    return build


def versions(size: int, **shared: Any) -> bytes:
    """Final reports with something in common that replace each other not at all, or one by one."""
    reports = [
        done("DiagnosticReport", f"r{number}", "MRI liver", f"ServiceRequest/{number}") for number in range(size)
    ]
    marked = [{**item, "conclusion": str(number), **shared} for number, item in enumerate(reports)]
    return body([order("Whipple procedure", "m")], prefetch={"reports": marked})


def biopsies_that_disagree(size: int) -> bytes:
    """Liver biopsies that say yes and no of shared specimens, between scans of which each says something else."""
    said = ("Liver, core biopsy: metastatic adenocarcinoma.", "Liver, core biopsy: bile duct hamartoma.", "No tissue.")
    seen = ("Impression: Liver metastases.", "Impression: No focal liver lesion.")
    reports: list[Json] = []
    for number in range(size // 2):
        day = f"20{10 + number % 16}-{1 + number % 12:02}-{1 + number % 28:02}"
        biopsy = done("DiagnosticReport", f"b{number}", "Surgical pathology report", "ServiceRequest/none", day)
        biopsy |= {"conclusion": said[number % 3], "specimen": [{"reference": f"Specimen/{number // 3}"}]}
        scan = done("DiagnosticReport", f"s{number}", "MRI liver", "ServiceRequest/none", day)
        reports += [biopsy, scan | {"conclusion": seen[number % 2]}]
    return body([order("Whipple procedure", "m")], prefetch={"reports": reports})


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(biopsies_that_disagree, id="biopsies-that-disagree"),
        pytest.param(scans_without_id, id="scans-without-id"),
        pytest.param(lambda size: versions(size, id="r"), id="one-id"),
        pytest.param(lambda size: versions(size, identifier=[{"value": "1"}]), id="one-accession"),
        pytest.param(lambda size: versions(size, specimen=[{"reference": "Specimen/1"}]), id="one-specimen"),
        pytest.param(reasons_in_one_order, id="contained-in-an-order"),
        pytest.param(specimens_in_one_report, id="contained-in-a-report"),
        pytest.param(unknown_subjects, id="urn-subjects"),
        pytest.param(selections_of_one_name, id="selections-of-one-name"),
        pytest.param(
            requests_and_what_was_done("liver biopsy", "Procedure", "procedures", "FOLFIRINOX"), id="biopsies"
        ),
        pytest.param(
            requests_and_what_was_done("MRI liver", "DiagnosticReport", "reports", "Whipple procedure"), id="mri"
        ),
        pytest.param(
            requests_and_what_was_done("staging laparoscopy", "Procedure", "procedures", "Whipple procedure"),
            id="laparoscopies",
        ),
        pytest.param(
            requests_and_what_was_done("Whipple procedure", "Procedure", "procedures", "liver biopsy"), id="resections"
        ),
    ],
)
def test_four_times_the_call_costs_about_four_times_as_much(build: Callable[[int], bytes]) -> None:
    assert _seconds(build(LARGE)) < MOST_TIMES * _seconds(build(SMALL))


def _seconds(raw: bytes) -> float:
    """Time of this process alone, the best of several: others on the machine do not count."""
    best = float("inf")
    for _ in range(2):
        gc.collect()
        begin = process_time()
        answer = post(raw, CALL["hook"], UNLIMITED)
        best = min(best, process_time() - begin)
        assert answer.status_code == 200
    return best


def test_selected_orders_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing two orders compares their whole resources."""
    compared = []

    def count(mine: Order, other: object) -> bool:
        compared.append(mine)
        return mine is other

    case = make_case(drafts=[order("CT abdomen", f"d{number}") for number in range(50)])
    monkeypatch.setattr(Order, "__eq__", count)
    assert case.fact("abdominal_ct_ordered").state == "yes:unstated"
    assert compared == []
