"""Reports: kind, status, date, words, modality, region, versions (pathway part 4, decisions 4, 24, 40)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cds_service.facts.pathology_reports import PathologyFinding, pathology_findings
from cds_service.facts.reports import (
    classify_report,
    report_date,
    report_modality,
    report_region,
    report_status,
    report_text,
)
from cds_service.facts.versions import same_keys, superseded
from tests.facts.cases import (
    DICOM,
    ICD,
    LOINC,
    SNOMED,
    V2_REPORTS,
    Json,
    attachment,
    coded,
    ct,
    days_ago,
    make_case,
    mri,
    named,
    pathology,
    report,
    ultrasound,
)

LAB = [coded(V2_REPORTS, "LAB")]
SP = [coded(V2_REPORTS, "SP")]
RAD = [coded(V2_REPORTS, "RAD")]
LOCAL = {"coding": [{"system": "https://lab.example.org/codes", "code": "X1"}]}
ADENOCARCINOMA = "Liver, core biopsy: adenocarcinoma."


def specimen(ident: str = "s1", code: str = "119383005", collected: str = "", **more: Any) -> Json:
    out: Json = {"resourceType": "Specimen", "id": ident, "type": coded(SNOMED, code)}
    if collected:
        out["collection"] = {"collectedDateTime": collected}
    return out | more


def observation(code: Json, ident: str = "o1", status: str = "final", **more: Any) -> Json:
    return {"resourceType": "Observation", "id": ident, "status": status, "code": code} | more


def document(type_: Json, ident: str = "d1", status: str = "current", **more: Any) -> Json:
    return {"resourceType": "DocumentReference", "id": ident, "status": status, "type": type_} | more


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        pytest.param(pathology(), "pathology", id="category-and-code"),
        pytest.param(report(coded(LOINC, "33718-8"), category=LAB), "pathology", id="cytology-filed-as-laboratory"),
        pytest.param(report(LOCAL, category=SP), "pathology", id="local-code-surgical-pathology"),
        pytest.param(report(named("Surgical pathology report")), "pathology", id="name-only"),
        pytest.param(report(coded(LOINC, "30599-5"), category=SP), "imaging", id="code-beats-category"),
        pytest.param(report(LOCAL, category=RAD), "imaging", id="radiology-local-code"),
        pytest.param(report(LOCAL, category=[coded(V2_REPORTS, "CT")]), "imaging", id="category-CT"),
        pytest.param(report(named("CT abdomen with contrast")), "imaging", id="imaging-by-name"),
        pytest.param(report(coded(LOINC, "24812-0"), category=RAD), "other", id="account-of-a-guided-biopsy"),
        pytest.param(report(coded(SNOMED, "277591006"), category=RAD), "other", id="account-of-a-biopsy-without-site"),
        pytest.param(report(LOCAL, category=[coded(V2_REPORTS, "GE")]), "molecular", id="genetics"),
        pytest.param(report(named("Molecular pathology report"), category=SP), "molecular", id="molecular-by-name"),
        pytest.param(report(LOCAL, ADENOCARCINOMA, category=LAB), "pathology", id="content-of-a-local-report"),
        pytest.param(
            report(LOCAL, "CT abdomen: no focal liver lesion.", category=LAB), "imaging", id="content-names-CT"
        ),
        pytest.param(report(LOCAL, "Haemoglobin stable.", category=LAB), "other", id="laboratory"),
        pytest.param(report(LOCAL, "Liver biopsy", category=LAB), "other", id="names-a-biopsy-and-says-nothing"),
        pytest.param(report(LOCAL, category=LAB), "other", id="laboratory-without-words"),
        pytest.param(
            report(LOCAL, conclusionCode=[coded(SNOMED, "35917007")]), "pathology", id="malignant-morphology-concluded"
        ),
        pytest.param(document(coded(LOINC, "11526-1")), "pathology", id="document-typed-as-pathology"),
        pytest.param(document(named("Discharge letter")), "other", id="letter"),
    ],
)
def test_kind(resource: Json, kind: str) -> None:
    assert classify_report(resource, make_case(resource)) == kind


def test_kind_by_specimen_when_the_words_are_a_diagnosis() -> None:
    found = report(LOCAL, "Adenocarcinoma.", specimen=[{"reference": "Specimen/s1"}])
    assert classify_report(found, make_case(found, specimen())) == "pathology"
    assert classify_report(found, make_case(found)) == "other"


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        *(pytest.param({"status": word}, "final", id=word) for word in ("final", "amended", "corrected", "appended")),
        *(
            pytest.param({"status": word}, "pending", id=word)
            for word in ("registered", "partial", "preliminary", "modified")
        ),
        pytest.param({"status": "cancelled"}, "void", id="cancelled"),
        pytest.param({"status": "entered-in-error"}, "void", id="entered-in-error"),
        pytest.param({"status": " Final "}, "final", id="blanks-and-capitals"),
        pytest.param({"status": "unknown"}, "unknown", id="unknown"),
        pytest.param({}, "unknown", id="absent"),
        pytest.param({"status": ["final"]}, "unknown", id="mistyped"),
        pytest.param({"status": "current"}, "final", id="document-current"),
        pytest.param({"status": "superseded"}, "void", id="document-superseded"),
        pytest.param({"status": "current", "docStatus": "preliminary"}, "pending", id="document-preliminary"),
        pytest.param({"status": "current", "docStatus": "final"}, "final", id="document-final"),
        pytest.param({"status": "superseded", "docStatus": "final"}, "void", id="superseded-though-final"),
    ],
)
def test_status(resource: Json, status: str) -> None:
    assert report_status(resource) == status


SEEN = [{"reference": "Specimen/s1"}]


@pytest.mark.parametrize(
    ("resource", "date"),
    [
        pytest.param({"specimen": SEEN, "effectiveDateTime": "2026-02-09"}, "2026-02-03", id="collection-first"),
        pytest.param({"specimen": [{"reference": "Specimen/s2"}], "issued": "2026-02-09"}, "2026-02-04", id="period"),
        pytest.param({"specimen": [{"reference": "Specimen/gone"}, *SEEN]}, "2026-02-03", id="second-specimen"),
        pytest.param({"effectiveDateTime": "2026-02-05", "issued": "2026-02-09"}, "2026-02-05", id="effective"),
        pytest.param({"effectivePeriod": {"start": "2026-02-06"}}, "2026-02-06", id="effective-period"),
        pytest.param({"effectiveDateTime": "soon", "issued": "2026-02-09T10:00:00Z"}, "2026-02-09", id="issued"),
        pytest.param(
            {"context": {"period": {"start": "2026-02-01"}}, "date": "2026-02-09"}, "2026-02-01", id="document"
        ),
        pytest.param({"date": "2026-02-09T10:00:00Z"}, "2026-02-09", id="document-date"),
        pytest.param({"meta": {"lastUpdated": "2026-02-09T10:00:00Z"}}, "", id="never-last-updated"),
    ],
)
def test_date(resource: Json, date: str) -> None:
    case = make_case(
        specimen("s1", collected="2026-02-03"),
        specimen("s2", collection={"collectedPeriod": {"start": "2026-02-04"}}),
    )
    found = report_date(resource, case)
    assert (found.text if found else "") == date


PDF = attachment("%PDF", "application/pdf")
RESULT = [{"reference": "Observation/o1"}]
DIV = {"text": {"div": "<div>From the narrative</div>"}}


@pytest.mark.parametrize(
    ("resource", "text", "unreadable"),
    [
        pytest.param({"conclusion": "Said"}, "Said", "", id="conclusion"),
        pytest.param({"presentedForm": [attachment("Said plainly")]}, "Said plainly", "", id="plain-text"),
        pytest.param({"presentedForm": attachment("Said")}, "Said", "", id="object-for-list"),
        pytest.param(
            {"presentedForm": [attachment("<p>Said <b>so</b></p>", "text/html; charset=utf-8")]},
            "Said so",
            "",
            id="html",
        ),
        pytest.param({"presentedForm": [PDF]}, "", "a file of a type", id="pdf"),
        pytest.param(
            {"conclusion": "Said", "presentedForm": [PDF]}, "Said", "a file of a type", id="pdf-and-conclusion"
        ),
        pytest.param({"presentedForm": [attachment(url="https://x.example.org/1")]}, "", "a link only", id="link"),
        pytest.param({"presentedForm": [attachment() | {"data": "%%%"}]}, "", "damaged", id="not-base64"),
        pytest.param({"presentedForm": [attachment(" ")]}, "", "empty", id="blank-file"),
        pytest.param({"presentedForm": [attachment("", "")]}, "", "a file of a type", id="no-type"),
        pytest.param({"result": RESULT}, "diagnosis:\nFrom the result", "", id="result"),
        pytest.param(
            {"result": [{"reference": "#o2"}], "contained": [observation({}, "o2", valueString="Inside")]},
            "Inside",
            "",
            id="contained-result-without-name",
        ),
        pytest.param({"result": [{"reference": "Observation/gone"}]}, "", "not in the data", id="result-not-here"),
        pytest.param(
            {"conclusion": "Said", "result": [{"reference": "Observation/gone"}]},
            "Said",
            "not in the data",
            id="result-not-here-but-words",
        ),
        pytest.param(
            {"result": [{"reference": "Observation/gone"}]} | DIV,
            "From the narrative",
            "not in the data",
            id="narrative-for-a-result-not-here",
        ),
        pytest.param({"result": [{"reference": "Observation/void"}]}, "", "", id="withdrawn-result"),
        pytest.param({"result": [{"reference": "Observation/number"}]}, "", "", id="numeric-result"),
        pytest.param(DIV, "From the narrative", "", id="narrative"),
        pytest.param({"conclusion": "Said"} | DIV, "Said", "", id="narrative-only-without-conclusion"),
        pytest.param({"presentedForm": [PDF]} | DIV, "", "a file of a type", id="narrative-not-beside-a-form"),
        pytest.param({"content": [{"attachment": attachment("In a document")}]}, "In a document", "", id="document"),
        pytest.param({}, "", "", id="no-words"),
        pytest.param(
            {"conclusion": {"text": 1}, "result": "x", "presentedForm": ["x"], "text": "x"},
            "",
            "a file of a type",
            id="junk",
        ),
    ],
)
def test_text(resource: Json, text: str, unreadable: str) -> None:
    case = make_case(
        observation(named("Diagnosis"), valueString="From the result"),
        observation(named("Diagnosis"), "void", "entered-in-error", valueString="Wrong"),
        observation(named("Weight"), "number", valueQuantity={"value": 3}),
    )
    found = report_text(resource, case)
    assert found.text == text
    assert unreadable in found.unreadable
    assert bool(unreadable) == bool(found.unreadable)


def test_text_in_an_old_encoding_keeps_its_words() -> None:
    data = base64.b64encode("Métastases".encode("latin-1")).decode()
    assert report_text({"presentedForm": [attachment() | {"data": data}]}, make_case()).text == "Métastases"


def test_words_come_conclusion_first() -> None:
    found = {"presentedForm": [attachment("third")], "result": RESULT, "conclusion": "first"}
    case = make_case(observation(named("Second"), valueString="second"))
    assert report_text(found, case).text == "first\n\nsecond\n\nthird"


@pytest.mark.parametrize(
    ("resource", "modality"),
    [
        pytest.param(ct(), "ct", id="ct"),
        pytest.param(mri(), "mri", id="mri"),
        pytest.param(ultrasound(), "us", id="us"),
        pytest.param(report(coded(LOINC, "44139-4"), category=RAD), "pet", id="pet"),
        pytest.param(report(named("PET-CT whole body"), category=RAD), "pet", id="pet-ct-is-a-pet"),
        pytest.param(report(LOCAL, category=[coded(V2_REPORTS, "NMR")]), "mri", id="category"),
        pytest.param(report(LOCAL, category=[coded(V2_REPORTS, "RUS")]), "us", id="category-ultrasound"),
        pytest.param(report(coded(LOINC, "28614-6"), category=RAD), "us", id="code-of-an-ultrasound"),
        pytest.param(report(coded(LOINC, "30670-4"), category=[coded(V2_REPORTS, "CT")]), "mri", id="code-first"),
        pytest.param(report(named("CT abdomen"), category=RAD), "ct", id="name"),
        pytest.param(report(LOCAL, "MRI of the liver. No lesion.", category=RAD), "mri", id="first-words"),
        pytest.param(report(LOCAL, "No lesion.", category=RAD), "", id="not-told"),
    ],
)
def test_modality(resource: Json, modality: str) -> None:
    assert report_modality(resource, make_case(resource)) == modality


@pytest.mark.parametrize(
    ("resource", "region"),
    [
        pytest.param(ct(), "liver", id="ct-abdomen"),
        pytest.param(report(named("MRI lumbar spine")), "other", id="spine"),
        pytest.param(report(named("MRI abdomen")), "liver", id="abdomen-by-name"),
        *(
            pytest.param(report(named(words)), "liver", id=words)
            for words in ("CT A/P", "CT A&P", "CT C/A/P", "CTAP", "CT chest A/P", "MR A/P", "PET/MR")
        ),
        pytest.param(report(LOCAL), "unknown", id="not-told"),
    ],
)
def test_region(resource: Json, region: str) -> None:
    assert report_region(resource, make_case(resource)) == region


ACCESSION = [{"system": "https://lab.example.org", "value": "S26-1"}]
FIRST, SECOND = "2026-02-20T10:00:00Z", "2026-02-22T10:00:00Z"
FROM_S1: Json = {"specimen": [{"reference": "Specimen/s1"}]}
BASED: Json = FROM_S1 | {"basedOn": [{"reference": "ServiceRequest/b1"}]}
ACC: Json = {"identifier": ACCESSION}


@pytest.mark.parametrize(
    ("first", "second", "replaced"),
    [
        pytest.param(
            ACC | {"issued": FIRST}, ACC | {"issued": SECOND, "status": "corrected"}, 0, id="correction-by-accession"
        ),
        pytest.param(
            ACC | {"issued": SECOND, "status": "corrected"}, ACC | {"issued": FIRST}, 1, id="correction-comes-first"
        ),
        pytest.param(ACC | {"issued": FIRST}, ACC | {"status": "amended"}, 0, id="correction-without-issue-date"),
        pytest.param(ACC | {"status": "amended"}, ACC | {"issued": FIRST}, 1, id="correction-first-without-issue-date"),
        pytest.param(
            ACC | {"issued": SECOND}, ACC | {"issued": FIRST, "status": "corrected"}, 1, id="a-later-issue-wins"
        ),
        pytest.param(ACC | {"issued": FIRST}, ACC | {"issued": SECOND}, None, id="two-finals-both-stand"),
        pytest.param(ACC | {"status": "preliminary"}, ACC, 0, id="final-replaces-preliminary"),
        pytest.param(ACC, ACC | {"status": "preliminary"}, 1, id="preliminary-never-replaces-final"),
        pytest.param(ACC, ACC | {"status": "cancelled"}, None, id="another-id-withdrawn"),
        pytest.param({}, {"status": "corrected"}, None, id="nothing-shared"),
        pytest.param(
            {"identifier": [{"value": ""}]},
            {"identifier": [{"value": ""}], "status": "corrected"},
            None,
            id="empty-identifier",
        ),
        pytest.param(BASED, BASED | {"status": "corrected"}, 0, id="same-order-same-specimen"),
        pytest.param(
            BASED,
            BASED | {"status": "corrected", "specimen": [{"reference": "Specimen/s9"}]},
            None,
            id="one-order-two-specimens",
        ),
        pytest.param(FROM_S1, FROM_S1 | {"status": "corrected"}, None, id="specimen-alone-is-not-enough"),
        pytest.param({}, {"replaces": [{"reference": "DiagnosticReport/a"}]}, 0, id="says-that-it-replaces"),
        pytest.param(
            {},
            {
                "extension": [
                    {"url": "https://x.example.org/replaces", "valueReference": {"reference": "DiagnosticReport/a"}}
                ]
            },
            0,
            id="says-so-by-extension",
        ),
        pytest.param({"id": "b", "issued": FIRST}, {"issued": SECOND}, 0, id="same-id-later-issue"),
        pytest.param({"id": "b", "meta": {"versionId": "10"}}, {"meta": {"versionId": "9"}}, 1, id="same-id-version"),
        pytest.param(
            {"id": "b", "status": "corrected", "meta": {"versionId": "2"}},
            {"meta": {"versionId": "3"}},
            0,
            id="same-id-version-before-correction",
        ),
        pytest.param(
            {"replaces": [{"reference": "DiagnosticReport/b"}]},
            {"replaces": [{"reference": "DiagnosticReport/a"}]},
            None,
            id="each-says-it-replaces-the-other",
        ),
        pytest.param({"id": "b", "meta": {"versionId": "v2"}}, {}, 0, id="same-id-last-come"),
        pytest.param({"id": "b", "status": "entered-in-error"}, {"issued": SECOND}, 1, id="same-id-withdrawn"),
    ],
)
def test_versions(first: Json, second: Json, replaced: int | None) -> None:
    one, two = pathology("One", "a") | first, pathology("Two", "b") | second
    found = superseded((one, two), make_case(specimen()))
    assert set(found) == (set() if replaced is None else {replaced})
    for place, newer in found.items():
        assert newer is (two, one)[place]


def test_keys_of_one_specimen() -> None:
    case = make_case(specimen(accessionIdentifier=ACCESSION[0]))
    keys = same_keys({"resourceType": "DiagnosticReport"} | FROM_S1, case)
    assert keys == {"specimen:Specimen/s1", "identifier:https://lab.example.org|S26-1"}
    contained = {"specimen": [{"reference": "#s"}], "contained": [specimen("s")]}
    assert same_keys(contained, case) == frozenset()


# ---- pathology_findings


def only(*resources: Json) -> PathologyFinding:
    """The single finding of a record."""
    (found,) = pathology_findings(make_case(*resources))
    return found


@pytest.mark.parametrize(
    ("resource", "state", "site"),
    [
        pytest.param(pathology(ADENOCARCINOMA), "confirmed", "liver", id="confirmed"),
        pytest.param(
            pathology("Liver, core biopsy: benign hepatocytes, no malignancy."),
            "non-diagnostic",
            "liver",
            id="negative",
        ),
        pytest.param(pathology(ADENOCARCINOMA, status="preliminary"), "pending", "", id="preliminary-though-malignant"),
        pytest.param(pathology(ADENOCARCINOMA, status="entered-in-error"), "void", "", id="in-error"),
        pytest.param(pathology(ADENOCARCINOMA, status="unknown"), "uninterpretable", "", id="status-unknown"),
        pytest.param(pathology(ADENOCARCINOMA, date=days_ago(-7)), "future", "", id="future"),
        pytest.param(
            pathology(ADENOCARCINOMA, date=days_ago(-7), status="registered"), "void", "", id="future-pending"
        ),
        pytest.param(pathology(ADENOCARCINOMA, date="2026-03-03"), "confirmed", "liver", id="within-a-day-ahead"),
        pytest.param(pathology(presentedForm=[PDF]), "unreadable", "", id="pdf"),
        pytest.param(pathology(), "unreadable", "", id="no-words"),
        pytest.param(document(coded(LOINC, "11526-1")), "unreadable", "", id="document"),
        pytest.param(document(coded(LOINC, "11526-1"), docStatus="preliminary"), "pending", "", id="document-pending"),
        pytest.param(document(coded(LOINC, "11526-1"), status="superseded"), "void", "", id="document-superseded"),
        pytest.param(pathology(conclusionCode=[coded(SNOMED, "1187332001")]), "confirmed", "", id="coded"),
        pytest.param(pathology(conclusionCode=[coded(ICD, "C78.7")]), "confirmed", "liver", id="coded-liver"),
        pytest.param(pathology(conclusionCode=[coded(ICD, "C25.4")]), "excluded-histology", "", id="coded-endocrine"),
        pytest.param(pathology(conclusionCode=[coded(ICD, "C18.9")]), "other-primary", "", id="coded-colon"),
        pytest.param(
            pathology(conclusionCode=[coded(SNOMED, "108369006")]), "unreadable", "", id="coded-neoplasm-only"
        ),
        pytest.param(pathology(conclusionCode=[named("Adenocarcinoma")]), "confirmed", "", id="conclusion-in-words"),
        pytest.param(
            observation(coded(LOINC, "22637-3"), valueString=ADENOCARCINOMA), "confirmed", "liver", id="observation"
        ),
        pytest.param(
            observation(coded(LOINC, "31206-6"), valueString=ADENOCARCINOMA), "confirmed", "liver", id="mcode-in-words"
        ),
        pytest.param(
            observation(named("Histology"), valueCodeableConcept=coded(SNOMED, "35917007")),
            "confirmed",
            "",
            id="observation-by-value",
        ),
        pytest.param(
            observation(
                coded(LOINC, "31206-6"),
                valueCodeableConcept=coded(SNOMED, "35917007"),
                bodySite=coded(SNOMED, "15776009"),
            ),
            "confirmed",
            "pancreas",
            id="mcode-histology",
        ),
    ],
)
def test_one_finding(resource: Json, state: str, site: str) -> None:
    found = only(resource)
    assert (found.state, found.site) == (state, site)


@pytest.mark.parametrize(
    ("code", "text", "states"),
    [
        pytest.param("1187332001", ADENOCARCINOMA, ["confirmed"], id="agree"),
        pytest.param("1187332001", "See attached.", ["confirmed"], id="words-say-nothing"),
        pytest.param("1187332001", "Liver, biopsy: no malignancy.", ["confirmed", "non-diagnostic"], id="words-deny"),
        pytest.param(
            "1187332001",
            "Liver, biopsy: metastatic colorectal adenocarcinoma.",
            ["other-primary"],
            id="words-say-whose",
        ),
        pytest.param(
            "1187332001",
            "Liver, biopsy: well differentiated neuroendocrine tumour.",
            ["uninterpretable"],
            id="two-histologies",
        ),
        pytest.param(
            "1240414004",
            "Liver, biopsy: well differentiated neuroendocrine tumour.",
            ["excluded-histology"],
            id="words-say-which",
        ),
        pytest.param(
            "363418001", "Liver, biopsy: metastatic colorectal adenocarcinoma.", ["uninterpretable"], id="two-primaries"
        ),
        pytest.param("363406005", "Liver, biopsy: adenocarcinoma.", ["other-primary"], id="code-says-whose"),
        pytest.param("363406005", "Liver, biopsy: no malignancy.", ["uninterpretable"], id="other-primary-denied"),
    ],
)
def test_code_against_words(code: str, text: str, states: list[str]) -> None:
    found = pathology_findings(make_case(pathology(text, conclusionCode=[coded(SNOMED, code)])))
    assert [item.state for item in found] == states
    assert len(found) == 1 or found[0].specimen_keys & found[1].specimen_keys


def test_code_of_a_result_counts_as_the_reports() -> None:
    result = observation(coded(LOINC, "31206-6"), valueCodeableConcept=coded(SNOMED, "35917007"))
    found = only(pathology(result=[{"reference": "Observation/o1"}]), result)
    assert (found.kind, found.state, found.source) == ("report", "confirmed", "coded")


def tissue_of(place: Json) -> Json:
    return {
        "resourceType": "Specimen",
        "id": "s1",
        "type": coded(SNOMED, "119376003", "Tissue specimen"),
        "collection": {"bodySite": place},
    }


TISSUE_OF_THE_LIVER = tissue_of(named("Liver"))
TISSUE_OF_AN_UNKNOWN_PLACE = tissue_of(named("Toe"))


@pytest.mark.parametrize(
    ("specimens", "text", "site"),
    [
        pytest.param([specimen()], "Adenocarcinoma.", "liver", id="coded-specimen"),
        pytest.param(
            [specimen(code="258415003", collection={"bodySite": coded(SNOMED, "15776009")})],
            "Adenocarcinoma.",
            "pancreas",
            id="collection-site",
        ),
        pytest.param(
            [specimen(), specimen("s2", collection={"bodySite": coded(SNOMED, "15776009")})],
            ADENOCARCINOMA,
            "liver",
            id="two-sites-the-words-decide",
        ),
        pytest.param(
            [{"resourceType": "Specimen", "id": "s1", "type": named("Lymph node biopsy")}],
            "Adenocarcinoma.",
            "node",
            id="site-by-name",
        ),
        pytest.param([], "Adenocarcinoma.", "", id="not-told"),
        pytest.param([TISSUE_OF_THE_LIVER], "Adenocarcinoma.", "liver", id="tissue-by-code-liver-by-words"),
        pytest.param([TISSUE_OF_AN_UNKNOWN_PLACE], "Adenocarcinoma.", "other", id="unknown-place"),
        pytest.param([TISSUE_OF_AN_UNKNOWN_PLACE], ADENOCARCINOMA, "liver", id="unknown-place-the-words-decide"),
        pytest.param(
            [specimen(code="258415003", collection={"bodySite": coded(SNOMED, "818981001")})],
            "Adenocarcinoma.",
            "",
            id="abdomen-leaves-it-open",
        ),
        pytest.param(
            [specimen(), specimen("s2", collection={"bodySite": named("Prostate")})],
            "Adenocarcinoma.",
            "",
            id="two-sites-nothing-decides",
        ),
        pytest.param(
            [{"resourceType": "Specimen", "id": "s1", "type": named("Prostate")}],
            "Adenocarcinoma.",
            "other",
            id="other",
        ),
    ],
)
def test_site(specimens: list[Json], text: str, site: str) -> None:
    links = [{"reference": f"Specimen/{item['id']}"} for item in specimens]
    assert only(pathology(text, specimen=links), *specimens).site == site


@pytest.mark.parametrize(
    ("more", "site"),
    [
        pytest.param({"code": named("Surgical pathology - colon")}, "other", id="title"),
        pytest.param({"code": named("Liver biopsy pathology")}, "liver", id="title-liver"),
        pytest.param(
            {"code": named("Surgical pathology - colon"), "conclusion": ADENOCARCINOMA},
            "liver",
            id="words-before-title",
        ),
        pytest.param({"bodySite": [named("Liver")], "status": "preliminary"}, "liver", id="not-final"),
        pytest.param(
            {"bodySite": [named("Toe")], "conclusionCode": [coded(ICD, "C78.7")]}, "liver", id="code-of-liver"
        ),
    ],
)
def test_site_without_specimen(more: Json, site: str) -> None:
    assert only(pathology("Adenocarcinoma.") | more).site == site


ADENOCARCINOMA_CODE = coded(SNOMED, "35917007")


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        pytest.param({}, False, id="any-code"),
        pytest.param({"category": [coded(V2_REPORTS, "SP")]}, True, id="filed-as-pathology"),
        pytest.param({"category": [named("Pathology")]}, True, id="filed-by-name"),
        pytest.param({"specimen": {"reference": "Specimen/s1"}}, True, id="of-a-specimen"),
        pytest.param({"code": named("Histology")}, True, id="named"),
        pytest.param({"code": coded(LOINC, "22637-3")}, True, id="coded"),
    ],
)
def test_a_lone_morphology_must_come_from_pathology(more: Json, counts: bool) -> None:
    item = observation(coded(LOINC, "11323-3", "Health status"), valueCodeableConcept=ADENOCARCINOMA_CODE) | more
    assert bool(pathology_findings(make_case(item))) is counts


@pytest.mark.parametrize(
    ("specimens", "blood"),
    [
        pytest.param(["Plasma"], True, id="plasma"),
        pytest.param(["Plasma", "Liver biopsy"], False, id="tissue-beside-it"),
        pytest.param([], False, id="none"),
    ],
)
def test_blood_by_specimen(specimens: list[str], blood: bool) -> None:
    found = only(pathology("Pancreatic adenocarcinoma.", specimen=[{"display": name} for name in specimens]))
    assert found.blood is blood


def test_an_older_version_is_void_and_names_the_newer() -> None:
    older = pathology(ADENOCARCINOMA, "a", issued=FIRST, **ACC)
    newer = pathology("Liver, core biopsy: no malignancy.", "b", issued=SECOND, status="corrected", **ACC)
    found = {item.reference: item for item in pathology_findings(make_case(older, newer))}
    assert found["DiagnosticReport/a"].state == "void"
    assert "DiagnosticReport/b" in found["DiagnosticReport/a"].why
    assert found["DiagnosticReport/b"].state == "non-diagnostic"


def test_what_cannot_be_read_says_why() -> None:
    assert "a type that is not read" in only(pathology(presentedForm=[PDF])).why
    assert only(pathology()).why == "it holds no words"
    assert "a type that is not read" in only(pathology("See attached.", presentedForm=[PDF])).why


def test_blood_and_molecular_are_marked() -> None:
    found = only(
        report(named("ctDNA panel"), "Plasma: KRAS G12D mutation detected.", category=[coded(V2_REPORTS, "GE")])
    )
    assert found.molecular
    assert found.blood
    assert found.state != "confirmed"


def test_a_finding_keeps_the_words_it_rests_on() -> None:
    found = only(pathology(ADENOCARCINOMA))
    assert "adenocarcinoma" in found.quote
    assert (found.source, found.title, found.status) == ("from-text", "11526-1", "final")


def test_a_report_too_long_to_read_says_so() -> None:
    found = only(pathology("word " * 60_000))
    assert (found.state, found.why) == ("uninterpretable", "longer than is read")


HISTORY = ("Pathology report relevant history Narrative", "Pancreatic adenocarcinoma.")
GROSS = ("Pathology report gross observation Narrative", "Three cores with adenocarcinoma marked in ink.")
MICROSCOPIC = ("Pathology report microscopic observation Narrative", "Glands of adenocarcinoma.")
POSITIVE = ("Pathology report final diagnosis Narrative", ADENOCARCINOMA)
NEGATIVE = ("Pathology report final diagnosis Narrative", "Liver, core biopsy: no malignancy identified.")


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        pytest.param([POSITIVE], "confirmed", id="diagnosis"),
        pytest.param([NEGATIVE], "non-diagnostic", id="negative-diagnosis"),
        pytest.param([HISTORY, NEGATIVE], "non-diagnostic", id="history-is-no-finding"),
        pytest.param([NEGATIVE, HISTORY], "non-diagnostic", id="history-after-it"),
        pytest.param([HISTORY, GROSS], "unreadable", id="history-and-gross-only"),
        pytest.param([MICROSCOPIC, NEGATIVE], "non-diagnostic", id="diagnosis-beats-microscopy"),
        pytest.param([GROSS, POSITIVE], "confirmed", id="gross-before-it"),
    ],
)
def test_a_report_made_of_results(parts: list[tuple[str, str]], state: str) -> None:
    """Decision 23: histories, requests and gross descriptions are no findings; the diagnosis beats the rest."""
    results = [
        observation(coded(LOINC, f"x{place}", title), f"o{place}", valueString=text)
        for place, (title, text) in enumerate(parts)
    ]
    links = [{"reference": f"Observation/{item['id']}"} for item in results]
    assert only(pathology(result=links), *results).state == state


def test_a_lone_gross_observation_is_no_finding() -> None:
    for code in (coded(LOINC, "24419-4", "Pathology report gross observation"), coded(LOINC, "24419-4")):
        assert pathology_findings(make_case(observation(code, valueString="Three tan cores."))) == ()


def test_images_are_no_pathology() -> None:
    assert pathology_findings(make_case(ct("Liver metastases."), report(coded(DICOM, "CT"), "Liver metastases."))) == ()
