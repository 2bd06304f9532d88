from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.reading import Lexicon
from cds_service.reading.names import MAX_NAME, load_names


@pytest.mark.parametrize(
    ("text", "named", "not_named"),
    [
        pytest.param(
            "Malignant neoplasm of head of pancreas", "cond.pancreas_primary", "cond.liver_metastasis", id="pdac"
        ),
        pytest.param(
            "Pancreatic ca with liver mets", "cond.liver_metastasis cond.pancreas_primary", "", id="short-forms"
        ),
        pytest.param("Family history of pancreatic cancer", "", "cond.pancreas_primary", id="family"),
        pytest.param("Rule out pancreatic cancer", "", "cond.pancreas_primary", id="rule-out"),
        pytest.param(
            "Adenocarcinoma of pancreas, history of colon cancer",
            "cond.pancreas_primary cond.history_other_primary cancer.colorectal",
            "",
            id="history-of-another-does-not-block",
        ),
        pytest.param(
            "Pancreatic cancer; family history of breast cancer", "cond.pancreas_primary", "cancer.breast", id="clauses"
        ),
        pytest.param(
            "Neuroendocrine tumour of pancreas", "cond.pancreas_neuroendocrine", "cond.pancreas_primary", id="net"
        ),
        pytest.param(
            "Secondary malignant neoplasm of pancreas", "", "cond.pancreas_primary", id="secondary-of-pancreas"
        ),
        pytest.param("Chronic pancreatitis", "", "cond.pancreas_primary", id="pancreatitis"),
        pytest.param(
            "Secondary malignant neoplasm of liver", "cond.liver_metastasis", "cancer.liver", id="liver-secondary"
        ),
        pytest.param("Renal cell carcinoma", "cond.other_primary_to_pancreas cancer.kidney", "", id="kidney"),
        pytest.param(
            "History of breast cancer", "cond.history_other_primary", "cond.other_primary_to_pancreas", id="history"
        ),
        pytest.param("Basal cell carcinoma of skin", "cancer.skin_minor", "cancer.melanoma", id="minor-skin"),
        pytest.param("Paclitaxel protein-bound 100 mg", "drug.nab_paclitaxel", "drug.paclitaxel", id="nab-paclitaxel"),
        pytest.param("paclitaxel 6 mg/mL", "drug.paclitaxel", "drug.nab_paclitaxel", id="paclitaxel"),
        pytest.param("Irinotecan liposomal (Onivyde)", "drug.irinotecan_liposomal", "drug.irinotecan", id="liposomal"),
        pytest.param("5-FU 400 mg/m2 IV bolus", "drug.fluorouracil route.iv", "route.topical", id="fluorouracil"),
        pytest.param("Fluorouracil 5 % cream", "drug.fluorouracil route.topical", "route.iv", id="cream"),
        pytest.param("Mitomycin intravesical", "drug.mitomycin route.intravesical", "", id="intravesical"),
        pytest.param("mFOLFIRINOX cycle 1", "regimen", "", id="regimen"),
        pytest.param("Teysuno 20 mg capsule", "drug.tegafur_S1 route.oral", "", id="brand"),
        pytest.param(
            "US guided core biopsy liver", "proc.liver_biopsy guidance.us site.liver", "guidance.ct", id="us-biopsy"
        ),
        pytest.param(
            "Biopsy of lesion of left lobe of liver using CT", "proc.liver_biopsy guidance.ct", "", id="ct-biopsy"
        ),
        pytest.param("CEUS-guided liver biopsy", "proc.liver_biopsy guidance.ceus", "guidance.us", id="ceus"),
        pytest.param("Sono-guided liver biopsy", "proc.liver_biopsy guidance.us", "guidance.eus", id="sono"),
        pytest.param("Echo-guided biopsy of liver", "proc.liver_biopsy guidance.us", "guidance.eus", id="echo"),
        pytest.param("Wedge resection of liver planned", "plan.resection proc.liver_resection", "", id="wedge"),
        pytest.param(
            "FOLFIRINOX, then Whipple", "plan.neoadjuvant plan.resection regimen", "plan.adjuvant", id="then-whipple"
        ),
        pytest.param("Neo-adjuvant chemotherapy", "plan.neoadjuvant", "plan.adjuvant", id="neoadjuvant"),
        pytest.param("EUS FNA pancreas", "proc.pancreas_biopsy guidance.eus", "guidance.us", id="eus"),
        pytest.param("Biopsy-proven cancer of pancreas", "tissue.declared", "proc.pancreas_biopsy", id="declared"),
        pytest.param("Not biopsy-proven", "", "tissue.declared", id="not-declared"),
        pytest.param("CT abdomen and pelvis with contrast", "img.ct_abdomen", "img.mri_abdomen_liver", id="ct"),
        pytest.param("CT guided drainage abdomen", "", "img.ct_abdomen", id="ct-drainage"),
        pytest.param(
            "MRI liver with and without contrast", "img.mri_abdomen_liver mri.contrast_or_diffusion", "", id="mri"
        ),
        pytest.param("MRI abdomen, unenhanced", "img.mri_abdomen_liver", "mri.contrast_or_diffusion", id="plain-mri"),
        pytest.param("MRI lumbar spine", "img.mri_other_region", "img.mri_abdomen_liver", id="spine"),
        pytest.param("MRCP", "img.mri_pancreas_mrcp", "img.mri_other_region", id="mrcp"),
        pytest.param("Ultrasound of abdomen", "img.us_abdomen_liver", "guidance.us", id="us"),
        pytest.param("PET/CT skull base to thigh", "img.pet", "", id="pet"),
        pytest.param("Surgical pathology report", "path.report", "path.molecular", id="pathology"),
        pytest.param("Speech pathology", "", "path.report", id="speech-pathology"),
        pytest.param("Next generation sequencing", "path.molecular", "path.report", id="molecular"),
        pytest.param("Patient refused", "reason.refusal", "reason.not_visualised", id="refusal"),
        pytest.param("Lesion not seen on US", "reason.not_visualised", "reason.refusal", id="not-visualised"),
        pytest.param(
            "Unresectable, locally advanced", "resectability.locally_advanced", "resectability.resectable", id="lapc"
        ),
        pytest.param("Borderline resectable", "resectability.borderline", "resectability.resectable", id="borderline"),
        pytest.param("Upfront resectable", "resectability.resectable", "resectability.borderline", id="resectable"),
        pytest.param("MR-conditional pacemaker", "", "mri.contraindication", id="conditional-device"),
        pytest.param("Cardiac pacemaker in situ", "mri.contraindication", "", id="pacemaker"),
        pytest.param("CT neck and chest", "img.ct_other_region", "img.ct_abdomen", id="ct-elsewhere"),
        pytest.param("CT chest abdomen pelvis", "img.ct_abdomen", "img.ct_other_region", id="ct-with-abdomen"),
        pytest.param("Visualised upper liver", "partial.liver", "", id="part-of-the-liver"),
        pytest.param("No tissue obtained", "reason.unsuccessful", "reason.not_visualised", id="unsuccessful"),
        pytest.param("Non-diagnostic sample", "reason.unsuccessful", "", id="inadequate"),
        pytest.param("High INR", "reason.laboratory", "reason.contraindication", id="laboratory"),
        pytest.param("ctDNA, plasma", "path.blood", "path.report", id="blood"),
        pytest.param("Germline testing", "path.blood path.molecular", "", id="germline"),
        pytest.param("Cervical lymph node", "site.node node.distant", "", id="distant-node"),
        pytest.param("", "", "cond.pancreas_primary", id="empty"),
        pytest.param("???", "", "cond.pancreas_primary", id="no-words"),
        pytest.param("x" * MAX_NAME + " pancreatic cancer", "", "cond.pancreas_primary", id="only-the-beginning"),
    ],
)
def test_names(lexicon: Lexicon, text: str, named: str, not_named: str) -> None:
    found = lexicon.names(text)
    assert set(named.split()) <= found
    assert not found & set(not_named.split())
    assert not [name for name in found if name.startswith("word.")]


def test_every_name_that_facts_ask_for_has_an_entry(lexicon: Lexicon) -> None:
    entries = {name for names in lexicon.naming.groups.values() for name in names}
    entries |= {name for name, _ in lexicon.naming.together}
    wanted = """cond.pancreas_primary cond.liver_metastasis cond.pancreas_neuroendocrine cond.other_primary_to_pancreas
        cond.history_other_primary cond.coagulopathy drug.gemcitabine drug.nab_paclitaxel drug.paclitaxel
        drug.fluorouracil drug.irinotecan drug.irinotecan_liposomal drug.oxaliplatin drug.cisplatin drug.capecitabine
        drug.tegafur_S1 drug.erlotinib drug.olaparib drug.mitomycin drug.leucovorin regimen proc.liver_biopsy
        proc.pancreas_biopsy path.report path.molecular img.ct_abdomen img.mri_abdomen_liver img.mri_pancreas_mrcp
        img.mri_other_region img.us_abdomen_liver img.pet guidance.us guidance.ct guidance.ceus guidance.fusion
        guidance.eus site.liver site.pancreas site.node site.peritoneum site.biliary site.other route.iv route.oral
        route.topical route.intravesical route.ophthalmic reason.refusal reason.contraindication reason.not_visualised
        reason.other_stop mri.contrast_or_diffusion mri.contraindication cancer.colorectal cancer.breast cancer.lung
        cancer.kidney cancer.melanoma cancer.ovary cancer.prostate cancer.skin_minor resectability.resectable
        resectability.borderline resectability.locally_advanced resectability.metastatic tissue.declared
        cond.pancreas_lesion_indeterminate cond.uncorrectable_coagulopathy drug.anticoagulant img.ct_other_region
        node.distant partial.liver path.blood reason.laboratory reason.unsuccessful service.counselling
        service.treatment stage.m1"""
    assert set(wanted.split()) <= entries


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        pytest.param("[]", 0, "must be a mapping", id="no-mapping"),
        pytest.param('a:\n  names: ["x"]', 1, "may have only", id="unknown-key"),
        pytest.param("a: {}", 1, "may have only", id="empty-entry"),
        pytest.param('a:\n  phrases:\n    - "x"\n    - "X"', 4, "stands twice under a", id="twice"),
        pytest.param('a:\n  phrases:\n    - ""', 3, "is not a name", id="empty-phrase"),
        pytest.param("a:\n  unless:\n    - 5", 3, "is not a name", id="number"),
        pytest.param('a:\n  together:\n    - ["b"]', 2, "'b' is not an entry", id="unknown-part"),
    ],
)
def test_a_slip_is_told_with_its_line(tmp_path: Path, content: str, line: int, problem: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ContentError, match=problem) as caught:
        load_names(path, {})
    assert caught.value.where == (f"{path}:{line}" if line else str(path))


def test_one_phrase_may_name_several_concepts(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text('a.x:\n  phrases: ["p q"]\na.y:\n  phrases: ["p q"]\na.z:\n  phrases: ["q"]', encoding="utf-8")
    assert load_names(path, {}).read("P Q") == {"a.x", "a.y"}
