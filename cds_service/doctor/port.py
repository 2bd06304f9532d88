"""Whether the port of the service is free, or the service itself listens there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cds_service.doctor.findings import Finding, blame, fine, warn
from cds_service.doctor.network import Ask, Reply, Unreachable, anywhere
from cds_service.errors import ConfigError

_HERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_OK, _UNAVAILABLE = 200, 503


def check_port(host: str, port: int, claim: Callable[[str, int], None], ask: Ask) -> Finding:
    """``claim`` raises ConfigError if the port is taken or the address is none of this host."""
    name = f"port {port}"
    try:
        claim(host, port)
    except ConfigError as error:
        return _judge_taken(name, host, port, str(error), ask)
    return fine(name, f"free on {host}")


def _judge_taken(name: str, host: str, port: int, refusal: str, ask: Ask) -> Finding:
    """Somebody is there: ourselves, ready or not, or another."""
    base = f"http://{_HERE.get(host, f'[{host}]' if ':' in host else host)}:{port}"
    other = blame(name, refusal, "the service cannot start", "end what uses it (ss -ltnp), or choose another CDS_PORT")
    try:
        alive, ready = ask(f"{base}/healthz", anywhere), ask(f"{base}/readyz", anywhere)
    except Unreachable:
        return other
    if alive.status != _OK or _object(alive) != {"status": "ok"}:
        return other
    if ready.status == _UNAVAILABLE and _object(ready).get("resourceType") == "OperationOutcome":
        issues = _object(ready).get("issue") or [{}]
        return warn(
            name,
            f"this service runs here and is not ready: {issues[0].get('diagnostics', 'it does not say why')}",
            "it answers calls, but not with all of its work",
            "see its log, and GET /readyz again",
        )
    if ready.status != _OK or "decisions" not in _object(ready):
        return other
    return fine(name, f"this service runs here and is ready; a second one on {host} would not start")


def _object(reply: Reply) -> dict[str, Any]:
    try:
        node = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return node if isinstance(node, dict) else {}
