"""F21: which scan an order asks for, and whether it states a pancreas protocol."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.imaging_orders import protocol_of
from cds_service.facts.vocabulary import vocabulary_of
from tests.facts.cases import LOINC, SNOMED, Json, coded, make_case, named
from tests.facts.test_surgery import draft, request, worded

CT = frozenset({"abdominal_ct"})
PET = frozenset({"pet_ct"})
MRI = frozenset({"liver_mri"})
NONE: frozenset[str] = frozenset()
LIVER = [coded(SNOMED, "10200004")]


@pytest.mark.parametrize(
    ("code", "more", "kinds"),
    [
        pytest.param(coded(LOINC, "30599-5"), {}, CT, id="abdomen-with-contrast"),
        pytest.param(coded(LOINC, "24858-3"), {}, CT, id="pancreas"),
        pytest.param(coded(LOINC, "36424-0"), {}, CT, id="without-contrast"),
        pytest.param(coded(LOINC, "72254-6"), {}, CT, id="chest-abdomen-pelvis"),
        pytest.param(coded(SNOMED, "77477000"), {"bodySite": LIVER}, CT, id="ct-of-the-liver"),
        pytest.param(coded(SNOMED, "77477000"), {"bodySite": [named("Knee")]}, NONE, id="ct-of-the-knee"),
        pytest.param(coded(SNOMED, "77477000"), {}, NONE, id="ct-of-nothing-stated"),
        pytest.param(named("CT abdomen and pelvis"), {}, CT, id="by-name"),
        pytest.param(named("CT head"), {}, NONE, id="head"),
        pytest.param(named("CT colonography"), {}, NONE, id="colonography"),
        pytest.param(named("CT-guided liver biopsy"), {}, {"liver_biopsy"}, id="guidance-of-a-biopsy"),
        pytest.param(
            coded(SNOMED, "277591006") | {"text": "CT guided biopsy"},
            {"bodySite": LIVER},
            {"liver_biopsy"},
            id="coded-guidance-of-a-biopsy",
        ),
        pytest.param(
            worded(coded(LOINC, "30599-5"), "CT abdomen before liver biopsy"), {}, CT, id="coded-ct-beats-named-biopsy"
        ),
        pytest.param(named("CT abdomen education leaflet"), {}, NONE, id="leaflet"),
        pytest.param(coded(LOINC, "44139-4"), {}, PET, id="pet"),
        pytest.param(coded(SNOMED, "443271005"), {}, PET, id="pet-ct-fdg"),
        pytest.param(named("FDG PET-CT"), {}, PET, id="pet-ct-by-name"),
        pytest.param(named("PET-CT chest abdomen pelvis"), {}, PET, id="pet-ct-is-no-ct"),
        pytest.param(named("Ga-68 DOTATATE PET-CT"), {}, NONE, id="another-tracer"),
        pytest.param(worded(coded(LOINC, "44139-4"), "PSMA PET"), {}, NONE, id="another-tracer-coded-pet"),
        pytest.param(coded(LOINC, "30670-4"), {}, MRI, id="liver-mri"),
        pytest.param(named("MRI abdomen before Whipple"), {}, MRI, id="liver-mri-by-name"),
        pytest.param(named("MRI spine"), {}, NONE, id="spine"),
        pytest.param(worded(coded(LOINC, "30670-4"), "MRI liver; also CT abdomen"), {}, MRI, id="code-beats-words"),
        *(
            pytest.param(named(words), {}, kinds, id=words)
            for words, kinds in (
                ("CT A/P", CT),
                ("CT A&P", CT),
                ("CT A/P w con", CT),
                ("CT C/A/P", CT),
                ("CTAP", CT),
                ("CT chest A/P", CT),
                ("MR A/P", MRI),
                ("CT simulation abdomen radiotherapy", NONE),
                ("CT abdomen after radiotherapy", CT),
                ("Review of outside CT abdomen", NONE),
                ("No CT abdomen needed", NONE),
                ("CT abdomen not needed", NONE),
                ("No MRI liver needed", NONE),
                ("CT abdomen, contrast not needed", CT),
                ("CT abdomen, no MRI available", CT),
                ("CT abdomen, compare with outside CT", CT),
                ("FDOPA PET", NONE),
                ("F-DOPA PET-CT", NONE),
                ("PET-MRI", NONE),
                ("PET/MR liver", NONE),
                ("PET-CT, no PET-MRI available", PET),
            )
        ),
        pytest.param(worded(coded(LOINC, "44139-4"), "PET/MRI"), {}, NONE, id="pet-mri-coded-pet"),
        pytest.param(
            worded(coded(LOINC, "30599-5"), "CT abdomen, outside CT for comparison"), {}, CT, id="code-beats-outside-ct"
        ),
        pytest.param(coded(LOINC, "30599-5"), {"status": "cancelled"}, NONE, id="not-live"),
    ],
)
def test_scans(code: Json, more: Json, kinds: frozenset[str]) -> None:
    assert draft(code, **more).kinds == kinds


def test_why_names_the_weaker_source() -> None:
    assert draft(named("CT abdomen")).why == "imaging, recognised by its name only"
    assert draft(coded(LOINC, "30599-5")).why == "imaging, recognised by its code"


CONTRAST, PANCREAS, PLAIN, ANY = (coded(LOINC, code) for code in ("30599-5", "24858-3", "36424-0", "41806-1"))


@pytest.mark.parametrize(
    ("code", "more", "protocol"),
    [
        pytest.param(CONTRAST, {}, "unstated", id="contrast"),
        pytest.param(PANCREAS, {}, "unstated", id="pancreas-code-says-no-protocol"),
        pytest.param(ANY, {}, "unstated", id="nothing-stated"),
        pytest.param(PLAIN, {}, "other", id="without-contrast"),
        pytest.param(coded(SNOMED, "396101000119105"), {}, "other", id="without-contrast-snomed"),
        pytest.param(worded(PLAIN, "CT pancreas protocol"), {}, "other", id="code-without-contrast-beats-words"),
        pytest.param(worded(CONTRAST, "CT pancreas protocol"), {}, "pancreas-protocol", id="protocol-by-name"),
        pytest.param(named("Biphasic CT of the abdomen"), {}, "pancreas-protocol", id="biphasic"),
        pytest.param(named("Triple phase pancreas CT"), {}, "pancreas-protocol", id="triple-phase"),
        pytest.param(named("Multiphase CT abdomen"), {}, "pancreas-protocol", id="multiphase"),
        pytest.param(CONTRAST, {"orderDetail": [named("pancreas protocol")]}, "pancreas-protocol", id="as-detail"),
        pytest.param(CONTRAST, {"note": [{"text": "Pancreas protocol please"}]}, "pancreas-protocol", id="in-a-note"),
        pytest.param(named("CT liver protocol, multiphase liver"), {}, "unstated", id="liver-protocol"),
        pytest.param(named("CT abdomen without contrast"), {}, "other", id="no-contrast-by-name"),
        pytest.param(named("CT abdomen with and without contrast"), {}, "unstated", id="with-and-without"),
        pytest.param(named("CT A/P w con"), {}, "unstated", id="with-contrast-short"),
        pytest.param(named("CT A/P wo con"), {}, "other", id="without-contrast-short"),
        pytest.param(named("CT A/P w/o con"), {}, "other", id="without-contrast-slash"),
        pytest.param(named("CT abdomen non-contrast"), {}, "other", id="non-contrast"),
        pytest.param(CONTRAST, {"note": [{"text": "No contrast if eGFR is low"}]}, "unstated", id="coded-contrast"),
        pytest.param(CONTRAST, {"note": 5, "orderDetail": "x"}, "unstated", id="junk"),
    ],
)
def test_protocols(code: Json, more: dict[str, Any], protocol: str) -> None:
    assert protocol_of(request(code, **more), vocabulary_of(make_case())) == protocol
