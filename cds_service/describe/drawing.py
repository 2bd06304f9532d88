"""The flow as an SVG picture: one column of questions, and beside each what it leads to. Plain boxes, no script.

Equal flows give equal bytes. Text is wrapped by counting characters, which holds for the fonts named in ``_FONT``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from cds_service.describe.flow import Station

_FONT = "Verdana, 'DejaVu Sans', Geneva, sans-serif"
_WIDTH = 1080
_EDGE = 20
_BOX = 340
_SHIFT = 40
_CARDS = 460
_CARD = 290
_GAP = 18
_LINE = 16
_LETTERS_OF_BOX = 42
_LETTERS_OF_CARD = 32
_CARDS_PER_LINE = 2
_INK = "#1a1a1a"
_LINES = "#4a4a4a"
_NO_MARKS: Mapping[str, str] = MappingProxyType({})
_FILLS = {"question": "#e8f0fa", "card": "#ffffff", "end": "#f3f3f3"}


def as_svg(flow: tuple[Station, ...], title: str, marks: Mapping[str, str] = _NO_MARKS) -> str:
    """The picture, with a title and a description that a screen reader reads.

    ``marks`` gives boxes a further class for a style sheet, by the id of the decision point or card.
    """
    svg = Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-labelledby": "flow-title flow-desc"}
    )
    SubElement(svg, "title", {"id": "flow-title"}).text = f"Flow of the pathway: {title}"
    SubElement(svg, "desc", {"id": "flow-desc"}).text = _description(flow)
    _arrow_head(svg)
    top, trunk = _EDGE, _EDGE
    previous = 0
    for number, station in enumerate(flow):
        is_branch = bool(station.point.orders)
        left = _EDGE + _SHIFT if is_branch else _EDGE
        words = _wrap(f"{station.point.id}  {station.point.question}", _LETTERS_OF_BOX)
        cards = [
            (_wrap(card.title, _LETTERS_OF_CARD), note, marks.get(card.id, "") if _is_marked(station, marks) else "")
            for card, note in station.cards
        ]
        heights = [
            max(_height(len(text) + 1) for text, _, _ in cards[first : first + _CARDS_PER_LINE])
            for first in range(0, len(cards), _CARDS_PER_LINE)
        ]
        beside = sum(heights) + _GAP // 2 * max(0, len(heights) - 1)
        tall = max(_height(len(words)), beside, _height(1))
        middle = top + tall / 2
        box = _height(len(words))
        if is_branch:
            _line(svg, [(_EDGE + _SHIFT / 2, trunk), (_EDGE + _SHIFT / 2, middle), (left, middle)])
        elif number:
            _line(svg, [(_EDGE + _BOX / 2, previous), (_EDGE + _BOX / 2, middle - box / 2)], "yes")
        _box(svg, left, middle - box / 2, _BOX, words, f"question {marks.get(station.point.id, '')}")
        end = left + _BOX
        if station.point.otherwise:
            text = _wrap(station.point.otherwise, _LETTERS_OF_CARD)
            _line(svg, [(end, middle), (_CARDS, middle)], "no")
            _box(svg, _CARDS, middle - _height(len(text)) / 2, _CARD, text, "end")
        elif cards:
            _line(svg, [(end, middle), (_CARDS - 8, middle)])
            _cards(svg, cards, heights, middle - beside / 2)
        elif is_branch:
            _line(svg, [(end, middle), (_CARDS, middle)])
            _box(svg, _CARDS, middle - _height(1) / 2, _CARD, ["no card"], "end")
        if not is_branch:
            previous = int(middle + box / 2)
            trunk = previous
        top += int(tall) + _GAP + (_GAP // 2 if not is_branch else 0)
    svg.set("viewBox", f"0 0 {_WIDTH} {top}")
    svg.set("width", str(_WIDTH))
    svg.set("height", str(top))
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def _description(flow: tuple[Station, ...]) -> str:
    parts = []
    for station in flow:
        cards = "; ".join(f"{card.title} ({note})" for card, note in station.cards)
        outcome = f" Otherwise: {station.point.otherwise}." if station.point.otherwise else ""
        parts.append(f"{station.point.id}: {station.point.question}{outcome}" + (f" Cards: {cards}." if cards else ""))
    return " ".join(parts)


def _is_marked(station: Station, marks: Mapping[str, str]) -> bool:
    """Whether the cards of a station carry their marks: a card stands at several, and was asked at some."""
    return marks.get(station.point.id) == "here"


def _cards(svg: Element, cards: list[tuple[list[str], str, str]], heights: list[int], top: float) -> None:
    _bracket(svg, top, top + sum(heights) + _GAP // 2 * (len(heights) - 1))
    for row, tall in enumerate(heights):
        for column, (words, note, mark) in enumerate(cards[row * _CARDS_PER_LINE : (row + 1) * _CARDS_PER_LINE]):
            _box(svg, _CARDS + column * (_CARD + _GAP), top, _CARD, [*words, note], f"card {mark}", tall)
        top += tall + _GAP // 2


def _bracket(svg: Element, top: float, bottom: float) -> None:
    left = _CARDS - 8
    SubElement(
        svg,
        "path",
        {"d": f"M {left + 4:g} {top:g} H {left:g} V {bottom:g} H {left + 4:g}", "fill": "none", "stroke": _LINES},
    )


def _box(svg: Element, left: float, top: float, wide: float, lines: list[str], names: str, tall: int = 0) -> None:
    """A rectangle with lines of text; the last line of a card, its version and standing, is small.

    ``names`` are its classes: its kind, then a mark if it has one.
    """
    high = tall or _height(len(lines))
    kind = names.partition(" ")[0]
    group = SubElement(svg, "g", {"class": names.strip()})
    shape = {"x": f"{left:g}", "y": f"{top:g}", "width": f"{wide:g}", "height": f"{high:g}", "rx": "6"}
    dashes = {"stroke-dasharray": "5 4"} if kind == "end" else {}
    SubElement(group, "rect", {**shape, "fill": _FILLS[kind], "stroke": _LINES, **dashes})
    first = top + (high - _LINE * len(lines)) / 2 + _LINE * 0.78
    for number, line in enumerate(lines):
        is_note = kind == "card" and number == len(lines) - 1
        style = {"font-size": "11" if is_note else "13", "font-family": _FONT, "fill": _INK}
        weight = {"font-weight": "bold"} if kind == "card" and not is_note else {}
        place = {"x": f"{left + 12:g}", "y": f"{first + number * _LINE:g}"}
        SubElement(group, "text", {**place, **style, **weight}).text = line


def _line(svg: Element, points: list[tuple[float, float]], label: str = "") -> None:
    path = " L ".join(f"{x:g} {y:g}" for x, y in points)
    SubElement(
        svg,
        "path",
        {"d": f"M {path}", "fill": "none", "stroke": _LINES, "stroke-width": "1.5", "marker-end": "url(#tip)"},
    )
    if label:
        (x, y), (to_x, to_y) = points[-2:]
        beside = (x + 8, (y + to_y) / 2 + 4) if x == to_x else ((x + to_x) / 2 - 10, y - 6)
        style = {"font-size": "12", "font-family": _FONT, "fill": _INK}
        SubElement(svg, "text", {"x": f"{beside[0]:g}", "y": f"{beside[1]:g}", **style}).text = label


def _arrow_head(svg: Element) -> None:
    shape = {
        "viewBox": "0 0 10 10",
        "refX": "9",
        "refY": "5",
        "markerWidth": "7",
        "markerHeight": "7",
        "orient": "auto",
    }
    marker = SubElement(SubElement(svg, "defs"), "marker", {"id": "tip", **shape})
    SubElement(marker, "path", {"d": "M 0 0 L 10 5 L 0 10 z", "fill": _LINES})


def _height(lines: int) -> int:
    return lines * _LINE + 20


def _wrap(text: str, letters: int) -> list[str]:
    """Lines of at most so many letters; a longer word stands alone."""
    lines: list[str] = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
