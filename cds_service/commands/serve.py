"""serve: the service itself."""

from __future__ import annotations

import os

import click

from cds_service.commands.output import show
from cds_service.config import LOG_LEVELS, read_config
from cds_service.demo.links import sandbox_url
from cds_service.doctor.settings import show_settings
from cds_service.web.server import serve as run_server


@click.command()
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
@click.option("--workers", help="Processes that answer calls (CDS_WORKERS, default 1).")
@click.option("--metrics-open", is_flag=True, help="Answer /metrics to callers elsewhere too (CDS_METRICS_OPEN).")
@click.option("--workbench/--no-workbench", default=None, help="The page at / (CDS_WORKBENCH, default: on loopback).")
@click.option("--demo", is_flag=True, help="Answer the public sandbox, with stored patients at /fhir (CDS_DEMO).")
@click.option("--json", "as_json", is_flag=True, help="Print the configuration as JSON and do not serve.")
def serve(as_json: bool, workbench: bool | None, **options: str | bool | None) -> None:
    """Serve CDS Hooks until stopped. Options overrule environment variables."""
    given = {f"CDS_{name.upper()}": _as_setting(value) for name, value in options.items()}
    given["CDS_WORKBENCH"] = None if workbench is None else str(int(workbench))
    config = read_config(os.environ, given)
    if as_json:
        show(show_settings(config))
        return
    if config.demo:
        click.echo(f"Demo, steps in docs/sandbox.md: {sandbox_url(config.registry.public_url)}", err=True)
    run_server(config)


def _as_setting(value: str | bool | None) -> str | None:
    """An option as text, like a variable; None if it was not given."""
    if isinstance(value, bool):
        return "1" if value else None
    return value
