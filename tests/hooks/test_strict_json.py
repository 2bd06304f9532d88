"""Strict JSON (decision 31, reliability 2.15 to 2.17, conformance GEN-04 and REQ-11)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import MalformedCall
from cds_service.hooks.strict_json import MAX_DEPTH, parse_json

SECRET = "Zaphodine"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(b'{"a":[1,2.5,"x",true,false,null]}', {"a": [1, 2.5, "x", True, False, None]}, id="every-kind"),
        pytest.param(b' \r\n\t{"a":1}\n', {"a": 1}, id="blanks-around"),
        pytest.param(b'"\\ud83d\\ude00"', "\U0001f600", id="surrogate-pair"),
        pytest.param('"Müller"'.encode(), "Müller", id="utf-8"),
        pytest.param(b'"\\u0000"', "\x00", id="escaped-control"),
        pytest.param(b"1e308", 1e308, id="large-but-finite"),
        pytest.param(b"[-1e308]", [-1e308], id="large-negative"),
        pytest.param(b"[1e-999]", [0.0], id="underflow"),
        pytest.param(b"[0.%s1]" % (b"0" * 300), [1e-301], id="long-fraction"),
        pytest.param(b'["1e999", "x 1e999"]', ["1e999", "x 1e999"], id="overflow-inside-strings"),
        pytest.param(b'["4f1e234a-0000", "-1e2345"]', ["4f1e234a-0000", "-1e2345"], id="identifiers-like-numbers"),
        pytest.param(b"[123456789012345678901234567890]", [123456789012345678901234567890], id="long-integer"),
        pytest.param(b'{"a":{"x":1},"b":{"x":1}}', {"a": {"x": 1}, "b": {"x": 1}}, id="same-key-in-two-objects"),
    ],
)
def test_reads_what_the_grammar_allows(raw: bytes, value: object) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
        pytest.param(b'{"a":1,"a":2}', "a key stands twice", id="duplicate-key"),
        pytest.param(b'{"a":1,"\\u0061":2}', "a key stands twice", id="duplicate-key-escaped"),
        pytest.param(b'{"x":[{"a":1,"a":1}]}', "a key stands twice", id="duplicate-key-deep"),
        pytest.param(b'{"a":NaN}', "grammar", id="nan"),
        pytest.param(b"[Infinity]", "grammar", id="infinity"),
        pytest.param(b"[-Infinity]", "grammar", id="minus-infinity"),
        pytest.param(b"[1e999]", "a number is too large", id="1e999"),
        pytest.param(b"1e999", "a number is too large", id="1e999-alone"),
        pytest.param(b'{"a":-1E+999}', "a number is too large", id="minus-1E+999"),
        pytest.param(b'{"a":[{"b": 12.5e0400}]}', "a number is too large", id="leading-zero-exponent"),
        pytest.param(b"[%s.5]" % (b"9" * 400), "a number is too large", id="long-mantissa"),
        pytest.param(b"[%se99]" % (b"9" * 250), "a number is too large", id="long-mantissa-short-exponent"),
        pytest.param(b"[%s]" % (b"9" * 400), "a number is too large", id="long-integer-beyond-a-double"),
        pytest.param(b"[%s]" % (b"9" * 5000), "a number is too large", id="integer-beyond-the-parser"),
        pytest.param(b"[0.%s1e999]" % (b"0" * 150), "a number is too large", id="fraction-with-exponent"),
        pytest.param(b'"\\ud800"', "surrogate", id="lone-high-surrogate"),
        pytest.param(b'"\\udc00"', "surrogate", id="lone-low-surrogate"),
        pytest.param(b'"\\ud800\\u0041"', "surrogate", id="high-surrogate-then-letter"),
        pytest.param(b'{"\\ud800":1}', "surrogate", id="surrogate-in-a-key"),
        pytest.param(b'"\xed\xa0\x80"', "UTF-8", id="surrogate-as-bytes"),
        pytest.param(b'"\xff"', "UTF-8", id="latin-1"),
        pytest.param(b"\xef\xbb\xbf{}", "byte order mark", id="byte-order-mark"),
        pytest.param('{"a":1}'.encode("utf-16"), "grammar", id="utf-16"),
        pytest.param(b"[1,]", "trailing comma", id="trailing-comma"),
        pytest.param(b'{"a":1} x', "something follows", id="trailing-text"),
        pytest.param(b'{"a":1}\x00', "something follows", id="trailing-zero"),
        pytest.param(b'{"a":', "ends too early", id="truncated"),
        pytest.param(b'"\x01"', "control character", id="raw-control"),
        pytest.param(b"// note\n{}", "grammar", id="comment"),
        pytest.param(b"{'a':1}", "grammar", id="single-quotes"),
        pytest.param(b"[01]", "grammar", id="leading-zero"),
        pytest.param(b"[" * 100_000, "nested deeper", id="brackets"),
        pytest.param(b'{"a":' * 100_000, "nested deeper", id="braces"),
    ],
)
def test_refuses(raw: bytes, says: str) -> None:
    with pytest.raises(MalformedCall, match=says):
        parse_json(raw)


def test_depth_limit_is_where_it_says() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    with pytest.raises(MalformedCall, match=f"deeper than {MAX_DEPTH} levels"):
        parse_json(b"[ " * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    with pytest.raises(MalformedCall, match=f"deeper than {MAX_DEPTH} levels"):
        parse_json(b"[" * 255 + b"]" * 255)


@pytest.mark.parametrize("canonical", [True, False], ids=["plain way", "careful way"])
@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        "[1e999]",
        "[-1e999,null]",
        '["\\ud800"]',
        "[NaN]",
        '{"a":1,"\\u0061":2}',
        "[1,]",
    ],
)
def test_both_ways_refuse_the_same(text: str, canonical: bool) -> None:
    """The plain way may only ever take what the careful way would take."""
    raw = text.encode() if canonical else b" " + text.encode()
    with pytest.raises(MalformedCall):
        parse_json(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=20,
    )
)
def test_both_ways_give_the_same_value(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert parse_json(raw) == parse_json(b" " + raw) == value


def test_says_where() -> None:
    with pytest.raises(MalformedCall, match=r"\(line 2, column 5\)"):
        parse_json(b'{\n"a":x}')


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"%s":1,"%s":2}', id="duplicate-key"),
        pytest.param(b'{"%s":"%s",}', id="trailing-comma"),
        pytest.param(b'{"%s":%s}', id="bare-word"),
        pytest.param(b'{"%s":"%s', id="truncated"),
        pytest.param(b'{"%s":1e999,"b":"%s"}', id="overflow"),
    ],
)
def test_message_repeats_nothing_of_the_body(raw: bytes) -> None:
    with pytest.raises(MalformedCall) as caught:
        parse_json(raw % (SECRET.encode(), SECRET.encode()))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
