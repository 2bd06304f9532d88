"""Shared fixtures of the fact tests; the builders themselves are in ``cases.py``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cds_service.facts.case import Case
from tests.facts.cases import make_case as build_case


@pytest.fixture(name="make_case")
def make_case_fixture() -> Callable[..., Case]:
    """The builder of cases, for tests that prefer a fixture to an import."""
    return build_case
