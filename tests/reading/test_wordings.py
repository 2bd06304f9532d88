"""Many ways to word a finding, and the state that each must give (``wordings-*.yaml``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cds_service.content_files import read_yaml
from cds_service.reading import (
    AttemptReading,
    Lexicon,
    LiverReading,
    PathologyReading,
    ProtocolReading,
    ResectabilityReading,
    html_to_text,
    read_attempt,
    read_liver,
    read_pathology,
    read_protocol_ct,
    read_resectability,
)

Reading = PathologyReading | LiverReading | AttemptReading | ResectabilityReading | ProtocolReading
_READERS: Mapping[str, Callable[[str, Lexicon], Reading]] = {
    "pathology": read_pathology,
    "liver": read_liver,
    "attempt": read_attempt,
    "resectability": read_resectability,
    "protocol-ct": read_protocol_ct,
}


def _wordings() -> list[tuple[str, str, str]]:
    here = Path(__file__).parent
    return [
        (question, state, text)
        for question in _READERS
        for state, texts in read_yaml(here / f"wordings-{question}.yaml").items()
        for text in texts
    ]


@pytest.mark.parametrize(
    ("question", "state", "text"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{number:03}") for number, row in enumerate(_wordings())],
)
def test_wording(lexicon: Lexicon, question: str, state: str, text: str) -> None:
    read = _READERS[question](text, lexicon).state
    assert read.removesuffix("-hedged") == state


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-confirmed.yaml"))
def test_never_confirmed(lexicon: Lexicon, text: str) -> None:
    assert read_pathology(text, lexicon).state in {"non-diagnostic", "uninterpretable"}


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-definite.yaml"))
def test_never_definite(lexicon: Lexicon, text: str) -> None:
    assert read_liver(text, lexicon).state != "definite"


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-absent.yaml"))
def test_never_absent(lexicon: Lexicon, text: str) -> None:
    assert read_liver(text, lexicon).state == "definite"


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-resectable.yaml"))
def test_never_resectable(lexicon: Lexicon, text: str) -> None:
    assert read_resectability(text, lexicon).state not in {"resectable", "borderline"}


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-failed.yaml"))
def test_never_failed(lexicon: Lexicon, text: str) -> None:
    assert read_attempt(text, lexicon).state != "failed-visibility"


@pytest.mark.parametrize("text", read_yaml(Path(__file__).parent / "never-protocol.yaml"))
def test_never_protocol(lexicon: Lexicon, text: str) -> None:
    assert read_protocol_ct(text, lexicon).state != "yes"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Pancreas, FNB: Adenocarcinoma. Molecular testing should be considered.", id="should-elsewhere"),
        pytest.param("Liver core almost entirely replaced by adenocarcinoma.", id="almost-entirely"),
        pytest.param("[x] Malignant: adenocarcinoma", id="ticked"),
        pytest.param("Adenocarcinoma; no lymphovascular invasion.", id="invasion-denied"),
        pytest.param("Positive for malignancy: adenocarcinoma (see comment).", id="see-comment"),
        pytest.param("Residual adenocarcinoma, near complete response.", id="near-complete-response"),
    ],
)
def test_caution_does_not_swallow_plain_diagnoses(lexicon: Lexicon, text: str) -> None:
    assert read_pathology(text, lexicon).state == "confirmed"


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<ul><li>[&nbsp;] Adenocarcinoma</li><li>[x] Benign</li></ul>", id="boxes"),
        pytest.param("<b>Malignant cells</b>: <i>not</i> seen<br/>", id="inline-tags"),
        pytest.param("<tr><th>Adenocarcinoma</th><td>Not present</td></tr>", id="cells"),
        pytest.param("<p>Diagnosis:</p><script>adenocarcinoma</script><p>Cholangitis.</p>", id="script"),
    ],
)
def test_markup_never_confirms(lexicon: Lexicon, html: str) -> None:
    assert read_pathology(html_to_text(html), lexicon).state in {"non-diagnostic", "uninterpretable"}
