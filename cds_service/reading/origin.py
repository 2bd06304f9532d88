"""Where a malignancy comes from, as a pathology report says it: the pancreas, another organ, or left open.

An organ counts as an origin only where the words tie it to the tumour ("colonic adenocarcinoma", "metastasis from the
lung", "breast primary"); an organ that is only sampled, quoted from the history or stained for is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.reading.document import Sentence
from cds_service.reading.phrases import Match
from cds_service.reading.scope import Judged

TUMOUR = frozenset({"malignant", "malignant-noun", "metastatic", "unclear"})
_DENIED = frozenset({"negated", "unlikely"})
_DOUBTED = frozenset({"suspected", "indeterminate", "cautious"})
_TIE = frozenset({"of", "in", "from", "the", "a", "an", "to", "by", "s", "patient", "his", "her", "known", "prior"})
_APART = frozenset({",", ";", ":", "."})
_NEAR = 4
_ADJACENT = 3


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence with its judged findings."""

    sentence: Sentence
    findings: tuple[Judged, ...]

    def has(self, *kinds: str) -> bool:
        """Whether a finding of one of these kinds stands in the sentence."""
        return any(judged.match.kind in kinds for judged in self.findings)


@dataclass(frozen=True, slots=True)
class Origin:
    """``own``: the pancreas is named; ``tied``: as the origin; ``other``: our name of another primary;
    ``not_own``: a pancreatic origin is denied; ``sure``: tied, and in no doubt."""

    own: bool = False
    tied: bool = False
    other: str = ""
    not_own: bool = False
    sure: bool = False


def sentence_origin(words: Sequence[str], said: Said) -> Origin:
    """What one sentence says of the origin."""
    own = own_tied = not_own = sure = False
    other = ""
    likeness = said.has("likeness") or any("consistent" in judged.effects for judged in said.findings)
    for judged in said.findings:
        kind = judged.match.kind
        if kind not in ("organ-own", "organ-other"):
            continue
        tied = _tied_to(words, judged, said.findings)
        effects = judged.effects
        for partner in tied:
            effects |= partner.effects if partner.match.kind == "origin" else partner.effects & _DENIED
        denied = bool(effects & _DENIED)
        if kind == "organ-own":
            asserted = not denied and ("aside" not in effects or likeness)
            own = own or asserted
            own_tied = own_tied or (asserted and bool(tied))
            sure = sure or (asserted and bool(tied) and not effects & _DOUBTED)
            not_own = not_own or (denied and any(partner.match.kind == "origin" for partner in tied))
        elif tied and not denied and "indeterminate" not in effects and ("aside" not in effects or likeness):
            other = other or judged.match.label
    return Origin(own, own_tied, other, not_own, sure)


def report_origin(words: Sequence[str], said: Sequence[Said]) -> Origin:
    """What all sentences together say of the origin."""
    origins = [sentence_origin(words, each) for each in said]
    return Origin(
        any(origin.own for origin in origins),
        any(origin.tied for origin in origins),
        next((origin.other for origin in origins if origin.other), ""),
        any(origin.not_own for origin in origins),
        any(origin.sure for origin in origins),
    )


def _tied_to(words: Sequence[str], organ: Judged, findings: Sequence[Judged]) -> list[Judged]:
    """The tumour words and origin words that this organ belongs to."""
    out = []
    for judged in findings:
        match = judged.match
        if match.kind == "origin":
            gap = _between(organ.match, match)
            if gap[1] - gap[0] <= _NEAR and not _APART.intersection(words[gap[0] : gap[1]]):
                out.append(judged)
        elif match.kind in TUMOUR:
            start, end = _between(organ.match, match)
            between = words[start:end]
            if match.start >= organ.match.end:
                if end - start <= _ADJACENT and not _APART.intersection(between):
                    out.append(judged)
            elif all(word in _TIE for word in between) and between and "in" not in between:
                out.append(judged)
    return out


def _between(first: Match, second: Match) -> tuple[int, int]:
    return (first.end, second.start) if first.start <= second.start else (second.end, first.start)
