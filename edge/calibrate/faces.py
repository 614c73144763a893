"""Are two photos of the same person? Pairs through detection, alignment and embedding, and through the code."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.calibrate.bands import check_enough, of_faces
from edge.calibrate.calibration_file import Target
from edge.calibrate.curves import Floats, verification
from edge.calibrate.pairs import Found, Pair, Tell, find_all, people_of, read_pairs, silent
from edge.calibrate.street_faces import street_rows
from edge.calibrate.walks import walk_all
from edge.model_vision import ModelVision
from edge.models.catalogue import open_model
from edge.models.face_aligner import align
from edge.models.face_embedder import FLOAT_MODEL, MODEL, FaceEmbedder
from shared.codes import FACE_BITS, encode, hamming

Table = dict[str, dict[str, float]]


def calibrate_faces(
    pairs: Path, images: Path, from_the_street: bool = False, target: Target | None = None, tell: Tell = silent
) -> Table:
    """Rows float, int8 and coded, and those of the street if asked for; `target` gets the curves of the street.

    Raises BadMaterial, NotAPicture, CannotWrite, BadCalibration, InferenceError kinds.
    """
    listed = read_pairs(pairs)
    if target:
        target.check()
        who = people_of(listed)
        check_enough(np.array(list(who.values())))
    vision = ModelVision.load()
    found = find_all(listed, images, vision, tell)
    rows = compare_all(listed, found)
    if not (from_the_street or target):
        return rows
    walks = walk_all(found, vision, tell)
    if target:
        seen = walks.found()
        target.add(of_faces(seen, np.array([who[name] for name in seen.names])))
    return rows | street_rows(listed, walks)


def compare_all(pairs: Sequence[Pair], found: dict[str, Found]) -> Table:
    """Every pair by the float model, by the int8 model, and by codes of the int8 model, each pair under its own key."""
    embeddings = {model: _embed(model, found) for model in (FLOAT_MODEL, MODEL)}
    scores = {
        "float": [_cosine(pair, embeddings[FLOAT_MODEL]) for pair in pairs],
        "int8": [_cosine(pair, embeddings[MODEL]) for pair in pairs],
        "coded": [_agreement(pair, embeddings[MODEL]) for pair in pairs],
    }
    same = np.array([pair.same for pair in pairs])
    missing = float(len({name for pair in pairs for name in (pair.a, pair.b)} - found.keys()))
    return {row: verification(np.array(column), same) | {"not_found": missing} for row, column in scores.items()}


def _embed(model: str, found: dict[str, Found]) -> dict[str, Floats]:
    embedder = FaceEmbedder(open_model(model))
    return {name: embedder.embed(align(rgb, face)) for name, (rgb, face) in found.items()}


def _cosine(pair: Pair, embeddings: dict[str, Floats]) -> float:
    if pair.a not in embeddings or pair.b not in embeddings:
        return -np.inf
    return float(embeddings[pair.a] @ embeddings[pair.b])


def _agreement(pair: Pair, embeddings: dict[str, Floats]) -> float:
    """Minus the Hamming distance."""
    if pair.a not in embeddings or pair.b not in embeddings:
        return -np.inf
    key = hashlib.sha256(f"{pair.a} {pair.b}".encode()).digest()
    a, b = encode(np.stack([embeddings[pair.a], embeddings[pair.b]]).astype(np.float32), key, FACE_BITS)
    return -float(hamming(a, b))
