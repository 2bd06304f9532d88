"""Facts: what we know about one patient, computed from the record when a card asks.

Importing this package registers every fact (see ``registry``).
"""

from __future__ import annotations

from cds_service.facts import (
    attempts,
    biopsy,
    bleeding,
    diagnosis,
    imaging,
    liver,
    resectability,
    therapy,
    tissue,
)

__all__ = [
    "attempts",
    "biopsy",
    "bleeding",
    "diagnosis",
    "imaging",
    "liver",
    "resectability",
    "therapy",
    "tissue",
]
