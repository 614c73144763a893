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
    _make_clockanchor()
    _make_destructionentry()
    _make_logcheckpoint()
    _make_lognode()
    _make_logwitness()
    _make_probedhours()
    _change_caseentry()
    _change_daysecret()
    _change_keyencryption()
    _change_logentry()
    extras.move()
    _change_logentry_again()
    extras.after()


def _make_clockanchor() -> None:
    op.create_table(
        "clockanchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("sure", sa.DateTime(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("elapsed_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_destructionentry() -> None:
    op.create_table(
        "destructionentry",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )


def _make_logcheckpoint() -> None:
    op.create_table(
        "logcheckpoint",
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("generation"),
    )


def _make_lognode() -> None:
    op.create_table(
        "lognode",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )


def _make_logwitness() -> None:
    op.create_table(
        "logwitness",
        sa.Column("witness", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("alarm", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("witness"),
    )


def _make_probedhours() -> None:
    op.create_table(
        "probedhours",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case"),
    )


def _change_caseentry() -> None:
    with op.batch_alter_table("caseentry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("basis", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("scope", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("consent", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("template", sa.LargeBinary(), nullable=True))


def _change_daysecret() -> None:
    with op.batch_alter_table("daysecret", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key_id", sa.String(), server_default=sa.text("('')"), nullable=False))


def _change_keyencryption() -> None:
    with op.batch_alter_table("keyencryption", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scrypt_n", sa.Integer(), server_default=sa.text('(32768)'), nullable=False))


def _change_logentry() -> None:
    with op.batch_alter_table("logentry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("account", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.add_column(sa.Column("action", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("salt", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("commitment", sa.LargeBinary(), nullable=True))
        batch_op.create_index(batch_op.f("ix_logentry_case"), ["case"], unique=False)


def _change_logentry_again() -> None:
    with op.batch_alter_table("logentry", schema=None) as batch_op:
        batch_op.drop_column("event")
        batch_op.alter_column("action",
               existing_type=sa.String(),
               nullable=False)
