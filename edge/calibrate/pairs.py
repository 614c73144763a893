"""Pairs of photos and the face in each: the material of the figures about faces."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from edge.calibrate import BadMaterial
from edge.model_vision import ModelVision
from edge.pictures import cut, resize
from edge.registered_photos import read_picture
from edge.vision import Face, Picture

Found = tuple[Picture, Face]
Tell = Callable[[str], None]

TELL_EVERY: Final = 100
_WIDEST_PX: Final = 250.0  # faces; no model sees more of one


def silent(_words: str) -> None:
    """Progress that nobody asked for."""


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
    except (KeyError, TypeError, UnicodeDecodeError, csv.Error):
        raise BadMaterial(f"{path} is no list of pairs", hint="give a CSV file with columns a, b and same") from None
    if len({pair.same for pair in pairs}) < 2:
        raise BadMaterial(f"{path} needs pairs of one person and pairs of two", hint="add what is missing")
    return pairs


def people_of(pairs: Sequence[Pair]) -> dict[str, str]:
    """Who is on each photo: the folder that it lies in, as the pairs must say too. Raises BadMaterial.

    The pairs alone do not tell: people of two pairs that share no photo may be one person.
    """
    who = {name: str(PurePosixPath(name).parent) for pair in pairs for name in (pair.a, pair.b)}
    if "." in who.values():
        hint = "put the photos of each person into a folder of their own, and write FOLDER/PHOTO into the list"
        raise BadMaterial("who is on which photo is not known", hint=hint)
    for pair in pairs:
        if pair.same != (who[pair.a] == who[pair.b]):
            said = "one person" if pair.same else "two people"
            hint = "correct the list, or move the photo to whom it shows"
            raise BadMaterial(f"the list says {said} of {pair.a} and {pair.b}, the folders do not", hint=hint)
    return who


def find_all(pairs: Sequence[Pair], images: Path, vision: ModelVision, tell: Tell = silent) -> dict[str, Found]:
    """Each photo that shows a face, with the face nearest to its middle. Raises NotAPicture."""
    found: dict[str, Found] = {}
    names = sorted({name for pair in pairs for name in (pair.a, pair.b)})
    for count, name in enumerate(names, 1):
        rgb = read_picture(images / name)
        if (face := middle_face(vision.find_faces(rgb), rgb)) is not None:
            found[name] = around(rgb, face)
        if count % TELL_EVERY == 0:
            tell(f"looked for faces in {count:,} of {len(names):,} photos")
    return found


def around(rgb: Picture, face: Face) -> Found:
    """The face with a margin as wide as itself, and no larger than is of use: hundreds are kept at once."""
    x1, y1, x2, y2 = face.box
    width, height = x2 - x1, y2 - y1
    left, top = max(0, int(x1 - width)), max(0, int(y1 - height))
    kept = cut(rgb, np.array([left, top, x2 + width, y2 + height]))
    if kept is None:
        return rgb, face
    inside, scale = face.moved(-left, -top), min(1.0, _WIDEST_PX / float(width))
    if scale == 1.0:
        return kept.copy(), inside
    small = resize(kept, max(1, round(kept.shape[1] * scale)), max(1, round(kept.shape[0] * scale)))
    return small, Face(inside.box * np.float32(scale), inside.landmarks * np.float32(scale), face.score)


def middle_face(faces: Sequence[Face], rgb: Picture) -> Face | None:
    """The one nearest to the middle of the picture, which is whom the photo is of."""
    middle = np.array([rgb.shape[1], rgb.shape[0]]) / 2

    def off(face: Face) -> float:
        return float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - middle))

    return min(faces, key=off, default=None)
