"""The reach of modifiers, seen through the pathology vocabulary."""

from __future__ import annotations

import pytest

from cds_service.reading import Lexicon
from cds_service.reading.document import read_document
from cds_service.reading.scope import judge


def _effects(text: str, lexicon: Lexicon) -> list[tuple[str, str]]:
    document = read_document(text, lexicon.spelling, lexicon.headings, lexicon.abbreviations)
    out = []
    for sentence in document.sentences:
        matches = lexicon.pathology.find(document.words, sentence.start, sentence.end)
        for match, effects in judge(document.words, sentence, matches):
            out.append((" ".join(document.words[match.start : match.end]), " ".join(sorted(effects))))
    return out


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        pytest.param("Carcinoma", [("carcinoma", "")], id="plain"),
        pytest.param("No carcinoma", [("carcinoma", "negated")], id="before"),
        pytest.param("No carcinoma or lymphoma", [("carcinoma", "negated"), ("lymphoma", "negated")], id="list"),
        pytest.param("Carcinoma not seen", [("carcinoma", "negated")], id="after"),
        pytest.param("Carcinoma: not seen", [("carcinoma", "negated")], id="after-a-colon"),
        pytest.param("Carcinoma was queried but not confirmed", [("carcinoma", "aside negated")], id="after-but-alone"),
        pytest.param(
            "Carcinoma but lymphoma not seen", [("carcinoma", ""), ("lymphoma", "negated")], id="after-stops-at-but"
        ),
        pytest.param(
            "No lymphoma but carcinoma", [("lymphoma", "negated"), ("carcinoma", "")], id="before-stops-at-but"
        ),
        pytest.param("No lymphoma; carcinoma", [("lymphoma", "negated"), ("carcinoma", "")], id="semicolon"),
        pytest.param(
            "No lymphoma, multiple carcinomas",
            [("lymphoma", "negated"), ("carcinoma", "")],
            id="new-statement-after-comma",
        ),
        pytest.param(
            "Suspicious for lymphoma, multiple carcinomas",
            [("lymphoma", "suspected"), ("carcinoma", "suspected")],
            id="a-doubt-goes-on-past-a-new-statement",
        ),
        pytest.param(
            "Carcinoma, lymphoma not seen", [("carcinoma", ""), ("lymphoma", "negated")], id="after-takes-the-nearest"
        ),
        pytest.param(
            "Adenocarcinoma or carcinoma not seen",
            [("adenocarcinoma", "negated"), ("carcinoma", "negated")],
            id="after-takes-what-is-joined",
        ),
        pytest.param(
            "Carcinoma of the pancreas is not seen",
            [("carcinoma", "negated"), ("pancreas", "negated")],
            id="after-goes-through-a-place",
        ),
        pytest.param("Carcinoma. Margins negative", [("carcinoma", ""), ("margin", "")], id="attribute"),
        pytest.param(
            "Carcinoma, perineural invasion not seen",
            [("carcinoma", ""), ("perineural invasion", "negated")],
            id="attribute-absorbs",
        ),
        pytest.param("Likely carcinoma", [("carcinoma", "suspected")], id="both-forward"),
        pytest.param("Carcinoma likely", [("carcinoma", "suspected")], id="both-backward"),
        pytest.param(
            "Likely on this day in this place for me carcinoma", [("carcinoma", "suspected")], id="both-far-forward"
        ),
        pytest.param(
            "Carcinoma versus lymphoma", [("carcinoma", "indeterminate"), ("lymphoma", "indeterminate")], id="around"
        ),
        pytest.param(
            "Lymphoma favoured over carcinoma", [("lymphoma", "suspected"), ("carcinoma", "unlikely")], id="over"
        ),
        pytest.param(
            "Favour lymphoma over carcinoma",
            [("lymphoma", "suspected"), ("carcinoma", "suspected unlikely")],
            id="favour",
        ),
        pytest.param("Carcinoma over lymphoma", [("carcinoma", ""), ("lymphoma", "")], id="over-without-favour"),
        pytest.param("Known carcinoma", [("carcinoma", "known")], id="known"),
        pytest.param("Known x y z v w u carcinoma", [("carcinoma", "")], id="known-reaches-only-near"),
        pytest.param("Known x, carcinoma", [("carcinoma", "")], id="known-stops-at-a-comma"),
        pytest.param("Carcinoma? Lymphoma", [("carcinoma", "aside"), ("lymphoma", "")], id="question"),
        pytest.param("?carcinoma", [("carcinoma", "indeterminate")], id="query"),
        pytest.param("Indication was carcinoma", [("carcinoma", "aside")], id="whole-sentence"),
        pytest.param("No doubt a carcinoma", [("carcinoma", "")], id="neutral"),
        pytest.param("Not seen", [], id="nothing-found"),
        pytest.param("x is not seen and carcinoma", [("carcinoma", "")], id="after-with-nothing-before"),
        pytest.param("Carcinoma " + "x " * 20 + "not seen", [("carcinoma", "")], id="after-does-not-reach-far"),
    ],
)
def test_reach(lexicon: Lexicon, text: str, effects: list[tuple[str, str]]) -> None:
    assert _effects(text, lexicon) == effects
