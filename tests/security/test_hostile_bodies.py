"""Every body of ``fixtures/hostile`` gets the status that its table says, quickly, with nothing of it echoed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cds_service.content_files import read_yaml
from tests.web.service_calls import HOSTILE, check_answer, post

EXPECTED: dict[str, dict[str, Any]] = read_yaml(HOSTILE / "expected.yaml")
LONGEST_SECONDS = 1.0


def test_the_table_and_the_files_agree() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in HOSTILE.glob("*.json"))
    assert all(item["about"] for item in EXPECTED.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_hostile_body(name: str) -> None:
    item = EXPECTED[name]
    started = time.perf_counter()
    answer = post((HOSTILE / f"{name}.json").read_bytes(), item.get("hook", "order-select"))
    took = time.perf_counter() - started
    body = check_answer(answer)
    assert answer.status_code == item["status"], body
    assert took < LONGEST_SECONDS
    text = json.dumps(body)
    assert "Traceback" not in text
    assert "169.254.169.254" not in text
    assert "<script" not in text
    assert "<img" not in text
