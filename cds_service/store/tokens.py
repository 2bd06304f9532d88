"""Used tokens: a jti is taken once, by whichever process of whichever host sees it first (reliability 2.6)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, select

from cds_service.store.database import as_store_error
from cds_service.store.schema import as_time, insert_new, used_tokens

_PAGE = 1_000
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def token_digest(issuer: str, jti: str) -> str:
    """What a token is kept as: it is of any length, and none of our business."""
    return hashlib.sha256(_ENCODE([issuer, jti]).encode()).hexdigest()


def claim_token(connection: Connection, digest: str, until: float) -> bool:
    """Take a token; False if it was taken before."""
    return insert_new(connection, used_tokens, [{"digest": digest, "expires_at": _as_text(until)}]) == 1


def forget_tokens(connection: Connection, now: float) -> int:
    """Delete a page of tokens that have expired; how many. Rows that another host is deleting are left to it."""
    old = (
        select(used_tokens.c.digest)
        .where(used_tokens.c.expires_at < _as_text(now))
        .limit(_PAGE)
        .with_for_update(skip_locked=True)
    )
    digests = list(connection.scalars(old))
    connection.execute(delete(used_tokens).where(used_tokens.c.digest.in_(digests)))
    return len(digests)


def purge_tokens(engine: Engine, now: float) -> int:
    """Delete all expired tokens; how many. StoreError."""
    gone = 0
    while True:
        with as_store_error(), engine.begin() as connection:
            page = forget_tokens(connection, now)
        gone += page
        if page < _PAGE:
            return gone


def _as_text(seconds: float) -> str:
    return as_time(datetime.fromtimestamp(seconds, UTC))
