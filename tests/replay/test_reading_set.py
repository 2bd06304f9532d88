from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.reading import Lexicon, load_lexicon
from cds_service.replay.reading_set import Matrix, confusion, format_matrix, read_set, report

_TEXTS = """
- id: "a"
  question: pathology
  expect: confirmed
  text: "Liver: adenocarcinoma."
- id: "b"
  question: pathology
  expect: confirmed
  text: "Zzz secretword."
- id: "c"
  question: pathology
  expect: uninterpretable
  text: "Liver: carcinoma."
- id: "d"
  question: liver
  expect: absent
  text: "Liver: probable cyst."
- id: "e"
  question: attempt
  expect: not-failed
  text: "US guided liver biopsy. Cores taken."
- id: "f"
  question: resectability
  expect: resectable
  text: "Borderline resectable tumour."
- id: "g"
  question: protocol-ct
  expect: "yes"
  text: "CT of the abdomen."
- id: "h"
  question: liver
  expect: absent-hedged
  text: "Liver: probable cyst."
"""


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(find_cards() / "lexicon")


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    for name in ("tuning", "frozen", "frozen-3"):
        (tmp_path / f"{name}.yaml").write_text(_TEXTS, encoding="utf-8")
    return tmp_path


def test_counts_and_rates(sets: Path, lexicon: Lexicon) -> None:
    attempt, liver, pathology, protocol, resectability = confusion(read_set(sets / "tuning.yaml"), lexicon)
    assert (attempt.right, attempt.total, attempt.recall) == (1, 1, 1.0)
    assert liver.counts == {("absent", "absent"): 2}
    assert (pathology.right, pathology.total, pathology.wrongly_positive) == (1, 3, 1)
    assert (pathology.recall, pathology.unread) == (0.5, 0.5)
    assert (protocol.wrongly_positive, protocol.recall, protocol.unread) == (0, 0.0, 1.0)
    assert (resectability.wrongly_positive, resectability.recall, resectability.unread) == (1, 0.0, 0.0)


@pytest.mark.parametrize("name", ["tuning", "tuning-2", "spent", "spent-2"])
def test_a_development_set_lists_failures(tmp_path: Path, lexicon: Lexicon, name: str) -> None:
    (tmp_path / f"{name}.yaml").write_text(_TEXTS, encoding="utf-8")
    assert [each.id for each in report(tmp_path, lexicon).failures] == ["b", "c", "f", "g"]


def test_the_frozen_half_lists_no_failures(sets: Path, lexicon: Lexicon) -> None:
    measured = report(sets, lexicon)
    assert [(each.id, each.expect, each.read) for each in measured.failures] == [
        ("b", "confirmed", "uninterpretable"),
        ("c", "uninterpretable", "confirmed"),
        ("f", "resectable", "borderline"),
        ("g", "yes", "not-stated"),
    ]
    (sets / "tuning.yaml").unlink()
    assert report(sets, lexicon).failures == ()


def test_no_text_is_ever_shown(sets: Path, lexicon: Lexicon) -> None:
    measured = report(sets, lexicon)
    shown = measured.text() + repr(measured) + repr(measured.as_json()) + repr(read_set(sets / "frozen.yaml"))
    assert "secretword" not in shown


def test_text_and_json_agree(sets: Path, lexicon: Lexicon) -> None:
    measured = report(sets, lexicon)
    text, plain = measured.text(), measured.as_json()
    assert "frozen, pathology: 1 of 3 as labelled" in text
    assert "  b: labelled confirmed, read uninterpretable" in text
    assert plain["sets"]["frozen"][2]["wrongly_positive"] == 1
    assert plain["failures"][0] == {
        "id": "b",
        "question": "pathology",
        "expect": "confirmed",
        "read": "uninterpretable",
    }


def test_without_failures_no_list_is_printed(tmp_path: Path, lexicon: Lexicon) -> None:
    (tmp_path / "tuning.yaml").write_text(_TEXTS.split('- id: "b"', maxsplit=1)[0], encoding="utf-8")
    assert "Not read" not in report(tmp_path, lexicon).text()


def test_a_matrix_is_printed_with_its_rates() -> None:
    matrix = Matrix("liver", {("absent", "absent"): 12, ("absent", "definite"): 1, ("definite", "definite"): 3})
    assert format_matrix("half", matrix).split("\n") == [
        "half, liver: 15 of 16 as labelled",
        "            absent  definite",
        "  absent        12         1",
        "  definite       0         3",
        "  wrongly definite: 1; definite read as absent: 0; definite recall: 100.0%;"
        " uninterpretable though telling: 0.0%",
    ]


def test_a_definite_text_read_as_absent_is_counted() -> None:
    counts = {("definite", "absent"): 2, ("definite", "suspected"): 1, ("suspected", "absent"): 1}
    assert Matrix("liver", counts).wrongly_denied == 2
    assert Matrix("attempt", {("failed-visibility", "not-failed"): 1}).wrongly_denied == 0


def test_rates_of_nothing() -> None:
    matrix = Matrix("attempt", {("uninterpretable", "uninterpretable"): 1})
    assert (matrix.recall, matrix.unread) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("a: 1", "must be a list", id="no-list"),
        pytest.param('- id: "a"', "each text needs", id="missing-key"),
        pytest.param("- 5", "each text needs", id="no-mapping"),
        pytest.param(_TEXTS.replace("question: liver", "question: lung"), "the question must be one of", id="question"),
        pytest.param(_TEXTS + _TEXTS, "this id stands twice", id="same-id"),
    ],
)
def test_a_slip_is_told(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ContentError, match=problem):
        read_set(path)


def test_an_empty_directory_is_told(tmp_path: Path, lexicon: Lexicon) -> None:
    with pytest.raises(ContentError, match="holds no labelled texts"):
        report(tmp_path, lexicon)
