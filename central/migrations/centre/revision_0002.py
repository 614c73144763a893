"""From revision 0001 to the models.

Written by `python -m central.migrations revise`; change the models or the extras instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _modify_table_case()
    _modify_table_case_2()


def _modify_table_case() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("template", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("photos", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("approval", sa.LargeBinary(), nullable=True))


def _modify_table_case_2() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_column("approved_at")
        batch_op.drop_column("approver")
