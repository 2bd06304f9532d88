"""docs/operate.md stays true: settings, metrics, commands, paths and numbers are those of the service."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from cds_service.app import STORE, create_app
from cds_service.cli import main
from cds_service.config import DEFAULTS, Config
from cds_service.fhir.outcome import Outcome
from cds_service.store.database import FILE, open_existing
from cds_service.store.decisions import Wanted, find_decisions
from cds_service.trust.clients import read_registry
from cds_service.trust.key_sets import RENEW_AFTER, STALE_AFTER
from cds_service.trust.refusals import Refusal
from cds_service.trust.tokens import LEEWAY, LONGEST_LIFETIME
from cds_service.web.metrics import KEPT, LOST, NOT_OURS, NOT_RECORDED, Metrics
from cds_service.web.server import BLOCKING_THREADS, GRACE_SECONDS
from cds_service.web.slot import PATIENCE_SECONDS
from tests.packaging.test_deploy import CONTAINER
from tests.packaging.test_dockerfile import FINAL
from tests.store.databases import database
from tests.trust.tokens_made import REGISTRY, verifier
from tests.web.service_calls import ID, NOW, content, stored

DOCUMENT = Path("docs/operate.md").read_text(encoding="utf-8")
ORDER_SELECT = f"/cds-services/{ID}order-select"
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


def rows(heading: str) -> list[list[str]]:
    """The rows of the table under these column names."""
    found = re.search(rf"^\| {re.escape(heading)} \|\n\|[-|]+\|\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    assert found is not None, heading
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in found[1].splitlines()]


def test_every_setting_stands_there_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(CDS_\w+)` \| (?:`([^`]*)`)? ?\|", DOCUMENT, re.MULTILINE))
    assert told == dict(DEFAULTS)
    assert set(re.findall(r"CDS_\w\w+", DOCUMENT)) <= set(DEFAULTS)


def test_every_setting_but_those_named_has_an_option() -> None:
    options = {str(item.name) for item in main.commands["serve"].params}
    without = {name for name in DEFAULTS if name.removeprefix("CDS_").lower() not in options}
    told = re.search(r"with the same name \((.*?) have none\)", DOCUMENT)
    assert told is not None
    assert set(re.findall(r"`(\w+)`", told[1])) == without


def families() -> dict[str, str]:
    """Every metric that the service shows, by the name that a query uses, with its type."""
    metrics = Metrics(content())
    metrics.watch(lambda _: True, lambda: {"general-hospital": True})
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in text_string_to_metric_families(metrics.show().decode())
    }


def test_every_metric_stands_there_and_every_one_named_exists() -> None:
    told = [cells[0].strip("`") for cells in rows("metric | labels | counts")]
    assert sorted(told) == sorted(families())
    queried = set(re.findall(r"\bcds_[a-z_]+", DOCUMENT))
    assert {name.removesuffix("_bucket") for name in queried} == set(families())
    assert {name.removesuffix("_bucket") for name in queried if name.endswith("_bucket")} <= {
        name for name, kind in families().items() if kind == "histogram"
    }


def test_labels_are_those_of_the_metrics() -> None:
    real = {
        item._name: set(item._labelnames)
        for item in vars(Metrics(content())).values()
        if isinstance(item, MetricWrapperBase)
    }
    assert len(real) > 10
    for name, labels, *_ in rows("metric | labels | counts"):
        bare = name.strip("`").removesuffix("_total")
        if bare in real:
            assert {label for label in labels.split(", ") if label} == real[bare], name
    asked = set(
        re.findall(r'(\w+)!?="([\w-]+)"', "".join("".join(cells) for cells in rows("alert | when | what to do")))
    )
    assert asked == {
        ("result", LOST),
        ("status", "5xx"),
        ("outcome", Outcome.ANSWERED.value),
        ("outcome", Outcome.NOT_ALLOWED.value),
        ("outcome", Outcome.OTHER_PATIENT.value),
        ("reason", "not-searched"),
    }
    for result in (KEPT, LOST, NOT_OURS, NOT_RECORDED):
        assert f"`{result}`" in DOCUMENT


def test_whatever_an_alert_reckons_with_is_there_before_anything_happens() -> None:
    """Of a count that first appears as 1 there is no increase: the first lost decision would raise no alert."""
    shown = create_app(Config(registry=REGISTRY), content(), lambda: NOW, verifier=verifier()).test_client()
    families = text_string_to_metric_families(shown.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    asked = re.findall(r"\b(?:increase|rate)\((cds_\w+)(?:\{([^}]*)\})?\[", DOCUMENT)
    assert len(asked) >= 10
    for name, condition in asked:
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', condition))
        assert any(sample.name == name and wanted.items() <= sample.labels.items() for sample in samples), name


def test_reasons_of_refusals_exist() -> None:
    reasons = {refusal.value for refusal in Refusal}
    assert any(reason.startswith("clock-") for reason in reasons)
    assert {"key-unknown", "audience-other", "token-replayed"} <= reasons
    for name in ("`clock-...`", "`key-unknown`", "`audience-other`", "`token-replayed`"):
        assert name in DOCUMENT


def test_numbers_are_those_of_the_code() -> None:
    assert f"finished within {GRACE_SECONDS} seconds" in DOCUMENT
    assert f"no turn came within {PATIENCE_SECONDS:.0f} s" in DOCUMENT
    assert f"holds {BLOCKING_THREADS} bodies of {int(DEFAULTS['CDS_MAX_BODY_BYTES']) // 1_000_000} MB" in DOCUMENT
    assert f"fetched again every {RENEW_AFTER / 60:.0f} minutes" in DOCUMENT
    assert f"stay good for {STALE_AFTER / 3600:.0f} h" in DOCUMENT
    # Issued by a clock that is ahead, and looked at by one that is behind.
    forgotten = NUMBERS[int(LONGEST_LIFETIME + 2 * LEEWAY) // 60]
    assert (LONGEST_LIFETIME + 2 * LEEWAY) % 60 == 0
    assert f"leave {forgotten} minutes between the stop and the start" in DOCUMENT


def test_the_registered_addresses_are_served() -> None:
    told = set(re.findall(r"https://cds\.example\.org(/cds-services/[\w-]+)", DOCUMENT))
    assert told == {f"/cds-services/{service.id}" for service in content().pathway.services}


def test_the_proxy_passes_on_what_is_served_where_it_listens() -> None:
    [proxy] = re.findall(r"```nginx\n(.*?)```", DOCUMENT, re.DOTALL)
    assert re.findall(r"location (\S+)", proxy) == ["/cds-services"]
    assert f"proxy_pass http://127.0.0.1:{FINAL.arguments('EXPOSE')[0]};" in proxy
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", proxy)
    assert int(megabytes) * 1_000_000 > int(DEFAULTS["CDS_MAX_BODY_BYTES"])
    assert proxy.count("{") == proxy.count("}")


def test_the_secret_has_the_keys_that_the_deployment_reads() -> None:
    [command] = [words for words in COMMANDS if words[0] == "kubectl" and "secret" in words]
    made = {word.removeprefix("--from-literal=").partition("=")[0] for word in command if "--from-literal" in word}
    references = [item["valueFrom"]["secretKeyRef"] for item in CONTAINER["env"] if "valueFrom" in item]
    assert made == {item["key"] for item in references}
    assert {item["name"] for item in references} == {command[command.index("generic") + 1]}


def test_our_own_commands_can_be_given_so() -> None:
    """In blocks and in sentences: the command exists, and takes these options."""
    said = [shlex.split(text) for text in re.findall(r"`(cds-service [a-z][^`]*)`", DOCUMENT)]
    ours = [words for words in (*COMMANDS, *said) if words[0] == "cds-service"]
    assert len(ours) >= 6
    for _, name, *arguments in ours:
        command = main.commands[name]
        options = {option for item in command.params for option in item.opts}
        assert {word for word in arguments if word.startswith("--")} <= options, arguments
    assert {words[0] for words in COMMANDS} == {"cds-service", "kubectl", "pg_dump", "pg_restore", "sqlite3"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A store with one decision, whose service has not stopped."""
    app = create_app(Config(store=str(tmp_path)), content(), lambda: NOW)
    assert app.test_client().post(ORDER_SELECT, json=stored("folfirinox-no-tissue")).status_code == 200
    yield tmp_path
    app.extensions[STORE].close()


def test_the_sqlite_backup_is_whole_while_the_service_runs(folder: Path, tmp_path: Path) -> None:
    [(_, source, statement)] = [words for words in COMMANDS if words[0] == "sqlite3"]
    assert Path(source).name == FILE
    backup = tmp_path / "backup"
    backup.mkdir()
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute(statement.replace("/backup/", f"{backup}/"))
    connection.close()
    engine = open_existing(str(backup))
    assert len(list(find_decisions(engine, Wanted()))) == 1
    engine.dispose()


def test_the_postgresql_backup_can_be_restored(tmp_path: Path) -> None:
    commands = {words[0]: words[1:] for words in COMMANDS if words[0].startswith("pg_")}
    with database("postgresql", tmp_path) as setting, database("postgresql", tmp_path) as empty:
        app = create_app(Config(store=setting), content(), lambda: NOW)
        app.test_client().post(ORDER_SELECT, json=stored("folfirinox-no-tissue"))
        app.extensions[STORE].close()
        for name, url in (("pg_dump", setting), ("pg_restore", empty)):
            words = [word.replace("$CDS_STORE", url).replace("/backup/", f"{tmp_path}/") for word in commands[name]]
            subprocess.run([_program(name), *words], check=True, capture_output=True)
        engine = open_existing(empty)
        assert len(list(find_decisions(engine, Wanted()))) == 1
        engine.dispose()


def _program(name: str) -> str:
    """Where a program of PostgreSQL is; Debian keeps those of the server beside it."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default="")
    assert found, f"{name} is not installed, though there is a server"
    return found


def test_the_purge_runs_as_written(folder: Path) -> None:
    [words] = [words for words in COMMANDS if words[:2] == ["cds-service", "purge"]]
    done = CliRunner().invoke(main, words[1:], env={"CDS_STORE": str(folder)})
    assert done.exit_code == 0, done.output
    assert "decisions" in done.output


def test_the_sandbox_can_be_registered_as_described(tmp_path: Path) -> None:
    """And only so: without `demo` its issuer is refused."""
    section = DOCUMENT.partition("### The public sandbox")[2]
    issuer = re.search(r"issuer `(\S+)`", section)
    assert issuer is not None
    lines = re.findall(r"`((?:jwks_url|cors_origins|vendor) = [^`]+)`", section)
    assert len(lines) == 3
    site = tmp_path / "site.toml"
    text = (
        f'public_url = "https://cds.example.org"\n[[clients]]\nname = "sandbox"\nissuer = "{issuer[1]}"\n'
        + "\n".join(lines)
    )
    site.write_text(f"demo = true\n{text}\n")
    [client] = read_registry(site).clients
    assert client.vendor == "sandbox"
    site.write_text(text)
    with pytest.raises(Exception, match="demo"):
        read_registry(site)


def test_events_of_the_log_are_told() -> None:
    told = set(re.findall(r"`([\w-]+)`", DOCUMENT.partition("`event` is ")[2].partition(". A `call` line")[0]))
    code = "".join(path.read_text() for path in sorted(Path("cds_service/web").glob("*.py")))
    written = re.findall(r'"event": "([\w-]+)"', code)
    called = re.findall(r'log_event\([^"]*?"([\w-]+)"', code)
    assert told == {*written, *called}


def test_every_file_and_folder_that_is_named_exists() -> None:
    for name in re.findall(r"`((?:deploy|cards|docs|fixtures)/[\w./-]*)`", DOCUMENT):
        assert Path(name).exists(), name
    for name in ("site.yaml", "ingress.yaml", "kustomization.yaml"):
        assert f"`{name}`" in DOCUMENT
        assert (Path("deploy/kubernetes") / name).is_file()
