"""Facts: what we know about one patient, computed from the record when a card asks.

Importing this package registers every fact (see ``registry``).
"""

from __future__ import annotations

from cds_service.facts import (
    attempts,
    biopsy,
    bleeding,
    diagnosis,
    distant_disease,
    emergency,
    fitness,
    imaging,
    laparoscopy,
    liver,
    liver_mri,
    liver_proof,
    mimics,
    ordered,
    plans,
    protocol_ct,
    regimens,
    resectability,
    response,
    therapy,
    tissue,
    tissue_origin,
    tumour,
    tumour_marker,
)

__all__ = [
    "attempts",
    "biopsy",
    "bleeding",
    "diagnosis",
    "distant_disease",
    "emergency",
    "fitness",
    "imaging",
    "laparoscopy",
    "liver",
    "liver_mri",
    "liver_proof",
    "mimics",
    "ordered",
    "plans",
    "protocol_ct",
    "regimens",
    "resectability",
    "response",
    "therapy",
    "tissue",
    "tissue_origin",
    "tumour",
    "tumour_marker",
]
