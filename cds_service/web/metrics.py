"""Metrics: what calls came to, counted for Prometheus at ``/metrics``; right under several worker processes.

Every label is a name of ours: of code, content or site file, so that no patient data can reach one and their number is
bounded. With one worker the counts are in its memory. With several each counts in files of its own in one directory
(``share_counts``), and whichever is asked adds them up, those of a worker that has ended included.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Final

from flask import Flask, Request, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from cds_service import __version__
from cds_service.config import Config
from cds_service.errors import NotFromHere, Overloaded
from cds_service.facts.registry import all_facts
from cds_service.fhir.outcome import Outcome
from cds_service.loopback import is_loopback
from cds_service.pathway.card import QUIET
from cds_service.pathway.content import Content
from cds_service.pathway.decision import NO_ORDER_OF_OURS, Decision
from cds_service.store.feedback import Taken
from cds_service.trust.clients import Client
from cds_service.trust.refusals import Refusal
from cds_service.web.answers import preflight_answer
from cds_service.web.call_log import log_failure
from cds_service.web.discovery import services_by_id
from cds_service.web.guards import refuse_strangers

PATH: Final = "/metrics"
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the library keeps counts of several processes; it looks for the variable itself."""
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.45, 0.5, 1.0, 2.5, 5.0)
_PROBES: Final = frozenset({"/healthz", "/readyz", PATH})
_OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)
_OTHER: Final = "other"
_ENDPOINTS: Final = ("call", "feedback", "discovery", "probe", _OTHER)
_STATUSES: Final = ("2xx", "4xx", "5xx")
KEPT, LOST, NOT_OURS, NOT_RECORDED = "kept", "lost", "not-ours", "not-recorded"


class Metrics:
    """The counts of one process. Make one per process: two would write over each other where counts are shared."""

    def __init__(self, content: Content, clients: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._ready = CollectorRegistry()
        self._services = services_by_id(content)
        self._topics = frozenset(card.topic for card in content.cards)

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(name, says, labels, registry=registry)

        self._requests = counter(
            "cds_requests", "Requests of every kind by endpoint and class of status.", "endpoint", "status"
        )
        self._calls = counter(
            "cds_calls", "Hook calls by service, hook and class of status.", "service", "hook", "status"
        )
        self._seconds = Histogram(
            "cds_call_duration_seconds",
            "Time from the received body of a hook call to its answer, waiting for its turn included.",
            ("service", "hook"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._waits = Histogram(
            "cds_call_wait_seconds",
            "Time that a hook call waited for its turn to be computed.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._overloaded = counter("cds_overloaded", "Calls refused because no turn to be computed came in time.")
        self._cards = counter("cds_cards", "Cards shown.", "topic", "variant", "indicator")
        self._silences = counter(
            "cds_silences",
            "Candidate cards that were not shown, by reason; without a topic: calls without any candidate.",
            "topic",
            "reason",
        )
        self._unknown = counter("cds_unknown_facts", "Facts of decided calls that were unknown.", "fact", "reason")
        self._fetches = counter(
            "cds_fhir_fetches", "Searches asked of the FHIR servers of a client, by outcome.", "client", "outcome"
        )
        self._decisions = counter("cds_decisions", "Decisions by what became of their record.", "result")
        self._feedback = counter(
            "cds_feedback", "Feedback items kept, repeats included, by topic of the card.", "topic", "outcome"
        )
        self._feedback_not_kept = counter(
            "cds_feedback_not_kept", "Feedback items on cards that are not known here, that are wrong, or lost.", "why"
        )
        self._refusals = counter(
            "cds_refusals", "Calls refused for their token, by reason and claimed client.", "reason", "claimed_client"
        )
        self._keys = counter(
            "cds_key_renewal_failures", "Times that the keys of a client could not be renewed.", "client"
        )
        info = Gauge(
            "cds_build_info",
            "Always 1: the version of the service and the content that it serves.",
            ("version", "pathway", "content"),
            registry=registry,
            multiprocess_mode="max",
        )
        info.labels(__version__, f"{content.pathway.id} {content.pathway.version}", content.digest[:12]).set(1)
        self._begin(content)
        for client in clients:
            self._begin_client(client)
            self._keys.labels(client)
        # Calls of nobody that we know.
        self._begin_client("")

    def _begin(self, content: Content) -> None:
        """Show what alerts ask for from the start: a count that first appears as 1 has no increase."""
        for result in (KEPT, LOST, NOT_OURS, NOT_RECORDED):
            self._decisions.labels(result)
        for endpoint, status in product(_ENDPOINTS, _STATUSES):
            self._requests.labels(endpoint, status)
        for service in self._services.values():
            self._seconds.labels(service.id, service.hook)
        for card in content.cards:
            for rule in card.rules:
                for indicator in rule.indicators.values():
                    if indicator != QUIET:
                        self._cards.labels(card.topic, rule.variant, indicator)
        for spec in all_facts().values():
            for value, _, reason in (state.partition(":") for state in spec.states):
                if value == "unknown":
                    self._unknown.labels(spec.name, reason)

    def _begin_client(self, client: str) -> None:
        for outcome in Outcome:
            self._fetches.labels(client, outcome.value)
        for refusal in Refusal:
            self._refusals.labels(refusal.value, client)

    def failed_keys(self, client: str) -> None:
        """Count that the keys of a client could not be renewed."""
        self._keys.labels(client).inc()

    def watch(
        self, is_ready: Callable[[Mapping[str, bool]], bool], find_keys: Callable[[], Mapping[str, bool]]
    ) -> None:
        """Show whenever the counts are asked for: ``find_keys`` (by client), and what ``is_ready`` says of them."""
        self._ready.register(_Ready(is_ready, find_keys))

    def show(self) -> bytes:
        """All counts of all workers, in the text format of Prometheus."""
        registry = self._registry
        if _SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(self._ready)

    def count(self, asked: Request, answer: Response) -> None:
        """Count one request by what its handling left in ``g``."""
        status, endpoint = f"{answer.status_code // 100}xx", endpoint_of(asked)
        self._requests.labels(endpoint, status).inc()
        if g.get("problem") == Overloaded.__name__:
            self._overloaded.inc()
        if "refusal" in g:
            self._refusals.labels(g.refusal.value, g.claimed_client).inc()
        if endpoint == "call" and asked.method == "POST":
            self._count_call(asked, status)
        elif endpoint == "feedback":
            self._count_feedback()

    def _count_call(self, asked: Request, status: str) -> None:
        service = self._services.get((asked.view_args or {}).get("service_id", ""))
        names = (service.id, service.hook) if service is not None else (_OTHER, _OTHER)
        self._calls.labels(*names, status).inc()
        if "received" in g:
            self._seconds.labels(*names).observe(time.perf_counter() - g.received)
            if g.started > g.received:
                self._waits.observe(g.started - g.received)
        self._count_fetches()
        decision: Decision | None = g.get("decision")
        if decision is None:
            return
        self._count_decision(decision)
        for found in decision.outcomes:
            if found.is_shown:
                self._cards.labels(found.topic, found.variant, found.indicator).inc()
            else:
                self._silences.labels(found.topic, found.silence).inc()
        if decision.silence:
            self._silences.labels("", decision.silence).inc()
        for fact in decision.facts.values():
            if fact.value == "unknown":
                self._unknown.labels(fact.name, fact.reason).inc()

    def _count_decision(self, decision: Decision) -> None:
        if "record" in g:
            result = LOST if is_lost(g.record) else KEPT
        else:
            result = NOT_OURS if decision.silence == NO_ORDER_OF_OURS else NOT_RECORDED
        self._decisions.labels(result).inc()

    def _count_fetches(self) -> None:
        client: Client | None = g.get("client")
        for outcome, times in g.get("fetches", {}).items():
            self._fetches.labels(client.name if client else "", outcome if outcome in _OUTCOMES else _OTHER).inc(times)

    def _count_feedback(self) -> None:
        taken: Taken | None = g.get("feedback")
        if taken is not None:
            for (topic, outcome), times in taken.by_topic.items():
                # A card of an older content may have a topic that is no more.
                self._feedback.labels(topic if topic in self._topics else _OTHER, outcome).inc(times)
            self._feedback_not_kept.labels("unknown-card").inc(taken.ignored)
        self._feedback_not_kept.labels("invalid").inc(g.get("bad_feedback", 0))
        if is_lost(g.get("record", "")):
            self._feedback_not_kept.labels("lost").inc()


class _Ready(Collector):
    """Looks when it is asked. The store is the same for all processes, the keys are those of the one that is asked."""

    def __init__(
        self, is_ready: Callable[[Mapping[str, bool]], bool], find_keys: Callable[[], Mapping[str, bool]]
    ) -> None:
        self._is_ready = is_ready
        self._find_keys = find_keys

    def collect(self) -> Iterator[Metric]:
        """One value for the service, and one for each client that signs its calls."""
        keys = self._find_keys()
        says = "1 if /readyz answers 200: the store can be written and the keys of a client are known, if any signs."
        yield GaugeMetricFamily("cds_ready", says, value=float(self._is_ready(keys)))
        by_client = GaugeMetricFamily(
            "cds_client_keys", "1 if keys are known that check the tokens of this client.", labels=["client"]
        )
        for name, has_keys in keys.items():
            by_client.add_metric([name], float(has_keys))
        yield by_client


def is_lost(record: str) -> bool:
    """Whether what ``g.record`` says is that something could not be kept."""
    return record.startswith("lost:")


def endpoint_of(asked: Request) -> str:
    """What a request asked for: one of ``call``, ``feedback``, ``discovery``, ``probe`` or ``other``."""
    rule = asked.url_rule.rule if asked.url_rule is not None else ""
    if "<service_id>/feedback" in rule:
        return "feedback"
    if "<service_id>" in rule:
        return "call"
    if rule.startswith("/cds-services"):
        return "discovery"
    return "probe" if rule in _PROBES else _OTHER


def install_metrics(app: Flask, config: Config, metrics: Metrics, log: logging.Logger) -> None:
    """Count every request, and show the counts. Install it right after the call log: it then sees the final answer.

    Shown to callers on this machine alone, token or not, unless ``CDS_METRICS_OPEN``: how many calls come and what
    they show is nothing for the world.
    """

    def count(answer: Response) -> Response:
        try:
            metrics.count(request, answer)
        except Exception as error:
            # A full temporary directory, or a fault of ours: no reason to take a good answer away.
            log_failure(log, error)
        return answer

    def show() -> Response:
        if not config.metrics_open:
            refuse_elsewhere()
        return Response(metrics.show(), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    def preflight() -> Response:
        return preflight_answer("GET, HEAD, OPTIONS")

    app.after_request(count)
    app.add_url_rule(PATH, f"GET {PATH}", show, methods=["GET"], provide_automatic_options=False)
    app.add_url_rule(PATH, f"OPTIONS {PATH}", preflight, methods=["OPTIONS"], provide_automatic_options=False)


def refuse_elsewhere() -> None:
    """NotFromHere unless peer and host are this machine and no proxy stands between."""
    try:
        refuse_strangers(request.environ)
    except NotFromHere:
        is_here = False
    else:
        is_here = is_loopback(request.remote_addr or "")
    if not is_here:
        raise NotFromHere("metrics are shown to callers on this machine alone (see CDS_METRICS_OPEN)")


def share_counts(directory: Path) -> None:
    """Let this process and those forked from it count in files of a directory, before any ``Metrics`` is made."""
    os.environ[_SHARED] = str(directory)
    # The library chose when it was imported, before anybody could name the directory.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
