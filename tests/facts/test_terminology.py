"""Terminology: which value sets a coding belongs to, in every spelling that clients send."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.facts.terminology import CodeSystem, LocalCode, Terminology, load_systems, load_terminology
from cds_service.fhir.shapes import read_concept

DIRECTORY = find_cards() / "value-sets"
SETS = sorted(DIRECTORY.glob("*.json"))
SYSTEMS = load_systems(DIRECTORY / "code-systems.yaml")

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ATC = "http://www.whocc.no/atc"
V2_0074 = "http://terminology.hl7.org/CodeSystem/v2-0074"


@pytest.fixture(scope="module")
def terms() -> Terminology:
    return load_terminology(DIRECTORY)


def members() -> Iterator[tuple[str, str, str, str]]:
    """Every (set, system, code, display) of the value set files; a category has the display "category"."""
    for path in SETS:
        compose = json.loads(path.read_text(encoding="utf-8"))["compose"]
        for part in (*compose["include"], *compose.get("exclude", ())):
            for member in part.get("concept", ()):
                yield path.stem, part["system"], member["code"], member.get("display", "")
            for rule in part.get("filter", ()):
                yield path.stem, part["system"], rule["value"], "category"


BELONGS = [
    # ICD-10-CM: a category covers what is below it, dots and case do not matter.
    (ICD, "C25.9", {"cond.pancreas_primary"}),
    (ICD, "C259", {"cond.pancreas_primary"}),
    (ICD, " c25.9 ", {"cond.pancreas_primary"}),
    (ICD, "C25", {"cond.pancreas_primary"}),
    (ICD, "C25.4", {"cond.pancreas_neuroendocrine"}),
    (ICD, "C254", {"cond.pancreas_neuroendocrine"}),
    (ICD, "C2", set()),
    (ICD, "", set()),
    (ICD, "C7A.012", {"cond.pancreas_neuroendocrine"}),
    (ICD, "C7A.8", {"cond.pancreas_neuroendocrine"}),
    (ICD, "D3A.8", {"cond.pancreas_neuroendocrine"}),
    (ICD, "C7B.02", {"cond.pancreas_neuroendocrine"}),
    (ICD, "C7B.1", set()),
    (ICD, "C78.7", {"cond.liver_metastasis"}),
    (ICD, "C22.9", {"cond.liver_malignancy_ambiguous"}),
    (ICD, "C22.0", {"cond.liver_malignancy_ambiguous", "cond.hepatocellular_carcinoma", "cond.other_malignancy"}),
    (ICD, "C78.89", {"cond.other_metastasis"}),
    (ICD, "R16.0", {"cond.liver_lesion_indeterminate"}),
    (ICD, "C64.9", {"cond.other_primary_to_pancreas", "cond.other_malignancy"}),
    (ICD, "C34.11", {"cond.other_primary_to_pancreas", "cond.other_malignancy"}),
    (ICD, "C20", {"cond.other_primary_to_pancreas", "cond.other_malignancy"}),
    (ICD, "Z85.3", {"cond.history_other_primary"}),
    (ICD, "Z85.05", {"cond.history_other_primary"}),
    (ICD, "Z85.07", {"cond.history_pancreas_primary"}),
    (ICD, "D01.7", set()),
    (ICD, "D13.6", set()),
    (ICD, "C24.1", set()),
    (ICD, "D68.51", set()),
    (ICD, "D68.32", {"cond.coagulopathy"}),
    (ICD, "Z51.12", set()),
    # SNOMED CT: exact codes, as strings.
    (SNOMED, "363418001", {"cond.pancreas_primary"}),
    (SNOMED, "254611009", {"cond.pancreas_neuroendocrine"}),
    (SNOMED, "782697005", {"cond.excluded_histology"}),
    (SNOMED, "783771003", {"cond.pancreas_primary"}),
    (SNOMED, "94459006", {"cond.pancreas_secondary"}),
    (SNOMED, "94381002", {"cond.liver_metastasis"}),
    (SNOMED, "314999005", {"cond.metastasis_from_pancreas"}),
    (SNOMED, "1098951000119108", {"cond.history_of_liver_metastasis"}),
    (SNOMED, "73761000119105", {"cond.history_pancreas_primary"}),
    (SNOMED, "1287652008", {"cond.history_of_metastatic_cancer"}),
    (SNOMED, "429050006", {"cond.history_skin_cancer_unspecified"}),
    (SNOMED, "461391000124102", {"regimen", "regimen.folfox"}),
    (SNOMED, "461391000124100", set()),
    (SNOMED, "461391000124103", set()),
    (SNOMED, "4613910001241020", set()),
    (SNOMED, "36341800", set()),
    (SNOMED, "119383005", {"path.specimen", "path.specimen_liver", "site.liver"}),
    (SNOMED, "119379005", set()),
    (SNOMED, "168139001", {"path.specimen", "path.specimen_peritoneum", "site.peritoneum"}),
    (SNOMED, "10200004", {"site.liver"}),
    (SNOMED, "303270005", {"site.abdomen"}),
    (SNOMED, "418714002", set()),
    (SNOMED, "77477000", {"img.modality", "img.modality_ct"}),
    (SNOMED, "9408008", set()),
    (SNOMED, "440500007", set()),
    (SNOMED, "372087000", set()),
    (SNOMED, "714797009", {"path.procedure", "mcode.evidence_tissue"}),
    (SNOMED, "363679005", {"mcode.evidence_not_tissue", "img.modality"}),
    (SNOMED, "108369006", {"path.morphology_neoplasm"}),
    (SNOMED, "35917007", {"path.morphology", "path.morphology_adenocarcinoma"}),
    (SNOMED, "373808002", {"intent.curative"}),
    (SNOMED, "363676003", {"intent.palliative"}),
    (SNOMED, "86259008", {"proc.liver_biopsy"}),
    (SNOMED, "277591006", {"proc.image_guided_biopsy_generic", "guidance.ct"}),
    # LOINC
    (LOINC, "24816-1", {"proc.liver_biopsy", "proc.liver_biopsy_guidance_us", "guidance.us"}),
    (LOINC, "24812-0", {"proc.liver_biopsy", "proc.liver_biopsy_guidance_ct", "guidance.ct"}),
    (LOINC, "69197-2", {"proc.liver_biopsy", "proc.liver_biopsy_guidance_mri", "guidance.mri"}),
    (LOINC, "35900-0", {"proc.liver_biopsy", "proc.liver_biopsy_guidance_fluoro", "guidance.fluoro"}),
    (LOINC, "37913-1", {"proc.image_guided_biopsy_generic", "guidance.us"}),
    (LOINC, "60568-3", {"path.report"}),
    (LOINC, "36046-1", {"img.mri_abdomen_liver"}),
    (LOINC, "36231-9", {"img.mri_abdomen_liver", "mri.contrast_or_diffusion"}),
    (LOINC, "98979-8", {"lab.egfr"}),
    (LOINC, "2160-0", {"lab.creatinine"}),
    (LOINC, "6301-6", {"lab.inr"}),
    (LOINC, "5902-2", {"lab.prothrombin_time"}),
    (LOINC, "2009-9", {"lab.ca19_9_not_in_blood"}),
    # Procedures: the last character tells biopsy from resection.
    (PCS, "0FB03ZX", {"proc.liver_biopsy"}),
    (PCS, "0FB03ZZ", {"proc.liver_resection"}),
    (PCS, "3E03305", {"chemo_administration"}),
    (PCS, "3E0A3MZ", set()),
    (PCS, "3E0P3MZ", set()),
    # Drugs
    (RXNORM, "12574", {"drug.gemcitabine"}),
    (RXNORM, "4492", {"drug.fluorouracil"}),
    (RXNORM, "239177", {"drug.fluorouracil", "drug.fluorouracil_injectable"}),
    (RXNORM, "6313", {"drug.leucovorin"}),
    (RXNORM, "877015", {"drug.leucovorin"}),
    (RXNORM, "583214", {"drug.paclitaxel"}),
    (HCPCS, "J9264", {"drug.nab_paclitaxel"}),
    (HCPCS, "j9205", {"drug.irinotecan_liposomal"}),
    (HCPCS, "J7315", set()),
    (ATC, "L01CE02", {"drug.irinotecan", "drug.class"}),
    (ATC, "L01XX19", {"drug.irinotecan", "drug.class"}),
    (ATC, "V03AF03", {"drug.leucovorin"}),
    (ATC, "L02BG04", set()),
    # HL7 v2 report sections: PAT is not surgical pathology, CP is cytopathology.
    (V2_0074, "SP", {"path.category"}),
    (V2_0074, "PAT", {"path.category"}),
    (V2_0074, "CP", {"path.category"}),
    (V2_0074, "LAB", {"lab.category"}),
    (V2_0074, "NMR", {"rad.category", "img.modality_mri"}),
    (V2_0074, "GE", {"genetics.category"}),
    (V2_0074, "sp", set()),
    # Another system, or none.
    ("http://hl7.org/fhir/sid/icd-9-cm", "C25.9", set()),
    ("", "C25.9", set()),
    ("", "363418001", set()),
    (LOINC, "363418001", set()),
]


@pytest.mark.parametrize(("system", "code", "names"), BELONGS, ids=[f"{s.rsplit('/')[-1]}-{c}" for s, c, _ in BELONGS])
def test_code_belongs_to(terms: Terminology, system: str, code: str, names: set[str]) -> None:
    assert terms.concepts_of_code(system, code) == names


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.key)
def test_every_spelling_of_a_system_is_recognised(terms: Terminology, system: CodeSystem) -> None:
    code = next(code for _, uri, code, _ in members() if uri == system.uris[0])
    expected = terms.concepts_of_code(system.uris[0], code)
    assert expected
    for uri in system.uris:
        assert terms.concepts_of_code(uri, code) == expected
        assert terms.concepts_of_code(f"  {uri}|2025-01  ", code) == expected


@pytest.mark.parametrize(
    ("oid", "code"),
    [
        ("urn:oid:2.16.840.1.113883.6.96", "94381002"),
        ("urn:oid:2.16.840.1.113883.6.1", "11529-5"),
        ("urn:oid:2.16.840.1.113883.6.88", "12574"),
        ("urn:oid:2.16.840.1.113883.6.90", "C78.7"),
        ("urn:oid:2.16.840.1.113883.6.4", "0FB03ZX"),
        ("urn:oid:2.16.840.1.113883.6.285", "J9201"),
    ],
)
def test_oid_stands_for_its_system(terms: Terminology, oid: str, code: str) -> None:
    assert terms.concepts_of_code(oid, code)


def test_concept_belongs_to_the_sets_of_all_its_codings_but_not_of_its_text(terms: Terminology) -> None:
    concept = read_concept(
        {
            "coding": [
                {"system": ICD, "code": "C25.0"},
                {"system": f"{SNOMED}|http://snomed.info/sct/731000124108", "code": "94381002"},
                {"code": "C64"},
                {"system": ICD, "display": "Malignant neoplasm of kidney"},
            ],
            "text": "Malignant neoplasm of breast",
        }
    )
    assert terms.concepts(concept) == {"cond.pancreas_primary", "part.pancreas_head", "cond.liver_metastasis"}
    assert terms.concepts(read_concept({"text": "Pancreatic cancer"})) == frozenset()


@pytest.mark.parametrize(
    ("system", "code", "display"),
    [
        (ICD, "c259", "Malignant neoplasm of pancreas, unspecified"),
        ("urn:oid:2.16.840.1.113883.6.96", "94381002", "Secondary malignant neoplasm of liver (disorder)"),
        (SNOMED, "255088001", ""),
        (LOINC, "LA9622-7", ""),
        (LOINC, "0-0", ""),
        ("http://example.org/local", "94381002", ""),
    ],
    ids=["icd", "snomed-gps", "snomed-not-free", "ecog-grade", "unknown-code", "unknown-system"],
)
def test_display_is_ours_or_empty(terms: Terminology, system: str, code: str, display: str) -> None:
    assert terms.display(system, code) == display


# ---- Codes of a site


def test_a_code_of_a_site_belongs_under_every_spelling_of_its_system(terms: Terminology) -> None:
    extended = terms.extended(
        [
            LocalCode("proc.liver_biopsy", "urn:oid:1.2.3", "A.1"),
            LocalCode("guidance.ct", "urn:oid:1.2.3", "A.1"),
            LocalCode("proc.liver_biopsy", "https://x.example.org/codes", "B"),
            LocalCode("cond.pancreas_primary", "urn:oid:2.16.840.1.113883.6.90", "q99.9"),
        ]
    )
    for system in ("urn:oid:1.2.3", "1.2.3", " urn:oid:1.2.3|v1 "):
        assert extended.concepts_of_code(system, "A.1") == {"proc.liver_biopsy", "guidance.ct"}
        assert extended.concepts_of_code(system, "a1") == frozenset()
    assert extended.concepts_of_code("https://x.example.org/codes", "B") == {"proc.liver_biopsy"}
    assert extended.concepts_of_code(ICD, "Q999") == {"cond.pancreas_primary"}
    assert extended.concepts_of_code(ICD, "C25.9") == terms.concepts_of_code(ICD, "C25.9")
    assert extended.display(ICD, "C25.9") == terms.display(ICD, "C25.9")
    assert extended.display("urn:oid:1.2.3", "A.1") == ""
    assert terms.concepts_of_code("urn:oid:1.2.3", "A.1") == frozenset()
    assert terms.concepts_of_code(ICD, "Q999") == frozenset()


def test_a_code_of_a_site_in_a_system_that_shares_codes_stays_in_that_system(terms: Terminology) -> None:
    """WHO ICD-10 is another system than ICD-10-CM: its codes mean the same only where we say so."""
    who = ("http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3")
    extended = terms.extended([LocalCode("cond.other_malignancy", who[0], "Q99.9")])
    for system in who:
        assert extended.concepts_of_code(system, "q999") == {"cond.other_malignancy"}
        assert extended.concepts_of_code(system, "C25.9") == terms.concepts_of_code(ICD, "C25.9")
        assert extended.concepts_of_code(system, "C25.4") == terms.concepts_of_code(system, "C25.4")
    assert extended.concepts_of_code(ICD, "Q99.9") == terms.concepts_of_code(ICD, "Q99.9")


def test_systems_are_known_by_every_spelling_and_by_a_short_name(terms: Terminology) -> None:
    known = terms.system("urn:oid:2.16.840.1.113883.6.96")
    assert known is not None
    assert known.key == "snomed"
    assert terms.system("urn:oid:1.2.3") is None
    assert terms.systems()[SNOMED].name == "SNOMED CT"
    assert terms.short_names()["icd-10-cm"] == ICD


def test_names_are_the_files(terms: Terminology) -> None:
    assert terms.names == {path.stem for path in SETS}


# ---- Wrong content is refused, with the file and what to mend


def write(directory: Path, systems: str = "", value_set: Any = None) -> Path:
    (directory / "code-systems.yaml").write_text(systems or SYSTEM, encoding="utf-8")
    if value_set is not None:
        (directory / "cond.x.json").write_text(json.dumps(value_set), encoding="utf-8")
    return directory


SYSTEM = """\
icd:
  name: "ICD"
  uri: "urn:icd"
  compare: "letters"
  hierarchy: "prefix"
  displays: "all"
  copyright: "none"
flat:
  name: "Flat"
  uri: "urn:flat"
  also: ["urn:flat:old"]
  compare: "exact"
  hierarchy: "none"
  displays: "all"
  copyright: "none"
"""


def is_a(value: Any, system: str = "urn:icd", **other: str) -> dict[str, Any]:
    rule = {"property": "concept", "op": "is-a", "value": value, **other}
    return {"resourceType": "ValueSet", "compose": {"include": [{"system": system, "filter": [rule]}]}}


def listed(**part: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "compose": {"include": [{"system": "urn:flat", **part}]}}


@pytest.mark.parametrize(
    ("value_set", "problem"),
    [
        ([], "must be a mapping"),
        ({"resourceType": "CodeSystem"}, "not a FHIR ValueSet"),
        ({"resourceType": "ValueSet"}, "must be a mapping"),
        ({"resourceType": "ValueSet", "compose": {"include": {}}}, "include must be a list"),
        ({"resourceType": "ValueSet", "compose": {"include": ["C25"]}}, "must be a mapping"),
        ({"resourceType": "ValueSet", "compose": {"include": [{}]}}, "system must be a text"),
        (listed(system="urn:other"), "urn:other is not in code-systems.yaml"),
        (listed(concept=[{"code": 461391000124102}]), "code must be a text"),
        (listed(concept=[{"code": "1", "display": ""}]), "display must be a text"),
        (is_a("C25", op="regex"), "only the filter concept is-a"),
        (is_a("C25", property="parent"), "only the filter concept is-a"),
        (is_a("C25", system="urn:flat"), "in a system with prefixes"),
        (is_a(25), "value must be a text"),
    ],
)
def test_wrong_value_set_is_refused(tmp_path: Path, value_set: Any, problem: str) -> None:
    with pytest.raises(ContentError, match=re.escape(problem)) as caught:
        load_terminology(write(tmp_path, value_set=value_set))
    assert caught.value.where.endswith("cond.x.json")


@pytest.mark.parametrize(
    ("systems", "problem", "line"),
    [
        ("[]", "must be a mapping", ""),
        ('icd: "urn:icd"', "must be a mapping", ":1"),
        (SYSTEM.replace('  name: "Flat"\n', ""), "name must be a text", ":9"),
        (SYSTEM.replace('"exact"', '"loosely"'), "compare must be one of exact, letters", ":9"),
        (SYSTEM.replace('["urn:flat:old"]', '"urn:flat:old"'), "also must be a list of texts", ":9"),
        (SYSTEM.replace('["urn:flat:old"]', "[1]"), "also must be a list of texts", ":9"),
        (SYSTEM.replace("urn:flat:old", "urn:icd"), "urn:icd stands under icd as well", ":9"),
    ],
)
def test_wrong_code_systems_are_refused(tmp_path: Path, systems: str, problem: str, line: str) -> None:
    with pytest.raises(ContentError, match=re.escape(problem)) as caught:
        load_terminology(write(tmp_path, systems, listed(concept=[{"code": "1"}])))
    assert caught.value.where.endswith(f"code-systems.yaml{line}")


def test_directory_without_value_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="holds no value sets"):
        load_terminology(write(tmp_path))


def test_carved_category_wins_over_a_listed_code(tmp_path: Path) -> None:
    value_set = is_a("C25")
    value_set["compose"]["include"].append({"system": "urn:icd", "concept": [{"code": "C25.4"}]})
    value_set["compose"]["exclude"] = is_a("C25.4")["compose"]["include"]
    terms = load_terminology(write(tmp_path, value_set=value_set))
    assert terms.concepts_of_code("urn:icd", "C25.3") == {"cond.x"}
    assert terms.concepts_of_code("urn:icd", "C25.4") == frozenset()
    assert terms.concepts_of_code("urn:icd", "C25.41") == frozenset()


@pytest.mark.parametrize(
    "uri", ["http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3", "http://hl7.org/fhir/sid/icd-10|2019"]
)
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("C25.0", {"cond.pancreas_primary", "part.pancreas_head"}),
        ("c259", {"cond.pancreas_primary"}),
        ("C25.4", {"cond.pancreas_neuroendocrine"}),
        ("C78.7", {"cond.liver_metastasis"}),
        ("C25.5", set()),
        ("C34.9", set()),
    ],
)
def test_the_codes_that_icd_10_of_the_who_shares(terms: Terminology, uri: str, code: str, expected: set[str]) -> None:
    assert terms.concepts_of_code(uri, code) == expected


def test_the_display_of_a_shared_code(terms: Terminology) -> None:
    assert terms.display("http://hl7.org/fhir/sid/icd-10", "C78.7").startswith("Secondary malignant neoplasm of liver")


def test_memory_of_codes_is_bounded(terms: Terminology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.facts.terminology.MOST_REMEMBERED", 0)
    assert terms.concepts_of_code("http://snomed.info/sct", "not remembered") == frozenset()
    assert terms.concepts_of_code("http://snomed.info/sct", "94381002") == {"cond.liver_metastasis"}
