"""Key sets as clients publish them: what can be used is used, the rest is passed over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm

from cds_service.trust.keys import LARGEST_KEY_SET, MOST_KEYS, KeysUnreadable, KeysWithdrawn, parse_keys
from tests.trust.tokens_made import jwk, private


def as_set(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


@pytest.mark.parametrize(
    ("name", "fits"),
    [("ec-1", {"ES384"}), ("ec256-1", {"ES256"}), ("rsa-1", {"RS256", "RS384"})],
)
def test_a_key_fits_its_algorithms_alone(name: str, fits: set[str]) -> None:
    (key,) = parse_keys(as_set(jwk(name)))[name]
    assert {one for one in ("ES256", "ES384", "RS256", "RS384", "HS256", "none") if key.fits(one)} == fits


def test_an_owner_may_tie_a_key_to_one_algorithm() -> None:
    (key,) = parse_keys(as_set(jwk("rsa-1", alg="RS256")))["rsa-1"]
    assert (key.fits("RS256"), key.fits("RS384")) == (True, False)


@pytest.mark.parametrize("members", [{"use": "sig"}, {"key_ops": ["verify"]}, {"x5c": ["x"], "ext": True}])
def test_more_members_are_no_obstacle(members: dict[str, Any]) -> None:
    assert set(parse_keys(as_set(jwk("ec-1", **members)))) == {"ec-1"}


def test_keys_of_different_type_may_share_an_id() -> None:
    assert len(parse_keys(as_set(jwk("ec-1"), jwk("rsa-1", kid="ec-1")))["ec-1"]) == 2


@pytest.mark.parametrize("name", ["ec-1", "rsa-1"])
def test_a_key_listed_with_its_algorithm_and_without_is_one_key(name: str) -> None:
    algorithm = "ES384" if name == "ec-1" else "RS384"
    narrow, wide = jwk(name, alg=algorithm), jwk(name)
    for listed in ((narrow, wide), (wide, narrow), (narrow, wide, narrow, wide)):
        (key,) = parse_keys(as_set(*listed))[name]
        assert key.algorithm == ""
    (key,) = parse_keys(as_set(narrow, narrow))[name]
    assert key.algorithm == algorithm


def test_a_key_for_two_algorithms_and_two_keys_are_two() -> None:
    listed = parse_keys(as_set(jwk("rsa-1", alg="RS256"), jwk("rsa-1", alg="RS384")))["rsa-1"]
    assert [[key.fits(algorithm) for key in listed] for algorithm in ("RS256", "RS384")] == [
        [True, False],
        [False, True],
    ]
    assert len(parse_keys(as_set(jwk("ec-1"), jwk("ec-2", kid="ec-1")))["ec-1"]) == 2


@pytest.mark.parametrize("data", [b'{"keys": []}', b'{"keys": [{}]}', b'{"keys": [{"kty": "oct", "kid": "a"}]}'])
def test_a_set_without_a_key_for_us_takes_all_back(data: bytes) -> None:
    with pytest.raises(KeysWithdrawn):
        parse_keys(data)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"keys": null}', b'{"keys": [1]}', b'{"keys": [{}, "a"]}'])
def test_what_is_no_key_set_takes_none_back(data: bytes) -> None:
    with pytest.raises(KeysUnreadable) as found:
        parse_keys(data)
    assert found.type is KeysUnreadable


def test_private_members_are_not_kept() -> None:
    key_pair = private("ec-1")
    assert isinstance(key_pair, EllipticCurvePrivateKey)
    whole = ECAlgorithm.to_jwk(key_pair, as_dict=True)
    assert "d" in whole
    (key,) = parse_keys(as_set({**whole, "kid": "k"}))["k"]
    assert isinstance(key.public, EllipticCurvePublicKey)


USELESS: dict[str, Any] = {
    "without-id": {name: value for name, value in jwk("ec-1").items() if name != "kid"},
    "id-a-number": jwk("ec-1", kid=1),
    "id-empty": jwk("ec-1", kid=""),
    "for-encryption": jwk("ec-1", use="enc"),
    "to-sign-with": jwk("ec-1", key_ops=["sign"]),
    "operations-a-text": jwk("ec-1", key_ops="verify"),
    "algorithm-a-list": jwk("ec-1", alg=["ES384"]),
    "secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "HS256"},
    "edwards-curve": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "k"},
    "another-curve": jwk("ec-1", crv="P-521"),
    "curve-missing": jwk("ec-1", crv=None),
    "curve-a-list": jwk("ec-1", crv=["P-384"]),
    "point-not-on-the-curve": jwk("ec-1", x=jwk("ec-2")["x"]),
    "point-cut": jwk("ec-1", x="AA"),
    "point-no-text": jwk("ec-1", x=5),
    "small-modulus": jwk("rsa-small"),
    "modulus-no-text": jwk("rsa-1", n=None),
    "modulus-missing": {"kty": "RSA", "e": "AQAB", "kid": "k"},
    "type-missing": {"kid": "k"},
    "type-a-list": {"kty": ["EC"], "kid": "k"},
    "no-object": 5,
}


@pytest.mark.parametrize("name", USELESS)
def test_a_useless_key_is_passed_over(name: str) -> None:
    assert set(parse_keys(as_set(USELESS[name], jwk("ec-2")))) == {"ec-2"}
    with pytest.raises(KeysUnreadable, match="no key that can check"):
        parse_keys(as_set(USELESS[name]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"keys": [], "keys": []}', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no list of keys"),
        (b"{}", "no list of keys"),
        (b'{"keys": {}}', "no list of keys"),
        (b'{"keys": []}', "no key that can check"),
        (as_set(*[{}] * (MOST_KEYS + 1)), f"more than {MOST_KEYS}"),
        (b" " * (LARGEST_KEY_SET + 1), f"larger than {LARGEST_KEY_SET}"),
    ],
    ids=range(11),
)
def test_what_is_no_key_set(data: bytes, says: str) -> None:
    with pytest.raises(KeysUnreadable, match=says):
        parse_keys(data)
