"""Photos of faces become templates and sightings as a box makes them, with and without face masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.drawn_mask import COLOURS, draw_mask
from edge.model_vision import ModelVision
from edge.models.catalogue import open_model
from edge.models.face_aligner import align, aligned_landmarks
from edge.models.face_embedder import MODEL, FaceEmbedder
from edge.vision import Face, Picture, fuse
from tests.calibration.pairs import Embeddings, Names
from tests.calibration.street import Walker, shots, with_mask

TRACKS: Final = 2  # walks past a camera of each photo
SHOTS: Final = 3  # that a box keeps of a walk

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """n photos: who it is, templates [n, d], sightings [n, tracks, d] with their quality [n, tracks]."""

    who: Names
    bare: Embeddings
    masked: Embeddings
    seen_bare: Embeddings
    seen_masked: Embeddings
    quality_bare: Floats
    quality_masked: Floats


def embed_faces(photos: Sequence[Path], vision: ModelVision, seed: int = 1) -> Faces:
    """Photos in which no face is found are left out."""
    embedder, random, rows = FaceEmbedder(open_model(MODEL)), np.random.default_rng(seed), []
    for photo in photos:
        rgb = np.asarray(cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB), np.uint8)
        if found := vision.find_faces(rgb):
            walker = Walker(rgb, _in_the_middle(rgb, found))
            aligned, landmarks = align(rgb, walker.face), aligned_landmarks(walker.face)
            drawn = [embedder.embed(draw_mask(aligned, landmarks, colour)) for colour in COLOURS]
            bare, masked = _walks(embedder, walker, random), _walks(embedder, with_mask(walker, random), random)
            rows.append((photo.parent.name, embedder.embed(aligned), np.stack(drawn), *bare, *masked))
    who, plain, drawn_all, seen_bare, quality_bare, seen_masked, quality_masked = map(np.array, zip(*rows, strict=True))
    masked_template = drawn_all.sum(axis=1)
    masked_template /= np.linalg.norm(masked_template, axis=1, keepdims=True)
    return Faces(who, plain, masked_template, seen_bare, seen_masked, quality_bare, quality_masked)


def _in_the_middle(rgb: Picture, found: Sequence[Face]) -> Face:
    """Others may stand behind the person whose photo it is."""
    middle = np.array(rgb.shape[1::-1]) / 2
    return min(found, key=lambda one: float(np.linalg.norm(one.box.reshape(2, 2).mean(axis=0) - middle)))


def _walks(embedder: FaceEmbedder, walker: Walker, random: np.random.Generator) -> tuple[list[Embeddings], list[float]]:
    """What a box would report of TRACKS walks past it: the fused embedding and the best quality of each."""
    walks = [shots(walker, SHOTS, random) for _ in range(TRACKS)]
    weights = [[shot.quality for shot in kept] for kept in walks]
    fused = [
        fuse([embedder.embed(align(shot.rgb, shot.face)) for shot in kept], some)
        for kept, some in zip(walks, weights, strict=True)
    ]
    return [one for one in fused if one is not None], [max(some) for some in weights]
