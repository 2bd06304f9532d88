"""The store as the place of used token ids: one jti, one call, whichever worker or host it reaches."""

from __future__ import annotations

from cds_service.errors import StoreError
from cds_service.store.store import Store
from cds_service.trust.replay_guard import TokenIdsUnavailable


class TokenIdsInStore:
    """``TokenIds`` that all processes with one store share."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        """As in ``TokenIds``; TokenIdsUnavailable while the store fails."""
        try:
            return self._store.claim_token(issuer, token_id, until, now)
        except StoreError as error:
            raise TokenIdsUnavailable(error.kind) from None
