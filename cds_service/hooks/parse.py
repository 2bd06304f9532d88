"""parse_call: from parsed JSON to a HookCall, or MalformedCall naming the field.

Strict about what decides (who the patient is, which orders), tolerant about the rest: unknown attributes,
``extension`` and ``fhirAuthorization`` of any shape are ignored (conformance GEN-06, decisions 31 and 33).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cds_service.errors import MalformedCall
from cds_service.fhir.token import read_token
from cds_service.hooks import order_select, order_sign
from cds_service.hooks.call import HookCall
from cds_service.hooks.draft_orders import OrderContext
from cds_service.hooks.fields import read_object, read_optional_object, read_text, read_untouched_text

READERS: Mapping[str, Callable[[Mapping[str, Any]], OrderContext]] = MappingProxyType(
    {order_select.HOOK: order_select.read_context, order_sign.HOOK: order_sign.read_context}
)
"""Every hook this service understands, by its CDS Hooks name. Content may only name these."""


def parse_call(body: object, hook: str) -> HookCall:
    """Read the body of a call to a service of ``hook`` (a key of ``READERS``).

    MalformedCall (400): not an object, another hook, a required field missing or of the wrong type.
    """
    root = read_object(body, "the request")
    if read_text(root.get("hook"), "hook") != hook:
        raise MalformedCall(f"hook must be {hook!r} for this service")
    instance = read_text(root.get("hookInstance"), "hookInstance")
    context = READERS[hook](read_object(root.get("context"), "context"))
    return HookCall(
        hook=hook,
        instance=instance,
        patient_id=context.patient_id,
        user_id=context.user_id,
        encounter_id=context.encounter_id,
        selections=context.selections,
        drafts=context.drafts,
        prefetch=read_optional_object(root.get("prefetch"), "prefetch"),
        fhir_server=read_untouched_text(root.get("fhirServer"), "fhirServer"),
        token=read_token(root.get("fhirAuthorization")),
    )
