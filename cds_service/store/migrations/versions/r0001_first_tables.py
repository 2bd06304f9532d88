"""Decisions, the cards they showed, feedback, used tokens, the heartbeat."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    texts = ("at", "service", "hook", "client", "patient", "engine", "pathway", "content", "silence")
    op.create_table(
        "decisions",
        sa.Column("id", sa.String, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in texts),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("outcomes", "facts", "searches")),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_index("ix_decisions_patient", "decisions", ["patient"])
    op.create_table(
        "shown_cards",
        sa.Column("decision", sa.String, sa.ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("card", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("topic", "variant", "indicator")),
    )
    op.create_index("ix_shown_cards_card", "shown_cards", ["card"])
    op.create_table(
        "feedback",
        sa.Column("digest", sa.String, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("received_at", "client", "service", "card", "topic", "variant", "outcome", "outcome_at")
        ),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("reason_system", sa.String, nullable=False),
        sa.Column("reason_code", sa.String, nullable=False),
        sa.Column("commented", sa.Integer, nullable=False),
    )
    op.create_index("ix_feedback_received_at", "feedback", ["received_at"])
    op.create_index("ix_feedback_card", "feedback", ["card"])
    op.create_table(
        "used_tokens",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("expires_at", sa.String, nullable=False),
    )
    op.create_index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"])
    op.create_table("heartbeats", sa.Column("name", sa.String, primary_key=True), sa.Column("at", sa.String))


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    for name in ("heartbeats", "used_tokens", "feedback", "shown_cards", "decisions"):
        op.drop_table(name)
