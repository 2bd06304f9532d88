"""What a call may read beyond its prefetch: the FHIR server that it names, if its client may name it (decision 33)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from flask import g

from cds_service.fhir.addresses import AllowedServers, FhirBase, allow_servers
from cds_service.fhir.line import trusted_roots
from cds_service.fhir.outcome import Outcome
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.fhir.prefetch_then_server import PrefetchThenServer
from cds_service.fhir.server import FhirServers, ServerSource
from cds_service.fhir.source import Answer, ExpectingSource, Source
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content
from cds_service.trust.clients import Client, Registry
from cds_service.web.slot import outside_slot


@dataclass(frozen=True, slots=True)
class Reach:
    """The servers that each client may name, by the client's name, and the means to ask them."""

    allowed: Mapping[str, AllowedServers]
    servers: FhirServers

    def find(self, client: Client | None, url: str) -> FhirBase | None:
        """The base that a call's ``fhirServer`` names, if its client may name it. No client, no server."""
        return self.allowed[client.name].find(url) if client is not None else None

    def warm_up(self) -> None:
        """Read the roots that TLS servers are checked with: the first calls would wait for that, all at once."""
        if any(server.place.scheme == "https" for found in self.allowed.values() for server in found.servers):
            trusted_roots()

    @contextmanager
    def open_source(self, call: HookCall, content: Content, client: Client | None) -> Iterator[Source]:
        """Where the data of a call come from: its prefetch, and its FHIR server if that one is allowed.

        What was asked of the server is in ``g.fetches`` afterwards, or why one that was named was not asked (FHIR-04);
        the token of the call is forgotten.
        """
        try:
            prefetch = PrefetchSource(call.prefetch, content.prefetch)
            base = self.find(client, call.fhir_server)
            # A token that is bound to another patient reads another patient's chart (conformance FHIR-04).
            is_of_other = call.token is not None and call.token.patient not in {"", call.patient_id}
            if base is None or is_of_other:
                if call.fhir_server:
                    g.fetches = {(Outcome.NOT_ALLOWED if base is None else Outcome.OTHER_PATIENT).value: 1}
                yield prefetch
                return
            with closing(self.servers.open(base, content.prefetch, call.template_values, call.token)) as server:
                try:
                    yield PrefetchThenServer(prefetch, _OutsideSlot(server))
                finally:
                    g.fetches = server.outcomes()
        finally:
            if call.token is not None:
                call.token.forget()


def allowed_by_client(registry: Registry) -> dict[str, AllowedServers]:
    """The FHIR servers that each client's calls may name; ConfigError for one that is not fit."""
    return {
        client.name: allow_servers(
            client.fhir_servers,
            development=registry.development,
            allow_private_network=client.allow_private_network,
        )
        for client in registry.clients
    }


@dataclass(frozen=True, slots=True)
class _OutsideSlot(ExpectingSource):
    """The FHIR server of a call, whose answers are waited for without a slot."""

    server: ServerSource

    def expect(self, keys: tuple[str, ...]) -> None:
        """Start these searches; nothing is waited for."""
        self.server.expect(keys)

    def fetch(self, keys: tuple[str, ...]) -> Mapping[str, Answer]:
        """The answers, in the slot again."""
        with outside_slot():
            return self.server.fetch(keys)
