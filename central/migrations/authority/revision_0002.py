"""From revision 0001 to the models.

Written by `python -m central.migrations revise`; change the models or the extras instead.
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    pass
