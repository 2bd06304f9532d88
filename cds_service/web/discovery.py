"""Discovery: what ``GET /cds-services`` says, from content (conformance DISC-01 to DISC-15)."""

from __future__ import annotations

from typing import Any

from cds_service.errors import ContentError
from cds_service.hooks import READERS
from cds_service.pathway.content import Content, Service


def services_by_id(content: Content) -> dict[str, Service]:
    """The services that content declares; ContentError for a hook that no module reads, or an id used twice."""
    found: dict[str, Service] = {}
    for service in content.pathway.services:
        if service.hook not in READERS:
            raise ContentError("pathway.yaml", f"service {service.id!r}: unknown hook; known: {', '.join(READERS)}")
        if service.id in found:
            raise ContentError("pathway.yaml", f"service {service.id!r} stands twice: clients key services by id")
        found[service.id] = service
    return found


def describe_services(content: Content) -> dict[str, Any]:
    """The body of discovery. Optional members without a value are left out (conformance GEN-03)."""
    return {
        "services": [
            {
                key: value
                for key, value in (
                    ("hook", service.hook),
                    ("id", service.id),
                    ("title", service.title),
                    ("description", service.description),
                    ("usageRequirements", service.usage),
                    ("prefetch", dict(content.prefetch)),
                )
                if value
            }
            for service in content.pathway.services
        ]
    }
