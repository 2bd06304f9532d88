"""The command line: assembles the commands of ``commands/``, reads the clock for them, and words their failures.

Exit codes: 0 all is well, 1 a difference or a problem was found, 2 the command could not do its work. What it
could not do stands on one line of standard error: what, where, what to do.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from cds_service import __version__
from cds_service.commands.calls import explain, reading, replay
from cds_service.commands.content import cards, check, describe, prefetch, trace
from cds_service.commands.installation import completion, doctor
from cds_service.commands.output import CannotError
from cds_service.commands.serve import serve
from cds_service.commands.store import decisions, purge
from cds_service.errors import CdsError


class _Commands(click.Group):
    """Turns our own errors and those of the file system into one line; anything else is a bug and shows itself."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of our output left: click ends quietly
        except CdsError as error:
            raise CannotError(str(error)) from None
        except OSError as error:
            where = error.filename or "input or output"
            raise CannotError(f"{where}: {error.strerror}: check the path and its permissions") from None


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="cds-service")
@click.pass_context
def main(ctx: click.Context) -> None:
    """CDS Hooks advice for pancreatic cancer with liver metastases."""
    # The moment at which a command began: those that need it take it with `click.pass_obj`.
    ctx.obj = _now()


for _command in (
    *(serve, doctor, completion),
    *(explain, replay, reading),
    *(check, cards, describe, trace, prefetch),
    *(decisions, purge),
):
    main.add_command(_command)


def _now() -> datetime:
    return datetime.now(UTC)
