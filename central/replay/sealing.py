"""A scenario's rows as sealed batches: what a box would have sent, encoded and sealed under the hour's real keys."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from central.replay.nodes import BOOT, Box
from central.replay.scenario import Float32, Floats, Ints, Scenario
from central.replay.stopwatch import Stopwatch
from shared.batches import MAX_SIGHTINGS, SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.clock import from_unix
from shared.codes import BITS, encode
from shared.epochs import HOUR_S, Epoch, Modality, Shares, code_key, seal_key
from shared.errors import TooLarge
from shared.face_mask import FaceMask
from shared.sightings import Encounter, Sighting


@dataclass(frozen=True, slots=True, eq=False)
class Sealing:
    """Everything that turns a scenario's rows into batches; a sighting's number is its row."""

    scenario: Scenario
    met: Mapping[int, Sequence[int]]
    watch: Stopwatch

    def batches(self, box: Box, epoch: Epoch, rows: Ints) -> Iterator[tuple[int, bytes]]:
        """(sequence, sealed batch) of one cell-hour, in the order in which tracks ended."""
        began = perf_counter()
        rows = rows[np.argsort(self.scenario.sightings.end[rows], kind="stable")]
        sightings = self._encoded(epoch, box.shares[epoch], rows)
        began = self.watch.lap("encode", began)
        for at in range(0, len(rows), MAX_SIGHTINGS):
            for raw in self._sealed(box, epoch, sightings[at : at + MAX_SIGHTINGS]):
                began = self.watch.lap("seal", began)
                yield box.sequence - 1, raw
                began = perf_counter()

    def _encoded(self, epoch: Epoch, shares: Sequence[Shares], rows: Ints) -> list[Sighting]:
        scenario = self.scenario
        seen = scenario.sightings
        code_shares = [share.code for share in shares]
        faces = _codes(scenario.faces, seen.face[rows], (Modality.FACE, scenario.face_model, epoch), code_shares)
        clothes = _codes(
            scenario.appearances, seen.appearance[rows], (Modality.APPEARANCE, scenario.appearance_model, epoch),
            code_shares,
        )  # fmt: skip
        east, north = (_metres(side) for side in seen.place[rows].T)
        columns = (seen.camera[rows], seen.start[rows], seen.end[rows], seen.mask[rows], seen.quality[rows])
        facts = zip(rows.tolist(), *(column.tolist() for column in columns), strict=True)
        return [
            Sighting(
                row, scenario.cameras[camera].camera, from_unix(start), from_unix(end), faces[k], clothes[k],
                FaceMask(mask), quality, east[k], north[k],
            )
            for k, (row, camera, start, end, mask, quality) in enumerate(facts)
        ]  # fmt: skip

    def _sealed(self, box: Box, epoch: Epoch, sightings: Sequence[Sighting]) -> Iterator[bytes]:
        """One batch, or several where many encounters make it too large."""
        encounters = [self._encounter(k) for sighting in sightings for k in self.met.get(sighting.number, ())]
        try:
            raw = self._seal(box, epoch, sightings, encounters)
        except TooLarge:
            if len(sightings) == 1:
                raise
            middle = len(sightings) // 2
            yield from self._sealed(box, epoch, sightings[:middle])
            yield from self._sealed(box, epoch, sightings[middle:])
            return
        box.sequence += 1
        yield raw

    def _seal(self, box: Box, epoch: Epoch, sightings: Sequence[Sighting], encounters: Sequence[Encounter]) -> bytes:
        masks, one = Counter(sighting.mask for sighting in sightings), box.identity
        header = Header(
            version=SCHEMA_VERSION,
            node=one.node,
            boot=BOOT,
            sequence=box.sequence,
            covers=1,
            cell=epoch.cell,
            hour=epoch.hour,
            clock_error_ms=0,
            models={"face": self.scenario.face_model, "appearance": self.scenario.appearance_model},
            people=len(sightings),
            masks=(masks[FaceMask.WORN], masks[FaceMask.INCORRECT], masks[FaceMask.ABSENT], masks[FaceMask.UNKNOWN]),
        )
        key = seal_key([share.seal for share in box.shares[epoch]], one.node, epoch)
        return seal_batch(header, sightings, encounters, BatchKeys(key, one.signing), box.sequence)

    def _encounter(self, row: int) -> Encounter:
        """A scenario gives no error of its distances; they are taken at their word."""
        met = self.scenario.encounters
        times = from_unix(float(met.start[row])), from_unix(float(met.end[row]))
        return Encounter(int(met.a[row]), int(met.b[row]), *times, float(met.min_distance_m[row]), 0.0)


def by_epoch(scenario: Scenario) -> dict[int, dict[str, Ints]]:
    """Rows of sightings by hour and cell: a track belongs to the hour of its first frame."""
    cells = sorted({place.cell for place in scenario.cameras})
    number = {cell: k for k, cell in enumerate(cells)}
    cell_of = np.array([number[place.cell] for place in scenario.cameras])[scenario.sightings.camera]
    hour = (scenario.sightings.start // HOUR_S).astype(np.int64)
    order = np.lexsort((cell_of, hour))
    edges = np.flatnonzero(np.diff(hour[order]) | np.diff(cell_of[order])) + 1
    found: dict[int, dict[str, Ints]] = defaultdict(dict)
    for rows in np.split(order, edges):
        if len(rows):
            found[int(hour[rows[0]])][cells[int(cell_of[rows[0]])]] = rows
    return dict(sorted(found.items()))


def met_by_later(scenario: Scenario) -> dict[int, list[int]]:
    """Rows of encounters by the sighting that ended later: an encounter rides in that one's batch."""
    met, end = scenario.encounters, scenario.sightings.end
    later = np.where(end[met.a] > end[met.b], met.a, met.b)
    found: dict[int, list[int]] = defaultdict(list)
    for row, sighting in enumerate(later.tolist()):
        found[sighting].append(row)
    return found


def _codes(
    vectors: Float32, row: Ints, what: tuple[Modality, str, Epoch], shares: Sequence[bytes]
) -> list[bytes | None]:
    """The code of each row's vector, or None where there is none."""
    modality, model, epoch = what
    codes: list[bytes | None] = [None] * len(row)
    present = np.flatnonzero(row >= 0)
    if len(present):
        made = encode(np.asarray(vectors[row[present]]), code_key(shares, modality, model, epoch), BITS[modality])
        for at, code in zip(present.tolist(), made, strict=True):
            codes[at] = code.tobytes()
    return codes


def _metres(side: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in side.tolist()]
