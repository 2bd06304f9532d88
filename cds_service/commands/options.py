"""Options that several commands have: --cards, --site, --store, --json."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from cds_service.content_files import find_cards
from cds_service.pathway.content import Content, load_content

PATH = click.Path(path_type=Path)

cards_option = click.option(
    "--cards", type=PATH, envvar="CDS_CARDS", help="Content directory in place of the shipped one (CDS_CARDS)."
)
site_option = click.option(
    "--site", type=PATH, envvar="CDS_SITE", help="Site file: local codes, settings, orderables, cards (CDS_SITE)."
)
store_option = click.option(
    "--store", envvar="CDS_STORE", show_envvar=True, required=True, help="Directory (SQLite) or postgresql:// URL."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Where(NamedTuple):
    """Where content comes from."""

    cards: Path
    site: Path | None

    def load(self) -> Content:
        """The content, loaded and checked."""
        return load_content(self.cards, self.site)


def content_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --cards and --site, as one argument ``where``."""

    @cards_option
    @site_option
    @wraps(command)
    def with_content(*args: Any, cards: Path | None, site: Path | None, **options: Any) -> None:
        command(*args, where=Where(cards or find_cards(), site), **options)

    return with_content
