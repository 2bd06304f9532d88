"""What a pathology reading tells besides its state, and how sections are weighed."""

from __future__ import annotations

import pytest

from cds_service.reading import Lexicon, PathologyReading, read_pathology

_LONG = " in a text of some more words that fill the line"


@pytest.mark.parametrize(
    ("text", "site"),
    [
        pytest.param("Liver, core biopsy: adenocarcinoma.", "liver", id="before-the-diagnosis"),
        pytest.param("Adenocarcinoma in liver.", "liver", id="after-the-diagnosis"),
        pytest.param("Specimen: pancreas head.\nDiagnosis: adenocarcinoma.", "pancreas", id="in-an-earlier-section"),
        pytest.param("Adenocarcinoma. Tissue from omentum.", "peritoneum", id="in-a-later-sentence"),
        pytest.param("Portal lymph node: metastatic adenocarcinoma.", "node", id="node"),
        pytest.param("CBD brushing: adenocarcinoma.", "biliary", id="biliary"),
        pytest.param("Lung nodule: metastatic adenocarcinoma.", "other", id="other"),
        pytest.param("Adenocarcinoma.", "", id="not-said"),
        pytest.param("Liver, biopsy: adenocarcinoma of pancreatobiliary type.", "liver", id="a-type-is-no-site"),
        pytest.param(
            "Liver biopsy: adenocarcinoma, consistent with pancreatic primary.", "liver", id="primary-is-no-site"
        ),
        pytest.param("Frozen section: liver normal.\nDiagnosis: adenocarcinoma.", "", id="frozen-names-no-site"),
    ],
)
def test_site(lexicon: Lexicon, text: str, site: str) -> None:
    reading = read_pathology(text, lexicon)
    assert (reading.state, reading.site) == ("confirmed", site)


@pytest.mark.parametrize(
    ("text", "state", "label"),
    [
        pytest.param("Liver: metastatic colonic adenocarcinoma.", "other-primary", "colorectal", id="colon"),
        pytest.param("Liver: metastatic melanoma.", "other-primary", "melanoma", id="melanoma"),
        pytest.param(
            "Liver: consistent with metastatic melanoma.", "other-primary", "melanoma", id="melanoma-consistent"
        ),
        pytest.param("Pancreas: metastatic melanoma.", "excluded-histology", "melanoma", id="metastasis-to-pancreas"),
        pytest.param(
            "Pancreas: secondary deposit of melanoma.", "excluded-histology", "melanoma", id="deposit-in-pancreas"
        ),
        pytest.param("Liver: lymphoma.", "excluded-histology", "lymphoma", id="lymphoma"),
        pytest.param("Liver: consistent with metastatic carcinoma of colon.", "other-primary", "colorectal", id="weak"),
        pytest.param("Stomach: adenocarcinoma.", "other-primary", "stomach", id="by-the-organ-sampled"),
        pytest.param("Liver: squamous cell carcinoma.", "uninterpretable", "", id="kind-that-settles-nothing"),
        pytest.param("Liver: squamous cell carcinoma from lung primary.", "other-primary", "lung", id="squamous-lung"),
        pytest.param("Liver: adenocarcinoma. A pancreatic origin is excluded.", "uninterpretable", "", id="not-ours"),
        pytest.param("Liver: adenocarcinoma. Colonic origin is possible.", "confirmed", "", id="origin-left-open"),
        pytest.param("Liver: adenocarcinoma. Prior colonic adenocarcinoma.", "confirmed", "", id="history"),
        pytest.param(
            "Liver: adenocarcinoma, identical to the prior colonic adenocarcinoma.",
            "other-primary",
            "colorectal",
            id="likeness",
        ),
        pytest.param(
            "A. Liver: hepatocellular carcinoma.\nB. Pancreas: ductal adenocarcinoma.",
            "confirmed",
            "",
            id="two-tumours",
        ),
        pytest.param(
            "Pancreas: malignant. Neuroendocrine tumour.", "excluded-histology", "neuroendocrine tumour", id="net"
        ),
        pytest.param("Carcinoma or lymphoma.", "non-diagnostic", "", id="either-or"),
    ],
)
def test_label(lexicon: Lexicon, text: str, state: str, label: str) -> None:
    reading = read_pathology(text, lexicon)
    assert (reading.state, reading.label) == (state, label)


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        pytest.param("Liver: abscess.", "abscess", id="abscess"),
        pytest.param("Liver: haemangioma. No malignancy.", "haemangioma", id="haemangioma"),
        pytest.param("Liver: hemangioma.", "haemangioma", id="other-spelling"),
        pytest.param("Liver: FNH.", "focal nodular hyperplasia", id="fnh"),
        pytest.param("Liver: simple cyst.", "cyst", id="cyst"),
        pytest.param("Liver: steatosis. Acute cholangitis.", "cholangitis", id="not-the-first-benign-word"),
        pytest.param("Liver: steatosis.", "", id="no-entity"),
        pytest.param("Liver: normal liver, no malignancy, no abscess.", "", id="negated-entity"),
    ],
)
def test_benign_entity(lexicon: Lexicon, text: str, entity: str) -> None:
    reading = read_pathology(text, lexicon)
    assert (reading.state, reading.entity) == ("non-diagnostic", entity)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("NGS on FFPE block, pancreatic adenocarcinoma: KRAS G12D.", ("weak", True, False), id="tissue"),
        pytest.param(
            "Liquid biopsy, pancreatic adenocarcinoma: KRAS G12D.", ("non-diagnostic", True, True), id="blood"
        ),
        pytest.param("NGS report. KRAS G12D.", ("uninterpretable", True, False), id="no-cancer-named"),
        pytest.param(
            "NGS report. Colonic adenocarcinoma. KRAS G12D.", ("uninterpretable", True, False), id="another-cancer"
        ),
        pytest.param("NGS report. Tumour: no adenocarcinoma.", ("uninterpretable", True, False), id="negated"),
        pytest.param(
            "Sample A1, liver\n\nSample of adenocarcinoma. KRAS mutated. TP53 mutated. MSS.",
            ("weak", True, False),
            id="many-genes",
        ),
        pytest.param(
            "Liver biopsy\n\nDiagnosis: adenocarcinoma.\nComment: KRAS mutated. TP53 mutated. MSS.",
            ("confirmed", False, False),
            id="genes-beside-a-diagnosis",
        ),
        pytest.param("Liver biopsy\n\nAdenocarcinoma. KRAS mutated.", ("confirmed", False, False), id="one-gene"),
        pytest.param(
            "Liver biopsy\n\nBlood sample and adenocarcinoma.", ("confirmed", False, False), id="blood-in-passing"
        ),
    ],
)
def test_molecular(lexicon: Lexicon, text: str, expected: tuple[str, bool, bool]) -> None:
    reading = read_pathology(text, lexicon)
    assert (reading.state, reading.molecular, reading.blood) == expected


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Diagnosis: adenocarcinoma.\nAddendum: HER2 negative.", "confirmed", id="addendum-says-nothing"),
        pytest.param(
            "Diagnosis: one two three four five, adenocarcinoma.\nAddendum: insufficient for more stains.",
            "confirmed",
            id="addendum-lacks-tissue",
        ),
        pytest.param(
            f"Diagnosis: adenocarcinoma{_LONG}.\nAddendum: 5 nodes, no malignancy.", "confirmed", id="addendum-on-nodes"
        ),
        pytest.param(
            f"Diagnosis: adenocarcinoma{_LONG}.\nAddendum: margin without carcinoma.",
            "confirmed",
            id="addendum-on-margins",
        ),
        pytest.param(
            f"Diagnosis: adenocarcinoma{_LONG}.\nAddendum: consistent with adenocarcinoma.",
            "confirmed",
            id="weak-addendum",
        ),
        pytest.param(
            f"Diagnosis: adenocarcinoma{_LONG}.\nAddendum: no malignancy.",
            "uninterpretable",
            id="addendum-denies-without-revising",
        ),
        pytest.param(
            f"Diagnosis: adenocarcinoma{_LONG}.\nAddendum: on review no malignancy.",
            "non-diagnostic",
            id="addendum-revises",
        ),
        pytest.param(
            f"Diagnosis: adenocarcinoma{_LONG}.\nAmended diagnosis: no malignancy.",
            "non-diagnostic",
            id="amended-diagnosis",
        ),
        pytest.param(f"Diagnosis: benign{_LONG}.\nAddendum: no malignancy.", "non-diagnostic", id="addendum-agrees"),
        pytest.param("Addendum: no malignancy.", "non-diagnostic", id="addendum-alone"),
        pytest.param("Micro: adenocarcinoma.\nDiagnosis: no malignancy.", "non-diagnostic", id="diagnosis-beats-micro"),
        pytest.param("Micro: adenocarcinoma.\nDiagnosis: see above.", "confirmed", id="diagnosis-says-nothing"),
        pytest.param("Frozen section: adenocarcinoma.", "uninterpretable", id="frozen-alone"),
        pytest.param("No residual adenocarcinoma.", "weak", id="residual"),
        pytest.param("No residual adenocarcinoma. Atypical cells.", "non-diagnostic", id="residual-but-doubt"),
        pytest.param("Consistent with adenocarcinoma. Scant.", "non-diagnostic", id="weak-but-insufficient"),
        pytest.param("In this report suspicious as said.", "uninterpretable", id="doubt-in-passing"),
        pytest.param("Suspicious.", "non-diagnostic", id="doubt-with-nothing-named"),
        pytest.param("Suspicious for lymphoma. Adenocarcinoma.", "confirmed", id="label-beside-a-doubt"),
        pytest.param(
            "Suspicious for lymphoma. There is in this sample an adenocarcinoma.",
            "uninterpretable",
            id="narrative-beside-a-doubt",
        ),
        pytest.param("Known adenocarcinoma.", "uninterpretable", id="known-only"),
        pytest.param("No lymphoma.", "uninterpretable", id="other-tumour-denied"),
        pytest.param("Tumour.", "uninterpretable", id="tumour-alone"),
        pytest.param("No tumour.", "non-diagnostic", id="no-tumour"),
        pytest.param("No dysplasia.", "uninterpretable", id="precursor-denied"),
        pytest.param("Carcinoma in situ.", "non-diagnostic", id="in-situ"),
    ],
)
def test_sections_and_certainty(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_pathology(text, lexicon).state == state


def test_quote_is_verbatim_and_short(lexicon: Lexicon) -> None:
    text = "Liver, core biopsy: " + "one " * 40 + "\nMetastatic adenocarcinoma, of pancreatic origin. " + "two " * 40
    quote = read_pathology(text, lexicon).quote
    assert quote in text
    assert "adenocarcinoma" in quote
    assert len(quote) <= 120


@pytest.mark.parametrize(
    "text", [pytest.param("adenocarcinoma " * 9_000, id="long"), pytest.param("adenocarcinoma " * 100, id="dense")]
)
def test_what_cannot_be_read_whole_is_not_confirmed(lexicon: Lexicon, text: str) -> None:
    assert read_pathology(text, lexicon) == PathologyReading("uninterpretable", truncated=True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("Pancreas, head, FNB: adenocarcinoma.", True, id="sample"),
        pytest.param("Pancreas, FNB, 3 cores.\nDiagnosis: adenocarcinoma.", True, id="sample-in-another-line"),
        pytest.param("Liver: pancreatic ductal adenocarcinoma.", True, id="tied"),
        pytest.param("Liver: adenocarcinoma of pancreatobiliary type.", True, id="tract"),
        pytest.param("Pancreatic adenocarcinoma, KRAS mutation analysis.", True, id="molecular"),
        pytest.param("Liver: adenocarcinoma.", False, id="no-origin"),
        pytest.param("Liver: adenocarcinoma. Possibly of pancreatic origin.", False, id="doubted"),
        pytest.param("Liver: adenocarcinoma, suspicious for pancreatic origin.", False, id="suspected"),
        pytest.param("Adenocarcinoma. The pancreas is normal.", False, id="named-after"),
        pytest.param("Clinical history: pancreatic adenocarcinoma.\nDiagnosis: adenocarcinoma.", False, id="history"),
        pytest.param("Frozen section: pancreatic adenocarcinoma.\nDiagnosis: adenocarcinoma.", False, id="frozen"),
        pytest.param("Liver: adenocarcinoma. Not of pancreatic origin.", False, id="denied"),
        pytest.param("Pancreas: metastatic colonic adenocarcinoma.", False, id="other-primary"),
        pytest.param("Pancreas: suspicious for adenocarcinoma.", False, id="not-malignant"),
        pytest.param("Bile duct brushing: adenocarcinoma.", False, id="bile-duct"),
        pytest.param(
            "A. Pancreas: pancreatic ductal adenocarcinoma.\nB. Colon: colonic adenocarcinoma.",
            False,
            id="two-primaries",
        ),
    ],
)
def test_names_pancreas(lexicon: Lexicon, text: str, named: bool) -> None:
    assert read_pathology(text, lexicon).names_pancreas is named


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Adenocarcinoma. The above diagnosis is withdrawn.", id="withdrawn"),
        pytest.param("Carcinoma, metastatic: no definite tumour in the cores.", id="heading-denied"),
        pytest.param("Adenocarcinoma: ____", id="left-open"),
        pytest.param("? adenocarcinoma", id="asked-with-a-blank"),
    ],
)
def test_forms_and_headings_are_no_diagnosis(lexicon: Lexicon, text: str) -> None:
    assert read_pathology(text, lexicon).state in {"non-diagnostic", "uninterpretable"}
