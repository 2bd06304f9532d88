"""The service endpoints: statuses, paths, bodies (conformance GEN, REQ, PFR, RES; decisions 2, 30, 31, 33, 36)."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest

from cds_service.config import Config
from cds_service.errors import Overloaded
from cds_service.web import slot
from tests.web.service_calls import CALLS, ID, check_answer, check_error, client, post, stored

SELECT, SIGN = "sandbox-rx-capecitabine", "sandbox-rx-sign"
OTHER = "sandbox-pama-liver-imaging"


def edited(name: str, edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """A stored call after an edit in place."""
    body = stored(name)
    edit(body)
    return body


@pytest.mark.parametrize("name", [path.stem for path in sorted(CALLS.glob("*.json"))])
def test_every_stored_call_gets_a_valid_answer(name: str) -> None:
    answer = post(stored(name))
    check_answer(answer)
    assert answer.status_code in (200, 400, 412)


@pytest.mark.parametrize(("name", "cards"), [(SELECT, 2), (SIGN, 2), ("epic-gemcitabine-select", 2), (OTHER, 0)])
def test_res_01_02_cards_or_an_empty_list(name: str, cards: int) -> None:
    answer = post(stored(name))
    assert answer.status_code == 200
    assert len(check_answer(answer)["cards"]) == cards


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/fhir+json", "text/plain", ""]
)
def test_gen_05_content_type_does_not_matter(content_type: str) -> None:
    plain = post(stored(SELECT), content_type="application/json")
    assert post(stored(SELECT), content_type=content_type).data == plain.data


def test_res_07_same_call_same_answer() -> None:
    assert post(stored(SELECT)).data == post(stored(SELECT)).data


def test_req_03_the_same_instance_again_is_answered() -> None:
    body = stored(SELECT)
    assert {post(body).status_code for _ in range(2)} == {200}


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("slashes", ["/", "//"])
def test_decision_36_every_spelling_of_the_path(slashes: str, end: str) -> None:
    answer = client().post(f"/cds-services{slashes}{ID}order-select{end}", data=json.dumps(stored(SELECT)))
    assert answer.status_code == 200
    assert answer.data == post(stored(SELECT)).data


@pytest.mark.parametrize(
    ("edit", "hook"),
    [
        pytest.param(lambda body: body.update(hook="order-sign"), "order-select", id="req-02-other-hook"),
        pytest.param(lambda body: body.pop("hook"), "order-select", id="req-02-no-hook"),
        pytest.param(lambda body: body.update(hook=7), "order-select", id="req-02-hook-a-number"),
        pytest.param(lambda body: body.pop("hookInstance"), "order-select", id="req-03-no-instance"),
        pytest.param(lambda body: body.pop("context"), "order-select", id="req-04-no-context"),
        pytest.param(lambda body: body["context"].pop("patientId"), "order-select", id="req-04-no-patient"),
        pytest.param(lambda body: body["context"].pop("draftOrders"), "order-select", id="req-04-no-draft-orders"),
        pytest.param(
            lambda body: body["context"].update(draftOrders=None), "order-select", id="req-04-null-draft-orders"
        ),
        pytest.param(lambda body: body["context"].update(selections="x"), "order-select", id="req-04-odd-selections"),
        pytest.param(lambda body: body.update(prefetch=[]), "order-select", id="req-07-prefetch-an-array"),
    ],
)
def test_malformed_calls_are_400(edit: Callable[[dict[str, Any]], object], hook: str) -> None:
    check_error(post(edited(SELECT, edit), hook), 400, "invalid")


def test_order_sign_without_draft_orders_is_400() -> None:
    check_error(post(edited(SIGN, lambda body: body["context"].pop("draftOrders"))), 400, "invalid")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"x"', id="string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"<html></html>", id="html"),
        pytest.param(b"[" * 100_000, id="req-11-deep"),
        pytest.param(b'{"hook":"order-select",}', id="gen-04-trailing-comma"),
    ],
)
def test_bodies_that_are_no_call_are_400(raw: bytes) -> None:
    check_error(post(raw), 400, "invalid")


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda body: body.update(unknown={"a": [1]}), id="gen-06-root"),
        pytest.param(lambda body: body["context"].update(unknown="x"), id="gen-06-context"),
        pytest.param(lambda body: body["prefetch"].update(unknown="<html>"), id="req-07-prefetch-key"),
        pytest.param(lambda body: body.update(extension={"com.vendor.n": 4}), id="req-08-ext-01-number"),
        pytest.param(lambda body: body.update(extension=[1, {"x": None}]), id="ext-01-array"),
        pytest.param(lambda body: body.update(extension="x"), id="ext-01-string"),
        pytest.param(lambda body: body.pop("fhirServer"), id="req-05-no-server"),
        pytest.param(lambda body: body.update(fhirAuthorization={"access_token": "t"}), id="fhir-03-incomplete-token"),
        pytest.param(lambda body: body.update(fhirAuthorization=5), id="fhir-03-odd-token"),
        pytest.param(lambda body: body["context"].pop("selections"), id="selections-absent"),
        pytest.param(lambda body: body["context"].update(selections=["Odd/none"]), id="selections-unresolved"),
        pytest.param(lambda body: body["context"]["draftOrders"].update(type="collection"), id="bundle-with-type"),
        pytest.param(lambda body: body["prefetch"].update(patient=None), id="decision-31-null-patient"),
        pytest.param(lambda body: body["prefetch"].pop("patient"), id="decision-2-no-patient"),
    ],
)
def test_what_does_not_matter_changes_nothing(edit: Callable[[dict[str, Any]], object]) -> None:
    answer = post(edited(SELECT, edit))
    assert answer.status_code == 200
    assert len(check_answer(answer)["cards"]) == 2


@pytest.mark.parametrize("user", [None, "", 5, "jane", {"reference": "x"}])
def test_decision_31_an_odd_user_degrades(user: Any) -> None:
    assert post(edited(SELECT, lambda body: body["context"].update(userId=user))).status_code == 200


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda body: body.pop("prefetch"), id="no-prefetch"),
        pytest.param(lambda body: body.update(prefetch=None), id="null-prefetch"),
        pytest.param(lambda body: body.update(prefetch={}), id="empty-prefetch"),
        pytest.param(lambda body: body["prefetch"].pop("conditions"), id="no-conditions"),
        pytest.param(lambda body: body["prefetch"].update(conditions="<html>502</html>"), id="pfr-11-html"),
        pytest.param(lambda body: body["prefetch"].update(conditions=[]), id="pfr-11-array"),
        pytest.param(
            lambda body: body["prefetch"].update(conditions={"resourceType": "OperationOutcome", "issue": []}),
            id="pfr-05-outcome",
        ),
        pytest.param(
            lambda body: body["prefetch"].update(
                conditions={"resourceType": "Bundle", "link": [{"relation": "next", "url": "https://x.example/2"}]}
            ),
            id="pfr-07-none-on-this-page",
        ),
    ],
)
@pytest.mark.parametrize("name", [SELECT, SIGN])
def test_pfr_08_required_data_unobtainable_is_412(name: str, edit: Callable[[dict[str, Any]], object]) -> None:
    says = check_error(post(edited(name, edit)), 412, "incomplete")
    assert "conditions" in says


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda body: body.pop("prefetch", None), id="no-prefetch"),
        pytest.param(lambda body: body.update(prefetch={"conditions": "x"}), id="junk"),
    ],
)
def test_decision_2_an_order_that_is_not_ours_needs_no_data(edit: Callable[[dict[str, Any]], object]) -> None:
    answer = post(edited(OTHER, edit))
    assert (answer.status_code, check_answer(answer)) == (200, {"cards": []})


def empty_searches(body: dict[str, Any]) -> None:
    for key in body["prefetch"]:
        if key != "patient":
            body["prefetch"][key] = {"resourceType": "Bundle", "type": "searchset", "total": 0}


def null_searches(body: dict[str, Any]) -> None:
    body["prefetch"] = dict.fromkeys(body["prefetch"])


@pytest.mark.parametrize("edit", [empty_searches, null_searches])
def test_pfr_03_09_supplied_but_empty_is_an_answer(edit: Callable[[dict[str, Any]], None]) -> None:
    answer = post(edited("epic-gemcitabine-sign", edit))
    assert (answer.status_code, check_answer(answer)) == (200, {"cards": []})


OPTIONAL = sorted(set(stored(SELECT)["prefetch"]) - {"conditions"})


@pytest.mark.parametrize("key", OPTIONAL)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("absent", id="pft-10-pfr-10-absent"),
        pytest.param("<html>502</html>", id="pfr-11-html"),
        pytest.param([], id="pfr-11-array"),
        pytest.param(7, id="pfr-11-number"),
        pytest.param({"resourceType": "OperationOutcome"}, id="pfr-05-outcome"),
        pytest.param({"response": {"status": "404"}, "resource": None}, id="pfr-11-wrapper"),
        pytest.param(
            {"resourceType": "Bundle", "entry": [None, {"resource": {"resourceType": "Odd"}}]}, id="odd-entries"
        ),
    ],
)
def test_pfr_10_any_optional_key_may_fail(key: str, value: Any) -> None:
    body = stored(SELECT)
    if value == "absent":
        del body["prefetch"][key]
    else:
        body["prefetch"][key] = value
    answer = post(body)
    assert answer.status_code == 200
    assert check_answer(answer)["cards"]


def test_req_10_unknown_service_is_404() -> None:
    check_error(client().post("/cds-services/none-such", data=b"{}"), 404, "not-found")


@pytest.mark.parametrize(
    "path", ["/index.html", "/cds-service", "/cds-services/a/b", "/cds-services//", "/favicon.ico", "/%00", "/%ff"]
)
def test_unknown_paths_are_404(path: str) -> None:
    check_error(client().get(path), 404, "not-found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_req_10_other_methods_are_405_and_say_which_are_allowed(method: str) -> None:
    answer = client().open(f"/cds-services/{ID}order-select", method=method)
    check_error(answer, 405, "not-supported")
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_head_on_a_service_is_405_without_body() -> None:
    answer = client().head(f"/cds-services/{ID}order-select")
    assert (answer.status_code, answer.data, answer.headers["Allow"]) == (405, b"", "OPTIONS, POST")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/cds-services", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        (f"/cds-services/{ID}order-sign", "OPTIONS, POST"),
    ],
)
def test_options_says_what_is_allowed(path: str, allowed: str) -> None:
    answer = client().options(path)
    assert (answer.status_code, answer.data, answer.headers["Allow"]) == (204, b"", allowed)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_healthz() -> None:
    answer = client().get("/healthz")
    assert (answer.status_code, json.loads(answer.data)) == (200, {"status": "ok"})


SMALL = Config(max_body_bytes=1_000)


def padded(size: int) -> bytes:
    body = json.dumps(stored(OTHER) | {"extension": {}, "fhirServer": None}).encode()
    assert len(body) <= size
    return body.ljust(size)


def test_a_body_at_the_limit_is_read() -> None:
    assert post(padded(1_000), config=Config(max_body_bytes=1_000)).status_code == 200


@pytest.mark.parametrize("size", [1_001, 1_002, 9_000])
def test_decision_30_a_body_over_the_limit_is_413(size: int) -> None:
    assert "1000 bytes" in check_error(post(padded(size), config=SMALL), 413, "too-long")


@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (1_001, 413), (1_002, 413), (9_000, 413)])
def test_chunked_bodies_have_the_same_limit(size: int, status: int) -> None:
    chunked = {"wsgi.input": io.BytesIO(padded(size)), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = post(b"", config=SMALL, environ_overrides=chunked)
    assert answer.status_code == status
    check_answer(answer)


def test_the_default_limit_is_five_million_bytes() -> None:
    assert post(padded(5_000_000)).status_code == 200
    check_error(post(padded(5_000_001)), 413, "too-long")


def many_drafts(count: int) -> Any:
    body = stored(SELECT)
    draft = body["context"]["draftOrders"]["entry"][0]
    body["context"]["draftOrders"]["entry"] = [draft] * count
    return body


@pytest.mark.parametrize(("limit", "config"), [(1_000, None), (2, Config(max_draft_orders=2))])
def test_more_draft_orders_than_the_limit_are_400(limit: int, config: Config | None) -> None:
    """Decision 30: never an empty card list, which would say that they were looked at."""
    assert post(many_drafts(limit), config=config).status_code == 200
    said = check_error(post(many_drafts(limit + 1), config=config), 400)
    assert f"context.draftOrders has more than {limit} entries" in said


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_decision_30_a_compressed_body_is_415(encoding: str) -> None:
    raw = gzip.compress(json.dumps(stored(SELECT)).encode())
    check_error(post(raw, headers={"Content-Encoding": encoding}), 415, "not-supported")


def test_identity_is_no_compression() -> None:
    assert post(stored(SELECT), headers={"Content-Encoding": "Identity"}).status_code == 200


def test_a_body_shorter_than_announced_is_400() -> None:
    answer = post(b"", input_stream=io.BytesIO(b'{"hook"'), content_length=500)
    check_error(answer, 400, "invalid")


def test_a_busy_service_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 30: 503 for overload, with an OperationOutcome."""
    monkeypatch.setattr(slot, "_GATE", Lock())
    monkeypatch.setattr(slot, "PATIENCE_SECONDS", 0)
    with slot.compute_slot(), pytest.raises(Overloaded) as caught, slot.compute_slot():
        pass
    assert (caught.value.status, caught.value.issue_code) == (503, "transient")
    with slot.compute_slot():
        pass
