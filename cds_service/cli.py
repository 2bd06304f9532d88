"""The command line: serve, check, explain, replay, reading, cards, describe, trace, decisions, purge.

Exit codes: 0 all is well, 1 a difference or a problem was found, 2 the command could not do its work. What it
could not do stands on one line of standard error: what, where, what to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from cds_service import __version__
from cds_service.config import LOG_LEVELS, read_config
from cds_service.content_files import find_cards
from cds_service.describe.pages import make_pages, write_pages
from cds_service.describe.register import register_csv, register_json, register_text
from cds_service.describe.trace import trace_markdown, trace_rows
from cds_service.errors import CdsError, ContentError, MalformedCall
from cds_service.fhir.folder import FolderSource, read_entries
from cds_service.fhir.shapes import as_object, as_text
from cds_service.hooks import parse_json
from cds_service.pathway.content import Content, load_content
from cds_service.pathway.mutants import mutants as run_mutants
from cds_service.pathway.proof import check as prove
from cds_service.pathway.statements import untraced
from cds_service.reading.lexicon import load_lexicon
from cds_service.replay.explain import explain as explain_call
from cds_service.replay.reading_set import report as read_labelled_texts
from cds_service.replay.remote import replay_remote
from cds_service.replay.report import replay_in_process, rewrite_expectations
from cds_service.replay.stored import load_stored, read_now
from cds_service.store.database import open_existing, show_url, store_url
from cds_service.store.decision_record import hash_patient
from cds_service.store.decisions import Wanted, find_decisions, purge_decisions
from cds_service.store.feedback import purge_feedback
from cds_service.store.show import decision_lines
from cds_service.store.tokens import purge_tokens
from cds_service.trust.clients import read_registry
from cds_service.web.server import serve as run_server

_FOUND = 1
"""Exit code for a difference or a problem that the command was asked to look for."""


class _CannotError(click.ClickException):
    """Shown on one line of standard error; exit code 2."""

    exit_code = 2

    def format_message(self) -> str:
        return " ".join(self.message.split())


class _Commands(click.Group):
    """Turns our own errors and those of the file system into one line; anything else is a bug and shows itself."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of our output left: click ends quietly
        except CdsError as error:
            raise _CannotError(str(error)) from None
        except OSError as error:
            where = error.filename or "input or output"
            raise _CannotError(f"{where}: {error.strerror}: check the path and its permissions") from None


_PATH = click.Path(path_type=Path)
_cards = click.option(
    "--cards", type=_PATH, envvar="CDS_CARDS", help="Content directory in place of the shipped one (CDS_CARDS)."
)
_site = click.option(
    "--site", type=_PATH, envvar="CDS_SITE", help="Site file: local codes, settings, orderables, cards (CDS_SITE)."
)


class _Where(NamedTuple):
    """Where content comes from."""

    cards: Path
    site: Path | None

    def load(self) -> Content:
        """The content, loaded and checked."""
        return load_content(self.cards, self.site)


def _content(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --cards and --site, as one argument ``where``."""

    @_cards
    @_site
    @wraps(command)
    def with_content(*args: Any, cards: Path | None, site: Path | None, **options: Any) -> None:
        command(*args, where=_Where(cards or find_cards(), site), **options)

    return with_content


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="cds-service")
def main() -> None:
    """CDS Hooks advice for pancreatic cancer with liver metastases."""


@main.command()
@click.option("--host", help="Address to listen on (CDS_HOST, default 127.0.0.1).")
@click.option("--port", help="Port to listen on (CDS_PORT, default 8080).")
@click.option("--cards", help="Content directory in place of the shipped one (CDS_CARDS).")
@click.option("--site", help="Site file: clients, local codes, settings, orderables, cards (CDS_SITE).")
@click.option("--max-body-bytes", help="Largest request body (CDS_MAX_BODY_BYTES, default 5000000).")
@click.option("--max-draft-orders", help="Most draft orders of a call (CDS_MAX_DRAFT_ORDERS, default 1000).")
@click.option("--cors-origins", help="Exact origins of browser clients, by comma (CDS_CORS_ORIGINS).")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much to log (CDS_LOG_LEVEL, default info).")
@click.option("--insecure", is_flag=True, help="Answer callers from elsewhere without tokens (CDS_INSECURE).")
@click.option("--store", help="Directory (SQLite) or postgresql:// URL for decisions and feedback (CDS_STORE).")
@click.option("--require-record", is_flag=True, help="Refuse calls that cannot be recorded (CDS_REQUIRE_RECORD).")
@click.option("--json", "as_json", is_flag=True, help="Print the configuration as JSON and do not serve.")
def serve(insecure: bool, require_record: bool, as_json: bool, **options: str | None) -> None:
    """Serve CDS Hooks until stopped. Options overrule environment variables."""
    given = {f"CDS_{name.upper()}": value for name, value in options.items()}
    flags = {"CDS_INSECURE": "1" if insecure else None, "CDS_REQUIRE_RECORD": "1" if require_record else None}
    config = read_config(os.environ, {**given, **flags})
    if as_json:
        shown = {
            **config.as_environ(),
            "CDS_UUID_KEY": "set" if config.has_own_key else "not set",
            "CDS_STORE": show_url(store_url(config.store)) if config.store else "",
        }
        _print(shown)
        return
    run_server(config)


@main.command()
@click.option("--mutants", is_flag=True, help="Also change each card in every small way: some case must notice.")
@_content
@_as_json
@click.pass_context
def check(ctx: click.Context, mutants: bool, where: _Where, as_json: bool) -> None:
    """Prove the content: total, tested, short enough, safely worded; a site file: known, not shadowed, used.

    Exit 1 on a problem.
    """
    directory, site = where
    if not directory.is_dir():
        raise ContentError(str(directory), "is not a directory: give the content directory")
    if site is not None and not site.is_file():
        raise ContentError(str(site), "is not a file: give the site file (TOML)")
    report = prove(directory, _now().date(), site)
    problems = [*report.problems, *_client_problems(site)]
    found: dict[str, Any] = {"problems": problems, "notes": list(report.notes)}
    lines = [*problems, *report.notes]
    survivors: tuple[str, ...] = ()
    if mutants and report.problems:
        lines.append("mutants not run: mend the problems first")
    elif mutants:
        tried = run_mutants(directory, site)
        survivors = tried.survivors
        found["mutants"] = {
            "total": tried.total,
            "killed": tried.killed,
            "equivalent": tried.equivalent,
            "survivors": list(survivors),
        }
        lines += [f"survived: {survivor}" for survivor in survivors]
        counts = f"{tried.killed} killed, {tried.equivalent} equivalent, {len(survivors)} survived"
        lines.append(f"{tried.total} mutants: {counts}")
    lines.append("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    _print(found if as_json else "\n".join(lines))
    ctx.exit(_FOUND if problems or survivors else 0)


def _client_problems(site: Path | None) -> list[str]:
    """What is wrong with the clients of a site file: the first slip, as at the start of the service."""
    try:
        if site is not None:
            read_registry(site)
    except ContentError as error:
        return [str(error)]
    return []


@main.command()
@click.argument("call", type=_PATH)
@click.option("--now", help="The time of the call, such as 2026-03-02T09:00:00Z (default: this moment).")
@click.option("--data", type=_PATH, help="Bundle or folder of the patient's data in place of the prefetch.")
@_content
@_as_json
def explain(call: Path, now: str | None, data: Path | None, where: _Where, as_json: bool) -> None:
    """Decide one stored hook call and show all that led to the answer. Prints patient data."""
    content = where.load()
    moment = read_now(now, "--now") if now else _now()
    try:
        body = as_object(parse_json(call.read_bytes()))
        source = None
        if data is not None:
            context = as_object(body.get("context"))
            values = {f"context.{name}": as_text(value) for name, value in context.items() if as_text(value)}
            source = FolderSource(read_entries(data), content.prefetch, values)
        explained = explain_call(body, content, moment, source)
    except MalformedCall as error:
        raise ContentError(str(call), str(error)) from None
    _print(explained.as_json() if as_json else explained.as_text())


@main.command()
@click.argument("fixtures", type=_PATH, default="fixtures")
@click.option("--against", metavar="URL", help="A running CDS Hooks service; dates are moved to today.")
@click.option("--update", is_flag=True, help="Show the differences, then store what was observed.")
@click.option("--junit", type=_PATH, help="Also write a JUnit XML file.")
@_content
@_as_json
@click.pass_context
def replay(
    ctx: click.Context,
    fixtures: Path,
    against: str | None,
    update: bool,
    junit: Path | None,
    where: _Where,
    as_json: bool,
) -> None:
    """Run every stored patient and call and compare with what is stored. Exit 1 on a difference."""
    given = [ctx.get_parameter_source(name) for name in ("cards", "site")]
    if against and (update or ParameterSource.COMMANDLINE in given):
        raise click.UsageError("--against shows another process: it takes neither --update nor --cards nor --site")
    calls = load_stored(fixtures)
    report = replay_remote(calls, against, _now().date()) if against else replay_in_process(calls, where.load())
    _print(report.as_json() if as_json else report.as_text())
    if junit is not None:
        junit.write_text(report.as_junit(), encoding="utf-8")
    if update:
        for path in rewrite_expectations(report):
            click.echo(f"rewritten: {path}", err=True)
    ctx.exit(_FOUND if report.failed and not update else 0)


@main.command()
@click.argument("texts", type=_PATH, default="fixtures/reading")
@_cards
@_as_json
@click.pass_context
def reading(ctx: click.Context, texts: Path, cards: Path | None, as_json: bool) -> None:
    """Read the labelled report texts of a folder and show how often the reader agrees. Exit 1 on a failure."""
    found = read_labelled_texts(texts, load_lexicon((cards or find_cards()) / "lexicon"))
    _print(found.as_json() if as_json else found.text())
    ctx.exit(_FOUND if found.failures else 0)


@main.command()
@click.option("--csv", "as_csv", is_flag=True, help="Print the register as CSV (cards/register.csv).")
@_content
@_as_json
@click.pass_context
def cards(ctx: click.Context, where: _Where, as_csv: bool, as_json: bool) -> None:
    """List the cards: version, standing today, owner, reviewer, review date, sources with theirs.

    The CSV is the register of the content directory: of a site file it holds the cards only if --site is given.
    """
    if as_csv:
        is_given = ctx.get_parameter_source("site") is ParameterSource.COMMANDLINE
        click.echo(register_csv((where if is_given else where._replace(site=None)).load()), nl=False)
        return
    content = where.load()
    today = _now().date()
    _print(register_json(content, today) if as_json else register_text(content, today))


@main.command()
@click.option("--out", type=_PATH, required=True, help="Directory for the pages; it is made if need be.")
@_content
@_as_json
def describe(out: Path, where: _Where, as_json: bool) -> None:
    """Write one page per card, an index and the flow of the pathway, in Markdown, HTML, Mermaid and SVG."""
    made = make_pages(where.load(), where.cards, _now().date())
    paths = [str(path) for path in write_pages(made, out)]
    _print(paths if as_json else "\n".join(paths))


@main.command()
@_content
@_as_json
@click.pass_context
def trace(ctx: click.Context, where: _Where, as_json: bool) -> None:
    """Show every statement of the documents with the cards that carry it. Exit 1 if one is lost."""
    content = where.load()
    lost = untraced(content.statements, content.cards)
    if as_json:
        _print(trace_rows(content))
    else:
        click.echo(trace_markdown(content), nl=False)
    for line in lost:
        click.echo(line, err=True)
    ctx.exit(_FOUND if lost else 0)


_store = click.option(
    "--store", envvar="CDS_STORE", show_envvar=True, required=True, help="Directory (SQLite) or postgresql:// URL."
)


@main.command()
@click.argument("decision", default="")
@click.option("--since", help="Only from this time on, such as 2026-03-02T09:00:00Z.")
@click.option("--until", help="Only before this time.")
@click.option("--service", default="", help="Only of this service.")
@click.option("--client", help="Only of this client; with --patient that patient's client (default: the open one).")
@click.option("--topic", default="", help="Only those that showed a card of this topic.")
@click.option("--patient", default="", help="Only of the patient with this id; needs the CDS_UUID_KEY of the service.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, the newest.")
@_store
@_as_json
def decisions(
    decision: str,
    since: str | None,
    until: str | None,
    client: str | None,
    patient: str,
    store: str,
    as_json: bool,
    **few: Any,
) -> None:
    """Show recorded decisions, or the one with the id DECISION in full: on this host alone, never over the network."""
    key = read_config({name: os.environ[name] for name in ("CDS_UUID_KEY",) if name in os.environ}).uuid_key
    wanted = Wanted(
        id=decision,
        since=read_now(since, "--since") if since else None,
        until=read_now(until, "--until") if until else None,
        client=client,
        patient=hash_patient(key, client or "", patient) if patient else "",
        **few,
    )
    found = list(find_decisions(open_existing(store), wanted))
    if decision and not found:
        raise _CannotError(f"no decision has the id {decision}: it may have been purged")
    _print(found if as_json or decision else "\n".join(decision_lines(found)))


@main.command()
@click.option("--keep-days", type=click.IntRange(1), required=True, help="Delete decisions older than so many days.")
@click.option("--keep-feedback-days", type=click.IntRange(1), help="The same for feedback (default: as decisions).")
@_store
@_as_json
def purge(keep_days: int, keep_feedback_days: int | None, store: str, as_json: bool) -> None:
    """Delete old decisions, old feedback and expired tokens from the store. The service may go on running."""
    engine, now = open_existing(store), _now()
    gone = {
        "decisions": purge_decisions(engine, now - timedelta(days=keep_days)),
        "feedback": purge_feedback(engine, now - timedelta(days=keep_feedback_days or keep_days)),
        "tokens": purge_tokens(engine, now.timestamp()),
    }
    _print(gone if as_json else ", ".join(f"{name}: {count} deleted" for name, count in gone.items()))


def _print(value: Any) -> None:
    click.echo(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


def _now() -> datetime:
    return datetime.now(UTC)
