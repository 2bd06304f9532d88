"""Settings: typed, in range, and in order with each other; changed by a site, never added to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.content_files import find_cards
from cds_service.errors import ContentError
from cds_service.facts.settings import Settings, change_settings, load_settings

PATH = find_cards() / "pancreatic-liver-metastases" / "settings.yaml"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(PATH)


def changed(settings: Settings, **values: object) -> Settings:
    return change_settings(settings, values, {key: f"site.toml:{line}" for line, key in enumerate(values, 1)})


def test_nothing_changed_is_the_same(settings: Settings) -> None:
    assert changed(settings) == settings


def test_only_what_is_named_changes(settings: Settings) -> None:
    other = changed(settings, tissue_scope="metastatic", mri_window=28, pet_ct_card=True)
    assert (other.tissue_scope, other.mri_window, other.pet_ct_card) == ("metastatic", 28, True)
    assert other.biopsy_request_window == settings.biopsy_request_window


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mri_windows", 28, "unknown setting 'mri_windows'; known: .*mri_window"),
        ("mri_window", -1, "mri_window must be a whole number, not negative"),
        ("mri_window", 28.0, "mri_window must be a whole number"),
        ("mri_window", "28", "mri_window must be a whole number"),
        ("mri_window", True, "mri_window must be a whole number"),
        ("mri_window", [28], "mri_window must be a whole number"),
        ("mri_window", None, "mri_window must be a whole number"),
        ("mri_window", 100_001, "mri_window must be from 0 to 100000"),
        ("mri_window", 10**30, "mri_window must be from 0 to 100000"),
        ("adult_age_years", 0, "adult_age_years must be from 16 to 25"),
        ("adult_age_years", 26, "adult_age_years must be from 16 to 25"),
        ("bilirubin_multiple", 0, "bilirubin_multiple must be from 1 to 20"),
        ("pet_ct_card", 1, "pet_ct_card must be true or false"),
        ("pet_ct_card", "yes", "pet_ct_card must be true or false"),
        ("tissue_scope", "Liver", "tissue_scope must be one of liver, metastatic, systemic"),
        ("tissue_scope", True, "tissue_scope must be a text"),
        ("suggested_order_intent", "original-order", "must be one of order, plan, proposal"),
        ("ca19_9_high", 100, r"ca19_9_low \(150\) must not be above ca19_9_high \(100\)"),
        ("ca19_9_low", 1, r"ca19_9_detectable \(2\) must not be above ca19_9_low \(1\)"),
        ("protocol_ct_window", 20, "must not be above protocol_ct_window"),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(settings: Settings, key: str, value: object, message: str) -> None:
    with pytest.raises(ContentError, match=f"site.toml:1: .*{message}"):
        changed(settings, **{key: value})


@pytest.mark.parametrize("value", [0, 100_000])
def test_the_ends_of_a_range_belong_to_it(settings: Settings, value: int) -> None:
    assert changed(settings, mri_window=value).mri_window == value


def test_limits_that_contradict_each_other_are_refused_in_the_shipped_file_too(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(PATH.read_text(encoding="utf-8").replace("ca19_9_low: 150", "ca19_9_low: 501"), encoding="utf-8")
    with pytest.raises(ContentError, match=r"settings.yaml:\d+: ca19_9_low \(501\) must not be above"):
        load_settings(path)


def test_limits_may_move_together(settings: Settings) -> None:
    assert changed(settings, ca19_9_low=600, ca19_9_high=1000).ca19_9_low == 600
