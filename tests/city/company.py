"""Who was near some sightings, as a search worker joins it: the worker's own code over a city's encounters.

A box reports the seconds within each of REACHES_M. The simulated one misjudges the distance of a pair by the same
amount all through one encounter, which is the harder case: an error that changed with every frame would cancel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from central.search.candidates import Candidate
from central.search.opened import Opened
from shared.epochs import HOUR_S, Epoch, Modality
from shared.layout import blob_of
from shared.sighting_columns import SightingColumns
from shared.sightings import HAS_APPEARANCE, HAS_FACE, REACHES_M, parse_sighting_id
from shared.wire import pack
from tests.central.joined import Hit, all_of, joining, took
from tests.city.answers import Scanned, SearchedCity
from tests.city.meetings import within
from tests.city.streets import Ints

_EVER = (0, 1 << 60)


@dataclass(eq=False)
class Company:
    """The encounters of a searched city, by cell and hour as their batches would hold them."""

    searched: SearchedCity

    def candidates(self, sightings: Iterable[str]) -> dict[str, Candidate]:
        """Each named sighting as a candidate with its partners, who are numbered within one answer."""
        rows = {parse_sighting_id(name)[2] for name in sightings}
        cells = {epoch.cell for epoch, of in self._rows.items() if not rows.isdisjoint(of.tolist())}
        near, found = joining(_EVER), []
        for index, epoch in enumerate(sorted(epoch for epoch in self._rows if epoch.cell in cells)):
            opened = Opened(index, self._columns(epoch), {Modality.FACE.value: self.searched.city.plan.face_model})
            # As if by clothes: a face is not seen on every sighting of a patient.
            named = [k for k, row in enumerate(self._rows[epoch].tolist()) if row in rows]
            hits = [Hit(k, Modality.APPEARANCE, distance=0) for k in named]
            found.append(took(near, opened, hits))
        found.append(near.finish())
        assert not near.broken, "contacts without their encounters are no measure of anything"
        return {candidate.sighting: candidate for candidate in all_of(near, found)}

    @cached_property
    def _parts(self) -> dict[Epoch, Scanned]:
        return {one.epoch: one for one in self.searched.epochs}

    @cached_property
    def _rows(self) -> dict[Epoch, Ints]:
        return {epoch: one.rows for epoch, one in self._parts.items()}

    @cached_property
    def _met(self) -> dict[Epoch, memoryview]:
        """Encounters as they travel in a batch, by the epoch of whichever sighting ended later."""
        city, met = self.searched.city, self.searched.city.encounters
        later = np.where(city.sightings.end[met.a] > city.sightings.end[met.b], met.a, met.b)
        table = self._table()
        epoch_of = {row: epoch for epoch, rows in self._rows.items() for row in rows.tolist()}
        places: dict[Epoch, list[int]] = defaultdict(list)
        for k, row in enumerate(later.tolist()):
            places[epoch_of[row]].append(k)
        return {epoch: _travelling(table[of], epoch) for epoch, of in places.items()}

    def _table(self) -> npt.NDArray[np.int64]:
        city, met = self.searched.city, self.searched.city.encounters
        begin_ms = round(city.plan.start.timestamp() * 1000)
        a, b = city.sightings.track[met.a], city.sightings.track[met.b]
        wrong_by = met.min_distance_m - within(city.tracks, a, b, city.plan.encounter_reach_m)[2]
        length_s = met.end - met.start
        near = []
        for reach in REACHES_M:
            start, end, _ = within(city.tracks, a, b, np.maximum(reach - wrong_by, 0.0))
            near.append(1000 * (end - start).clip(0, length_s))
        times = [begin_ms + 1000 * met.start, begin_ms + 1000 * met.end]
        error = np.full(len(met), 100 * city.plan.distance_sd_m)
        columns = [met.a, met.b, *times, 100 * met.min_distance_m, error, *near]
        return np.stack([np.round(column).astype(np.int64) for column in columns], axis=1)

    def _columns(self, epoch: Epoch) -> SightingColumns:
        city, of = self.searched.city, self._parts[epoch]
        rows, seen, hour_s = of.rows, city.sightings, epoch.hour * HOUR_S
        begin_s = city.plan.start.timestamp() - hour_s
        cameras, camera = np.unique(seen.camera[rows], return_inverse=True)
        # A sighting on which clothes were not seen has some that are like nobody's, so that it can be named as well.
        worn = city.plan.random("unseen clothes", epoch.hour).integers(0, 256, of.appearance.shape, np.uint8)
        worn[of.has_appearance] = of.appearance[of.has_appearance]
        columns = {
            "number": rows,
            "camera": camera,
            "start": np.round(1000 * (begin_s + seen.start[rows])),
            "end": np.round(1000 * (begin_s + seen.end[rows])),
            "mask": of.mask,
            "quality": np.round(255 * seen.quality[rows]),
            "east": np.round(100 * seen.place[rows, 0]),
            "north": np.round(100 * seen.place[rows, 1]),
            "flags": HAS_APPEARANCE | HAS_FACE * of.has_face,
            "face": of.face,
            "appearance": worn,
        }
        names = tuple(city.cameras.places[k].camera for k in cameras.tolist())
        unread = self._met.get(epoch, _travelling(np.zeros((0, 6 + len(REACHES_M)), np.int64), epoch))
        return SightingColumns("city", 1, epoch, names, len(rows), memoryview(blob_of(columns)), unread)


def _travelling(met: npt.NDArray[np.int64], epoch: Epoch) -> memoryview:
    """Rows with Unix milliseconds as shared.columns writes them at the end of a batch's content."""
    rows = met.copy()
    rows[:, 2:4] -= epoch.hour * HOUR_S * 1000
    return memoryview(pack("encounters") + pack(rows.astype("<i4").tobytes()))
