"""Pairs of photos and the face in each: the material of the figures about faces."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.calibrate import BadMaterial
from edge.model_vision import ModelVision
from edge.registered_photos import read_picture
from edge.vision import Face, Picture

Found = tuple[Picture, Face]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, as paths below the folder, and whether they show the same person."""

    a: str
    b: str
    same: bool


def read_pairs(path: Path) -> list[Pair]:
    """A CSV file with the columns a, b and same (0 or 1). Raises BadMaterial."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            pairs = [Pair(row["a"], row["b"], {"0": False, "1": True}[row["same"]]) for row in csv.DictReader(file)]
    except OSError as error:
        raise BadMaterial(f"cannot read {path}: {error.strerror}", hint="check the path") from None
    except (KeyError, TypeError, UnicodeDecodeError):
        raise BadMaterial(f"{path} is no list of pairs", hint="give a CSV file with columns a, b and same") from None
    if len({pair.same for pair in pairs}) < 2:
        raise BadMaterial(f"{path} needs pairs of one person and pairs of two", hint="add what is missing")
    return pairs


def find_all(pairs: Sequence[Pair], images: Path, vision: ModelVision) -> dict[str, Found]:
    """Each photo that shows a face, with the face nearest to its middle. Raises NotAPicture."""
    found: dict[str, Found] = {}
    for name in sorted({name for pair in pairs for name in (pair.a, pair.b)}):
        rgb = read_picture(images / name)
        if (face := middle_face(vision.find_faces(rgb), rgb)) is not None:
            found[name] = (rgb, face)
    return found


def middle_face(faces: Sequence[Face], rgb: Picture) -> Face | None:
    """The one nearest to the middle of the picture, which is whom the photo is of."""
    middle = np.array([rgb.shape[1], rgb.shape[0]]) / 2

    def off(face: Face) -> float:
        return float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - middle))

    return min(faces, key=off, default=None)
