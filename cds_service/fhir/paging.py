"""Pages of a search: which URL comes next, and what all pages together say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.fhir.addresses import FhirBase
from cds_service.fhir.prefetch import read_value
from cds_service.fhir.shapes import as_list, as_object, as_text, type_and_id
from cds_service.fhir.source import Answer, Completeness

Page = Mapping[str, Any]
SENDER = "the FHIR server"


def next_url(page: Page, base: FhirBase) -> str | None:
    """The URL of the next page if there is one that may be asked for: under the call's own FHIR base."""
    for link in map(as_object, as_list(page.get("link"))):
        if as_text(link.get("relation")) == "next":
            return base.link(as_text(link.get("url")))
    return None


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

    Where no total says how much there is, two things cast doubt (counterparties part 2). A page that is just full,
    without a next link, comes from servers that cut results short without a word. A result that stands on two pages
    has moved while they were read, or a page came twice: another result may then stand on none.
    """
    whole = join_pages(pages)
    answer = read_value(key, whole, wanted, is_search=is_search, sender=SENDER)
    if answer.completeness is not Completeness.COMPLETE or not is_search or whole.get("total") is not None:
        return answer
    problem = ""
    if page_size and len(as_list(pages[-1].get("entry"))) >= page_size:
        problem = f"{SENDER} sent a full page and did not say whether there is more"
    elif _overlap(pages, wanted):
        problem = f"{SENDER} sent the same result on two pages, so another may be missing"
    return answer._replace(completeness=Completeness.INCOMPLETE, problems=(problem,)) if problem else answer


def _overlap(pages: Sequence[Page], wanted: str) -> bool:
    """Whether a result of the type asked for stands on more than one page. What comes with results may well."""
    seen: set[str] = set()
    for page in pages:
        found = (as_object(as_object(entry).get("resource")) for entry in as_list(page.get("entry")))
        names = {type_and_id(item) for item in found if item.get("resourceType") == wanted and as_text(item.get("id"))}
        if not seen.isdisjoint(names):
            return True
        seen |= names
    return False
