"""Public keys as clients publish them: a JSON Web Key Set (RFC 7517) becomes keys by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jiter
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

LARGEST_KEY_SET = 256_000
"""Bytes of a key set; real ones hold a few kilobytes."""
MOST_KEYS = 100
_SMALLEST_MODULUS = 2048
_LARGEST_MODULUS = 8192
_PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e")
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1"}
_BUILD_WITH = {("EC", "P-256"): "ES256", ("EC", "P-384"): "ES384"}


class KeysUnreadable(Exception):
    """A key set could not be had; the message is ours and safe to log."""


class KeysWithdrawn(KeysUnreadable):
    """A key set was had, and holds no key for us: its owner has taken all of them back."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key. ``algorithm`` is the only one that its owner uses it with, if it says so."""

    public: EllipticCurvePublicKey | RSAPublicKey = field(repr=False)
    algorithm: str = ""

    def fits(self, algorithm: str) -> bool:
        """Whether a signature by that algorithm may be checked with this key (RFC 7518: one curve per ES algorithm)."""
        if self.algorithm not in ("", algorithm):
            return False
        if isinstance(self.public, RSAPublicKey):
            return algorithm.startswith("RS")
        return self.public.curve.name == _CURVES.get(algorithm)

    def covers(self, other: Key) -> bool:
        """Whether the other is the same key, for no use that this one has not."""
        return self.public == other.public and self.algorithm in ("", other.algorithm)


Keys = Mapping[str, tuple[Key, ...]]
"""Keys by id; two keys of different type may share one."""


def parse_keys(data: bytes) -> Keys:
    """The keys of a key set that can check signatures; KeysWithdrawn if there is none, else KeysUnreadable.

    A key that we cannot use (another type, for encryption, too small, without id) is passed over: clients publish all
    their keys in one set. Private members are not looked at.
    """
    if len(data) > LARGEST_KEY_SET:
        raise KeysUnreadable(f"it is larger than {LARGEST_KEY_SET} bytes")
    try:
        node = jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError:
        raise KeysUnreadable("it is not JSON") from None
    listed = node.get("keys") if isinstance(node, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise KeysUnreadable(f"it has no list of keys, or one of more than {MOST_KEYS}")
    found: dict[str, tuple[Key, ...]] = {}
    for entry in listed:
        key = _key(entry) if isinstance(entry, dict) else None
        if key is not None:
            found[entry["kid"]] = _with(found.get(entry["kid"], ()), key)
    if not found:
        is_well_formed = all(isinstance(entry, dict) for entry in listed)
        raise (KeysWithdrawn if is_well_formed else KeysUnreadable)(
            "it holds no key that can check a signature of ours (EC P-384 or P-256, RSA of 2048 bits)"
        )
    return MappingProxyType(found)


def _with(known: tuple[Key, ...], key: Key) -> tuple[Key, ...]:
    """Keys of one id and one more; the same key listed twice (with its algorithm and without) is one."""
    if any(other.covers(key) for other in known):
        return known
    return (*(other for other in known if not key.covers(other)), key)


def _key(entry: Mapping[str, Any]) -> Key | None:
    kid, algorithm, purposes = entry.get("kid"), entry.get("alg", ""), entry.get("key_ops", ["verify"])
    if not isinstance(kid, str) or not kid or not isinstance(algorithm, str):
        return None
    if entry.get("use", "sig") != "sig" or not isinstance(purposes, list) or "verify" not in purposes:
        return None
    kind = entry.get("kty")
    build_with = "RS256" if kind == "RSA" else _BUILD_WITH.get((str(kind), str(entry.get("crv"))))
    if build_with is None:
        return None
    try:
        public = PyJWK({name: entry[name] for name in _PUBLIC_MEMBERS if name in entry}, build_with).key
    except (PyJWTError, ValueError, TypeError, AttributeError):
        return None
    if isinstance(public, RSAPublicKey) and not _SMALLEST_MODULUS <= public.key_size <= _LARGEST_MODULUS:
        return None
    return Key(public, algorithm)
