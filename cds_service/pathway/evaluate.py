"""evaluate: from a call and a source of data to a Decision, asking for no more data than the call needs.

D0 looks at the orders alone, D1 at the Conditions alone; only a call that passes both has the other searches
read (pathway 3.1), and of those only what the candidate cards look at is worth asking a server for. Every network or
prefetch access lies behind ``Source``, so service and replay share this.
"""

from __future__ import annotations

from datetime import datetime

from cds_service.errors import DataUnavailable
from cds_service.facts.orders import read_orders
from cds_service.facts.problems import carry_problems
from cds_service.facts.registry import all_facts
from cds_service.fhir.source import Completeness, ExpectingSource, Source
from cds_service.hooks.call import HookCall
from cds_service.pathway.content import Content
from cds_service.pathway.decide import candidate_cards, decide_case, needed_searches, open_case, without_cards
from cds_service.pathway.decision import NO_ORDER_OF_OURS, NOT_OUR_PATIENT, Decision
from cds_service.record import PatientRecord, build_record

_UNOBTAINABLE = frozenset({Completeness.FAILED, Completeness.NOT_ATTEMPTED})


def evaluate(call: HookCall, source: Source, content: Content, now: datetime) -> Decision:
    """Decide one call. Raises DataUnavailable (412) when required data cannot be had (decision 2).

    What the client sent beyond ``needed_searches`` is read as well; whoever has to be asked is not asked for it.
    """
    orders = read_orders(call, content.terms, content.lexicon)
    cards = candidate_cards(orders, content)
    if not cards:
        return without_cards(orders, NO_ORDER_OF_OURS)
    gate = all_facts()[content.pathway.gate]
    first = tuple(dict.fromkeys((*content.pathway.required_searches, *gate.searches)))
    if isinstance(source, ExpectingSource):
        source.expect(needed_searches(cards, content))
    answers = dict(source.fetch(first))
    record = build_record(call.patient_id, answers.values(), call.fhir_server)
    _require(record, content)
    case = open_case(record, orders, content, now)
    place = case.fact(gate.name)
    if place.value == "unknown":
        raise DataUnavailable(_missing(record, first))
    if place.value == "no":
        return without_cards(orders, NOT_OUR_PATIENT, record, case)
    answers |= source.fetch(tuple(key for key in content.prefetch if key not in first))
    whole = open_case(build_record(call.patient_id, answers.values(), call.fhir_server), orders, content, now)
    carry_problems(case, whole)
    return decide_case(whole, content)


def _require(record: PatientRecord, content: Content) -> None:
    missing = tuple(
        key for key in content.pathway.required_searches if record.search(key).completeness in _UNOBTAINABLE
    )
    if missing:
        raise DataUnavailable(_missing(record, missing))


def _missing(record: PatientRecord, keys: tuple[str, ...]) -> str:
    problems = "; ".join(f"{search.key}: {', '.join(search.problems)}" for search in record.unfinished(keys))
    return f"required data could not be obtained ({problems}): send it as prefetch, complete"
