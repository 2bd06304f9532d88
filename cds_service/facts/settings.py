"""Windows, thresholds and switches of a pathway, read from ``settings.yaml`` beside its cards."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError


@dataclass(frozen=True, slots=True)
class Settings:
    """Every number a fact compares with. Days unless the name says otherwise; sources in pathway part 4."""

    pancreatic_evidence_lead: int
    first_evidence_reach: int
    liver_suspected_window: int
    tissue_pending_window: int
    pending_report_window: int
    biopsy_request_window: int
    biopsy_refusal_window: int
    failed_attempt_lead: int
    prior_therapy_minimum_age: int
    resectability_window: int
    mri_window: int
    egfr_contrast_minimum: int
    adult_age_years: int
    reports_categories_reliable: bool
    tissue_scope: str
    pet_ct_card: bool
    suggested_order_intent: str
    protocol_ct_window: int
    protocol_ct_window_before_resection: int
    ca19_9_high: int
    ca19_9_low: int
    ca19_9_detectable: int
    ca19_9_window: int
    bilirubin_reach: int
    bilirubin_multiple: int
    bilirubin_upper_limit: int
    tumour_large_mm: int
    performance_status_window: int
    laparoscopy_window: int
    liver_pathology_window: int
    restaging_window: int
    conversion_minimum_therapy: int


_CHOICES = MappingProxyType(
    {"tissue_scope": ("liver", "metastatic", "systemic"), "suggested_order_intent": ("order", "plan", "proposal")}
)
_TYPES = MappingProxyType({"bool": bool, "int": int, "str": str})


def load_settings(path: Path) -> Settings:
    """Read settings; ContentError with file and line on an unknown, missing or mistyped key."""
    node = read_yaml(path)
    if not isinstance(node, dict):
        raise ContentError(str(path), "must be a mapping of setting names to values")
    wanted = {field.name: _TYPES[str(field.type)] for field in fields(Settings)}
    for key, value in node.items():
        if key not in wanted:
            raise ContentError(
                f"{path}:{line_of(node, key)}", f"unknown setting {key!r}; known: {', '.join(sorted(wanted))}"
            )
        if not _fits(value, wanted[key]):
            raise ContentError(f"{path}:{line_of(node, key)}", f"{key} must be a {wanted[key].__name__}, not negative")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise ContentError(f"{path}:{line_of(node, key)}", f"{key} must be one of {', '.join(_CHOICES[key])}")
    missing = sorted(set(wanted) - set(node))
    if missing:
        raise ContentError(str(path), f"missing settings: {', '.join(missing)}")
    return Settings(**{key: wanted[key](node[key]) for key in wanted})


def _fits(value: object, wanted: type) -> bool:
    """Whether a value has the type; a switch is no number, and numbers are not negative."""
    if isinstance(value, bool) or wanted is bool:
        return isinstance(value, bool) and wanted is bool
    return isinstance(value, wanted) and not (isinstance(value, int) and value < 0)
