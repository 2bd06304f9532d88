"""What the packaging tests share: the checkout, what of it is shipped, and commands that must succeed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "cds_service", "cards", "fixtures")


def run(command: Sequence[str | Path], cwd: Path, **environment: str) -> str:
    """Run a command to its end; its output, or a failure that shows it."""
    words = [str(part) for part in command]
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(words, cwd=cwd, env={**clean, **environment}, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
