"""Is the same person found again in another camera by clothes and shape?

Every picture of one camera asks, those of the other are the gallery.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.calibrate import BadMaterial
from edge.calibrate.bands import check_dressed, of_clothes
from edge.calibrate.calibration_file import Target
from edge.calibrate.curves import Floats, retrieval
from edge.calibrate.pairs import Tell, silent
from edge.models.appearance_embedder import INT8_MODEL, MODEL, AppearanceEmbedder
from edge.models.catalogue import open_model
from edge.registered_photos import read_picture
from shared.codes import APPEARANCE_BITS, encode, hamming

QUERY, GALLERY = "01", "02"
_FEWEST: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Embeddings [n, 640] of the pictures of one camera, and who is on each."""

    embeddings: Floats
    people: npt.NDArray[np.str_]

    @classmethod
    def of(cls, paths: list[Path], model: str) -> Seen:
        embedder = AppearanceEmbedder(open_model(model))
        embeddings = np.stack([embedder.embed(read_picture(path)) for path in paths])
        return cls(embeddings, np.array([path.parent.name for path in paths]))


def calibrate_appearance(
    images: Path, target: Target | None = None, tell: Tell = silent
) -> dict[str, dict[str, float]]:
    """Rows float, int8 and coded (from the float model, as on the box) of a folder with a folder a person.

    Its pictures are called CAMERA_ORIENTATION.png; `target` gets the curve, of templates from one camera and sightings
    from the other. Raises BadMaterial, NotAPicture, CannotWrite, BadCalibration, InferenceError kinds.
    """
    query, gallery = listed(images, QUERY), listed(images, GALLERY)
    if target:
        target.check()
        check_dressed({path.parent for path in query} & {path.parent for path in gallery})
    asked, held = Seen.of(query, MODEL), Seen.of(gallery, MODEL)
    tell(f"{len(query) + len(gallery):,} pictures read by the model of the box")
    floats, coded = compare(asked, held)
    if target:
        target.add(of_clothes(asked.people, held.people, np.rint(-coded).astype(np.int64)[:, :, None]))
    int8, _ = compare(Seen.of(query, INT8_MODEL), Seen.of(gallery, INT8_MODEL))
    rows = {"float": floats, "int8": int8, "coded": coded}
    return {row: retrieval(scores, asked.people, held.people) for row, scores in rows.items()}


def compare(asked: Seen, held: Seen) -> tuple[Floats, Floats]:
    """Cosines, and minus Hamming distances of codes under one key, [asked, held]."""
    key = hashlib.sha256(b"calibrate").digest()
    codes = [encode(seen.embeddings, key, APPEARANCE_BITS) for seen in (asked, held)]
    cosines: Floats = asked.embeddings @ held.embeddings.T
    agreement: Floats = -hamming(codes[0][:, None], codes[1][None]).astype(np.float64)
    return cosines, agreement


def listed(images: Path, camera: str) -> list[Path]:
    """The pictures of one camera. Raises BadMaterial."""
    found = sorted(images.glob(f"*/{camera}_*.png"))
    if len({path.parent for path in found}) < _FEWEST:
        hint = (
            f"give a folder with a folder a person, at least {_FEWEST}, and pictures {camera}_1.png and so on in each"
        )
        raise BadMaterial(f"{images} holds too few pictures of camera {camera}", hint=hint)
    return found
