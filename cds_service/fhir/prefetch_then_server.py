"""PrefetchThenServer: what the client sent wins; what it did not send, or not wholly, is read from its FHIR server.

| the client sent | then |
|---|---|
| a complete answer, ``null`` and an empty Bundle included | it is used, the server is not asked (conformance PFR-03) |
| nothing under the key | the server is asked (PFR-02) |
| an OperationOutcome, HTML, anything that is no FHIR data | the server is asked once (PFR-05, PFR-11) |
| a Bundle with a ``next`` link, a larger ``total``, an error entry, damaged entries | the server is asked (PFR-07) |
| any of these with an issue that keeps results back on purpose, or spares the server | it stays as it is |

A search that was cut short is asked again from its first page: that costs one request, and a link that was made for
another reader may be good for nothing. A complete answer of the server takes the place of what the client sent, unless
it lacks something that the client did send. Otherwise both are used together, incomplete, with the problems of both:
nothing that was found is lost, and nothing counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.fhir.prefetch import PrefetchSource, is_withheld
from cds_service.fhir.shapes import type_and_id
from cds_service.fhir.source import Answer, Completeness, ExpectingSource

_GAVE_LESS = "the FHIR server gave less than the client sent"


class PrefetchThenServer(ExpectingSource):
    """Answers searches from the prefetch of a call, and from its FHIR server where that can make them complete."""

    def __init__(self, prefetch: PrefetchSource, server: ExpectingSource) -> None:
        self._prefetch = prefetch
        self._server = server
        self._sent: dict[str, Answer] = {}
        self._expected: tuple[str, ...] | None = None

    def expect(self, keys: tuple[str, ...]) -> None:
        """Remember what this call rests on. Nobody is asked before some of it is missing, or for anything else."""
        self._expected = keys

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers to the named searches. Once one is missing, whatever is expected and missing is asked for.

        What the call does not rest on is answered as the client sent it. Before ``expect`` all is asked for.
        """
        expected = keys if self._expected is None else self._expected
        sent = self._read(keys)
        missing = self._missing(tuple(key for key in keys if key in expected))
        if not missing:
            return sent
        self._read(expected)
        self._server.expect(tuple(dict.fromkeys((*missing, *self._missing(expected)))))
        fetched = self._server.fetch(missing)
        return {key: _join(sent[key], fetched[key]) if key in fetched else sent[key] for key in keys}

    def _read(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        self._sent |= self._prefetch.fetch(tuple(key for key in keys if key not in self._sent))
        return {key: self._sent[key] for key in keys}

    def _missing(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        given = self._prefetch.prefetch
        return tuple(
            key
            for key in keys
            if self._sent[key].completeness is not Completeness.COMPLETE and not is_withheld(given.get(key))
        )


def _join(sent: Answer, fetched: Answer) -> Answer:
    """One answer from what the client sent and what its server answered."""
    found = _names(fetched)
    lost = tuple(
        entry for entry in sent.entries if not entry.resource.get("id") or type_and_id(entry.resource) not in found
    )
    is_whole = fetched.completeness is Completeness.COMPLETE
    if is_whole and not lost:
        return fetched
    entries = (*lost, *fetched.entries)
    problems = tuple(dict.fromkeys((*sent.problems, *((_GAVE_LESS,) if is_whole else fetched.problems))))
    if entries:
        completeness = Completeness.INCOMPLETE
    elif Completeness.FAILED in (sent.completeness, fetched.completeness):
        completeness = Completeness.FAILED
    else:
        completeness = Completeness.NOT_ATTEMPTED
    return Answer(sent.key, entries, completeness, problems, sent.dropped + fetched.dropped)


def _names(answer: Answer) -> frozenset[str]:
    return frozenset(type_and_id(entry.resource) for entry in answer.entries)
