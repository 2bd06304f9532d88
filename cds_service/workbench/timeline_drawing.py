"""The timeline as an SVG picture: one axis that runs down, a mark of its own shape and colour for each kind of event.

Distances grow with the logarithm of the time between two days, so that years do not push days together. Colours come
from the style sheet; shapes tell the kinds apart without them.
"""

from __future__ import annotations

import math
from datetime import date
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

from cds_service.workbench.timeline import LANES, Event, Lane, Timeline

_WIDTH = 300
_AXIS = 12
_TEXT = 30
_LINE = 15
_LETTERS = 38
_MOST_LINES = 2
_STEP = 7
_TELLS_GAP = 10
_DAYS_OF_WEEK, _DAYS_OF_MONTH, _DAYS_OF_YEAR = 7, 30.4, 365.25
_MOST_DAYS, _MOST_WEEKS, _MOST_MONTHS = 20, 12, 23


def draw_timeline(timeline: Timeline) -> str:
    """The picture. Each event is a button that names its resource (``data-reference``)."""
    svg = Element("svg", {"class": "timeline", "role": "group", "aria-label": "Timeline of the record"})
    axis = SubElement(svg, "path", {"class": "axis"})
    top = 14.0
    last: date | None = None
    days = [(day, list(events)) for day, events in groupby(timeline.events, key=lambda event: event.day)]
    if timeline.now not in {day for day, _ in days}:
        days.append((timeline.now, []))
    days.sort(key=lambda item: item[0] or date.max)
    first_top = top
    for day, events in days:
        if last is not None and day is not None:
            top += _gap(svg, (day - last).days, top)
        elif last is not None:
            top += _STEP
        top = _day(svg, day, events, top, is_now=day == timeline.now)
        last = day or last
    axis.set("d", f"M {_AXIS} {first_top - 6:g} V {top - 14:g}")
    if timeline.left_out:
        _text(svg, _TEXT, top, f"and {timeline.left_out} more", "quiet")
        top += _LINE
    svg.set("viewBox", f"0 0 {_WIDTH} {top:g}")
    svg.set("width", str(_WIDTH))
    svg.set("height", f"{top:g}")
    return tostring(svg, encoding="unicode")


def _day(svg: Element, day: date | None, events: list[Event], top: float, *, is_now: bool) -> float:
    """One day and its events; where the next may begin."""
    shown = events[0].when.text if events and events[0].when is not None else ""
    if is_now:
        SubElement(svg, "path", {"class": "now", "d": f"M 0 {top - 4:g} H {_WIDTH}"})
        _text(svg, _TEXT, top - 9, f"{day} this order", "now")
        top += 12
    if events and not is_now:
        _text(svg, _TEXT, top, shown or (day.isoformat() if day is not None else "no date"), "date")
        top += _LINE
    for event in events:
        top = _event(svg, event, top)
    return top + 4


def _event(svg: Element, event: Event, top: float) -> float:
    lines = _wrap(event.label)
    said = f"{LANES[event.lane]}: {event.label}, {event.when.text if event.when else 'no date'}"
    said += f", {event.status}" if event.status else ""
    said += "" if event.is_sent else ", not in this call"
    said = _printable(f"{said}, {event.unused}" if event.unused else said)
    group = SubElement(
        svg,
        "g",
        {
            "class": f"event {event.lane}" + ("" if event.is_sent else " unsent") + (" unused" if event.unused else ""),
            "role": "button",
            "tabindex": "0",
            "data-reference": _printable(event.reference),
            "aria-label": said,
        },
    )
    SubElement(group, "title").text = said
    tall = _LINE * len(lines) + 14
    SubElement(
        group,
        "rect",
        {"class": "area", "x": "2", "y": f"{top - 12:g}", "width": f"{_WIDTH - 4}", "height": f"{tall:g}", "rx": "4"},
    )
    _mark(group, event.lane, top - 4)
    for line in lines:
        _text(group, _TEXT, top, line, "label")
        top += _LINE
    about = event.unused or (event.status if event.is_sent else "not in this call")
    _text(group, _TEXT, top - 1, LANES[event.lane] + (f" · {about}" if about else ""), "kind")
    return top + _LINE + 4


def _mark(group: Element, lane: Lane, middle: float) -> None:
    x, y = _AXIS, middle
    shapes = {
        "condition": ("circle", {"cx": f"{x}", "cy": f"{y:g}", "r": "5.5"}),
        "imaging": ("rect", {"x": f"{x - 5}", "y": f"{y - 5:g}", "width": "10", "height": "10"}),
        "pathology": ("path", {"d": f"M {x} {y - 7:g} l 7 7 l -7 7 l -7 -7 z"}),
        "procedure": ("path", {"d": f"M {x} {y - 7:g} l 7 12 h -14 z"}),
        "order": ("path", {"d": f"M {x - 6} {y - 5:g} h 8 l 5 5 l -5 5 h -8 z"}),
        "therapy": ("rect", {"x": f"{x - 7}", "y": f"{y - 4:g}", "width": "14", "height": "8", "rx": "4"}),
        "other": ("circle", {"cx": f"{x}", "cy": f"{y:g}", "r": "3.5"}),
    }
    name, place = shapes[lane]
    SubElement(group, name, {"class": "mark", **place})


def _gap(svg: Element, days: int, top: float) -> float:
    """The room that a gap takes; a long one is told in words."""
    room = _STEP * math.log2(1 + max(days, 0))
    if days < _TELLS_GAP:
        return room
    room = max(room, 26)
    _text(svg, _TEXT, top + room / 2 - 6, _in_words(days), "quiet")
    return room


def _in_words(days: int) -> str:
    """How long a gap is, as somebody would say it."""
    if days <= _MOST_DAYS:
        return f"{days} days"
    weeks, months = round(days / _DAYS_OF_WEEK), round(days / _DAYS_OF_MONTH)
    if weeks <= _MOST_WEEKS:
        return f"{weeks} weeks"
    return f"{months} months" if months <= _MOST_MONTHS else f"{round(days / _DAYS_OF_YEAR)} years"


def _wrap(text: str) -> list[str]:
    """At most two lines; what does not fit stands in the tooltip."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _LETTERS:
            lines.append(word[: _LETTERS * 2])
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1][: _LETTERS - 2]} …"]
    return [line if len(line) <= _LETTERS else f"{line[: _LETTERS - 2]} …" for line in lines]


def _text(parent: Element, x: float, y: float, text: str, name: str) -> None:
    SubElement(parent, "text", {"class": name, "x": f"{x:g}", "y": f"{y:g}"}).text = _printable(text)


def _printable(text: str) -> str:
    """Text that XML can hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
