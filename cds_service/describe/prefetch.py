"""The prefetch templates to type into an EHR that does not read discovery, with the facts that rest on each."""

from __future__ import annotations

from typing import Any

from cds_service.facts.registry import all_facts
from cds_service.pathway.content import Content

_HEAD = """# Prefetch templates

Made by `make prefetch` from `cards/prefetch.yaml` and the facts; a test compares it with them. An EHR that reads
discovery (`GET /cds-services`) finds them there. Elsewhere they are typed in, key and query exactly as they stand, the
same for {services}. [operate.md](operate.md#register-with-an-ehr) says how.

Required: {required}. All others are optional: what is not sent is read from the FHIR server of the call, if the site
file allows that server, and otherwise a card says that it could not be checked. A site whose EHR cannot run a query
leaves it out.

Resource types that the client's token must be able to read: {types}.
"""


def prefetch_rows(content: Content) -> list[dict[str, Any]]:
    """One object per template, in the order of ``cards/prefetch.yaml``."""
    return [
        {
            "key": key,
            "query": query,
            "required": key in content.pathway.required_searches,
            "facts": [name for name, spec in all_facts().items() if key in spec.searches or key in spec.reads],
        }
        for key, query in content.prefetch.items()
    ]


def prefetch_markdown(content: Content) -> str:
    """The document: what to type, then what suffers where a key is left out."""
    rows = prefetch_rows(content)
    head = _HEAD.format(
        services=" and ".join(f"`{service.id}`" for service in content.pathway.services),
        required=", ".join(f"`{row['key']}`" for row in rows if row["required"]),
        types=", ".join(sorted({row["query"].partition("?")[0].partition("/")[0] for row in rows})),
    )
    lines = [head, "```"]
    lines += [f"{row['key']}: {row['query']}" for row in rows]
    lines += ["```", "", "| key | facts that look at it |", "|---|---|"]
    lines += [f"| `{row['key']}` | {', '.join(row['facts']) or 'none alone: it completes another'} |" for row in rows]
    return "\n".join(lines) + "\n"
