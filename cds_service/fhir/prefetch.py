"""Prefetch as a Source: what the client sent under each key, and how far its silence can be trusted.

A client may honour a template, skip it, fail at it, cut it short, or send something else altogether, and most of
these look like "no data" (conformance PFR-01 to PFR-11, decision 1). Whatever is usable is kept; whatever casts
doubt on absence makes the answer incomplete or failed, with a clause that is safe to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.fhir.shapes import as_list, as_object, as_text
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
_HARMLESS_SEVERITIES = frozenset({"warning", "information", "success"})
_MATCH = {"mode": "match"}
_NOT_A_MATCH = frozenset({"include", "outcome"})


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
        wanted, _, query = self.templates.get(key, "").partition("?")
        return read_value(key, self.prefetch[key], wanted.partition("/")[0], is_search=bool(query))


def read_value(key: str, value: object, wanted: str, *, is_search: bool) -> Answer:
    """The answer that one prefetch value gives; ``wanted`` is the resource type asked for, "" if not known."""
    if value is None:
        return Answer(key, (), Completeness.COMPLETE)
    node = as_object(value)
    if "resourceType" not in node and "response" in node:
        return _read_wrapped(key, node, wanted, is_search=is_search)
    kind = as_text(node.get("resourceType"))
    if not kind or kind == "OperationOutcome":
        return _failed(key, "the client could not read it" if kind else "what the client sent is not FHIR data")
    if kind == "Bundle":
        return _BundleReading(wanted).read(key, node)
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


def _read_wrapped(key: str, node: Mapping[str, Any], wanted: str, *, is_search: bool) -> Answer:
    """The wrapper ``{response, resource}`` from before CDS Hooks 1.0: its status counts, then its resource."""
    status = as_object(node["response"]).get("status")
    if not str(status).startswith("2"):
        return _failed(key, "the client could not read it")
    inner = node.get("resource")
    if not as_text(as_object(inner).get("resourceType")):
        return _failed(key, "what the client sent is not FHIR data")
    return read_value(key, inner, wanted, is_search=is_search)


def _failed(key: str, problem: str) -> Answer:
    return Answer(key, (), Completeness.FAILED, (problem,))


@dataclass(slots=True)
class _BundleReading:
    """One pass over a Bundle: the entries to keep, and everything that casts doubt on its completeness."""

    wanted: str
    entries: list[Entry] = field(default_factory=list)
    matches: int = 0
    others: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)

    def read(self, key: str, bundle: Mapping[str, Any]) -> Answer:
        """The answer that this Bundle gives."""
        self._take_all(as_list(bundle.get("entry")))
        if self.unreadable:
            self.problems.append(f"{self.unreadable} of its entries could not be read")
        if self.others and not self.matches:
            self.problems.append("it holds resources of other types than asked for")
        self._check_links(bundle.get("link"))
        self._check_total(bundle.get("total"))
        completeness = Completeness.COMPLETE
        if self.problems:
            completeness = Completeness.INCOMPLETE if self.entries else Completeness.FAILED
        return Answer(key, tuple(self.entries), completeness, tuple(dict.fromkeys(self.problems)), self.unreadable)

    def _take_all(self, values: list[object]) -> None:
        """The usual entry, a match of the type asked for, is taken here: charts have thousands of them."""
        wanted, entries = self.wanted, self.entries
        for value in values:
            if isinstance(value, dict):
                resource, search = value.get("resource"), value.get("search")
                if (
                    isinstance(resource, dict)
                    and resource.get("resourceType") == wanted
                    and (search is None or search == _MATCH)
                    and wanted
                ):
                    self.matches += 1
                    url = value.get("fullUrl")
                    entries.append(Entry(resource, url if isinstance(url, str) else ""))
                    continue
            self._take(value)

    def _take(self, value: object) -> None:
        entry = as_object(value)
        resource = as_object(entry.get("resource"))
        kind = as_text(resource.get("resourceType"))
        if kind == "OperationOutcome":
            self.problems.extend(outcome_problems(resource))
        elif not kind:
            self.unreadable += 1
        else:
            if as_text(as_object(entry.get("search")).get("mode")) not in _NOT_A_MATCH:
                is_match = not self.wanted or kind == self.wanted
                self.matches += is_match
                self.others += not is_match
            self.entries.append(Entry(resource, as_text(entry.get("fullUrl"))))

    def _check_links(self, value: object) -> None:
        relations = [as_text(as_object(link).get("relation")) for link in as_list(value)]
        if "next" in relations:
            self.problems.append("it has further pages that were not read")
        elif not all(relations):
            self.problems.append("its links could not be read, so there may be further pages")

    def _check_total(self, total: object) -> None:
        if total is None:
            return
        if not isinstance(total, int) or isinstance(total, bool) or total < 0:
            self.problems.append("its total could not be read")
        elif total > self.matches:
            self.problems.append(f"only {self.matches} of {total} results were sent")


def outcome_problems(outcome: Resource) -> Iterable[str]:
    """What the issues of an OperationOutcome entry say against completeness; nothing if they are harmless."""
    issues = as_list(outcome.get("issue"))
    if not issues:
        yield "the client reported a problem"
    for issue in map(as_object, issues):
        code = as_text(issue.get("code")).lower()
        if code in _LOSING_ISSUES:
            yield f"the client reported a problem ({code})"
        elif as_text(issue.get("severity")).lower() not in _HARMLESS_SEVERITIES:
            yield "the client reported an error"
