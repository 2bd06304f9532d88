"""Pages of a search: which URL comes next, and what all pages together say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.fhir.addresses import FhirBase
from cds_service.fhir.prefetch import read_value
from cds_service.fhir.shapes import as_list, as_object, as_text
from cds_service.fhir.source import Answer, Completeness

Page = Mapping[str, Any]
SENDER = "the FHIR server"


def next_url(page: Page, base: FhirBase) -> str | None:
    """The URL of the next page if there is one that may be asked for: under the call's own FHIR base."""
    for link in map(as_object, as_list(page.get("link"))):
        if as_text(link.get("relation")) == "next":
            return base.link(as_text(link.get("url")))
    return None


def has_next(page: Page) -> bool:
    """Whether a page says that another one follows."""
    return any(as_text(as_object(link).get("relation")) == "next" for link in as_list(page.get("link")))


def join_pages(pages: Sequence[Page]) -> Page:
    """One Bundle of all pages: all entries, the largest total that was told, and the links of the last page.

    Anything that is no Bundle stays as it is, if it came alone; behind other pages it is an entry that cannot be read.
    """
    first = pages[0]
    if len(pages) == 1:
        return first
    whole = {name: value for name, value in pages[-1].items() if name == "link"}
    totals = [page["total"] for page in pages if page.get("total") is not None]
    plain = [total for total in totals if isinstance(total, int) and not isinstance(total, bool)]
    if totals:
        whole["total"] = max(plain) if len(plain) == len(totals) else "unreadable"
    entries: list[Any] = []
    for page in pages:
        is_bundle = as_text(page.get("resourceType")) == "Bundle"
        entries.extend(as_list(page.get("entry")) if is_bundle else [{"resource": page}])
    return {"resourceType": "Bundle", **whole, "entry": entries}


def read_pages(key: str, pages: Sequence[Page], wanted: str, page_size: int, *, is_search: bool) -> Answer:
    """The answer that the pages of one search give.

    A page that is just full, with neither a total nor a next link, comes from servers that cut results short without
    a word (counterparties part 2): it is not complete.
    """
    whole = join_pages(pages)
    answer = read_value(key, whole, wanted, is_search=is_search, sender=SENDER)
    is_full = is_search and page_size and len(as_list(pages[-1].get("entry"))) >= page_size
    if answer.completeness is Completeness.COMPLETE and is_full and whole.get("total") is None:
        problem = f"{SENDER} sent a full page and did not say whether there is more"
        return answer._replace(completeness=Completeness.INCOMPLETE, problems=(problem,))
    return answer
