"""The store as the settings name it; what reads archives is loaded only where there are any."""

from __future__ import annotations

from sqlalchemy import Engine

from central.batches.store import SqlBatchStore


def batch_store(engine: Engine, archive: str) -> SqlBatchStore:
    """`archive` is the address of the archives, or empty. Raises BadSettings."""
    if not archive:
        return SqlBatchStore(engine)
    from central.batches.archives import ArchivedBatchStore  # noqa: PLC0415  (pyarrow takes a fifth of a second)
    from central.batches.place import Place  # noqa: PLC0415

    return ArchivedBatchStore(engine, Place(archive))
