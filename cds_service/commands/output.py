"""How commands end and print: exit code 0 all is well, 1 something was found, 2 the work could not be done."""

from __future__ import annotations

import json
from typing import Any

import click

FOUND = 1
"""Exit code for a difference or a problem that the command was asked to look for."""


class CannotError(click.ClickException):
    """Shown on one line of standard error; exit code 2."""

    exit_code = 2

    def format_message(self) -> str:
        """The message without line breaks."""
        return " ".join(self.message.split())


def show(value: Any) -> None:
    """Print a text as it is, anything else as JSON."""
    click.echo(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))
