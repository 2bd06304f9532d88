"""Order templates: reviewed ServiceRequest bodies that suggestions fill with ids. Checked as R4B when loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError

from cds_service.content_files import read_json
from cds_service.errors import ContentError
from cds_service.facts.terminology import Terminology

REMOVE_DRAFTS = "remove-draft-orders"
"""The one suggestion that needs no template: it deletes the drafts of the regimen."""

FILLS = ("subject", "encounter", "reasonReference", "supportingInfo")
_KEYS = frozenset({"label", "description", "fill", "resource"})


@dataclass(frozen=True, slots=True)
class OrderTemplate:
    """One order that a card may suggest. ``fill`` names the reference elements set from the call and the record.

    ``has_orderable``: the site has mapped an order of its own catalogue (decision 41).
    """

    id: str
    label: str
    description: str
    fill: tuple[str, ...]
    body: str
    has_orderable: bool = False

    def resource(self, references: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """A new draft: the body with the references that the template asks for and the call has."""
        made: dict[str, Any] = json.loads(self.body)
        for element in self.fill:
            found = [{"reference": reference} for reference in references.get(element, ())]
            if found:
                made[element] = found if element in ("reasonReference", "supportingInfo") else found[0]
        return made

    def codings(self) -> tuple[Mapping[str, str], ...]:
        """What is ordered, as the body codes it."""
        return tuple(json.loads(self.body)["code"].get("coding", ()))

    def with_intent(self, intent: str) -> OrderTemplate:
        """The same with the intent that requests have at this site."""
        return replace(self, body=json.dumps({**json.loads(self.body), "intent": intent}))

    def with_orderable(self, coding: Mapping[str, str], keep_ours: bool) -> OrderTemplate:
        """The same with the coding of a site's catalogue, in place of ours or before it; the text stays."""
        body = json.loads(self.body)
        body["code"]["coding"] = [dict(coding), *(self.codings() if keep_ours else ())]
        return replace(self, body=json.dumps(body), has_orderable=True)


def load_templates(directory: Path, terms: Terminology) -> dict[str, OrderTemplate]:
    """Every template by id (its file name); ContentError on a body that is not a valid R4B ServiceRequest."""
    return {path.stem: _read_template(path, terms) for path in sorted(directory.glob("*.json"))}


def _read_template(path: Path, terms: Terminology) -> OrderTemplate:
    node = read_json(path)
    if not isinstance(node, dict) or set(node) != _KEYS:
        raise ContentError(str(path), f"an order template has exactly these members: {', '.join(sorted(_KEYS))}")
    unknown = sorted(set(node["fill"]).difference(FILLS))
    if unknown or "subject" not in node["fill"]:
        raise ContentError(str(path), f"`fill` takes {', '.join(FILLS)}, and subject always: {node['fill']}")
    template = OrderTemplate(
        path.stem, str(node["label"]), str(node["description"]), tuple(node["fill"]), json.dumps(node["resource"])
    )
    _check_body(template, node["resource"], path, terms)
    return template


def _check_body(template: OrderTemplate, body: Mapping[str, Any], path: Path, terms: Terminology) -> None:
    sample = template.resource(
        {
            "subject": ("Patient/example",),
            "encounter": ("Encounter/example",),
            "reasonReference": ("Condition/example",),
            "supportingInfo": ("DiagnosticReport/example",),
        }
    )
    try:
        ServiceRequest.model_validate(sample)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = "/".join(map(str, first["loc"]))
        raise ContentError(str(path), f"not a valid R4B ServiceRequest: {where}: {first['msg']}") from None
    if body.get("status") != "draft":
        raise ContentError(str(path), "a suggested order has the status draft")
    for concept in (body["code"], *body.get("bodySite", ())):
        for coding in concept.get("coding", ()):
            if not terms.concepts_of_code(coding["system"], coding["code"]):
                raise ContentError(str(path), f"the code {coding['code']} is in no value set of cards/value-sets")
