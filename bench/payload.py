"""Calls to measure with: one invented patient, charts of 20, 200 and 2000 resources.

What decides (pancreatic cancer, liver metastases, a CT report, an empty pathology search) is the same at each
size; the rest is ordinary chart noise. So a service whose work grows with what decides can be told from one whose work
grows with the chart. Nothing is drawn by chance: two runs send the same bytes, and no date matters.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cds_service.content_files import read_yaml

SIZES = {"S": 20, "M": 200, "L": 2000}
"""Resources of a call: those of the prefetch and the draft orders together."""

PATIENT = "bench"
PREFETCH = Path(__file__).resolve().parent.parent / "cards" / "prefetch.yaml"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
# Noise is coded in a formulary of its own: what a code of ours is, the noise must not be.
LOCAL = "http://hospital.example.org/catalogue"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"

FOLFIRINOX = (("32592", "oxaliplatin"), ("51499", "irinotecan"), ("6313", "leucovorin"), ("4492", "fluorouracil"))
LABS = (
    (LOINC, "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    (LOINC, "777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL"),
    (LOINC, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL"),
    (LOINC, "1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL"),
    (LOCAL, "NA", "Sodium", "mmol/L"),
    (LOCAL, "K", "Potassium", "mmol/L"),
    (LOCAL, "BP-SYS", "Systolic blood pressure", "mm[Hg]"),
    (LOCAL, "PULSE", "Heart rate", "/min"),
)
PROBLEMS = ("Hypertension", "Type 2 diabetes mellitus", "Gastroesophageal reflux", "Low back pain", "Hyperlipidaemia")
DRUGS = ("Metformin 500 mg tablet", "Lisinopril 10 mg tablet", "Atorvastatin 20 mg tablet", "Omeprazole 20 mg capsule")
PROCEDURES = ("Colonoscopy", "Appendectomy", "Cataract surgery", "Gastroscopy")
IMAGING = ("Chest X-ray", "Screening mammography", "Knee X-ray")
REPORT_TEXT = (
    "Findings: Comparison is made with the prior examination. The heart is of normal size. The lungs are clear. "
    "There is no pleural effusion. The bones show degenerative change only. Impression: No acute abnormality."
)

Json = dict[str, Any]

_DAILY: Json = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}


def build(total: int, ours: bool = True, hook: str = "order-select") -> Json:
    """One call with exactly ``total`` resources; ``ours`` orders FOLFIRINOX, otherwise a drug of no concern to us."""
    drafts = [_draft(*drug) for drug in FOLFIRINOX] if ours else [_medication_request(DRUGS[0], "draft-1", "draft")]
    patient = {
        "resourceType": "Patient",
        "id": PATIENT,
        "identifier": [{"system": "urn:example:mrn", "value": "0000001"}],
        "name": [{"use": "official", "family": "Example", "given": ["Ada"]}],
        "gender": "female",
        "birthDate": "1958-04-11",
        "address": [{"city": "Springfield", "country": "US"}],
    }
    results: dict[str, list[Json]] = {key: [] for key in read_yaml(PREFETCH) if key != "patient"}
    results["conditions"] = [
        _condition("C25.0", "Malignant neoplasm of head of pancreas", "pancreas"),
        _condition("C78.7", "Secondary malignant neoplasm of liver and intrahepatic bile duct", "liver"),
    ]
    results["reports"] = [_ct_report()]
    noise = _noise()
    missing = total - 1 - len(drafts) - sum(map(len, results.values()))
    if missing < 0:
        raise ValueError(f"a call has at least {total - missing} resources, not {total}")
    for key, resource in itertools.islice(noise, missing):
        results[key].append(resource)
    context: Json = {"userId": "Practitioner/example", "patientId": PATIENT, "encounterId": "visit"}
    if hook == "order-select":
        context["selections"] = [f"MedicationRequest/{draft['id']}" for draft in drafts]
    entries = [{"resource": draft} for draft in drafts]
    context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return {
        "hook": hook,
        "hookInstance": "0b4d6ee1-6c8c-4d6c-8f5f-2f1f6f3b7a10",
        "context": context,
        "prefetch": {"patient": patient, **{key: _searchset(found) for key, found in results.items()}},
    }


def encoded(call: Json) -> bytes:
    """The call as a client sends it: compact UTF-8."""
    return json.dumps(call, ensure_ascii=False, separators=(",", ":")).encode()


def count(call: Json) -> int:
    """The resources of a call, Bundles apart."""
    bundles = [call["context"]["draftOrders"], *call["prefetch"].values()]
    return sum(len(bundle.get("entry", ())) if bundle["resourceType"] == "Bundle" else 1 for bundle in bundles)


def _searchset(resources: list[Json]) -> Json:
    entries = [
        {
            "fullUrl": f"https://fhir.example.org/r4/{resource['resourceType']}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in resources
    ]
    links = [{"relation": "self", "url": "https://fhir.example.org/r4/search"}]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": links}
    return {**bundle, "entry": entries} if entries else bundle


def _coded(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _resource(kind: str, ident: str, **elements: Any) -> Json:
    return {
        "resourceType": kind,
        "id": ident,
        "meta": {"versionId": "1", "lastUpdated": "2024-12-01T08:00:00Z"},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{kind} {ident} of the chart</p></div>',
        },
        "identifier": [{"system": f"urn:example:{kind.lower()}", "value": ident}],
        "subject": {"reference": f"Patient/{PATIENT}", "display": "Ada Example"},
        **elements,
    }


def _condition(code: str, display: str, ident: str, system: str = ICD) -> Json:
    return _resource(
        "Condition",
        ident,
        clinicalStatus=_coded(TERMINOLOGY + "condition-clinical", "active", "Active"),
        verificationStatus=_coded(TERMINOLOGY + "condition-ver-status", "confirmed", "Confirmed"),
        category=[_coded(TERMINOLOGY + "condition-category", "problem-list-item", "Problem List Item")],
        code=_coded(system, code, display),
        onsetDateTime="2024-11-05",
        recordedDate="2024-11-06",
    )


def _ct_report() -> Json:
    return _resource(
        "DiagnosticReport",
        "ct",
        status="final",
        category=[_coded(TERMINOLOGY + "v2-0074", "RAD", "Radiology")],
        code=_coded(LOINC, "24858-3", "Pancreas CT W contrast IV"),
        effectiveDateTime="2024-11-10T10:00:00Z",
        issued="2024-11-10T15:00:00Z",
        conclusion="Impression: Hypodense mass of 32 mm in the pancreatic head. Multiple hypodense lesions in both "
        "lobes of the liver, consistent with metastases.",
    )


def _draft(code: str, name: str) -> Json:
    return {
        **_medication_request(name, f"draft-{name}", "draft"),
        "medicationCodeableConcept": _coded(RXNORM, code, name),
    }


def _medication_request(name: str, ident: str, status: str) -> Json:
    return _resource(
        "MedicationRequest",
        ident,
        status=status,
        intent="order",
        medicationCodeableConcept=_coded(LOCAL, f"D-{name[:4]}", name),
        authoredOn="2024-11-20T09:00:00Z",
        requester={"reference": "Practitioner/example"},
        dosageInstruction=[{"text": "once a day", "timing": _DAILY}],
    )


def _observation(number: int) -> Json:
    system, code, display, unit = LABS[number % len(LABS)]
    value = 4 + number % 97 / 10

    def quantity(amount: float) -> Json:
        return {"value": amount, "unit": unit, "system": UCUM, "code": unit}

    return _resource(
        "Observation",
        f"observation-{number}",
        status="final",
        category=[_coded(TERMINOLOGY + "observation-category", "laboratory", "Laboratory")],
        code=_coded(system, code, display),
        effectiveDateTime=f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T07:30:00Z",
        issued=f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T09:30:00Z",
        performer=[{"reference": "Organization/laboratory", "display": "Example laboratory"}],
        valueQuantity=quantity(value),
        interpretation=[_coded(TERMINOLOGY + "v3-ObservationInterpretation", "N", "Normal")],
        referenceRange=[{"low": quantity(4), "high": quantity(14)}],
    )


def _old_report(number: int) -> Json:
    return _resource(
        "DiagnosticReport",
        f"report-{number}",
        status="final",
        category=[_coded(TERMINOLOGY + "v2-0074", "RAD", "Radiology")],
        code=_coded(LOCAL, f"R-{number % len(IMAGING)}", IMAGING[number % len(IMAGING)]),
        effectiveDateTime=f"20{10 + number % 13}-06-01T10:00:00Z",
        issued=f"20{10 + number % 13}-06-01T12:00:00Z",
        conclusion=REPORT_TEXT,
    )


def _procedure(number: int) -> Json:
    name = PROCEDURES[number % len(PROCEDURES)]
    return _resource(
        "Procedure",
        f"procedure-{number}",
        status="completed",
        code=_coded(LOCAL, f"P-{name[:4]}", name),
        performedDateTime=f"20{10 + number % 13}-03-01",
    )


def _service_request(number: int) -> Json:
    name = IMAGING[number % len(IMAGING)]
    return _resource(
        "ServiceRequest",
        f"request-{number}",
        status="completed",
        intent="order",
        code=_coded(LOCAL, f"S-{name[:4]}", name),
        authoredOn=f"20{10 + number % 13}-05-20",
    )


# Out of ten further resources of a chart six are laboratory values and vital signs.
_CHART: tuple[tuple[str, Callable[[int], Json]], ...] = (
    *(("observations", _observation),) * 3,
    ("medicationRequests", lambda n: _medication_request(DRUGS[n % len(DRUGS)], f"drug-{n}", "active")),
    *(("observations", _observation),) * 3,
    ("reports", _old_report),
    ("procedures", _procedure),
    ("serviceRequests", _service_request),
)


def _problem(number: int) -> Json:
    return _condition(f"C-{number}", PROBLEMS[number], f"problem-{number}", LOCAL)


def _noise() -> Iterator[tuple[str, Json]]:
    # Problem lists stay short, however long the chart.
    makers = itertools.chain([("conditions", _problem)] * len(PROBLEMS), itertools.cycle(_CHART))
    return ((key, make(number)) for number, (key, make) in enumerate(makers))
