"""The store as the settings name it; what reads archives is loaded only where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Engine

from central.batches.store import SqlBatchStore
from central.errors import BadSettings

if TYPE_CHECKING:
    from central.batches.archives import ArchivedBatchStore

# What keeps a file once it has it. fsspec knows more, such as memory: and http:, where batches would be lost.
LASTING = ("file", "s3", "gs", "abfs")


def batch_store(engine: Engine, archive: str) -> SqlBatchStore:
    """`archive` is the address of the archives, or empty. Raises as archive_store does."""
    return archive_store(engine, archive) if archive else SqlBatchStore(engine)


def archive_store(engine: Engine, archive: str) -> ArchivedBatchStore:
    """Raises BadSettings for an address that cannot be one, or for which a package is missing, and ArchiveDown for a
    folder that cannot be made; an object store is not asked yet."""
    from central.batches.archives import ArchivedBatchStore  # noqa: PLC0415  (pyarrow takes a fifth of a second)
    from central.batches.place import Place  # noqa: PLC0415

    place = Place(archive)
    if archive.partition(":")[0] not in LASTING:
        hint = "write file:///absolute/folder or s3://bucket/folder"
        raise BadSettings(f"what is written to {archive.partition(':')[0]}: does not last", hint=hint)
    place.check()
    return ArchivedBatchStore(engine, place)
