"""The flow: every card at its decision point, as Mermaid text and as a picture that needs no eyes."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from cds_service.describe.drawing import as_svg
from cds_service.describe.flow import as_mermaid, stations
from cds_service.pathway.content import Content
from tests.describe.conftest import TODAY

SVG = "{http://www.w3.org/2000/svg}"


def test_every_card_stands_at_a_decision_point(content: Content) -> None:
    assert {card.id for station in stations(content, TODAY) for card, _ in station.cards} == {
        card.id for card in content.cards
    }


def test_cards_stand_where_the_pathway_puts_them(content: Content) -> None:
    """Pathway 3.1, D3 to D8."""
    placed = {station.point.id: {card.id for card, _ in station.cards} for station in stations(content, TODAY)}
    assert {"tissue-before-systemic-therapy", "histology-does-not-match-regimen"} <= placed["D3"]
    assert {"us-biopsy-failed-change-guidance", "tissue-already-confirmed"} <= placed["D4"]
    assert {"resection-with-liver-metastases", "mri-before-resection-decision"} <= placed["D5"]
    assert "staging-laparoscopy-before-resection" in placed["D5"]
    assert {"pancreas-protocol-ct", "pet-ct-not-first"} <= placed["D6"]
    assert "tissue-and-ct-at-biliary-stent" in placed["D7"]
    assert "fitness-before-intensive-regimen" in placed["D8"]


def test_a_card_that_is_switched_off_says_so(content: Content) -> None:
    notes = {card.id: note for station in stations(content, TODAY) for card, note in station.cards}
    assert notes["pet-ct-not-first"] == "1.0.0, draft, switched off"
    assert notes["tissue-before-systemic-therapy"].endswith("draft")


def test_mermaid_has_every_point_card_and_arrow_once(content: Content) -> None:
    flow = stations(content, TODAY)
    lines = as_mermaid(flow).splitlines()
    assert lines[0] == "flowchart TD"
    assert len(lines) == len(set(lines))
    assert '  D0{"D0: Is the order one of ours?"}' in lines
    assert "  D0 -- yes --> D1" in lines
    assert "  D2 --> D8" in lines
    assert "  D3 --> card_tissue_before_systemic_therapy" in lines
    for card in content.cards:
        assert sum(line.startswith(f"  card_{card.id.replace('-', '_')}[") for line in lines) == 1


def test_mermaid_escapes_labels_and_needs_no_chain(content: Content) -> None:
    odd = replace(content.cards[0], title='A "quoted" <b> & more')
    points = tuple(point for point in content.review.decision_points if point.orders)
    small = replace(content, cards=(odd,), review=replace(content.review, decision_points=points))
    text = as_mermaid(stations(small, TODAY))
    assert "card_" in text
    assert "A #quot;quoted#quot; #lt;b#gt; #amp; more" in text
    assert "D2" not in text


def test_the_picture_is_well_formed_the_same_each_time_and_speaks(content: Content) -> None:
    flow = stations(content, TODAY)
    drawn = as_svg(flow, content.pathway.title)
    assert drawn == as_svg(flow, content.pathway.title)
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img"
    ids = {node.get("id"): (node.text or "") for node in root if node.get("id")}
    assert (root.get("aria-labelledby") or "").split() == ["flow-title", "flow-desc"]
    assert content.pathway.title in ids["flow-title"]
    for card in content.cards:
        assert card.title in ids["flow-desc"]
    assert "script" not in drawn
    assert "href" not in drawn


def test_every_box_is_inside_the_picture_and_none_covers_another(content: Content) -> None:
    root = ElementTree.fromstring(as_svg(stations(content, TODAY), "x"))
    wide, high = (float(root.get(side, "0")) for side in ("width", "height"))
    boxes = [[float(box.get(side, "0")) for side in ("x", "y", "width", "height")] for box in root.iter(f"{SVG}rect")]
    assert len(boxes) > len(content.cards)
    for x, y, w, h in boxes:
        assert x >= 0
        assert y >= 0
        assert x + w <= wide
        assert y + h <= high
    for number, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[number + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_a_point_without_cards_says_so(content: Content) -> None:
    empty = as_svg(stations(replace(content, cards=()), TODAY), "x")
    assert empty.count(">no card<") == 6
