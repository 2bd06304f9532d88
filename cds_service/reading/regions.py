"""Which organ a statement of an imaging report is about."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.reading.document import Sentence
from cds_service.reading.phrases import Match
from cds_service.reading.scope import Judged

LIVER, ELSEWHERE, OPEN = "liver", "elsewhere", "open"

_PLACES = {"liver": LIVER, "segment": LIVER, "elsewhere": ELSEWHERE, "all-over": ELSEWHERE}
_LIST = frozenset({",", "and", "or", "nor", "/", "the", "any", "left", "right", "either", "of"})
_INTO = frozenset(
    {"in", "of", "to", "within", "throughout", "involving", "at", "through", "affecting", "both", "the", "for", "into"}
    | {"segment", "left", "right", "lobe", "and", "on", "replacing", "its", "across", "dome", "a"}
)
_TUMOURS = frozenset({"primary", "cancer", "carcinoma", "adenocarcinoma", "tumour", "malignancy", "neoplasm", "origin"})
_LIVER = frozenset({"liver", "hepatic"})
_HEPATIC = frozenset({"fatty", "sparing", "steatosis", "fnh", "hyperplasia"})
"""Words of benign findings that are known of the liver only."""
_NEAR = 6
_JUST_BEFORE = 3


class Regions:
    """Walks through the sentences of one report and remembers what organ is being described."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._groups: list[tuple[int, int, frozenset[str]]] = []
        self._sentence = Sentence(0, 0, 0, True)
        self._label = self._own_label = OPEN
        self._before = OPEN
        self._title = OPEN
        self.covers_liver = False
        self.upper = False
        self.names_others = False
        self.bare = False
        self._of_liver_only = False

    def enter(self, sentence: Sentence, judged: Sequence[Judged], *, title: bool) -> frozenset[str]:
        """Go to the next sentence; the regions that it speaks of itself."""
        previous = self._groups
        if previous:
            named = frozenset().union(*(places for _, _, places in previous))
            self._before = LIVER if LIVER in named else ELSEWHERE
        if sentence.opens:
            self._label = OPEN
        self._own_label = OPEN
        self._sentence = sentence
        self._groups = self._group([each.match for each in judged])
        self._find_label()
        named = frozenset().union(*(places for _, _, places in self._groups)) if self._groups else frozenset()
        self.upper = any(each.match.kind == "abdomen" or each.match.label == "upper abdomen" for each in judged)
        self.covers_liver = self.covers_liver or self.upper or LIVER in named
        self.names_others = self.names_others or ELSEWHERE in named
        self._of_liver_only = any(
            each.match.kind == "benign" and _HEPATIC.intersection(self._words[each.match.start : each.match.end])
            for each in judged
        )
        self.bare = not any(each.match.kind in _STATING for each in judged)
        if title and LIVER in named and self._title == OPEN:
            self._title = LIVER
        own = (each.match.kind for each in judged if "aside" not in each.effects)
        return frozenset(_PLACES[kind] for kind in own if kind in _PLACES)

    def of(self, each: Judged) -> str:
        """The region that a finding of the present sentence belongs to."""
        match = each.match
        if match.kind in _PLACES:
            return _PLACES[match.kind]
        if match.kind == "clear" and not self._groups:
            return LIVER if _LIVER.intersection(self._words[match.start : match.end]) else self._label
        near = self._beside(match)
        if near is not None:
            return _pick(near)
        if self._groups:
            label_first = [places for start, _, places in self._groups if start < match.start]
            return _pick(label_first[-1] if label_first else self._groups[0][2])
        carried = (self._label, self._before, self._title)
        if "negated" in each.effects:
            # "Lungs: clear. No metastases." denies them everywhere, "Liver: enlarged. No lesion." in the liver.
            return LIVER if LIVER in carried[:2] else self._own_label
        return next((place for place in carried if place != OPEN), LIVER if self._of_liver_only else OPEN)

    def _group(self, matches: Sequence[Match]) -> list[tuple[int, int, frozenset[str]]]:
        """Organs joined by commas, "and", "or" form one group.

        A liver that is called normal at once stands apart: "metastases in lungs and bone, liver normal".
        """
        organs = [match for match in matches if match.kind in _PLACES and not self._is_origin(match)]
        spread = next((match.start for match in matches if match.kind == "metastasis"), self._sentence.end)
        normal = {match.start for match in matches if match.kind == "clear"}
        out: list[tuple[int, int, frozenset[str]]] = []
        for organ in organs:
            place = _PLACES[organ.kind]
            apart = place == LIVER and organ.start > spread and organ.end in normal
            if out and not apart and all(word in _LIST for word in self._words[out[-1][1] : organ.start]):
                start, _, places = out[-1]
                out[-1] = (start, organ.end, places | {place})
            else:
                out.append((organ.start, organ.end, frozenset({place})))
        return out

    def _is_origin(self, organ: Match) -> bool:
        """Whether this is where the metastases come from, not where they are: "from the known pancreatic primary"."""
        before = self._words[max(organ.start - _JUST_BEFORE, 0) : organ.start]
        behind = self._words[organ.end : organ.end + 1]
        return _PLACES[organ.kind] == ELSEWHERE and "from" in before and bool(_TUMOURS.intersection(behind))

    def _find_label(self) -> None:
        """A colon right after an organ at the head of a sentence: what follows is about that organ."""
        words, end = self._words, self._sentence.end
        if self._groups and self._groups[0][0] <= self._sentence.start + _JUST_BEFORE:
            _, after, places = self._groups[0]
            if any(words[place] == ":" for place in range(after, min(after + _NEAR, end))):
                self._label = self._own_label = _pick(places)

    def _beside(self, match: Match) -> frozenset[str] | None:
        """The organ group right before the finding ("hepatic metastases"), or after it ("metastases in the liver")."""
        words = self._words
        for _, end, places in reversed(self._groups):
            gap = words[end : match.start]
            if end <= match.start and len(gap) <= _JUST_BEFORE and not _CUT.intersection(gap):
                return places
        for start, _, places in self._groups:
            gap = words[match.end : start]
            if start >= match.end and len(gap) <= _NEAR and not _CUT.intersection(gap):
                return places if not gap or any(word in _INTO for word in gap) else None
        return None


_CUT = frozenset({":", ";", ",", "."})
_STATING = frozenset({"metastasis", "lesion", "suspect-lesion", "benign", "clear", "unchanged-only", "finding"})


def _pick(places: frozenset[str]) -> str:
    return LIVER if LIVER in places else ELSEWHERE
