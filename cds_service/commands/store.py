"""What concerns the store: decisions, purge."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import click

from cds_service.commands.options import json_option, store_option
from cds_service.commands.output import CannotError, show
from cds_service.config import read_config
from cds_service.errors import StoreError
from cds_service.replay.stored import read_now
from cds_service.store.database import empty_journal, open_existing, show_url, store_url
from cds_service.store.decision_record import hash_patient
from cds_service.store.decisions import Wanted, client_names, find_decisions, purge_decisions
from cds_service.store.feedback import purge_feedback
from cds_service.store.show import decision_lines
from cds_service.store.tokens import purge_tokens


@contextmanager
def _told_where(store: str) -> Iterator[None]:
    """Say of a store that cannot be used which one it is, and what to do."""
    try:
        yield
    except StoreError as error:
        raise CannotError(
            f"CDS_STORE: {show_url(store_url(store))} cannot be used ({error.kind}): look whether it runs and this "
            "user may use it; cds-service doctor says more"
        ) from None


@click.command()
@click.argument("decision", default="")
@click.option("--since", help="Only from this time on, such as 2026-03-02T09:00:00Z.")
@click.option("--until", help="Only before this time.")
@click.option("--service", default="", help="Only of this service.")
@click.option("--client", help="Only of this client (default: of all).")
@click.option("--topic", default="", help="Only those that showed a card of this topic.")
@click.option("--patient", default="", help="Only of the patient with this id; needs CDS_UUID_KEY.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, the newest.")
@store_option
@json_option
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
    config = read_config({name: os.environ[name] for name in ("CDS_UUID_KEY",) if name in os.environ})
    if patient and not config.has_own_key:
        raise click.UsageError("--patient needs CDS_UUID_KEY, that of the service: records name patients by it alone")
    engine = open_existing(store)
    wanted = Wanted(
        id=decision,
        since=read_now(since, "--since") if since else None,
        until=read_now(until, "--until") if until else None,
        client=client,
        **few,
    )
    with _told_where(store):
        if patient:
            # The records of each client name a patient by another hash.
            names = {"", *client_names(engine)} if client is None else {client}
            wanted = replace(wanted, patients=tuple(hash_patient(config.uuid_key, name, patient) for name in names))
        found = list(find_decisions(engine, wanted))
    if decision and not found:
        raise CannotError(f"no decision has the id {decision}: it may have been purged")
    show(found if as_json or decision else "\n".join(decision_lines(found)))


@click.command()
@click.option("--keep-days", type=click.IntRange(1), required=True, help="Delete decisions older than so many days.")
@click.option("--keep-feedback-days", type=click.IntRange(1), help="The same for feedback (default: as decisions).")
@store_option
@json_option
@click.pass_obj
def purge(started: datetime, keep_days: int, keep_feedback_days: int | None, store: str, as_json: bool) -> None:
    """Delete old decisions, old feedback and expired tokens from the store. The service may go on running."""
    with _told_where(store):
        engine = open_existing(store)
        gone = {
            "decisions": purge_decisions(engine, started - timedelta(days=keep_days)),
            "feedback": purge_feedback(engine, started - timedelta(days=keep_feedback_days or keep_days)),
            "tokens": purge_tokens(engine, started.timestamp()),
        }
        is_empty = empty_journal(engine)
    show(gone if as_json else ", ".join(f"{name}: {count} deleted" for name, count in gone.items()))
    if not is_empty:
        click.echo("somebody reads the store: what was deleted stands in its journal until the next purge", err=True)
