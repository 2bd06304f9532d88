"""F21: which draft orders are ours, and which of them the call is about."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.facts.orders import Order, Orders, read_orders
from cds_service.facts.terminology import Terminology, load_terminology
from cds_service.fhir.source import Entry
from cds_service.hooks.call import HookCall
from cds_service.reading.lexicon import Lexicon, load_lexicon

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"

SYSTEMIC = frozenset({"systemic_anticancer_drug"})
INTENSIVE = SYSTEMIC | {"intensive_regimen"}
SUPPORTIVE = frozenset({"supportive_drug"})
NONE: frozenset[str] = frozenset()

Json = dict[str, Any]


@cache
def terms() -> Terminology:
    return load_terminology(find_cards() / "value-sets")


@cache
def lexicon() -> Lexicon:
    return load_lexicon(find_cards() / "lexicon")


def coded(system: str, code: str, display: str = "") -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def drug(medication: Json | None = None, ident: str = "m1", **more: Any) -> Json:
    resource: Json = {"resourceType": "MedicationRequest", "id": ident, "status": "draft", "intent": "order"}
    if medication is not None:
        resource["medicationCodeableConcept"] = medication
    return resource | more


def service(code: Json, ident: str = "s1", **more: Any) -> Json:
    return {"resourceType": "ServiceRequest", "id": ident, "status": "draft", "code": code} | more


def call(
    *resources: Any,
    selections: tuple[str, ...] | None = None,
    full_urls: tuple[str, ...] = (),
    prefetch: Json | None = None,
    fhir_server: str = "https://ehr.example.org/fhir",
) -> HookCall:
    urls = (*full_urls, *[""] * (len(resources) - len(full_urls)))
    return HookCall(
        hook="order-select",
        instance="i1",
        patient_id="p1",
        user_id="",
        encounter_id="",
        selections=selections,
        drafts=tuple(Entry(resource, url) for resource, url in zip(resources, urls, strict=True)),
        prefetch=prefetch or {},
        fhir_server=fhir_server,
    )


def read(*resources: Any, **options: Any) -> Orders:
    return read_orders(call(*resources, **options), terms(), lexicon())


def one(resource: Any, **options: Any) -> Order:
    return read(resource, **options).drafts[0]


GEMCITABINE = coded(RXNORM, "12574")
FLUOROURACIL = coded(RXNORM, "4492")


@pytest.mark.parametrize(
    ("medication", "kinds"),
    [
        pytest.param(coded(RXNORM, "1719005"), SYSTEMIC, id="gemcitabine-product"),
        pytest.param(coded("urn:oid:2.16.840.1.113883.6.88", "12574"), SYSTEMIC, id="rxnorm-by-oid"),
        pytest.param(coded(HCPCS, "J9264"), SYSTEMIC, id="nab-paclitaxel-hcpcs"),
        pytest.param(coded(RXNORM, "239177"), SYSTEMIC, id="fluorouracil-injectable"),
        pytest.param(coded(RXNORM, "51499"), SYSTEMIC, id="irinotecan"),
        pytest.param(coded(HCPCS, "J9205"), SYSTEMIC, id="irinotecan-liposomal"),
        pytest.param(coded(ATC, "L01XA03"), SYSTEMIC, id="oxaliplatin-atc"),
        pytest.param(coded(RXNORM, "2555"), SYSTEMIC, id="cisplatin"),
        pytest.param(coded(RXNORM, "200328"), SYSTEMIC, id="capecitabine-tablet"),
        pytest.param(coded(ATC, "L01BC53"), SYSTEMIC, id="s1"),
        pytest.param(coded(ATC, "L01XE03"), SYSTEMIC, id="erlotinib-legacy-atc"),
        pytest.param(coded(ATC, "L01XK01"), SYSTEMIC, id="olaparib"),
        pytest.param(coded(SNOMED, "870250004"), INTENSIVE, id="folfirinox-as-medication"),
        pytest.param(coded(RXNORM, "6313"), SUPPORTIVE, id="leucovorin-alone"),
        pytest.param(coded(RXNORM, "877015"), SUPPORTIVE, id="levoleucovorin-alone"),
        pytest.param(coded(RXNORM, "632"), NONE, id="mitomycin"),
        pytest.param(coded(ATC, "L01FF02"), NONE, id="other-l01-agent"),
        pytest.param(coded(HCPCS, "J9999"), NONE, id="unnamed-antineoplastic"),
        pytest.param(coded(RXNORM, "6809", "metformin"), NONE, id="metformin"),
        pytest.param(coded("", "12574"), NONE, id="code-without-system"),
        pytest.param(coded(SNOMED, "12574"), NONE, id="code-of-another-system"),
        pytest.param({"text": "gemcitabine 1000 mg/m2 IV"}, SYSTEMIC, id="name-only"),
        pytest.param({"text": "Abraxane"}, SYSTEMIC, id="brand-nab-paclitaxel"),
        pytest.param({"text": "mFOLFIRINOX"}, INTENSIVE, id="regimen-by-name"),
        pytest.param({"text": "Metformin 500 mg"}, NONE, id="name-of-another-drug"),
        pytest.param("capecitabine", SYSTEMIC, id="bare-string"),
        pytest.param([coded(RXNORM, "194000")], SYSTEMIC, id="concept-in-a-list"),
    ],
)
def test_drug_classes(medication: Any, kinds: frozenset[str]) -> None:
    assert one(drug(medication)).kinds == kinds


@pytest.mark.parametrize(
    ("medication", "more", "kinds"),
    [
        pytest.param(FLUOROURACIL, {}, SYSTEMIC, id="fluorouracil-route-absent"),
        pytest.param(
            FLUOROURACIL, {"dosageInstruction": [{"route": {"text": "Intravenous"}}]}, SYSTEMIC, id="fluorouracil-iv"
        ),
        pytest.param({"text": "Irinotecan DEB-TACE beads"}, {}, NONE, id="irinotecan-beads"),
        pytest.param({"text": "Oxaliplatin HIPEC"}, {}, NONE, id="oxaliplatin-hipec"),
        pytest.param({"text": "Oxaliplatin infusion for HIPEC"}, {}, NONE, id="oxaliplatin-hipec-infusion"),
        pytest.param(
            {"text": "Oxaliplatin 5 mg/mL infusion"},
            {"dosageInstruction": [{"route": {"text": "Intraperitoneal"}}]},
            NONE,
            id="oxaliplatin-intraperitoneal",
        ),
        pytest.param(
            {"text": "Oxaliplatin 5 mg/mL solution for infusion"},
            {"dosageInstruction": [{"text": "intraperitoneal, 460 mg/m2"}]},
            NONE,
            id="oxaliplatin-intraperitoneal-in-words",
        ),
        *(
            pytest.param({"text": "Oxaliplatin 5 mg/mL solution for infusion"}, dosage, kinds, id=f"{words}-{number}")
            for words, kinds in (
                ("Hepatic arterial infusion", NONE),
                ("hepatic artery infusion pump", NONE),
                ("intra-arterial", NONE),
                ("Intraarterial infusion over 30 min", NONE),
                ("intrapleural", NONE),
                ("continuous infusion", SYSTEMIC),
                ("intravenous or intra-arterial", SYSTEMIC),
                ("after hepatic arterial infusion", SYSTEMIC),
                ("1000 mg/m2 over 30 min. Avoid intra-arterial injection.", SYSTEMIC),
                ("never by intra-arterial injection", SYSTEMIC),
                ("accidental intra-arterial injection: stop", SYSTEMIC),
                ("inadvertent intraperitoneal spill: call the pharmacy", SYSTEMIC),
            )
            for number, dosage in enumerate(
                (
                    {"dosageInstruction": [{"text": words}]},
                    {"dosageInstruction": [{"route": {"text": words}}]},
                )
            )
        ),
        pytest.param({"text": "Oxaliplatin hepatic arterial infusion"}, {}, NONE, id="hepatic-arterial-in-the-name"),
        pytest.param(
            {"text": "Oxaliplatin"},
            {"dosageInstruction": [{"route": {"text": "Intravenous"}, "text": "before HIPEC"}]},
            SYSTEMIC,
            id="oxaliplatin-iv-before-hipec",
        ),
        pytest.param(
            {"text": "Oxaliplatin infusion"},
            {"dosageInstruction": [{"text": "start 4 weeks after TACE"}]},
            SYSTEMIC,
            id="oxaliplatin-after-chemoembolisation",
        ),
        pytest.param(
            FLUOROURACIL, {"dosageInstruction": [{"route": {"text": "Topical"}}]}, NONE, id="fluorouracil-topical"
        ),
        pytest.param(
            FLUOROURACIL,
            {"dosageInstruction": [{"route": {"text": "Intravenous"}}, {"route": {"text": "Oral"}}]},
            SYSTEMIC,
            id="fluorouracil-iv-among-routes",
        ),
        pytest.param(
            FLUOROURACIL, {"dosageInstruction": {"route": {"text": "Oral route"}}}, NONE, id="fluorouracil-oral"
        ),
        pytest.param({"text": "Fluorouracil 5 % cream"}, {}, NONE, id="fluorouracil-cream-by-name"),
        pytest.param(coded(RXNORM, "4492", "fluorouracil 5 % topical cream"), {}, NONE, id="fluorouracil-cream-coded"),
        pytest.param(
            {"text": "Fluorouracil"},
            {"dosageInstruction": [{"text": "apply topically twice daily"}]},
            NONE,
            id="fluorouracil-topical-in-words",
        ),
        pytest.param(
            FLUOROURACIL,
            {"dosageInstruction": [{"route": {"text": "IV"}, "text": "topical lidocaine to port first"}]},
            SYSTEMIC,
            id="route-element-beats-words",
        ),
        pytest.param(
            FLUOROURACIL,
            {"dosageInstruction": [{"route": {"coding": [{"system": "urn:local", "code": "R7"}]}}]},
            SYSTEMIC,
            id="unrecognised-route-does-not-exclude",
        ),
        pytest.param(
            GEMCITABINE,
            {"dosageInstruction": [{"route": {"text": "Intravesical"}}]},
            NONE,
            id="gemcitabine-intravesical",
        ),
        pytest.param(
            {"text": "gemcitabine 1 g injection"},
            {"dosageInstruction": [{"text": "bladder instillation weekly"}]},
            NONE,
            id="injection-to-be-instilled",
        ),
        pytest.param(
            {"text": "gemcitabine 1 g injection"},
            {"dosageInstruction": [{"text": "topical anaesthetic to port first"}]},
            SYSTEMIC,
            id="injection-with-a-topical-remark",
        ),
        pytest.param({"text": "gemcitabine bladder instillation"}, {}, NONE, id="gemcitabine-intravesical-by-name"),
        pytest.param(
            coded(RXNORM, "2555"),
            {"dosageInstruction": [{"route": {"text": "Ophthalmic"}}]},
            NONE,
            id="ophthalmic-never",
        ),
        pytest.param(
            coded(RXNORM, "194000"),
            {"dosageInstruction": [{"route": {"text": "Oral"}}]},
            SYSTEMIC,
            id="capecitabine-oral",
        ),
        pytest.param(
            GEMCITABINE,
            {"dosageInstruction": [None, "x", {"route": 7, "method": {"text": "Intravesical instillation"}}]},
            NONE,
            id="method-in-words-and-junk",
        ),
    ],
)
def test_routes(medication: Json, more: Json, kinds: frozenset[str]) -> None:
    assert one(drug(medication, **more)).kinds == kinds


PANCREAS = coded(ICD, "C25.0")
BREAST = coded(ICD, "C50.919")


@pytest.mark.parametrize(
    ("medication", "reasons", "kinds"),
    [
        pytest.param(GEMCITABINE, [], SYSTEMIC, id="no-reason"),
        pytest.param(GEMCITABINE, [PANCREAS], SYSTEMIC, id="pancreas"),
        pytest.param(GEMCITABINE, PANCREAS, SYSTEMIC, id="pancreas-as-object"),
        pytest.param(GEMCITABINE, [{"text": "cancer of the pancreas"}], SYSTEMIC, id="pancreas-in-words"),
        pytest.param(GEMCITABINE, [BREAST], NONE, id="breast-coded"),
        pytest.param(coded(RXNORM, "194000"), [{"text": "breast cancer"}], NONE, id="capecitabine-for-breast-in-words"),
        pytest.param(GEMCITABINE, [coded(ICD, "Z85.3")], NONE, id="history-of-breast-cancer"),
        pytest.param(GEMCITABINE, [coded(ICD, "C25.4")], NONE, id="neuroendocrine"),
        pytest.param(GEMCITABINE, [BREAST, PANCREAS], SYSTEMIC, id="pancreas-among-others"),
        pytest.param(GEMCITABINE, [coded(ICD, "C78.7")], SYSTEMIC, id="liver-metastasis-names-no-primary"),
        pytest.param(
            GEMCITABINE,
            [coded(ICD, "C78.7", "Secondary malignant neoplasm of liver and intrahepatic bile duct")],
            SYSTEMIC,
            id="words-of-a-known-code-are-not-asked",
        ),
        pytest.param(GEMCITABINE, [{"text": "chemotherapy"}], SYSTEMIC, id="reason-that-names-nothing"),
        pytest.param(coded(RXNORM, "56946"), [], NONE, id="plain-paclitaxel-no-reason"),
        pytest.param(coded(RXNORM, "56946"), [coded(ICD, "C78.7")], NONE, id="plain-paclitaxel-metastasis"),
        pytest.param(coded(RXNORM, "56946"), [PANCREAS], SYSTEMIC, id="plain-paclitaxel-for-pancreas"),
        pytest.param(coded(RXNORM, "6313"), [BREAST], NONE, id="leucovorin-for-breast"),
    ],
)
def test_reasons(medication: Json, reasons: Any, kinds: frozenset[str]) -> None:
    assert one(drug(medication, reasonCode=reasons)).kinds == kinds


def test_reason_reference_is_read_from_contained_prefetch_or_display() -> None:
    breast = {"resourceType": "Condition", "id": "c1", "code": BREAST, "subject": {"reference": "Patient/p1"}}
    inside = drug(GEMCITABINE, contained=[breast], reasonReference=[{"reference": "#c1"}])
    outside = drug(GEMCITABINE, reasonReference=[{"reference": "Condition/c1"}])
    shown = drug(GEMCITABINE, reasonReference=[{"reference": "Condition/gone", "display": "Breast cancer"}])
    bundle = {"resourceType": "Bundle", "entry": [{"resource": breast, "fullUrl": "urn:uuid:7"}]}

    assert one(inside).kinds == NONE
    assert one(outside).kinds == SYSTEMIC
    assert one(outside, prefetch={"conditions": bundle}).kinds == NONE
    assert one(drug(GEMCITABINE, reasonReference={"reference": "urn:uuid:7"}), prefetch={"x": bundle}).kinds == NONE
    assert one(outside, prefetch={"condition": breast, "junk": "<html>"}).kinds == NONE
    assert one(shown).kinds == NONE


def test_the_prefetch_entry_that_is_meant_is_found_among_others() -> None:
    other = {"resourceType": "Medication", "id": "other", "code": coded(RXNORM, "6809")}
    meant = {"resourceType": "Medication", "id": "med1", "code": GEMCITABINE}
    bundle = {"entry": [{"resource": other}, {"resource": meant}]}
    assert one(drug(medicationReference={"reference": "Medication/med1"}), prefetch={"m": bundle}).kinds == SYSTEMIC
    assert one(drug(medicationReference={"reference": "Medication/none"}), prefetch={"m": bundle}).kinds == NONE


def test_every_order_of_a_call_finds_its_medication_in_the_prefetch() -> None:
    drugs = {"one": GEMCITABINE, "two": coded(RXNORM, "6809")}
    bundle = {
        "entry": [
            {"resource": {"resourceType": "Medication", "id": name, "code": code}} for name, code in drugs.items()
        ]
    }
    drafts = [drug(ident=name, medicationReference={"reference": f"Medication/{name}"}) for name in drugs]
    assert [order.kinds for order in read(*drafts, prefetch={"m": bundle}).drafts] == [SYSTEMIC, NONE]


def test_reason_of_another_patient_is_not_used() -> None:
    theirs = {"resourceType": "Condition", "id": "c1", "code": BREAST, "subject": {"reference": "Patient/p2"}}
    order = one(drug(GEMCITABINE, reasonReference=[{"reference": "Condition/c1"}]), prefetch={"c": theirs})
    assert order.kinds == SYSTEMIC


@pytest.mark.parametrize(
    ("extra", "full_url", "reference", "kinds"),
    [
        pytest.param({}, "", "Medication/med1", SYSTEMIC, id="type-and-id"),
        pytest.param(
            {}, "", "https://ehr.example.org/fhir/Medication/med1/_history/3", SYSTEMIC, id="absolute-versioned"
        ),
        pytest.param({}, "urn:uuid:5", "urn:uuid:5", SYSTEMIC, id="full-url"),
        pytest.param({}, "", "Medication/other", NONE, id="dead-reference"),
    ],
)
def test_medication_entries_are_resolved(extra: Json, full_url: str, reference: str, kinds: frozenset[str]) -> None:
    medication = {"resourceType": "Medication", "id": "med1", "code": GEMCITABINE} | extra
    orders = read(drug(medicationReference={"reference": reference}), medication, full_urls=("", full_url))
    assert [order.kinds for order in orders.drafts] == [kinds]


@pytest.mark.parametrize(
    ("medication", "kinds"),
    [
        pytest.param({"ingredient": [{"itemCodeableConcept": GEMCITABINE}]}, SYSTEMIC, id="ingredient"),
        pytest.param({"code": FLUOROURACIL, "form": {"text": "Cream"}}, NONE, id="form-says-cream"),
        pytest.param({"ingredient": ["junk", None]}, NONE, id="junk-ingredient"),
    ],
)
def test_contained_medication(medication: Json, kinds: frozenset[str]) -> None:
    inside = {"resourceType": "Medication", "id": "x"} | medication
    assert one(drug(contained=[inside], medicationReference={"reference": "#x"})).kinds == kinds


def test_medication_known_only_by_display_is_named_as_such() -> None:
    order = one(drug(medicationReference={"reference": "Medication/gone", "display": "Gemcitabine 2 g"}))
    assert order.kinds == SYSTEMIC
    assert order.label == "Gemcitabine 2 g"
    assert "name only" in order.why


def test_medication_in_prefetch_is_found() -> None:
    bundle = {"entry": [{"resource": {"resourceType": "Medication", "id": "med1", "code": GEMCITABINE}}]}
    order = one(drug(medicationReference={"reference": "Medication/med1"}), prefetch={"medicationRequests": bundle})
    assert order.kinds == SYSTEMIC
    assert "by its code" in order.why


@pytest.mark.parametrize("status", ["cancelled", "revoked", "stopped", "completed", "entered-in-error"])
def test_orders_that_are_not_live(status: str) -> None:
    order = one(drug(GEMCITABINE) | {"status": status})
    assert order.kinds == NONE
    assert status in order.why


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"status": "active"}, id="re-signed"),
        pytest.param({"status": "on-hold"}, id="on-hold"),
        pytest.param({"status": None}, id="no-status"),
        pytest.param({"intent": "proposal"}, id="proposal"),
        pytest.param({"doNotPerform": False}, id="do-perform"),
        pytest.param({"subject": {"reference": "Patient/p1"}}, id="our-patient"),
        pytest.param({"subject": {"reference": "https://ehr.example.org/fhir/Patient/p1"}}, id="our-patient-absolute"),
        pytest.param({"subject": {"reference": "urn:uuid:nobody"}}, id="unresolvable-subject"),
    ],
)
def test_orders_that_are_live_and_ours(more: Json) -> None:
    assert one(drug(GEMCITABINE) | more).kinds == SYSTEMIC


def test_do_not_perform_is_no_order() -> None:
    assert one(drug(GEMCITABINE, doNotPerform=True)).kinds == NONE


@pytest.mark.parametrize(
    "reference",
    ["Patient/p2", "Group/p1", "https://elsewhere.example.org/fhir/Patient/p1"],
)
def test_order_of_another_patient_is_not_read(reference: str) -> None:
    order = one(drug(GEMCITABINE, subject={"reference": reference}))
    assert (order.kinds, order.concepts, order.label) == (NONE, NONE, "")
    assert "another patient" in order.why


def test_absolute_subject_without_known_server_is_ours_by_id() -> None:
    order = one(drug(GEMCITABINE, subject={"reference": "https://any.example.org/Patient/p1"}), fhir_server="")
    assert order.kinds == SYSTEMIC


@pytest.mark.parametrize(("ident", "kinds"), [("p1", SYSTEMIC), ("p2", NONE)])
def test_subject_by_full_url(ident: str, kinds: frozenset[str]) -> None:
    patient = {"resourceType": "Patient", "id": ident}
    orders = read(drug(GEMCITABINE, subject={"reference": "urn:uuid:1"}), patient, full_urls=("", "urn:uuid:1"))
    assert [order.kinds for order in orders.drafts] == [kinds]


@pytest.mark.parametrize(
    ("request_", "kinds"),
    [
        pytest.param(service(coded(SNOMED, "870249004")), SYSTEMIC, id="folfiri-regimen"),
        pytest.param(service(coded(SNOMED, "367336001")), SYSTEMIC, id="chemotherapy"),
        pytest.param(service(coded(HCPCS, "J9201")), SYSTEMIC, id="drug-code-as-service"),
        pytest.param(service({"text": "FOLFIRINOX cycle 1"}), INTENSIVE, id="regimen-by-name"),
        pytest.param(service({"text": "Gemcitabine + nab-paclitaxel"}), SYSTEMIC, id="two-agents-by-name"),
        pytest.param(service({"text": "FFX"}), INTENSIVE, id="regimen-abbreviated"),
        pytest.param(service({"text": "FOLFIRINOX via PICC"}), INTENSIVE, id="regimen-and-its-access"),
        pytest.param(service({"text": "FOLFIRINOX. PICC for access"}), INTENSIVE, id="regimen-then-access"),
        pytest.param(service({"text": "Via PICC: FOLFIRINOX"}), INTENSIVE, id="access-then-regimen"),
        pytest.param(service({"text": "Port placement for FOLFIRINOX"}), NONE, id="port-for-a-regimen"),
        pytest.param(service({"text": "Port for FOLFOX"}), NONE, id="port-for-folfox"),
        pytest.param(service({"text": "PICC for chemotherapy"}), NONE, id="picc"),
        pytest.param(
            service({"text": "PICC for chemotherapy"}, orderDetail=[{"text": "FOLFIRINOX"}]), NONE, id="picc-detail"
        ),
        pytest.param(service({"text": "PICC for gemcitabine and nab-paclitaxel"}), NONE, id="picc-for-two-agents"),
        pytest.param(service({"text": "HIPEC with oxaliplatin and irinotecan"}), NONE, id="two-agents-by-local-route"),
        pytest.param(service({"text": "Liver biopsy pathology review"}), NONE, id="review-of-a-biopsy"),
        pytest.param(service({"text": "Ultrasound liver without biopsy"}), NONE, id="without-biopsy"),
        pytest.param(service({"text": "Review of outside pancreas biopsy slides"}), NONE, id="review-of-slides"),
        pytest.param(
            service({"text": "Liver biopsy, result to oncology review clinic"}),
            {"liver_biopsy"},
            id="biopsy-then-review",
        ),
        pytest.param(service({"text": "DPYD genotype before fluorouracil"}), NONE, id="test-that-names-a-drug"),
        pytest.param(
            service({"text": "CT abdomen with contrast, on FOLFIRINOX"}),
            {"abdominal_ct"},
            id="scan-that-names-a-regimen",
        ),
        pytest.param(service(coded(SNOMED, "870249004"), reasonCode=[BREAST]), NONE, id="regimen-for-another-cancer"),
        pytest.param(service(coded(SNOMED, "86259008")), {"liver_biopsy"}, id="liver-biopsy"),
        pytest.param(service(coded(LOINC, "24816-1")), {"liver_biopsy"}, id="us-guided-liver-biopsy"),
        pytest.param(
            service(coded(SNOMED, "277667006"), bodySite=[coded(SNOMED, "10200004")]),
            {"liver_biopsy"},
            id="us-biopsy-site-liver",
        ),
        pytest.param(
            service(coded(SNOMED, "277591006"), bodySite=[{"text": "Liver"}]),
            {"liver_biopsy"},
            id="ct-biopsy-site-in-words",
        ),
        pytest.param(
            service(coded(SNOMED, "86273004"), bodySite=[coded(SNOMED, "15776009")]),
            {"pancreas_biopsy"},
            id="biopsy-of-pancreas",
        ),
        pytest.param(service(coded(SNOMED, "277667006")), NONE, id="biopsy-without-site"),
        pytest.param(service(coded(SNOMED, "277667006"), bodySite=[{"text": "Kidney"}]), NONE, id="kidney-biopsy"),
        pytest.param(service({"text": "CT-guided liver biopsy"}), {"liver_biopsy"}, id="liver-biopsy-by-name"),
        pytest.param(service({"text": "EUS-guided FNB of pancreas"}), {"pancreas_biopsy"}, id="eus-by-name"),
        pytest.param(service(coded(LOINC, "24557-1")), {"liver_mri"}, id="liver-mri"),
        pytest.param(service({"text": "MRI liver with contrast"}), {"liver_mri"}, id="liver-mri-by-name"),
        pytest.param(
            service(coded(LOINC, "6301-6", "INR before liver biopsy")), NONE, id="laboratory-test-that-names-a-biopsy"
        ),
        pytest.param(service({"coding": [{}]}), NONE, id="empty-coding"),
        pytest.param(service({"text": "Physiotherapy"}), NONE, id="something-else"),
        pytest.param({"resourceType": "NutritionOrder", "id": "n"}, NONE, id="other-request-type"),
    ],
)
def test_service_classes(request_: Json, kinds: set[str]) -> None:
    assert one(request_).kinds == kinds


@pytest.mark.parametrize(
    ("request_", "guidance"),
    [
        pytest.param(service(coded(LOINC, "24816-1")), {"guidance.us"}, id="by-code"),
        pytest.param(service({"text": "CT-guided liver biopsy"}), {"guidance.ct"}, id="by-name"),
        pytest.param(
            service(coded(SNOMED, "86259008"), orderDetail=[{"text": "ultrasound guided"}]),
            {"guidance.us"},
            id="order-detail",
        ),
        pytest.param(service(coded(SNOMED, "86259008")), set(), id="not-stated"),
    ],
)
def test_guidance(request_: Json, guidance: set[str]) -> None:
    assert {name for name in one(request_).concepts if name.startswith("guidance.")} == guidance


A, B = drug(GEMCITABINE, "a"), drug(coded(RXNORM, "200328"), "b")


@pytest.mark.parametrize(
    ("selections", "selected", "noted"),
    [
        pytest.param(None, ["a", "b"], False, id="absent-means-all"),
        pytest.param((), [], False, id="empty-means-none"),
        pytest.param(("MedicationRequest/b",), ["b"], False, id="relative"),
        pytest.param(("https://ehr.example.org/fhir/MedicationRequest/b",), ["b"], False, id="absolute"),
        pytest.param(("MedicationRequest/b/_history/2",), ["b"], False, id="version-suffix"),
        pytest.param(
            ("https://ehr.example.org/fhir/MedicationRequest/b/_history/2",), ["b"], False, id="absolute-version"
        ),
        pytest.param(("b",), ["b"], False, id="bare-id"),
        pytest.param(("urn:uuid:bb",), ["b"], False, id="full-url"),
        pytest.param(("MedicationRequest/b", "MedicationRequest/a"), ["a", "b"], False, id="in-order-of-drafts"),
        pytest.param(("MedicationRequest/zz",), ["a", "b"], True, id="unknown-means-all"),
        pytest.param(("MedicationRequest/b", "zz"), ["a", "b"], True, id="one-unknown-means-all"),
        pytest.param(("ServiceRequest/b",), ["a", "b"], True, id="wrong-type"),
    ],
)
def test_selections(selections: tuple[str, ...] | None, selected: list[str], noted: bool) -> None:
    orders = read(A, B, selections=selections, full_urls=("urn:uuid:aa", "urn:uuid:bb"))
    assert [order.resource["id"] for order in orders.selected] == selected
    assert bool(orders.notes) == noted
    assert len(orders.drafts) == 2


def test_draft_without_id_goes_by_its_full_url() -> None:
    nameless = {key: value for key, value in A.items() if key != "id"}
    orders = read(nameless, B, selections=("urn:uuid:aa",), full_urls=("urn:uuid:aa", ""))
    assert [order.reference for order in orders.selected] == ["urn:uuid:aa"]


def test_exact_repeats_are_one_order_and_keep_every_name() -> None:
    orders = read(A, dict(A), selections=("urn:uuid:2",), full_urls=("urn:uuid:1", "urn:uuid:2"))
    assert len(orders.drafts) == 1
    assert orders.selected == orders.drafts


def test_two_versions_and_two_nameless_orders_are_not_repeats() -> None:
    changed = A | {"status": "active"}
    nameless = {key: value for key, value in A.items() if key != "id"}
    assert len(read(A, changed).drafts) == 2
    assert len(read(A, changed, A, changed).drafts) == 2
    assert len(read(nameless, nameless, full_urls=("urn:uuid:1", "urn:uuid:2")).drafts) == 2


def test_of_kind_looks_at_selected_orders_only() -> None:
    orders = read(A, B, selections=("MedicationRequest/a",))
    assert [order.reference for order in orders.of_kind("systemic_anticancer_drug")] == ["MedicationRequest/a"]
    assert orders.of_kind("liver_biopsy") == ()
    assert orders.hook == "order-select"


def test_entries_that_are_not_requests_are_no_orders() -> None:
    assert read({"resourceType": "Patient", "id": "p1"}, "junk", None, {}, {"resourceType": 5}).drafts == ()


@pytest.mark.parametrize(
    "junk",
    [
        {"medicationCodeableConcept": 5},
        {"medicationCodeableConcept": {"coding": [None, 3, {"code": 7}]}},
        {"medicationReference": [None, {"reference": 4}, {"reference": ""}]},
        {"medicationReference": {"reference": "#none"}, "contained": "x"},
        {"subject": "Patient/p2"},
        {"reasonReference": "x", "reasonCode": 4},
        {"dosageInstruction": "once"},
    ],
)
def test_malformed_drafts_never_raise(junk: Json) -> None:
    assert one({"resourceType": "MedicationRequest", "id": "m"} | junk).kinds == NONE


FOLFIRINOX = [{"text": "mFOLFIRINOX"}]
PLAN = "https://example.org/PlanDefinition/mfolfirinox-cycle-1|2"


@pytest.mark.parametrize(
    ("resource", "kinds"),
    [
        pytest.param(service({"text": "Chemotherapy"}, orderDetail=FOLFIRINOX), INTENSIVE, id="regimen-as-detail"),
        pytest.param(
            service({"text": "Oncology treatment plan"}, orderDetail=FOLFIRINOX), INTENSIVE, id="plan-with-detail"
        ),
        pytest.param(service({"text": "Chemotherapy"}, instantiatesCanonical=[PLAN]), INTENSIVE, id="canonical"),
        pytest.param(service({"text": "Chemotherapy"}, instantiatesUri=PLAN), INTENSIVE, id="uri"),
        pytest.param(service({}, instantiatesUri=[PLAN]) | {"code": None}, INTENSIVE, id="plan-alone"),
        pytest.param(service({"text": "Chemotherapy"}), NONE, id="no-drug-named"),
        pytest.param(service({"text": "Complete blood count"}, instantiatesUri=[PLAN]), NONE, id="test-of-a-plan"),
        pytest.param(service({"text": "DPYD genotype"}, orderDetail=FOLFIRINOX), NONE, id="test-before-a-drug"),
        pytest.param(service({"text": "FOLFIRINOX education"}), NONE, id="education"),
        pytest.param(service({"text": "Chemotherapy counselling"}, orderDetail=FOLFIRINOX), NONE, id="counselling"),
        pytest.param(
            service({"text": "Chemotherapy"}, orderDetail=FOLFIRINOX, reasonCode=[{"text": "Breast cancer"}]),
            NONE,
            id="for-another-cancer",
        ),
        pytest.param(drug({"text": "S-1 20 mg capsule"}), SYSTEMIC, id="s-1"),
        pytest.param(drug({"text": "Women's 1 A Day multivitamin"}), NONE, id="possessive-is-not-s-1"),
        pytest.param(drug({"text": "Lidocaine, L5/S-1 nerve root"}), NONE, id="sacral-root-is-not-s-1"),
        pytest.param(
            drug(coded(ATC, "L01BC05"), reasonCode=[{"text": "Neoplasm of digestive organs (CMS/HCC)"}]),
            SYSTEMIC,
            id="billing-mark-in-the-reason",
        ),
        pytest.param(
            drug(coded(ATC, "L01BC05"), reasonReference=[{"display": "Pancreatic mass (HHS-HCC)"}]),
            SYSTEMIC,
            id="billing-mark-in-the-display",
        ),
        pytest.param(drug(coded(ATC, "L01BC05"), status="canceled"), NONE, id="canceled"),
        pytest.param(drug(coded(ATC, "L01BC05"), doNotPerform="true"), NONE, id="not-to-do-as-string"),
        pytest.param(drug(coded(ATC, "L01BC05"), doNotPerform="false"), SYSTEMIC, id="to-do-as-string"),
    ],
)
def test_orders_as_systems_write_them(resource: Json, kinds: frozenset[str]) -> None:
    assert one(resource).kinds == kinds


def mixture(item: Json) -> Json:
    return {"resourceType": "Medication", "id": "mix", "ingredient": [{"itemReference": item}]}


@pytest.mark.parametrize(
    ("item", "kinds"),
    [
        pytest.param({"reference": "#drug"}, SYSTEMIC, id="contained"),
        pytest.param({"reference": "#gone"}, NONE, id="not-there"),
        pytest.param({"display": "Gemcitabine"}, SYSTEMIC, id="display"),
        pytest.param({}, NONE, id="empty"),
    ],
)
def test_ingredient_by_reference(item: Json, kinds: frozenset[str]) -> None:
    substance = {"resourceType": "Medication", "id": "drug", "code": coded(ATC, "L01BC05")}
    order = drug(contained=[mixture(item), substance], medicationReference={"reference": "#mix"})
    assert one(order).kinds == kinds


OXALIPLATIN, IRINOTECAN = coded(RXNORM, "32592"), coded(RXNORM, "51499")
LIPOSOMAL = coded(HCPCS, "J9205")
LEUCOVORIN = coded(RXNORM, "6313")


def kinds_of(*medications: Json, **more: Any) -> dict[str, frozenset[str]]:
    drafts = [drug(medication, f"m{at}") for at, medication in enumerate(medications)]
    return {order.reference: order.kinds for order in read(*drafts, **more).drafts}


@pytest.mark.parametrize("irinotecan", [IRINOTECAN, LIPOSOMAL], ids=["folfirinox", "nalirifox"])
def test_drafts_that_together_make_an_intensive_regimen_carry_its_kind(irinotecan: Json) -> None:
    found = kinds_of(OXALIPLATIN, irinotecan, FLUOROURACIL, LEUCOVORIN, GEMCITABINE)
    assert list(found.values()) == [INTENSIVE, INTENSIVE, INTENSIVE, SUPPORTIVE, SYSTEMIC]


@pytest.mark.parametrize(
    "medications",
    [
        pytest.param((OXALIPLATIN, FLUOROURACIL, LEUCOVORIN), id="folfox"),
        pytest.param((IRINOTECAN, FLUOROURACIL), id="folfiri"),
        pytest.param((IRINOTECAN, OXALIPLATIN), id="without-fluorouracil"),
        pytest.param((IRINOTECAN, OXALIPLATIN, coded(RXNORM, "194000")), id="capecitabine-instead"),
    ],
)
def test_a_part_of_it_is_no_intensive_regimen(medications: tuple[Json, ...]) -> None:
    assert not any("intensive_regimen" in kinds for kinds in kinds_of(*medications).values())


def test_the_kind_stands_also_where_only_one_of_the_drafts_is_selected() -> None:
    drafts = [drug(OXALIPLATIN, "a"), drug(IRINOTECAN, "b"), drug(FLUOROURACIL, "c")]
    orders = read(*drafts, selections=("MedicationRequest/a",))
    assert [order.reference for order in orders.of_kind("intensive_regimen")] == ["MedicationRequest/a"]


@pytest.mark.parametrize(
    "third",
    [
        pytest.param(drug(FLUOROURACIL, "c", status="cancelled"), id="cancelled"),
        pytest.param(drug(FLUOROURACIL, "c", doNotPerform=True), id="not-to-be-done"),
        pytest.param(drug(FLUOROURACIL, "c", dosageInstruction=[{"route": {"text": "Topical"}}]), id="cream"),
        pytest.param(drug(FLUOROURACIL, "c", subject={"reference": "Patient/p2"}), id="another-patient"),
        pytest.param(drug(FLUOROURACIL, "c", reasonCode=[coded(ICD, "C50.919")]), id="another-cancer"),
    ],
)
def test_what_is_no_order_of_ours_completes_no_regimen(third: Json) -> None:
    orders = read(drug(OXALIPLATIN, "a"), drug(IRINOTECAN, "b"), third)
    assert not any("intensive_regimen" in order.kinds for order in orders.drafts)


def test_the_name_of_the_regimen_marks_the_drafts_beside_it() -> None:
    orders = read(service({"text": "mFOLFIRINOX"}), drug(OXALIPLATIN, "a"), drug(GEMCITABINE, "b"))
    assert [order.kinds for order in orders.drafts] == [INTENSIVE, INTENSIVE, SYSTEMIC]


@pytest.mark.parametrize(
    ("resource", "kinds"),
    [
        pytest.param({"code": {"text": "FOLFIRINOX"}}, INTENSIVE, id="by-name"),
        pytest.param({"code": coded(SNOMED, "870250004")}, INTENSIVE, id="by-code"),
        pytest.param({"instantiatesCanonical": [PLAN]}, INTENSIVE, id="by-its-plan"),
        pytest.param({"code": {"text": "Gemcitabine + nab-paclitaxel"}}, SYSTEMIC, id="other-regimen"),
        pytest.param(
            {"code": coded(SNOMED, "367336001"), "orderDetail": FOLFIRINOX}, INTENSIVE, id="coded-with-detail"
        ),
        pytest.param({"code": {"text": "Admission orders"}}, NONE, id="something-else"),
        pytest.param({"action": [{"title": "FOLFIRINOX cycle 1"}]}, INTENSIVE, id="by-the-title-of-an-action"),
        pytest.param(
            {"action": [{"action": [{"title": "Gemcitabine + nab-paclitaxel"}]}]}, SYSTEMIC, id="by-an-inner-action"
        ),
        pytest.param(
            {"code": {"text": "Order set"}, "action": [{"title": "FOLFIRINOX"}]}, INTENSIVE, id="title-beside-a-code"
        ),
        pytest.param(
            {"code": {"text": "FOLFIRINOX education"}, "action": [{"title": "FOLFIRINOX"}]}, NONE, id="title-of-a-talk"
        ),
        pytest.param({"action": [{"title": "FOLFIRINOX education"}]}, NONE, id="a-talk-as-title"),
        pytest.param({"action": [{"title": "CT abdomen, on FOLFIRINOX"}]}, NONE, id="a-scan-as-title"),
        pytest.param({"action": [{"title": "PICC for FOLFIRINOX"}]}, NONE, id="an-access-as-title"),
        pytest.param({"action": [{"title": "Whipple"}]}, NONE, id="an-operation-as-title"),
        pytest.param(
            {"action": [{"title": "FOLFIRINOX education"}, {"title": "FOLFIRINOX"}]}, INTENSIVE, id="one-title-of-two"
        ),
        pytest.param({"action": [4, {"title": 5, "action": "x"}, {"title": None}]}, NONE, id="actions-garbled"),
        pytest.param({"code": {"text": "Liver biopsy"}}, NONE, id="a-group-is-no-biopsy"),
        pytest.param({"code": {"text": "FOLFIRINOX"}, "status": "revoked"}, NONE, id="not-live"),
    ],
)
def test_groups_of_requests(resource: Json, kinds: frozenset[str]) -> None:
    assert one({"resourceType": "RequestGroup", "id": "g"} | resource).kinds == kinds


def test_a_group_without_a_name_is_shown_by_its_title() -> None:
    group = {"resourceType": "RequestGroup", "id": "g", "action": [{}, {"title": "FOLFIRINOX cycle 1"}]}
    order = one(group)
    assert (order.label, order.why) == ("FOLFIRINOX cycle 1", "chemotherapy, recognised by its name only")


@pytest.mark.parametrize("name", ["Temozolomide 150 mg capsule", "Etoposide 100 mg/5 mL", "CAPTEM"])
def test_drugs_that_only_the_regimen_table_knows_trigger_nothing(name: str) -> None:
    assert one(drug({"text": name})).kinds == NONE
    assert one(service({"text": name})).kinds == NONE
