"""Joins hits with who was near them, across the batches of one cell.

An encounter rides in the batch of whichever sighting ended later, so it may lie in another batch than the hit, and
the other sighting's mask in a third: batches of one track after a power cut, a second batch of a busy hour, or the
next hour's. Batches come in order of cell and hour, and are held only as long as somebody in them may have met
whoever is found next, and until there are enough to be joined together, which bounds the memory to some hours of one
cell.

Several cases share what is held, and nothing else: each is joined with batches that opened for it, and with no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from central.search.candidates import HIT, MET, NOBODY, Rows
from central.search.following import KEY_BITS, Following, seen_again
from central.search.in_view import InView, with_those_in_view
from central.search.joining import Held, Meetings, met
from central.search.opened import Memory, Near, Opened, joined
from central.search.people import Asked, Int64, People
from central.search.scan import all_narrowed
from shared.epochs import HOUR_S
from shared.face_mask import FaceMask
from shared.sightings import HAS_APPEARANCE, HAS_FACE

TOGETHER = 2**16  # rows that are joined at once, some 14 MB
_SLACK_MS = 300_000  # a box may end a track before its last encounter, and its clock may be set in between
_NUMBER = 2**32 - 1

Ready = list[tuple[int, Rows, Rows]]  # of one case: rows of HIT, and of MET


@dataclass(slots=True)
class _Cell:
    """What is known of the cell whose batches are streaming. `fresh` rows are held and not joined yet."""

    name: str
    hour: int
    held: list[Opened] = field(default_factory=list)
    fresh: int = 0
    waiting: list[Near] = field(default_factory=list)  # rows count through `held`
    rows: int = 0  # of `held`
    boots: dict[tuple[str, int], int] = field(default_factory=dict)
    people: People = field(default_factory=People)
    following: Following = field(default_factory=Following)
    kinds: dict[tuple[int, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """Rows within the radius, once a case, row and modality: those of a case stand together."""

    row: Int64
    case: Int64
    modality: Int64
    distance: Int64
    bits: Int64

    def of(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> _Hits:
        return _Hits(self.row[rows], self.case[rows], self.modality[rows], self.distance[rows], self.bits[rows])


class Neighbours:
    """Takes opened batches in the order of the store and gives candidates once nobody can have met them still.

    A window is in Unix milliseconds; sightings and encounters outside a case's are left out of its answer. `radius` is
    in bits, by place and modality, and may be narrowed as the search goes on. `handing_on` hears of the rows that were
    found of a case whose clothes may be handed on. `broken` tells by case and position in
    the stream of batches whose encounters could not be joined, and why.
    """

    def __init__(
        self,
        windows: Sequence[tuple[int, int]],
        radius: Int64,
        handing_on: Mapping[int, Callable[[Opened, Sequence[int]], None]] = MappingProxyType({}),
    ) -> None:
        self._handing_on = handing_on
        self._windows = np.array(windows, np.int64).reshape(-1, 2)
        self.radius = radius
        self._cell = _Cell("", 0)
        self._past: set[str] = set()
        self._names: dict[str, int] = {}
        self._of_cameras: dict[tuple[str, ...], Int64] = {}
        self.broken: dict[tuple[int, int], str] = {}

    @property
    def names(self) -> list[str]:
        """What the candidates' nodes, cameras and cells are called, of all cases."""
        return list(self._names)

    def take(self, batches: Sequence[Opened], near: Near | None) -> Ready:
        """Remember batches of one cell, hours in order, and what is near in them; the candidates that are complete now,
        by case."""
        epoch, ready = batches[0].columns.epoch, Ready()
        if epoch.cell in self._past or (epoch.cell == self._cell.name and epoch.hour < self._cell.hour):
            for one in batches:
                for case in self._of(one):
                    self.broken[case, one.index] = "the batch came out of order, so encounters may be missing"
        if epoch.cell != self._cell.name or epoch.hour < self._cell.hour:
            ready = self.finish()
            self._cell = _Cell(epoch.cell, epoch.hour)
        elif epoch.hour > self._cell.hour and self._cell.fresh >= TOGETHER:
            ready = self._settle(epoch.hour * HOUR_S * 1000)
        self._cell.hour = batches[-1].columns.epoch.hour
        self._remember(batches, near)
        return ready

    def leave(self, memory: Memory) -> None:
        """Hold nothing in this memory any more: it is about to be used again."""
        self._cell.held = [one.copied() if memory.has(one.columns.blob) else one for one in self._cell.held]

    def finish(self) -> Ready:
        """The candidates that still wait, at the end of a cell or of the stream."""
        ready = self._settle(None)
        self._past.add(self._cell.name)
        self._of_cameras.clear()
        self._cell = _Cell("", 0)
        return ready

    def drop(self, case: int) -> None:
        """Forget what waits for a case that has ended."""
        self._cell.waiting = [one.of(one.case != case) for one in self._cell.waiting]
        self._cell.people.forget(case)
        self._cell.following.forget(case)

    def _of(self, opened: Opened) -> list[int]:
        return [case for case in range(len(self._windows)) if opened.cases >> case & 1]

    def _remember(self, batches: Sequence[Opened], near: Near | None) -> None:
        cell = self._cell
        if near is not None:
            cell.waiting.append(near.at(near.row + cell.rows))
        rows = sum(len(one.columns) for one in batches)
        cell.held.extend(batches)
        cell.fresh += rows
        cell.rows += rows

    def _settle(self, now_ms: int | None) -> Ready:
        """Answer whoever cannot be met any more by those who come at `now_ms` or later; None is a cell's end."""
        cell = self._cell
        near, held = joined(cell.waiting) if cell.waiting else None, Held(cell.held, cell.boots)
        if near is None or not len(near):
            ready, left, oldest = Ready(), None, now_ms
        else:
            late = held.moment("end", near.row) >= (2**62 if now_ms is None else now_ms)
            left = near.of(late)
            # A partner was in view at the same moment: began before the hit ended, and ended after the hit began.
            oldest = now_ms and min([now_ms, *held.moment("start", left.row).tolist()])
            ready = self._ready(held, self._hits(held, near.of(~late)), oldest)
        self._let_go(held, left, oldest)
        return ready

    def _let_go(self, held: Held, left: Near | None, oldest: int | None) -> None:
        """Hold on to batches with somebody in view at `oldest` or later; `left` are the hits that wait still."""
        cell = self._cell
        if oldest is None:  # the cell is over, and nobody in it is met any more
            cell.held, cell.waiting, cell.rows, cell.fresh = [], [], 0, 0
            return
        sizes, stay = held.stacked.sizes, _lasting(held, oldest)
        if left is not None:
            kept = np.where(stay, sizes, 0)
            moved = (np.cumsum(kept) - kept) - (np.cumsum(sizes) - sizes)
            left = left.at(left.row + np.repeat(moved, sizes)[left.row])
        cell.waiting = [left] if left is not None and len(left) else []
        cell.held = [one for one, stays in zip(cell.held, stay.tolist(), strict=True) if stays]
        cell.rows, cell.fresh = int(sizes[stay].sum()), 0

    def _hits(self, held: Held, near: Near) -> _Hits:
        """Of what is near a probe: what its mask fits, is within the window and the radius, each sighting once."""
        mask, flags = held.at("mask", near.row), held.at("flags", near.row)
        has = flags & np.array([HAS_FACE, HAS_APPEARANCE])[near.modality] != 0
        windows = self._windows[near.case]
        inside = held.moment("start", near.row) < windows[:, 1]
        inside &= held.moment("end", near.row) >= windows[:, 0]
        near = near.of(has & inside & (near.fits >> mask & 1 == 1))
        distance = all_narrowed(near.distance, near.bits, near.fidelity)
        kept = np.flatnonzero(distance <= self.radius[near.case, near.modality])
        hits = _Hits(near.row, near.case, near.modality, distance, near.bits).of(kept)
        hits = hits.of(np.lexsort((hits.distance, hits.modality, hits.row, hits.case)))
        again = (hits.case[1:] == hits.case[:-1]) & (hits.row[1:] == hits.row[:-1])
        again &= hits.modality[1:] == hits.modality[:-1]
        return hits.of(np.concatenate([np.ones(min(len(hits.row), 1), np.bool_), ~again]))

    def _ready(self, held: Held, hits: _Hits, oldest: int | None) -> Ready:
        if not len(hits.row):
            return []
        asked = InView(hits.row, hits.case, self._windows, lambda: self._camera_of(held))
        found = with_those_in_view(held, asked, met(held, hits.row, hits.case, self._windows))
        self._tell_broken(held, hits)
        self._hand_on(held, hits)
        lasting = {held.kinds[place] for place in np.flatnonzero(_lasting(held, oldest)).tolist()}
        rows, partners = self._candidates(held, hits, found), self._partners(held, hits, found, lasting)
        # Hits stand case by case, and partners as their hits do.
        cases, first = np.unique(hits.case, return_index=True)
        ends = [*first[1:].tolist(), len(rows)]
        after = np.concatenate([[0], np.cumsum(rows["partners"], dtype=np.int64)])
        return [
            (case, rows[begin:end], partners[after[begin] : after[end]])
            for case, begin, end in zip(cases.tolist(), first.tolist(), ends, strict=True)
        ]

    def _tell_broken(self, held: Held, hits: _Hits) -> None:
        """Batches whose encounters are lost to a case: somebody in them may have met one of its candidates."""
        for place, error in held.broken.items():
            first, last, boot = held.since[place], held.until[place], held.boots[place]
            beside = held.boots[held.batch[hits.row]] == boot
            beside &= held.moment("start", hits.row) <= last + _SLACK_MS
            beside &= held.moment("end", hits.row) >= first - _SLACK_MS
            for case in np.unique(hits.case[beside]).tolist():
                if held.batches[place].cases >> case & 1:
                    told = f"{type(error).__name__}: {error.message}"
                    self.broken[case, held.batches[place].index] = told

    def _hand_on(self, held: Held, hits: _Hits) -> None:
        for case, keep in self._handing_on.items():
            rows = hits.row[hits.case == case]
            for place in np.unique(held.batch[rows]).tolist():
                keep(held.batches[place], (rows[held.batch[rows] == place] - held.stacked.begins[place]).tolist())

    def _candidates(self, held: Held, hits: _Hits, found: Meetings) -> Rows:
        made, batch = np.zeros(len(hits.row), HIT), held.batch[hits.row]
        columns = [one.columns for one in held.batches]
        made["node"] = np.array([self._named(one.node) for one in columns])[batch]
        made["boot"] = np.array([one.boot for one in columns])[batch]
        made["camera"] = self._camera_of(held, hits.row)
        made["cell"] = self._named(self._cell.name)
        made["hour"] = np.array([one.epoch.hour for one in columns])[batch]
        made["start"], made["end"] = held.moment("start", hits.row), held.moment("end", hits.row)
        for name in ("number", "mask", "quality", "east", "north"):
            made[name] = held.at(name, hits.row)
        made["distance"], made["bits"], made["modality"] = hits.distance, hits.bits, hits.modality
        made["partners"] = np.bincount(found.hit, minlength=len(made))
        return made

    def _partners(self, held: Held, hits: _Hits, found: Meetings, lasting: set[tuple[int, str]]) -> Rows:
        made, case = np.zeros(len(found), MET), hits.case[found.hit]
        row = held.rows_of(found.partner, case)
        made["number"] = found.partner & _NUMBER
        for place, name in enumerate(("start", "end", "nearest", "error")):
            made[name] = found.facts[:, place]
        made["near"] = found.facts[:, 4:]
        known = row >= 0
        made["mask"] = FaceMask.UNKNOWN
        made["mask"][known] = held.at("mask", row[known])
        made["person"] = NOBODY
        seen = np.flatnonzero(known)
        made["person"][seen] = self._people(held, case[seen], row[seen], lasting)
        return made

    def _people(self, held: Held, case: Int64, row: Int64, lasting: set[tuple[int, str]]) -> Int64:
        """The person in each of some sightings that were met, by the face and as they are followed."""
        cell = self._cell
        kinds = [cell.kinds.setdefault(kind, len(cell.kinds)) for kind in held.kinds]
        wanted = {cell.kinds[kind] for kind in lasting if kind in cell.kinds}
        pairs = case << KEY_BITS | held.key[row]
        _, first, which = np.unique(pairs, return_index=True, return_inverse=True)
        case, row = case[first], row[first]
        kind, known = np.array(kinds, np.int64)[held.batch[row]], cell.people.counts
        met = seen_again(held, row, case, kind, lambda: self._camera_of(held))
        faces = np.flatnonzero(met.has[:, 0])
        if len(faces):
            met.person[faces] = cell.people.number(
                Asked(case[faces], kind[faces], met.key[faces], met.face[faces]), wanted
            )
        return np.asarray(cell.following.number(met, cell.people, known, wanted)[which])

    def _camera_of(self, held: Held, rows: Int64 | None = None) -> Int64:
        """The camera of each row, or of some, by its place among all names."""
        columns = [one.columns for one in held.batches]
        begins = np.cumsum([0, *(len(one.cameras) for one in columns)])
        named = np.concatenate([self._cameras(one.cameras) for one in columns])
        batch = held.batch if rows is None else held.batch[rows]
        camera = held.column("camera") if rows is None else held.at("camera", rows)
        return np.asarray(named[begins[batch] + camera])

    def _cameras(self, names: tuple[str, ...]) -> Int64:
        # A node names the same cameras in every batch.
        known = self._of_cameras.get(names)
        if known is None:
            known = self._of_cameras[names] = np.array([self._named(name) for name in names], np.int64)
        return known

    def _named(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))


def _lasting(held: Held, oldest: int | None) -> npt.NDArray[np.bool_]:
    """In which batches somebody may yet be met; in none once the cell is over."""
    return held.until >= (2**62 if oldest is None else oldest)
