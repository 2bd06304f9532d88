from __future__ import annotations

import pytest

from cds_service.reading import AttemptReading, Lexicon, read_attempt


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("US guided liver biopsy. Lesion not seen.", "failed-visibility", id="not-seen"),
        pytest.param(
            "US guided liver biopsy. Lesion not seen, then seen and 2 cores taken.", "not-failed", id="sampled-later"
        ),
        pytest.param(
            "US guided liver biopsy. 2 cores taken. A second lesion not seen.", "not-failed", id="sampled-first"
        ),
        pytest.param("US liver biopsy. Lesion not seen. Random cores taken.", "failed-visibility", id="random"),
        pytest.param(
            "US liver biopsy. Lesion not seen. Converted to CT, cores taken.", "failed-visibility", id="converted"
        ),
        pytest.param("US liver biopsy. Lesion not seen. Random cores.", "failed-visibility", id="random-not-taken"),
        pytest.param("US liver biopsy. Random cores taken. Home.", "uninterpretable", id="random-only"),
        pytest.param("US liver biopsy. Not seen. Two cores, background liver.", "failed-visibility", id="background"),
        pytest.param("Liver biopsy. Lesion not seen.", "uninterpretable", id="guidance-not-said"),
        pytest.param("US liver. Lesion not seen.", "uninterpretable", id="no-biopsy"),
        pytest.param("US guided liver biopsy. Cores taken.", "not-failed", id="sampled"),
        pytest.param("US guided liver biopsy. Patient declined.", "not-failed", id="refused"),
        pytest.param("US guided liver biopsy. Lesion clearly seen.", "not-failed", id="seen"),
        pytest.param("US guided renal biopsy. Lesion not seen.", "not-failed", id="other-organ"),
        pytest.param("US guided renal and liver biopsy. Lesion not seen.", "failed-visibility", id="both-organs"),
        pytest.param("Diagnostic US of the liver. Lesion not seen. Biopsy planned.", "not-failed", id="diagnostic"),
        pytest.param(
            "Diagnostic US, then US liver biopsy. Lesion not seen, no biopsy.", "failed-visibility", id="then-biopsy"
        ),
        pytest.param(
            "US guided liver biopsy. Previously lesion not seen. Cores taken.", "not-failed", id="earlier-attempt"
        ),
        pytest.param("US guided liver biopsy.", "uninterpretable", id="no-outcome"),
        pytest.param("US liver biopsy. No biopsiable or targetable lesion found.", "failed-visibility", id="denied"),
        pytest.param("US liver biopsy. Not in pain, lesion found.", "not-failed", id="denial-ends-at-a-comma"),
        pytest.param("US liver biopsy. If the lesion is not visible, CT.", "uninterpretable", id="condition"),
        pytest.param("US liver biopsy. INR 2.4.", "uninterpretable", id="number-alone"),
        pytest.param("US liver biopsy not done, INR 2.4.", "not-failed", id="not-done-for-a-number"),
        pytest.param("US liver biopsy, uneventful.", "not-failed", id="went-well"),
        pytest.param("US liver biopsy. Report to follow.", "uninterpretable", id="pending"),
        pytest.param("CT-guided liver biopsy. Lesion not seen.", "not-failed", id="other-guidance"),
        pytest.param("US liver biopsy abandoned. No accessible lesion.", "not-failed", id="not-accessible"),
        pytest.param("US liver biopsy abandoned. Lesion inaccessible.", "not-failed", id="inaccessible"),
        pytest.param("US liver biopsy. Lesion not targeted.", "failed-visibility", id="not-targeted"),
        pytest.param("US liver biopsy. Lesion not targeted, patient moved.", "not-failed", id="patient-moved"),
        pytest.param("US liver biopsy. Ascites not seen.", "uninterpretable", id="ascites"),
        pytest.param("US liver biopsy. Wires not seen.", "uninterpretable", id="something-unknown"),
        pytest.param("US liver biopsy. Could not see the needle.", "uninterpretable", id="needle"),
        pytest.param(
            "US liver biopsy. Needle near the lesion not seen.", "uninterpretable", id="needle-near-the-lesion"
        ),
        pytest.param("US liver biopsy. Lesion in the liver near a vein not seen.", "failed-visibility", id="near-vein"),
        pytest.param("US liver biopsy. Not seen, though in 6 mm steps.", "failed-visibility", id="nothing-named"),
        pytest.param("US liver biopsy. In the liver not seen.", "failed-visibility", id="liver-alone"),
        pytest.param("US liver biopsy. The surgeon could not see it.", "failed-visibility", id="active"),
        pytest.param("US liver biopsy. Lesion not seen on CT.", "uninterpretable", id="on-ct"),
        pytest.param("US liver biopsy. Lesion not seen on ultrasound or CT.", "failed-visibility", id="on-both"),
        pytest.param("US liver biopsy. Lesion not seen on turning, CT.", "failed-visibility", id="on-turning"),
        pytest.param("US liver biopsy. Lesion not seen on this or that.", "failed-visibility", id="on-what"),
        pytest.param("US liver biopsy. Not seen at first. Lesion well seen.", "not-failed", id="seen-beats-not-seen"),
        pytest.param("US liver biopsy. Lesion well seen. Then not seen.", "failed-visibility", id="lost-from-sight"),
        pytest.param("US liver biopsy. Lesion well seen on CT. Not seen.", "failed-visibility", id="seen-on-ct"),
        pytest.param("US liver biopsy. Needle well seen. Not seen.", "failed-visibility", id="needle-well-seen"),
        pytest.param("US liver biopsy. Lesion well seen. Lesion not seen.", "failed-visibility", id="named-twice"),
        pytest.param("", "uninterpretable", id="empty"),
        pytest.param("History of renal biopsy.", "uninterpretable", id="other-organ-only-earlier"),
    ],
)
def test_state(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_attempt(text, lexicon).state == state


def test_quote_is_of_the_deciding_sentence(lexicon: Lexicon) -> None:
    assert read_attempt("US liver biopsy. Lesion not seen. Home.", lexicon).quote == "Lesion not seen."


@pytest.mark.parametrize(
    "text", [pytest.param("liver not seen " * 9_000, id="long"), pytest.param("liver not seen " * 50, id="dense")]
)
def test_what_cannot_be_read_whole_is_not_failed(lexicon: Lexicon, text: str) -> None:
    assert read_attempt(text, lexicon) == AttemptReading("uninterpretable", truncated=True)
