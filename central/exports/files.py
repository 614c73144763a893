"""Files in memory: comma-separated ones that no spreadsheet runs, and several of them in one archive."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.clock import as_utc

Cell = str | int | float | bool | None
# What begins with one of these is a formula to spreadsheets (OWASP, "CSV Injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Table:
    """A file by its name, as rows; `before` are header rows above the columns' names."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    before: Sequence[Sequence[str]] = ()

    def content(self) -> bytes:
        """UTF-8 without a mark in front, which some importers take for a part of the first column's name (RFC 4180)."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerows([*self.before, self.columns, *([shown(cell) for cell in row] for row in self.rows)])
        return text.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Download:
    """One file to hand out."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


def shown(cell: Cell) -> str:
    """A cell as text. Words that a spreadsheet would run as a formula are kept from it by an apostrophe; numbers,
    which may begin with a minus, are left as they are."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, str):
        return "'" + cell if cell.startswith(_FORMULA) else cell
    return str(cell)


def archive(name: str, tables: Iterable[Table], note: str, made_at: datetime) -> Download:
    """Tables and their companion note in one ZIP file; the same material gives the same bytes."""
    packed, at = io.BytesIO(), as_utc(made_at).timetuple()[:6]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as whole:
        for file, content in [*((one.name, one.content()) for one in tables), ("README.txt", note.encode())]:
            entry = zipfile.ZipInfo(file, at)
            entry.external_attr = 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            whole.writestr(entry, content)
    return Download(name, "application/zip", packed.getvalue())
