"""`make serve` listens where it is told to: by its own variables, else by the settings of the service."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.web.service_calls import ROOT


@pytest.mark.parametrize(
    ("settings", "arguments", "expected"),
    [
        ({}, [], "--host 127.0.0.1 --port 8080"),
        ({}, ["PORT=8090"], "--host 127.0.0.1 --port 8090"),
        ({"CDS_PORT": "9000", "CDS_HOST": "::1"}, [], "--host ::1 --port 9000"),
        ({"CDS_PORT": "9000", "CDS_HOST": "::1"}, ["PORT=8090", "HOST=127.0.0.2"], "--host 127.0.0.2 --port 8090"),
        ({"CDS_PORT": "", "CDS_HOST": ""}, [], "--host 127.0.0.1 --port 8080"),
    ],
    ids=["as-shipped", "port", "settings", "both", "empty"],
)
def test_serve_listens_where_it_is_told(settings: dict[str, str], arguments: list[str], expected: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "serve", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in done.stdout.splitlines() if "cds-service serve" in line]
    assert line.endswith(f"cds-service serve {expected}")


@pytest.mark.parametrize("document", ["README.md", "docs/quickstart.md"])
def test_documents_name_the_way_to_another_port(document: str) -> None:
    assert "`make serve PORT=8090`" in (ROOT / document).read_text(encoding="utf-8")
