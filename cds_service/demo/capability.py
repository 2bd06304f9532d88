"""The CapabilityStatement of the demo's FHIR API (FHIR R4, 5.1): read and search, nothing else."""

from __future__ import annotations

from typing import Any

from cds_service import __version__
from cds_service.demo.search import PARAMETERS

FHIR_VERSION = "4.0.1"
FORMATS = ("application/fhir+json", "json")
_DATE = "2026-11-22"
_REFERENCES = frozenset({"patient", "subject"})


def describe_capability(base: str) -> dict[str, Any]:
    """The statement; ``base`` is the FHIR base in the words of the client."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _DATE,
        "kind": "instance",
        "software": {"name": "cds-service demo", "version": __version__},
        "implementation": {"description": "Invented patients, to be read by a sandbox", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": list(FORMATS),
        "rest": [
            {
                "mode": "server",
                "documentation": "Read only. No authentication: nobody in these charts exists.",
                "security": {"cors": True},
                "resource": [_resource(kind) for kind in PARAMETERS],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [
            {"name": name, "type": "reference" if name in _REFERENCES else "token"}
            for name in ("_id", *PARAMETERS[kind])
        ],
    }
