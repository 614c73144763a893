"""The likeliest of a search's candidates, chosen by their columns.

A search answers fifty thousand candidates of a case, of which 1,500 are weighed against each other at most. Making an
object of each and weighing it alone took longer than all the rest of a route; here only the chosen become objects. What
is chosen, and what is counted, is what `observations` would choose and count one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from central.routes.camera_graph import CameraGraph, Floats
from central.routes.searched import Searched
from central.search.candidates import MODALITIES, Candidates, Rows, rows_named, taken
from shared.calibration.curves import Calibration
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask

Bools = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Likeliest:
    """Candidates of the sightings that were chosen; how many candidates and sightings were left out, and how many
    fitted, by modality."""

    candidates: Candidates
    left_out: int
    found: Counter[Modality]


class _Kind(NamedTuple):
    """What decides which curve a distance is read by (`Compared` in shared/calibration)."""

    modality: Modality
    bits: int
    mask: FaceMask
    quality: float


def likeliest(
    some: Candidates,
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    confirmed: Collection[str],
    searched: Searched,
    most: int,
) -> Likeliest | None:
    """No fewer than the `most` likeliest sightings, all that are as likely as the last of them, and those confirmed.

    None where a sighting is found twice by one modality: then the nearer is to be chosen first. Raises
    CalibrationMissing.
    """
    number = {name: at for at, name in enumerate(some.names)}  # one for a name that stands twice
    placed = np.flatnonzero(_fitting(some, number, graph, window))
    hits = some.hits.take(placed)
    sighting = _sightings(_numbers(some.names, number), hits)
    modality = hits["modality"].astype(np.int64)
    if len(np.unique(sighting * len(MODALITIES) + modality)) < len(hits):
        return None
    count = int(sighting.max()) + 1 if len(hits) else 0
    # A sum of two numbers, whose order does not matter.
    ratio = np.bincount(sighting, _log_ratios(some.names, hits, sighting, calibration, searched), count)
    chosen = np.ones(count, np.bool_)
    if count > most:
        chosen = ratio >= np.partition(ratio, count - most)[count - most]
        chosen[sighting[rows_named(some.names, hits, confirmed)]] = True
    kept = placed[chosen[sighting]]
    found = Counter({MODALITIES[at]: n for at, n in enumerate(np.bincount(modality).tolist()) if n})
    left_out = len(some) - len(placed) + count - int(chosen.sum())
    return Likeliest(Candidates(some.names, *taken(some.hits, some.met, kept)), left_out, found)


def _numbers(names: Iterable[str], number: Mapping[str, int]) -> Int64:
    """-1 for what has none."""
    return np.array([number.get(name, -1) for name in names], np.int64)


def _fitting(
    some: Candidates, number: Mapping[str, int], graph: CameraGraph, window: tuple[datetime, datetime]
) -> Bools:
    """Known camera, in the cell whose key was used, at a time that can be, within the window."""
    known, hits = [graph.places.get(name) for name in some.names], some.hits
    cell_of = _numbers([place.cell if place else "" for place in known], number)
    begin, end = (moment.timestamp() * 1000 for moment in window)
    fits = cell_of[hits["camera"]] == _numbers(some.names, number)[hits["cell"]]
    fits &= hits["start"] <= hits["end"]
    return np.asarray(fits & (hits["start"] < end) & (hits["end"] >= begin), np.bool_)


def _sightings(names: Int64, hits: Rows) -> Int64:
    """A number for each row's sighting, counted from 0."""
    _, boot = np.unique(names[hits["node"]] << 32 | hits["boot"], return_inverse=True)
    _, sighting = np.unique(boot.astype(np.int64) << 32 | hits["number"], return_inverse=True)
    return sighting.astype(np.int64)


def _log_ratios(
    names: tuple[str, ...], hits: Rows, sighting: Int64, calibration: Calibration, searched: Searched
) -> Floats:
    """What each row's distance says; nothing of clothes that are the very ones that were handed on."""
    kinds, which = _kinds(hits)
    of_kind = [calibration.curve(kind) for kind in kinds]
    curves = list(dict.fromkeys(of_kind))
    curve = np.array([curves.index(one) for one in of_kind], np.int64)[which]
    worn = hits["modality"] == MODALITIES.index(Modality.APPEARANCE)
    pictures = 1 + (worn & _in_epochs(names, hits, searched.two_pictures))
    ratio = np.zeros(len(hits))
    for at, one in enumerate(curves):
        for count in (1, 2):
            rows = np.flatnonzero((curve == at) & (pictures == count))
            if len(rows):
                ratio[rows] = one.tables(0, count).log_ratio[hits["distance"][rows]]
    itself = worn & ((hits["distance"] == 0) | rows_named(names, hits, searched.sources))
    ratio[itself & (np.bincount(sighting, minlength=1)[sighting] > 1)] = 0.0
    return ratio


def _kinds(hits: Rows) -> tuple[list[_Kind], Int64]:
    """What occurs, and which of these each row is."""
    packed = hits["bits"].astype(np.int64)
    for name in ("quality", "mask", "modality"):
        packed = packed << 8 | hits[name]
    kinds, which = np.unique(packed, return_inverse=True)
    found = [
        _Kind(MODALITIES[kind & 255], kind >> 24, FaceMask(kind >> 8 & 255), (kind >> 16 & 255) / 255)
        for kind in kinds.tolist()
    ]
    return found, which.astype(np.int64)


def _in_epochs(names: tuple[str, ...], hits: Rows, epochs: Collection[Epoch]) -> Bools:
    inside = np.zeros(len(hits), np.bool_)
    if epochs:
        wanted = {(one.cell, one.hour) for one in epochs}
        pairs, which = np.unique(hits["cell"].astype(np.int64) << 32 | hits["hour"], return_inverse=True)
        known = [(names[pair >> 32], pair & 2**32 - 1) in wanted for pair in pairs.tolist()]
        inside = np.array(known, np.bool_)[which]
    return inside
