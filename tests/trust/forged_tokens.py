"""Tokens that must be refused, each with its reason. Used on the verifier alone and on the whole service."""

from __future__ import annotations

import base64
import hmac
import json
import string
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_decode, raw_to_der_signature

from cds_service.trust.refusals import Refusal
from tests.trust.tokens_made import (
    CLINIC,
    HOSPITAL,
    JWKS_URL,
    PATH,
    PUBLIC_URL,
    SECONDS,
    bearer,
    claims,
    header,
    jwk,
    private,
    segment,
    sign,
    token,
)

HERE = PUBLIC_URL + PATH
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def _cases() -> dict[str, tuple[str, Refusal]]:
    good = token()
    head, payload, signature = good.split(".")
    pem = private("rsa-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    changed = signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")
    other = segment(claims(sub="somebody-else"))
    # The same bytes, spelled with another last letter: its low bits are thrown away by a careless decoder.
    padded = segment(json.dumps(header(x=1)).encode().ljust(202))
    loose = padded[:-1] + LETTERS[LETTERS.index(padded[-1]) ^ 1]

    def keyed(algorithm: str, secret: bytes) -> str:
        signed = f"{segment(header(alg=algorithm, kid='rsa-1'))}.{segment(claims())}"
        return f"{signed}.{segment(hmac.digest(secret, signed.encode(), algorithm.replace('HS', 'sha')))}"

    def der() -> str:
        key = private("ec-1")
        assert isinstance(key, EllipticCurvePrivateKey)
        return segment(raw_to_der_signature(base64url_decode(signature), key.curve))

    deep = b'{"a":' + b"[" * 2_500 + b"]" * 2_500 + b"}"
    text = json.dumps(claims())[:-1]
    twice = (json.dumps(header())[:-1] + ', "alg": "none"}').encode()
    tokens: dict[str, tuple[str, Refusal]] = {
        # Not a signed token
        "two-parts": (f"{head}.{payload}", Refusal.MALFORMED),
        "four-parts": (f"{good}.{signature}", Refusal.MALFORMED),
        "five-parts-encrypted": (f"{head}.a.b.c.d", Refusal.MALFORMED),
        "a-word": ("token", Refusal.MALFORMED),
        "empty-header": (f".{payload}.{signature}", Refusal.MALFORMED),
        "empty-payload": (f"{head}..{signature}", Refusal.MALFORMED),
        "standard-base64": (f"{head}.{payload}.ab+/", Refusal.MALFORMED),
        "padded": (f"{head}.{payload}.{signature}==", Refusal.MALFORMED),
        "one-letter-too-many": (f"{head}A.{payload}.{signature}", Refusal.MALFORMED),
        "bits-after-the-last-byte": (f"{loose}.{payload}.{signature}", Refusal.MALFORMED),
        "line-break-inside": (f"{head}.{payload[:9]}\t{payload[9:]}.{signature}", Refusal.MALFORMED),
        "two-tokens": (f"{good}, Bearer {good}", Refusal.MALFORMED),
        "letters-beyond-ascii": (f"{head}.{payload}.é", Refusal.MALFORMED),
        "header-no-json": (f"{segment(b'{')}.{payload}.{signature}", Refusal.MALFORMED),
        "header-a-list": (f"{segment([1])}.{payload}.{signature}", Refusal.MALFORMED),
        "payload-no-json": (sign(b"{", header()), Refusal.MALFORMED),
        "payload-a-list": (sign([], header()), Refusal.MALFORMED),
        "payload-not-utf-8": (sign(b'{"iss": "\xff"}', header()), Refusal.MALFORMED),
        "payload-lone-surrogate": (sign(b'{"jti": "\\ud800"}', header()), Refusal.MALFORMED),
        "payload-nan": (sign(f'{text}, "x": NaN}}'.encode(), header()), Refusal.MALFORMED),
        "payload-deep": (sign(deep, header()), Refusal.MALFORMED),
        "issuer-twice": (sign(f'{text}, "iss": "{CLINIC.issuer}"}}'.encode(), header()), Refusal.MALFORMED),
        "algorithm-twice": (
            f"{segment(twice)}.{payload}.{signature}",
            Refusal.MALFORMED,
        ),
        "too-long": (token({"sub": "x" * 8_192}), Refusal.TOO_LONG),
        # The header
        "type-access-token": (token(typ="at+jwt"), Refusal.TYPE),
        "type-logout": (token(typ="logout+jwt"), Refusal.TYPE),
        "type-encrypted": (token(typ="JWE"), Refusal.TYPE),
        "type-null": (token(typ=None), Refusal.TYPE),
        "type-a-number": (token(typ=1), Refusal.TYPE),
        "critical-extension": (token(crit=["exp"]), Refusal.CRITICAL),
        "critical-empty": (token(crit=[]), Refusal.CRITICAL),
        "payload-not-encoded": (token(b64=False, crit=["b64"]), Refusal.CRITICAL),
        "none": (sign(claims(), header(alg="none")), Refusal.ALGORITHM),
        "none-with-signature": (
            f"{segment(header(alg='none'))}.{segment(claims())}.{signature}",
            Refusal.ALGORITHM,
        ),
        "none-in-capitals": (sign(claims(), header(alg="NONE"), algorithm="none"), Refusal.ALGORITHM),
        "hs256-with-the-public-key": (keyed("HS256", pem), Refusal.ALGORITHM),
        "hs384-with-the-public-key": (keyed("HS384", pem), Refusal.ALGORITHM),
        "hs512-without-a-key": (keyed("HS512", b""), Refusal.ALGORITHM),
        "es256-not-agreed": (
            sign(claims(), header(alg="ES256", kid="ec256-1"), private("ec256-1")),
            Refusal.ALGORITHM,
        ),
        "rs256-not-agreed": (sign(claims(), header(alg="RS256", kid="rsa-1"), private("rsa-1")), Refusal.ALGORITHM),
        "ps384": (sign(claims(), header(alg="PS384", kid="rsa-1"), private("rsa-1")), Refusal.ALGORITHM),
        "rs512": (sign(claims(), header(alg="RS512", kid="rsa-1"), private("rsa-1")), Refusal.ALGORITHM),
        "algorithm-missing": (sign(claims(), header(alg=...), algorithm="ES384"), Refusal.ALGORITHM),
        "algorithm-a-list": (sign(claims(), header(alg=["ES384"]), algorithm="ES384"), Refusal.ALGORITHM),
        "algorithm-in-small-letters": (sign(claims(), header(alg="es384"), algorithm="ES384"), Refusal.ALGORITHM),
        # Where the keys are
        "jku-elsewhere": (token(jku="https://evil.example/jwks.json"), Refusal.KEY_SET_URL),
        "jku-loopback": (token(jku="http://127.0.0.1:8080/jwks.json"), Refusal.KEY_SET_URL),
        "jku-link-local": (token(jku="http://169.254.169.254/latest"), Refusal.KEY_SET_URL),
        "jku-with-user": (token(jku=JWKS_URL.replace("ehr", "ehr@ehr")), Refusal.KEY_SET_URL),
        "jku-with-fragment": (token(jku=JWKS_URL + "#x"), Refusal.KEY_SET_URL),
        "jku-with-slash": (token(jku=JWKS_URL + "/"), Refusal.KEY_SET_URL),
        "jku-of-another-client": (token(jku=CLINIC.jwks_url), Refusal.KEY_SET_URL),
        "jku-null": (token(jku=None), Refusal.KEY_SET_URL),
        "jku-a-list": (token(jku=[JWKS_URL]), Refusal.KEY_SET_URL),
        "key-id-missing": (token(kid=...), Refusal.KEY_ID_MISSING),
        "key-id-empty": (token(kid=""), Refusal.KEY_ID_MISSING),
        "key-id-a-number": (token(kid=1), Refusal.KEY_ID_MISSING),
        "key-id-unknown": (token(kid="ec-9"), Refusal.KEY_UNKNOWN),
        "key-id-a-path": (token(kid="../../etc/passwd"), Refusal.KEY_UNKNOWN),
        "key-of-another-client": (
            sign(claims(), header(kid="ec-clinic"), private("ec-clinic")),
            Refusal.KEY_UNKNOWN,
        ),
        "key-brought-along": (
            sign(claims(), header(kid="ec-evil", jwk=jwk("ec-evil")), private("ec-evil")),
            Refusal.KEY_UNKNOWN,
        ),
        "key-of-another-type": (token(kid="rsa-1"), Refusal.KEY_UNFIT),
        "key-on-another-curve": (token(kid="ec256-1"), Refusal.KEY_UNFIT),
        "rsa-by-an-ec-key": (sign(claims(), header(alg="RS384"), private("rsa-1")), Refusal.KEY_UNFIT),
        # The signature
        "signed-by-a-stranger": (sign(claims(), header(), private("ec-evil")), Refusal.SIGNATURE),
        "brought-along-under-a-known-id": (
            sign(claims(), header(jwk=jwk("ec-evil")), private("ec-evil")),
            Refusal.SIGNATURE,
        ),
        "signed-by-our-other-key": (sign(claims(), header(), private("ec-2")), Refusal.SIGNATURE),
        "signed-by-a-strange-rsa-key": (
            sign(claims(), header(alg="RS384", kid="rsa-1"), private("rsa-evil")),
            Refusal.SIGNATURE,
        ),
        "signature-changed": (f"{head}.{payload}.{changed}", Refusal.SIGNATURE),
        "signature-missing": (f"{head}.{payload}.", Refusal.SIGNATURE),
        "signature-cut": (f"{head}.{payload}.{signature[:64]}", Refusal.SIGNATURE),
        "signature-of-zeros": (f"{head}.{payload}.{segment(bytes(96))}", Refusal.SIGNATURE),
        "signature-in-der": (f"{head}.{payload}.{der()}", Refusal.SIGNATURE),
        "claims-exchanged": (f"{head}.{other}.{signature}", Refusal.SIGNATURE),
        "header-exchanged": (f"{segment(header(x=1))}.{payload}.{signature}", Refusal.SIGNATURE),
        # Who
        "issuer-missing": (token({"iss": ...}), Refusal.ISSUER_MISSING),
        "issuer-null": (token({"iss": None}), Refusal.ISSUER_MISSING),
        "issuer-unknown": (token({"iss": "https://evil.example"}), Refusal.ISSUER_UNKNOWN),
        "issuer-empty": (token({"iss": ""}), Refusal.ISSUER_UNKNOWN),
        "issuer-with-slash": (token({"iss": HOSPITAL.issuer + "/"}), Refusal.ISSUER_UNKNOWN),
        "issuer-in-capitals": (token({"iss": HOSPITAL.issuer.upper()}), Refusal.ISSUER_UNKNOWN),
        "issuer-a-list": (token({"iss": [HOSPITAL.issuer]}), Refusal.ISSUER_UNKNOWN),
        "issuer-of-the-sandbox": (token({"iss": "https://sandbox.cds-hooks.org"}), Refusal.ISSUER_UNKNOWN),
        "issuer-of-another-client": (token({"iss": CLINIC.issuer}, jku=CLINIC.jwks_url), Refusal.KEY_UNKNOWN),
        # For whom
        "audience-missing": (token({"aud": ...}), Refusal.AUDIENCE_MISSING),
        "audience-null": (token({"aud": None}), Refusal.AUDIENCE_MISSING),
        "audience-empty-list": (token({"aud": []}), Refusal.AUDIENCE_SHAPE),
        "audience-empty": (token({"aud": ""}), Refusal.AUDIENCE_SHAPE),
        "audience-a-number": (token({"aud": 1}), Refusal.AUDIENCE_SHAPE),
        "audience-an-object": (token({"aud": {"url": HERE}}), Refusal.AUDIENCE_SHAPE),
        "audience-a-list-in-a-list": (token({"aud": [[HERE]]}), Refusal.AUDIENCE_SHAPE),
        "audiences-ours-and-another": (token({"aud": [HERE, "https://other.example"]}), Refusal.AUDIENCE_SEVERAL),
        "audience-other-service": (
            token({"aud": HERE.replace("order-select", "order-sign")}),
            Refusal.AUDIENCE_OTHER,
        ),
        "audience-discovery": (token({"aud": f"{PUBLIC_URL}/cds-services"}), Refusal.AUDIENCE_OTHER),
        "audience-our-host": (token({"aud": PUBLIC_URL}), Refusal.AUDIENCE_OTHER),
        "audience-path-alone": (token({"aud": PATH}), Refusal.AUDIENCE_OTHER),
        "audience-inner-host": (token({"aud": f"http://localhost{PATH}"}), Refusal.AUDIENCE_OTHER),
        "audience-over-http": (token({"aud": HERE.replace("https", "http")}), Refusal.AUDIENCE_OTHER),
        "audience-with-port": (token({"aud": HERE.replace(".org", ".org:443")}), Refusal.AUDIENCE_OTHER),
        "audience-in-capitals": (token({"aud": HERE.upper()}), Refusal.AUDIENCE_OTHER),
        "audience-two-slashes-at-end": (token({"aud": HERE + "//"}), Refusal.AUDIENCE_OTHER),
        "audience-with-query": (token({"aud": HERE + "?x"}), Refusal.AUDIENCE_OTHER),
        "audience-other-site": (token({"aud": f"https://cds.evil.example{PATH}"}), Refusal.AUDIENCE_OTHER),
        "audience-with-blank": (token({"aud": HERE + " "}), Refusal.AUDIENCE_OTHER),
        # When
        "expiry-missing": (token({"exp": ...}), Refusal.EXPIRY_MISSING),
        "expiry-null": (token({"exp": None}), Refusal.EXPIRY_MISSING),
        "expiry-a-text": (token({"exp": str(SECONDS + 100)}), Refusal.EXPIRY_SHAPE),
        "expiry-true": (token({"exp": True}), Refusal.EXPIRY_SHAPE),
        "expiry-negative": (token({"exp": -1}), Refusal.EXPIRY_SHAPE),
        "expiry-beyond-numbers": (token({"exp": 10**400}), Refusal.EXPIRY_SHAPE),
        "expiry-infinite": (
            sign(json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": 1e999').encode(), header()),
            Refusal.EXPIRY_SHAPE,
        ),
        "expired": (token({"iat": SECONDS - 300, "exp": SECONDS - 30}), Refusal.EXPIRED),
        "expired-long-ago": (token({"iat": 1_000, "exp": 1_300}), Refusal.EXPIRED),
        "issued-missing": (token({"iat": ...}), Refusal.ISSUED_MISSING),
        "issued-a-text": (token({"iat": "now"}), Refusal.ISSUED_SHAPE),
        "issued-in-the-future": (token({"iat": SECONDS + 31}), Refusal.ISSUED_LATER),
        "issued-in-milliseconds": (
            token({"iat": SECONDS * 1_000, "exp": SECONDS * 1_000 + 300}),
            Refusal.ISSUED_LATER,
        ),
        "lives-301-seconds": (token({"iat": SECONDS - 10, "exp": SECONDS + 291}), Refusal.LIFETIME),
        "lives-30-years": (token({"exp": SECONDS + 946_080_000}), Refusal.LIFETIME),
        "ends-before-it-begins": (token({"iat": SECONDS + 20, "exp": SECONDS + 10}), Refusal.LIFETIME),
        "ends-as-it-begins": (token({"iat": SECONDS, "exp": SECONDS}), Refusal.LIFETIME),
        "not-before-later": (token({"nbf": SECONDS + 31}), Refusal.NOT_YET_VALID),
        "not-before-a-text": (token({"nbf": "x"}), Refusal.NOT_BEFORE_SHAPE),
        "not-before-null": (token({"nbf": None}), Refusal.NOT_BEFORE_SHAPE),
        # Once
        "token-id-missing": (token({"jti": ...}), Refusal.TOKEN_ID_MISSING),
        "token-id-null": (token({"jti": None}), Refusal.TOKEN_ID_MISSING),
        "token-id-empty": (token({"jti": ""}), Refusal.TOKEN_ID_SHAPE),
        "token-id-blank": (token({"jti": " "}), Refusal.TOKEN_ID_SHAPE),
        "token-id-a-number": (token({"jti": 7}), Refusal.TOKEN_ID_SHAPE),
        "token-id-endless": (token({"jti": "x" * 256}), Refusal.TOKEN_ID_SHAPE),
    }
    found = {name: (bearer(value), refusal) for name, (value, refusal) in tokens.items()}
    basic = base64.b64encode(b"user:password").decode()
    return found | {
        "no-header": ("", Refusal.NO_TOKEN),
        "blank-header": ("  ", Refusal.NO_TOKEN),
        "scheme-alone": ("Bearer", Refusal.NOT_BEARER),
        "scheme-basic": (f"Basic {basic}", Refusal.NOT_BEARER),
        "scheme-missing": (token(), Refusal.NOT_BEARER),
        "scheme-other": (f"DPoP {token()}", Refusal.NOT_BEARER),
    }


FORGED: Mapping[str, tuple[str, Refusal]] = _cases()
"""By name: an Authorization header and why it is refused."""
