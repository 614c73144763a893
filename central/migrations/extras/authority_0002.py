"""Beside revision 0002: the log of the first version becomes the older part of a Merkle log, which adopts it later."""

from __future__ import annotations

from alembic import op


def before() -> None:
    """The first version's triggers would refuse any change of its log; opening the database makes those of today."""
    for act in ("update", "delete"):
        op.execute(f"DROP TRIGGER IF EXISTS logentry_no_{act}")


def move() -> None:
    """What an entry says happened has another name now."""
    op.execute("UPDATE logentry SET action = event")


def after() -> None:
    """Nothing."""
