"""What the page asks for: a stored patient or pasted data, the orders, the hook, and which searches go missing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cds_service.errors import MalformedCall
from cds_service.fhir.chart import read_chart
from cds_service.fhir.shapes import as_list, as_object, as_text
from cds_service.fhir.source import Entry, Resource
from cds_service.hooks import parse_json
from cds_service.hooks.fields import read_object, read_optional_object, read_optional_text
from cds_service.pathway.content import Content
from cds_service.replay.prefetch_shapes import fill_prefetch
from cds_service.replay.stored import USER
from cds_service.workbench.patients import StoredPatient

Json = Any
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""The years in which a call may be said to be made; the last is left out."""
_INSTANCE = str(uuid.uuid5(uuid.NAMESPACE_URL, "workbench"))


@dataclass(frozen=True, slots=True)
class Wish:
    """One request of the page.

    ``patient`` names a stored patient; else ``text`` is what was pasted, as it was pasted. ``orders`` are members of
    the context that replace those of the call (``draftOrders``, ``selections``); ``hook`` and ``now`` likewise, where
    given. ``missing`` says for search keys how the client answers them (``MISSING``).
    """

    patient: str
    text: str
    hook: str
    orders: Mapping[str, Json]
    missing: Mapping[str, str]
    now: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A call as the page would send it, before anybody has checked it, and the patient's data behind it.

    ``doubts`` say why a pasted Bundle is not the whole chart (``fhir/chart.py``); () if nothing shows that.
    """

    body: Mapping[str, Json]
    content: Content
    now: datetime
    entries: tuple[Entry, ...]
    doubts: tuple[str, ...] = ()


def read_wish(raw: bytes) -> Wish:
    """Read the body of a request of the page; MalformedCall names the member that is wrong, never its value."""
    root = read_object(parse_json(raw), "the request")
    patient, text = read_optional_text(root.get("patient"), "patient"), root.get("text", "")
    if not isinstance(text, str) or bool(patient) == bool(text.strip()):
        raise MalformedCall("give `patient`, the name of a stored patient, or `text`, a pasted call or Bundle")
    missing = read_optional_object(root.get("missing"), "missing")
    for how in missing.values():
        if not isinstance(how, str) or how not in MISSING:
            raise MalformedCall(f"missing must say one of {', '.join(MISSING)} for each search")
    orders = {name: root[name] for name in ("draftOrders", "selections") if root.get(name) is not None}
    hook = read_optional_text(root.get("hook"), "hook")
    return Wish(
        patient, text, hook, MappingProxyType(orders), MappingProxyType(dict(missing)), _moment(root.get("now"))
    )


def propose(wish: Wish, patients: Mapping[str, StoredPatient], content: Content, now: datetime) -> Proposal:
    """The call that a wish stands for; MalformedCall if the patient is unknown or what was pasted cannot be used."""
    if wish.patient:
        proposal = _from_story(wish, patients, content)
    else:
        pasted = read_object(parse_json(wish.text.encode()), "what was pasted")
        made = _from_bundle if pasted.get("resourceType") == "Bundle" else _from_call
        proposal = made(wish, pasted, content, wish.now or now)
    if not wish.missing:
        return proposal
    bent = _bend(as_object(proposal.body.get("prefetch")), wish.missing)
    return replace(proposal, body={**proposal.body, "prefetch": bent})


def _from_story(wish: Wish, patients: Mapping[str, StoredPatient], content: Content) -> Proposal:
    patient = patients.get(wish.patient)
    if patient is None:
        raise MalformedCall("patient names no stored patient: see the list on the page")
    stored = patient.call
    context = {"userId": USER, "patientId": patient.patient_id}
    body = _body(wish.hook or stored.hook, {**context, **_own_orders(stored.context), **wish.orders}, wish.hook)
    values = {"context.patientId": patient.patient_id, "context.userId": USER}
    prefetch = fill_prefetch(content.prefetch, values, stored.entries, stored.searches)
    return Proposal({**body, "prefetch": prefetch}, stored.content(content), wish.now or stored.now, stored.entries)


def _own_orders(context: Mapping[str, Json]) -> dict[str, Json]:
    return {name: context[name] for name in ("draftOrders", "selections") if name in context}


def _from_bundle(wish: Wish, bundle: Mapping[str, Json], content: Content, now: datetime) -> Proposal:
    chart = read_chart(bundle)
    entries = chart.entries
    found = [as_text(entry.resource.get("id")) for entry in entries if entry.resource.get("resourceType") == "Patient"]
    # A batch may bring the patient once with each of its searches.
    found = list(dict.fromkeys(found)) if all(found) else found
    if len(found) != 1 or not found[0]:
        raise MalformedCall(f"the Bundle holds {len(found)} Patients with their ids: paste one patient's data")
    (patient,) = found
    context = {"userId": USER, "patientId": patient, "draftOrders": {"resourceType": "Bundle", "type": "collection"}}
    body = _body(wish.hook or "order-select", {**context, **wish.orders}, wish.hook)
    values = {"context.patientId": patient, "context.userId": USER}
    prefetch = fill_prefetch(content.prefetch, values, entries, doubts=chart.doubts)
    return Proposal({**body, "prefetch": prefetch}, content, now, entries, chart.doubts)


def _from_call(wish: Wish, call: Mapping[str, Json], content: Content, now: datetime) -> Proposal:
    # What is wrong with a pasted call is left in it: the page shows what the service would answer to it.
    body: Mapping[str, Json] = call
    if wish.hook or wish.orders:
        context = {**as_object(call.get("context")), **wish.orders}
        if wish.hook == "order-sign":
            context.pop("selections", None)
        body = {**call, "hook": wish.hook or call.get("hook"), "context": context}
    return Proposal(body, content, now, _entries_of(as_object(call.get("prefetch"))))


def _entries_of(prefetch: Mapping[str, Json]) -> tuple[Entry, ...]:
    """Every resource of a prefetch, Bundle or single, once by its type and id."""
    found: dict[object, Entry] = {}
    for value in prefetch.values():
        node = as_object(value)
        listed = [as_object(item) for item in as_list(node.get("entry"))] or [{"resource": node}]
        for item in listed:
            resource = as_object(item.get("resource"))
            kind, ident = as_text(resource.get("resourceType")), as_text(resource.get("id"))
            if kind and kind not in {"Bundle", "OperationOutcome"}:
                found.setdefault((kind, ident or id(resource)), Entry(resource, as_text(item.get("fullUrl"))))
    return tuple(found.values())


def _body(hook: str, context: dict[str, Json], wished: str) -> dict[str, Json]:
    if (wished or hook) == "order-sign":
        context.pop("selections", None)
    return {"hook": hook, "hookInstance": _INSTANCE, "context": context}


def _moment(value: Json) -> datetime | None:
    text = read_optional_text(value, "now")
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise MalformedCall("now must be an instant such as 2026-03-02T09:00:00Z") from None
    # Decisions reckon some years to and fro, and the ends of the calendar have no room for that.
    if moment is not None and not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise MalformedCall(f"now must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
    return moment if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _bend(prefetch: Mapping[str, Json], missing: Mapping[str, str]) -> dict[str, Json]:
    bent = dict(prefetch)
    for key, how in missing.items():
        MISSING[how](bent, key)
    return bent


def _leave_out(prefetch: dict[str, Json], key: str) -> None:
    prefetch.pop(key, None)


def _answer_null(prefetch: dict[str, Json], key: str) -> None:
    prefetch[key] = None


def _answer_error(prefetch: dict[str, Json], key: str) -> None:
    issue = {"severity": "error", "code": "exception"}
    prefetch[key] = {"resourceType": "OperationOutcome", "issue": [issue]}


def _cut_short(prefetch: dict[str, Json], key: str) -> None:
    """One result fewer is sent than there are: the last, if there is any."""
    bundle = as_object(prefetch.get(key))
    listed: list[Resource] = as_list(bundle.get("entry"))
    kept = {name: value for name, value in bundle.items() if name != "entry"} or {"type": "searchset"}
    rest = {"entry": listed[:-1]} if listed[:-1] else {}
    prefetch[key] = {**kept, "resourceType": "Bundle", "total": max(len(listed), 1), **rest}


MISSING: Mapping[str, Callable[[dict[str, Json], str], None]] = MappingProxyType(
    {"absent": _leave_out, "null": _answer_null, "error": _answer_error, "partial": _cut_short}
)
"""How a client may fail to answer a search, by the name that deep links use (decision 1)."""
