"""What a liver reading tells besides its state, and to which organ a statement is tied."""

from __future__ import annotations

import pytest

from cds_service.reading import Lexicon, LiverReading, read_liver


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Hepatic metastases.", "definite", id="organ-before"),
        pytest.param("Metastases in the liver.", "definite", id="organ-after"),
        pytest.param("Metastases, liver.", "definite", id="organ-somewhere-in-the-sentence"),
        pytest.param("Liver: metastases. New deposits.", "definite", id="label"),
        pytest.param("Liver enlarged. Metastases.", "definite", id="sentence-before"),
        pytest.param("Lungs clear. Metastases.", "not-found", id="sentence-before-is-elsewhere"),
        pytest.param("MRI liver\n\nMetastases.", "definite", id="title"),
        pytest.param("Lung and liver metastases.", "definite", id="group-of-organs"),
        pytest.param("Lung metastases. Liver normal.", "absent", id="other-organ"),
        pytest.param("Liver with large nearby renal mass, metastases.", "uninterpretable", id="nearest-organ-before"),
        pytest.param("Lungs: metastases.\nLiver: normal.", "absent", id="label-ends-with-its-line"),
        pytest.param("No metastases.", "absent", id="no-organ-at-all"),
        pytest.param("Brain: normal. No metastases.", "not-found", id="only-another-organ"),
        pytest.param("Pancreas: mass. No metastases.", "absent", id="abdomen-was-seen"),
        pytest.param("No metastases in chest or abdomen.", "absent", id="regions-with-the-abdomen"),
        pytest.param("No pulmonary metastases.", "not-found", id="negation-elsewhere"),
        pytest.param("Liver metastases are unlikely.", "absent-hedged", id="unlikely"),
        pytest.param("Liver: probable cyst.", "absent-hedged", id="hedged-benign"),
        pytest.param("Liver: possible cyst.", "indeterminate", id="possible-benign"),
        pytest.param("Liver: cyst.", "absent", id="benign"),
        pytest.param("Liver: no cyst.", "uninterpretable", id="benign-denied-says-nothing"),
        pytest.param(
            "Liver: lesion too small to characterise, likely a cyst.", "absent-hedged", id="small-but-likely-benign"
        ),
        pytest.param(
            "Liver: lesion too small to characterise, metastasis not excluded.", "indeterminate", id="small-wins"
        ),
        pytest.param("Liver: indeterminate lesion.", "indeterminate", id="vague"),
        pytest.param("Liver: 12 mm lesion.", "indeterminate", id="lesion-not-characterised"),
        pytest.param("Liver: suspicious lesion.", "suspected", id="suspicious-lesion"),
        pytest.param("Liver: lesion suspicious for a cyst.", "absent-hedged", id="suspected-benign"),
        pytest.param("Liver: lesion unlikely.", "uninterpretable", id="unlikely-lesion"),
        pytest.param("Liver: malignant lesion.", "suspected", id="malignant-is-not-metastatic"),
        pytest.param("Liver: possible metastasis.", "indeterminate", id="possible"),
        pytest.param("Liver: metastasis or cyst.", "indeterminate", id="either-or"),
        pytest.param("Liver: metastasis, not cyst.", "definite", id="not-the-other"),
        pytest.param("No new liver metastases.", "indeterminate", id="no-new"),
        pytest.param(
            "Liver: no new metastases in this examination. Metastases.", "definite", id="no-new-beside-definite"
        ),
        pytest.param("No new lung metastases.", "not-found", id="no-new-elsewhere"),
        pytest.param("No new finding. Liver normal.", "absent", id="no-new-beside-normal"),
        pytest.param("Liver: enlarged. Otherwise normal.", "absent", id="normal-under-the-label"),
        pytest.param("Liver: enlarged. No focal lesion.", "absent", id="lesion-denied-under-the-label"),
        pytest.param("The liver is enlarged. No focal lesion.", "absent", id="lesion-denied-after-the-liver"),
        pytest.param("Liver lesion. Normal.", "indeterminate", id="normal-without-organ"),
        pytest.param("Lungs: clear. No metastases. Pancreas: mass.", "absent", id="label-does-not-narrow-a-denial"),
        pytest.param("Liver not seen.", "not-found", id="not-seen"),
        pytest.param("Liver remarkable for metastases.", "definite", id="title-finding"),
        pytest.param("MRI liver for metastases.", "uninterpretable", id="title-question"),
        pytest.param("Liver metastases in May. None of them is seen.", "absent", id="none-of-them"),
        pytest.param("Suspected liver metastases. None of them is seen.", "suspected", id="none-of-the-suspected"),
        pytest.param("Liver metastases not completely resolved.", "definite", id="not-resolved"),
        pytest.param("Some liver metastases have resolved.", "definite", id="some-resolved"),
        pytest.param("Segment V lesion: metastasis from the pancreatic primary.", "definite", id="origin-is-no-place"),
        pytest.param("An area may be fatty sparing or a deposit.", "indeterminate", id="known-of-the-liver-only"),
        pytest.param("Liver not assessed.", "not-found", id="not-assessed"),
        pytest.param("Liver equivocal.", "indeterminate", id="equivocal"),
        pytest.param("Liver steatosis.", "not-found", id="diffuse-only"),
        pytest.param("Liver: see addendum.", "uninterpretable", id="liver-without-statement"),
        pytest.param("Indication was liver metastases.", "not-found", id="only-asked"),
        pytest.param("History: liver metastases.", "not-found", id="only-in-the-history"),
        pytest.param("Zzz.", "uninterpretable", id="no-known-word"),
        pytest.param("", "uninterpretable", id="empty"),
        pytest.param(
            "Preliminary: liver metastases.\nFindings: lungs clear.", "not-found", id="preliminary-is-not-read"
        ),
        pytest.param("Liver normal. No vague indeterminate lesion.", "absent", id="vague-denied"),
        pytest.param("The liver is not normal.", "uninterpretable", id="normal-denied"),
    ],
)
def test_state(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_liver(text, lexicon).state == state


@pytest.mark.parametrize(
    ("text", "multiple", "small"),
    [
        pytest.param("Multiple liver metastases.", True, False, id="multiple"),
        pytest.param("Liver metastases x3.", True, False, id="counted"),
        pytest.param("Solitary liver metastasis.", False, False, id="one"),
        pytest.param("Liver metastasis 8 mm.", False, True, id="millimetres"),
        pytest.param("Small liver metastasis.", False, True, id="small"),
        pytest.param("Liver metastasis. Multiple liver cysts.", False, False, id="other-lesions-are-multiple"),
        pytest.param(
            "Liver metastasis seg II. Further liver metastases, several.", True, False, id="in-another-sentence"
        ),
    ],
)
def test_number_and_size(lexicon: Lexicon, text: str, multiple: bool, small: bool) -> None:
    reading = read_liver(text, lexicon)
    assert (reading.state, reading.multiple, reading.small) == ("definite", multiple, small)


def test_impression_beats_findings_and_addendum_beats_both(lexicon: Lexicon) -> None:
    findings = "Findings: liver lesion, possibly a metastasis.\n"
    impression = "Impression: liver metastases.\n"
    addendum = "Addendum: the liver lesions are haemangiomas.\n"
    assert read_liver(findings, lexicon).state == "indeterminate"
    assert read_liver(findings + impression, lexicon).state == "definite"
    assert read_liver(findings + impression + addendum, lexicon).state == "absent"


def test_quote_is_of_the_deciding_sentence(lexicon: Lexicon) -> None:
    assert read_liver("Lungs clear. Two liver metastases. Nodes normal.", lexicon).quote == "Two liver metastases."


@pytest.mark.parametrize(
    "text", [pytest.param("liver metastases " * 9_000, id="long"), pytest.param("liver metastases " * 50, id="dense")]
)
def test_what_cannot_be_read_whole_is_not_definite(lexicon: Lexicon, text: str) -> None:
    assert read_liver(text, lexicon) == LiverReading("uninterpretable", truncated=True)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Liver cyst, too small to characterise. Metastasis not excluded.", "indeterminate", id="carried"),
        pytest.param(
            "Liver lesion too small to characterise. Liver metastasis not excluded.",
            "suspected",
            id="of-another-lesion",
        ),
        pytest.param("No ascites, enlarged nodes or liver metastases.", "absent", id="list-with-or"),
        pytest.param("No ascites, enlarged nodes, liver metastases.", "indeterminate", id="list-with-commas"),
        pytest.param("No ascites, new liver metastases.", "definite", id="new-statement"),
        pytest.param("No ascites, new segment V or VI liver metastases.", "indeterminate", id="or-of-segments"),
        pytest.param("No ascites, multiple cysts or metastases in the liver.", "indeterminate", id="many-or"),
        pytest.param("No ascites, new nodes; liver metastases.", "definite", id="list-ends-with-its-clause"),
        pytest.param("Bone metastases, liver normal.", "absent", id="normal-liver-stands-apart"),
        pytest.param("Lesions called metastases are cysts.", "absent", id="answers-a-quoted-metastasis"),
        pytest.param("Lesions called metastases are possible cysts.", "not-found", id="answers-with-doubt"),
        pytest.param("Liver metastases. This report is withdrawn.\nreport withdrawn", "uninterpretable", id="void"),
        pytest.param("Liver metastases: ____", "indeterminate", id="field-left-open"),
        pytest.param("[ ] Liver metastases", "not-found", id="box-not-ticked"),
        pytest.param("Liver lesions; differential: 1. metastases 2. abscess.", "indeterminate", id="numbered-options"),
        pytest.param("No nodes, liver metastases suspected.", "suspected", id="own-doubt-ends-a-denial"),
        pytest.param("No nodes, cysts or liver metastases suspected.", "absent", id="or-carries-the-denial"),
    ],
)
def test_lists_and_forms(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_liver(text, lexicon).state == state


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Liver metastases. Ascites. None of these is visible.", id="not-the-sentence-before"),
        pytest.param(
            "Two liver metastases. Lungs: two nodules. Neither is visible any longer.", id="of-the-nodules-before-it"
        ),
    ],
)
def test_nothing_left_is_said_of_the_sentence_before_alone(lexicon: Lexicon, text: str) -> None:
    assert read_liver(text, lexicon).state == "definite"


@pytest.mark.parametrize(
    "word",
    ["remarkable", "notable", "significant", "positive", "clear evidence", "convincing", "pathognomonic", "classical"],
)
def test_a_title_that_finds_is_no_request(lexicon: Lexicon, word: str) -> None:
    assert read_liver(f"CT abdomen {word} for liver metastases.", lexicon).state == "definite"
    assert read_liver(f"CT abdomen {word} for liver metastases?", lexicon).state == "not-found"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("CT for cancer with suspected liver metastases.", "not-found", id="with-a-suspicion"),
        pytest.param("CT abdomen for carcinoma with new liver metastases.", "definite", id="with-a-finding"),
        pytest.param("CT abdomen for carcinoma with liver metastases.", "indeterminate", id="with-what"),
        pytest.param(
            "CT abdomen for carcinoma with liver metastases\n\nLiver normal.", "absent", id="with-in-a-heading"
        ),
        pytest.param(
            "CT abdomen for carcinoma with new liver metastases\n\nLiver normal.", "definite", id="finding-in-a-heading"
        ),
        pytest.param("CT for staging - liver metastases.", "definite", id="dash"),
        pytest.param("CT for staging, liver metastases.", "definite", id="comma"),
        pytest.param(
            "Impression: CT for liver metastases, restaging for liver metastases.", "definite", id="impression"
        ),
        pytest.param("Impression: CT staging M1 for liver metastases in both lobes.", "definite", id="conclusion"),
        pytest.param("CT staging M1 for liver metastases in both lobes.", "not-found", id="title"),
        pytest.param("Material for liver metastases.", "indeterminate", id="no-examination-named"),
        pytest.param("CT unchanged for two weeks, liver metastases.", "definite", id="a-span-of-time"),
        pytest.param("CT unchanged for two weeks of liver metastases.", "definite", id="a-span-of-time-alone"),
    ],
)
def test_what_a_title_asks_for(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_liver(text, lexicon).state == state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Liver metastases are not visible on ultrasound.", "indeterminate", id="ultrasound-alone"),
        pytest.param("Liver metastases were not visible on CT.", "indeterminate", id="past"),
        pytest.param("Liver metastases are not visible on CT.", "absent", id="present"),
        pytest.param("Liver metastases were not identified on MRI.", "absent", id="past-and-nothing-sees-more"),
        pytest.param("US liver: metastases are not visible on ultrasound.", "absent", id="own-examination"),
        pytest.param("MRI liver: two metastases, not visible on MRI.", "absent", id="own-examination-beside-details"),
        pytest.param("MRI liver: two metastases, not visible on CT.", "definite", id="another-examination"),
        pytest.param("CT of the liver. Two metastases, not visible on CT.", "absent", id="own-in-the-title"),
        pytest.param("Review on CT of liver: two metastases, not visible on CT.", "definite", id="title-names-another"),
        pytest.param("Liver metastases of the CT are not visible on MRI.", "absent", id="the-better-examination"),
        pytest.param("Liver metastases of the MRI, not visible on CT.", "definite", id="the-lesser-examination"),
        pytest.param(
            "Liver metastases on CT. None of these is visible on MRI.", "absent", id="the-better-after-the-sentence"
        ),
        pytest.param("Known liver metastases, not visible on ultrasound.", "indeterminate", id="known"),
        pytest.param("Liver metastases are not visible in the late phase.", "indeterminate", id="phase"),
        pytest.param("Liver metastases not visible today.", "absent", id="today"),
        pytest.param("Liver metastases are no longer visible on ultrasound.", "absent", id="no-longer"),
        pytest.param("Two liver metastases were ruled out by CT.", "absent", id="a-verdict"),
        pytest.param("No liver metastases except for a lung nodule.", "absent", id="except-elsewhere"),
        pytest.param("No liver metastases except for a tiny focus.", "indeterminate", id="except-a-lesion"),
        pytest.param("No liver metastases except for a vague nodularity.", "indeterminate", id="except-a-vague-lesion"),
        pytest.param("No liver metastases except for an indeterminate focus.", "indeterminate", id="except-with-doubt"),
        pytest.param("No liver metastases except as described.", "indeterminate", id="except-unclear"),
        pytest.param("No liver metastases except for ascites.", "absent", id="except-harmless"),
        pytest.param("No liver metastases; normal except for one area.", "absent", id="except-in-another-clause"),
        pytest.param("Liver metastases have resolved, no lesion is unchanged.", "absent", id="none-stays"),
        pytest.param("Liver metastases have resolved, one scar is unchanged.", "absent", id="a-scar-stays"),
        pytest.param("Liver metastases have resolved, stable disease.", "absent", id="nothing-said-to-stay"),
        pytest.param("Liver metastases have resolved, one cyst is stable.", "absent", id="a-cyst-stays"),
        pytest.param("Apart from a cyst liver metastases have resolved.", "absent", id="exception-before"),
        pytest.param("Liver metastases. Control until these are no longer visible.", "definite", id="until"),
        pytest.param("No changes in the liver suspicious for metastases.", "absent", id="changes-that-suggest"),
        pytest.param("No changes near the hilum, metastases absent in the liver.", "absent", id="changes-elsewhere"),
        pytest.param("No difference between lobes of metastases in the liver.", "absent", id="change-of-what"),
        pytest.param("CT did not show liver metastases and now none are visible.", "absent", id="and-now-none"),
        pytest.param("No liver metastases now visible.", "absent", id="none-now"),
        pytest.param("Liver metastases resolved. New lesion in segment 3.", "indeterminate", id="new-lesion"),
        pytest.param("No metastases. Liver: lesion in segment 3.", "absent", id="old-lesion"),
    ],
)
def test_what_a_denial_is_said_of(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_liver(text, lexicon).state == state
