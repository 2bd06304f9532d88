"""Where to go with the demo: the public sandbox, told by its address which service, charts and patient to use."""

from __future__ import annotations

from urllib.parse import urlencode

from cds_service.config import FHIR_PATH

PUBLIC_SANDBOX = "https://sandbox.cds-hooks.org"
FIRST_PATIENT = "folfirinox-no-tissue"
"""Pancreatic cancer, liver metastases, no tissue: an anticancer drug is answered with two cards, whatever the day."""


def sandbox_url(address: str, patient: str = FIRST_PATIENT, sandbox: str = PUBLIC_SANDBOX) -> str:
    """The sandbox at its prescribing page for a patient; ``address`` is where this service is called, without slash."""
    given = {
        "serviceDiscoveryURL": f"{address}/cds-services",
        "fhirServiceUrl": f"{address}{FHIR_PATH}",
        "patientId": patient,
        "hook": "order-select",
        "screen": "rx-view",
    }
    return f"{sandbox}/?{urlencode(given)}"
