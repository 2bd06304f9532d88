"""The demo's FHIR API: what is answered, and that nothing can be changed. FHIR R4, 3.1.0 and 3.1.1."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from cds_service.demo.api import Asked, Reply, answer
from cds_service.demo.search import PAGE, PARAMETERS
from tests.demo.demo_served import charts
from tests.web.service_calls import content

BASE = "http://127.0.0.1:8080/fhir"
PATIENT = "folfirinox-no-tissue"
REPORT = "http://terminology.hl7.org/CodeSystem/v2-0074"


def ask(path: str, method: str = "GET", **more: Any) -> Reply:
    """The reply to a request, written as a URL below the base."""
    target, _, query = path.partition("?")
    segments = tuple(segment for segment in target.split("/") if segment)
    return answer(charts(), Asked(method, segments, parse_qsl(query, keep_blank_values=True), BASE, **more))


def bundle(path: str, **more: Any) -> dict[str, Any]:
    """The Bundle of a search."""
    reply = ask(path, **more)
    assert reply.status == 200, reply.body
    assert reply.body is not None
    assert reply.body["resourceType"] == "Bundle"
    assert reply.body["type"] == "searchset"
    return dict(reply.body)


def ids(path: str, **more: Any) -> list[str]:
    """The ids that a search matches, without the end that tells the charts apart."""
    matches = [item for item in bundle(path, **more).get("entry", []) if item["search"]["mode"] == "match"]
    return [item["resource"]["id"].partition(".")[0] for item in matches]


def links(found: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in found["link"]}


def below(url: str) -> str:
    """A link of an answer as it is asked for again."""
    assert url.startswith(f"{BASE}/")
    return url.removeprefix(f"{BASE}/")


def refused(reply: Reply, status: int, code: str) -> str:
    """The text of a refusal."""
    assert reply.status == status
    OperationOutcome.model_validate(reply.body)
    assert reply.body is not None
    [issue] = reply.body["issue"]
    assert (issue["severity"], issue["code"]) == ("error", code)
    return str(issue["diagnostics"])


# --- what is there


def test_a_resource_is_read_by_its_id() -> None:
    reply = ask(f"Patient/{PATIENT}")
    assert reply.status == 200
    assert reply.body is not None
    assert (reply.body["resourceType"], reply.body["id"]) == ("Patient", PATIENT)


def test_the_statement_is_valid_and_names_what_is_served() -> None:
    reply = ask("metadata")
    CapabilityStatement.model_validate(reply.body)
    assert reply.body is not None
    assert reply.body["fhirVersion"] == "4.0.1"
    [rest] = reply.body["rest"]
    assert rest["security"] == {"cors": True}
    told = {item["type"]: {param["name"] for param in item["searchParam"]} for item in rest["resource"]}
    assert told == {kind: {"_id", *names} for kind, names in PARAMETERS.items()}
    for item in rest["resource"]:
        assert [entry["code"] for entry in item["interaction"]] == ["read", "search-type"]


def test_every_search_of_discovery_can_be_answered() -> None:
    for key, template in content().prefetch.items():
        path = template.replace("{{context.patientId}}", PATIENT)
        reply = ask(path, is_strict=True)
        assert reply.status == 200, (key, reply.body)


def test_an_answer_is_a_valid_searchset() -> None:
    found = bundle(f"Condition?patient={PATIENT}")
    Bundle.model_validate(found)
    assert found["total"] == 2
    assert [item["fullUrl"] for item in found["entry"]] == [
        f"{BASE}/Condition/{item['resource']['id']}" for item in found["entry"]
    ]


def test_nothing_found_is_an_empty_bundle_without_entries() -> None:
    """An empty list is no valid FHIR, and `null` is no answer."""
    found = bundle("MedicationStatement?patient=nobody")
    Bundle.model_validate(found)
    assert found["total"] == 0
    assert "entry" not in found


# --- parameters


@pytest.mark.parametrize(
    "name",
    [
        f"patient={PATIENT}",
        f"subject={PATIENT}",
        f"patient=Patient/{PATIENT}",
        f"patient={BASE}/Patient/{PATIENT}",
        f"patient=nobody,{PATIENT}",
        f"patient={PATIENT}&patient=Patient/{PATIENT}",
    ],
)
def test_a_patient_is_named_in_any_spelling(name: str) -> None:
    assert ids(f"Condition?{name}") == ["pancreas-primary", "liver-metastases"]


def test_the_actor_of_an_appointment_is_its_patient() -> None:
    assert len(ids("Appointment?patient=biopsy-appointment")) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("category=RAD", ["ct-pancreas"]),
        (f"category={REPORT}|RAD", ["ct-pancreas"]),
        (f"category={REPORT}|SP,{REPORT}|RAD", ["ct-pancreas"]),
        (f"category={REPORT}|SP", []),
        ("category=|RAD", []),
        (f"category={REPORT}|RAD&category={REPORT}|SP", []),
        ("status=final", ["ct-pancreas"]),
        ("status=preliminary", []),
        ("code=http://loinc.org|24858-3", ["ct-pancreas"]),
        ("code=http://loinc.org|1-8", []),
    ],
)
def test_tokens_and_alternatives(query: str, found: list[str]) -> None:
    assert ids(f"DiagnosticReport?patient={PATIENT}&{query}") == found


def test_an_id_is_searched_for() -> None:
    assert ids(f"Patient?_id={PATIENT},tissue-from-text") == [PATIENT, "tissue-from-text"]


@pytest.mark.parametrize("query", ["date=ge2026-01-01", "code:in=x", "_include=Patient:x", "_sort=date", "status="])
def test_what_is_not_understood_is_left_out_and_named(query: str) -> None:
    """The self link holds what was used alone, so that a client can see it (3.1.1.4)."""
    found = bundle(f"DiagnosticReport?patient={PATIENT}&{query}")
    assert links(found)["self"] == f"{BASE}/DiagnosticReport?patient={PATIENT}"
    assert found["total"] == 1
    match, outcome = found["entry"]
    assert (match["search"]["mode"], outcome["search"]["mode"]) == ("match", "outcome")
    [issue] = outcome["resource"]["issue"]
    assert issue["severity"] == "warning"
    assert query.partition("=")[0] in issue["diagnostics"]
    Bundle.model_validate(found)


def test_strict_handling_refuses_what_is_not_understood() -> None:
    text = refused(ask(f"DiagnosticReport?patient={PATIENT}&date=ge2026", is_strict=True), 400, "invalid")
    assert "date" in text
    assert "category" in text


def test_how_an_answer_is_written_is_no_search_parameter() -> None:
    assert ids(f"Condition?patient={PATIENT}&_format=json&_pretty=true", is_strict=True)


# --- pages


def test_pages_are_followed_to_the_last_and_back() -> None:
    whole = ids("Patient")
    path, seen, pages = "Patient?_count=90", [], 0
    while path:
        page = bundle(path)
        assert page["total"] == len(whole)
        assert len(page["entry"]) <= 90
        seen += ids(path)
        pages += 1
        last = page
        path = below(links(page)["next"]) if "next" in links(page) else ""
    assert seen == whole
    assert pages == -(-len(whole) // 90) > 2
    assert ids(below(links(last)["previous"])) == whole[(pages - 2) * 90 : (pages - 1) * 90]
    assert "previous" not in links(bundle("Patient?_count=90"))


def test_the_next_page_searches_for_the_same() -> None:
    found = bundle(f"Condition?patient=Patient/{PATIENT}&category=problem-list-item,x&_count=1")
    query = dict(parse_qsl(urlsplit(links(found)["next"]).query))
    assert query == {
        "patient": f"Patient/{PATIENT}",
        "category": "problem-list-item,x",
        "_count": "1",
        "_offset": "1",
    }


def test_a_count_of_nothing_gives_the_total_alone() -> None:
    found = bundle(f"Condition?patient={PATIENT}&_count=0")
    assert (found["total"], "entry" in found, set(links(found))) == (2, False, {"self"})


def test_a_page_that_holds_all_has_no_next() -> None:
    found = bundle(f"Condition?patient={PATIENT}&_count=2")
    assert (len(found["entry"]), set(links(found))) == (2, {"self"})


def test_a_page_beyond_the_last_is_empty() -> None:
    found = bundle(f"Condition?patient={PATIENT}&_count=5&_offset=5")
    assert (found["total"], "entry" in found, "next" in links(found)) == (2, False, False)


def test_a_page_is_never_larger_than_it_may_be() -> None:
    for query in ("Condition", "Condition?_count=100000"):
        found = bundle(query)
        assert found["total"] > len(found["entry"]) == PAGE
        assert len(ids(below(links(found)["next"]))) == found["total"] - PAGE


@pytest.mark.parametrize("query", ["_count=-1", "_count=x", "_count=", "_count=1e3", "_offset=²", "_count=" + "9" * 50])
def test_a_page_that_is_no_number_is_refused(query: str) -> None:
    refused(ask(f"Condition?{query}"), 400, "invalid")


# --- refusals


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("Patient/nobody", "not-found"),
        ("Condition/pancreas-primary", "not-found"),
        ("Practitioner/COREPRACTITIONER1", "not-supported"),
        ("Nonsense", "not-supported"),
        ("", "not-supported"),
        (f"Patient/{PATIENT}/_history", "not-supported"),
        (f"Patient/{PATIENT}/$everything", "not-supported"),
        ("metadata/x", "not-supported"),
        ("_services/smart/Launch", "not-supported"),
    ],
)
def test_what_is_not_there_is_404(path: str, code: str) -> None:
    refused(ask(path), 404, code)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", ["", "Patient", f"Patient/{PATIENT}", "metadata", "_services/smart/Launch"])
def test_nothing_can_be_changed(path: str, method: str) -> None:
    before = dict(charts().by_name)
    reply = ask(path, method)
    refused(reply, 405, "not-supported")
    assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert charts().by_name == before


def test_a_search_may_be_posted() -> None:
    assert ids(f"Condition/_search?patient={PATIENT}", method="POST") == ids(f"Condition?patient={PATIENT}")
    assert ask("Condition/_search", "DELETE").headers["Allow"] == "GET, HEAD, POST, OPTIONS"


def test_only_json_is_served() -> None:
    refused(ask(f"Patient/{PATIENT}", takes_json=False), 406, "not-supported")
    refused(ask(f"Patient/{PATIENT}?_format=xml"), 406, "not-supported")
    assert ask(f"Patient/{PATIENT}?_format=application/fhir+json", takes_json=False).status == 200


def test_options_has_no_body() -> None:
    reply = ask("Condition/_search", "OPTIONS")
    assert (reply.status, reply.body, reply.headers) == (204, None, {"Allow": "GET, HEAD, POST, OPTIONS"})
