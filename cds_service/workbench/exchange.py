"""Exchange: one call of the page and all that led to its answer, computed as the service computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.errors import CallError, MalformedCall
from cds_service.hooks import parse_call
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Service
from cds_service.replay.explain import Explanation, explain_parsed
from cds_service.workbench.request import Proposal


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call and its answer.

    ``error`` is what the service answers in place of cards; with ``explanation`` it is one for want of data, without
    it the call could not be read. ``service`` is the one that the call belongs to, None if none has its hook.
    """

    proposal: Proposal
    service: Service | None
    call: HookCall | None
    explanation: Explanation | None
    error: CallError | None

    @property
    def cards(self) -> tuple[Mapping[str, Any], ...]:
        """The cards of the answer."""
        return self.explanation.cards if self.explanation is not None and self.error is None else ()


def run_exchange(proposal: Proposal, key: bytes, most_drafts: int) -> Exchange:
    """Answer a call from its prefetch alone: a FHIR server that it names is not asked.

    ``key`` signs the uuids of cards; ``most_drafts`` is the limit of draft orders, as for every call.
    """
    hook = proposal.body.get("hook")
    service = next((found for found in proposal.content.pathway.services if found.hook == hook), None)
    call: HookCall | None = None
    try:
        if service is None:
            hooks = ", ".join(found.hook for found in proposal.content.pathway.services)
            raise MalformedCall(f"hook must be one of {hooks}")
        call = parse_call(proposal.body, service.hook)
        if call.token is not None:
            call.token.forget()
        if len(call.drafts) > most_drafts:
            raise MalformedCall(f"context.draftOrders has more than {most_drafts} entries")
        explanation = explain_parsed(call, proposal.content, proposal.now, key=key)
    except CallError as error:
        return Exchange(proposal, service, call, None, error)
    return Exchange(proposal, service, call, explanation, explanation.refusal)
