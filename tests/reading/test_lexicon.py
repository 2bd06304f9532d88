from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.reading import load_lexicon
from cds_service.reading.liver import read_liver


@pytest.fixture
def copied(tmp_path: Path, lexicon_directory: Path) -> Path:
    """A lexicon that a test may spoil."""
    return Path(shutil.copytree(lexicon_directory, tmp_path / "lexicon"))


def _line(path: Path, text: str) -> int:
    return path.read_text(encoding="utf-8").split("\n").index(text) + 1


@pytest.mark.parametrize(
    ("name", "added", "problem"),
    [
        pytest.param("pathology.yaml", '\ncancers:\n  - "x"\n', "unknown key 'cancers'", id="unknown-class"),
        pytest.param(
            "pathology.yaml", '  - "not seen"\n', "'not seen' stands already under negated, after", id="contradiction"
        ),
        pytest.param("pathology.yaml", '  - "Revised"\n', "'Revised' stands already under revision", id="duplicate"),
        pytest.param("pathology.yaml", '  - ""\n', "is not a phrase", id="empty"),
        pytest.param("pathology.yaml", "  - 5\n", "5 is not a phrase", id="number"),
        pytest.param("modifiers.yaml", '\nnegate:\n  - "x"\n', "unknown key 'negate'", id="unknown-modifier"),
        pytest.param("sections.yaml", '\nheader:\n  - "x"\n', "unknown key 'header'", id="unknown-section"),
        pytest.param("spelling.yaml", '\nx:\n  - "tumor"\n', "'tumor' is spelt in two ways", id="two-spellings"),
        pytest.param(
            "spelling.yaml", '\nx:\n  - "tumour"\n', "'tumour' is spelt in two ways", id="spelling-of-a-spelling"
        ),
    ],
)
def test_a_slip_is_told_with_its_line(copied: Path, name: str, added: str, problem: str) -> None:
    path = copied / name
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n" + added
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=problem) as caught:
        load_lexicon(copied)
    where, line = caught.value.where.rsplit(":", 1)
    assert where == str(path)
    assert int(line) in (text.count("\n"), text.count("\n") - 1)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param('["almost", ', '["two words", ', "'two words' is not one word", id="two-words"),
        pytest.param('["almost", ', '["Almost", ', "'Almost' is not one word", id="capital"),
        pytest.param('["almost", ', '["tumor", ', "'tumor' is not one word", id="never-spelt-so"),
        pytest.param("  partly:", "  in_part:", "unknown key 'in_part'", id="unknown-list"),
    ],
)
def test_a_word_that_no_reader_could_meet_is_told(copied: Path, old: str, new: str, problem: str) -> None:
    path = copied / "words.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ContentError, match=problem) as caught:
        load_lexicon(copied)
    assert caught.value.where == f"{path}:{text[: text.index(old)].count(chr(10)) + 1}"


def test_a_missing_class_is_told(copied: Path) -> None:
    (copied / "attempt.yaml").write_text('seen:\n  - "x"\n', encoding="utf-8")
    with pytest.raises(ContentError, match=r"attempt\.yaml: the key '.*' is missing"):
        load_lexicon(copied)


@pytest.mark.parametrize("content", ["[]", "{}"])
def test_a_file_must_be_a_mapping(copied: Path, content: str) -> None:
    (copied / "spelling.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ContentError, match="must be a mapping"):
        load_lexicon(copied)


@pytest.mark.parametrize("content", ["a: []", 'a: "x"'])
def test_a_class_must_be_a_list(copied: Path, content: str) -> None:
    (copied / "spelling.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ContentError, match=r"spelling\.yaml:1: must be a list"):
        load_lexicon(copied)


@pytest.mark.parametrize("replacement", ['over:\n  "sideways":', "over:"])
def test_a_modifier_needs_a_known_direction(copied: Path, replacement: str) -> None:
    path = copied / "modifiers.yaml"
    text = path.read_text(encoding="utf-8")
    head, tail = text.split("\nover:\n")
    rest = tail[tail.index("\n\n") :]
    item = '\n    - "zzz"' if "sideways" in replacement else '\n  - "zzz"'
    path.write_text(f"{head}\n{replacement}{item}{rest}", encoding="utf-8")
    with pytest.raises(ContentError, match="over may have only"):
        load_lexicon(copied)


def test_every_phrase_stands_on_its_own_quoted_line(lexicon_directory: Path) -> None:
    for path in sorted(lexicon_directory.glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").split("\n")
        assert lines[0].startswith("# "), path
        assert any(line.startswith("# Reviewed by") or "Reviewed by:" in line for line in lines[:20]), path
        loose = [
            line for line in lines if line.strip().startswith("- ") and not line.strip()[2:].startswith(('"', '["'))
        ]
        assert not loose, path


def test_memory_is_bounded_and_keeps_no_long_text(lexicon_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon = load_lexicon(lexicon_directory)
    long = "Pancreatic cancer " + "x" * 100
    monkeypatch.setattr("cds_service.reading.lexicon.MOST_REMEMBERED", 1)
    for text in (long, "Pancreatic cancer", long):
        assert "cond.pancreas_primary" in lexicon.names(text)
    assert long not in repr(vars(lexicon)["_memory"])


def test_memory_never_grows_past_its_bound(lexicon_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon = load_lexicon(lexicon_directory)
    monkeypatch.setattr("cds_service.reading.lexicon.MOST_REMEMBERED", 3)
    for number in range(10):
        lexicon.names(f"display {number}")
    assert len(vars(lexicon)["_memory"]) == 3
    assert "cond.pancreas_primary" in lexicon.names("Pancreatic cancer")


@pytest.mark.parametrize("bound", [0, 20_000])
def test_memory_never_changes_an_answer(lexicon_directory: Path, monkeypatch: pytest.MonkeyPatch, bound: int) -> None:
    monkeypatch.setattr("cds_service.reading.lexicon.MOST_REMEMBERED", bound)
    texts = [
        "Liver metastases.",
        "Liver normal.",
        "Lungs clear.",
        "Zzz.",
        "",
        "Pancreatic cancer " + "x" * 100,
        "\ud800",
    ]
    lexicon = load_lexicon(lexicon_directory)
    fresh = [(read_liver(text, lexicon), lexicon.names(text)) for text in texts]
    assert [(read_liver(text, lexicon), lexicon.names(text)) for text in texts] == fresh
    assert [state.state for state, _ in fresh[:4]] == ["definite", "absent", "not-found", "uninterpretable"]
