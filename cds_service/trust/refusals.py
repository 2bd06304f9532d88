"""Why a call was refused: one reason each for log and metric, one and the same answer for all (decision 34)."""

from __future__ import annotations

from enum import StrEnum, unique

from cds_service.errors import NotAuthenticated


@unique
class Refusal(StrEnum):
    """The reasons. A bounded set of our own words, fit to be a label of a metric."""

    NO_TOKEN = "no-token"
    NOT_BEARER = "not-bearer"
    TOO_LONG = "token-too-long"
    MALFORMED = "token-malformed"
    TYPE = "type-not-jwt"
    CRITICAL = "critical-extension"
    ISSUER_MISSING = "issuer-missing"
    ISSUER_UNKNOWN = "issuer-unknown"
    ALGORITHM = "algorithm-not-allowed"
    KEY_SET_URL = "key-set-url-not-configured"
    KEY_ID_MISSING = "key-id-missing"
    KEY_UNKNOWN = "key-unknown"
    KEY_UNFIT = "key-unfit-for-algorithm"
    KEYS_UNAVAILABLE = "keys-unavailable"
    SIGNATURE = "signature-wrong"
    AUDIENCE_MISSING = "audience-missing"
    AUDIENCE_SHAPE = "audience-shape"
    AUDIENCE_SEVERAL = "audience-several"
    AUDIENCE_OTHER = "audience-other"
    EXPIRY_MISSING = "expiry-missing"
    EXPIRY_SHAPE = "expiry-shape"
    EXPIRED = "clock-expired"
    ISSUED_MISSING = "issued-missing"
    ISSUED_SHAPE = "issued-shape"
    ISSUED_LATER = "clock-issued-in-the-future"
    NOT_BEFORE_SHAPE = "not-before-shape"
    NOT_YET_VALID = "clock-not-yet-valid"
    LIFETIME = "lifetime-not-allowed"
    TOKEN_ID_MISSING = "token-id-missing"
    TOKEN_ID_SHAPE = "token-id-shape"
    REPLAYED = "token-replayed"
    TOKEN_IDS_UNAVAILABLE = "token-ids-unavailable"


class TokenRefused(NotAuthenticated):
    """A call without a valid token. ``client`` is the name of the client that it claims to come from, if we know it."""

    def __init__(self, refusal: Refusal, client: str = "") -> None:
        super().__init__()
        self.refusal = refusal
        self.client = client
