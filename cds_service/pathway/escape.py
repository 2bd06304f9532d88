"""The only way from record text to card text: folding, escaping and capping.

The public sandbox renders card detail as Markdown with raw HTML enabled, so record text in a card would be
script injection (reliability part 2, 19). Angle brackets and ampersands become entities, every other ASCII
punctuation mark gets a backslash, control, line and bidirectional characters become blanks.
"""

from __future__ import annotations

import re
import string
import unicodedata

_ESCAPED = str.maketrans({**{char: f"\\{char}" for char in string.punctuation}, "<": "&lt;", ">": "&gt;", "&": "&amp;"})
_ENDS = re.compile(r"\\([.:])(?= |$)")
_HARMLESS = frozenset(",;'()%-/")
_ESCAPED_IN_CLAUSE = {at: shown for at, shown in _ESCAPED.items() if chr(at) not in _HARMLESS}
_PLAIN = frozenset(string.ascii_letters + string.digits + "-.")
_LONGEST_ID = 256
_IN_LABEL = frozenset(" .,/()+%-")


def fold(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters: control, format, line and private characters become blanks."""
    clean = text[: 4 * limit]
    if not (clean.isascii() and clean.isprintable()):
        clean = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in clean)
    line = " ".join(clean.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape_markdown(text: str, limit: int = 120) -> str:
    """Record text as Markdown that shows it literally: no markup, no HTML, no link can form."""
    return fold(text, limit).translate(_ESCAPED)


def escape_clause(text: str, limit: int = 300) -> str:
    """A clause in our own words, which may hold record text all the same, as Markdown that shows it literally.

    As safe as ``escape_markdown``, and readable as it stands: marks that mean nothing within a line are kept, full
    stops and colons only at the end of a word, so that no address becomes a link.
    """
    return _ENDS.sub(r"\1", fold(text, limit).translate(_ESCAPED_IN_CLAUSE))


def plain_label(text: str, limit: int = 60) -> str:
    """Record text for places that are not Markdown: letters, digits and harmless marks only."""
    kept = "".join(char if char.isalnum() or char in _IN_LABEL else " " for char in fold(text, limit))
    return " ".join(kept.split())


def is_plain_reference(reference: str) -> bool:
    """Whether a reference is ``Type/id`` of letters, digits, hyphen and dot. Epic's ids are far over FHIR's 64."""
    kind, slash, ident = reference.partition("/")
    is_typed = bool(slash) and kind.isalpha() and kind.isascii()
    return is_typed and 0 < len(ident) <= _LONGEST_ID and _PLAIN.issuperset(ident)


def show_reference(reference: str) -> str:
    """``Type/id`` as it is when both parts are plain (decision 6), escaped otherwise."""
    return reference if is_plain_reference(reference) else escape_markdown(reference, 80)


def show_date(text: str) -> str:
    """An ISO date (year, month or day) as it is, "undated" for anything else (decision 6)."""
    parts = text.split("-")
    if [len(part) for part in parts] in ([4], [4, 2], [4, 2, 2]) and all(
        part.isascii() and part.isdigit() for part in parts
    ):
        return text
    return "undated"
