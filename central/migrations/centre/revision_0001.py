"""The tables as version 0.1.0 made them.

Written once from the models of that version, and never changed again. A database of that version has no revision:
what is there already is left as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_table_account()
    _create_table_auditentry()
    _modify_table_auditentry()
    _create_table_camera()
    _modify_table_camera()
    _create_table_case()
    _modify_table_case()
    _create_table_foundroute()
    _create_table_node()
    _create_table_refusedbatch()
    _create_table_routejob()
    _modify_table_routejob()
    _create_table_storedbatch()
    _modify_table_storedbatch()


def _create_table_account() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signing_public", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        if_not_exists=True,
    )


def _create_table_auditentry() -> None:
    op.create_table(
        "auditentry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )


def _modify_table_auditentry() -> None:
    op.create_index(op.f("ix_auditentry_case"), "auditentry", ["case"], unique=False, if_not_exists=True)


def _create_table_camera() -> None:
    op.create_table(
        "camera",
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("indoor", sa.Boolean(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("camera"),
        if_not_exists=True,
    )


def _modify_table_camera() -> None:
    op.create_index(op.f("ix_camera_cell"), "camera", ["cell"], unique=False, if_not_exists=True)


def _create_table_case() -> None:
    op.create_table(
        "case",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("opener_signature", sa.LargeBinary(), nullable=False),
        sa.Column("consent", sa.LargeBinary(), nullable=True),
        sa.Column("consent_signature", sa.LargeBinary(), nullable=True),
        sa.Column("registered_at", sa.DateTime(), nullable=True),
        sa.Column("template_model", sa.String(), nullable=False),
        sa.Column("masked_template", sa.Boolean(), nullable=False),
        sa.Column("approver", sa.String(), nullable=True),
        sa.Column("approver_signature", sa.LargeBinary(), nullable=True),
        sa.Column("approved_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("untold", sa.String(), nullable=False),
        sa.Column("pseudonym_key", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("case"),
        if_not_exists=True,
    )


def _modify_table_case() -> None:
    op.create_index(op.f("ix_case_opened_at"), "case", ["opened_at"], unique=False, if_not_exists=True)
    op.create_index(op.f("ix_case_opened_by"), "case", ["opened_by"], unique=False, if_not_exists=True)
    op.create_index(op.f("ix_case_state"), "case", ["state"], unique=False, if_not_exists=True)


def _create_table_foundroute() -> None:
    op.create_table(
        "foundroute",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("case"),
        if_not_exists=True,
    )


def _create_table_node() -> None:
    op.create_table(
        "node",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("signing_public", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("last_seen", sa.DateTime(), nullable=True),
        sa.Column("camera_state", sa.String(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("clock_synchronised", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
        if_not_exists=True,
    )


def _create_table_refusedbatch() -> None:
    op.create_table(
        "refusedbatch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )


def _create_table_routejob() -> None:
    op.create_table(
        "routejob",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("seconds", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )


def _modify_table_routejob() -> None:
    op.create_index(op.f("ix_routejob_case"), "routejob", ["case"], unique=False, if_not_exists=True)
    op.create_index(op.f("ix_routejob_state"), "routejob", ["state"], unique=False, if_not_exists=True)


def _create_table_storedbatch() -> None:
    op.create_table(
        "storedbatch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("covers", sa.BigInteger(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("clock_error_ms", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("mask_worn", sa.BigInteger(), nullable=False),
        sa.Column("mask_incorrect", sa.BigInteger(), nullable=False),
        sa.Column("mask_absent", sa.BigInteger(), nullable=False),
        sa.Column("mask_unknown", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("node", "boot", "sequence"),
        if_not_exists=True,
    )


def _modify_table_storedbatch() -> None:
    op.create_index("ix_storedbatch_epoch", "storedbatch", ["cell", "hour"], unique=False, if_not_exists=True)
