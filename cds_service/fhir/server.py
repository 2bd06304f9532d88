"""The FHIR server of a call as a Source: all searches at once, one deadline, and every failure an Answer.

What the client did not send is read from the ``fhirServer`` that the call names, with the token that came with it
(conformance FHIR-01 to FHIR-07), if an operator allows that server (``fhir/addresses.py``). An answer may be slow, cut
short, paged, foreign or broken: whatever casts doubt on absence makes the search incomplete or failed, with a clause
that is safe to show. Nothing goes on once the call is answered.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote

from cds_service.errors import MalformedCall
from cds_service.fhir.addresses import AllowedServer, FhirBase
from cds_service.fhir.budget import Budget, Limits
from cds_service.fhir.line import Line, Reply, Resolver, resolve
from cds_service.fhir.lines import Lines
from cds_service.fhir.outcome import FetchError, Outcome, outcome_of
from cds_service.fhir.paging import Page, next_url, read_pages
from cds_service.fhir.prefetch import is_withheld
from cds_service.fhir.shapes import as_list, as_object, as_text, reference_text, relative_reference, type_and_id
from cds_service.fhir.source import Answer, Completeness, ExpectingSource
from cds_service.fhir.token import AccessToken
from cds_service.hooks.strict_json import parse_json

_FIELD = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_BARE_PATIENT = re.compile(r"\b(patient|subject)=(\{\{\s*context\.patientId\s*\}\})")
_PATIENT_ID = "context.patientId"
_PATIENT_READ = re.compile(r"Patient/\{\{\s*context\.patientId\s*\}\}")
_KEPT_AS_WRITTEN = "/?&=:,$*+%.~'()!@;"
_TRANSIENT = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_NOT_TAKEN = frozenset({Outcome.NOT_FOUND, Outcome.REJECTED})
"""Outcomes that say of a spelling that the server does not take it. A refusal says nothing about spellings."""
_GOES_FIRST = frozenset({"Condition", "Patient"})
"""What a call is refused without, or what its empty answers rest on (decision 2, pathway 3.1)."""
_BESIDE_RESULTS = frozenset({"include", "outcome"})
_UNKNOWN_PATIENT = "the FHIR server does not know the patient"
_UNREAD_PATIENT = "an empty answer is not believed, as the patient could not be read"


def fill_template(template: str, values: Mapping[str, str]) -> str | None:
    """The relative URL of a prefetch template; None if it needs a value that the call does not give.

    Values are escaped; a value that would be a dot segment of the path is no value.
    """
    *pairs, last = _FIELD.split(template)
    text = ""
    for literal, name in zip(pairs[::2], pairs[1::2], strict=True):
        value = values.get(name, "")
        if value in {"", ".", ".."}:
            return None
        text += quote(literal, safe=_KEPT_AS_WRITTEN) + quote(value, safe="")
    return text + quote(last, safe=_KEPT_AS_WRITTEN)


def names_patient(resource: Mapping[str, Any], patient: str) -> bool:
    """Whether a resource names ``Patient/id`` as its subject, or as a participant where it has none."""
    actors = [as_object(item).get("actor") for item in as_list(resource.get("participant"))]
    named = [resource.get("subject") or resource.get("patient"), *actors]
    return any(relative_reference(reference_text(value)) == patient for value in named)


def is_result(entry: Any) -> bool:
    """Whether a Bundle entry is a result, or cannot be read: not what is told about a search, or comes with results."""
    whole = as_object(entry)
    if as_text(as_object(whole.get("search")).get("mode")) in _BESIDE_RESULTS:
        return False
    return as_object(whole.get("resource")).get("resourceType") != "OperationOutcome"


@dataclass
class _Search:
    """One search under way. ``urls``: its spellings, the bare id first. ``outcome`` is None until it ends."""

    key: str
    urls: tuple[str, ...]
    wanted: str
    page_size: int
    is_search: bool
    pages: list[Page] = field(default_factory=list)
    outcome: Outcome | None = None
    may_retry: bool = True
    task: Future[None] | None = None

    def finds(self, patient: str) -> bool:
        """Whether a resource of the type asked for came that belongs to ``Patient/id``."""
        found = (as_object(as_object(entry).get("resource")) for entry in self._entries())
        return any(item.get("resourceType") == self.wanted and names_patient(item, patient) for item in found)

    def is_empty(self) -> bool:
        """Whether no result came. Some servers put a warning into an empty answer (counterparties part 2)."""
        return not any(map(is_result, self._entries()))

    def is_withheld(self) -> bool:
        """Whether the server keeps results back on purpose, or must be spared."""
        return any(map(is_withheld, self.pages))

    def _entries(self) -> Iterator[Any]:
        return (entry for page in self.pages for entry in as_list(page.get("entry")))

    def answer(self) -> Answer:
        """What has come so far. A search that has not ended is out of time."""
        # The outcome first: a thread that ends between the two has then put down all pages that the outcome tells of.
        outcome = self.outcome or Outcome.TIMEOUT
        pages = tuple(self.pages)
        if outcome is Outcome.ANSWERED:
            return read_pages(self.key, pages, self.wanted, self.page_size, is_search=self.is_search)
        if not pages:
            is_attempt = outcome is not Outcome.NO_TIME
            completeness = Completeness.FAILED if is_attempt else Completeness.NOT_ATTEMPTED
            return Answer(self.key, (), completeness, (outcome.clause,))
        found = read_pages(self.key, pages, self.wanted, self.page_size, is_search=self.is_search)
        completeness = Completeness.INCOMPLETE if found.entries else Completeness.FAILED
        return found._replace(completeness=completeness, problems=(*found.problems, outcome.clause))


class ServerSource(ExpectingSource):
    """Answers the searches of one call from its FHIR server. ``close`` it with the response: it then holds no token."""

    def __init__(
        self,
        base: FhirBase,
        lines: Lines,
        templates: Mapping[str, str],
        values: Mapping[str, str],
        token: AccessToken | None,
        budget: Budget,
    ) -> None:
        self._base = base
        self._lines = lines
        self._templates = templates
        self._values = values
        self._token = token
        self._budget = budget
        self._searches: dict[str, _Search] = {}
        self._in_use: set[Line] = set()
        self._lock = Lock()

    def __enter__(self) -> ServerSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def expect(self, keys: tuple[str, ...]) -> None:
        """Start these searches now, all at once; ``fetch`` waits for them.

        Those that a call needs first stand in a line of their own.
        """
        for key in keys:
            if key not in self._searches and (search := self._plan(key)) is not None:
                self._searches[key] = search
                if self._budget.left():
                    self._start(search)
                else:
                    search.outcome = Outcome.NO_TIME

    def _start(self, search: _Search) -> None:
        pool = self._lines.first if search.wanted in _GOES_FIRST else self._lines.threads
        try:
            search.task = pool.submit(self._run, search)
        except RuntimeError:
            # The system gives us no further thread.
            search.outcome = Outcome.NO_TIME

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers to the named searches, when all have ended or the deadline has passed."""
        self.expect(keys)
        found = [self._searches[key] for key in keys if key in self._searches]
        patient = [search for search in self._searches.values() if _PATIENT_READ.fullmatch(self._templates[search.key])]
        wait([search.task for search in (*found, *patient) if search.task is not None], self._budget.left())
        doubt = next(filter(None, map(self._doubt, patient)), "")
        return {key: self._answer(key, doubt) for key in keys}

    def _answer(self, key: str, doubt: str) -> Answer:
        search = self._searches.get(key)
        if search is None:
            return Answer(key, (), Completeness.NOT_ATTEMPTED, ("it needs what the call does not say",))
        answer = search.answer()
        if doubt and search.is_search and search.is_empty() and answer.completeness is Completeness.COMPLETE:
            # Another tenant's server finds nothing for anybody: that is no absence.
            return answer._replace(completeness=Completeness.FAILED, problems=(doubt,))
        return answer

    def _doubt(self, patient: _Search) -> str:
        """Why the read of the patient lets nobody believe in empty answers; "" if the server gave the patient."""
        answer = patient.answer()
        if any(type_and_id(entry.resource) == self._patient() for entry in answer.entries):
            return ""
        if patient.outcome is Outcome.NOT_FOUND or not answer.problems:
            return _UNKNOWN_PATIENT
        return f"{_UNREAD_PATIENT} ({'; '.join(answer.problems)})"

    def outcomes(self) -> Mapping[str, int]:
        """How many searches came out how, by the names of ``Outcome``: for log and metric."""
        ended = [search.outcome or Outcome.TIMEOUT for search in self._searches.values()]
        return dict(sorted(Counter(outcome.value for outcome in ended).items()))

    def close(self) -> None:
        """End what is under way and forget the token: nothing is read behind the response (FHIR-05)."""
        self._budget.end()
        with self._lock:
            under_way = tuple(self._in_use)
        for line in under_way:
            line.cut()
        for search in self._searches.values():
            if search.task is not None:
                search.task.cancel()
        if self._token is not None:
            self._token.forget()
            self._token = None

    def _plan(self, key: str) -> _Search | None:
        template = self._templates[key]
        path, mark, query = template.partition("?")
        size = self._budget.limits.page_size if mark and "_count=" not in query else 0
        urls = []
        for spelling in (template, _BARE_PATIENT.sub(r"\1=Patient/\2", template)):
            filled = fill_template(spelling, self._values)
            if filled is None:
                return None
            urls.append(f"{self._base.place.url}/{filled}{f'&_count={size}' if size else ''}")
        return _Search(key, tuple(dict.fromkeys(urls)), path.partition("/")[0], size, bool(mark))

    def _run(self, search: _Search) -> None:
        """One search from its first request to its end, in a thread of the pool."""
        try:
            if not self._budget.left():
                raise FetchError(Outcome.NO_TIME)
            self._ask(search)
            search.outcome = Outcome.ANSWERED
        except FetchError as error:
            search.outcome = error.outcome
        except Exception:
            # Whatever a server can provoke is an answer that could not be read; its text may hold patient data.
            search.outcome = Outcome.UNREADABLE

    def _ask(self, search: _Search) -> None:
        """Read a search in the spelling that this server takes.

        Servers are known to which ``patient=X`` matches nothing where ``patient=Patient/X`` does (counterparties part
        2). Until a resource of the patient was found at this base, an empty answer is believed only when both spellings
        give it.
        """
        if len(search.urls) == 1:
            self._read(search, search.urls[0])
            return
        bare, typed = search.urls
        place = self._base.place
        if self._lines.takes_bare_ids(place) is False:
            self._read(search, typed)
            return
        self._read(search, bare)
        if search.finds(self._patient()):
            self._lines.learn_bare_ids(place, taken=True)
        elif search.is_empty() and not search.is_withheld() and self._lines.takes_bare_ids(place) is not True:
            # Another search may have learnt meanwhile that bare ids are not taken: this answer is then worth nothing.
            self._confirm(search, typed)

    def _confirm(self, search: _Search, typed: str) -> None:
        """Ask in the other spelling for what was answered with nothing. FetchError unless that is nothing as well.

        Only a complete and empty answer agrees, or one that does not take the other spelling at all.
        """
        again = _Search(search.key, search.urls, search.wanted, search.page_size, search.is_search, may_retry=False)
        failure: FetchError | None = None
        try:
            self._read(again, typed)
            again.outcome = Outcome.ANSWERED
        except FetchError as error:
            failure = error
        if again.finds(self._patient()):
            search.pages = again.pages
            self._lines.learn_bare_ids(self._base.place, taken=False)
            if failure is not None:
                raise failure
            return
        if failure is not None:
            agrees = failure.outcome in _NOT_TAKEN and not again.pages
        else:
            # What is found and not ours comes from a server that ignores what it does not take.
            agrees = again.is_empty() and again.answer().completeness is Completeness.COMPLETE
        if not agrees:
            raise FetchError(Outcome.UNCONFIRMED)

    def _patient(self) -> str:
        return f"Patient/{self._values[_PATIENT_ID]}"

    def _read(self, search: _Search, url: str) -> None:
        """All pages of a search from ``url`` on, as far as they may be followed."""
        seen: set[str] = set()
        following: str | None = url
        while following is not None and following not in seen and len(seen) < self._budget.limits.pages_of_search:
            seen.add(following)
            page = self._page(search, following)
            search.pages.append(page)
            following = next_url(page, self._base)

    def _page(self, search: _Search, url: str) -> Page:
        reply = self._get(search, url)
        outcome = outcome_of(reply.status)
        if outcome is not Outcome.ANSWERED:
            raise FetchError(outcome)
        try:
            page = parse_json(reply.body)
        except MalformedCall:
            raise FetchError(Outcome.UNREADABLE) from None
        if not isinstance(page, dict):
            raise FetchError(Outcome.UNREADABLE)
        return page

    def _get(self, search: _Search, url: str) -> Reply:
        """One GET, made once more if the connection broke or the server was away for a moment: once in a search."""
        while True:
            can_retry, search.may_retry = search.may_retry, False
            try:
                reply = self._get_once(url)
            except FetchError as error:
                if error.outcome is not Outcome.BROKEN or not can_retry:
                    raise
                continue
            if can_retry and reply.status in _TRANSIENT and not reply.asks_to_wait:
                continue
            search.may_retry = can_retry
            return reply

    def _get_once(self, url: str) -> Reply:
        line = self._lines.take()
        with self._lock:
            self._in_use.add(line)
        is_whole = False
        try:
            reply = line.get(url, self._token, self._budget)
            is_whole = True
            return reply
        finally:
            with self._lock:
                self._in_use.discard(line)
            if is_whole:
                self._lines.give_back(line)
            else:
                line.close()


class FhirServers:
    """What outlives the calls: one set of threads and lines per allowed server. Made once in a worker process."""

    def __init__(
        self,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        resolver: Resolver = resolve,
    ) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._resolver = resolver
        self._lines: dict[AllowedServer, Lines] = {}
        self._lock = Lock()

    def open(
        self, base: FhirBase, templates: Mapping[str, str], values: Mapping[str, str], token: AccessToken | None
    ) -> ServerSource:
        """A source for one call at an allowed base; its deadline starts now."""
        with self._lock:
            lines = self._lines.get(base.server)
            if lines is None:
                lines = self._lines[base.server] = Lines(base.server, self._resolver, self._clock)
        return ServerSource(base, lines, templates, values, token, Budget(self._limits, self._clock))

    def close(self) -> None:
        """Close every connection and end every thread."""
        with self._lock:
            found = tuple(self._lines.values())
            self._lines.clear()
        for lines in found:
            lines.close()
