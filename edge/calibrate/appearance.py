"""Is the same person found again in another camera by clothes and shape?

Every picture of one camera asks, those of the other are the gallery. The map among the weights has learned from such
pictures, so each fifth of the people is asked for through a map learned from the other four fifths only. The gallery
shows all people, as is usual; that the others in it are known to the map flatters the figures somewhat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.calibrate import BadMaterial
from edge.calibrate.curves import Floats, retrieval
from edge.calibrate.learning import within_people
from edge.models.appearance_embedder import INT8_MODEL, MODEL, StripeReader
from edge.models.catalogue import open_model
from edge.register import read_picture
from shared.codes import APPEARANCE_BITS, encode, hamming

QUERY, GALLERY = "01", "02"
_FOLDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Stripes [n, 640] of the pictures of one camera, and who is on each."""

    stripes: Floats
    people: npt.NDArray[np.str_]

    @classmethod
    def of(cls, paths: list[Path], model: str) -> Seen:
        reader = StripeReader(open_model(model))
        stripes = np.stack([reader.read(read_picture(path)) for path in paths])
        return cls(stripes, np.array([path.parent.name for path in paths]))


def calibrate_appearance(images: Path) -> dict[str, dict[str, float]]:
    """Rows float, int8 and coded (from the float model, as on the box) of a folder with a folder a person.

    Its pictures are called CAMERA_ORIENTATION.png. Raises BadMaterial, NotAPicture, InferenceError kinds.
    """
    query, gallery = listed(images, QUERY), listed(images, GALLERY)
    asked, held = Seen.of(query, MODEL), Seen.of(gallery, MODEL)
    floats, coded = compare(asked, held)
    int8, _ = compare(Seen.of(query, INT8_MODEL), Seen.of(gallery, INT8_MODEL))
    rows = {"float": floats, "int8": int8, "coded": coded}
    return {row: retrieval(scores, asked.people, held.people) for row, scores in rows.items()}


def compare(asked: Seen, held: Seen) -> tuple[Floats, Floats]:
    """Cosines, and minus Hamming distances of codes, [asked, held], by maps that never saw who is asked for."""
    cosines = np.zeros((len(asked.people), len(held.people)))
    agreement = np.zeros_like(cosines)
    for fold, people in enumerate(_folds(asked.people)):
        mine, learned = np.isin(asked.people, people), ~np.isin(held.people, people)
        across = within_people(
            np.concatenate([asked.stripes[~mine], held.stripes[learned]]),
            np.concatenate([asked.people[~mine], held.people[learned]]),
        )
        a = np.stack([across(x) for x in asked.stripes[mine]])
        b = np.stack([across(x) for x in held.stripes])
        key = hashlib.sha256(f"calibrate {fold}".encode()).digest()
        codes = [encode(x, key, APPEARANCE_BITS) for x in (a, b)]
        cosines[mine], agreement[mine] = a @ b.T, -hamming(codes[0][:, None], codes[1][None])
    return cosines, agreement


def listed(images: Path, camera: str) -> list[Path]:
    """The pictures of one camera. Raises BadMaterial."""
    found = sorted(images.glob(f"*/{camera}_*.png"))
    if len({path.parent for path in found}) < _FOLDS:
        hint = f"give a folder with a folder a person, at least {_FOLDS}, and pictures {camera}_1.png and so on in each"
        raise BadMaterial(f"{images} holds too few pictures of camera {camera}", hint=hint)
    return found


def _folds(people: npt.NDArray[np.str_]) -> Iterator[npt.NDArray[np.str_]]:
    names = np.unique(people)
    for fold in range(_FOLDS):
        yield names[fold::_FOLDS]
