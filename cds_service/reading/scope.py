"""Which modifier reaches which finding within one sentence: negation, hedging, history (after the ConText algorithm).

A modifier of direction ``before`` reaches the findings after it, ``next`` only those close by, ``after`` the finding
just before it (and those joined to that one), ``both`` what follows or else what stands before, ``around`` both
sides, ``sentence`` all. Reach ends at a clause boundary: a colon, a
semicolon, a dash, a boundary word ("but", "however"), or a comma or "and" before words that begin a new statement
("multiple", "there is"). All words come from ``modifiers.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cds_service.reading.document import Sentence
from cds_service.reading.phrases import Match
from cds_service.reading.tokens import EMPTY_BOX

MAX_MATCHES = 80
"""More phrases in one sentence than any author writes: such a sentence is not read, so cost stays bounded."""

_CUTS = frozenset(";:-\u2013\u2014")
_STOPS = frozenset(".!?")
_OR = frozenset({"or", "nor"})
_JOINS = frozenset({",", "and"})
_LIST = frozenset({",", "and", "or", "nor", "/", "the", "a", "an", "any"})
_OF = frozenset({"of", "in", "from", "the", "a", "an", "within", "any", "to", "by"})
_DENIALS = frozenset({"negated", "unlikely", "spent"})
_FORWARD = frozenset({"before", "next", "both", "around", "between"})
_PLACES = frozenset(
    {"liver", "segment", "elsewhere", "all-over", "abdomen", "several", "little", "metastatic", "origin"}
    | {"organ-own", "organ-neutral", "organ-other"}
)
"""Kinds that say where, how many or whence: what is said after them is said of the finding."""
_ORIGINS = frozenset({"origin", "organ-own", "organ-other"})
_CLOSE = 2
_NEAR = 5
_FAR = 16
_MODIFIERS = frozenset(
    {
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
        "neutral",
    }
    | {"boundary", "assertion"}
)


def either_or(words: Sequence[str], first: Match, second: Match) -> bool:
    """Whether two findings are offered as alternatives, joined by "or" or a slash."""
    between = words[min(first.end, second.end) : max(first.start, second.start)]
    return len(between) <= _NEAR and any(word in ("or", "/") for word in between)


class Judged(NamedTuple):
    """A finding and the effects that reach it (``negated``, ``suspected``, ...)."""

    match: Match
    effects: frozenset[str]


def judge(words: Sequence[str], sentence: Sentence, matches: Sequence[Match]) -> list[Judged]:
    """The findings among ``matches`` of one sentence, in order, with the effects that reach them."""
    findings = [match for match in matches if match.kind not in _MODIFIERS]
    if not findings:
        return []
    modifiers = [match for match in matches if match.kind in _MODIFIERS]
    cuts = _boundaries(words, sentence, modifiers)
    begun = _new_statements(sentence, words, modifiers)
    anew = sorted([*cuts, *(match.start for match in begun), *_own_doubts(words, sentence, modifiers)])
    effects: list[set[str]] = [set() for _ in findings]
    if words[sentence.end - 1] == "?" or EMPTY_BOX in words[sentence.start : sentence.end]:
        _mark_all(effects, "aside")
    hedged = False
    for modifier in modifiers:
        kind = modifier.kind
        if modifier.label == "between":
            _Reach(modifier, "suspected", words, findings, effects).backward(cuts)
        if kind == "over":
            if not hedged and modifier.label != "between":
                continue
            kind = "unlikely"
        hedged = hedged or kind == "suspected"
        if modifier.label == "sentence":
            _mark_all(effects, kind)
        else:
            ahead = anew if kind in _DENIALS else cuts
            reach = _Reach(modifier, kind, words, findings, effects)
            _apply(reach, ahead, cuts, sentence.end)
            if kind == "negated" and modifier.label == "before":
                reach.along_list(cuts, begun)
    return [Judged(match, frozenset(reached)) for match, reached in zip(findings, effects, strict=True)]


def _mark_all(effects: Sequence[set[str]], kind: str) -> None:
    for reached in effects:
        reached.add(kind)


def _apply(reach: _Reach, ahead: Sequence[int], cuts: Sequence[int], end: int) -> None:
    """Let one modifier reach in its direction; ``ahead`` are the cuts that stop it forwards."""
    label = reach.modifier.label
    if label == "both":
        _ = reach.forward(ahead, near=True) or reach.backward(cuts) or reach.forward(ahead, near=False)
        return
    found = label in _FORWARD and reach.forward(ahead, near=label == "next")
    last_word = all(word in _STOPS for word in reach.words[reach.modifier.end : end])
    if label in ("after", "around") or (reach.kind == "negated" and not found and last_word):
        reach.backward(cuts)  # the last case is "Carcinoma: no."


def _boundaries(words: Sequence[str], sentence: Sentence, modifiers: Sequence[Match]) -> list[int]:
    cuts = [place for place in range(sentence.start, sentence.end) if words[place] in _CUTS]
    return sorted(cuts + [match.start for match in modifiers if match.kind == "boundary"])


def _new_statements(sentence: Sentence, words: Sequence[str], modifiers: Sequence[Match]) -> list[Match]:
    """Where words after a comma or "and" begin a new statement: a negation ends there, a doubt does not."""
    return [
        match
        for match in modifiers
        if match.kind == "assertion" and match.start > sentence.start and words[match.start - 1] in _JOINS
    ]


def _own_doubts(words: Sequence[str], sentence: Sentence, modifiers: Sequence[Match]) -> list[int]:
    """Commas before a clause that ends with a doubt of its own: "not colonic, pancreatic origin most likely"."""
    out = []
    for match in modifiers:
        ends = match.end >= sentence.end or words[match.end] in _STOPS or words[match.end] in _CUTS
        if match.kind == "suspected" and match.label == "both" and ends:
            comma = next((at for at in range(match.start - 1, sentence.start, -1) if words[at] == ","), match.start)
            if not _OR.intersection(words[comma : match.start]):
                out.append(comma)
    return out


class _Reach(NamedTuple):
    """One modifier at work on the findings of its sentence."""

    modifier: Match
    kind: str
    words: Sequence[str]
    findings: Sequence[Match]
    effects: Sequence[set[str]]

    def forward(self, cuts: Sequence[int], *, near: bool) -> bool:
        """Mark the findings after the modifier, up to a cut; whether one of them is more than a place."""
        end = self.modifier.end
        limit = next((cut for cut in cuts if cut >= end), None)
        found = False
        for match, reached in zip(self.findings, self.effects, strict=True):
            if match.start < end:
                continue
            if limit is not None and match.start >= limit:
                break
            if near and (match.start > end + _NEAR or "," in self.words[end : match.start]):
                break
            reached.add(self.kind)
            found = found or match.kind not in _PLACES or match.kind in _ORIGINS
        return found

    def along_list(self, cuts: Sequence[int], begun: Sequence[Match]) -> None:
        """What stands in a list after a word that seemed to begin a new statement is not plainly stated.

        "No ascites, enlarged nodes or liver metastases" denies all three; with a comma instead of "or", or after
        "multiple", it cannot be told. "No ascites, new liver metastases" states the metastases.
        """
        end = self.modifier.end
        limit = next((cut for cut in cuts if cut >= end), None)
        for match, reached in zip(self.findings, self.effects, strict=True):
            last = next((one for one in reversed(begun) if end <= one.start < match.start), None)
            if last is None or (limit is not None and match.start >= limit):
                continue
            between = self.words[last.end : match.start]
            in_segments = any(one.kind == "segment" and last.end <= one.start < match.start for one in self.findings)
            if last.label != "many" and not in_segments and _OR.intersection(between):
                reached.add(self.kind)
            elif "," in between or _OR.intersection(between):
                reached.add("indeterminate")

    def backward(self, cuts: Sequence[int]) -> bool:
        """Mark the finding before the modifier and those joined to it; whether there is one."""
        start = self.modifier.start
        last = max((match.end for match in self.findings if match.start < start), default=0)
        floor = max((cut for cut in cuts if cut < last), default=-1)
        nearest: Match | None = None
        for number in range(len(self.findings) - 1, -1, -1):
            match = self.findings[number]
            if match.start >= start:
                continue
            if match.start < floor or match.start < start - _FAR:
                break
            if nearest is not None and not _joined(match, nearest, self.words):
                break
            self.effects[number].add(self.kind)
            absorbs = match.kind not in _PLACES or (match.kind in _ORIGINS and start - match.end <= _CLOSE)
            if absorbs or nearest is not None:
                nearest = match
        return nearest is not None


def _joined(left: Match, right: Match, words: Sequence[str]) -> bool:
    """Whether two neighbouring findings share what is said of the second: "adenocarcinoma of the pancreas"."""
    between = words[left.end : right.start]
    if left.kind == right.kind and all(word in _LIST for word in between):
        return True
    return all(word in _OF for word in between)
