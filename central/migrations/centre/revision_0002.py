"""From revision 0001 to the models.

Written by `python -m central.migrations revise`; change the models or the extras instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.migrations.extras import centre_0002 as extras

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    extras.before()
    _make_archivedhour()
    _change_archivedhour()
    _make_auditcheckpoint()
    _make_auditnode()
    _make_auditwitness()
    _make_authoritykey()
    _make_batcharchive()
    _change_batcharchive()
    _make_canary()
    _make_canarytrial()
    _change_canarytrial()
    _make_casegrant()
    _make_consentrecord()
    _change_consentrecord()
    _make_keptstatement()
    _make_pastcase()
    _change_pastcase()
    _make_roleend()
    _make_servedat()
    _make_sightingword()
    _make_toldvisit()
    _change_toldvisit()
    _change_account()
    _change_auditentry()
    _change_case()
    _change_refusedbatch()
    _change_routejob()
    _change_storedbatch()
    extras.move()
    _change_auditentry_again()
    _change_case_again()
    _change_storedbatch_again()
    extras.after()


def _make_archivedhour() -> None:
    op.create_table(
        "archivedhour",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("archive", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hour"),
    )


def _change_archivedhour() -> None:
    with op.batch_alter_table("archivedhour", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_archivedhour_archive"), ["archive"], unique=False)


def _make_auditcheckpoint() -> None:
    op.create_table(
        "auditcheckpoint",
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("generation"),
    )


def _make_auditnode() -> None:
    op.create_table(
        "auditnode",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )


def _make_auditwitness() -> None:
    op.create_table(
        "auditwitness",
        sa.Column("witness", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("alarm", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("witness"),
    )


def _make_authoritykey() -> None:
    op.create_table(
        "authoritykey",
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("authority"),
    )


def _make_batcharchive() -> None:
    op.create_table(
        "batcharchive",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("delete_after", sa.DateTime(), nullable=True),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _change_batcharchive() -> None:
    with op.batch_alter_table("batcharchive", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batcharchive_delete_after"), ["delete_after"], unique=False)


def _make_canary() -> None:
    op.create_table(
        "canary",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )


def _make_canarytrial() -> None:
    op.create_table(
        "canarytrial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("opened", sa.Boolean(), nullable=False),
        sa.Column("destroyed_by", sa.String(), nullable=False),
        sa.Column("alarm", sa.String(), nullable=False),
        sa.Column("away", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _change_canarytrial() -> None:
    with op.batch_alter_table("canarytrial", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_canarytrial_day"), ["day"], unique=False)


def _make_casegrant() -> None:
    op.create_table(
        "casegrant",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("case", "account"),
    )


def _make_consentrecord() -> None:
    op.create_table(
        "consentrecord",
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.Column("keep_until", sa.DateTime(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(), nullable=True),
        sa.Column("withdrawn", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("receipt"),
    )


def _change_consentrecord() -> None:
    with op.batch_alter_table("consentrecord", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consentrecord_case"), ["case"], unique=False)
        batch_op.create_index(batch_op.f("ix_consentrecord_keep_until"), ["keep_until"], unique=False)


def _make_keptstatement() -> None:
    op.create_table(
        "keptstatement",
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("authority", "day"),
    )


def _make_pastcase() -> None:
    op.create_table(
        "pastcase",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=False),
        sa.Column("erased_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("case"),
    )


def _change_pastcase() -> None:
    with op.batch_alter_table("pastcase", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pastcase_ended_at"), ["ended_at"], unique=False)


def _make_roleend() -> None:
    op.create_table(
        "roleend",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", "role"),
    )


def _make_servedat() -> None:
    op.create_table(
        "servedat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_sightingword() -> None:
    op.create_table(
        "sightingword",
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("sighting", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("case", "sighting"),
    )


def _make_toldvisit() -> None:
    op.create_table(
        "toldvisit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("case", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("told_to", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _change_toldvisit() -> None:
    with op.batch_alter_table("toldvisit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_toldvisit_case"), ["case"], unique=False)


def _change_account() -> None:
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("until", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("token_until", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("enrol_until", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("sign_count", sa.Integer(), server_default=sa.text("0"), nullable=False))


def _change_auditentry() -> None:
    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("salt", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("commitment", sa.LargeBinary(), nullable=True))
        batch_op.create_index("ix_auditentry_words", ["at"], unique=False, sqlite_where=sa.text('salt IS NOT NULL'), postgresql_where=sa.text('salt IS NOT NULL'))  # noqa: E501


def _change_case() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purpose", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.add_column(sa.Column("manual", sa.Boolean(), server_default=sa.text('(false)'), nullable=False))
        batch_op.add_column(sa.Column("consent_expires", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("template", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("photos", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("template_appearance", sa.String(), server_default=sa.text("('')"), nullable=False))  # noqa: E501
        batch_op.add_column(sa.Column("approval", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("ended_by", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.add_column(sa.Column("withdrawn", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.create_index(batch_op.f("ix_case_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index("ix_case_newest", ["opened_at", "case"], unique=False)
        batch_op.create_index("ix_case_own", ["opened_by", "opened_at", "case"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_untold"), ["untold"], unique=False)


def _change_refusedbatch() -> None:
    with op.batch_alter_table("refusedbatch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refusedbatch_at"), ["at"], unique=False)


def _change_routejob() -> None:
    with op.batch_alter_table("routejob", schema=None) as batch_op:
        batch_op.add_column(sa.Column("not_covered", sa.String(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("lacking", sa.String(), server_default=sa.text("('')"), nullable=False))
        batch_op.add_column(sa.Column("narrowed", sa.String(), server_default=sa.text("'{}'"), nullable=False))


def _change_storedbatch() -> None:
    with op.batch_alter_table("storedbatch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("archived_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("digest", sa.LargeBinary(), nullable=True))
        batch_op.create_index("ix_storedbatch_hour", ["hour"], unique=False)
        batch_op.create_index("ix_storedbatch_lying", ["cell", "hour", "archived_bytes"], unique=False)


def _change_auditentry_again() -> None:
    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.drop_column("chain")


def _change_case_again() -> None:
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_column("approved_at")
        batch_op.drop_column("approver")
        batch_op.drop_index(batch_op.f("ix_case_opened_at"))
        batch_op.drop_index(batch_op.f("ix_case_opened_by"))


def _change_storedbatch_again() -> None:
    with op.batch_alter_table("storedbatch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_storedbatch_epoch"))
