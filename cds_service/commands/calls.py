"""What concerns stored calls and texts: explain, replay, reading."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cds_service.commands.options import PATH, Where, cards_option, content_options, json_option
from cds_service.commands.output import FOUND, show
from cds_service.content_files import find_cards
from cds_service.errors import ContentError, MalformedCall
from cds_service.fhir.chart import read_chart_files
from cds_service.fhir.folder import FolderSource
from cds_service.fhir.shapes import as_object, as_text
from cds_service.hooks import parse_json
from cds_service.pathway.vendors import PROFILES
from cds_service.reading.lexicon import load_lexicon
from cds_service.replay.explain import explain as explain_call
from cds_service.replay.reading_set import report as read_labelled_texts
from cds_service.replay.remote import replay_remote
from cds_service.replay.report import replay_in_process, rewrite_expectations
from cds_service.replay.stored import load_stored, read_now


@click.command()
@click.argument("call", type=PATH)
@click.option("--now", help="The time of the call, such as 2026-03-02T09:00:00Z (default: this moment).")
@click.option("--data", type=PATH, help="Bundle or folder of the patient's data in place of the prefetch.")
@click.option("--vendor", type=click.Choice([*PROFILES]), default="generic", help="Whose EHR it is (docs/vendors.md).")
@content_options
@json_option
@click.pass_obj
def explain(
    started: datetime, call: Path, now: str | None, data: Path | None, vendor: str, where: Where, as_json: bool
) -> None:
    """Decide one stored hook call and show all that led to the answer. Prints patient data."""
    content = where.load()
    moment = read_now(now, "--now") if now else started
    body: Mapping[str, Any] = {}
    try:
        body = as_object(parse_json(call.read_bytes()))
        source = None
        if data is not None:
            context = as_object(body.get("context"))
            values = {f"context.{name}": as_text(value) for name, value in context.items() if as_text(value)}
            chart = read_chart_files(data)
            source = FolderSource(chart.entries, content.prefetch, values, chart.doubts)
        explained = explain_call(body, content, moment, source, PROFILES[vendor])
    except MalformedCall as error:
        raise ContentError(str(call), f"{error} ({_advise(body)})") from None
    show(explained.as_json() if as_json else explained.as_text())


def _advise(body: Mapping[str, Any]) -> str:
    """What to give instead of a file that holds no call."""
    if "resourceType" in body:
        return "this is a FHIR resource: give the hook call, and the patient's resources with --data"
    return "give the body of one CDS Hooks request, as fixtures/calls/ has them"


@click.command()
@click.argument("fixtures", type=PATH, default="fixtures")
@click.option("--against", metavar="URL", help="A running CDS Hooks service; dates are moved to today.")
@click.option("--update", is_flag=True, help="Show the differences, then store what was observed.")
@click.option("--junit", type=PATH, help="Also write a JUnit XML file.")
@content_options
@json_option
@click.pass_context
def replay(
    ctx: click.Context,
    fixtures: Path,
    against: str | None,
    update: bool,
    junit: Path | None,
    where: Where,
    as_json: bool,
) -> None:
    """Run every stored patient and call and compare with what is stored. Exit 1 on a difference."""
    given = [ctx.get_parameter_source(name) for name in ("cards", "site")]
    if against and (update or ParameterSource.COMMANDLINE in given):
        raise click.UsageError("--against shows another process: it takes neither --update nor --cards nor --site")
    calls = load_stored(fixtures)
    report = replay_remote(calls, against, ctx.obj.date()) if against else replay_in_process(calls, where.load())
    show(report.as_json() if as_json else report.as_text())
    if junit is not None:
        junit.write_text(report.as_junit(), encoding="utf-8")
    if update:
        for path in rewrite_expectations(report):
            click.echo(f"rewritten: {path}", err=True)
    ctx.exit(FOUND if report.failed and not update else 0)


@click.command()
@click.argument("texts", type=PATH, default="fixtures/reading")
@cards_option
@json_option
@click.pass_context
def reading(ctx: click.Context, texts: Path, cards: Path | None, as_json: bool) -> None:
    """Read the labelled report texts of a folder and show how often the reader agrees. Exit 1 on a failure."""
    found = read_labelled_texts(texts, load_lexicon((cards or find_cards()) / "lexicon"))
    show(found.as_json() if as_json else found.text())
    ctx.exit(FOUND if found.failures else 0)
