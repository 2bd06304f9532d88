"""The reader of a CT's protocol: quote, bounds, places; wordings stand in ``wordings-protocol-ct.yaml``."""

from __future__ import annotations

import pytest

from cds_service.reading import Lexicon, ProtocolReading, read_liver, read_protocol_ct


def test_quote_is_of_the_deciding_sentence(lexicon: Lexicon) -> None:
    text = "CT abdomen.\nTechnique: Pancreatic phase at 42 s.\nFindings: No lesion."
    assert read_protocol_ct(text, lexicon).quote == "Pancreatic phase at 42 s."


@pytest.mark.parametrize(
    "text",
    [pytest.param("pancreas protocol " * 7_000, id="long"), pytest.param("portal " * 200, id="dense")],
)
def test_what_cannot_be_read_whole_states_nothing(lexicon: Lexicon, text: str) -> None:
    assert read_protocol_ct(text, lexicon) == ProtocolReading("not-stated", truncated=True)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("CT.\nTechnique: Pancreas protocol.", "yes", id="technique"),
        pytest.param("CT.\nImpression: Pancreas protocol CT.", "not-stated", id="advised-in-the-conclusion"),
        pytest.param("CT.\nImpression: Pancreas protocol CT performed.", "yes", id="said-in-the-conclusion"),
        pytest.param("CT.\nPreliminary report: Pancreas protocol CT performed.", "not-stated", id="preliminary"),
        pytest.param("CT pancreas protocol. Report withdrawn.", "not-stated", id="withdrawn"),
        pytest.param("MRI liver.\nTechnique: pancreatic phase.", "not-stated", id="another-examination"),
        pytest.param("CT pancreas protocol.\nTechnique: unenhanced.", "no", id="no-contrast-beats-the-title"),
        pytest.param("CT pancreas protocol.\nTechnique: unenhanced, venous phase.", "yes", id="plain-beside-contrast"),
        pytest.param("CT pancreas protocol.\nTechnique: single phase.", "no", id="one-phase-beats-the-title"),
        pytest.param("CT liver protocol.\nTechnique: late arterial and portal venous phase.", "not-stated", id="liver"),
        pytest.param("CT abdomen.\nTechnique: late arterial phase.", "not-stated", id="late-arterial-alone"),
        pytest.param("CT abdomen, biphasic; pancreas normal.", "not-stated", id="phases-of-no-organ"),
        pytest.param("CT abdomen.\nTechnique: arterial and portal venous phase.", "not-stated", id="not-late"),
    ],
)
def test_state(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_protocol_ct(text, lexicon).state == state


def test_the_technique_is_a_context_to_other_readers(lexicon: Lexicon) -> None:
    text = "CT abdomen.\nTechnique: protocol as for liver metastases.\nFindings: Liver normal."
    assert read_liver(text, lexicon).state == "absent"
