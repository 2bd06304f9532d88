"""The pages of a review meeting: an index, one page per card, and the flow, in Markdown and HTML.

HTML is escaped by the template engine, holds its style sheet and its picture, and refers to nothing elsewhere.
"""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from cds_service.describe.drawing import as_svg
from cds_service.describe.flow import as_mermaid, stations
from cds_service.describe.page import make_page
from cds_service.describe.register import all_cards
from cds_service.describe.trace import trace_rows
from cds_service.describe.triggers import trigger_sets
from cds_service.describe.value_sets import read_value_sets
from cds_service.describe.words import long_summary, short_summary
from cds_service.errors import ContentError
from cds_service.pathway.content import Content

_MARKS = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_[]|#"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"})


def make_pages(content: Content, cards: Path, today: date) -> dict[str, str]:
    """File name to text of everything that ``describe`` writes. ``cards`` is the directory the content came from."""
    codes = trigger_sets(content, read_value_sets(cards / "value-sets"))
    pages = [make_page(card, content, codes, today) for card in all_cards(content)]
    flow = stations(content, today)
    svg = as_svg(flow, content.pathway.title)
    mermaid = as_mermaid(flow)
    made = {"pathway.mmd": mermaid, "pathway.svg": svg}
    environment = _environment(content)
    shared = {"pathway": content.pathway, "digest": content.digest[:12], "today": today.isoformat()}
    index = {**shared, "pages": pages, "trace": trace_rows(content), "mermaid": mermaid, "svg": svg}
    for kind in ("md", "html"):
        made[f"index.{kind}"] = environment.get_template(f"index.{kind}.j2").render(index)
        template = environment.get_template(f"card.{kind}.j2")
        for page in pages:
            name = f"{page.card.id}.{kind}"
            if name in made:
                raise ContentError(page.card.where("id"), f"the page {name} is not a card's: give the card another id")
            made[name] = template.render({**shared, "page": page})
    return made


def write_pages(made: dict[str, str], out: Path) -> tuple[Path, ...]:
    """Write the files into a directory, which is made if need be; their paths, sorted. Other files there stay."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (out / name).write_text(text, encoding="utf-8")
    return tuple(out / name for name in sorted(made))


def _environment(content: Content) -> Environment:
    environment = Environment(
        loader=PackageLoader("cds_service.describe"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_text
    environment.filters["fenced"] = fenced
    environment.filters["short"] = short_summary
    environment.filters["long"] = partial(long_summary, content)
    return environment


def fenced(text: str, language: str = "") -> str:
    """Text as a code block of Markdown, between fences that it cannot close."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def escape_text(text: str) -> str:
    """Text of ours in Markdown, tables included: marks stand as they are, line ends become blanks."""
    return " ".join(text.split()).translate(_MARKS)
