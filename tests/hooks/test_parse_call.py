"""parse_call: required fields, types, and what is read tolerantly (conformance REQ-02 to REQ-09, decisions 30, 31)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cds_service.errors import MalformedCall
from cds_service.hooks import READERS, parse_call
from cds_service.hooks.fields import read_bare_id, read_encounter

DRAFT = {"resourceType": "MedicationRequest", "id": "d1", "status": "draft"}
BODY: dict[str, Any] = {
    "hook": "order-select",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "fhirServer": "https://fhir.example.org/r4",
    "context": {
        "userId": "Practitioner/u1",
        "patientId": "p1",
        "encounterId": "e1",
        "selections": ["MedicationRequest/d1"],
        "draftOrders": {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": "urn:uuid:1", "resource": DRAFT}],
        },
    },
    "prefetch": {"patient": None},
}
LEFT_OUT = object()


def body(path: str = "", value: Any = LEFT_OUT, hook: str = "order-select") -> dict[str, Any]:
    """BODY with the field at a dotted path replaced, or taken out."""
    made = copy.deepcopy(BODY)
    made["hook"] = hook
    if path:
        node: Any = made
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in parents:
            node = node[step]
        if value is LEFT_OUT:
            del node[last]
        else:
            node[last] = value
    return made


def test_reads_every_field_of_order_select() -> None:
    call = parse_call(body(), "order-select")
    assert (call.hook, call.instance) == ("order-select", "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea")
    assert (call.patient_id, call.user_id, call.encounter_id) == ("p1", "Practitioner/u1", "e1")
    assert call.selections == ("MedicationRequest/d1",)
    assert [(entry.full_url, entry.resource) for entry in call.drafts] == [("urn:uuid:1", DRAFT)]
    assert (call.prefetch, call.fhir_server) == ({"patient": None}, "https://fhir.example.org/r4")


def test_order_sign_has_no_selections_even_if_sent() -> None:
    assert parse_call(body(hook="order-sign"), "order-sign").selections is None


@pytest.mark.parametrize("hook", READERS)
@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        pytest.param("hookInstance", LEFT_OUT, "hookInstance", id="no-instance"),
        pytest.param("hookInstance", "", "hookInstance", id="empty-instance"),
        pytest.param("hookInstance", " ", "hookInstance", id="blank-instance"),
        pytest.param("hookInstance", 7, "hookInstance", id="number-instance"),
        pytest.param("context", LEFT_OUT, "context", id="no-context"),
        pytest.param("context", None, "context", id="null-context"),
        pytest.param("context", [], "context", id="array-context"),
        pytest.param("context.patientId", LEFT_OUT, "context.patientId", id="no-patient"),
        pytest.param("context.patientId", None, "context.patientId", id="null-patient"),
        pytest.param("context.patientId", "", "context.patientId", id="empty-patient"),
        pytest.param("context.patientId", 12, "context.patientId", id="number-patient"),
        pytest.param("context.patientId", ["p1"], "context.patientId", id="array-patient"),
        pytest.param("context.patientId", "Patient/p1", "context.patientId", id="patient-with-type"),
        pytest.param("context.patientId", "p 1", "context.patientId", id="patient-with-blank"),
        pytest.param("context.patientId", "p\u00001", "context.patientId", id="patient-with-control"),
        pytest.param("context.patientId", "p" * 1025, "context.patientId", id="patient-too-long"),
        pytest.param("context.encounterId", 5, "context.encounterId", id="number-encounter"),
        pytest.param("context.draftOrders", LEFT_OUT, "context.draftOrders", id="no-drafts"),
        pytest.param("context.draftOrders", None, "context.draftOrders", id="null-drafts"),
        pytest.param("context.draftOrders", [DRAFT], "context.draftOrders", id="array-drafts"),
        pytest.param("context.draftOrders", DRAFT, "context.draftOrders", id="drafts-not-a-bundle"),
        pytest.param("context.draftOrders.entry", "x", r"entry\[0\]", id="entries-a-string"),
        pytest.param("context.draftOrders.entry", [None], r"entry\[0\]", id="entry-null"),
        pytest.param("context.draftOrders.entry.0.resource", LEFT_OUT, r"entry\[0\].resource", id="no-resource"),
        pytest.param("context.draftOrders.entry.0.resource", "{}", r"entry\[0\].resource", id="resource-a-string"),
        pytest.param("context.draftOrders.entry.0.resource", {"id": "x"}, "resourceType", id="resource-without-type"),
        pytest.param("prefetch", [], "prefetch", id="array-prefetch"),
        pytest.param("prefetch", "x", "prefetch", id="string-prefetch"),
        pytest.param("fhirServer", 1, "fhirServer", id="number-server"),
    ],
)
def test_refuses_and_names_the_field(hook: str, path: str, value: Any, names: str) -> None:
    with pytest.raises(MalformedCall, match=names):
        parse_call(body(path, value, hook), hook)


@pytest.mark.parametrize("value", ["MedicationRequest/d1", {"0": "x"}, [1], [None], 3])
def test_selections_of_a_wrong_type_are_refused(value: Any) -> None:
    with pytest.raises(MalformedCall, match=r"context\.selections"):
        parse_call(body("context.selections", value), "order-select")


@pytest.mark.parametrize("root", [None, [], [BODY], "x", 1, True])
def test_a_body_that_is_no_object_is_refused(root: object) -> None:
    with pytest.raises(MalformedCall, match="the request"):
        parse_call(root, "order-select")


@pytest.mark.parametrize(
    "value", [LEFT_OUT, None, "", 5, "order-sign", "Order-Select", "patient-view", "order-select "]
)
def test_another_hook_is_refused(value: Any) -> None:
    with pytest.raises(MalformedCall, match="hook"):
        parse_call(body("hook", value), "order-select")


@pytest.mark.parametrize(
    ("path", "value", "field", "read"),
    [
        pytest.param("hookInstance", "ABC", "instance", "ABC", id="any-instance"),
        pytest.param("context.userId", LEFT_OUT, "user_id", "", id="no-user"),
        pytest.param("context.userId", None, "user_id", "", id="null-user"),
        pytest.param("context.userId", 5, "user_id", "", id="number-user"),
        pytest.param("context.userId", "jane", "user_id", "", id="user-without-type"),
        pytest.param("context.userId", "Practitioner/", "user_id", "", id="user-without-id"),
        pytest.param("context.userId", "Practitioner/a b", "user_id", "", id="user-with-blank"),
        pytest.param(
            "context.userId",
            "https://x.example/r4/PractitionerRole/9",
            "user_id",
            "PractitionerRole/9",
            id="absolute-user",
        ),
        pytest.param("context.encounterId", LEFT_OUT, "encounter_id", "", id="no-encounter"),
        pytest.param("context.encounterId", None, "encounter_id", "", id="null-encounter"),
        pytest.param("context.selections", LEFT_OUT, "selections", None, id="no-selections"),
        pytest.param("context.selections", None, "selections", None, id="null-selections"),
        pytest.param("context.selections", [], "selections", (), id="empty-selections"),
        pytest.param("context.draftOrders.entry", LEFT_OUT, "drafts", (), id="no-entries"),
        pytest.param("context.draftOrders.entry", None, "drafts", (), id="null-entries"),
        pytest.param("context.draftOrders.entry", [], "drafts", (), id="empty-entries"),
        pytest.param("prefetch", LEFT_OUT, "prefetch", {}, id="no-prefetch"),
        pytest.param("prefetch", None, "prefetch", {}, id="null-prefetch"),
        pytest.param("fhirServer", LEFT_OUT, "fhir_server", "", id="no-server"),
        pytest.param("fhirServer", None, "fhir_server", "", id="null-server"),
        pytest.param("extension", 3, "patient_id", "p1", id="odd-extension"),
        pytest.param("context.extension", ["x"], "patient_id", "p1", id="odd-extension-in-context"),
        pytest.param("fhirAuthorization", {"access_token": 1}, "patient_id", "p1", id="incomplete-authorization"),
        pytest.param("fhirAuthorization", "x", "patient_id", "p1", id="odd-authorization"),
        pytest.param("context.newField", {"a": 1}, "patient_id", "p1", id="unknown-attribute"),
    ],
)
def test_reads_tolerantly(path: str, value: Any, field: str, read: object) -> None:
    assert getattr(parse_call(body(path, value), "order-select"), field) == read


def test_a_single_entry_need_not_be_a_list_and_a_bundle_needs_no_type() -> None:
    drafts = {"resourceType": "Bundle", "entry": {"resource": DRAFT}}
    call = parse_call(body("context.draftOrders", drafts), "order-select")
    assert [(entry.full_url, entry.resource) for entry in call.drafts] == [("", DRAFT)]


def test_message_repeats_no_value() -> None:
    with pytest.raises(MalformedCall) as caught:
        parse_call(body("context.patientId", "Patient/Zaphodine"), "order-select")
    assert "Zaphodine" not in str(caught.value)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("e1", "e1"),
        ("Encounter/e1", "e1"),
        ("https://ehr.example.org/fhir/Encounter/e1", "e1"),
        ("<b>", ""),
        ("x y", ""),
        ("../../x", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_odd_encounter_degrades(sent: object, read: str) -> None:
    """Decision 31 for the user, and the same for the encounter: neither is a reason to refuse advice."""
    assert read_encounter(sent) == read


@pytest.mark.parametrize("patient", ["<b>", "a\u202eb", "a#b", "x y", "Patient/1"])
def test_a_patient_id_is_a_plain_id(patient: str) -> None:
    with pytest.raises(MalformedCall, match="patientId"):
        read_bare_id(patient, "context.patientId")
