"""The table of regimens: every slip is refused with its file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.facts.medications import AGENTS
from cds_service.facts.regimen_table import RegimenTable, load_regimens
from tests.facts.cases import lexicon, regimens, terms

GOOD = """named_regimens:
  "regimen.folfox": ["drug.fluorouracil", "drug.oxaliplatin"]
otherwise: "another histology"
histologies:
  - label: "NET"
    means: ["histology.neuroendocrine_tumour"]
    standard:
      - ["drug.capecitabine", "drug.temozolomide"]
  - label: "breast cancer"
    labels: ["breast"]
"""


def load(text: str, folder: Path) -> RegimenTable:
    path = folder / "regimens.yaml"
    path.write_text(text, encoding="utf-8")
    return load_regimens(path, terms(), lexicon())


def test_a_good_table_is_read(tmp_path: Path) -> None:
    table = load(GOOD, tmp_path)
    assert table.companions == {"drug.temozolomide"}
    assert table.agents_of(frozenset({"regimen", "regimen.folfox", "route.iv"})) == {
        "drug.fluorouracil",
        "drug.oxaliplatin",
    }
    assert table.agents_of(frozenset({"regimen", "drug.cisplatin", "drug.leucovorin"})) == {"regimen", "drug.cisplatin"}
    assert table.histology_of({"histology.neuroendocrine_tumour"}, {"breast"}).label == "NET"
    assert table.histology_of({"cond.liver_metastasis"}, {"breast"}).label == "breast cancer"
    assert table.histology_of((), ("ovary",)).label == "another histology"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('otherwise: "another', 'other: "another', r"yaml: unknown or missing key 'other'", id="key"),
        pytest.param('otherwise: "another histology"\n', "", r"unknown or missing key 'otherwise'", id="missing-key"),
        pytest.param('"another histology"', "3", r"yaml:3: must be a text", id="no-text"),
        pytest.param('"regimen.folfox":', '"regimen.unheard":', r"yaml:2: 'regimen.unheard' is neither", id="regimen"),
        pytest.param('"regimen.folfox":', '"drug.cisplatin":', r"yaml:2: 'drug.cisplatin' is neither", id="no-regimen"),
        pytest.param('"drug.oxaliplatin"]', '"drug.unheard"]', r"yaml:2: 'drug.unheard' is neither", id="agent"),
        pytest.param('"drug.temozolomide"]', '"regimen"]', r"yaml:5: 'regimen' is neither", id="no-agent"),
        pytest.param('["drug.capecitabine", "drug.temozolomide"]', "[]", r"yaml:5: a regimen names", id="no-agents"),
        pytest.param('["drug.capecitabine", "drug.temozolomide"]', '"x"', r"yaml:5: must be a list", id="no-list"),
        pytest.param("histology.neuro", "histology.endo", r"yaml:5: 'histology.endo", id="unknown-histology"),
        pytest.param('    labels: ["breast"]\n', "", r"yaml:9: a histology needs", id="means-nothing"),
        pytest.param('    labels: ["breast"]', "    labels: [3]", r"yaml:9: must be a text", id="label-no-text"),
        pytest.param(
            '    labels: ["breast"]', '    name: ["x"]', r"yaml:9: unknown or missing key 'name'", id="entry-key"
        ),
        pytest.param(
            '  - label: "NET"\n    means', "  - means", r"yaml:5: unknown or missing key 'label'", id="no-label"
        ),
        pytest.param('"breast cancer"', '"NET"', r"yaml:5: two histologies have the same label", id="label-twice"),
    ],
)
def test_slips_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(ContentError, match=message):
        load(GOOD.replace(old, new), tmp_path)


@pytest.mark.parametrize("text", ["[]\n", '"x"\n', GOOD.replace(GOOD[GOOD.index("  - label") :], '  "x"\n')])
def test_wrong_shapes_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=re.escape("must be a ")):
        load(text, tmp_path)


def test_the_shipped_table_holds_the_examples_of_the_pathway() -> None:
    shipped = {each.label: each.standard for each in regimens().histologies if each.standard}
    assert shipped == {
        "NEC": {frozenset({"drug.cisplatin", "drug.etoposide"})},
        "NET": {frozenset({"drug.capecitabine", "drug.temozolomide"})},
        "colorectal cancer": {frozenset({"drug.fluorouracil", "drug.oxaliplatin"})},
    }
    assert regimens().companions.isdisjoint(AGENTS)
    assert (find_cards() / "pancreatic-liver-metastases" / "regimens.yaml").is_file()
