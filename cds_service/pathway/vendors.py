"""What differs in an answer from one vendor's EHR to the next: one frozen profile each (``docs/vendors.md``).

A profile says what its vendor documents, as data; ``suggestions.py`` and ``render.py`` act on it and on no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cds_service.pathway.templates import OrderTemplate


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """What an EHR does with the cards of an answer.

    ``selection_behavior`` is the value that stands beside suggestions. ``takes_one_action``: of a suggestion with
    several actions it would apply one. ``needs_orderable``: it can only create what its site has mapped in
    ``[orderables]`` (decision 41). ``may_remove_links``: links can be missing from the card that is shown.
    """

    name: str
    selection_behavior: Literal["at-most-one", "any"] = "at-most-one"
    takes_one_action: bool = False
    needs_orderable: bool = False
    may_remove_links: bool = False


GENERIC = VendorProfile("generic")
"""CDS Hooks 2.0.1 as it stands, and what is answered to a call of no client."""

_OTHERS = (
    # Epic's page on CDS Hooks: one action a suggestion, only "any", orders by codes of the site (conformance 4.2).
    VendorProfile("epic", selection_behavior="any", takes_one_action=True, needs_orderable=True),
    # Cerner's page, a beta of 2021: links that are not on its allow-list are taken out (conformance 4.3).
    VendorProfile("oracle", may_remove_links=True),
    # The public sandbox acts on the first action that it understands and no other (its code, commit 3b7e255).
    VendorProfile("sandbox", takes_one_action=True),
)
PROFILES: Mapping[str, VendorProfile] = MappingProxyType({profile.name: profile for profile in (GENERIC, *_OTHERS)})
"""The profiles by ``vendor`` of a client in the site file; a test compares the names with those of ``trust``."""


def profile_of(vendor: str) -> VendorProfile:
    """The profile of a client's ``vendor``; "" is a call of no client."""
    return PROFILES[vendor] if vendor else GENERIC


def name_missing_orderables(client: str, vendor: str, templates: Iterable[OrderTemplate]) -> tuple[str, ...]:
    """A line with the orders that this client is never offered, as its site has not mapped them; empty for none."""
    unmapped = [template.id for template in templates if not template.has_orderable]
    if not unmapped or not profile_of(vendor).needs_orderable:
        return ()
    return (f"client {client} ({vendor}) is not offered what [orderables] lacks: {', '.join(unmapped)}",)
