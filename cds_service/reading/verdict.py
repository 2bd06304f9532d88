"""What the judged sentences of a pathology report amount to (fact F4, decisions 15 to 17, 21 to 23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cds_service.reading.document import ADDENDUM, BODY, CONCLUSION, FROZEN
from cds_service.reading.origin import Said, report_origin, sentence_origin
from cds_service.reading.phrases import Match
from cds_service.reading.scope import either_or

PathologyState = Literal[
    "confirmed", "weak", "non-diagnostic", "other-primary", "excluded-histology", "uninterpretable"
]

_MALIGNANT = frozenset({"malignant", "malignant-noun"})
_DOUBTS = frozenset({"suspected", "indeterminate", "unlikely"})
_SHORTFALL = frozenset({"insufficient", "doubt", "precursor", "benign"})
_NEEDS_NO_DOUBT = {
    "firm": _SHORTFALL | {"excluded", "cancer"},
    "excluded": _SHORTFALL | _MALIGNANT | {"cancer"},
    "cancer": _SHORTFALL | _MALIGNANT | {"excluded"},
}
"""What, offered as an alternative in the same sentence, turns a firm diagnosis into a doubtful one."""
_ORGANS = frozenset({"organ-own", "organ-neutral", "organ-other"})
_SITES = frozenset({"liver", "pancreas", "node", "peritoneum", "biliary"})
_MANY_MARKERS = 3
_LABEL_WORDS = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, the sentence and the word it rests on, and what it names."""

    state: PathologyState
    said: Said
    focus: Match
    label: str = ""
    entity: str = ""


@dataclass(frozen=True, slots=True)
class _Hit:
    said: Said
    match: Match


def is_molecular(said: Sequence[Said], title_end: int) -> bool:
    """Whether this is a report of genes: its first line says so, or it names several and concludes no histology."""
    named = [
        (each.sentence.rank, judged.match.start)
        for each in said
        for judged in each.findings
        if judged.match.kind in ("molecular", "blood")
    ]
    if any(place < title_end for _, place in named):
        return True
    # Genes that a comment or an addendum adds to a diagnosis do not make the report a molecular one.
    strongest = max((each.sentence.rank for each in said if each.sentence.rank != ADDENDUM), default=BODY)
    return sum(rank == strongest for rank, _ in named) >= _MANY_MARKERS


def decide_molecular(words: Sequence[str], said: Sequence[Said]) -> Verdict | None:
    """Blood proves no tissue; a tissue specimen whose cancer is named is weak evidence (decision 16)."""
    for each in said:
        for judged in each.findings:
            if judged.match.kind == "blood":
                return Verdict("non-diagnostic", each, judged.match)
    for each in said:
        for judged in each.findings:
            named = judged.match.kind in _MALIGNANT and judged.match.label != "loose"
            if named and not judged.effects - {"known", "consistent"}:
                origin = sentence_origin(words, each)
                return None if origin.other else Verdict("weak", each, judged.match)
    return None


def decide_histology(words: Sequence[str], said: Sequence[Said]) -> Verdict | None:
    """The verdict of the strongest section that gives one: addendum, then conclusion, then the body.

    A frozen section alone decides nothing (decision 22). None = cannot be classed.
    """
    for rank in (ADDENDUM, CONCLUSION, BODY):
        group = [each for each in said if each.sentence.rank == rank]
        verdict = _classify(words, group, said)
        if verdict is None:
            continue
        if rank == ADDENDUM and verdict.state in ("weak", "non-diagnostic") and not _revises(group):
            return _beside_addendum(words, said, verdict)
        return verdict if verdict.state != "uninterpretable" else None
    return None


def _beside_addendum(words: Sequence[str], said: Sequence[Said], addendum: Verdict) -> Verdict | None:
    """An addendum that only adds, beside the original: a firm original stands unless the addendum denies it."""
    original = decide_histology(words, [each for each in said if each.sentence.rank != ADDENDUM])
    if original is None or original.state == addendum.state:
        return addendum
    only_adds = addendum.state == "weak" or addendum.focus.kind == "insufficient" or _elsewhere(addendum)
    return original if only_adds else None


def _elsewhere(verdict: Verdict) -> bool:
    """Whether the sentence speaks of nodes or margins, which say nothing of the diagnosis."""
    return any(judged.match.label == "node" or judged.match.kind == "attribute" for judged in verdict.said.findings)


def _revises(group: Sequence[Said]) -> bool:
    return any(each.sentence.revised or each.has("revision") for each in group)


def _classify(words: Sequence[str], group: Sequence[Said], report: Sequence[Said]) -> Verdict | None:
    hits = _sort(words, group)
    firm = hits.get("firm", [])
    excluded = hits.get("excluded", [])
    if firm:
        own = [hit for hit in firm if _is_own(words, hit)]
        if excluded and not own:
            return Verdict("excluded-histology", excluded[0].said, excluded[0].match, excluded[0].match.label)
        return _with_origin(words, own or firm, hits, report)
    for kind in ("excluded", "cancer"):
        for hit in hits.get(kind, []):
            verdict = Verdict("excluded-histology", hit.said, hit.match, hit.match.label)
            return (
                verdict
                if kind == "excluded" or sampled_site(report, verdict) == "pancreas"
                else replace(verdict, state="other-primary")
            )
    for hit in hits.get("unclear", []):
        return _foreign(words, hit, report) or Verdict("uninterpretable", hit.said, hit.match)
    doubt = next((hits[kind] for kind in ("hedged", "insufficient", "doubt") if kind in hits), [])
    for hit in () if doubt else hits.get("weak", []):
        return _foreign(words, hit, report) or Verdict("weak", hit.said, hit.match)
    for hit in () if doubt else hits.get("residual", []):
        return Verdict("weak", hit.said, hit.match)
    for hit in hits.get("unsure", []):
        return Verdict("uninterpretable", hit.said, hit.match)
    for kind in ("benign", "hedged", "insufficient", "doubt", "precursor", "negated", "weak"):
        for hit in hits.get(kind, []):
            entity = next((each.match.label for each in hits.get("benign", []) if each.match.label != "other"), "")
            return Verdict("non-diagnostic", hit.said, hit.match, entity=entity)
    return None


def _is_own(words: Sequence[str], hit: _Hit) -> bool:
    """Whether this is a pancreatic carcinoma beside whatever else the report names."""
    origin = sentence_origin(words, hit.said)
    specific = origin.tied or (origin.own and hit.match.label == "specific")
    return specific and not hit.said.has("excluded", "cancer")


def _sort(words: Sequence[str], group: Sequence[Said]) -> dict[str, list[_Hit]]:
    out: dict[str, list[_Hit]] = {}
    for each in group:
        for judged in each.findings:
            name = _name(judged.match, judged.effects)
            if name in _NEEDS_NO_DOUBT and _doubted(words, judged.match, each, _NEEDS_NO_DOUBT[name]):
                name = "hedged"
            if name == "firm" and _answered_no(words, judged.match, each):
                name = "negated"
            if name == "firm" and _spent(each):
                name = "residual"
            if name:
                out.setdefault(name, []).append(_Hit(each, judged.match))
    return out


def _answered_no(words: Sequence[str], match: Match, said: Said) -> bool:
    """Whether this is a heading whose text denies it: "Carcinoma, metastatic: no tumour in the cores"."""
    after = words[match.end : min(match.end + _LABEL_WORDS, said.sentence.end)]
    return ":" in after and any(
        judged.match.kind == "malignant" and judged.match.start > match.start and "negated" in judged.effects
        for judged in said.findings
    )


def _spent(said: Said) -> bool:
    """Whether the sentence says that a malignancy is gone after treatment: then it is named, not found."""
    return said.has("residual") or any("spent" in judged.effects for judged in said.findings)


def _doubted(words: Sequence[str], match: Match, said: Said, others: frozenset[str]) -> bool:
    """Whether the sentence that states malignancy also doubts it, or offers something else instead."""
    if match.kind in _MALIGNANT and said.has("insufficient", "doubt") and not _heads(words, match, said):
        return True
    return any(
        judged.match.kind in others and "negated" not in judged.effects and either_or(words, match, judged.match)
        for judged in said.findings
    )


def _name(match: Match, effects: frozenset[str]) -> str:
    """The heap that a finding goes to, "" for none."""
    kind = match.kind
    if "aside" in effects or ("known" in effects and kind in _MALIGNANT):
        return ""
    if kind in _MALIGNANT:
        return _malignant(match, effects)
    if kind in ("excluded", "cancer", "unclear"):
        if "negated" in effects or "unlikely" in effects:
            return ""
        return "hedged" if effects & _DOUBTS else kind
    if kind in ("benign", "precursor") and effects & {"negated", "unlikely"}:
        return ""
    return kind if kind in _SHORTFALL or kind == "residual" else ""


def _malignant(match: Match, effects: frozenset[str]) -> str:
    if "spent" in effects:
        return "residual"
    if "negated" in effects:
        return "negated"
    if effects & _DOUBTS:
        return "hedged"
    if match.label == "loose":
        return ""
    if "cautious" in effects:
        return "unsure"
    return "weak" if "consistent" in effects else "firm"


def _heads(words: Sequence[str], match: Match, said: Said) -> bool:
    """Whether the finding stands like a label: at the head of its line or clause."""
    start = match.start
    while start > said.sentence.start and words[start - 1] not in (":", "-", "\u2013", ";"):
        start -= 1
    return match.start - start < _LABEL_WORDS


def _with_origin(
    words: Sequence[str], firm: Sequence[_Hit], hits: dict[str, list[_Hit]], report: Sequence[Said]
) -> Verdict | None:
    """Malignancy is stated: whose is it?"""
    hedged = "hedged" in hits or "doubt" in hits
    chosen = firm[0]
    if hedged:
        chosen = next((hit for hit in firm if _heads(words, hit.match, hit.said)), chosen)
        if not _heads(words, chosen.match, chosen.said):
            return Verdict("uninterpretable", chosen.said, chosen.match)
    for hit in firm:
        origin = sentence_origin(words, hit.said)
        if hit.said.has("cancer"):
            continue
        if origin.tied and not origin.other and not origin.not_own:
            return Verdict("confirmed", hit.said, hit.match)
    foreign = _foreign(words, chosen, report)
    if foreign is not None:
        return foreign
    return Verdict("confirmed", chosen.said, chosen.match)


def _foreign(words: Sequence[str], hit: _Hit, report: Sequence[Said]) -> Verdict | None:
    """The verdict if the malignancy at ``hit`` comes from elsewhere, None if it may be pancreatic."""
    local = sentence_origin(words, hit.said)
    settled = [each for each in report if each.sentence.rank != FROZEN]
    whole = local if local.tied or local.other else report_origin(words, settled)
    verdict = Verdict("other-primary", hit.said, hit.match, whole.other)
    cancers = [each.match for each in hit.said.findings if _name(each.match, each.effects) == "cancer"]
    if cancers:
        verdict = replace(verdict, label=cancers[0].label)
    if whole.other or cancers:
        return replace(verdict, state="excluded-histology") if sampled_site(report, verdict) == "pancreas" else verdict
    if whole.not_own and not local.tied:
        return replace(verdict, state="uninterpretable")
    place = settled.index(hit.said)
    organ = _organ(settled[: place + 1], hit.said, hit.match)
    spread = any(each.has("metastatic") for each in settled)
    if organ is not None and organ.kind == "organ-other" and not spread and not whole.own:
        return replace(verdict, label=organ.label)
    return None


def names_pancreas(words: Sequence[str], said: Sequence[Said], verdict: Verdict) -> bool:
    """Whether the report itself, without doubt, ties the malignancy of ``verdict`` to the pancreas."""
    if verdict.state not in ("confirmed", "weak"):
        return False
    settled = [each for each in said if each.sentence.rank != FROZEN]
    whole = report_origin(words, settled)
    if whole.other or whole.not_own:
        return False
    organ = _organ(said, verdict.said, verdict.focus)
    sampled = organ is not None and organ.label == "pancreas" and organ.start < verdict.focus.start
    plain = any(judged.match == organ and not judged.effects for each in settled for judged in each.findings)
    return whole.sure or (sampled and plain)


def sampled_site(said: Sequence[Said], verdict: Verdict) -> str:
    """Where the deciding sample came from: liver, pancreas, node, peritoneum, biliary, other, or "" if not said."""
    organ = _organ(said, verdict.said, verdict.focus)
    if organ is None:
        return ""
    return organ.label if organ.label in _SITES else "other"


def _organ(said: Sequence[Said], deciding: Said, focus: Match) -> Match | None:
    """The organ named before the finding in its sentence, else after it, else in the sentences before, else at all."""
    here = [judged.match for judged in deciding.findings if _is_site(judged.match)]
    for organ in here:
        if organ.start < focus.start:
            return organ
    place = said.index(deciding) if deciding in said else 0
    earlier = [each for each in said[:place] if each.sentence.rank != FROZEN]
    before = [judged.match for each in reversed(earlier) for judged in each.findings if _is_site(judged.match)]
    after = [judged.match for each in said[place:] for judged in each.findings if _is_site(judged.match)]
    for organs in (here, before, after):
        if organs:
            return organs[0]
    return None


def _is_site(match: Match) -> bool:
    return match.kind in _ORGANS and match.label != "type"
