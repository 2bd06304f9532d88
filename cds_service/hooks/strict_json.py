"""Strict JSON: one function, so that every body is read by the same rules.

RFC 8259 leaves to the reader what a duplicate key, ``1e999`` or a lone surrogate means. A second ``patientId``
that wins silently is a wrong patient, so all of these are refused (decision 31, reliability 2.17).
"""

from __future__ import annotations

import math
import re
from typing import Any

import jiter
import orjson

from cds_service.errors import MalformedCall

MAX_DEPTH = 201
"""Arrays and objects may be nested this deep; the careful parser's own limit. Real calls stay under 30.

The plain way reads a little deeper, to 254; beyond that both refuse.
"""

_LONG_NUMBER = 200
_WHERE = re.compile(r" at line (\d+) column (\d+)$")
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_EXPONENT = re.compile(rb"0e\+?000")
_BEFORE_A_NUMBER = frozenset(b":[, \t\r\n")
_KNOWN = (
    ("Detected duplicate key", "a key stands twice in one object"),
    ("recursion limit exceeded", f"it is nested deeper than {MAX_DEPTH} levels"),
    ("trailing comma", "there is a trailing comma"),
    ("trailing characters", "something follows the JSON value"),
    ("EOF while parsing", "it ends too early"),
    ("invalid unicode code point", "it is not UTF-8"),
    ("lone leading surrogate", "a string holds a lone surrogate"),
    ("unexpected end of hex escape", "a string holds a lone surrogate or a broken escape"),
    ("control character", "a string holds a control character"),
    ("number out of range", "a number is too large"),
)


def parse_json(raw: bytes) -> Any:
    """The JSON value of a UTF-8 body: dict, list, str, int, float, bool or None.

    Refuses duplicate keys, NaN and Infinity, numbers beyond a double, lone surrogates, other encodings, a byte
    order mark, trailing commas, and nesting beyond ``MAX_DEPTH``. MalformedCall says what and where (line and
    column), and repeats nothing of the body.
    """
    if not raw.strip(b" \t\r\n"):
        raise MalformedCall("the body is empty: send a CDS Hooks request as JSON")
    plain = _parse_plain(raw)
    if plain is not None:
        return plain
    if raw.startswith(b"\xef\xbb\xbf"):
        raise MalformedCall("the body starts with a byte order mark: send plain UTF-8")
    try:
        value = jiter.from_json(raw, allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True)
    except ValueError as error:
        raise MalformedCall(f"the body is not valid JSON: {_in_our_words(str(error))}") from None
    if _may_overflow(raw) and _holds_overflow(value):
        raise MalformedCall("the body is not valid JSON: a number is too large")
    return value


def _parse_plain(raw: bytes) -> Any:
    """The value of a body that is exactly what its value serialises to, else None.

    That equality is the whole proof: a dropped duplicate key, a number that became infinite (written as null), a
    folded escape would each make the text differ. It costs half of looking for duplicates while parsing, and
    most clients send such text; all other texts take the careful way.
    """
    if raw[1:2].isspace():  # laid out for the eye: cannot be equal
        return None
    try:
        value = orjson.loads(raw)
        return value if orjson.dumps(value) == raw else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _in_our_words(message: str) -> str:
    """The parser's complaint without anything of the body (it quotes duplicate keys)."""
    place = _WHERE.search(message)
    where = f" (line {place[1]}, column {place[2]})" if place else ""
    return next((ours for theirs, ours in _KNOWN if message.startswith(theirs)), "it breaks the JSON grammar") + where


def _may_overflow(raw: bytes) -> bool:
    """Whether the text could hold a number beyond a double; False is certain, True asks for a walk.

    Such a number has an exponent of three digits or a mantissa of two hundred. Walking a body of 3 MB costs as
    much as parsing it, and identifiers such as ``4f1e234a`` look alike, so what stands before decides.
    """
    shape = raw.translate(_SHAPE)
    if b"0" * _LONG_NUMBER in shape:
        return True
    for found in _EXPONENT.finditer(shape):
        before = shape[max(0, found.start() - 2 * _LONG_NUMBER) : found.start() + 1].rstrip(b"0.").removesuffix(b"-")
        if not before or before[-1] in _BEFORE_A_NUMBER:
            return True
    return False


def _holds_overflow(value: object) -> bool:
    open_values = [value]
    while open_values:
        node = open_values.pop()
        if isinstance(node, dict):
            open_values.extend(node.values())
        elif isinstance(node, list):
            open_values.extend(node)
        elif isinstance(node, float):
            if not math.isfinite(node):
                return True
        elif isinstance(node, int) and node.bit_length() > _DOUBLE_BITS:
            return True
    return False


_DOUBLE_BITS = 1023
"""An integer of more bits may not fit a double (the largest is just under 2 to the power of 1024)."""
