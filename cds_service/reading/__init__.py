"""Reading narrative reports: text in, a finding with its quoted words out.

Pure functions of a text and the reviewed lexicon (``cards/lexicon``); nothing here knows FHIR, time or patients.
"""

from cds_service.reading import attempt, liver, pathology, protocol_ct, resectability
from cds_service.reading.attempt import AttemptReading
from cds_service.reading.html_text import html_to_text
from cds_service.reading.lexicon import Lexicon, load_lexicon
from cds_service.reading.liver import LiverReading
from cds_service.reading.memory import remembered
from cds_service.reading.pathology import PathologyReading
from cds_service.reading.protocol_ct import ProtocolReading
from cds_service.reading.resectability import ResectabilityReading

read_attempt = remembered(attempt.read_attempt)
read_liver = remembered(liver.read_liver)
read_pathology = remembered(pathology.read_pathology)
read_protocol_ct = remembered(protocol_ct.read_protocol_ct)
read_resectability = remembered(resectability.read_resectability)

__all__ = [
    "AttemptReading",
    "Lexicon",
    "LiverReading",
    "PathologyReading",
    "ProtocolReading",
    "ResectabilityReading",
    "html_to_text",
    "load_lexicon",
    "read_attempt",
    "read_liver",
    "read_pathology",
    "read_protocol_ct",
    "read_resectability",
]
