"""Prefetch as a Source: what the client sent under each key, and how far its silence can be trusted.

A client may honour a template, skip it, fail at it, cut it short, or send something else altogether, and most of
these look like "no data" (conformance PFR-01 to PFR-11, decision 1). Whatever is usable is kept; whatever casts
doubt on absence makes the answer incomplete or failed, with a clause that is safe to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from cds_service.fhir.shapes import as_list, as_object, as_text, type_and_id
from cds_service.fhir.source import Answer, Completeness, Entry, Resource

_LOSING_ISSUES = frozenset(
    {
        "incomplete",
        "throttled",
        "timeout",
        "too-costly",
        "security",
        "login",
        "expired",
        "forbidden",
        "suppressed",
    }
)
"""FHIR issue types that tell of missing results whatever their severity (decision 1)."""
_NOT_TO_BE_ASKED_AGAIN = frozenset({"security", "forbidden", "suppressed", "throttled", "too-costly"})
_HARMLESS_SEVERITIES = frozenset({"warning", "information", "success"})
_MATCH = {"mode": "match"}
_NOT_A_MATCH = frozenset({"include", "outcome"})
_new_entry: Callable[[tuple[Resource, str]], Entry] = partial(tuple.__new__, Entry)
"""An Entry from a pair, in half the time of a call of ``Entry``."""


@dataclass(frozen=True, slots=True)
class PrefetchSource:
    """Answers searches from the ``prefetch`` object of one call.

    ``templates`` are the service's own by key: a template without ``?`` is a read, any other a search of the
    type before the ``?``.
    """

    prefetch: Mapping[str, Any]
    templates: Mapping[str, str]

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers to the named searches."""
        return {key: self._answer(key) for key in keys}

    def _answer(self, key: str) -> Answer:
        if key not in self.prefetch:
            return Answer(key, (), Completeness.NOT_ATTEMPTED, ("the client did not send it",))
        wanted, is_search = _asked_for(self.templates.get(key, ""))
        return read_value(key, self.prefetch[key], wanted, is_search=is_search)


@lru_cache(maxsize=256)
def _asked_for(template: str) -> tuple[str, bool]:
    """The resource type that a template asks for, and whether it is a search."""
    wanted, _, query = template.partition("?")
    return wanted.partition("/")[0], bool(query)


def read_value(key: str, value: object, wanted: str, *, is_search: bool, sender: str = "the client") -> Answer:
    """The answer that one prefetch value gives; ``wanted`` is the resource type asked for, "" if not known.

    ``sender`` is named where problems are told.
    """
    if value is None:
        return Answer(key, (), Completeness.COMPLETE)
    node = as_object(value)
    kind = as_text(node.get("resourceType"))
    if kind == "Bundle":
        return _read_bundle(key, node, wanted, sender)
    if "resourceType" not in node and "response" in node:
        return _read_wrapped(key, node, wanted, is_search=is_search, sender=sender)
    if not kind or kind == "OperationOutcome":
        return _failed(key, f"{sender} could not read it" if kind else f"what {sender} sent is not FHIR data")
    return _read_single(key, node, is_search=is_search, is_wanted=not wanted or kind == wanted)


def _read_single(key: str, resource: Resource, *, is_search: bool, is_wanted: bool) -> Answer:
    """A bare resource: what a read should give, and something odd in place of a search result."""
    problem = ""
    if is_search:
        problem = "a single resource came in place of a search result"
    elif not is_wanted:
        problem = "a resource of another type came in its place"
    completeness = Completeness.INCOMPLETE if problem else Completeness.COMPLETE
    return Answer(key, (Entry(resource),), completeness, (problem,) if problem else ())


def _read_wrapped(key: str, node: Mapping[str, Any], wanted: str, *, is_search: bool, sender: str) -> Answer:
    """The wrapper ``{response, resource}`` from before CDS Hooks 1.0: its status counts, then its resource."""
    status = as_object(node["response"]).get("status")
    if not str(status).startswith("2"):
        return _failed(key, f"{sender} could not read it")
    inner = node.get("resource")
    if not as_text(as_object(inner).get("resourceType")):
        return _failed(key, f"what {sender} sent is not FHIR data")
    return read_value(key, inner, wanted, is_search=is_search, sender=sender)


def _failed(key: str, problem: str) -> Answer:
    return Answer(key, (), Completeness.FAILED, (problem,))


def _read_bundle(key: str, bundle: Mapping[str, Any], wanted: str, sender: str) -> Answer:
    values = as_list(bundle.get("entry"))
    entries = _plain_matches(values, wanted)
    if entries is not None:
        matches, unreadable, problems = len(entries), 0, []
    else:
        found = _MixedBundle(wanted, sender)
        for value in values:
            found.take(value)
        entries, matches, unreadable, problems = found.entries, found.matches, found.unreadable, found.all_problems()
    problems.extend(_link_problems(bundle.get("link")))
    problems.extend(_total_problems(bundle.get("total"), matches, entries, wanted))
    if not problems:
        return Answer(key, tuple(entries), Completeness.COMPLETE)
    completeness = Completeness.INCOMPLETE if entries else Completeness.FAILED
    return Answer(key, tuple(entries), completeness, tuple(dict.fromkeys(problems)), unreadable)


def _plain_matches(values: list[Any], wanted: str) -> list[Entry] | None:
    """The entries of a Bundle that holds nothing but matches of the type asked for, else None.

    Nearly all do, and charts have thousands of entries: this is the quick way.
    """
    entries: list[Entry] = []
    for value in values:
        if not isinstance(value, dict):
            return None
        resource, search, url = value.get("resource"), value.get("search"), value.get("fullUrl")
        if not isinstance(resource, dict) or resource.get("resourceType") != wanted or not wanted:
            return None
        if search is not None and search != _MATCH:
            return None
        entries.append(_new_entry((resource, url if isinstance(url, str) else "")))
    return entries


@dataclass(slots=True)
class _MixedBundle:
    """One pass over any other Bundle: the entries to keep, and what of them casts doubt on its completeness."""

    wanted: str
    sender: str
    entries: list[Entry] = field(default_factory=list)
    matches: int = 0
    others: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, value: object) -> None:
        """Look at one entry."""
        entry = as_object(value)
        resource = as_object(entry.get("resource"))
        kind = as_text(resource.get("resourceType"))
        if kind == "OperationOutcome":
            self.problems.extend(outcome_problems(resource, self.sender))
        elif not kind:
            self.unreadable += 1
        else:
            if as_text(as_object(entry.get("search")).get("mode")) not in _NOT_A_MATCH:
                is_match = not self.wanted or kind == self.wanted
                self.matches += is_match
                self.others += not is_match
            self.entries.append(Entry(resource, as_text(entry.get("fullUrl"))))

    def all_problems(self) -> list[str]:
        """What was found, once every entry has been looked at."""
        found = list(self.problems)
        if self.unreadable:
            found.append(f"{self.unreadable} of its entries could not be read")
        if self.others and not self.matches:
            found.append("it holds resources of other types than asked for")
        return found


def _link_problems(value: object) -> Iterable[str]:
    relations = [as_text(as_object(link).get("relation")) for link in as_list(value)]
    if "next" in relations:
        return ("it has further pages that were not read",)
    return () if all(relations) else ("its links could not be read, so there may be further pages",)


def _total_problems(total: object, matches: int, entries: Iterable[Entry], wanted: str) -> Iterable[str]:
    """A total that is larger than what came. A result sent twice came once, or it would hide one that did not come."""
    if total is None:
        return ()
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        return ("its total could not be read",)
    kept = (entry.resource for entry in entries if not wanted or entry.resource.get("resourceType") == wanted)
    names = [type_and_id(resource) for resource in kept if as_text(resource.get("id"))]
    sent = matches - (len(names) - len(set(names)))
    return (f"only {sent} of {total} results were sent",) if total > sent else ()


def outcome_problems(outcome: Resource, sender: str) -> Iterable[str]:
    """What the issues of an OperationOutcome entry say against completeness; nothing if they are harmless."""
    issues = as_list(outcome.get("issue"))
    if not issues:
        yield f"{sender} reported a problem"
    for issue in map(as_object, issues):
        code = as_text(issue.get("code")).lower()
        if code in _LOSING_ISSUES:
            yield f"{sender} reported a problem ({code})"
        elif as_text(issue.get("severity")).lower() not in _HARMLESS_SEVERITIES:
            yield f"{sender} reported an error"


def is_withheld(value: object) -> bool:
    """Whether a prefetch value tells of results that are kept back on purpose, or of a server that must be spared."""
    node = as_object(value)
    resources = [node, *(as_object(as_object(entry).get("resource")) for entry in as_list(node.get("entry")))]
    return any(
        as_text(as_object(issue).get("code")).lower() in _NOT_TO_BE_ASKED_AGAIN
        for resource in resources
        if resource.get("resourceType") == "OperationOutcome"
        for issue in as_list(resource.get("issue"))
    )
