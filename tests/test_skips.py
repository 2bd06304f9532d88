"""A skipped test says so on a developer's machine, and fails in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "test_inside": "import pytest\ndef test_it():\n    pytest.skip('no server')\n",
    "test_mark": "import pytest\n@pytest.mark.skip(reason='no server')\ndef test_it():\n    pass\n",
    "test_fixture": """
import pytest
@pytest.fixture
def server():
    pytest.skip('no server')
def test_it(server):
    pass
""",
    "test_module": "import pytest\npytest.skip('no server', allow_module_level=True)\n",
    "test_xfail": "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n",
}


def run(folder: Path, ci: str) -> tuple[int, str]:
    """Exit status and output of pytest over these modules, with what all of our tests have."""
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder), "-rs"]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--continue-on-collection-errors", str(folder)],
        cwd=ROOT,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    return found.returncode, found.stdout


def test_every_kind_of_skip_fails_in_ci(tmp_path: Path) -> None:
    """Before the test begins it is an error. A test that is expected to fail is no skip."""
    status, said = run(tmp_path, "true")
    assert status == 1, said
    assert "1 failed, 1 xfailed, 3 errors" in said
    assert said.count("skipped, which CI does not allow") >= 4


def test_elsewhere_it_is_told(tmp_path: Path) -> None:
    status, said = run(tmp_path, "")
    assert status == 0, said
    assert "4 skipped, 1 xfailed" in said
    assert "no server" in said
