"""The audit log's rows, in the centre's database."""

from __future__ import annotations

from sqlalchemy import Index, text

from central.audit.columns import CheckpointColumns, EntryColumns, NodeColumns, WitnessColumns
from central.database import CentreTable


class AuditEntry(EntryColumns, CentreTable, table=True):
    """One act at the centre."""

    __table_args__ = (
        # What retention asks for: entries whose words are still there, the oldest first.
        Index(
            "ix_auditentry_words",
            "at",
            sqlite_where=text("salt IS NOT NULL"),
            postgresql_where=text("salt IS NOT NULL"),
        ),
    )


class AuditNode(NodeColumns, CentreTable, table=True):
    """One hash of the tree over the entries."""


class AuditCheckpoint(CheckpointColumns, CentreTable, table=True):
    """The newest checkpoint of each generation of the centre's log."""


class AuditWitness(WitnessColumns, CentreTable, table=True):
    """How far each witness has come."""
