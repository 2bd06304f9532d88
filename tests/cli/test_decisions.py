"""cds-service decisions and purge: what the store holds, on the host alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cds_service import cli
from cds_service.hooks.feedback import FeedbackItem
from cds_service.store.database import reading, store_url
from cds_service.store.decision_record import hash_patient
from cds_service.store.feedback import FeedbackOrigin
from cds_service.store.store import Store
from tests.store.records import NOW, SERVICE, record

KEY = "a secret of many characters"
TODAY = datetime(2026, 3, 12, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with three decisions, one, two and three days old on the last day, and feedback on the first."""
    store = Store(store_url(str(tmp_path)))
    for number in range(3):
        patient = hash_patient(KEY.encode(), "general", str(number))
        store.record(
            record(f"d-{number}", "card-1", at=NOW + timedelta(days=number), client="general", patient=patient)
        )
    origin = FeedbackOrigin("general", SERVICE, NOW)
    store.take_feedback([FeedbackItem("card-1", "overridden", NOW, (), "", "biopsy-declined")], origin)
    store.claim_token("a", "1", NOW.timestamp(), NOW.timestamp())
    store.close()
    return str(tmp_path)


def run(arguments: Sequence[str], **environ: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments), env=environ)


def listed(*arguments: str, **environ: str) -> list[str]:
    result = run(["decisions", "--json", *arguments], **environ)
    assert result.exit_code == 0, result.output
    return [found["id"] for found in json.loads(result.stdout)]


def test_one_line_for_each_the_newest_first(store: str) -> None:
    lines = run(["decisions", "--store", store]).stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["d-2", "d-1", "d-0"]
    assert lines[2].endswith("general TissueBeforeSystemicTherapy:not-found:warning [overridden biopsy-declined]")


def test_one_in_full(store: str) -> None:
    [found] = json.loads(run(["decisions", "d-1"], CDS_STORE=store).stdout)
    assert found["facts"]["liver_metastases"]["reason"] == "imaging-definite"
    assert found["cards"][0]["feedback"][0]["outcome"] == "overridden"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["d-2", "d-1", "d-0"]),
        (["--limit", "1"], ["d-2"]),
        (["--since", "2026-03-03T00:00:00Z"], ["d-2", "d-1"]),
        (["--until", "2026-03-03T00:00:00Z"], ["d-0"]),
        (["--client", "general"], ["d-2", "d-1", "d-0"]),
        (["--client", ""], []),
        (["--service", "other"], []),
        (["--topic", "TissueBeforeSystemicTherapy"], ["d-2", "d-1", "d-0"]),
        (["--patient", "1", "--client", "general"], ["d-1"]),
        (["--patient", "1"], ["d-1"]),
        (["--patient", "1", "--client", ""], []),
        (["--patient", "none"], []),
    ],
)
def test_what_is_asked_for(store: str, arguments: list[str], found: list[str]) -> None:
    assert listed(*arguments, CDS_STORE=store, CDS_UUID_KEY=KEY) == found


def test_a_patient_is_found_under_every_client_and_where_calls_came_without_one(tmp_path: Path) -> None:
    store = Store(store_url(str(tmp_path)))
    for client in ("", "general", "other"):
        for patient in ("1", "2"):
            hidden = hash_patient(KEY.encode(), client, patient)
            store.record(record(f"{client or 'open'}-{patient}", client=client, patient=hidden))
    store.close()
    found = listed("--patient", "1", CDS_STORE=str(tmp_path), CDS_UUID_KEY=KEY)
    assert sorted(found) == ["general-1", "open-1", "other-1"]
    assert listed("--patient", "1", "--client", "other", CDS_STORE=str(tmp_path), CDS_UUID_KEY=KEY) == ["other-1"]


def test_a_patient_is_not_looked_for_without_the_key(store: str) -> None:
    """An empty list would say that there is no decision on this patient."""
    result = run(["decisions", "--patient", "1", "--json"], CDS_STORE=store)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "CDS_UUID_KEY" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["decisions", "none"], "no decision has the id none"),
        (["decisions", "--since", "yesterday"], "--since"),
        (["decisions", "--store", "/none/such"], "there is no store in /none/such"),
        (["purge", "--keep-days", "9", "--store", "/none/such"], "there is no store in /none/such"),
        (["decisions", "--store", "mysql://x:s3cret-word@db/x"], "CDS_STORE must be"),
    ],
)
def test_what_cannot_be_done_stands_on_one_line(store: str, arguments: list[str], says: str) -> None:
    result = run(arguments, CDS_STORE=store)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert "s3cret-word" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_store_must_be_named() -> None:
    result = run(["decisions"], CDS_STORE="")
    assert result.exit_code == 2
    assert "CDS_STORE" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says", "left"),
    [
        (["--keep-days", "30"], "decisions: 0 deleted, feedback: 0 deleted, tokens: 1 deleted", ["d-2", "d-1", "d-0"]),
        (["--keep-days", "9"], "decisions: 1 deleted, feedback: 1 deleted, tokens: 1 deleted", ["d-2", "d-1"]),
        (
            ["--keep-days", "1", "--keep-feedback-days", "30"],
            "decisions: 3 deleted, feedback: 0 deleted, tokens: 1 deleted",
            [],
        ),
    ],
)
def test_purge(store: str, arguments: list[str], says: str, left: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_now", lambda: TODAY)
    assert run(["purge", *arguments], CDS_STORE=store).stdout.strip() == says
    assert listed(CDS_STORE=store) == left
    assert json.loads(run(["purge", "--json", "--keep-days", "30"], CDS_STORE=store).stdout) == {
        "decisions": 0,
        "feedback": 0,
        "tokens": 0,
    }


HASH = "feedfacecafe" * 5


def bytes_left(folder: Path) -> int:
    """How often the hash of the patient stands in the files of the store, journal included."""
    return sum(path.read_bytes().count(HASH.encode()) for path in folder.iterdir())


def test_nothing_of_what_was_purged_is_left_on_the_disk_while_the_service_runs(tmp_path: Path) -> None:
    service = Store(store_url(str(tmp_path)))
    for number in range(50):
        service.record(record(f"d-{number}", patient=HASH))
    assert bytes_left(tmp_path) >= 50
    result = run(["purge", "--keep-days", "1"], CDS_STORE=str(tmp_path))
    assert "decisions: 50 deleted" in result.stdout
    assert (result.stderr, bytes_left(tmp_path)) == ("", 0)
    service.close()


def test_a_journal_that_somebody_reads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.store.database.LOCK_WAIT_MS", 50)
    service = Store(store_url(str(tmp_path)))
    service.record(record("d-1", patient=HASH))
    with reading(service.engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 1
        result = run(["purge", "--keep-days", "1"], CDS_STORE=str(tmp_path))
    assert "decisions: 1 deleted" in result.stdout
    assert "journal" in result.stderr
    assert run(["purge", "--keep-days", "1"], CDS_STORE=str(tmp_path)).stderr == ""
    assert bytes_left(tmp_path) == 0
    service.close()


def test_purge_deletes_nothing_without_being_told_how_much_to_keep(store: str) -> None:
    for arguments in (["purge"], ["purge", "--keep-days", "0"]):
        assert run(arguments, CDS_STORE=store).exit_code == 2
    assert len(listed(CDS_STORE=store)) == 3
