"""The tables as version 0.1.0 made them.

Written once from the models of that version, and never changed again. A database of that version has no revision:
what is there already is left as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.migrations.append_only import append_only

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_table_caseentry()
    _create_table_daysecret()
    _create_table_droppednode()
    _create_table_keyencryption()
    _create_table_logentry()
    _create_table_nodeentry()
    _create_table_personentry()
    append_only("logentry")


def _create_table_caseentry() -> None:
    op.create_table(
        "caseentry",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("case"),
        if_not_exists=True,
    )


def _create_table_daysecret() -> None:
    op.create_table(
        "daysecret",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("destroyed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("day"),
        if_not_exists=True,
    )


def _create_table_droppednode() -> None:
    op.create_table(
        "droppednode",
        sa.Column("node", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
        if_not_exists=True,
    )


def _create_table_keyencryption() -> None:
    op.create_table(
        "keyencryption",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )


def _create_table_logentry() -> None:
    op.create_table(
        "logentry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )


def _create_table_nodeentry() -> None:
    op.create_table(
        "nodeentry",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
        if_not_exists=True,
    )


def _create_table_personentry() -> None:
    op.create_table(
        "personentry",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        if_not_exists=True,
    )
