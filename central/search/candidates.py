"""What a search answers: scored sightings and who was near them. No code, no key, no stranger's score.

A city gives a template a hundred thousand candidates, so they are kept and travel as columns; objects are made when
somebody looks at them.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from shared.clock import from_unix
from shared.epochs import Epoch, Modality
from shared.errors import BadInput
from shared.face_mask import FaceMask
from shared.sightings import NOWHERE, REACHES_M, parse_sighting_id, sighting_id
from shared.wire import pack, unpack

Rows = npt.NDArray[Any]  # of one of the types below
MODALITIES = tuple(Modality)
NOBODY = -1  # in the place of a person who was not told apart, or of seconds that were not counted
UNMEASURED = 2**32 - 1  # in the place of a distance that was not measured
# Of a candidate: node, camera and cell are places in a list of names, times Unix milliseconds, positions centimetres.
HIT = np.dtype(
    [
        *((name, "<u4") for name in ("node", "boot", "number", "camera", "cell", "hour", "partners")),
        *((name, "<i8") for name in ("start", "end")),
        *((name, "<u2") for name in ("distance", "bits")),
        *((name, "<i2") for name in ("east", "north")),
        *((name, "u1") for name in ("modality", "mask", "quality")),
    ]
)
# Of a partner: lengths in centimetres, the time within each of REACHES_M in milliseconds.
MET = np.dtype(
    [
        *((name, "<i8") for name in ("start", "end")),
        *((name, "<u4") for name in ("number", "nearest", "error")),
        ("person", "<i4"),
        ("near", "<i4", (len(REACHES_M),)),
        ("mask", "u1"),
    ]
)


@dataclass(frozen=True, slots=True)
class Partner:
    """A sighting that an encounter joins to a candidate, or the same view; `number` counts in the candidate's node and
    boot. `min_distance_m` is None where nothing was measured.

    Partners with the same `person` in one cell look like one person, who was encoded under one epoch's key, or were
    followed as one from track to track; None where no face was seen and nobody was followed. It is a number of this
    answer and means nothing in another. `mask` is unknown where the batch of the partner was not in scope or did not
    open. `near_s` are the seconds within each of REACHES_M, where counted.
    """

    number: int
    start: datetime
    end: datetime
    min_distance_m: float | None
    distance_error_m: float
    mask: FaceMask
    person: int | None = None
    near_s: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sighting within the search radius: `distance` of `bits` bits differ from the nearest probe.

    `sighting` is "node/boot/number"; `quality` is 0..1; the position is in metres, local to the camera.
    """

    sighting: str
    node: str
    camera: str
    start: datetime
    end: datetime
    modality: Modality
    distance: int
    bits: int
    mask: FaceMask
    quality: float
    east_m: float | None
    north_m: float | None
    epoch: Epoch
    partners: tuple[Partner, ...] = ()


class Candidates(Sequence[Candidate]):
    """Candidates as columns: rows of HIT, and of MET for their partners, those of the first candidate first."""

    def __init__(self, names: Sequence[str] = (), hits: Rows | None = None, met: Rows | None = None) -> None:
        self.names = tuple(names)
        self.hits = np.empty(0, HIT) if hits is None else hits
        self.met = np.empty(0, MET) if met is None else met

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, at: int) -> Candidate: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, at: int | slice) -> Candidate | tuple[Candidate, ...]:
        return self._made[at]

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._made)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._made == tuple(other)

    def __hash__(self) -> int:
        return hash(self._made)

    @cached_property
    def _made(self) -> tuple[Candidate, ...]:
        # Objects by the hundred thousand, none of which is garbage: looking for some again and again takes a third.
        paused = gc.isenabled()
        gc.disable()
        try:
            return tuple(made(self))
        finally:
            if paused:
                gc.enable()


def one_below_the_other(parts: Iterable[Rows], kind: np.dtype[Any]) -> Rows:
    """Rows of one type, to be read only. numpy compares the fields of every two types before it joins them, which
    takes eighty times as long as the bytes do."""
    return np.frombuffer(b"".join(part.tobytes() for part in parts), kind)


def taken(hits: Rows, met: Rows, order: npt.NDArray[np.intp]) -> tuple[Rows, Rows]:
    """Some of the candidates, in this order, with their partners."""
    counts = hits["partners"].astype(np.int64)
    begins = np.cumsum(counts) - counts
    some = counts[order]
    place = np.repeat(begins[order] - (np.cumsum(some) - some), some) + np.arange(some.sum())
    return hits.take(order), met.take(place)  # which copies a row at once; brackets copy it field by field


def named(names: Sequence[str], hits: Rows, met: Rows) -> Candidates:
    """Candidates that know the names of their own nodes, cameras and cells, and no others."""
    fields = ("node", "camera", "cell")
    used, places = np.unique(np.stack([hits[name] for name in fields]), return_inverse=True)
    hits = hits.copy()
    for name, place in zip(fields, places.reshape(len(fields), -1), strict=True):
        hits[name] = place
    return Candidates([names[at] for at in used.tolist()], hits, met)


def rows_named(names: Sequence[str], hits: Rows, sightings: Collection[str]) -> npt.NDArray[np.bool_]:
    """Which rows are of these sightings."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for sighting in sightings:
        with suppress(BadInput):  # what is no sighting's name names none
            node, boot, number = parse_sighting_id(sighting)
            wanted[node].append(boot << 32 | number)
    found = np.zeros(len(hits), np.bool_)
    for place, name in enumerate(names):
        if name in wanted:
            of_node = np.flatnonzero(hits["node"] == place)
            keys = hits["boot"][of_node].astype(np.int64) << 32 | hits["number"][of_node]
            found[of_node] = np.isin(keys, wanted[name])
    return found


def some_named(some: Sequence[Candidate], sightings: Collection[str], *, others: bool = False) -> Sequence[Candidate]:
    """The candidates of these sightings, or all others."""
    if not isinstance(some, Candidates):
        return tuple(one for one in some if (one.sighting in sightings) != others)
    kept = np.flatnonzero(rows_named(some.names, some.hits, sightings) != others)
    return Candidates(some.names, *taken(some.hits, some.met, kept))


def counted(some: Sequence[Candidate]) -> Counter[tuple[Modality, FaceMask]]:
    """How many candidates there are, by modality and face mask."""
    if not isinstance(some, Candidates):
        return Counter((one.modality, one.mask) for one in some)
    kinds, counts = np.unique(some.hits["modality"].astype(np.int64) << 8 | some.hits["mask"], return_counts=True)
    known = [(MODALITIES[kind >> 8], _MASKS[kind & 255]) for kind in kinds.tolist()]
    return Counter(dict(zip(known, counts.tolist(), strict=True)))


def merged(names: Sequence[str], hits: Rows, met: Rows) -> Candidates:
    """One candidate a sighting and modality, the nearest, in order of time."""
    same = ("node", "boot", "number", "modality")
    order = np.lexsort((hits["start"], hits["distance"], *(hits[name] for name in same)))
    inside, first = hits.take(order), np.ones(len(order), np.bool_)
    first[1:] = np.logical_or.reduce([inside[name][1:] != inside[name][:-1] for name in same])
    best = order[first]
    rank = np.argsort(np.argsort(np.array(names, object))) if len(names) else np.empty(0, np.int64)
    of = hits.take(best)
    in_time = np.lexsort((of["modality"], of["number"], of["boot"], rank[of["node"]], of["start"]))
    return named(names, *taken(hits, met, best[in_time]))


def side_by_side(parts: Sequence[Candidates]) -> Candidates:
    """The answers of several workers as one, in order of time."""
    names: dict[str, int] = {}
    hits, met = list[Rows](), list[Rows]()
    for one in parts:
        moved, place = one.hits.copy(), np.array([names.setdefault(name, len(names)) for name in one.names], np.uint32)
        for name in ("node", "camera", "cell"):
            moved[name] = place[moved[name]]
        hits.append(moved)
        met.append(one.met)
    return merged(list(names), one_below_the_other(hits, HIT), one_below_the_other(met, MET))


def nearest(parts: Sequence[Candidates], most: int) -> tuple[list[Candidates], dict[Modality, int]]:
    """No more than `most` of each modality, the nearest ones, and the largest distance that is left of those that were
    cut; all of one distance stay or go together, so that how a search was divided changes nothing."""
    limits: dict[Modality, int] = {}
    for place, modality in enumerate(MODALITIES):
        of_it = [one.hits["distance"][one.hits["modality"] == place] for one in parts]
        counts = np.bincount(np.concatenate(of_it)) if of_it else np.zeros(1, np.int64)
        if counts.sum() > most:
            limits[modality] = limit(counts, most)
    if not limits:
        return list(parts), limits
    return [within(one, limits) for one in parts], limits


def limit(counts: npt.NDArray[np.int64], most: int) -> int:
    """The largest distance up to which there are no more than `most`, by their numbers at each distance; the smallest
    distance that there is where even its own are more."""
    return max(int(np.searchsorted(np.cumsum(counts), most, "right")) - 1, int(np.flatnonzero(counts)[0]))


def within(some: Candidates, limits: Mapping[Modality, int]) -> Candidates:
    """Those no farther than the limit of their modality, if it has one."""
    far = np.array([limits.get(modality, 2**16 - 1) for modality in MODALITIES])
    kept = np.flatnonzero(some.hits["distance"] <= far[some.hits["modality"]])
    return Candidates(some.names, *taken(some.hits, some.met, kept))


def made(some: Candidates) -> Iterator[Candidate]:
    """An object for each."""
    hits, names = some.hits, some.names
    epochs: dict[tuple[int, int], Epoch] = {}
    partners = _partners(some.met)
    columns = (hits[name].tolist() for name in HIT.names or ())
    for node, boot, number, camera, cell, hour, many, start, end, distance, bits, *rest in zip(*columns, strict=True):
        east, north, modality, mask, quality = rest
        epoch = epochs.get((cell, hour)) or epochs.setdefault((cell, hour), Epoch(names[cell], hour))
        yield Candidate(
            sighting=sighting_id(names[node], boot, number),
            node=names[node],
            camera=names[camera],
            start=from_unix(start / 1000),
            end=from_unix(end / 1000),
            modality=MODALITIES[modality],
            distance=distance,
            bits=bits,
            mask=_MASKS[mask],
            quality=quality / 255,
            east_m=None if east == NOWHERE else east / 100,
            north_m=None if north == NOWHERE else north / 100,
            epoch=epoch,
            partners=tuple(next(partners) for _ in range(many)),
        )


_MASKS = tuple(FaceMask(value) for value in range(len(FaceMask)))


def _partners(met: Rows) -> Iterator[Partner]:
    columns = (met[name].tolist() for name in MET.names or ())
    for start, end, number, distance, error, person, near, mask in zip(*columns, strict=True):
        yield Partner(
            number=number,
            start=from_unix(start / 1000),
            end=from_unix(end / 1000),
            min_distance_m=None if distance == UNMEASURED else distance / 100,
            distance_error_m=error / 100,
            mask=_MASKS[mask],
            person=None if person == NOBODY else person,
            near_s=None if near[0] < 0 else tuple(ms / 1000 for ms in near),
        )


def candidates_to_bytes(candidates: Iterable[Candidate]) -> bytes:
    """CBOR {names, hits, met} of a search's answer; an answer without any may be an empty tuple."""
    some = candidates if isinstance(candidates, Candidates) else Candidates()
    if not isinstance(candidates, Candidates) and any(True for _ in candidates):
        raise BadInput("only what a search found travels", hint="pass the candidates of its answer")
    return pack({"names": list(some.names), "hits": some.hits.tobytes(), "met": some.met.tobytes()})


def candidates_from_bytes(raw: bytes) -> Candidates:
    """The inverse of candidates_to_bytes; BadInput when the bytes are anything else."""
    document = unpack(raw, BadInput, "a list of candidates")
    try:
        names, hits = document["names"], np.frombuffer(document["hits"], HIT)
        met = np.frombuffer(document["met"], MET)
        places = [hits[name] for name in ("node", "camera", "cell")]
        fits = all(isinstance(name, str) for name in names) and int(hits["partners"].sum(dtype=np.int64)) == len(met)
        fits = fits and (not len(hits) or int(np.max(places)) < len(names))
        fits = fits and bool((hits["mask"] < len(_MASKS)).all() and (met["mask"] < len(_MASKS)).all())
        fits = fits and bool((hits["modality"] < len(MODALITIES)).all())
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise BadInput("This is no list of candidates.", hint="Run the search again.")
    return Candidates(names, hits, met)
