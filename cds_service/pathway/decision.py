"""Decision: what a call came to, before any wording. The same value feeds cards, explain and replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.facts.fact import Fact
from cds_service.facts.orders import Orders
from cds_service.record import Search

NO_ORDER_OF_OURS = "no-order-of-ours"
NOT_OUR_PATIENT = "not-our-patient"
QUIET_AT_HOOK = "quiet-at-hook"
WITHHELD = "withheld-for-more-urgent-cards"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one card came to: the rule that spoke, or the named reason of its silence.

    ``rule`` is the deciding rule's id, or the fact that was required or excluded. ``silence`` is "" exactly when
    the card is shown; ``indicator`` is that of this hook. ``not_ruled_out`` names exclusions that are unknown.
    ``suggestions`` are those that the card has; ``left_out`` says which of them this answer lacks, in whole or in
    part, as ``template:reason`` (``pathway/suggestions.py``).
    """

    card_id: str
    topic: str
    rule: str
    variant: str
    silence: str
    indicator: str
    suggestions: tuple[str, ...] = ()
    not_ruled_out: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def is_shown(self) -> bool:
        """Whether the card goes out."""
        return not self.silence


@dataclass(frozen=True, slots=True)
class Decision:
    """One call decided. ``silence`` names why no card was even considered ("" if some were).

    ``searches`` are those on which the decision rests, not all that was sent.
    """

    hook: str
    orders: Orders
    facts: Mapping[str, Fact]
    outcomes: tuple[Outcome, ...]
    searches: Mapping[str, Search]
    silence: str = ""

    @property
    def shown(self) -> tuple[Outcome, ...]:
        """The outcomes that become cards, most urgent first."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_shown)
