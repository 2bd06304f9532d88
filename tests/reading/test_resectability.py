"""The resectability reader: quote, bounds, grammar; wordings stand in ``wordings-resectability.yaml``."""

from __future__ import annotations

import pytest

from cds_service.reading import Lexicon, ResectabilityReading, read_resectability


def test_quote_is_of_the_deciding_sentence(lexicon: Lexicon) -> None:
    text = "Pancreatic mass. Borderline resectable tumour. Home."
    assert read_resectability(text, lexicon).quote == "Borderline resectable tumour."


def test_what_states_nothing_has_no_quote(lexicon: Lexicon) -> None:
    assert read_resectability("Unresectable tumour.", lexicon) == ResectabilityReading("not-stated")


@pytest.mark.parametrize(
    "text", [pytest.param("resectable " * 12_000, id="long"), pytest.param("resectable " * 100, id="dense")]
)
def test_what_cannot_be_read_whole_states_nothing(lexicon: Lexicon, text: str) -> None:
    assert read_resectability(text, lexicon) == ResectabilityReading("not-stated", truncated=True)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Preliminary report: Resectable.\nImpression: Pancreatic mass.", "not-stated", id="preliminary"),
        pytest.param("Findings: Unresectable.\nImpression: Resectable.", "not-stated", id="body-against-conclusion"),
        pytest.param("Impression: Locally advanced.\nAddendum: Resectable on review.", "resectable", id="addendum"),
        pytest.param("Locally advanced in May. Now resectable.", "resectable", id="now-sets-aside"),
        pytest.param("Liver metastases. Now resectable.", "metastatic", id="now-sets-no-metastases-aside"),
        pytest.param("Was locally advanced, now resectable.", "resectable", id="now-within-a-sentence"),
        pytest.param("Downstaged from locally advanced to resectable.", "resectable", id="from-to"),
        pytest.param("Locally advanced to resectable.", "not-stated", id="to-without-from"),
        pytest.param("Borderline resectable; if it shrinks, surgery.", "borderline", id="plan-behind-semicolon"),
        pytest.param("Resectable; pending liver MRI.", "not-stated", id="doubt-of-the-whole-sentence"),
        pytest.param("No arterial contact, resectable.", "resectable", id="denial-ends-with-its-finding"),
        pytest.param("No arterial contact and the tumour is resectable.", "resectable", id="denial-ends-at-and"),
        pytest.param("No arterial contact, not resectable.", "not-stated", id="denied-again"),
        pytest.param("No contact, thrombosis or resectable disease.", "not-stated", id="denial-of-a-list"),
        pytest.param("Not, in our view, resectable.", "not-stated", id="denial-without-a-finding"),
        pytest.param("Borderline.", "borderline", id="bare-alone"),
        pytest.param("Creatinine borderline.", "not-stated", id="bare-of-something-else"),
        pytest.param("Category: BR.", "borderline", id="letters-under-a-heading"),
        pytest.param("Category: LA.", "locally-advanced", id="letters-of-locally-advanced"),
        pytest.param("BR. Home.", "not-stated", id="letters-alone"),
        pytest.param("Select one\nResectable ..... no\nBorderline ..... yes", "borderline", id="answered-form"),
        pytest.param("Select one\nResectable .....\nBorderline .....", "not-stated", id="blank-form"),
        pytest.param("[x] borderline", "borderline", id="bare-ticked"),
        pytest.param("Category (x) resectable ( ) borderline", "resectable", id="ticked-in-parentheses"),
        pytest.param("Category ☑ resectable ☐ borderline", "resectable", id="signs"),
        pytest.param("Category: [x]", "not-stated", id="ticked-nothing"),
        pytest.param("Unresectable: arteries encased.", "locally-advanced", id="unresectable-by-arteries"),
        pytest.param("Unresectable. Perhaps encasement.", "not-stated", id="arteries-in-doubt"),
    ],
)
def test_state(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_resectability(text, lexicon).state == state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param("Renal mass. Resectable.", "not-stated", id="sentence-before"),
        pytest.param("No renal mass. Resectable.", "resectable", id="sentence-before-denied"),
        pytest.param("Pancreatic and renal mass. Resectable.", "resectable", id="sentence-before-names-both"),
        pytest.param("In the liver, a lesion is resectable.", "not-stated", id="organ-before-the-comma"),
        pytest.param("Mass in the left kidney is resectable.", "not-stated", id="organ-behind-the-mass"),
        pytest.param("Pancreatic mass, abutting the stomach, is resectable.", "resectable", id="neighbour"),
        pytest.param("Resectable renal mass.", "not-stated", id="organ-behind"),
        pytest.param("Resectable tumour of the kidney.", "not-stated", id="tumour-of-an-organ-behind"),
        pytest.param("Resectable pancreatic mass.", "resectable", id="own-behind"),
        pytest.param("Resectable, with the stomach displaced.", "resectable", id="organ-not-joined"),
        pytest.param("Liver metastases resectable.", "metastatic", id="metastases-first"),
        pytest.param("Metastatic rectal cancer.", "not-stated", id="other-cancer-behind"),
        pytest.param("Rectal cancer metastatic.", "not-stated", id="other-cancer-before"),
        pytest.param("Gallbladder clear; resectable.", "resectable", id="another-clause"),
        pytest.param(
            "Left lung mass; the surgeons call it resectable.", "not-stated", id="tumour-of-the-clause-before"
        ),
        pytest.param("Resectable early lung cancer.", "not-stated", id="adjective-between"),
        pytest.param("Resectable with clear colon.", "resectable", id="neighbour-behind"),
    ],
)
def test_whose_tumour(lexicon: Lexicon, text: str, state: str) -> None:
    assert read_resectability(text, lexicon).state == state
