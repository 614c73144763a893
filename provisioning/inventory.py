"""Cameras from a CSV: checked line by line, imported whole or not at all, again without harm."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared.cells import neighbours
from shared.errors import BadInput, CairnError
from shared.ids import check_id

COLUMNS = ("camera_id", "latitude", "longitude", "indoor", "cell")
_MAX_FILE_BYTES = 64 * 1024 * 1024
_SHOWN = 10


class BadInventory(BadInput):
    """The CSV has lines that cannot be taken; nothing was imported."""


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera: where it hangs (degrees), whether indoors, and its cell ("" until assigned)."""

    camera: str
    latitude: float
    longitude: float
    indoor: bool
    cell: str


def read_inventory(path: Path) -> list[CameraRow]:
    """The cameras of a CSV with the columns camera_id, latitude, longitude, indoor, cell. Raises BadInventory."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise BadInventory(f"{path} is over 64 MiB", hint="is this the right file?")
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS[:4]) <= set(reader.fieldnames or ()):
                raise BadInventory(f"{path} lacks columns", hint=f"the first line must name {', '.join(COLUMNS)}")
            return _rows(reader, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInventory(f"cannot read {path}", hint=f"save it as CSV in UTF-8 ({type(error).__name__})") from None


def assign_cells(rows: Sequence[CameraRow], others: Collection[str] = ()) -> list[CameraRow]:
    """Give cameras without a cell one of at most 16 neighbours: halve the city at the median, widest side first.

    The split depends on positions only, so importing the same file again gives the same cells. Cells in `others`, of
    cameras that are not among these rows, are never given to these.
    """
    waiting = [row for row in rows if not row.cell]
    taken = {row.cell for row in rows if row.cell} | set(others)
    names = (name for number in range(len(rows) + len(taken) + 1) if (name := f"cell-{number:04d}") not in taken)
    cells = {row.camera: name for group, name in zip(neighbours(waiting), names, strict=False) for row in group}
    return [replace(row, cell=row.cell or cells[row.camera]) for row in rows]


def import_inventory(registry: sqlite3.Connection, rows: Sequence[CameraRow]) -> dict[str, int]:
    """Add or update cameras and count what was done. A known cell is kept when none is given."""
    known = {row["camera"]: tuple(row) for row in registry.execute("SELECT * FROM cameras")}
    kept = [replace(row, cell=row.cell or (known[row.camera][4] if row.camera in known else "")) for row in rows]
    cells = {cell for *_, cell in known.values()}
    values = [(r.camera, r.latitude, r.longitude, int(r.indoor), r.cell) for r in assign_cells(kept, cells)]
    registry.executemany(
        "INSERT INTO cameras VALUES (?, ?, ?, ?, ?) ON CONFLICT (camera) DO UPDATE SET "
        "latitude = excluded.latitude, longitude = excluded.longitude, indoor = excluded.indoor, cell = excluded.cell",
        values,
    )
    added = sum(value[0] not in known for value in values)
    same = sum(known.get(value[0]) == value for value in values)
    return {"added": added, "changed": len(values) - added - same, "unchanged": same}


def _rows(reader: csv.DictReader[str], path: Path) -> list[CameraRow]:
    rows: dict[str, CameraRow] = {}
    complaints = []
    for line in reader:
        try:
            row = _row(line)
            if row.camera in rows:
                raise BadInput(f"{row.camera} stands twice")
            rows[row.camera] = row
        except (CairnError, ValueError, TypeError) as error:
            complaints.append(f"line {reader.line_num}: {error if isinstance(error, CairnError) else 'not a number'}")
    if complaints:
        more = f"\n… and {len(complaints) - _SHOWN} more" if len(complaints) > _SHOWN else ""
        message = f"{path} has {len(complaints)} lines that cannot be taken:\n" + "\n".join(complaints[:_SHOWN]) + more
        raise BadInventory(message, hint="mend these lines and import again; nothing was imported")
    if not rows:
        raise BadInventory(f"{path} names no camera", hint="is this the right file?")
    return list(rows.values())


def _row(line: dict[str, str]) -> CameraRow:
    latitude, longitude = float(line["latitude"]), float(line["longitude"])
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadInput("no such place on earth", hint="latitude and longitude in degrees, in this order")
    if line["indoor"] not in ("0", "1"):
        raise BadInput("indoor is neither 0 nor 1")
    cell = (line.get("cell") or "").strip()
    camera = check_id(line["camera_id"], "camera")
    return CameraRow(camera, latitude, longitude, line["indoor"] == "1", check_id(cell, "cell") if cell else "")
