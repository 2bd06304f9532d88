"""Windows, thresholds and switches of a pathway, read from ``settings.yaml`` beside its cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
_WORDS = MappingProxyType({bool: "true or false", int: "a whole number, not negative", str: "a text"})
_LARGEST = 100_000
"""Above any window in days, size or level that makes sense, and far from where dates end."""
_RANGES = MappingProxyType(
    {"adult_age_years": (16, 25), "bilirubin_multiple": (1, 20), "egfr_contrast_minimum": (0, 200)}
)
"""Where other numbers would leave what the pathway is for (adults), or could never be compared with."""
_RISING = (
    ("ca19_9_detectable", "ca19_9_low", "ca19_9_high"),
    ("protocol_ct_window_before_resection", "protocol_ct_window"),
)
"""Settings that must not be larger than the next one, or a fact would contradict itself."""


def setting_names() -> dict[str, type]:
    """Every setting with the type of its value."""
    return {field.name: _TYPES[str(field.type)] for field in fields(Settings)}


def load_settings(path: Path) -> Settings:
    """Read settings; ContentError with file and line on an unknown, missing or mistyped key."""
    node = read_yaml(path)
    if not isinstance(node, dict):
        raise ContentError(str(path), "must be a mapping of setting names to values")
    where = {str(key): f"{path}:{line_of(node, key)}" for key in node}
    values = _checked(node, where)
    missing = sorted(set(setting_names()) - set(values))
    if missing:
        raise ContentError(str(path), f"missing settings: {', '.join(missing)}")
    return _in_order(Settings(**values), where, str(path))


def change_settings(settings: Settings, values: Mapping[str, Any], where: Mapping[str, str]) -> Settings:
    """Settings with some values changed; ContentError names the place (``where``) of the value that cannot be."""
    changed = Settings(**{**asdict(settings), **_checked(values, where)})
    return _in_order(changed, where, next(iter(where.values()), ""))


def setting_problem(key: str, value: object) -> str:
    """What is wrong with a value for a setting, by itself, or ""."""
    wanted = setting_names().get(key)
    if wanted is None:
        return f"unknown setting {key!r}; known: {', '.join(sorted(setting_names()))}"
    if not _fits(value, wanted):
        return f"{key} must be {_WORDS[wanted]}"
    if key in _CHOICES and value not in _CHOICES[key]:
        return f"{key} must be one of {', '.join(_CHOICES[key])}"
    least, most = _RANGES.get(key, (0, _LARGEST))
    if wanted is int and isinstance(value, int) and not least <= value <= most:
        return f"{key} must be from {least} to {most}"
    return ""


def _checked(values: Mapping[str, Any], where: Mapping[str, str]) -> dict[str, Any]:
    for key, value in values.items():
        problem = setting_problem(key, value)
        if problem:
            raise ContentError(where[key], problem)
    # Without what the reader of the file knows about a value: its line, its quotes.
    return {key: setting_names()[key](value) for key, value in values.items()}


def _in_order(settings: Settings, where: Mapping[str, str], file: str) -> Settings:
    for names in _RISING:
        for lower, upper in pairwise(names):
            if getattr(settings, lower) > getattr(settings, upper):
                place = where.get(lower) or where.get(upper) or file
                said = f"{lower} ({getattr(settings, lower)}) must not be above {upper} ({getattr(settings, upper)})"
                raise ContentError(place, said)
    return settings


def _fits(value: object, wanted: type) -> bool:
    """Whether a value has the type; a switch is no number, and numbers are not negative."""
    if isinstance(value, bool) or wanted is bool:
        return isinstance(value, bool) and wanted is bool
    return isinstance(value, wanted) and not (isinstance(value, int) and value < 0)
