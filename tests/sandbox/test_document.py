"""docs/sandbox.md stays true: its link, its origins, its patients, and its site file (see ``test_sandbox``)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.demo.links import sandbox_url
from cds_service.trust.demo_client import DEMO_ORIGINS
from tests.demo.demo_served import demo_app, demo_config
from tests.sandbox.sandbox_client import calls, form_of
from tests.web.service_calls import ID, content

DOCUMENT = Path("docs/sandbox.md").read_text(encoding="utf-8")
TISSUE = "TissueBeforeSystemicTherapy"
SAID = {
    "folfirinox-no-tissue": "not-found",
    "tissue-from-text": "",
    "pathology-pdf": "unreadable",
    "not-our-patient": "",
}
"""The variant of the tissue card that each patient of the document calls for, by the pathway."""


def prefetched(page: FlaskClient, patient: str) -> dict[str, Any]:
    """What the sandbox fetches for a patient: a read, and searches posted as forms."""
    found = {}
    for key, template in content().prefetch.items():
        if "?" in template:
            kind, form = form_of(template, patient)
            answer = page.post(f"/fhir/{kind}/_search", data=form, content_type="application/x-www-form-urlencoded")
        else:
            answer = page.get(f"/fhir/{template.replace('{{context.patientId}}', patient)}")
        assert answer.status_code == 200, key
        found[key] = answer.get_json(force=True)
    return found


def answer(day: str, patient: str) -> dict[str, str]:
    """Topic and variant of each card when capecitabine is ordered for a patient on some day."""
    page = demo_app(None, lambda: datetime.fromisoformat(day).replace(tzinfo=UTC)).test_client()
    drug = calls("order-select")[1].body.replace("folfirinox-no-tissue", patient)
    body = {**json.loads(drug), "prefetch": prefetched(page, patient)}
    found = page.post(f"/cds-services/{ID}order-select", json=body)
    assert found.status_code == 200, found.data
    return {
        card["source"]["topic"]["code"]: card["extension"]["cds-service.variant"] for card in found.get_json()["cards"]
    }


@pytest.mark.parametrize("patient", SAID)
@pytest.mark.parametrize("day", ["2026-06-01", "2026-11-22", "2031-07-01"])
def test_each_patient_is_answered_as_told_on_any_later_day(day: str, patient: str) -> None:
    found = answer(day, patient)
    assert found.pop(TISSUE, "") == SAID[patient]
    assert found == ({} if patient == "not-our-patient" else {"PancreasProtocolCt": "no-protocol-ct"})


def test_the_patients_are_those_of_the_table() -> None:
    table = DOCUMENT.partition("| patient |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(SAID)


def test_the_link_is_the_one_that_is_printed() -> None:
    assert sandbox_url(demo_config().registry.public_url) in DOCUMENT


def test_the_ports_of_pages_are_told() -> None:
    ports = {origin.rpartition(":")[2] for origin in DEMO_ORIGINS if origin.startswith("http:")}
    assert ports == {"8000", "8080"}
    assert "ports 8000 and 8080" in DOCUMENT
    assert DEMO_ORIGINS[0] in DOCUMENT


def test_every_picture_is_shown_with_words() -> None:
    shown = dict(re.findall(r"!\[([^\]]+)\]\(pictures/([\w-]+\.png)\)", DOCUMENT))
    assert sorted(shown.values()) == sorted(path.name for path in Path("docs/pictures").glob("sandbox-*.png"))
