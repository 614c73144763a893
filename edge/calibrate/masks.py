"""Is it seen whether a face mask is worn? Pictures of faces with and without, as they are and at 48 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from edge.calibrate import BadMaterial
from edge.calibrate.pairs import middle_face
from edge.model_vision import ModelVision
from edge.models.catalogue import open_model
from edge.models.mask_classifier import MODEL, WORN_FROM, MaskClassifier
from edge.pictures import resize
from edge.registered_photos import read_picture
from edge.vision import Face, Picture

WITH, WITHOUT = "with_mask", "without_mask"
SMALL_PX: Final = 48
Judged = tuple[bool, Picture, Face]
_PICTURES: Final = {".jpg", ".jpeg", ".png", ".bmp"}


def calibrate_masks(images: Path) -> dict[str, dict[str, float]]:
    """The row int8 (there is no float model to compare with) of a folder with the folders with_mask and without_mask.

    `not_found` counts the pictures in which no face is found. Raises BadMaterial, NotAPicture, InferenceError kinds.
    """
    vision = ModelVision.load()
    whole: list[Judged] = []
    small: list[Judged] = []
    missing = 0
    for worn, rgb in pictures(images):
        for seen, faces in ((rgb, whole), (shrunk(rgb), small)):
            if (face := middle_face(vision.find_faces(seen), seen)) is not None:
                faces.append((worn, seen, face))
            elif seen is rgb:
                missing += 1
    classifier = MaskClassifier(open_model(MODEL))
    figures = {
        "balanced_accuracy": _balanced(classifier, whole),
        "balanced_accuracy_48px": _balanced(classifier, small),
        "not_found": float(missing),
    }
    return {"int8": figures}


def pictures(images: Path) -> Iterator[tuple[bool, Picture]]:
    """Whether a mask is worn, and the picture. Raises BadMaterial, NotAPicture."""
    for folder, worn in ((WITH, True), (WITHOUT, False)):
        paths = sorted(path for path in images.glob(f"{folder}/*") if path.suffix.lower() in _PICTURES)
        if not paths:
            hint = f"give a folder with the folders {WITH} and {WITHOUT} in it"
            raise BadMaterial(f"{images / folder} holds no picture", hint=hint)
        yield from ((worn, read_picture(path)) for path in paths)


def shrunk(rgb: Picture) -> Picture:
    """The picture with its longer side at 48 pixels, so that size and sharpness give nothing away."""
    scale = SMALL_PX / max(rgb.shape[:2])
    return resize(rgb, max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))


def _balanced(classifier: MaskClassifier, faces: list[Judged]) -> float:
    """The mean share of right answers over the two folders; no answer is a wrong one."""
    answers = [classifier.worn(rgb, face) for _, rgb, face in faces]
    right = np.array(
        [a is not None and (a > WORN_FROM) == truth for a, (truth, _, _) in zip(answers, faces, strict=True)]
    )
    worn = np.array([truth for truth, _, _ in faces])
    return float(np.mean([right[worn == truth].mean() for truth in (True, False)]))
