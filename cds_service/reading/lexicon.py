"""The reviewed words of ``cards/lexicon``: loading, checking, and the names they give to short texts.

Each vocabulary file maps a class to its phrases, or a class to labels and each label to its phrases. A phrase may
stand once only among all files that are read together; a second place would make its meaning a matter of order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from cds_service.content_files import line_of, read_yaml
from cds_service.errors import ContentError
from cds_service.reading.denials import DenialWords
from cds_service.reading.names import Names, load_names
from cds_service.reading.phrases import PhraseIndex
from cds_service.reading.sight import SightWords
from cds_service.reading.tokens import split_phrase

SECTION_KINDS = frozenset(
    {"context", "technique", "frozen", "body", "conclusion", "addendum", "revised", "original", "label"}
)
"""See ``outline``."""
EFFECTS = (
    "negated",
    "unlikely",
    "suspected",
    "indeterminate",
    "consistent",
    "aside",
    "known",
    "over",
    "cautious",
    "spent",
)
"""What a modifier does to a finding in its reach."""
DIRECTIONS = frozenset({"before", "next", "after", "both", "around", "between", "sentence"})
"""Where a modifier reaches; see ``scope``."""
MODIFIER_KINDS = frozenset({*EFFECTS, "neutral", "boundary", "assertion"})
PATHOLOGY_KINDS = frozenset(
    {"malignant", "malignant-noun", "unclear", "metastatic", "precursor", "benign", "insufficient", "doubt", "residual"}
    | {"excluded", "cancer", "organ-own", "organ-neutral", "organ-other", "origin", "likeness", "attribute"}
    | {"molecular", "blood", "revision", "void"}
)
LIVER_KINDS = frozenset(
    {"metastasis", "lesion", "benign", "clear", "small", "vague", "unassessed", "unchanged-only", "liver", "abdomen"}
    | {
        "elsewhere",
        "segment",
        "several",
        "little",
        "diffuse",
        "suspect-lesion",
        "finding",
        "all-over",
        "void",
        "negated",
        "disease",
        "gone",
    }
)
RESECTABILITY_KINDS = frozenset(
    {
        "resectable",
        "borderline",
        "borderline-bare",
        "locally-advanced",
        "advanced-bare",
        "unresectable",
        "metastatic",
        "spread",
        "nodal",
    }
    | {"vessel", "own", "tumour", "other", "now", "was", "became", "frame"}
    | {"neutral", "consistent", "negated", "suspected", "aside", "boundary"}
)
PROTOCOL_KINDS = frozenset(
    {"protocol", "pancreatic-phase", "late-arterial", "portal", "several-phases", "one-phase", "plain", "enhanced"}
    | {"pancreas", "done", "ct", "elsewhere", "neutral", "negated", "suspected", "aside", "boundary"}
)
ATTEMPT_KINDS = frozenset(
    {"unseen", "seen", "sampled", "not-sampled", "random", "stopped", "biopsy", "ultrasound", "liver", "other-organ"}
    | {"target", "no-intervention", "converted", "earlier", "aftermath", "denial", "pending", "routine"}
    | {"other-guidance", "went-well", "condition"}
)
_LONGEST_DISPLAY = 80
MOST_REMEMBERED = 20_000
_FILES = {
    "pathology": PATHOLOGY_KINDS,
    "liver-imaging": LIVER_KINDS,
    "attempt": ATTEMPT_KINDS,
    "resectability": RESECTABILITY_KINDS,
    "protocol-ct": PROTOCOL_KINDS,
}
_OWN_FIRST = frozenset({"resectability", "protocol-ct"})
"""Files with modifiers of their own, which stand before the shared ones."""


@dataclass(frozen=True)
class Lexicon:
    """Every word list that reading uses; made by ``load_lexicon``, never changed afterwards."""

    spelling: Mapping[str, str]
    abbreviations: frozenset[str]
    headings: PhraseIndex
    pathology: PhraseIndex
    liver: PhraseIndex
    attempt: PhraseIndex
    resectability: PhraseIndex
    protocol_ct: PhraseIndex
    naming: Names
    denials: DenialWords
    sight: SightWords
    readings: dict[tuple[str, bytes], Any] = field(default_factory=dict, repr=False, compare=False)
    """What was read in texts, by reader and digest (see ``memory``)."""
    idle: dict[bytes, bool] = field(default_factory=dict, repr=False, compare=False)
    """Which texts were found to be about nothing of ours, by digest (see ``facts.reports``)."""
    _memory: dict[str | bytes, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)

    def names(self, text: str) -> frozenset[str]:
        """The concepts recognised in a short free text such as a display or title (decision 7).

        Displays repeat within a chart and between charts, and clients send the same chart at every change of an order,
        so what was found is kept, within bounds: under the text of a short display, under the digest of a longer text.
        """
        key = text if len(text) <= _LONGEST_DISPLAY else digest_of(text)
        known = self._memory.get(key)
        if known is None:
            known = self.naming.read(text)
            if len(self._memory) < MOST_REMEMBERED:
                self._memory[key] = known
        return known


def digest_of(text: str) -> bytes:
    """What stands for a text that must not be kept."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def load_lexicon(directory: Path) -> Lexicon:
    """Read and check all word lists; ContentError with file and line on a slip."""
    spelling = _load_spelling(directory / "spelling.yaml")
    sections = _mapping(directory / "sections.yaml", {"abbreviations": None, **dict.fromkeys(SECTION_KINDS)})
    modifiers = _mapping(directory / "modifiers.yaml", {"fillers": None, **dict.fromkeys(MODIFIER_KINDS)})
    fillers = frozenset(word for word, _ in _phrases(modifiers["fillers"], directory / "modifiers.yaml"))
    abbreviations = frozenset(word for word, _ in _phrases(sections["abbreviations"], directory / "sections.yaml"))
    _check_directions(modifiers, directory / "modifiers.yaml")
    headings = PhraseIndex()
    modifiers = {kind: content for kind, content in modifiers.items() if kind != "fillers"}
    sections = {kind: content for kind, content in sections.items() if kind != "abbreviations"}
    _enter(headings, sections, directory / "sections.yaml", spelling)
    indexes = {}
    for name, kinds in _FILES.items():
        index = PhraseIndex(fillers)
        if name not in _OWN_FIRST and name != "attempt":
            _enter(index, modifiers, directory / "modifiers.yaml", spelling)
        path = directory / f"{name}.yaml"
        _enter(index, _mapping(path, dict.fromkeys(kinds)), path, spelling)
        if name in _OWN_FIRST:
            _enter(index, modifiers, directory / "modifiers.yaml", spelling, yields=True)
        indexes[name] = index
    naming = load_names(directory / "names.yaml", spelling)
    words = _mapping(directory / "words.yaml", dict.fromkeys(("denials", "sight")))
    return Lexicon(
        spelling,
        abbreviations,
        headings,
        pathology=indexes["pathology"],
        liver=indexes["liver-imaging"],
        attempt=indexes["attempt"],
        resectability=indexes["resectability"],
        protocol_ct=indexes["protocol-ct"],
        naming=naming,
        denials=_load_words(DenialWords, words["denials"], directory / "words.yaml", spelling),
        sight=_load_words(SightWords, words["sight"], directory / "words.yaml", spelling),
    )


_W = TypeVar("_W", DenialWords, SightWords)


def _load_words(wanted: type[_W], node: Any, path: Path, spelling: Mapping[str, str]) -> _W:
    """The word lists of one reader: each of its fields a list of single words, as the reader spells them."""
    names = [item.name for item in fields(wanted)]
    _check_keys(node, dict.fromkeys(names), path)
    return wanted(**{name: frozenset(_words(node[name], path, spelling)) for name in names})


def _words(node: Any, path: Path, spelling: Mapping[str, str]) -> Iterator[str]:
    for phrase, where in _phrases(node, path):
        if split_phrase(phrase, spelling) != (phrase,):
            raise ContentError(where, f"{phrase!r} is not one word as reports are read: see spelling.yaml")
        yield phrase


def _load_spelling(path: Path) -> dict[str, str]:
    out: dict[str, str] = {}
    node = _mapping(path, None)
    for wanted, variants in node.items():
        for variant, where in _phrases(variants, path):
            if variant in out or variant in node:
                raise ContentError(where, f"{variant!r} is spelt in two ways: keep one")
            out[variant] = str(wanted)
    return out


def _mapping(path: Path, known: Mapping[str, None] | None) -> Any:
    node = read_yaml(path)
    _check_keys(node, known, path)
    return node


def _check_keys(node: Any, known: Mapping[str, None] | None, path: Path) -> None:
    if not isinstance(node, dict) or not node:
        raise ContentError(str(path), "must be a mapping of classes to phrases")
    for key in node:
        if known is not None and key not in known:
            raise ContentError(
                f"{path}:{line_of(node, key)}", f"unknown key {key!r}; known: {', '.join(sorted(known))}"
            )
    for key in known or ():
        if key not in node:
            raise ContentError(str(path), f"the key {key!r} is missing")


def _check_directions(modifiers: Mapping[str, Any], path: Path) -> None:
    for kind in EFFECTS:
        content = modifiers[kind]
        if not isinstance(content, dict) or not set(content) <= DIRECTIONS:
            where = f"{path}:{line_of(modifiers, kind)}"
            raise ContentError(where, f"{kind} may have only {', '.join(sorted(DIRECTIONS))}")


def _enter(
    index: PhraseIndex, node: Mapping[str, Any], path: Path, spelling: Mapping[str, str], *, yields: bool = False
) -> None:
    """Enter the phrases of one file; one that stands already is a slip, or ``yields`` to what stands."""
    for kind, content in node.items():
        labelled = content.items() if isinstance(content, dict) else [("", content)]
        for label, phrases in labelled:
            for phrase, where in _phrases(phrases, path):
                held = index.add(split_phrase(phrase, spelling), kind, label)
                if held is not None and not yields:
                    place = ", ".join(part for part in held if part)
                    raise ContentError(where, f"{phrase!r} stands already under {place}: keep one")


def _phrases(node: Any, path: Path) -> Iterator[tuple[str, str]]:
    """Each phrase of a list with its ``path:line``."""
    if not isinstance(node, list) or not node:
        raise ContentError(f"{path}:{line_of(node)}", "must be a list of quoted phrases, not empty")
    for number, phrase in enumerate(node):
        where = f"{path}:{line_of(node, number)}"
        if not isinstance(phrase, str) or not split_phrase(phrase, {}):
            raise ContentError(where, f"{phrase!r} is not a phrase: quote words")
        yield phrase, where
