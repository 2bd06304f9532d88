"""Builders of cases for the fact tests: invented resources, the real value sets, lexicon and settings."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cds_service.content_files import find_cards
from cds_service.facts.case import Case
from cds_service.facts.fact import Evidence, Fact
from cds_service.facts.orders import read_orders
from cds_service.facts.regimen_table import RegimenTable, load_regimens
from cds_service.facts.settings import Settings, load_settings
from cds_service.facts.terminology import Terminology, load_terminology
from cds_service.fhir.source import Answer, Completeness, Entry
from cds_service.hooks.call import HookCall
from cds_service.reading.lexicon import Lexicon, load_lexicon
from cds_service.record import build_record

Json = dict[str, Any]

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PATIENT = "p1"

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
V2_REPORTS = "http://terminology.hl7.org/CodeSystem/v2-0074"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"

KEYS = (
    "patient",
    "conditions",
    "pathology",
    "reports",
    "documents",
    "observations",
    "procedures",
    "specimens",
    "serviceRequests",
    "appointments",
    "medicationRequests",
    "medicationAdministrations",
    "medicationStatements",
    "imagingStudies",
    "carePlans",
    "consents",
    "flags",
    "encounters",
    "allergies",
)
BROKEN = (Completeness.INCOMPLETE, Completeness.FAILED, Completeness.NOT_ATTEMPTED)


@cache
def terms() -> Terminology:
    """The shipped value sets."""
    return load_terminology(find_cards() / "value-sets")


@cache
def lexicon() -> Lexicon:
    """The shipped lexicon."""
    return load_lexicon(find_cards() / "lexicon")


@cache
def settings() -> Settings:
    """The shipped settings of the pathway."""
    return load_settings(find_cards() / "pancreatic-liver-metastases" / "settings.yaml")


@cache
def regimens() -> RegimenTable:
    """The shipped table of regimens."""
    return load_regimens(find_cards() / "pancreatic-liver-metastases" / "regimens.yaml", terms(), lexicon())


def make_case(
    *resources: Json,
    searches: Mapping[str, Completeness] | None = None,
    drafts: Iterable[Json] = (),
    selections: tuple[str, ...] | None = None,
    now: datetime = NOW,
    **changed_settings: Any,
) -> Case:
    """A case over these resources; every search is complete unless ``searches`` says otherwise.

    A resource without subject is given the patient of the case.
    """
    answers = [
        Answer(key, (), how, () if how is Completeness.COMPLETE else (f"was {how.value}",))
        for key, how in (dict.fromkeys(KEYS, Completeness.COMPLETE) | dict(searches or {})).items()
    ]
    mine = {"reference": f"Patient/{PATIENT}"}
    entries = tuple(
        Entry(item if item.get("resourceType") in {"Patient", "Medication"} else {"subject": mine, **item})
        for item in resources
    )
    answers.append(Answer("everything", entries, Completeness.COMPLETE))
    call = HookCall("order-sign", "i1", PATIENT, "", "", selections, tuple(Entry(item) for item in drafts), {}, "")
    return Case(
        build_record(PATIENT, answers),
        read_orders(call, terms(), lexicon()),
        terms(),
        lexicon(),
        replace(settings(), **changed_settings),
        regimens(),
        now,
    )


def days_ago(days: int) -> str:
    """The ISO date so many days before NOW."""
    return (NOW - timedelta(days=days)).date().isoformat()


def coded(system: str, code: str, display: str = "") -> Json:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code} | ({"display": display} if display else {})]}


def named(text: str) -> Json:
    """A CodeableConcept of words only."""
    return {"text": text}


def condition(
    code: Json, ident: str = "c1", clinical: str = "active", verified: str = "confirmed", **more: Any
) -> Json:
    """A Condition; "" leaves a status out."""
    out: Json = {"resourceType": "Condition", "id": ident, "code": code}
    if clinical:
        out["clinicalStatus"] = coded("http://terminology.hl7.org/CodeSystem/condition-clinical", clinical)
    if verified:
        out["verificationStatus"] = coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", verified)
    return out | more


def pancreatic_cancer(ident: str = "pancreas", onset: str = days_ago(30), **more: Any) -> Json:
    """A confirmed cancer of the head of the pancreas."""
    return condition(coded(ICD, "C25.0", "Malignant neoplasm of head of pancreas"), ident, onsetDateTime=onset, **more)


def liver_metastasis(ident: str = "liver", onset: str = days_ago(20), **more: Any) -> Json:
    """A recorded metastasis in the liver."""
    title = "Secondary malignant neoplasm of liver and intrahepatic bile duct"
    return condition(coded(ICD, "C78.7", title), ident, onsetDateTime=onset, **more)


def report(
    code: Json, text: str = "", ident: str = "r1", date: str = days_ago(10), status: str = "final", **more: Any
) -> Json:
    """A DiagnosticReport with a conclusion; "" leaves text or date out."""
    out: Json = {"resourceType": "DiagnosticReport", "id": ident, "status": status, "code": code}
    if text:
        out["conclusion"] = text
    if date:
        out["effectiveDateTime"] = date
    return out | more


def pathology(text: str = "", ident: str = "path", date: str = days_ago(10), **more: Any) -> Json:
    """A surgical pathology report."""
    return report(coded(LOINC, "11526-1"), text, ident, date, category=[coded(V2_REPORTS, "SP")], **more)


def ct(text: str = "", ident: str = "ct", date: str = days_ago(10), **more: Any) -> Json:
    """A report of a CT of the abdomen with contrast."""
    return report(coded(LOINC, "30599-5"), text, ident, date, category=[coded(V2_REPORTS, "RAD")], **more)


def mri(text: str = "", ident: str = "mri", date: str = days_ago(10), **more: Any) -> Json:
    """A report of an MRI of the liver with contrast."""
    return report(coded(LOINC, "30670-4"), text, ident, date, category=[coded(V2_REPORTS, "RAD")], **more)


def ultrasound(text: str = "", ident: str = "us", date: str = days_ago(10), **more: Any) -> Json:
    """A report of an ultrasound of the liver."""
    return report(coded(LOINC, "28614-6"), text, ident, date, category=[coded(V2_REPORTS, "RUS")], **more)


def attachment(text: str = "", kind: str = "text/plain", url: str = "") -> Json:
    """A presentedForm with inline data, or a link."""
    out: Json = {"contentType": kind}
    if text:
        out["data"] = base64.b64encode(text.encode()).decode()
    if url:
        out["url"] = url
    return out


def line(fact: Fact, reference: str) -> Evidence:
    """The evidence line of one item; KeyError if the fact did not consider it."""
    found = {item.reference or item.text: item for item in fact.evidence}
    return found[reference]
