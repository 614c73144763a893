"""True tracks on disk, by hour and part of the city: made by people, worked through by time and place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.city.plan import HOUR
from tests.city.streets import Ints
from tests.city.tracks import Tracks, joined

_TRACK = np.dtype(
    [
        ("person", "<u4"), ("camera", "<u2"), ("facing", "i1"), ("mask", "u1"),
        ("start", "<f8"), ("end", "<f8"), ("place", "<f4", 2), ("velocity", "<f4", 2),
    ]
)  # fmt: skip
AT_ONCE = 400_000  # tracks in memory before they go to disk: some 30 MB


@dataclass(frozen=True, slots=True, eq=False)
class Spill:
    """`folder` holds one file an hour and group; `group` is each camera's."""

    folder: Path
    group: Ints
    at_once: int = AT_ONCE

    def add_all(self, parts: Iterable[Tracks]) -> int:
        """Write tracks as they come, and return how many; what is read does not depend on how many are held at once."""
        waiting: list[Tracks] = []
        held = total = 0
        for part in parts:
            waiting.append(part)
            held += len(part)
            total += len(part)
            if held >= self.at_once:
                self._write(waiting)
                held = 0
        self._write(waiting)
        return total

    def take(self, hour: int, group: int) -> Tracks:
        """The tracks that began in this hour, in order of start, and their file is gone."""
        path = self._path(hour, group)
        found = np.fromfile(path, _TRACK) if path.exists() else np.zeros(0, _TRACK)
        path.unlink(missing_ok=True)
        tracks = Tracks(
            found["person"].astype(np.int64), found["camera"].astype(np.int64), found["start"], found["end"],
            found["place"].astype(np.float64), found["velocity"].astype(np.float64), found["facing"], found["mask"],
        )  # fmt: skip
        return tracks.take(np.lexsort((tracks.camera, tracks.person, tracks.start)))

    def _write(self, waiting: list[Tracks]) -> None:
        if not waiting:
            return
        tracks = joined(waiting)
        waiting.clear()
        rows = np.empty(len(tracks), _TRACK)
        for name in _TRACK.names or ():
            rows[name] = getattr(tracks, name)
        unit = (tracks.start // HOUR).astype(np.int64) * 10_000 + self.group[tracks.camera]
        order = np.argsort(unit, kind="stable")
        edges = np.flatnonzero(np.diff(unit[order])) + 1
        for portion in np.split(order, edges):
            if len(portion):
                hour, group = divmod(int(unit[portion[0]]), 10_000)
                self._append(self._path(hour, group), rows[portion])

    def _append(self, path: Path, rows: npt.NDArray[np.void]) -> None:
        with path.open("ab") as file:
            file.write(rows.tobytes())

    def _path(self, hour: int, group: int) -> Path:
        return self.folder / f"tracks-{hour:05d}-{group:04d}"
