"""Fixtures that need a package index: a copy of the checkout, and the built wheel in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, SHIPPED, run


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index that pip can reach. In CI its absence is a failure, elsewhere a reason to skip."""
    target = tmp_path_factory.mktemp("index")
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1", "--timeout", "20"]
    found = subprocess.run([*probe, "-d", str(target), "hatchling"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        reason = "pip cannot reach a package index"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: {found.stderr}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that are shipped, so that building leaves nothing in the working tree."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / name)
    return copy


@pytest.fixture(scope="session")
def wheel(index: None, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in isolation as pip does it."""
    target = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, checkout], cwd=target)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` directory of a fresh environment that holds the wheel and what it requires."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(home, with_pip=True)
    run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], cwd=home)
    return home / "bin"
