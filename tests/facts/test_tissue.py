"""F4 tissue_confirmation and F5 pathology_pending."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.fact import Fact
from cds_service.fhir.source import Completeness
from tests.facts.cases import (
    BROKEN,
    ICD,
    LOINC,
    SNOMED,
    V2_REPORTS,
    Json,
    attachment,
    coded,
    condition,
    ct,
    days_ago,
    line,
    make_case,
    named,
    pancreatic_cancer,
    pathology,
    report,
)

POSITIVE = "Final diagnosis: Liver, core biopsy: metastatic adenocarcinoma, consistent with pancreatic primary."
PANCREAS_POSITIVE = "Final diagnosis: Pancreas, head, EUS-FNB: adenocarcinoma."
PLAIN = "Final diagnosis: Liver, core biopsy: metastatic adenocarcinoma."
WEAK = "Final diagnosis: Liver, core biopsy: consistent with adenocarcinoma."
RESIDUAL = "Final diagnosis: Pancreas, resection after treatment: no residual adenocarcinoma."
NEGATIVE = "Final diagnosis: Liver, core biopsy: normal hepatocytes. No malignancy."
SUSPICIOUS = "Final diagnosis: Pancreas, FNA: suspicious for adenocarcinoma."
COLORECTAL = "Final diagnosis: Liver, core biopsy: metastatic adenocarcinoma, consistent with colorectal primary."
NEUROENDOCRINE = "Final diagnosis: Liver, core biopsy: neuroendocrine tumour, grade 2."
SKIN_BENIGN = "Final diagnosis: Skin of left forearm, shave: no malignancy."

CONFIRMED_BY = coded(SNOMED, "35917007")
LIVER_BIOPSY = coded(SNOMED, "86259008")
EXTENSION = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
SEARCHES = ("conditions", "reports", "documents", "observations", "procedures", "specimens", "carePlans")


def specimen(ident: str = "sp1", date: str = days_ago(10), code: Json | None = None, **more: Any) -> Json:
    out: Json = {"resourceType": "Specimen", "id": ident, "status": "available"}
    out["type"] = code or coded(SNOMED, "119383005")
    return out | ({"collection": {"collectedDateTime": date}} if date else {}) | more


def biopsy(date: str = days_ago(5), status: str = "completed", code: Json = LIVER_BIOPSY, **more: Any) -> Json:
    out: Json = {"resourceType": "Procedure", "id": "pr1", "status": status, "code": code}
    return out | ({"performedDateTime": date} if date else {}) | more


def document(**more: Any) -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "type": coded(LOINC, "11526-1"),
        "date": days_ago(10),
        "content": [{"attachment": attachment("x", "application/pdf")}],
    } | more


def tissue(*resources: Json, searches: dict[str, Completeness] | None = None, **changed: Any) -> Fact:
    return make_case(pancreatic_cancer(), *resources, searches=searches, **changed).fact("tissue_confirmation")


def pending(*resources: Json, searches: dict[str, Completeness] | None = None, **changed: Any) -> Fact:
    return make_case(pancreatic_cancer(), *resources, searches=searches, **changed).fact("pathology_pending")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(pathology(POSITIVE), "yes", id="liver-text"),
        pytest.param(pathology(PANCREAS_POSITIVE), "yes", id="primary-only"),
        pytest.param(pathology("", conclusionCode=[CONFIRMED_BY]), "yes", id="coded-conclusion"),
        pytest.param(pathology(POSITIVE, status="amended"), "yes", id="amended"),
        pytest.param(pathology(POSITIVE, date=""), "yes", id="undated"),
        pytest.param(report(named("Cytology report"), POSITIVE), "yes", id="recognised-by-its-name"),
        pytest.param(pathology(WEAK), "yes:weak", id="consistent-with-alone"),
        pytest.param(pathology(POSITIVE, status="preliminary"), "no:pending", id="preliminary-though-malignant"),
        pytest.param(pathology(POSITIVE, status="registered"), "no:pending", id="registered"),
        pytest.param(
            pathology(POSITIVE, date=days_ago(31), status="partial"),
            "unknown:uninterpretable",
            id="preliminary-never-closed",
        ),
        pytest.param(
            pathology(POSITIVE, date=days_ago(30), status="partial"), "no:pending", id="preliminary-in-window"
        ),
        pytest.param(pathology(POSITIVE, status="cancelled"), "unknown:not-found", id="cancelled"),
        pytest.param(pathology(POSITIVE, status="unknown"), "unknown:uninterpretable", id="status-unknown"),
        pytest.param(pathology(POSITIVE, date=days_ago(-3)), "unknown:uninterpretable", id="final-in-the-future"),
        pytest.param(pathology(NEGATIVE), "no:non-diagnostic", id="negative"),
        pytest.param(pathology(SUSPICIOUS), "no:non-diagnostic", id="suspicious"),
        pytest.param(pathology(COLORECTAL), "no:other-primary", id="liver-metastasis-of-another-cancer"),
        pytest.param(
            pathology("Final diagnosis: Breast, left, core biopsy: invasive ductal carcinoma of the breast."),
            "unknown:not-found",
            id="cancer-elsewhere",
        ),
        pytest.param(pathology(NEUROENDOCRINE), "unknown:not-found", id="excluded-histology"),
        pytest.param(pathology(SKIN_BENIGN), "unknown:not-found", id="benign-elsewhere"),
        pytest.param(
            pathology(SKIN_BENIGN, status="preliminary", bodySite=[named("Skin")])
            | {"code": named("Skin biopsy pathology")},
            "unknown:not-found",
            id="pending-elsewhere",
        ),
        pytest.param(
            pathology("", presentedForm=[attachment("x", "application/pdf")]), "unknown:uninterpretable", id="pdf"
        ),
        pytest.param(pathology("Request: please exclude malignancy."), "unknown:uninterpretable", id="request-only"),
        pytest.param(document(), "unknown:uninterpretable", id="document"),
        pytest.param(report(coded(LOINC, "30599-5"), POSITIVE), "unknown:not-found", id="imaging-report"),
        pytest.param(pancreatic_cancer("again"), "unknown:not-found", id="confirmed-status-only"),
    ],
)
def test_one_item(item: Json, state: str) -> None:
    assert tissue(item).state == state


@pytest.mark.parametrize("start", ["Liver, core biopsy: ", "Final diagnosis: Pancreas, FNA: "])
@pytest.mark.parametrize(
    "words",
    [
        "non-diagnostic",
        "insufficient material",
        "blood only",
        "normal hepatocytes",
        "no malignancy",
        "negative for malignancy",
        "negative for malignant cells",
        "negative for adenocarcinoma",
        "atypical cells",
        "suspicious for adenocarcinoma",
        "cannot exclude adenocarcinoma",
        "favour adenocarcinoma",
    ],
)
def test_words_that_do_not_establish_malignancy(start: str, words: str) -> None:
    assert tissue(pathology(f"{start}{words}.")).state == "no:non-diagnostic"


@pytest.mark.parametrize(
    ("text", "extra", "state"),
    [
        pytest.param(
            "Next generation sequencing. Specimen: liver metastasis, pancreatic adenocarcinoma. KRAS G12D detected.",
            {},
            "yes:weak",
            id="tissue-that-names-the-cancer",
        ),
        pytest.param("ctDNA, plasma: KRAS G12D mutated.", {}, "unknown:not-found", id="blood"),
        pytest.param(
            "ctDNA, plasma: KRAS G12D mutated.",
            {"conclusionCode": [CONFIRMED_BY]},
            "unknown:not-found",
            id="blood-coded",
        ),
        pytest.param("Germline panel, blood: BRCA2 pathogenic variant.", {}, "unknown:not-found", id="germline"),
        pytest.param("", {"conclusionCode": [CONFIRMED_BY]}, "yes:weak", id="coded"),
        pytest.param(
            "", {"presentedForm": [attachment("x", "application/pdf")]}, "unknown:not-found", id="file-that-is-not-read"
        ),
    ],
)
def test_molecular_reports(text: str, extra: Json, state: str) -> None:
    item = report(named("Molecular pathology"), text, category=[coded(V2_REPORTS, "GE")], **extra)
    assert tissue(item).state == state


@pytest.mark.parametrize(
    ("resources", "state"),
    [
        pytest.param(
            [pathology(POSITIVE, "a", days_ago(20)), pathology(NEGATIVE, "b", days_ago(5))],
            "yes",
            id="a-later-negative-sample-does-not-undo",
        ),
        pytest.param(
            [pathology(NEGATIVE, "a"), pathology("", "b", status="registered")], "no:pending", id="pending-first"
        ),
        pytest.param(
            [pathology(NEGATIVE, "a"), pathology(COLORECTAL, "b")], "no:other-primary", id="other-primary-first"
        ),
        pytest.param([pathology(NEGATIVE, "a"), document()], "no:non-diagnostic", id="negative-before-unreadable"),
        pytest.param([pathology(WEAK, "a"), document()], "yes:weak", id="weak-before-unreadable"),
        pytest.param([pathology(WEAK, "a", days_ago(4)), biopsy()], "yes:weak", id="weak-report-answers-a-biopsy"),
        pytest.param([pathology(WEAK, "a"), biopsy(days_ago(1))], "no:pending", id="pending-before-weak"),
        pytest.param([pathology(PANCREAS_POSITIVE, "a"), pathology(COLORECTAL, "b")], "yes", id="primary-proven"),
        pytest.param(
            [pathology(WEAK, "a"), pathology(SUSPICIOUS, "b")],
            "unknown:conflict",
            id="weak-against-non-diagnostic",
        ),
    ],
)
def test_several_items(resources: list[Json], state: str) -> None:
    assert tissue(*resources).state == state


ACCESSION: Json = {"identifier": [{"system": "urn:lab", "value": "S26-1"}]}
ON_SPECIMEN: Json = {"specimen": [{"reference": "Specimen/sp1"}]}


@pytest.mark.parametrize("shared", [ACCESSION, ON_SPECIMEN], ids=["accession", "specimen"])
@pytest.mark.parametrize(
    ("second", "more", "state"),
    [
        pytest.param(NEGATIVE, {}, "unknown:conflict", id="no-correction"),
        pytest.param(COLORECTAL, {}, "unknown:conflict", id="another-origin"),
        pytest.param(POSITIVE, {}, "yes", id="they-agree"),
    ],
)
def test_two_final_reports_on_one_specimen(shared: Json, second: str, more: Json, state: str) -> None:
    fact = tissue(specimen(), pathology(POSITIVE, "a", **shared), pathology(second, "b", **shared, **more))
    assert fact.state == state
    assert all(line(fact, f"DiagnosticReport/{ident}").counted for ident in "ab")


def test_a_correction_wins() -> None:
    corrected = pathology(NEGATIVE, "b", status="corrected", issued=f"{days_ago(2)}T08:00:00Z", **ACCESSION)
    original = pathology(POSITIVE, "a", issued=f"{days_ago(8)}T08:00:00Z", **ACCESSION)
    fact = tissue(original, corrected)
    assert fact.state == "no:non-diagnostic"
    assert not line(fact, "DiagnosticReport/a").counted


def test_another_confirmed_specimen_settles_a_conflict() -> None:
    disputed = (pathology(POSITIVE, "a", **ACCESSION), pathology(NEGATIVE, "b", **ACCESSION))
    assert tissue(*disputed, pathology(PANCREAS_POSITIVE, "c")).state == "yes"


DECLARED = [
    pytest.param({"evidence": [{"code": [coded(SNOMED, "714797009")]}]}, id="mcode-histology"),
    pytest.param({"evidence": [{"code": [coded(SNOMED, "116147009")]}]}, id="mcode-cytology"),
    pytest.param({"evidence": [{"detail": [{"reference": "DiagnosticReport/elsewhere"}]}]}, id="report-not-here"),
    pytest.param({"extension": [{"url": EXTENSION, "valueCodeableConcept": CONFIRMED_BY}]}, id="histology-extension"),
    pytest.param(
        {"extension": [{"url": EXTENSION, "valueCodeableConcept": coded("urn:icd-o", "8500/3")}]}, id="behaviour-digit"
    ),
    pytest.param({"note": [{"text": "Biopsy proven."}]}, id="note"),
    pytest.param({"code": coded(ICD, "C25.0") | {"text": "Pancreatic cancer, biopsy-proven"}}, id="in-its-name"),
]


@pytest.mark.parametrize("more", DECLARED)
def test_declarations_are_a_weak_yes(more: Json) -> None:
    fact = tissue(condition(coded(ICD, "C25.0"), **{**more}) if "code" not in more else condition(**more))
    assert (fact.state, fact.quality) == ("yes:weak", "declared")


@pytest.mark.parametrize("more", DECLARED)
def test_a_declaration_against_negative_reports_is_a_conflict(more: Json) -> None:
    item = condition(coded(ICD, "C25.0"), **{**more}) if "code" not in more else condition(**more)
    fact = tissue(item, pathology(NEGATIVE))
    assert (fact.state, fact.as_of) == ("unknown:conflict", days_ago(10))


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(condition(coded(ICD, "C25.0"), evidence=[{"code": [coded(SNOMED, "363679005")]}]), id="imaging"),
        pytest.param(condition(coded(ICD, "C25.0"), evidence=[{"code": [named("x")]}, "junk"]), id="unknown-basis"),
        pytest.param(
            condition(
                coded(ICD, "C25.0"),
                evidence=[
                    {"code": [coded(SNOMED, "363679005")], "detail": [{"reference": "DiagnosticReport/elsewhere"}]}
                ],
            ),
            id="imaging-report-not-here",
        ),
        pytest.param(
            condition(coded(ICD, "C25.0"), evidence=[{"detail": [{"reference": "Observation/elsewhere"}]}]),
            id="no-report",
        ),
        pytest.param(
            condition(coded(ICD, "C25.0"), evidence=[{"detail": [{"reference": "DiagnosticReport/ct"}]}]),
            id="report-that-is-here",
        ),
        pytest.param(
            condition(
                coded(ICD, "C25.0"),
                extension=[{"url": EXTENSION, "valueCodeableConcept": coded("urn:icd-o", "8500/0")}],
            ),
            id="benign-behaviour",
        ),
        pytest.param(
            condition(coded(ICD, "C50.919"), evidence=[{"code": [coded(SNOMED, "714797009")]}]), id="another-cancer"
        ),
        pytest.param(
            condition(coded(ICD, "C25.0"), verified="refuted", note=[{"text": "biopsy proven"}]), id="refuted"
        ),
    ],
)
def test_what_declares_nothing(item: Json) -> None:
    assert tissue(item, ct("Impression: liver metastases.")).state == "unknown:not-found"


def test_a_basis_other_than_tissue_is_shown() -> None:
    fact = tissue(condition(coded(ICD, "C25.0"), evidence=[{"code": [coded(SNOMED, "250724005")]}]))
    assert "other than tissue" in line(fact, "Condition/c1").why


def plan(text: str, status: str = "active", **more: Any) -> Json:
    return {"resourceType": "CarePlan", "id": "cp1", "status": status, "intent": "plan", "description": text} | more


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(plan("MDT: biopsy proven pancreatic cancer."), "yes:weak", id="description"),
        pytest.param(plan("", title="Biopsy-proven disease"), "yes:weak", id="title"),
        pytest.param(plan("", note=[{"text": "biopsy proven"}]), "yes:weak", id="note"),
        pytest.param(
            plan("", activity=[{"detail": {"description": "Chemotherapy, biopsy proven"}}]), "yes:weak", id="activity"
        ),
        pytest.param(plan("Biopsy proven breast cancer 2012."), "unknown:not-found", id="another-cancer"),
        pytest.param(plan("Biopsy proven", "revoked"), "unknown:not-found", id="revoked"),
        pytest.param(plan("Discuss biopsy."), "unknown:not-found", id="says-nothing"),
    ],
)
def test_care_plans(item: Json, state: str) -> None:
    assert tissue(item).state == state


@pytest.mark.parametrize(
    ("item", "state"),
    [
        pytest.param(pathology(PLAIN, date=days_ago(60)), "yes", id="at-the-lead"),
        pytest.param(pathology(PLAIN, date=days_ago(61)), "unknown:stale", id="before-the-lead"),
        pytest.param(pathology(POSITIVE, date=days_ago(75)), "yes", id="before-the-lead-and-names-the-pancreas"),
        pytest.param(pathology(POSITIVE, date=days_ago(900)), "yes", id="long-ago-and-names-the-pancreas"),
        pytest.param(pathology(PANCREAS_POSITIVE, date=days_ago(900)), "yes", id="old-resection-of-the-pancreas"),
        pytest.param(pathology(NEGATIVE, date=days_ago(900)), "unknown:stale", id="old-negative"),
        pytest.param(pathology(COLORECTAL, date=days_ago(900)), "unknown:stale", id="old-metastasis-of-another-cancer"),
        pytest.param(pathology(SUSPICIOUS, date=days_ago(900)), "no:non-diagnostic", id="old-pancreas-sample"),
        pytest.param(pathology(SKIN_BENIGN, date=days_ago(900)), "unknown:not-found", id="old-and-elsewhere"),
    ],
)
def test_tissue_must_not_precede_this_cancer(item: Json, state: str) -> None:
    assert tissue(item).state == state


def test_earlier_tissue_of_the_pancreas_says_that_the_recurrence_is_not_sampled() -> None:
    fact = tissue(pathology(PANCREAS_POSITIVE, date=days_ago(900)))
    assert "recurrent" in line(fact, "DiagnosticReport/path").why


def test_earlier_liver_tissue_that_names_the_pancreas_says_so() -> None:
    fact = tissue(pathology(POSITIVE, date=days_ago(900)))
    assert "names the pancreas" in line(fact, "DiagnosticReport/path").why


UNDATED = condition(coded(ICD, "C25.0"))


@pytest.mark.parametrize(
    ("items", "state"),
    [
        pytest.param([pathology(PLAIN, date=days_ago(365))], "yes", id="liver-within-the-reach"),
        pytest.param([pathology(PLAIN, date=days_ago(367))], "unknown:stale", id="liver-before-the-reach"),
        pytest.param(
            [pathology("Lymph node, biopsy: metastatic adenocarcinoma.", date="2012-05-01")],
            "unknown:stale",
            id="node-of-2012",
        ),
        pytest.param([pathology(PLAIN, date="")], "yes", id="undated-tissue"),
        pytest.param([pathology(PANCREAS_POSITIVE, date=days_ago(900))], "yes", id="old-pancreas"),
        pytest.param([pathology(POSITIVE, date=days_ago(900))], "yes", id="old-and-names-the-pancreas"),
        pytest.param(
            [pathology(PLAIN, date=days_ago(200)), ct("Mass in the head of the pancreas.", date=days_ago(20))],
            "unknown:stale",
            id="imaging-dates-the-cancer",
        ),
        pytest.param(
            [pathology(PLAIN, date=days_ago(200)), ct("Mass in the head of the pancreas.", date=days_ago(210))],
            "yes",
            id="imaging-dates-the-cancer-before-the-tissue",
        ),
    ],
)
def test_where_no_condition_dates_this_cancer(items: list[Json], state: str) -> None:
    assert make_case(UNDATED, *items).fact("tissue_confirmation").state == state


@pytest.mark.parametrize("days", [100, 500])
def test_that_nothing_dates_this_cancer_is_said(days: int) -> None:
    fact = make_case(UNDATED, pathology(PLAIN, date=days_ago(days))).fact("tissue_confirmation")
    why = line(fact, "DiagnosticReport/path").why
    assert "nothing dates this cancer" in why
    assert "365 days" in why


def test_old_pancreatic_tissue_of_an_undated_cancer_is_not_called_earlier() -> None:
    fact = make_case(UNDATED, pathology(PANCREAS_POSITIVE, date=days_ago(900))).fact("tissue_confirmation")
    assert "earlier" not in line(fact, "DiagnosticReport/path").why


SHOWS_TUMOUR = "Impression: 3 cm mass in the head of the pancreas."


@pytest.mark.parametrize(
    ("other", "precedes"),
    [
        pytest.param(ct(SHOWS_TUMOUR, date=days_ago(80)), False, id="a-mass"),
        pytest.param(ct("Impression: pancreatic adenocarcinoma.", date=days_ago(80)), False, id="a-cancer"),
        pytest.param(ct("Impression: suspicious for pancreatic cancer.", date=days_ago(80)), False, id="a-suspicion"),
        pytest.param(pathology(PANCREAS_POSITIVE, "p", days_ago(80)), False, id="pathology-of-the-pancreas"),
        pytest.param(pathology(POSITIVE, "p", days_ago(80), status="registered"), True, id="not-read"),
        pytest.param(ct("Impression: no pancreatic mass.", date=days_ago(80)), True, id="denied"),
        pytest.param(ct("Impression: liver mass.", date=days_ago(80)), True, id="another-organ"),
        pytest.param(ct("Impression: the pancreas is normal.", date=days_ago(80)), True, id="no-lesion"),
        pytest.param(ct("History: pancreatic cancer.", date=days_ago(80)), True, id="history"),
        pytest.param(ct(SHOWS_TUMOUR, date=""), True, id="undated"),
        pytest.param(ct(SHOWS_TUMOUR, date=days_ago(500)), True, id="beyond-the-reach"),
        pytest.param(ct(SHOWS_TUMOUR, date=days_ago(80), status="preliminary"), True, id="not-final"),
    ],
)
def test_reports_that_name_the_tumour_are_its_first_evidence(other: Json, precedes: bool) -> None:
    item = pathology(PLAIN, "liver", days_ago(75))
    why = line(tissue(item, other), "DiagnosticReport/liver").why
    assert ("precedes this cancer" in why) is precedes


def test_an_older_version_of_imaging_is_no_evidence() -> None:
    older = ct(SHOWS_TUMOUR, "a", days_ago(80), **ACCESSION)
    newer = ct("Impression: normal.", "b", days_ago(80), status="corrected", issued=f"{days_ago(70)}T08:00:00Z")
    assert tissue(pathology(PLAIN, date=days_ago(75)), older, newer | ACCESSION).state == "unknown:stale"


ELSEWHERE = ("Prostate", "Colon biopsy", "Breast core biopsy", "Lung biopsy")


def of_organ(organ: str, text: str = "Adenocarcinoma.", **more: Any) -> tuple[Json, Json]:
    return pathology(text, specimen=[{"reference": "Specimen/sp1"}], **more), specimen(code=named(organ))


@pytest.mark.parametrize(
    ("items", "state"),
    [
        *(pytest.param([*of_organ(organ)], "unknown:not-found", id=organ) for organ in ELSEWHERE),
        pytest.param([pathology("Adenocarcinoma.", bodySite=[named("Prostate")])], "unknown:not-found", id="body-site"),
        pytest.param(
            [pathology("Adenocarcinoma.") | {"code": named("Surgical pathology - colon")}],
            "unknown:not-found",
            id="title",
        ),
        pytest.param(
            [*of_organ("Prostate", status="registered")], "unknown:not-found", id="pending-elsewhere-by-specimen"
        ),
        pytest.param([*of_organ("Prostate", "No malignancy.")], "unknown:not-found", id="benign-elsewhere-by-specimen"),
        pytest.param(
            [*of_organ("Lung", "Metastatic adenocarcinoma, consistent with pancreatic primary.")],
            "yes",
            id="elsewhere-and-names-the-pancreas",
        ),
        pytest.param([*of_organ("Liver")], "yes", id="liver"),
        pytest.param([*of_organ("Core biopsy")], "yes", id="site-unstated"),
        pytest.param(
            [pathology("", conclusionCode=[coded(ICD, "C25.0")], bodySite=[named("Lung")])], "yes", id="coded-pancreas"
        ),
        pytest.param(
            [pathology("", conclusionCode=[CONFIRMED_BY], bodySite=[named("Lung")])], "unknown:not-found", id="coded"
        ),
    ],
)
def test_a_malignancy_of_another_organ_is_no_tissue(items: list[Json], state: str) -> None:
    assert tissue(*items).state == state


def test_pending_pathology_of_another_organ_or_of_blood_is_not_awaited() -> None:
    assert pending(*of_organ("Prostate", status="registered")).state == "no"
    blood = report(named("ctDNA liquid biopsy"), status="registered")
    assert (tissue(blood).state, pending(blood).state) == ("unknown:not-found", "no")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"code": named("ctDNA liquid biopsy")}, id="title"),
        pytest.param({"specimen": [{"reference": "Specimen/sp1"}]}, id="specimen"),
        pytest.param({"specimen": [{"display": "Blood"}]}, id="specimen-by-display"),
    ],
)
def test_blood_is_never_tissue(more: Json) -> None:
    text = "Pancreatic adenocarcinoma. KRAS G12D detected."
    item = report(named("Molecular pathology"), text, category=[coded(V2_REPORTS, "GE")])
    assert tissue(item).state == "yes:weak"
    assert tissue(item | more, specimen(code=named("Plasma"), date="")).state == "unknown:not-found"


@pytest.mark.parametrize(
    ("items", "state"),
    [
        pytest.param([pathology(WEAK, "a"), pathology(NEGATIVE, "b")], "unknown:conflict", id="weak"),
        pytest.param([pathology(RESIDUAL, "a"), pathology(NEGATIVE, "b")], "unknown:conflict", id="no-residual"),
        pytest.param(
            [
                condition(coded(ICD, "C25.0"), note=[{"text": "Biopsy proven."}]),
                pathology(WEAK, "a"),
                pathology(NEGATIVE, "b"),
            ],
            "unknown:conflict",
            id="declared-and-weak",
        ),
        pytest.param(
            [pathology(WEAK, "a"), pathology(NEGATIVE, "b"), pathology(PLAIN, "c")], "yes", id="proven-elsewhere"
        ),
    ],
)
def test_weak_evidence_against_a_negative_report_is_a_conflict(items: list[Json], state: str) -> None:
    assert tissue(*items).state == state


@pytest.mark.parametrize(
    ("more", "shown", "said"),
    [
        pytest.param({"status": "corrected"}, days_ago(2), f"dated {days_ago(10)}", id="corrected"),
        pytest.param({}, days_ago(10), f"issued {days_ago(2)}", id="final"),
        pytest.param({"status": "amended", "effectiveDateTime": None}, days_ago(2), "", id="amended-one-date"),
        pytest.param({"status": "corrected", "issued": None}, days_ago(10), "", id="corrected-not-issued"),
    ],
)
def test_the_date_of_a_report(more: Json, shown: str, said: str) -> None:
    fact = tissue(pathology(PLAIN) | {"issued": f"{days_ago(2)}T08:00:00Z"} | more)
    found = line(fact, "DiagnosticReport/path")
    assert (fact.as_of, found.date) == (shown, shown)
    assert ("; " in found.why) is bool(said)
    assert said in found.why


def test_a_correction_does_not_make_old_tissue_new() -> None:
    item = pathology(PLAIN, date=days_ago(900), status="corrected", issued=f"{days_ago(2)}T08:00:00Z")
    assert tissue(item).state == "unknown:stale"


@pytest.mark.parametrize(
    ("items", "state"),
    [
        pytest.param([biopsy()], "no:pending", id="recent-biopsy"),
        pytest.param([biopsy(days_ago(21))], "no:pending", id="biopsy-in-its-window"),
        pytest.param([biopsy(days_ago(22))], "unknown:not-found", id="biopsy-long-ago"),
        pytest.param([biopsy("")], "unknown:not-found", id="biopsy-undated"),
        pytest.param([biopsy(days_ago(-5))], "unknown:not-found", id="biopsy-in-the-future"),
        pytest.param([biopsy(status="not-done")], "unknown:not-found", id="biopsy-not-done"),
        pytest.param([biopsy(outcome=named("Lesion not visualised"))], "unknown:not-found", id="nothing-taken"),
        pytest.param([biopsy(outcome=named("Unsuccessful"))], "unknown:not-found", id="unsuccessful"),
        pytest.param([biopsy(outcome=coded("urn:x", "1", "No tissue obtained"))], "unknown:not-found", id="no-tissue"),
        pytest.param([biopsy(code=named("Bile duct brushing"))], "no:pending", id="bile-duct-brushing"),
        pytest.param([biopsy(code=named("Peritoneal biopsy"))], "no:pending", id="peritoneal-biopsy"),
        pytest.param([biopsy(code=named("Core biopsy"), bodySite=named("Lymph node"))], "no:pending", id="node"),
        pytest.param([biopsy(code=named("Biliary stent insertion"))], "unknown:not-found", id="no-sampling"),
        pytest.param([biopsy(code=named("Core biopsy"))], "unknown:not-found", id="biopsy-of-nothing-stated"),
        pytest.param([biopsy(code=named("Biopsy of kidney"))], "unknown:not-found", id="another-organ"),
        pytest.param([specimen()], "no:pending", id="liver-specimen"),
        pytest.param([specimen(date="")], "unknown:not-found", id="specimen-undated"),
        pytest.param([specimen(status="unsatisfactory")], "unknown:not-found", id="specimen-unsatisfactory"),
        pytest.param([specimen(code=coded(SNOMED, "258415003"))], "no:pending", id="tissue-of-unstated-site"),
        pytest.param(
            [
                specimen(
                    collection={"collectedDateTime": days_ago(3), "bodySite": named("Skin")},
                    type=coded(SNOMED, "258415003"),
                )
            ],
            "unknown:not-found",
            id="tissue-of-another-site",
        ),
        pytest.param(
            [
                specimen(
                    collection={"collectedPeriod": {"start": days_ago(3)}, "bodySite": named("Liver")},
                    type=named("Core"),
                )
            ],
            "no:pending",
            id="site-of-collection",
        ),
        pytest.param([specimen(code=named("Blood"))], "unknown:not-found", id="blood"),
    ],
)
def test_samples_without_report(items: list[Json], state: str) -> None:
    assert tissue(*items).state == state


@pytest.mark.parametrize(
    ("items", "state"),
    [
        pytest.param(
            [biopsy(report=[{"reference": "DiagnosticReport/path"}]), pathology(NEGATIVE, date="")],
            "no:non-diagnostic",
            id="procedure-names-its-report",
        ),
        pytest.param(
            [specimen(date=days_ago(5)), pathology(NEGATIVE, date="", **ON_SPECIMEN)],
            "no:non-diagnostic",
            id="report-names-specimen",
        ),
        pytest.param(
            [biopsy(), pathology(NEGATIVE, date=days_ago(4))], "no:non-diagnostic", id="later-report-same-site"
        ),
        pytest.param([biopsy(), pathology(SUSPICIOUS, date=days_ago(4))], "no:pending", id="later-report-other-site"),
        pytest.param([biopsy(), pathology(NEGATIVE, date=days_ago(6))], "no:non-diagnostic", id="report-of-the-eve"),
        pytest.param([biopsy(), pathology(NEGATIVE, date=days_ago(7))], "no:pending", id="earlier-report"),
        pytest.param([biopsy(), pathology(NEGATIVE, date="")], "no:pending", id="undated-report"),
        pytest.param(
            [
                biopsy(),
                specimen("sp1", ""),
                pathology(
                    NEGATIVE, date=days_ago(2), specimen=[{"reference": "Specimen/sp1"}, {"reference": "Specimen/x"}]
                )
                | {"effectiveDateTime": days_ago(2)},
            ],
            "no:pending",
            id="report-of-another-sample",
        ),
        pytest.param(
            [biopsy(), report(named("Molecular pathology"), "ctDNA, plasma: KRAS mutated.", date=days_ago(1))],
            "no:pending",
            id="molecular-report-is-not-it",
        ),
        pytest.param(
            [biopsy(), pathology(NEGATIVE, date=days_ago(2), status="cancelled")], "no:pending", id="cancelled"
        ),
    ],
)
def test_a_report_answers_its_sample(items: list[Json], state: str) -> None:
    assert tissue(*items).state == state


def test_a_specimen_of_a_listed_biopsy_is_not_listed_again() -> None:
    taken = specimen(collection={"collectedDateTime": days_ago(5), "procedure": {"reference": "Procedure/pr1"}})
    fact = tissue(biopsy(), taken)
    assert [item.reference for item in fact.evidence] == ["Procedure/pr1"]


def test_dates_and_labels() -> None:
    two = (pathology(NEGATIVE, "a", days_ago(20)), pathology(NEGATIVE, "b", days_ago(5)), pathology(NEGATIVE, "c", ""))
    assert tissue(*two).as_of == days_ago(5)
    assert tissue(pathology(NEGATIVE, date="")).as_of == ""
    other = tissue(pathology(COLORECTAL))
    assert other.label
    assert other.label in line(other, "DiagnosticReport/path").why


def test_every_item_is_listed_and_only_deciding_ones_count() -> None:
    fact = tissue(pathology(POSITIVE, "a"), pathology(NEGATIVE, "b"), pathology(POSITIVE, "c", status="cancelled"))
    counted = {item.reference: item.counted for item in fact.evidence}
    assert counted == {"DiagnosticReport/a": True, "DiagnosticReport/b": False, "DiagnosticReport/c": False}
    assert len(line(fact, "DiagnosticReport/a").quote) <= 120


KEPT = {"yes", "yes:weak", "unknown:conflict", "unknown:uninterpretable"}


@pytest.mark.parametrize("key", SEARCHES)
@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    ("items", "state"),
    [
        pytest.param([], "unknown:not-found", id="nothing"),
        pytest.param([pathology(POSITIVE)], "yes", id="confirmed"),
        pytest.param([pathology(WEAK)], "yes:weak", id="weak"),
        pytest.param(
            [pathology(POSITIVE, "a", **ACCESSION), pathology(NEGATIVE, "b", **ACCESSION)],
            "unknown:conflict",
            id="conflict",
        ),
        pytest.param([document()], "unknown:uninterpretable", id="unreadable"),
        pytest.param([pathology(NEGATIVE)], "no:non-diagnostic", id="negative"),
        pytest.param([pathology(COLORECTAL)], "no:other-primary", id="other-primary"),
        pytest.param([biopsy()], "no:pending", id="pending"),
        pytest.param([pathology(PLAIN, date=days_ago(900))], "unknown:stale", id="stale"),
    ],
)
def test_what_rests_on_an_absence_needs_every_search(
    items: list[Json], state: str, key: str, how: Completeness
) -> None:
    assert tissue(*items).state == state
    fact = tissue(*items, searches={key: how})
    assert fact.state == (state if state in KEPT else "unknown:not-searched")
    assert fact.gaps == (f"{key}: was {how.value}",)
    assert not line(fact, key).counted
    assert len(fact.evidence) == len(items) + 1


def test_pending_gives_way_to_what_survives_a_gap() -> None:
    fact = tissue(biopsy(), document(date=days_ago(30)), searches={"procedures": Completeness.FAILED})
    assert fact.state == "unknown:uninterpretable"


@pytest.mark.parametrize(("reliable", "state"), [(True, "unknown:not-found"), (False, "unknown:not-searched")])
def test_pathology_stands_in_for_reports_where_the_site_says_so(reliable: bool, state: str) -> None:
    gap = {"reports": Completeness.INCOMPLETE}
    assert tissue(searches=gap, reports_categories_reliable=reliable).state == state
    assert pending(searches=gap, reports_categories_reliable=reliable).value == ("no" if reliable else "unknown")


@pytest.mark.parametrize(
    ("items", "state", "as_of"),
    [
        pytest.param([], "no", "", id="nothing"),
        pytest.param([pathology("", status="registered")], "yes", days_ago(10), id="registered"),
        pytest.param([pathology("", status="partial", date="")], "yes", "", id="partial-undated"),
        pytest.param(
            [pathology("", status="preliminary", date=days_ago(31))], "unknown:uninterpretable", days_ago(31), id="dead"
        ),
        pytest.param([biopsy()], "yes", days_ago(5), id="biopsy-without-report"),
        pytest.param([biopsy(days_ago(22))], "no", "", id="old-biopsy"),
        pytest.param([pathology(POSITIVE)], "no", "", id="final"),
    ],
)
def test_pathology_pending(items: list[Json], state: str, as_of: str) -> None:
    fact = pending(*items)
    assert (fact.state, fact.as_of) == (state, as_of)


@pytest.mark.parametrize("key", [key for key in SEARCHES if key != "carePlans"])
@pytest.mark.parametrize("how", BROKEN)
def test_pathology_pending_with_gaps(key: str, how: Completeness) -> None:
    gap = (f"{key}: was {how.value}",)
    nothing = pending(searches={key: how})
    assert (nothing.state, nothing.gaps) == ("unknown:not-searched", gap)
    kept = pending(pathology("", status="registered"), searches={key: how})
    assert (kept.state, kept.gaps) == ("yes", gap)
    dead = pending(pathology("", status="registered", date=days_ago(40)), searches={key: how})
    assert (dead.state, dead.gaps) == ("unknown:uninterpretable", gap)


def test_the_site_of_confirming_tissue_is_its_label() -> None:
    fact = make_case(pancreatic_cancer(), pathology(PLAIN, date=days_ago(9))).fact("tissue_confirmation")
    assert (fact.state, fact.label) == ("yes", "liver")
    fact = make_case(pancreatic_cancer(), pathology(PANCREAS_POSITIVE, date=days_ago(9))).fact("tissue_confirmation")
    assert (fact.state, fact.label) == ("yes", "pancreas")


def test_a_withdrawn_report_replaces_nothing_but_itself() -> None:
    """Another report of the same accession that was entered in error says nothing about this one."""
    same = {"identifier": [{"system": "urn:lab", "value": "A1"}]}
    kept = {**pathology(PLAIN, date=days_ago(9)), "id": "kept", **same}
    withdrawn = {**pathology(PLAIN, date=days_ago(5)), "id": "void", "status": "entered-in-error", **same}
    assert make_case(pancreatic_cancer(), kept, withdrawn).fact("tissue_confirmation").state == "yes"
