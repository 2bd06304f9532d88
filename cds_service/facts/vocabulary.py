"""Vocabulary: a coded or worded concept read against the value sets first and the lexicon second.

Codes decide; wording is the weaker source (decision 7), so the two are asked for apart and the caller says
which of them it rests on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cds_service.facts.case import once
from cds_service.fhir.shapes import Concept, as_list, as_object, as_text, read_concepts
from cds_service.fhir.source import Resource

if TYPE_CHECKING:
    from cds_service.facts.case import Case
    from cds_service.facts.terminology import Terminology
    from cds_service.reading.lexicon import Lexicon

_NONE: frozenset[str] = frozenset()
# A widespread record system marks problems of a Hierarchical Condition Category with "(HCC)", which is no liver cancer;
# and what an apostrophe cuts off ("women's 1 a day") is no drug called S-1.
_NOTATION = re.compile(r"\((?:[A-Z]{2,4}[/-])?HCC\)|(?<=\w)['\u2019]s\b", re.IGNORECASE)
_APOSTROPHES = ("'", "\u2019")
Resolve = Callable[[str, Resource], Resource | None]
"""Finds what a literal reference names; the second argument is the resource that holds the reference."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The value sets and the lexicon of one call, and how references are followed in it."""

    terms: Terminology
    lexicon: Lexicon
    resolve: Resolve

    def coded(self, concepts: Iterable[Concept]) -> frozenset[str]:
        """The value sets that any coding of the concepts belongs to."""
        found = _NONE
        concepts_of_code = self.terms.concepts_of_code
        for codings, _ in concepts:
            for system, code, _ in codings:
                found = found | concepts_of_code(system, code)
        return found

    def named(self, texts: Iterable[str]) -> frozenset[str]:
        """The names that the lexicon recognises in short texts, notations apart."""
        found = _NONE
        names = self.lexicon.names
        for text in texts:
            if text:
                found = found | names(plain(text))
        return found

    def worded(self, concepts: Iterable[Concept]) -> frozenset[str]:
        """The names that the lexicon recognises in the text and displays of concepts."""
        return self.named([name for concept in concepts for name in concept.names])

    def both(self, concepts: Iterable[Concept]) -> frozenset[str]:
        """Coded and worded together, where it does not matter which."""
        known = tuple(concepts)
        return self.coded(known) | self.worded(known)

    def follow(self, value: Any, holder: Resource, *elements: str) -> tuple[Concept, ...]:
        """What References say: the named elements of each target, or its display when the target is not here."""
        found: list[Concept] = []
        for item in as_list(value):
            node = as_object(item)
            reference = as_text(node.get("reference"))
            target = self.resolve(reference, holder) if reference else None
            inside = [concept for name in elements for concept in read_concepts((target or {}).get(name))]
            found.extend(inside or [Concept((), as_text(node.get("display")))])
        return tuple(found)


@once
def vocabulary_of(case: Case) -> Vocabulary:
    """The vocabulary of a case: references are followed inside its record."""
    return Vocabulary(case.terms, case.lexicon, case.record.resolve)


def concepts_of(resource: Resource, *elements: str) -> tuple[Concept, ...]:
    """The CodeableConcepts in the named elements of a resource, each by itself."""
    if len(elements) == 1:
        return read_concepts(resource.get(elements[0]))
    return tuple([concept for name in elements if name in resource for concept in read_concepts(resource[name])])


def plain(text: str) -> str:
    """A text without notations that read like words of ours: risk-adjustment marks and possessive endings."""
    has_apostrophe = _APOSTROPHES[0] in text or _APOSTROPHES[1] in text
    return _NOTATION.sub("", text) if has_apostrophe or "(" in text else text


def says_not_to(resource: Resource) -> bool:
    """Whether an order is an instruction not to do it; some clients send the flag as a string."""
    flag = resource.get("doNotPerform")
    return flag is True or as_text(flag).lower() == "true"


def notes_of(resource: Resource) -> tuple[str, ...]:
    """The texts of the annotations of a resource."""
    return tuple(text for item in as_list(resource.get("note")) if (text := as_text(as_object(item).get("text"))))


def label_of(concepts: Iterable[Concept]) -> str:
    """The first name that any of the concepts carries, "" if none does."""
    for concept in concepts:
        if label := concept.label:
            return label
    return ""
