"""The trace: every statement of the seed documents with the cards or the fact that carry it, or the reason for none."""

from __future__ import annotations

from typing import Any

from cds_service.describe.register import all_cards
from cds_service.pathway.content import Content
from cds_service.pathway.statements import Statement, carriers

_USES = {
    "order": "can drive a card",
    "text": "may explain one",
    "protocol": "protocol detail",
    "none": "not for a card",
}

_HEAD = """# Trace of the pathway's statements

Made by `make trace` from the cards (`statements` in their front matter) and
`cards/pancreatic-liver-metastases/statements.yaml`; a test compares it with them. Each statement of the two documents
that the pathway rests on (A: liver metastases and CT; B: lesions not seen on ultrasound), in our own words and without
figures, stands with the cards that carry it, or the fact that uses it, or the reason why nothing does.
"""


def trace_rows(content: Content) -> list[dict[str, Any]]:
    """One object per statement, in the order of the documents."""
    return [
        {
            "id": item.id,
            "seed": item.seed,
            "use": item.use,
            "says": item.says,
            "cards": _carriers(item, content),
            "fact": item.fact,
            "reason": item.reason,
        }
        for item in content.statements.values()
    ]


def trace_markdown(content: Content) -> str:
    """The trace as ``docs/pathway-trace.md``."""
    statements = tuple(content.statements.values())
    lines = [_HEAD]
    for seed in dict.fromkeys(item.seed for item in statements):
        lines += [f"## Document {seed}", "", "| no | statement | use | carried by |", "|---|---|---|---|"]
        lines += [
            f"| {item.id} | {item.says} | {_USES[item.use]} | {_carried(item, content)} |"
            for item in statements
            if item.seed == seed
        ]
        lines.append("")
    carried = sum(bool(_carriers(item, content)) for item in statements)
    facts = sum(bool(item.fact) and not _carriers(item, content) for item in statements)
    rest = len(statements) - carried - facts
    lines.append(
        f"{len(statements)} statements: {carried} in cards, {facts} in facts only, {rest} in none, with the reason."
    )
    return "\n".join(lines) + "\n"


def _carriers(item: Statement, content: Content) -> list[str]:
    return [card.id for card in carriers(item, all_cards(content)) if card.status != "retired"]


def _carried(item: Statement, content: Content) -> str:
    found = [f"`{name}`" for name in _carriers(item, content)]
    if item.fact:
        found.append(f"fact `{item.fact}`")
    if found:
        return ", ".join(found)
    return f"none: {item.reason}" if item.reason else "**nobody, and no reason is given**"
