"""Tokens: every valid one is accepted, every forged one is refused for its own reason (decision 34, SEC-02 to 09)."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.trust.clients import Client, Registry
from cds_service.trust.key_sets import KeySet
from cds_service.trust.keys import KeysUnreadable
from cds_service.trust.refusals import Refusal, TokenRefused
from cds_service.trust.replay_guard import TokenIdsInMemory, TokenIdsUnavailable
from cds_service.trust.tokens import LEEWAY, LONGEST_LIFETIME, REMEMBER_LONGER, endpoint
from tests.trust.forged_tokens import FORGED, LETTERS
from tests.trust.tokens_made import (
    CLINIC,
    HOSPITAL,
    NOW,
    PATH,
    PUBLIC_URL,
    SECONDS,
    Clock,
    bearer,
    claims,
    header,
    jwk,
    private,
    served,
    sign,
    token,
    verifier,
)


class Untouched:
    """A store of token ids that must not be asked."""

    def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        raise AssertionError("a refused token must not use up an id")


def refusal_of(authorization: str, **options: Any) -> Refusal:
    """Why a token is refused."""
    with pytest.raises(TokenRefused) as caught:
        verifier(**options).verify(authorization, PATH)
    return caught.value.refusal


def with_client(**changes: Any) -> Registry:
    return Registry(PUBLIC_URL, clients=(replace(HOSPITAL, **changes),))


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_for_its_own_reason_and_uses_up_no_id(name: str) -> None:
    authorization, refusal = FORGED[name]
    assert refusal_of(authorization, token_ids=Untouched()) is refusal


def test_there_are_enough_of_them_and_every_reason_is_met() -> None:
    assert len(FORGED) >= 60
    elsewhere = {Refusal.KEYS_UNAVAILABLE, Refusal.REPLAYED, Refusal.TOKEN_IDS_UNAVAILABLE}
    assert {refusal for _, refusal in FORGED.values()} == set(Refusal) - elsewhere


def test_no_refusal_tells_the_token() -> None:
    for authorization, _ in FORGED.values():
        with pytest.raises(TokenRefused) as caught:
            verifier().verify(authorization, PATH)
        assert str(caught.value) == "this call needs a valid token"
        assert caught.value.client in ("", HOSPITAL.name, CLINIC.name)


def test_no_letter_of_a_token_can_be_changed() -> None:
    checked, signed = verifier(token_ids=Untouched()), token()
    for place, letter in enumerate(signed):
        for other in ("A" if letter != "A" else "B", LETTERS[LETTERS.find(letter) ^ 1], "."):
            with pytest.raises(TokenRefused):
                checked.verify(bearer(signed[:place] + other + signed[place + (other != letter) :]), PATH)


ACCEPTED = {
    "es384": token(),
    "rs384": sign(claims(), header(alg="RS384", kid="rsa-1"), private("rsa-1")),
    "without-jku": token(jku=...),
    "without-type": token(typ=...),
    "type-in-small-letters": token(typ="jwt"),
    "audience-in-a-list": token({"aud": [PUBLIC_URL + PATH]}),
    "audience-with-slash": token({"aud": PUBLIC_URL + PATH + "/"}),
    "audience-with-double-slash": token({"aud": (PUBLIC_URL + PATH).replace("services/", "services//")}),
    "more-claims": token({"sub": "x", "nbf": SECONDS, "tenant": "t", "extra": {"a": [1]}}),
    "times-with-fraction": token({"iat": SECONDS - 0.5, "exp": SECONDS + 299.5}),
    "another-key": sign(claims(), header(kid="ec-2"), private("ec-2")),
}


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_a_valid_token_names_its_client(name: str, scheme: str) -> None:
    assert verifier().verify(scheme + ACCEPTED[name], PATH) is HOSPITAL


def test_clients_are_told_apart_by_their_issuer() -> None:
    signed = sign(claims(iss=CLINIC.issuer), header(kid="ec-clinic", jku=CLINIC.jwks_url), private("ec-clinic"))
    assert verifier().verify(bearer(signed), PATH) is CLINIC


def test_a_refusal_names_the_client_that_the_token_claims() -> None:
    for changes, claimed in (({"aud": "x"}, HOSPITAL.name), ({"iss": "https://evil.example"}, "")):
        with pytest.raises(TokenRefused) as caught:
            verifier().verify(bearer(token(changes)), PATH)
        assert caught.value.client == claimed


# Clocks: accepted and refused on either side of each edge


@pytest.mark.parametrize(
    ("issued", "end", "refusal"),
    [
        (-100, -29, None),
        (-100, -29.5, None),
        (-100, -30, Refusal.EXPIRED),
        (-100, -31, Refusal.EXPIRED),
        (29, 100, None),
        (30, 100, None),
        (30.5, 100, Refusal.ISSUED_LATER),
        (31, 100, Refusal.ISSUED_LATER),
        (0, 300, None),
        (0, 300.5, Refusal.LIFETIME),
        (0, 301, Refusal.LIFETIME),
        (30, 330, None),
        (-329, -29, None),
        (-330, -30, Refusal.EXPIRED),
        (0, 0.5, None),
        (0, 0, Refusal.LIFETIME),
    ],
)
def test_clock_edges(issued: float, end: float, refusal: Refusal | None) -> None:
    authorization = bearer(token({"iat": SECONDS + issued, "exp": SECONDS + end}))
    if refusal is None:
        assert verifier().verify(authorization, PATH) is HOSPITAL
    else:
        assert refusal_of(authorization) is refusal


@pytest.mark.parametrize(("first", "refusal"), [(29, None), (30, None), (31, Refusal.NOT_YET_VALID)])
def test_not_before_edges(first: float, refusal: Refusal | None) -> None:
    authorization = bearer(token({"nbf": SECONDS + first}))
    if refusal is None:
        verifier().verify(authorization, PATH)
    else:
        assert refusal_of(authorization) is refusal


def test_what_a_clock_can_cause_says_clock() -> None:
    for refusal in (Refusal.EXPIRED, Refusal.ISSUED_LATER, Refusal.NOT_YET_VALID):
        assert refusal.value.startswith("clock-")


def test_reasons_are_fit_to_be_labels() -> None:
    assert len({refusal.value for refusal in Refusal}) == len(Refusal)
    assert all(refusal.value.replace("-", "").isalpha() for refusal in Refusal)


# Settings of a client


def test_more_algorithms_only_where_agreed() -> None:
    for algorithm, kid in (("ES256", "ec256-1"), ("RS256", "rsa-1")):
        signed = bearer(sign(claims(), header(alg=algorithm, kid=kid), private(kid)))
        assert refusal_of(signed) is Refusal.ALGORITHM
        registry = with_client(algorithms=(algorithm,))
        assert verifier(registry).verify(signed, PATH).name == HOSPITAL.name
        assert refusal_of(bearer(token()), registry=registry) is Refusal.ALGORITHM


def test_several_audiences_only_where_agreed() -> None:
    registry = with_client(several_audiences=True)
    ours, another = PUBLIC_URL + PATH, "https://other.example"
    assert verifier(registry).verify(bearer(token({"aud": [another, ours]})), PATH) in registry.clients
    assert refusal_of(bearer(token({"aud": [another, "x"]})), registry=registry) is Refusal.AUDIENCE_OTHER


def test_a_configured_audience_takes_the_place_of_the_url() -> None:
    registry = with_client(audience=("sand_man", "https://cds.example.org/hooks/"))
    for audience in ("sand_man", "https://cds.example.org/hooks/"):
        assert verifier(registry).verify(bearer(token({"aud": audience})), PATH) in registry.clients
    for audience in (PUBLIC_URL + PATH, "sand_man/", "https://cds.example.org/hooks"):
        assert refusal_of(bearer(token({"aud": audience})), registry=registry) is Refusal.AUDIENCE_OTHER


def test_with_a_key_file_no_jku_is_compared_or_fetched() -> None:
    registry = with_client(jwks_url="", jwks_file=Path("keys.json"))
    signed = bearer(token(jku="https://sandbox.example/jwks.json"))
    assert verifier(registry).verify(signed, PATH) in registry.clients


def test_an_open_client_has_no_tokens() -> None:
    registry = Registry(PUBLIC_URL, clients=(Client("open"),))
    assert refusal_of(bearer(token({"iss": ""})), registry=registry) is Refusal.ISSUER_UNKNOWN


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("https://a.example/cds-services", "https://a.example/cds-services"),
        ("https://a.example/cds-services/", "https://a.example/cds-services"),
        ("https://a.example/cds-services//x/", "https://a.example/cds-services/x"),
        ("https://a.example/cds-services///x", "https://a.example/cds-services//x"),
        ("https://a.example//x", "https://a.example//x"),
    ],
)
def test_spellings_of_an_endpoint(url: str, one: str) -> None:
    assert endpoint(url) == one


# Keys that cannot be had


def test_keys_that_were_never_had_are_another_reason_than_an_unknown_key() -> None:
    def fail() -> bytes:
        raise KeysUnreadable("down")

    keys = KeySet(fail, Clock(), run=lambda work: work())
    assert refusal_of(bearer(token()), keys=keys) is Refusal.KEYS_UNAVAILABLE
    assert verifier(Registry(PUBLIC_URL, clients=(HOSPITAL,)), keys=keys).look_for_keys() == {HOSPITAL.name: False}


def test_to_look_for_keys_fetches_them() -> None:
    """As a probe does, while no call comes."""
    found = verifier()
    assert not any(keys.has_keys for keys in found.key_sets.values())
    assert found.look_for_keys() == {HOSPITAL.name: True, CLINIC.name: True}


def test_two_fit_keys_with_one_id_are_not_guessed_between() -> None:
    data = json.dumps({"keys": [jwk("ec-1"), jwk("ec-2", kid="ec-1")]}).encode()
    assert refusal_of(bearer(token()), keys=served(data)) is Refusal.KEY_UNFIT


# Once


def test_a_token_is_good_for_one_call() -> None:
    checked, signed = verifier(), bearer(token())
    assert checked.verify(signed, PATH) is HOSPITAL
    with pytest.raises(TokenRefused) as caught:
        checked.verify(signed, PATH)
    assert caught.value.refusal is Refusal.REPLAYED


def test_an_id_is_used_up_by_its_client_alone() -> None:
    checked = verifier()
    checked.verify(bearer(token({"jti": "1"})), PATH)
    signed = sign(claims(iss=CLINIC.issuer, jti="1"), header(kid="ec-clinic", jku=...), private("ec-clinic"))
    assert checked.verify(bearer(signed), PATH) is CLINIC


def test_a_forged_token_does_not_use_up_the_id_that_it_copies() -> None:
    checked = verifier()
    body = claims(jti="the-one")
    attempts = [
        sign(body, header(), private("ec-evil")),
        sign({**body, "aud": "https://other.example"}, header()),
        sign({**body, "exp": SECONDS - 31, "iat": SECONDS - 100}, header()),
    ]
    for attempt in attempts:
        with pytest.raises(TokenRefused):
            checked.verify(bearer(attempt), PATH)
    assert checked.verify(bearer(sign(body, header())), PATH) is HOSPITAL


def test_an_id_outlives_every_moment_at_which_its_token_is_accepted() -> None:
    kept: list[tuple[str, str, float, float]] = []

    class Store:
        def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
            kept.append((issuer, token_id, until, now))
            return True

    verifier(token_ids=Store()).verify(bearer(token({"jti": "x"})), PATH)
    until = SECONDS + 290 + LEEWAY + REMEMBER_LONGER
    assert kept == [(HOSPITAL.issuer, "x", until, float(SECONDS))]
    late = NOW + timedelta(seconds=290 + LEEWAY)
    assert refusal_of(bearer(token()), now=late) is Refusal.EXPIRED
    assert LEEWAY + LONGEST_LIFETIME < 600


def test_a_store_that_cannot_tell_refuses() -> None:
    class Down:
        def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
            raise TokenIdsUnavailable("down")

    assert refusal_of(bearer(token()), token_ids=Down()) is Refusal.TOKEN_IDS_UNAVAILABLE


def test_of_many_at_once_one_passes() -> None:
    checked, tokens = verifier(token_ids=TokenIdsInMemory()), [bearer(token()) for _ in range(10)]
    together, refusals = threading.Barrier(8), list[Refusal]()

    def passes(_: int) -> int:
        together.wait(timeout=30)
        count = 0
        for signed in tokens:
            try:
                checked.verify(signed, PATH)
            except TokenRefused as refused:
                refusals.append(refused.refusal)
            else:
                count += 1
        return count

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passes, range(8))) == len(tokens)
    assert set(refusals) == {Refusal.REPLAYED}
