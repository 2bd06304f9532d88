"""Roots: by whose word a TLS server is believed, for key sets and FHIR servers alike."""

from __future__ import annotations

import ssl

from requests.utils import DEFAULT_CA_BUNDLE_PATH


def load_roots() -> ssl.SSLContext:
    """What TLS servers are checked with: the roots of this system (``SSL_CERT_FILE``) and those of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
