"""What a search answers: scored sightings and who was near them. No code, no key, no stranger's score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clock import from_unix
from shared.epochs import Epoch, Modality
from shared.errors import BadInput
from shared.face_mask import FaceMask
from shared.wire import pack, unpack


@dataclass(frozen=True, slots=True)
class Partner:
    """A sighting that an encounter joins to a candidate; `number` counts in the candidate's node and boot.

    Partners with the same `person` in one cell look like one person, who was encoded under one epoch's key; None where
    no face was seen. It is a number of this answer and means nothing in another. `mask` is unknown where the batch
    of the partner was not in scope or did not open. `near_s` are the seconds within each of REACHES_M, where counted.
    """

    number: int
    start: datetime
    end: datetime
    min_distance_m: float
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


def candidates_to_bytes(candidates: Iterable[Candidate]) -> bytes:
    """CBOR rows in a fixed field order; times are whole Unix milliseconds."""
    return pack([_row(candidate) for candidate in candidates])


def candidates_from_bytes(raw: bytes) -> tuple[Candidate, ...]:
    """The inverse of candidates_to_bytes; BadInput when the bytes are anything else."""
    rows = unpack(raw, BadInput, "a list of candidates")
    try:
        return tuple(_candidate(row) for row in rows)
    except (ValueError, TypeError) as error:
        raise BadInput("This is no list of candidates.", hint="Run the search again.") from error


def _row(c: Candidate) -> list[Any]:
    times = [_ms(c.start), _ms(c.end)]
    score = [c.modality.value, c.distance, c.bits, int(c.mask), round(c.quality * 255)]
    place = [c.east_m, c.north_m, c.epoch.cell, c.epoch.hour]
    return [c.sighting, c.node, c.camera, *times, *score, *place, [_partner_row(p) for p in c.partners]]


def _partner_row(p: Partner) -> list[Any]:
    near = None if p.near_s is None else list(p.near_s)
    return [p.number, _ms(p.start), _ms(p.end), p.min_distance_m, p.distance_error_m, int(p.mask), p.person, near]


def _candidate(row: list[Any]) -> Candidate:
    sighting, node, camera, start, end, modality, distance, bits, mask, quality, *place = row
    east_m, north_m, cell, hour, partners = place
    return Candidate(
        sighting=sighting,
        node=node,
        camera=camera,
        start=_time(start),
        end=_time(end),
        modality=Modality(modality),
        distance=distance,
        bits=bits,
        mask=FaceMask(mask),
        quality=quality / 255,
        east_m=east_m,
        north_m=north_m,
        epoch=Epoch(cell, hour),
        partners=tuple(_partner(partner) for partner in partners),
    )


def _partner(row: list[Any]) -> Partner:
    number, start, end, nearest, error, mask, person, near = row
    near_s = None if near is None else tuple(float(seconds) for seconds in near)
    return Partner(number, _time(start), _time(end), nearest, error, FaceMask(mask), person, near_s)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return from_unix(ms / 1000)
