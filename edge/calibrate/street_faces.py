"""Is the patient's template known again by what a street camera sees, with and without a face mask?

The first photo of a pair makes the template, the second is seen three times from the street. A masked face is compared
with the template that registration makes for it: the photo with masks drawn on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.calibrate import street
from edge.calibrate.curves import Floats, verification
from edge.calibrate.pairs import Found, Pair
from edge.drawn_mask import COLOURS, draw_mask
from edge.models.catalogue import open_model
from edge.models.face_aligner import align, aligned_landmarks
from edge.models.face_embedder import MODEL, FaceEmbedder

SHOTS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Embeddings of n faces: the photo [n, d], with drawn masks [n, 4, d], and shots from the street [n, 3, d]."""

    photo: Floats
    drawn: Floats
    bare: Floats
    masked: Floats


def sample(found: dict[str, Found]) -> Sample:
    """Every face as a template would hold it and as the street would see it; seeded by the order of the photos."""
    embedder, dice = FaceEmbedder(open_model(MODEL)), np.random.default_rng(5)
    rows: list[list[Floats]] = [[], [], [], []]
    for rgb, face in found.values():
        aligned, where = align(rgb, face), aligned_landmarks(face)
        rows[0].append(embedder.embed(aligned))
        rows[1].append(np.stack([embedder.embed(draw_mask(aligned, where, colour)) for colour in COLOURS]))
        rows[2].append(np.stack([embedder.embed(street.bare(rgb, face, dice)) for _ in range(SHOTS)]))
        rows[3].append(np.stack([embedder.embed(street.masked(rgb, face, dice)) for _ in range(SHOTS)]))
    return Sample(*(np.stack(row) for row in rows))


def street_rows(pairs: Sequence[Pair], found: dict[str, Found]) -> dict[str, dict[str, float]]:
    """Rows street_1_shot, street and street_masked."""
    faces = sample(found)
    rows = {
        "street_1_shot": (faces.photo, faces.bare[:, 0]),
        "street": (faces.photo, _mean(faces.bare)),
        "street_masked": (_mean(faces.drawn), _mean(faces.masked)),
    }
    row_of = {name: row for row, name in enumerate(found)}
    missing = float(len({name for pair in pairs for name in (pair.a, pair.b)} - row_of.keys()))
    same = np.array([pair.same for pair in pairs])
    score = {row: np.array([_cosine(pair, row_of, *both) for pair in pairs]) for row, both in rows.items()}
    return {row: verification(scores, same) | {"not_found": missing} for row, scores in score.items()}


def _mean(shots: Floats) -> Floats:
    total = shots.sum(axis=1)
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), np.float32)


def _cosine(pair: Pair, row_of: dict[str, int], templates: Floats, seen: Floats) -> float:
    if pair.a not in row_of or pair.b not in row_of:
        return -np.inf
    return float(templates[row_of[pair.a]] @ seen[row_of[pair.b]])
