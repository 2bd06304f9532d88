"""The command line: what is printed, exit codes, and one line for what cannot be done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cds_service import __version__, cli
from cds_service.commands import calls, content, serve
from cds_service.config import Config
from cds_service.content_files import find_cards
from cds_service.pathway.mutants import MutantReport
from cds_service.pathway.proof import CheckReport
from cds_service.replay.report import Report

FIXTURES = Path(__file__).parents[2] / "fixtures"
CALL = str(FIXTURES / "calls" / "folfirinox-no-tissue.json")
NOW = "2026-03-02T09:00:00Z"


def run(arguments: Sequence[str], **environ: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments), env=environ)


def assert_one_line_refusal(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    for word in words:
        assert word in result.stderr


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A small fixtures folder of its own."""
    for part in ("patients/tissue-coded", "orders"):
        shutil.copytree(FIXTURES / part, tmp_path / part)
    return tmp_path


def _break(fixtures: Path) -> Path:
    path = fixtures / "patients" / "tissue-coded" / "expected.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("tissue-confirmed", "liver-stale"), encoding="utf-8")
    return path


def test_version() -> None:
    assert run(["--version"]).stdout.strip() == f"cds-service, version {__version__}"


@pytest.mark.parametrize("command", [*cli.main.commands])
def test_every_command_has_help_and_json(command: str) -> None:
    result = run([command, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout


# serve


def test_serve_runs_with_options_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Config] = []
    monkeypatch.setattr(serve, "run_server", started.append)
    result = run(["serve", "--port", "8099"], CDS_PORT="8001", CDS_LOG_LEVEL="error")
    assert result.exit_code == 0, result.output
    assert (started[0].port, started[0].log_level, started[0].insecure) == (8099, "error", False)


def test_serve_insecure(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Config] = []
    monkeypatch.setattr(serve, "run_server", started.append)
    assert run(["serve", "--insecure"], CDS_UUID_KEY="a secret of many characters").exit_code == 0
    assert started[0].insecure


def test_serve_json_shows_the_configuration_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "run_server", pytest.fail)
    result = run(["serve", "--json"], CDS_UUID_KEY="a secret of many characters")
    shown = json.loads(result.stdout)
    assert shown["CDS_PORT"] == "8080"
    assert shown["CDS_UUID_KEY"] == "set"
    assert "a secret" not in result.output
    assert json.loads(run(["serve", "--json"], CDS_UUID_KEY="").stdout)["CDS_UUID_KEY"] == "not set"


def test_serve_json_shows_no_password() -> None:
    result = run(["serve", "--json", "--require-record"], CDS_STORE="postgresql://cds:s3cret-word@db/cds")
    shown = json.loads(result.stdout)
    assert (shown["CDS_STORE"], shown["CDS_REQUIRE_RECORD"]) == ("postgresql+psycopg://cds:***@db/cds", "1")
    assert_one_line_refusal(run(["serve", "--json"], CDS_STORE="mysql://cds:s3cret-word@db/cds"), "CDS_STORE")


def test_serve_with_a_wrong_setting() -> None:
    assert_one_line_refusal(run(["serve", "--port", "many"]), "CDS_PORT", "whole number")


# check


def _check_with(monkeypatch: pytest.MonkeyPatch, problems: tuple[str, ...], survivors: tuple[str, ...]) -> None:
    monkeypatch.setattr(content, "prove", lambda cards, today, site: CheckReport(problems, ("a card: 3 rules",)))
    monkeypatch.setattr(content, "run_mutants", lambda cards, site: MutantReport(5, 1, survivors))


@pytest.mark.parametrize(
    ("arguments", "problems", "survivors", "exit_code", "words"),
    [
        pytest.param([], (), (), 0, ["a card: 3 rules", "0 problems"], id="sound"),
        pytest.param([], ("x.md:3: wrong",), (), 1, ["x.md:3: wrong", "1 problem"], id="problem"),
        pytest.param(["--mutants"], (), (), 0, ["6 mutants: 5 killed, 1 equivalent, 0 survived"], id="mutants"),
        pytest.param(["--mutants"], (), ("a card: drop",), 1, ["survived: a card: drop", "7 mutants"], id="survivor"),
        pytest.param(["--mutants"], ("wrong",), ("never run",), 1, ["mutants not run"], id="problem-before-mutants"),
    ],
)
def test_check(
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    problems: tuple[str, ...],
    survivors: tuple[str, ...],
    exit_code: int,
    words: list[str],
) -> None:
    _check_with(monkeypatch, problems, survivors)
    result = run(["check", *arguments])
    assert result.exit_code == exit_code
    for word in words:
        assert word in result.stdout


def test_check_json(monkeypatch: pytest.MonkeyPatch) -> None:
    _check_with(monkeypatch, (), ("a card: drop",))
    result = run(["check", "--mutants", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "problems": [],
        "notes": ["a card: 3 rules"],
        "mutants": {"total": 7, "killed": 5, "equivalent": 1, "survivors": ["a card: drop"]},
    }


def test_check_of_another_content_directory(tmp_path: Path) -> None:
    result = run(["check", "--cards", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_check_of_the_shipped_content() -> None:
    result = run(["check"])
    assert result.exit_code == 0, result.output


# --site

SITE = str(FIXTURES.parent / "docs" / "site-example.toml")


def _site(tmp_path: Path, text: str) -> str:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_check_of_the_example_site_is_clean() -> None:
    result = run(["check", "--site", SITE])
    assert result.exit_code == 0, result.output
    assert "Riverbend General Hospital (invented): 12 local codes" in result.stdout
    assert result.stdout.endswith("0 problems\n")


def test_check_says_what_is_unknown_shadowed_or_never_used(tmp_path: Path) -> None:
    text = '[settings]\nwindow = 1\n[codes."guidance.ct"]\nsnomed = ["86259008"]\n[systems]\nidle = "1.2.3"\n'
    path = _site(tmp_path, text)
    result = run(["check"], CDS_SITE=path)
    assert result.exit_code == 1
    assert f"{path}:2: unknown setting 'window'" in result.stdout
    assert f"{path}:4: shadowed: 86259008 means proc.liver_biopsy" in result.stdout
    assert f"{path}:6: never used: " in result.stdout
    assert "3 problems" in result.stdout


def test_check_says_what_is_wrong_with_the_clients(tmp_path: Path) -> None:
    client = (
        '[[clients]]\nname = "hospital"\nissuer = "https://ehr.example.org"\njwks_url = "https://ehr.example.org/k"\n'
    )
    path = _site(tmp_path, client)
    result = run(["check", "--site", path])
    assert result.exit_code == 1
    assert f"{path}:3: public_url is missing" in result.stdout
    assert "1 problem" in result.stdout
    assert run(["check", "--site", _site(tmp_path, f'public_url = "https://cds.example.org"\n{client}')]).exit_code == 0
    assert_one_line_refusal(run(["serve", "--site", _site(tmp_path, client)]), f"{path}:3: public_url is missing")


@pytest.mark.parametrize("command", [["check"], ["explain", CALL], ["replay", str(FIXTURES)], ["serve"]])
def test_a_site_file_that_is_missing_is_named(command: list[str], tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        assert_one_line_refusal(run([*command, "--site", str(path)]), str(path))


def test_a_wrong_site_file_stops_the_start_with_file_and_line(tmp_path: Path) -> None:
    path = _site(tmp_path, "[settings]\nmri_window = -1\n")
    assert_one_line_refusal(
        run(["serve", "--site", path]), f"{path}:2: mri_window must be a whole number, not negative"
    )
    assert_one_line_refusal(run(["explain", CALL, "--site", path]), f"{path}:2: mri_window")


def test_serve_takes_the_site_of_the_option_before_that_of_the_environment(tmp_path: Path) -> None:
    path = _site(tmp_path, "")
    assert json.loads(run(["serve", "--json", "--site", SITE], CDS_SITE=path).stdout)["CDS_SITE"] == SITE
    assert json.loads(run(["serve", "--json"], CDS_SITE=path).stdout)["CDS_SITE"] == path
    assert json.loads(run(["serve", "--json"], CDS_SITE="").stdout)["CDS_SITE"] == ""


def test_explain_shows_a_call_as_the_site_has_it() -> None:
    arguments = ["explain", CALL, "--now", NOW, "--json"]
    shown = json.loads(run([*arguments, "--site", SITE]).stdout)
    assert "riverbend-tumour-board" in [card["card"] for card in shown["cards"]]
    assert json.loads(run(arguments, CDS_SITE=SITE).stdout) == shown
    ours = json.loads(run(arguments, CDS_SITE="").stdout)
    assert "riverbend-tumour-board" not in [card["card"] for card in ours["cards"]]


def test_replay_shows_what_the_site_changes(few: Path) -> None:
    shutil.copytree(FIXTURES / "patients" / "folfirinox-no-tissue", few / "patients" / "folfirinox-no-tissue")
    said = "First systemic therapy: list the patient"
    assert said not in run(["replay", str(few)]).stdout
    result = run(["replay", str(few), "--site", SITE])
    assert (result.exit_code, said in result.stdout) == (1, True)


# explain


def test_explain_text_and_json() -> None:
    text = run(["explain", CALL, "--now", NOW])
    assert text.exit_code == 0, text.output
    assert "variant not-found" in text.stdout
    shown: dict[str, Any] = json.loads(run(["explain", CALL, "--now", NOW, "--json"]).stdout)
    assert shown["now"] == "2026-03-02T09:00:00+00:00"
    assert shown["facts"]["tissue_confirmation"]["reason"] == "not-found"


def test_explain_takes_this_moment_without_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_now", lambda: datetime(2030, 1, 1, tzinfo=UTC))
    assert json.loads(run(["explain", CALL, "--json"]).stdout)["now"].startswith("2030-01-01")


def test_explain_with_data_of_a_folder(tmp_path: Path) -> None:
    body = json.loads(Path(CALL).read_text(encoding="utf-8"))
    entries = [entry for value in body.pop("prefetch").values() for entry in (value.get("entry") or ())]
    call, data = tmp_path / "call.json", tmp_path / "bundle.json"
    call.write_text(json.dumps(body), encoding="utf-8")
    data.write_text(json.dumps({"resourceType": "Bundle", "entry": entries}), encoding="utf-8")
    assert "answered 412" in run(["explain", str(call), "--now", NOW]).stdout
    result = run(["explain", str(call), "--now", NOW, "--data", str(data)])
    assert "variant not-found" in result.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param('{"hook": 1, "hook": 2}', ["call.json", "twice"], id="duplicate-key"),
        pytest.param("{", ["call.json", "too early"], id="not-json"),
        pytest.param("[]", ["call.json", "hook"], id="not-an-object"),
        pytest.param('{"hook": "patient-view"}', ["call.json", "hook must be"], id="other-hook"),
    ],
)
def test_explain_of_a_malformed_call(tmp_path: Path, content: str, words: list[str]) -> None:
    path = tmp_path / "call.json"
    path.write_text(content, encoding="utf-8")
    assert_one_line_refusal(run(["explain", str(path), "--now", NOW]), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([CALL, "--now", "yesterday"], ["--now", "time zone"], id="now"),
        pytest.param(["nowhere.json"], ["nowhere.json", "check the path"], id="no-such-file"),
        pytest.param([CALL, "--data", "nowhere"], ["nowhere", "check the path"], id="no-such-data"),
        pytest.param([CALL, "--cards", "nowhere"], ["nowhere"], id="no-such-cards"),
    ],
)
def test_explain_with_wrong_arguments(arguments: list[str], words: list[str]) -> None:
    assert_one_line_refusal(run(["explain", *arguments]), *words)


# replay


def test_replay_of_what_is_as_stored(few: Path) -> None:
    result = run(["replay", str(few)])
    assert result.exit_code == 0, result.output
    assert "2 calls to this installation, 0 differ" in result.stdout


def test_replay_with_a_difference(few: Path, tmp_path: Path) -> None:
    _break(few)
    junit = tmp_path / "junit.xml"
    result = run(["replay", str(few), "--json", "--junit", str(junit)])
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["differing"] == 2
    assert shown["rows"][0]["differences"][0]["observed"] == "tissue-confirmed"
    assert ElementTree.parse(junit).getroot().get("failures") == "2"


def test_replay_update_shows_the_difference_and_stores_it(few: Path) -> None:
    path = few / "patients" / "tissue-coded" / "expected.yaml"
    before = path.read_text(encoding="utf-8")
    _break(few)
    result = run(["replay", str(few), "--update"])
    assert result.exit_code == 0
    assert "    - liver-stale\n    + tissue-confirmed" in result.stdout
    assert str(path) in result.stderr
    assert path.read_text(encoding="utf-8") == before


def test_replay_against_a_service(monkeypatch: pytest.MonkeyPatch, few: Path) -> None:
    seen: list[object] = []

    def remote(calls: object, url: str, today: object) -> Report:
        seen.extend((url, today))
        return Report(url, ())

    monkeypatch.setattr(calls, "replay_remote", remote)
    monkeypatch.setattr(cli, "_now", lambda: datetime(2030, 1, 1, 23, tzinfo=UTC))
    assert run(["replay", str(few), "--against", "http://127.0.0.1:1"]).exit_code == 0
    assert seen == ["http://127.0.0.1:1", datetime(2030, 1, 1, tzinfo=UTC).date()]


def test_replay_against_nobody(few: Path) -> None:
    assert_one_line_refusal(run(["replay", str(few), "--against", "http://127.0.0.1:1"]), "is the service running")


@pytest.mark.parametrize("option", [["--update"], ["--cards", "."], ["--site", SITE]])
def test_replay_against_cannot_change_the_other_side(few: Path, option: list[str]) -> None:
    result = run(["replay", str(few), "--against", "http://127.0.0.1:1", *option])
    assert result.exit_code == 2
    assert "neither --update nor --cards nor --site" in result.stderr


def test_replay_against_a_service_takes_no_notice_of_the_site_of_the_environment(few: Path) -> None:
    arguments = ["replay", str(few), "--against", "http://127.0.0.1:1"]
    assert_one_line_refusal(run(arguments, CDS_SITE=SITE), "is the service running")


def test_replay_of_no_fixtures(tmp_path: Path) -> None:
    assert_one_line_refusal(run(["replay", str(tmp_path)]), str(tmp_path), "name a fixtures folder")


# reading


class _Read:
    def __init__(self, failures: tuple[str, ...]) -> None:
        self.failures = failures

    def text(self) -> str:
        return "a table"

    def as_json(self) -> dict[str, int]:
        return {"texts": 3}


@pytest.mark.parametrize(("failures", "exit_code"), [((), 0), (("one",), 1)])
def test_reading(monkeypatch: pytest.MonkeyPatch, failures: tuple[str, ...], exit_code: int) -> None:
    monkeypatch.setattr(calls, "read_labelled_texts", lambda folder, lexicon: _Read(failures))
    shown = run(["reading", "texts"])
    assert (shown.exit_code, shown.stdout) == (exit_code, "a table\n")
    assert json.loads(run(["reading", "texts", "--json"]).stdout) == {"texts": 3}


# cards, describe, trace


@pytest.fixture
def cards_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_cards(), tmp_path / "cards"))


def test_cards_lists_every_card_with_its_standing() -> None:
    result = run(["cards"])
    assert result.exit_code == 0, result.output
    assert "tissue-before-systemic-therapy" in result.stdout
    assert "draft" in result.stdout
    found = json.loads(run(["cards", "--json"]).stdout)
    assert {"id", "version", "status", "standing", "sources"} <= set(found[0])


def test_cards_as_csv_is_the_stored_register() -> None:
    stored = (FIXTURES.parent / "cards" / "register.csv").read_text(encoding="utf-8")
    assert run(["cards", "--csv"]).stdout == stored


def test_describe_writes_pages_and_names_them(tmp_path: Path) -> None:
    out = tmp_path / "pages"
    result = run(["describe", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == sorted(str(path) for path in out.iterdir())
    assert str(out / "index.html") in json.loads(run(["describe", "--out", str(out), "--json"]).stdout)


def test_describe_needs_a_place_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert_one_line_refusal(run(["describe", "--out", str(tmp_path / "file")]), "file")
    assert run(["describe"]).exit_code == 2


def test_trace_is_the_stored_one() -> None:
    result = run(["trace"])
    assert result.exit_code == 0, result.output
    assert result.stdout == (FIXTURES.parent / "docs" / "pathway-trace.md").read_text(encoding="utf-8")
    assert len(json.loads(run(["trace", "--json"]).stdout)) == 64


def test_trace_fails_when_a_statement_is_lost(cards_copy: Path) -> None:
    path = cards_copy / "pancreatic-liver-metastases" / "statements.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(', fact: "liver_metastases"', "", 1), encoding="utf-8")
    result = run(["trace", "--cards", str(cards_copy)])
    assert result.exit_code == 1
    assert "nobody, and no reason is given" in result.stdout
    assert "no card carries S11" in result.stderr


def test_content_commands_read_the_environment_as_serve_does(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    for command in (["check"], ["explain", CALL], ["cards"], ["describe", "--out", str(tmp_path)], ["trace"]):
        result = run(command, CDS_CARDS=missing)
        assert result.exit_code == 2, command
        assert missing in result.stderr, command


def test_the_register_has_cards_of_a_site_only_if_it_is_named() -> None:
    site = str(FIXTURES.parent / "docs" / "site-example.toml")
    assert "riverbend-tumour-board" not in run(["cards", "--csv"], CDS_SITE=site).stdout
    assert "riverbend-tumour-board" in run(["cards", "--csv", "--site", site]).stdout
    assert "riverbend-tumour-board" in run(["cards"], CDS_SITE=site).stdout


def test_explain_on_a_broken_card_is_one_line(tmp_path: Path) -> None:
    folder = FIXTURES.parent / "docs" / "site-example-cards"
    shutil.copytree(folder, tmp_path / "cards")
    card = tmp_path / "cards" / "riverbend-tumour-board.md"
    card.write_text(card.read_text(encoding="utf-8").replace('["no", "unknown:*"]', '"unknown:*"'), encoding="utf-8")
    (tmp_path / "site.toml").write_text('[cards]\ndirectory = "cards"\n', encoding="utf-8")
    result = run(["explain", CALL, "--now", NOW, "--site", str(tmp_path / "site.toml")])
    assert_one_line_refusal(result, "riverbend-tumour-board.md:14: no rule holds when")
