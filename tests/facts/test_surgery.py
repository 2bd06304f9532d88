"""F21: resections with curative intent, staging laparoscopies and biliary stents, and what only sounds like one."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.orders import Order
from cds_service.facts.surgery import operation_of
from cds_service.facts.vocabulary import vocabulary_of
from tests.facts.cases import ICD, LOINC, SNOMED, Json, coded, make_case, named

PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/"

PANCREAS = frozenset({"pancreatic_resection"})
LIVER = frozenset({"liver_resection"})
LAPAROSCOPY = frozenset({"staging_laparoscopy"})
STENT = frozenset({"biliary_stent"})
BIOPSY = frozenset({"liver_biopsy"})
NONE: frozenset[str] = frozenset()

CURATIVE, PALLIATIVE = coded(SNOMED, "373808002"), coded(SNOMED, "363676003")
SUPPORTIVE, DIAGNOSTIC = coded(SNOMED, "399707004"), coded(SNOMED, "261004008")
WHIPPLE, HEPATECTOMY = coded(SNOMED, "116241004"), coded(SNOMED, "107963000")
ABLATION, CHEMOEMBOLISATION = coded(SNOMED, "609232008"), coded(SNOMED, "314617008")
ERCP, ANY_LAPAROSCOPY = coded(SNOMED, "386718000"), coded(SNOMED, "73632009")


def request(code: Json | None, **more: Any) -> Json:
    found: Json = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "intent": "order"}
    return found | ({"code": code} if code else {}) | more


def intent(value: Json, name: str = "mcode-procedure-intent") -> list[Json]:
    return [{"url": MCODE + name, "valueCodeableConcept": value}]


def draft(code: Json | None, **more: Any) -> Order:
    return make_case(drafts=[request(code, **more)]).orders.drafts[0]


def worded(code: Json, text: str) -> Json:
    return code | {"text": text}


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        pytest.param(WHIPPLE, PANCREAS, id="pancreatoduodenectomy"),
        pytest.param(coded(SNOMED, "33149006"), PANCREAS, id="pancreatectomy"),
        pytest.param(coded(PCS, "0FTG0ZZ"), PANCREAS, id="pcs-resection-of-pancreas"),
        pytest.param(coded(PCS, "0FBG0ZZ"), PANCREAS, id="pcs-therapeutic-excision-of-pancreas"),
        pytest.param(coded(PCS, "0FBG3ZX"), frozenset({"pancreas_biopsy"}), id="pcs-diagnostic-excision-of-pancreas"),
        pytest.param(HEPATECTOMY, LIVER, id="liver-excision"),
        pytest.param(coded(SNOMED, "307616002"), LIVER, id="excision-of-liver-metastasis"),
        pytest.param(coded(PCS, "0FB03ZZ"), LIVER, id="pcs-therapeutic-excision-of-liver"),
        pytest.param(coded(PCS, "0FB03ZX"), BIOPSY, id="pcs-diagnostic-excision-of-liver"),
        pytest.param(ABLATION, LIVER, id="ablation"),
        pytest.param(CHEMOEMBOLISATION, NONE, id="chemoembolisation"),
        pytest.param(ANY_LAPAROSCOPY, LAPAROSCOPY, id="laparoscopy"),
        pytest.param(coded(PCS, "0FJ04ZZ"), LAPAROSCOPY, id="pcs-inspection-of-liver"),
        pytest.param(coded(PCS, "0F798DZ"), STENT, id="pcs-stent"),
        pytest.param(coded(SNOMED, "360123005"), STENT, id="biliary-stent"),
        pytest.param(ERCP, NONE, id="ercp-alone-may-be-diagnostic"),
        pytest.param(coded(SNOMED, "257363003"), NONE, id="metal-stent-of-anything"),
        pytest.param(coded("http://dicom.nema.org/resources/ontology/DCM", "112176"), NONE, id="pancreatic-stent"),
        pytest.param(worded(ERCP, "ERCP with biliary stent"), STENT, id="ercp-with-stent-in-words"),
        pytest.param(worded(ERCP, "ERCP without stent"), NONE, id="ercp-without-stent"),
        pytest.param(worded(coded(LOINC, "24108-3"), "CA 19-9 for Whipple procedure"), NONE, id="laboratory-test"),
        pytest.param(
            worded(ANY_LAPAROSCOPY, "Laparoscopic distal pancreatectomy"), PANCREAS, id="laparoscopy-as-the-way"
        ),
        pytest.param(worded(ANY_LAPAROSCOPY, "Laparoscopic cholecystectomy"), NONE, id="laparoscopic-cholecystectomy"),
        pytest.param(
            worded(ANY_LAPAROSCOPY, "Staging laparoscopy, then Whipple"), LAPAROSCOPY | PANCREAS, id="then-proceed"
        ),
        pytest.param(worded(WHIPPLE, "Biopsy of pancreas"), PANCREAS, id="code-beats-words"),
        pytest.param(worded(HEPATECTOMY, "Hepatectomy education"), LIVER, id="code-beats-education"),
        pytest.param(
            worded(coded(SNOMED, "86259008"), "Whipple with liver biopsy"), BIOPSY, id="coded-biopsy-beats-words"
        ),
    ],
)
def test_operations_by_code(code: Json, kinds: frozenset[str]) -> None:
    assert draft(code).kinds == kinds


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Whipple's procedure", PANCREAS),
        ("Pylorus-preserving pancreaticoduodenectomy", PANCREAS),
        ("Robotic distal pancreatectomy with splenectomy", PANCREAS),
        ("Whipple, possible palliative bypass", PANCREAS),
        ("Whipple with intraoperative liver biopsy", PANCREAS),
        ("Right hepatectomy", LIVER),
        ("Wedge resection segment VI liver", LIVER),
        ("Non-anatomical resection segment VI liver", LIVER),
        ("Wedge resection of lung", NONE),
        ("Wedge resection of stomach", NONE),
        ("Liver wedge biopsy", BIOPSY),
        ("Resection of liver metastases", LIVER),
        ("Hepatectomy with intraoperative ultrasound", LIVER),
        ("Radiofrequency ablation of liver metastases", LIVER),
        ("CT-guided ablation of liver metastasis", LIVER),
        ("TACE with curative intent", LIVER),
        ("TACE", NONE),
        ("Whipple and resection of liver metastasis", PANCREAS | LIVER),
        ("Staging laparoscopy", LAPAROSCOPY),
        ("Diagnostic laparoscopy before Whipple", LAPAROSCOPY),
        ("Staging laparoscopy with liver biopsy", LAPAROSCOPY | BIOPSY),
        ("ERCP with stent", STENT),
        ("Biliary stent exchange", STENT),
        ("ERCP", NONE),
        ("ERCP, stent removal", NONE),
        ("Coronary stent", NONE),
        ("Palliative pancreatectomy", NONE),
        ("Pancreatectomy status", NONE),
        ("Status post pancreatectomy", NONE),
        ("Consult for Whipple", NONE),
        ("Discuss resection of pancreas", NONE),
        ("Referral for pancreatoduodenectomy", NONE),
        ("Not for Whipple", NONE),
        ("Post-Whipple diet", NONE),
        ("Pathology: pancreatectomy specimen", NONE),
        ("Gastrojejunostomy", NONE),
        ("Hepaticojejunostomy, no Whipple", NONE),
        ("Laparoscopic cholecystectomy", NONE),
        ("Donor hepatectomy", NONE),
        ("Cardiac ablation", NONE),
        ("Liver biopsy before Whipple", BIOPSY),
        ("Excisional biopsy of liver lesion", BIOPSY),
        ("Distal panc", PANCREAS),
        ("RAMPS", PANCREAS),
        ("Resection of pancreatic head tumour", PANCREAS),
        ("Resection of pancreatic pseudocyst", NONE),
        ("Metastasectomy liver", LIVER),
        ("Segmentectomy liver 6", LIVER),
        ("Lobectomy left liver", LIVER),
        ("Lobectomy, left liver", LIVER),
        ("Liver biopsy, review of outside CT", BIOPSY),
        ("Left upper lobectomy, lung", NONE),
        ("Group and save for Whipple", NONE),
        ("Crossmatch for Whipple", NONE),
        ("Crossmatch 4 units for hepatectomy", NONE),
        ("Whipple NOT indicated", NONE),
        ("Liver ablation not indicated", NONE),
        ("Consent for Whipple", NONE),
        ("Whipple, consent obtained", PANCREAS),
        ("Refer to surgery for Whipple", NONE),
        ("Request OR time Whipple", NONE),
        ("Case request operating room: Whipple", PANCREAS),
        ("Anaesthesia for Whipple", NONE),
        ("Whipple under general anaesthesia", PANCREAS),
        ("Whipple, group and save 4 units, epidural not required", PANCREAS),
        ("Epidural for hepatectomy", NONE),
        ("Hepatectomy with epidural", LIVER),
        ("Pre-op assessment for pancreatectomy", NONE),
        ("CT abdomen, Whipple planned", frozenset({"abdominal_ct"})),
        ("CT abdomen post liver ablation", frozenset({"abdominal_ct"})),
    ],
)
def test_operations_by_name(text: str, kinds: frozenset[str]) -> None:
    order = draft(named(text))
    assert order.kinds == kinds
    assert ("recognised by its name only" in order.why) == bool(kinds)


@pytest.mark.parametrize(
    ("code", "extension", "kinds"),
    [
        pytest.param(WHIPPLE, intent(CURATIVE), PANCREAS, id="curative"),
        pytest.param(WHIPPLE, intent(PALLIATIVE), NONE, id="palliative"),
        pytest.param(WHIPPLE, intent(PALLIATIVE, "mcode-treatment-intent"), NONE, id="palliative-older-name"),
        pytest.param(WHIPPLE, intent(SUPPORTIVE), NONE, id="supportive"),
        pytest.param(HEPATECTOMY, intent(DIAGNOSTIC), NONE, id="diagnostic-resection"),
        pytest.param(HEPATECTOMY, intent(named("Palliative")), NONE, id="palliative-in-words"),
        pytest.param(WHIPPLE, intent(PALLIATIVE) + intent(CURATIVE), PANCREAS, id="both-stated"),
        pytest.param(WHIPPLE, intent(coded(SNOMED, "262202000")), PANCREAS, id="an-intent-that-is-not-known"),
        pytest.param(WHIPPLE, [{"url": "urn:other", "valueCodeableConcept": PALLIATIVE}], PANCREAS, id="not-intent"),
        pytest.param(WHIPPLE, ["junk", None, {"url": 4}], PANCREAS, id="junk"),
        pytest.param(ABLATION, intent(PALLIATIVE), NONE, id="palliative-ablation"),
        pytest.param(CHEMOEMBOLISATION, intent(CURATIVE), LIVER, id="curative-chemoembolisation"),
        pytest.param(CHEMOEMBOLISATION, intent(PALLIATIVE), NONE, id="palliative-chemoembolisation"),
        pytest.param(ANY_LAPAROSCOPY, intent(DIAGNOSTIC), LAPAROSCOPY, id="laparoscopy-is-diagnostic"),
        pytest.param(coded(PCS, "0F798DZ"), intent(PALLIATIVE), STENT, id="stent-is-palliative"),
        pytest.param(worded(WHIPPLE, "Palliative pancreatectomy"), None, NONE, id="palliative-by-name"),
        pytest.param(worded(WHIPPLE, "Palliative pancreatectomy"), intent(CURATIVE), PANCREAS, id="code-beats-name"),
    ],
)
def test_intent(code: Json, extension: Any, kinds: frozenset[str]) -> None:
    assert draft(code, extension=extension).kinds == kinds


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (CHEMOEMBOLISATION, "not stated to be curative"),
        (worded(WHIPPLE, "For palliation"), "stated not to be curative"),
    ],
)
def test_an_operation_that_does_not_count_says_why(code: Json, why: str) -> None:
    assert why in draft(code).why


@pytest.mark.parametrize(
    ("code", "words", "why"),
    [
        (WHIPPLE, "Trauma", "its reason names benign disease"),
        (WHIPPLE, "Neuroendocrine tumour", "its reason names another cancer"),
        (HEPATECTOMY, "Colorectal liver metastases", "its reason names another cancer"),
        (named("ERCP with stent"), "CBD stones", "its reason names benign disease"),
    ],
)
def test_an_operation_for_another_disease_says_so(code: Json, words: str, why: str) -> None:
    assert draft(code, reasonCode=[named(words)]).why == why


@pytest.mark.parametrize(
    ("code", "more", "kinds"),
    [
        pytest.param(ERCP, {"orderDetail": [named("metal stent")]}, STENT, id="stent-as-detail"),
        pytest.param(ERCP, {"orderDetail": [coded(SNOMED, "257363003")]}, STENT, id="metal-stent-coded"),
        pytest.param(ERCP, {"note": [{"text": "Place a stent if the stricture is confirmed"}]}, STENT, id="in-a-note"),
        pytest.param(ERCP, {"note": [{"text": "Has a coronary stent"}]}, NONE, id="another-stent-in-a-note"),
        pytest.param(ERCP, {"note": [{"text": "Previous stent"}]}, NONE, id="earlier-stent-in-a-note"),
        pytest.param(ERCP, {"note": "junk", "orderDetail": 5}, NONE, id="junk"),
        pytest.param(
            coded(SNOMED, "257363003"), {"bodySite": [named("Common bile duct")]}, STENT, id="metal-stent-of-bile-duct"
        ),
        pytest.param(coded(SNOMED, "257363003"), {"bodySite": [named("Oesophagus")]}, NONE, id="metal-stent-elsewhere"),
        pytest.param(WHIPPLE, {"note": [{"text": "Palliative intent"}]}, NONE, id="intent-in-a-note"),
        pytest.param(
            WHIPPLE, {"note": [{"text": "Palliative care informed"}]}, PANCREAS, id="palliative-care-is-no-aim"
        ),
        pytest.param(WHIPPLE, {"reasonCode": [coded(ICD, "C50.919")]}, NONE, id="for-another-cancer"),
        pytest.param(WHIPPLE, {"reasonCode": [coded(ICD, "C25.0")]}, PANCREAS, id="for-this-cancer"),
        pytest.param(
            WHIPPLE,
            {"reasonCode": [coded(ICD, "C25.0") | {"text": "Chronic pancreatitis"}]},
            PANCREAS,
            id="for-this-cancer-by-code-whatever-the-words",
        ),
        pytest.param(HEPATECTOMY, {"reasonCode": [coded(ICD, "C78.7")]}, LIVER, id="for-liver-metastasis"),
        *(
            pytest.param(code, {"reasonCode": [named(words)]}, kinds, id=words)
            for code, words, kinds in (
                (HEPATECTOMY, "Colorectal liver metastases", NONE),
                (HEPATECTOMY, "CRLM", NONE),
                (HEPATECTOMY, "Colorectal or pancreatic liver metastases", LIVER),
                (WHIPPLE, "Neuroendocrine tumour", NONE),
                (WHIPPLE, "Trauma", NONE),
                (WHIPPLE, "Chronic pancreatitis", NONE),
                (WHIPPLE, "Chronic pancreatitis, mass in the head", PANCREAS),
                (WHIPPLE, "Chronic pancreatitis, suspected cancer", PANCREAS),
                (WHIPPLE, "Chronic pancreatitis; mass in the head", PANCREAS),
                (WHIPPLE, "Chronic pancreatitis. Mass in the head", PANCREAS),
                (WHIPPLE, "Chronic pancreatitis? ", PANCREAS),
                (HEPATECTOMY, "Hydatid cyst", NONE),
                (WHIPPLE, "Acute kidney injury", PANCREAS),
                (named("ERCP with stent"), "Choledocholithiasis", NONE),
                (named("ERCP with stent"), "CBD stones", NONE),
                (named("ERCP with stent"), "Benign stricture", NONE),
                (named("ERCP with stent"), "Cholangiocarcinoma", NONE),
                (named("ERCP with stent"), "No CBD stones, malignant stricture", STENT),
                (named("ERCP with stent"), "Obstructive jaundice", STENT),
                (ANY_LAPAROSCOPY, "Chronic pancreatitis", LAPAROSCOPY),
            )
        ),
        pytest.param(
            WHIPPLE, {"reasonReference": [{"display": "Chronic pancreatitis"}]}, NONE, id="benign-by-reference"
        ),
        pytest.param(
            WHIPPLE,
            {"reasonCode": [named("Chronic pancreatitis"), named("Mass")]},
            PANCREAS,
            id="benign-beside-another-reason",
        ),
        pytest.param(
            WHIPPLE,
            {"reasonCode": [coded(ICD, "C25.0") | {"text": "Neuroendocrine tumour"}, named("Chronic pancreatitis")]},
            PANCREAS,
            id="this-cancer-by-code-beside-benign",
        ),
        pytest.param(
            ANY_LAPAROSCOPY, {"reasonCode": [coded(ICD, "C50.919")]}, LAPAROSCOPY, id="laparoscopy-any-reason"
        ),
        pytest.param(WHIPPLE, {"status": "revoked"}, NONE, id="not-live"),
        pytest.param(WHIPPLE, {"doNotPerform": True}, NONE, id="not-to-be-done"),
        pytest.param(WHIPPLE, {"subject": {"reference": "Patient/p2"}}, NONE, id="another-patient"),
        pytest.param(None, {"note": [{"text": "Whipple"}]}, NONE, id="no-code"),
    ],
)
def test_what_stands_beside_the_code(code: Json | None, more: Json, kinds: frozenset[str]) -> None:
    assert draft(code, **more).kinds == kinds


def test_an_unselected_resection_is_not_of_the_call() -> None:
    case = make_case(drafts=[request(WHIPPLE)], selections=())
    assert case.orders.of_kind("pancreatic_resection") == ()


def test_a_procedure_is_read_as_an_order_is() -> None:
    found = operation_of({"resourceType": "Procedure", "code": WHIPPLE}, vocabulary_of(make_case()))
    assert (found.kinds, found.by_name, found.refusal) == (PANCREAS, False, "")
    assert "proc.pancreatectomy" in found.concepts
