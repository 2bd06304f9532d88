"""What tests of trust share: a client with keys of its own, tokens that it signs, and a verifier at a fixed time."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm, get_default_algorithms

from cds_service.trust.clients import Client, Registry
from cds_service.trust.key_sets import KeySet
from cds_service.trust.replay_guard import TokenIds, TokenIdsInMemory
from cds_service.trust.tokens import Verifier

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
PUBLIC_URL = "https://cds.example.org"
PATH = "/cds-services/pancreatic-liver-metastases-order-select"
JWKS_URL = "https://ehr.example.org/.well-known/jwks.json"
HOSPITAL = Client(
    "general-hospital",
    "https://ehr.example.org",
    JWKS_URL,
    fhir_servers=("https://ehr.example.org/fhir/r4",),
    cors_origins=("https://ehr.example.org",),
)
CLINIC = Client(
    "clinic",
    "https://clinic.example.org",
    "https://clinic.example.org/jwks",
    cors_origins=("https://pages.clinic.example.org",),
)
REGISTRY = Registry(PUBLIC_URL, clients=(HOSPITAL, CLINIC))
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def private(name: str) -> Private:
    """A private key by name; its beginning says what it is. Made once, by chance: no test depends on its value."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(65537, 1024 if "small" in name else 2048)
    return ec.generate_private_key(ec.SECP256R1() if name.startswith("ec256") else ec.SECP384R1())


def jwk(name: str, **members: Any) -> dict[str, Any]:
    """The public half of a key, with its name as its id."""
    key = private(name)
    if isinstance(key, rsa.RSAPrivateKey):
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, "kid": name, **members}


def key_set(*names: str) -> bytes:
    """A published key set."""
    return json.dumps({"keys": [jwk(name) for name in names]}).encode()


def segment(value: Any) -> str:
    """One part of a token: JSON, or bytes as they are."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a valid token; a change to ``...`` leaves the claim out."""
    valid = {
        "iss": HOSPITAL.issuer,
        "aud": PUBLIC_URL + PATH,
        "iat": SECONDS - 10,
        "exp": SECONDS + 290,
        "jti": str(uuid.uuid4()),
    }
    return {key: value for key, value in {**valid, **changes}.items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    """The header of a valid token; as for ``claims``."""
    valid = {"alg": "ES384", "typ": "JWT", "kid": "ec-1", "jku": JWKS_URL}
    return {key: value for key, value in {**valid, **changes}.items() if value is not ...}


def sign(payload: Any, head: Any, key: Any = None, algorithm: str = "") -> str:
    """A token over any header and payload; signed by the key ``ec-1`` and the algorithm of the header if not given."""
    algorithm = algorithm or str(head["alg"])
    signed = f"{segment(head)}.{segment(payload)}"
    if algorithm == "none":
        return signed + "."
    signature = get_default_algorithms()[algorithm].sign(signed.encode(), private("ec-1") if key is None else key)
    return f"{signed}.{segment(signature)}"


def token(changes: Mapping[str, Any] | None = None, **head: Any) -> str:
    """A valid token but for these changes of claims and header."""
    return sign(claims(**(changes or {})), header(**head))


def bearer(value: str) -> str:
    """The header that carries a token."""
    return f"Bearer {value}"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def served(data: bytes, clock: Clock | None = None) -> KeySet:
    """A key set that is always fetched at once and brings these bytes."""
    return KeySet(lambda: data, clock or Clock(), run=lambda work: work())


PUBLISHED = ("ec-1", "ec-2", "rsa-1", "ec256-1")


def verifier(
    registry: Registry = REGISTRY, token_ids: TokenIds | None = None, now: datetime = NOW, keys: KeySet | None = None
) -> Verifier:
    """A verifier at a fixed time, whose clients publish ``PUBLISHED`` and (the clinic) a key of its own."""
    sets = {client.name: keys or served(key_set(*PUBLISHED)) for client in registry.clients}
    if CLINIC in registry.clients:
        sets[CLINIC.name] = served(key_set("ec-clinic"))
    return Verifier(registry, sets, token_ids or TokenIdsInMemory(), lambda: now)
