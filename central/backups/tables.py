"""Where a database was when it was last served: a copy that was put back shows by being elsewhere."""

from __future__ import annotations

from sqlmodel import Field

from central.database import CentreTable


class ServedAt(CentreTable, table=True):
    """One row; `place` is what central.backups.place says of the database itself."""

    id: int = Field(default=1, primary_key=True)
    place: str
