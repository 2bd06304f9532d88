"""The client of the demo: the public sandbox and pages on this machine, reading the demo's own charts.

The key with which the public sandbox signs is public, so its tokens prove nothing: the client is an open one, whose
calls may carry a token or none. It is answered on this machine alone, and nobody in its charts exists.
"""

from __future__ import annotations

from cds_service.trust.clients import SANDBOX_HOST, Client, Registry, Vendor

DEMO_ORIGINS = (
    f"https://{SANDBOX_HOST}",
    "http://localhost:8000",
    "http://127.0.0.1:8000",
    "http://localhost:8080",
    "http://127.0.0.1:8080",
)
"""The public sandbox, and where one of one's own is served: by a plain file server, or by its development server."""


def demo_registry(addresses: tuple[str, ...], path: str) -> Registry:
    """A registry with the demo's one client. ``addresses`` are what this service can be called by, without a slash."""
    client = Client(
        name="demo",
        fhir_servers=tuple(f"{address}{path}" for address in addresses),
        cors_origins=DEMO_ORIGINS,
        vendor=Vendor.SANDBOX,
    )
    return Registry(public_url=addresses[0], development=True, demo=True, clients=(client,))
