"""order-select: the clinician has picked orders that are not signed yet (hook version 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.errors import MalformedCall
from cds_service.hooks.draft_orders import OrderContext, read_order_context

HOOK = "order-select"


def read_context(context: Mapping[str, Any]) -> OrderContext:
    """Typed context; absent (or ``null``) ``selections`` mean that all drafts are selected (decision 31)."""
    return read_order_context(context, _read_selections(context.get("selections")))


def _read_selections(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise MalformedCall("context.selections must be an array of strings")
