"""order-sign: the clinician is about to sign; every order of the Bundle is meant (hook version 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.hooks.draft_orders import OrderContext, read_order_context

HOOK = "order-sign"


def read_context(context: Mapping[str, Any]) -> OrderContext:
    """Typed context; this hook has no ``selections``, and one that is sent anyway is ignored."""
    return read_order_context(context)
