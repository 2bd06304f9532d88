"""Reading the body of a request within its limits (decision 30)."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from cds_service.config import Config
from cds_service.errors import CallTooLarge, UnsupportedBody


def read_body(config: Config) -> bytes:
    """The bytes of the body. UnsupportedBody if it is compressed, CallTooLarge if it is over the limit."""
    if request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in {"identity", ""}:
        raise UnsupportedBody("the body is compressed: send plain JSON")
    too_large = CallTooLarge(f"the body is larger than {config.max_body_bytes} bytes")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise too_large from None
    if len(raw) > config.max_body_bytes:
        raise too_large
    return raw
