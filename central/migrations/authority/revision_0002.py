"""From revision 0001 to the models.

Written by `python -m central.migrations revise`; change the models or the extras instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.migrations.extras import authority_0002 as extras

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    extras.before()
    _create_table_clockanchor()
    _create_table_destructionentry()
    _create_table_lognode()
    _create_table_probedhours()
    _modify_table_caseentry()
    _modify_table_daysecret()
    _modify_table_logentry()
    extras.move()
    _modify_table_logentry_2()
    extras.after()


def _create_table_clockanchor() -> None:
    op.create_table(
        "clockanchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("sure", sa.DateTime(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("elapsed_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_table_destructionentry() -> None:
    op.create_table(
        "destructionentry",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )


def _create_table_lognode() -> None:
    op.create_table(
        "lognode",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )


def _create_table_probedhours() -> None:
    op.create_table(
        "probedhours",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case"),
    )


def _modify_table_caseentry() -> None:
    with op.batch_alter_table("caseentry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("basis", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("scope", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("consent", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("template", sa.LargeBinary(), nullable=True))


def _modify_table_daysecret() -> None:
    with op.batch_alter_table("daysecret", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key_id", sa.String(), server_default=sa.text("('')"), nullable=False))


def _modify_table_logentry() -> None:
    with op.batch_alter_table("logentry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("account", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.add_column(sa.Column("action", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("salt", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("commitment", sa.LargeBinary(), nullable=True))
        batch_op.create_index(batch_op.f("ix_logentry_case"), ["case"], unique=False)


def _modify_table_logentry_2() -> None:
    with op.batch_alter_table("logentry", schema=None) as batch_op:
        batch_op.drop_column("event")
        batch_op.alter_column("action",
               existing_type=sa.String(),
               nullable=False)
