"""Tokens: whether a call comes from a client of ours (conformance SEC-01 to SEC-10, decision 34).

PyJWT checks the signature. The claims are checked here: PyJWT reads the time of day by itself, takes a token of any
lifetime, and refuses an audience in a list of one or accepts one of many (reliability 2.2 to 2.5).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jiter
from jwt import InvalidSignatureError, PyJWS, PyJWTError

from cds_service.trust.clients import Client, Registry
from cds_service.trust.key_sets import KeySet
from cds_service.trust.keys import Key
from cds_service.trust.refusals import Refusal, TokenRefused
from cds_service.trust.replay_guard import TokenIds, TokenIdsUnavailable

LEEWAY = 30.0
"""Seconds that the clocks of a client and ours may differ, in either direction."""
LONGEST_LIFETIME = 300.0
"""Seconds between the issue of a token and its end."""
REMEMBER_LONGER = 5.0
"""Seconds that a token id is remembered beyond the last moment at which its token could be accepted."""
LONGEST_TOKEN = 8_192
_LONGEST_TOKEN_ID = 255
_LATEST = 2.0**53
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_JWS = PyJWS()


@dataclass(frozen=True, slots=True)
class Verifier:
    """What is needed to tell who calls: clients, their keys by client name, used token ids, the time (aware)."""

    registry: Registry
    key_sets: Mapping[str, KeySet]
    token_ids: TokenIds
    clock: Callable[[], datetime]

    def verify(self, authorization: str, path: str) -> Client:
        """The client that sent a call to ``path``, by its Authorization header; TokenRefused says why it is none.

        The token id is used up last: a token that is refused does not take it from the one that it imitates.
        """
        token = _bearer(authorization)
        header, claims = _open(token)
        client = self._claimed_client(claims)
        try:
            _check_header(header, client)
            _check_signature(token, header["alg"], self._key(header, client))
            now = self.clock().timestamp()
            end = _check_times(claims, now)
            _check_audience(claims.get("aud"), client, self.registry.public_url + path)
            self._use_up(client, claims.get("jti"), end, now)
        except TokenRefused as refused:
            raise TokenRefused(refused.refusal, client.name) from None
        return client

    def look_for_keys(self) -> Mapping[str, bool]:
        """Whether the tokens of each client can be checked, by its name. Renewals that are due have begun thereby.

        Without that, the keys of a client that does not call would grow old, and nothing would make them new again.
        """
        for key_set in self.key_sets.values():
            key_set.keep_fresh()
        return {name: key_set.has_keys for name, key_set in self.key_sets.items()}

    def _claimed_client(self, claims: Mapping[str, Any]) -> Client:
        issuer = claims.get("iss")
        if issuer is None:
            raise TokenRefused(Refusal.ISSUER_MISSING)
        client = self.registry.client_of(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise TokenRefused(Refusal.ISSUER_UNKNOWN)
        return client

    def _key(self, header: Mapping[str, Any], client: Client) -> Key:
        key_set = self.key_sets[client.name]
        keys = key_set.find(header["kid"])
        if not keys:
            raise TokenRefused(Refusal.KEY_UNKNOWN if key_set.has_keys else Refusal.KEYS_UNAVAILABLE)
        fit = [key for key in keys if key.fits(header["alg"])]
        if len(fit) != 1:
            raise TokenRefused(Refusal.KEY_UNFIT)
        return fit[0]

    def _use_up(self, client: Client, token_id: object, end: float, now: float) -> None:
        if token_id is None:
            raise TokenRefused(Refusal.TOKEN_ID_MISSING)
        if not isinstance(token_id, str) or not token_id.strip() or len(token_id) > _LONGEST_TOKEN_ID:
            raise TokenRefused(Refusal.TOKEN_ID_SHAPE)
        try:
            is_first = self.token_ids.claim(client.issuer, token_id, end + LEEWAY + REMEMBER_LONGER, now)
        except TokenIdsUnavailable:
            raise TokenRefused(Refusal.TOKEN_IDS_UNAVAILABLE) from None
        if not is_first:
            raise TokenRefused(Refusal.REPLAYED)


def endpoint(url: str) -> str:
    """One spelling of a URL of ours for all in which it is served (decision 36)."""
    return url.replace("/cds-services//", "/cds-services/", 1).removesuffix("/")


def _bearer(authorization: str) -> str:
    if not authorization.strip():
        raise TokenRefused(Refusal.NO_TOKEN)
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefused(Refusal.NOT_BEARER)
    if len(token) > LONGEST_TOKEN:
        raise TokenRefused(Refusal.TOO_LONG)
    return token


def _open(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, not verified yet."""
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise TokenRefused(Refusal.MALFORMED)
    return _json_object(parts[1]), _json_object(parts[2])


def _json_object(part: str) -> Mapping[str, Any]:
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        node = jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError:
        raise TokenRefused(Refusal.MALFORMED) from None
    if not isinstance(node, dict):
        raise TokenRefused(Refusal.MALFORMED)
    return node


def _check_header(header: Mapping[str, Any], client: Client) -> None:
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise TokenRefused(Refusal.TYPE)
    # We understand no extension; b64 (RFC 7797) changes what is signed.
    if "crit" in header or "b64" in header:
        raise TokenRefused(Refusal.CRITICAL)
    if header.get("alg") not in client.algorithms:
        raise TokenRefused(Refusal.ALGORITHM)
    if client.jwks_url and header.get("jku", client.jwks_url) != client.jwks_url:
        raise TokenRefused(Refusal.KEY_SET_URL)
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRefused(Refusal.KEY_ID_MISSING)


def _check_signature(token: str, algorithm: str, key: Key) -> None:
    try:
        _JWS.decode_complete(token, key.public, algorithms=[algorithm])
    except InvalidSignatureError:
        raise TokenRefused(Refusal.SIGNATURE) from None
    except PyJWTError:
        raise TokenRefused(Refusal.MALFORMED) from None


def _check_times(claims: Mapping[str, Any], now: float) -> float:
    """The end of the token (``exp``)."""
    end = _moment(claims.get("exp"), Refusal.EXPIRY_MISSING, Refusal.EXPIRY_SHAPE)
    issued = _moment(claims.get("iat"), Refusal.ISSUED_MISSING, Refusal.ISSUED_SHAPE)
    if not 0 < end - issued <= LONGEST_LIFETIME:
        raise TokenRefused(Refusal.LIFETIME)
    if now >= end + LEEWAY:
        raise TokenRefused(Refusal.EXPIRED)
    if issued > now + LEEWAY:
        raise TokenRefused(Refusal.ISSUED_LATER)
    if "nbf" in claims:
        first = _moment(claims["nbf"], Refusal.NOT_BEFORE_SHAPE, Refusal.NOT_BEFORE_SHAPE)
        if first > now + LEEWAY:
            raise TokenRefused(Refusal.NOT_YET_VALID)
    return end


def _moment(value: object, missing: Refusal, shape: Refusal) -> float:
    """A NumericDate (RFC 7519): seconds of the epoch, perhaps with a fraction."""
    if value is None:
        raise TokenRefused(missing)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise TokenRefused(shape)
    return float(value)


def _check_audience(audience: object, client: Client, called: str) -> None:
    """The token must be for us: for the URL that was called as clients know it, or for a configured audience.

    The URL is built from ``public_url``, never from the Host header.
    """
    if audience is None:
        raise TokenRefused(Refusal.AUDIENCE_MISSING)
    listed = audience if isinstance(audience, list) else [audience]
    if not listed or not all(isinstance(item, str) and item for item in listed):
        raise TokenRefused(Refusal.AUDIENCE_SHAPE)
    if len(listed) > 1 and not client.several_audiences:
        raise TokenRefused(Refusal.AUDIENCE_SEVERAL)
    if client.audience:
        is_ours = not set(client.audience).isdisjoint(listed)
    else:
        is_ours = endpoint(called) in map(endpoint, listed)
    if not is_ours:
        raise TokenRefused(Refusal.AUDIENCE_OTHER)
