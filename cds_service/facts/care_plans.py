"""What care plans say: each of their texts as one dated statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds_service.facts.case import once
from cds_service.facts.fact import Evidence
from cds_service.facts.vocabulary import concepts_of, vocabulary_of
from cds_service.fhir.shapes import When, as_list, as_object, as_text, read_when, type_and_id
from cds_service.fhir.source import Resource

if TYPE_CHECKING:
    from cds_service.facts.case import Case

_VOID = frozenset({"revoked", "entered-in-error", "draft"})
_DROPPED = frozenset({"cancelled", "stopped", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class PlanStatement:
    """One text of a care plan: what the lexicon names in it, when it was written, and the plan's status.

    ``void`` says why it is not used ("" if it is): withdrawn, a draft, or dated in the future. ``is_active`` if it
    also tells what is to be done now, not what was.
    """

    resource: Resource
    text: str
    names: frozenset[str]
    when: When | None
    void: str
    is_active: bool

    def line(self, counted: bool, why: str) -> Evidence:
        """The evidence line of this statement; the words are quoted."""
        return Evidence(
            type_and_id(self.resource),
            as_text(self.resource.get("title")),
            self.when.text if self.when else "",
            as_text(self.resource.get("status")),
            self.text[:120],
            counted,
            why,
        )


@once
def plan_statements(case: Case) -> tuple[PlanStatement, ...]:
    """Every text of the care plans that names something: title, description, notes, activities.

    A note has its own date where it tells one, everything else the date of the plan.
    """
    words = vocabulary_of(case)
    found: list[PlanStatement] = []
    for plan in case.record.of("CarePlan"):
        status = as_text(plan.get("status")).lower()
        void = f"not in force: {status}" if status in _VOID else ""
        for text, when in _texts(plan):
            names = words.named((text,))
            if names:
                ahead = when is not None and when.is_future(case.now)
                why = void or ("dated in the future" if ahead else "")
                found.append(PlanStatement(plan, text, names, when, why, status == "active"))
    return tuple(found)


def _texts(plan: Resource) -> Iterator[tuple[str, When | None]]:
    written = read_when(plan.get("created")) or read_when(plan.get("period"))
    yield as_text(plan.get("title")), written
    yield as_text(plan.get("description")), written
    for item in as_list(plan.get("note")):
        note = as_object(item)
        yield as_text(note.get("text")), read_when(note.get("time")) or written
    for item in as_list(plan.get("activity")):
        detail = as_object(as_object(item).get("detail"))
        if as_text(detail.get("status")).lower() not in _DROPPED:
            yield as_text(detail.get("description")), written
            for concept in concepts_of(detail, "code"):
                for name in concept.names:
                    yield name, written
