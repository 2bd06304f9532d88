"""Calls by healthchain, in its own environment: charts are read by its FHIR client, the service called by its sandbox.

Standard input says what to do (``address``, ``hook``, ``context``, ``templates``), standard output what came of it. Run
by ``test_healthchain.py``; nothing else imports it.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import parse_qsl

from healthchain.gateway.clients.fhir.base import FHIRAuthConfig  # type: ignore[import-not-found]
from healthchain.gateway.clients.fhir.sync.client import FHIRClient  # type: ignore[import-not-found]
from healthchain.models import CDSRequest  # type: ignore[import-not-found]
from healthchain.models.hooks.basehookcontext import BaseHookContext  # type: ignore[import-not-found]
from healthchain.sandbox import SandboxClient  # type: ignore[import-not-found]
from healthchain.sandbox.requestconstructors import CdsRequestConstructor  # type: ignore[import-not-found]
from healthchain.sandbox.workflows import Workflow  # type: ignore[import-not-found]
from pydantic import SerializeAsAny


class WholeRequest(CDSRequest):  # type: ignore[misc]
    """A request with its whole context: of 0.16.1 only the members are sent that every hook has, without the orders."""

    context: SerializeAsAny[BaseHookContext]


def main() -> None:
    """Read the chart, make the call as the client would and once more with its orders."""
    wish = json.load(sys.stdin)
    with FHIRClient(FHIRAuthConfig(base_url=f"{wish['address']}/fhir")) as fhir:
        version = fhir.capabilities().fhirVersion
        prefetch = {
            key: read(fhir, template.replace("{{context.patientId}}", wish["context"]["patientId"]))
            for key, template in wish["templates"].items()
        }
    made = CdsRequestConstructor().construct_request(prefetch, Workflow(wish["hook"]), wish["context"])
    url = f"{wish['address']}/cds-services/{wish['service']}"
    said = {
        "fhirVersion": version,
        "found": {key: len(value.get("entry", [])) for key, value in prefetch.items()},
        "as it sends": send(url, wish["hook"], made),
        "with its orders": send(url, wish["hook"], WholeRequest(**dict(made))),
    }
    json.dump(said, sys.stdout)


def read(fhir: Any, query: str) -> dict[str, Any]:
    """What its FHIR client makes of the answer to a filled template."""
    path, _, parameters = query.partition("?")
    kind, _, ident = path.partition("/")
    found = fhir.read(kind, ident) if ident else fhir.search(kind, dict(parse_qsl(parameters)))
    read: dict[str, Any] = json.loads(found.model_dump_json(exclude_none=True))
    return read


def send(url: str, hook: str, request: Any) -> Any:
    """What its sandbox client gives back: the answer, or an empty object for an error."""
    client = SandboxClient(url=url, workflow=hook)
    client.requests.append(request)
    [answer] = client.send_requests()
    return answer


if __name__ == "__main__":
    main()
