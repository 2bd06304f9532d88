"""For all tests: the shipped content is loaded hundreds of times, its texts are parsed once. In CI none is skipped."""

from __future__ import annotations

import os
from collections.abc import Generator
from functools import lru_cache

import pytest

from cds_service import content_files

content_files._load = lru_cache(maxsize=256)(content_files._load)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that change the process for good come last."""
    items.sort(key=lambda item: item.get_closest_marker("run_last") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped fails: what was not looked at must not look well."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longreprtext}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longreprtext}"
    return report
