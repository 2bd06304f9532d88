"""The stored patients of the page: all of them, each once, in the group that its story belongs to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cds_service.content_files import find_cards
from cds_service.pathway.content import Content, load_content
from cds_service.workbench.patients import (
    FIRST_PATIENT,
    NOT_OURS,
    OTHER_ORDERS,
    OWN_ORDERS,
    QUIET,
    REFUSED,
    WITHOUT_DATA,
    Shelf,
    find_fixtures,
    load_shelf,
    title_of,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def content() -> Content:
    return load_content(find_cards())


@pytest.fixture(scope="module")
def shelf(content: Content) -> Shelf:
    return load_shelf(find_fixtures(), content)


def group_of(shelf: Shelf, name: str) -> str:
    (found,) = [group for group, members in shelf.groups if name in {patient.name for patient in members}]
    return found


def test_every_folder_is_a_patient_in_one_group(shelf: Shelf) -> None:
    folders = sorted(path.name for path in (ROOT / "fixtures" / "patients").iterdir() if path.is_dir())
    listed = [patient.name for _, members in shelf.groups for patient in members]
    assert sorted(listed) == folders == sorted(shelf.patients)


def test_every_order_file_can_be_added(shelf: Shelf) -> None:
    files = sorted(path.stem for path in (ROOT / "fixtures" / "orders").glob("*.json"))
    assert sorted(order.name for order in shelf.orders) == files
    assert all(order.draft_orders["entry"] for order in shelf.orders)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        (FIRST_PATIENT, "Tissue before systemic therapy"),
        ("whipple-with-proven-liver-metastases", "Resection with liver metastases"),
        ("ct-biopsy-after-failed-ultrasound", QUIET),
        ("not-our-patient", NOT_OURS),
        ("conditions-unavailable", WITHOUT_DATA),
        ("later-line-not-checked", WITHOUT_DATA),
    ],
)
def test_a_story_stands_under_what_it_shows(shelf: Shelf, name: str, group: str) -> None:
    assert group_of(shelf, name) == group


SILENT_CALL = {"cards": [], "silence": {"call": "not-our-patient"}}
SILENT_CARD = {"cards": [], "silence": {"tissue-before-systemic-therapy": "tissue-confirmed"}}
CARD = {"topic": "TissueBeforeSystemicTherapy", "variant": "not-found", "indicator": "warning", "summary": "x"}


@pytest.mark.parametrize(
    ("select", "sign", "group"),
    [
        ({"error": 412}, {"error": 412}, REFUSED),
        (SILENT_CARD, {"error": 412}, REFUSED),
        (SILENT_CALL, SILENT_CALL, NOT_OURS),
        (SILENT_CALL, SILENT_CARD, NOT_OURS),
        (SILENT_CARD, SILENT_CARD, QUIET),
        (SILENT_CARD, {"cards": [CARD]}, "Tissue before systemic therapy"),
    ],
    ids=["refused", "refused-at-one", "not-ours", "not-ours-at-one", "quiet", "card-at-one"],
)
def test_a_story_without_missing_searches_stands_under_what_is_expected_of_it(
    tmp_path: Path, content: Content, select: Any, sign: Any, group: str
) -> None:
    shutil.copytree(ROOT / "fixtures" / "orders", tmp_path / "orders")
    folder = shutil.copytree(ROOT / "fixtures" / "patients" / FIRST_PATIENT, tmp_path / "patients" / "story")
    # JSON is YAML.
    (folder / "expected.yaml").write_text(json.dumps({"order-select": select, "order-sign": sign}), encoding="utf-8")
    assert group_of(load_shelf(tmp_path, content), "story") == group


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("folfirinox", "Systemic anticancer drug or regimen"),
        ("us-liver-biopsy", "Biopsy of the liver"),
        ("whipple", "Curative resection of the pancreas"),
        ("pet-ct", "PET-CT"),
        ("metformin", OTHER_ORDERS),
        ("gemcitabine-of-another-patient", OTHER_ORDERS),
    ],
)
def test_an_order_stands_under_what_it_is_for(shelf: Shelf, name: str, group: str) -> None:
    (found,) = [order for order in shelf.orders if order.name == name]
    assert found.group == group


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("folfirinox-no-tissue", "FOLFIRINOX no tissue"),
        ("ct-biopsy-already-booked", "CT biopsy already booked"),
        ("laparoscopy-ca19-9-alone", "Laparoscopy CA 19-9 alone"),
        ("whipple", "Whipple"),
        ("us-liver-biopsy", "US liver biopsy"),
    ],
)
def test_a_title_is_the_name_in_words(name: str, title: str) -> None:
    assert title_of(name) == title


def test_the_page_is_told_all_that_a_call_needs(shelf: Shelf) -> None:
    told = shelf.patients[FIRST_PATIENT].as_json()
    assert told["orders"] == "folfirinox"
    assert told["hooks"] == ["order-select", "order-sign"]
    assert told["now"] == "2026-03-02T09:00:00Z"
    assert len(told["draftOrders"]["entry"]) == len(told["selections"]) == 4
    assert shelf.patients["liver-biopsy-again-for-molecular-testing"].as_json()["orders"] == OWN_ORDERS


def test_without_stored_patients_the_shelf_is_empty(content: Content) -> None:
    assert load_shelf(None, content) == Shelf({}, (), ())
