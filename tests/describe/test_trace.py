"""The trace: generated from the content, with a line for each of the 64 statements."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from cds_service.describe.trace import trace_markdown, trace_rows
from cds_service.pathway.content import Content

STORED = Path(__file__).resolve().parents[2] / "docs" / "pathway-trace.md"


def test_the_stored_trace_is_the_generated_one(content: Content) -> None:
    assert STORED.read_text(encoding="utf-8") == trace_markdown(content), "run make trace"


def test_every_statement_has_a_line_that_leads_somewhere(content: Content) -> None:
    lines = dict(re.findall(r"^\| (S\d+) \|.*\| ([^|]+) \|$", trace_markdown(content), re.MULTILINE))
    assert list(lines) == [f"S{number}" for number in range(1, 65)]
    for end in lines.values():
        assert end.startswith(("`", "fact `", "none: "))
    assert "`tissue-before-systemic-therapy`" in lines["S18"]
    assert lines["S11"] == "fact `liver_metastases`"
    assert lines["S45"].startswith("none: banned figure")


def test_a_lost_statement_cries_out(content: Content) -> None:
    lost = replace(content.statements["S45"], reason="")
    bare = replace(content, statements=MappingProxyType({"S45": lost}))
    assert "**nobody, and no reason is given**" in trace_markdown(bare)


def test_a_retired_card_carries_nothing(content: Content) -> None:
    retired = tuple(replace(card, status="retired") for card in content.cards)
    rows = trace_rows(replace(content, cards=(), retired=retired))
    assert not any(row["cards"] for row in rows)
