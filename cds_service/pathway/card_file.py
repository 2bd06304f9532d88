"""Reading card files: YAML front matter and a Markdown body, with file and line in every error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from cds_service.content_files import line_of, parse_yaml, read_text
from cds_service.errors import ContentError
from cds_service.facts.registry import all_facts
from cds_service.pathway.card import Card, Rule, Suggestion, Summary
from cds_service.pathway.condition import ALWAYS, Condition, leaves, matches, parse_condition
from cds_service.pathway.templates import REMOVE_DRAFTS
from cds_service.pathway.wording import BODY_WORDS, placeholders

_FENCE = "---"


def _matches_whole(
    _validator: Any, pattern: str, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """``pattern`` as JSON Schema means it: Python's ``$`` would let a line end pass behind it."""
    if isinstance(instance, str) and (instance.endswith("\n") or not re.search(pattern, instance)):
        yield ValidationError(f"{instance!r} is not {schema.get('description', f'of the form {pattern}')}")


_STRICT: type[Validator] = extend(Draft202012Validator, {"pattern": _matches_whole})  # type: ignore[no-untyped-call]


def shape(name: str) -> Validator:
    """The validator of one of the JSON Schemas beside this module."""
    text = (resources.files("cds_service.pathway") / f"{name}.schema.json").read_text(encoding="utf-8")
    return _STRICT(json.loads(text))


_VALIDATOR = shape("card")


def read_card(path: Path) -> Card:
    """Read and check one card file. Raises ContentError."""
    head, body, body_line = _split(path)
    node = parse_yaml(head, path, first_line=2)
    check_shape(_VALIDATOR, node, path, first_line=2)
    terms: dict[str, Condition] = {}
    for name, term in node.get("terms", {}).items():
        terms[name] = _condition(term, terms, path, line_of(node["terms"], name, 2))
    rules = tuple(_rule(item, terms, path) for item in node["rules"])
    ids = [rule.id for rule in rules]
    for rule in rules:
        if ids.count(rule.id) > 1:
            raise ContentError(f"{path}:{rule.line}", f"the rule {rule.id!r} stands twice")
        if rule.id in all_facts():
            raise ContentError(f"{path}:{rule.line}", f"the rule {rule.id!r} has the name of a fact: give it another")
    for member in ("requires", "excluded_by"):
        for place, name in enumerate(node[member]):
            _known_fact(name, (), f"{path}:{line_of(node[member], place, 2)}")
    suggestions = tuple(_suggestion(item, terms, ids, path) for item in node.get("suggestions", ()))
    _check_alike(suggestions, path)
    return Card(
        id=str(node["id"]),
        topic=str(node["topic"]),
        title=str(node["title"]),
        version=str(node["version"]),
        status=str(node["status"]),
        owner=str(node["owner"]),
        reviewed_by=str(node.get("reviewed_by", "")),
        review_due=str(node.get("review_due", "")),
        sources=_texts(node["sources"]),
        orders=_texts(node["orders"]),
        requires=_texts(node["requires"]),
        excluded_by=_texts(node["excluded_by"]),
        rules=rules,
        suggestions=suggestions,
        override_reasons=_texts(node["override_reasons"]),
        body=body,
        body_line=body_line,
        shown_facts=_shown_facts(body, f"{path}:{body_line}"),
        path=str(path),
        statements=_texts(node.get("statements", ())),
        released=str(node.get("released", "")),
        revised=str(node.get("revised", "")),
        enabled_by=str(node.get("enabled_by", "")),
        lines=MappingProxyType(dict(_lines(node))),
    )


def check_shape(validator: Validator, node: Any, path: Path, first_line: int = 1) -> None:
    """Check a YAML node against a JSON Schema; ContentError names the line of the first fault."""
    errors = sorted(validator.iter_errors(node), key=lambda found: list(map(str, found.absolute_path)))
    for error in errors:
        deepest = min(error.context or [error], key=lambda found: -len(found.absolute_path))
        at, line = node, line_of(node, None, first_line)
        for step in deepest.absolute_path:
            line = line_of(at, step, first_line)
            at = at[step]
        where = "/".join(map(str, deepest.absolute_path)) or "front matter"
        raise ContentError(f"{path}:{line}", f"{where}: {deepest.message}")


def _split(path: Path) -> tuple[str, str, int]:
    lines = read_text(path).split("\n")
    if lines[0].strip() != _FENCE or _FENCE not in [line.strip() for line in lines[1:]]:
        raise ContentError(f"{path}:1", "a card file begins with YAML between two lines of '---'")
    end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() == _FENCE)
    body = "\n".join(lines[end + 1 :]).strip("\n")
    return "\n".join(lines[1:end]), body, end + 2


def _lines(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The line of each member, and of each text in a list as ``member/text``."""
    for name, value in node.items():
        yield str(name), line_of(node, name, 2)
        if isinstance(value, list):
            texts = ((place, item) for place, item in enumerate(value) if isinstance(item, str))
            yield from ((f"{name}/{item}", line_of(value, place, 2)) for place, item in texts)


def _rule(node: Mapping[str, Any], terms: Mapping[str, Condition], path: Path) -> Rule:
    line = line_of(node, None, 2)
    when = _condition(node["when"], terms, path, line_of(node, "when", 2))
    if "silence" in node:
        return Rule(str(node["silence"]), when, True, line=line)
    rule_id = str(node["id"])
    wording = node["summary"]
    items = [{"text": wording}] if isinstance(wording, str) else wording
    summaries = tuple(
        Summary(_condition(item["when"], terms, path, line) if "when" in item else ALWAYS, str(item["text"]))
        for item in items
    )
    if summaries[-1].when is not ALWAYS:
        raise ContentError(f"{path}:{line_of(node, 'summary', 2)}", "the last summary of a rule has no `when`")
    indicators = MappingProxyType({str(hook): value for hook, value in node["indicator"].items()})
    return Rule(
        rule_id, when, False, str(node.get("variant", rule_id)), indicators, summaries, str(node["lead"]).strip(), line
    )


def _suggestion(
    node: Mapping[str, Any], terms: Mapping[str, Condition], rule_ids: Iterable[str], path: Path
) -> Suggestion:
    line = line_of(node, None, 2)
    unknown = sorted(set(_texts(node["rules"])).difference(rule_ids))
    if unknown:
        raise ContentError(f"{path}:{line}", f"a suggestion names unknown rules: {', '.join(unknown)}")
    when = _condition(node["when"], terms, path, line) if "when" in node else ALWAYS
    template, removes, label = str(node["template"]), _texts(node.get("removes", ())), str(node.get("label", ""))
    if bool(removes) != bool(label) or (template == REMOVE_DRAFTS and not removes):
        raise ContentError(f"{path}:{line}", "a suggestion that removes drafts has `removes` and `label`, no other has")
    return Suggestion(template, _texts(node["rules"]), when, line, removes, label)


def _check_alike(suggestions: Iterable[Suggestion], path: Path) -> None:
    """A template offered twice to one rule, on different conditions, must do the same."""
    seen: dict[tuple[str, str], Suggestion] = {}
    for offered in suggestions:
        for rule in offered.rules:
            first = seen.setdefault((offered.template, rule), offered)
            if (first.removes, first.label) != (offered.removes, offered.label):
                raise ContentError(
                    f"{path}:{offered.line}", f"{offered.template} for {rule} removes other drafts in line {first.line}"
                )


def _condition(node: Any, terms: Mapping[str, Condition], path: Path, line: int) -> Condition:
    where = f"{path}:{line}"
    try:
        condition = parse_condition(node, terms)
    except ValueError as error:
        raise ContentError(where, str(error)) from None
    for leaf in leaves(condition):
        _known_fact(leaf.fact, leaf.patterns, where)
    return condition


def _known_fact(name: str, patterns: tuple[str, ...], where: str) -> None:
    spec = all_facts().get(name)
    if spec is None:
        raise ContentError(where, f"unknown fact {name!r}; known: {', '.join(sorted(all_facts()))}")
    for pattern in patterns:
        if not any(matches(pattern, state) for state in spec.states):
            raise ContentError(where, f"{name} is never {pattern!r}; its states: {', '.join(spec.states)}")


def _shown_facts(body: str, where: str) -> tuple[str, ...]:
    try:
        names = [name for name in placeholders(body) if name not in BODY_WORDS]
    except ValueError as error:
        raise ContentError(where, str(error)) from None
    for name in names:
        if name not in all_facts():
            raise ContentError(where, f"unknown placeholder {name!r}: the body takes facts and {', '.join(BODY_WORDS)}")
    return tuple(names)


def _texts(node: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(item) for item in node)
