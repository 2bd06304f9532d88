"""What concerns the installation: doctor, completion."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from cds_service.commands.options import json_option
from cds_service.commands.output import FOUND, show
from cds_service.doctor.examine import Surroundings, examine
from cds_service.doctor.findings import State
from cds_service.doctor.network import ask
from cds_service.doctor.python import find_version, read_requirements
from cds_service.trust.clients import Client
from cds_service.trust.key_sets import read_file, read_url
from cds_service.web.server import claim_port

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_PROGRAM = "cds-service"
_VARIABLE = "_CDS_SERVICE_COMPLETE"
"""The variable by which a shell asks click for completions; click makes it of the program's name."""


@click.command()
@click.option("--cards", help="Content directory in place of the shipped one (CDS_CARDS).")
@click.option("--site", help="Site file: clients, local codes, settings, orderables, cards (CDS_SITE).")
@click.option("--store", help="Directory (SQLite) or postgresql:// URL for decisions and feedback (CDS_STORE).")
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool, **options: str | None) -> None:
    """Check this installation and say what to do: Python, settings, content, store, keys, FHIR servers, clock, port.

    Looks at what `serve` would use; asks key and FHIR servers without a token; changes nothing. Exit 1 on a problem.
    """
    given = {f"CDS_{name.upper()}": value for name, value in options.items()}
    found = []
    for finding in examine(os.environ, given, _surroundings(ctx.obj)):
        found.append(finding)
        if not as_json:
            show(finding.as_text())
    problems, warnings = (sum(one.state is state for one in found) for state in (State.PROBLEM, State.WARNING))
    if as_json:
        show({"problems": problems, "warnings": warnings, "findings": [one.as_json() for one in found]})
    else:
        show(f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}")
    ctx.exit(FOUND if problems else 0)


@click.command()
@click.argument("shell", type=click.Choice([*_SHELLS]))
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Print the script that completes commands and options in a shell: `source <(cds-service completion bash)`."""
    root = click.get_current_context().find_root().command
    script = _SHELLS[shell](root, {}, _PROGRAM, _VARIABLE).source().rstrip("\n")
    show({"shell": shell, "script": script} if as_json else script)


def _surroundings(started: datetime) -> Surroundings:
    """The world as it is. Time goes on from the moment at which the command began."""
    begin = time.monotonic()

    def clock() -> datetime:
        return started + timedelta(seconds=time.monotonic() - begin)

    return Surroundings(
        clock=clock,
        python=tuple(sys.version_info[:3]),
        requirements=read_requirements(),
        version_of=find_version,
        ask=partial(ask, clock=clock),
        read_keys=_read_keys,
        claim=claim_port,
        free_bytes=lambda directory: shutil.disk_usage(directory).free,
        may_write=_may_write,
    )


def _read_keys(client: Client) -> bytes:
    if client.jwks_file is not None:
        return read_file(client.jwks_file)
    return read_url(client.jwks_url, time.monotonic)


def _may_write(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
