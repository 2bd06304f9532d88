"""Windows, thresholds and switches of a pathway, read from ``settings.yaml`` beside its cards."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

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


def load_settings(path: Path) -> Settings:
    """Read settings; ContentError with file and line on an unknown, missing or mistyped key."""
    node = read_yaml(path)
    if not isinstance(node, dict):
        raise ContentError(str(path), "must be a mapping of setting names to values")
    wanted = {field.name: bool if field.type == "bool" else int for field in fields(Settings)}
    for key, value in node.items():
        if key not in wanted:
            raise ContentError(
                f"{path}:{line_of(node, key)}", f"unknown setting {key!r}; known: {', '.join(sorted(wanted))}"
            )
        if type(value) is not wanted[key] or (wanted[key] is int and value < 0):
            raise ContentError(f"{path}:{line_of(node, key)}", f"{key} must be a {wanted[key].__name__}, not negative")
    missing = sorted(set(wanted) - set(node))
    if missing:
        raise ContentError(str(path), f"missing settings: {', '.join(missing)}")
    return Settings(**{key: node[key] for key in wanted})
