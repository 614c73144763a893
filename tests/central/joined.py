"""Hits named one by one, for tests of what is joined with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from central.search.candidates import MODALITIES, Candidate, Candidates, merged
from central.search.neighbours import Neighbours, Ready
from central.search.opened import Near, Opened
from shared.codes import FACE_BITS
from shared.epochs import Modality

EVERYTHING = np.full((32, len(MODALITIES)), FACE_BITS)  # a radius
_EVERY_MASK = 0b1111


class Hit(NamedTuple):
    """One row of an opened batch within reach of one case's probes."""

    row: int
    modality: Modality = Modality.FACE
    distance: int = 10
    bits: int = FACE_BITS
    case: int = 0


def near_of(hits: Sequence[Hit]) -> Near | None:
    """The same in columns."""
    if not hits:
        return None
    rows = [(hit.row, hit.case, hit.distance, _EVERY_MASK, MODALITIES.index(hit.modality), hit.bits) for hit in hits]
    row, case, distance, fits, modality, bits = np.array(rows, np.int64).T
    return Near(row, case, distance, fits, modality, bits, np.ones(len(hits)))


def joining(*windows: tuple[int, int]) -> Neighbours:
    """What joins the hits of some cases with whom they met."""
    return Neighbours(windows, EVERYTHING[: len(windows)])


def took(near: Neighbours, opened: Opened, hits: Sequence[Hit]) -> Ready:
    """One batch and its hits."""
    return near.take([opened], near_of(hits))


def answer(near: Neighbours, ready: Ready, case: int = 0) -> list[Candidate]:
    """The candidates of one case."""
    return [one for at, *rows in ready if at == case for one in Candidates(near.names, *rows)]


def all_of(near: Neighbours, parts: Iterable[Ready], case: int = 0) -> Sequence[Candidate]:
    """One candidate a sighting and modality of one case, the nearest, in order of time."""
    some = [rows for ready in parts for at, *rows in ready if at == case]
    hits, met = zip(*some, strict=True) if some else ((), ())
    return merged(near.names, *(np.concatenate(list(rows)) for rows in (hits, met))) if some else Candidates()
