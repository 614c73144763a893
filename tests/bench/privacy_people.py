"""Embeddings of people for the privacy figures: of photos where there are any, otherwise simulated, and said so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.calibrate.pairs import Found, find_all, read_pairs, silent
from edge.calibrate.walks import walk_all
from edge.model_vision import ModelVision
from edge.models.catalogue import open_model
from edge.models.face_aligner import align
from edge.models.face_embedder import FLOAT_MODEL, MODEL, FaceEmbedder
from shared.codes import FACE_BITS, encode

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "lfw_view1_test"
MASKED_FACES = 500  # nineteen embeddings each

Floats = npt.NDArray[np.float32]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """n pictures: who is on each, and unit embeddings [n, d] by the model of a box."""

    who: Names
    faces: Floats
    about: str

    @property
    def often(self) -> npt.NDArray[np.intp]:
        """Pictures of people who are on more than one."""
        count = Counter(self.who)
        return np.flatnonzero([count[name] > 1 for name in self.who])

    @property
    def once(self) -> npt.NDArray[np.intp]:
        """Pictures of people who are on no other."""
        return np.setdiff1d(np.arange(len(self.who)), self.often)


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Photos with a face, embedded by the float model as well; `lost` is the share of photos without a face found.

    Of `who_masked`, templates with drawn masks and what a street camera sees of them masked, [k, d] each.
    """

    people: People
    by_float_model: Floats
    lost: float
    who_masked: Names
    masked_templates: Floats
    seen_masked: Floats


def read_photos(folder: Path = PHOTOS) -> Photos | None:
    """Every photo of the list of pairs; None where there is no such folder."""
    if not folder.exists():
        return None
    pairs = read_pairs(folder / "pairs.csv")
    vision = ModelVision.load()
    found = find_all(pairs, folder / "images", vision)
    listed = {name for pair in pairs for name in (pair.a, pair.b)}
    people = People(_who(found), _embedded(MODEL, found), f"{len(found):,} photos of Labelled Faces in the Wild")
    some = {list(found)[at]: list(found.values())[at] for at in people.often[:MASKED_FACES]}
    walks = walk_all(some, vision, silent).found()
    return Photos(
        people,
        _embedded(FLOAT_MODEL, found),
        1 - len(found) / len(listed),
        _who(walks.names),
        walks.masked,
        walks.seen_masked[:, 0],
    )


def simulated(rng: np.random.Generator, often: int = 480, once: int = 560) -> People:
    """Directions without the structure of real faces: `often` people twice at a cosine near 0.65, `once` once."""
    first, noise = rng.standard_normal((2, often, 192))
    first, noise = unit_rows(first), unit_rows(noise)
    cosine = np.clip(rng.normal(0.65, 0.12, (often, 1)), 0.2, 0.99)
    noise = unit_rows(noise - (noise * first).sum(axis=1, keepdims=True) * first)
    second = cosine * first + np.sqrt(1 - cosine**2) * noise
    faces = np.concatenate([first, second, unit_rows(rng.standard_normal((once, 192)))]).astype(np.float32)
    who = np.array([f"twice-{n}" for n in range(often)] * 2 + [f"once-{n}" for n in range(once)])
    return People(who, faces, "simulated embeddings, for there are no pictures here")


def signs(faces: Floats, key: bytes) -> Floats:
    """Codes under one key as ±1 [n, bits]: their product counts equal bits minus others."""
    return np.unpackbits(encode(faces, key, FACE_BITS), axis=1) * np.float32(2) - 1


def unit_rows(x: npt.NDArray[np.floating]) -> Floats:
    """Rows at length 1."""
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), np.float32)


def _who(names: Iterable[str]) -> Names:
    return np.array([Path(name).parent.name for name in names])


def _embedded(model: str, found: dict[str, Found]) -> Floats:
    embedder = FaceEmbedder(open_model(model))
    return np.stack([embedder.embed(align(rgb, face)) for rgb, face in found.values()])
