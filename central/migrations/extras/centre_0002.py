"""Beside revision 0002: what the first version's approvals were, and what they no longer are."""

from __future__ import annotations

from alembic import op


def before() -> None:
    """Nothing."""


def move() -> None:
    """An approver of the first version signed the scope alone, which no authority accepts any more: such a case is
    open again, to be registered and approved anew."""
    op.execute("UPDATE \"case\" SET state = 'open', registered_at = NULL WHERE state = 'approved'")


def after() -> None:
    """Nothing."""
