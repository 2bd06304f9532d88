"""What concerns the content: check, cards, describe, trace, prefetch."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cds_service.commands.options import PATH, Where, content_options, json_option
from cds_service.commands.output import FOUND, show
from cds_service.describe.pages import make_pages, write_pages
from cds_service.describe.prefetch import prefetch_markdown, prefetch_rows
from cds_service.describe.register import register_csv, register_json, register_text
from cds_service.describe.trace import trace_markdown, trace_rows
from cds_service.errors import ContentError
from cds_service.pathway.mutants import mutants as run_mutants
from cds_service.pathway.proof import check as prove
from cds_service.pathway.statements import untraced
from cds_service.pathway.vendors import name_missing_orderables
from cds_service.trust.clients import read_registry


@click.command()
@click.option("--mutants", is_flag=True, help="Also change each card in every small way: some case must notice.")
@content_options
@json_option
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, started: datetime, mutants: bool, where: Where, as_json: bool) -> None:
    """Prove the content: total, tested, short enough, safely worded; a site file: known, not shadowed, used.

    Exit 1 on a problem.
    """
    directory, site = where
    if not directory.is_dir():
        raise ContentError(str(directory), "is not a directory: give the content directory")
    if site is not None and not site.is_file():
        raise ContentError(str(site), "is not a file: give the site file (TOML)")
    report = prove(directory, started.date(), site)
    # A file that cannot be read at all is told once, though both look into it.
    problems = list(dict.fromkeys((*report.problems, *_client_problems(site))))
    notes = [*report.notes, *(() if problems else _missing_orderables(where))]
    found: dict[str, Any] = {"problems": problems, "notes": notes}
    lines = [*problems, *notes]
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
    show(found if as_json else "\n".join(lines))
    ctx.exit(FOUND if problems or survivors else 0)


def _client_problems(site: Path | None) -> list[str]:
    """What is wrong with the clients of a site file: the first slip, as at the start of the service."""
    try:
        if site is not None:
            read_registry(site)
    except ContentError as error:
        return [str(error)]
    return []


def _missing_orderables(where: Where) -> list[str]:
    clients = read_registry(where.site).clients if where.site is not None else ()
    templates = where.load().templates.values() if clients else ()
    return [line for client in clients for line in name_missing_orderables(client.name, client.vendor, templates)]


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="Print the register as CSV (cards/register.csv).")
@content_options
@json_option
@click.pass_obj
@click.pass_context
def cards(ctx: click.Context, started: datetime, where: Where, as_csv: bool, as_json: bool) -> None:
    """List the cards: version, standing today, owner, reviewer, review date, sources with theirs.

    The CSV is the register of the content directory: of a site file it holds the cards only if --site is given.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two ways to print: give one of them")
    if as_csv:
        is_given = ctx.get_parameter_source("site") is ParameterSource.COMMANDLINE
        click.echo(register_csv((where if is_given else where._replace(site=None)).load()), nl=False)
        return
    content = where.load()
    today = started.date()
    show(register_json(content, today) if as_json else register_text(content, today))


@click.command()
@click.option("--out", type=PATH, required=True, help="Directory for the pages; it is made if need be.")
@content_options
@json_option
@click.pass_obj
def describe(started: datetime, out: Path, where: Where, as_json: bool) -> None:
    """Write one page per card, an index and the flow of the pathway, in Markdown, HTML, Mermaid and SVG."""
    made = make_pages(where.load(), where.cards, started.date())
    paths = [str(path) for path in write_pages(made, out)]
    show(paths if as_json else "\n".join(paths))


@click.command()
@content_options
@json_option
@click.pass_context
def trace(ctx: click.Context, where: Where, as_json: bool) -> None:
    """Show every statement of the documents with the cards that carry it. Exit 1 if one is lost."""
    content = where.load()
    lost = untraced(content.statements, content.cards)
    if as_json:
        show(trace_rows(content))
    else:
        click.echo(trace_markdown(content), nl=False)
    for line in lost:
        click.echo(line, err=True)
    ctx.exit(FOUND if lost else 0)


@click.command()
@content_options
@json_option
def prefetch(where: Where, as_json: bool) -> None:
    """Show the prefetch templates to type into an EHR that does not read discovery."""
    content = where.load()
    if as_json:
        show(prefetch_rows(content))
    else:
        click.echo(prefetch_markdown(content), nl=False)
