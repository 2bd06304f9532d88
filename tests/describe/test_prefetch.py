"""The templates to type in: generated from the content, each with what rests on it."""

from __future__ import annotations

import re
from pathlib import Path

from cds_service.describe.prefetch import prefetch_markdown, prefetch_rows
from cds_service.facts.registry import all_facts
from cds_service.pathway.content import Content

STORED = Path(__file__).resolve().parents[2] / "docs" / "prefetch-templates.md"


def test_the_stored_templates_are_the_generated_ones(content: Content) -> None:
    assert STORED.read_text(encoding="utf-8") == prefetch_markdown(content), "run make prefetch"


def test_every_template_can_be_typed_as_discovery_has_it(content: Content) -> None:
    [block] = re.findall(r"```\n(.*?)```", prefetch_markdown(content), re.DOTALL)
    typed = dict(line.split(": ", 1) for line in block.splitlines())
    assert typed == dict(content.prefetch)


def test_conditions_are_required_and_named_so(content: Content) -> None:
    """Decision 2: without the Conditions the answer is 412."""
    required = [row["key"] for row in prefetch_rows(content) if row["required"]]
    assert required == ["conditions"]
    assert "Required: `conditions`." in prefetch_markdown(content)


def test_each_fact_stands_beside_what_it_looks_at(content: Content) -> None:
    pairs = {(key, name) for name, spec in all_facts().items() for key in (*spec.searches, *spec.reads)}
    assert pairs
    assert {(row["key"], name) for row in prefetch_rows(content) for name in row["facts"]} == pairs


def test_types_that_a_token_must_read(content: Content) -> None:
    [types] = re.findall(r"must be able to read: (.*)\.", prefetch_markdown(content))
    named = set(types.split(", "))
    assert {"Condition", "DiagnosticReport", "Patient"} <= named
    assert all(any(query.startswith(name) for query in content.prefetch.values()) for name in named)
