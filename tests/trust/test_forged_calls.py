"""Forged tokens at the whole service: one and the same answer for all, and for each its own reason in log and metric.

Decision 34. The reason of each token on the verifier alone stands in ``test_tokens.py``.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from functools import cache

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from cds_service.app import create_app
from cds_service.config import Config
from cds_service.web.call_log import LOGGER
from tests.trust.forged_tokens import FORGED
from tests.trust.tokens_made import CLINIC, HOSPITAL, NOW, PATH, REGISTRY, bearer, token, verifier
from tests.web.service_calls import check_error, content, stored

BODY = json.dumps(stored("sandbox-pama-opened")).encode()
NAMES = {"", HOSPITAL.name, CLINIC.name}


@cache
def app() -> Flask:
    config = Config("0.0.0.0", uuid_key=b"a key of this installation", registry=REGISTRY)
    return create_app(config, content(), lambda: NOW, verifier=verifier())


def counted() -> Counter[tuple[str, str]]:
    """Refusals so far, by reason and claimed client."""
    text = app().test_client().get("/metrics").text
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "cds_refusals_total":
                found[sample.labels["reason"], sample.labels["claimed_client"]] = int(sample.value)
    return found


def test_one_answer_for_all_and_a_reason_for_each(caplog: pytest.LogCaptureFixture) -> None:
    app()
    caplog.set_level(logging.INFO, logger=LOGGER)
    assert len(FORGED) >= 60
    answers, reasons = set(), Counter[str]()
    for name, (authorization, refusal) in FORGED.items():
        before = counted()
        caplog.clear()
        headers = {"Authorization": authorization} if authorization else {}
        answer = app().test_client().post(PATH, data=BODY, headers=headers)
        check_error(answer, 401, "login")
        answers.add((answer.data, tuple(answer.headers)))
        [line] = [json.loads(record.getMessage()) for record in caplog.records]
        assert line["refusal"] == refusal.value, name
        [((reason, client), times)] = (counted() - before).items()
        assert (reason, times) == (refusal.value, 1), name
        assert client == line["claimed_client"], name
        assert client in NAMES, name
        reasons[reason] += 1
    assert len(answers) == 1, "a caller can tell refusals apart"
    assert len(reasons) == len({refusal for _, refusal in FORGED.values()})
    assert {client for _, client in counted()} == NAMES


def test_a_token_that_is_used_again_is_told_the_same(caplog: pytest.LogCaptureFixture) -> None:
    before, signed, web = counted(), {"Authorization": bearer(token())}, app().test_client()
    assert web.post(PATH, data=BODY, headers=signed).status_code == 200
    assert counted() == before, "a good token is no refusal"
    again, without = web.post(PATH, data=BODY, headers=signed), web.post(PATH, data=BODY)
    assert (again.status_code, again.data, list(again.headers)) == (401, without.data, list(without.headers))
    assert counted() - before == Counter({("token-replayed", HOSPITAL.name): 1, ("no-token", ""): 1})
