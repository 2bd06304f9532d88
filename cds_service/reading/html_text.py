"""HTML reduced to plain text, for ``presentedForm`` of type text/html and for narratives (decision 24).

Built on the standard library's parser. Scripts and styles are dropped, block elements and breaks become line
breaks (those inside ``pre`` stay), cells become blanks, character references are resolved. Nothing of the markup
survives, so the result is ordinary text of a record: still to be escaped before it is shown.
"""

from __future__ import annotations

from html.parser import HTMLParser

_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript"})
_BLOCKS = frozenset(
    {"address", "article", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4"}
    | {"h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table", "tbody", "thead", "tr", "ul", "body"}
)
_CELLS = frozenset({"td", "th"})


class _Reducer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = ""
        self._kept = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            return
        if tag in _SILENT:
            self._silent = tag
        elif tag in _BLOCKS:
            self._kept += tag == "pre"
            self.parts.append("\n- " if tag == "li" else "\n")
        elif tag in _CELLS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._silent and tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif not self._silent and tag in _BLOCKS:
            self._kept = max(0, self._kept - (tag == "pre"))
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data if self._kept else data.replace("\n", " "))


def html_to_text(html: str) -> str:
    """The text of an HTML document or fragment, one line per block, blank runs collapsed."""
    reducer = _Reducer()
    reducer.feed(html)
    reducer.close()
    lines = (" ".join(line.split()) for line in "".join(reducer.parts).split("\n"))
    return "\n".join(line for line in lines if line)
