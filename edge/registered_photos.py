"""Photos of a consenting patient's face: read, checked, and refused by name when they would make no good template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.cameras.replay import to_rgb
from edge.vision import FaceShot, Floats, Picture, Vision
from shared.errors import CairnError
from shared.face_mask import FaceMask

LEAST_EYES_PX: Final = 20.0  # faces of about 50 pixels
# Of pairs of one person's photos in LFW 1 in 200 is less alike than this, of pairs of two people 95 in 100 are.
SAME_PERSON: Final = 0.27


class CannotRegister(CairnError):
    """These photos make no template."""


class NotAPicture(CannotRegister):
    """A file is missing or does not decode."""


class NoFace(CannotRegister):
    """A photo shows no face that can be used."""


class FaceTooSmall(CannotRegister):
    """A photo shows the face at so few pixels that a template of it would find others as well."""


class SeveralFaces(CannotRegister):
    """A photo shows more than one face, and it must not be guessed which is the patient's."""


class FaceCovered(CannotRegister):
    """A photo shows the patient with a face mask on."""


class Contradiction(CannotRegister):
    """The photos do not show the same person."""


def bare_faces(photos: Sequence[Path], vision: Vision) -> list[FaceShot]:
    """The face of each photo. Raises CannotRegister kinds, FaceCovered and Contradiction among them."""
    shots: list[FaceShot] = []
    first: Floats | None = None
    for path in photos:
        shot = only_face(path, vision)
        if vision.judge_mask(shot).mask is FaceMask.WORN:
            raise FaceCovered(
                f"{path.name} shows a face mask", hint="take it off for the photo, or leave that photo out"
            )
        embedding = vision.embed_face(shot)
        first = embedding if first is None else first
        if float(first @ embedding) < SAME_PERSON:
            hint = "check that both show the patient, or leave one out"
            raise Contradiction(f"{path.name} and {photos[0].name} do not show the same person", hint=hint)
        shots.append(shot)
    return shots


def only_face(path: Path, vision: Vision) -> FaceShot:
    """The one face of a photo."""
    faces = vision.faces(read_picture(path))
    if not faces:
        raise NoFace(f"{path.name} shows no face", hint="take it from the front, in good light, nearer")
    if len(faces) > 1:
        raise SeveralFaces(f"{path.name} shows {len(faces)} faces", hint="cut it so that only the patient is seen")
    if faces[0].face.eye_distance < LEAST_EYES_PX:
        raise FaceTooSmall(
            f"the face in {path.name} is too small", hint="give the photo uncut, or take one from nearer"
        )
    return faces[0]


def read_picture(path: Path) -> Picture:
    """RGB uint8 [height, width, 3], turned upright as the camera noted."""
    try:
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise NotAPicture(f"cannot read {path}: {error.strerror}", hint="check the path") from None
    bgr = cv2.imdecode(raw, cv2.IMREAD_COLOR) if len(raw) else None
    if bgr is None:
        raise NotAPicture(f"{path.name} is no picture", hint="give a .jpg or .png file")
    return to_rgb(bgr)
