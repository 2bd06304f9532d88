"""The registry of order kinds: all that the classifier gives, and no other (content is checked against it)."""

from __future__ import annotations

from cds_service.content_files import find_cards
from cds_service.facts.biopsies import BIOPSIES
from cds_service.facts.imaging_orders import ABDOMINAL_CT, LIVER_MRI, PET_CT
from cds_service.facts.medications import INTENSIVE_REGIMEN, SUPPORTIVE_DRUG, SYSTEMIC_DRUG
from cds_service.facts.orders import ORDER_KINDS
from cds_service.facts.surgery import _KINDS as OPERATIONS
from cds_service.pathway.review import load_review


def test_the_registry_holds_what_the_readers_give() -> None:
    given = {*OPERATIONS.values(), *BIOPSIES, ABDOMINAL_CT, LIVER_MRI, PET_CT}
    assert given | {SYSTEMIC_DRUG, SUPPORTIVE_DRUG, INTENSIVE_REGIMEN} == ORDER_KINDS


def test_every_kind_has_a_name_for_reviewers() -> None:
    review = load_review(find_cards() / "pancreatic-liver-metastases" / "review.yaml")
    assert set(review.order_kinds) == ORDER_KINDS
