"""Running a call body through the core of this process, exactly as the service would answer it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cds_service.errors import CallError
from cds_service.fhir.prefetch import PrefetchSource
from cds_service.hooks import parse_call
from cds_service.pathway.content import Content
from cds_service.pathway.decision import Decision
from cds_service.pathway.evaluate import evaluate
from cds_service.pathway.render import render_response
from cds_service.replay.result import WHOLE_CALL, CardLine, Result

REPLAY_KEY = b"replay"
"""Keys the hashed ids of cards, which replay does not compare."""


def run_in_process(body: Mapping[str, Any], hook: str, content: Content, now: datetime) -> Result:
    """What the core answers to a call at ``now`` (aware, UTC)."""
    try:
        call = parse_call(body, hook)
        decision = evaluate(call, PrefetchSource(call.prefetch, content.prefetch), content, now)
    except CallError as error:
        return Result(error=error.status)
    response = render_response(decision, content, call, now, REPLAY_KEY)
    return Result(
        tuple(
            CardLine(card["source"]["topic"]["code"], outcome.variant, card["indicator"], card["summary"])
            for outcome, card in zip(decision.shown, response["cards"], strict=True)
        ),
        silences(decision),
        {name: fact.state for name, fact in decision.facts.items()},
    )


def silences(decision: Decision) -> dict[str, str]:
    """Why each card that is not shown is silent, by card id; ``call`` where none was considered."""
    found = {outcome.card_id: outcome.silence for outcome in decision.outcomes if not outcome.is_shown}
    return {WHOLE_CALL: decision.silence} if decision.silence else found
