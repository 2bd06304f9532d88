"""Three-valued conditions."""

from __future__ import annotations

from itertools import product

import pytest

from cds_service.pathway.condition import ALWAYS, All, AnyOf, Is, Truth, holds, leaves, matches, parse_condition

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
STATE = {T: "yes", F: "no", U: "unknown:not-searched"}


@pytest.mark.parametrize(
    ("pattern", "state", "expected"),
    [
        ("yes", "yes", True),
        ("yes", "yes:weak", False),
        ("yes:*", "yes:weak", True),
        ("yes:*", "yes", True),
        ("no:*", "yes", False),
        ("unknown:stale", "unknown:stale-suspected", False),
        ("unknown:*", "unknown:stale", True),
    ],
)
def test_patterns(pattern: str, state: str, expected: bool) -> None:
    assert matches(pattern, state) is expected


@pytest.mark.parametrize(
    ("patterns", "state", "expected"),
    [
        (("yes",), "yes", T),
        (("yes",), "no", F),
        (("yes",), "unknown:stale", U),
        (("yes", "unknown:stale"), "unknown:stale", T),
        (("yes", "unknown:stale"), "unknown:conflict", F),
        (("no",), "unknown:stale", U),
    ],
)
def test_a_leaf_is_unknown_only_if_no_unknown_was_asked_for(
    patterns: tuple[str, ...], state: str, expected: Truth
) -> None:
    assert Is("f", patterns).evaluate({"f": state}) is expected


@pytest.mark.parametrize(("a", "b"), list(product((T, F, U), repeat=2)), ids=str)
def test_kleene_tables(a: Truth, b: Truth) -> None:
    states = {"a": STATE[a], "b": STATE[b]}
    parts = (Is("a", ("yes",)), Is("b", ("yes",)))
    order = [F, U, T]
    assert All(parts).evaluate(states) is min(a, b, key=order.index)
    assert AnyOf(parts).evaluate(states) is max(a, b, key=order.index)


def test_a_condition_holds_only_when_true() -> None:
    wanted = Is("a", ("yes",))
    assert [holds(wanted, {"a": STATE[value]}) for value in (T, F, U)] == [True, False, False]
    assert holds(ALWAYS, {})


def test_the_yaml_form() -> None:
    terms = {"t": Is("a", ("yes",))}
    parsed = parse_condition({"any": ["t", {"b": ["no", "yes:*"]}], "c": "unknown:stale"}, terms)
    assert parsed == All((AnyOf((Is("a", ("yes",)), Is("b", ("no", "yes:*")))), Is("c", ("unknown:stale",))))
    assert [leaf.fact for leaf in leaves(parsed)] == ["a", "b", "c"]
    assert parse_condition({"all": [{"a": "yes"}]}, {}) == All((Is("a", ("yes",)),))


def test_an_unknown_term_is_named() -> None:
    with pytest.raises(ValueError, match="unknown term 'x'; terms of this card: none"):
        parse_condition("x", {})
