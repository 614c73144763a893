"""A consenting patient's template: photos in, a sealed template out; the photos and the floats end here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from edge.cameras.replay import to_rgb
from edge.vision import FaceShot, Picture, Vision, fuse
from shared.codes import quantise
from shared.errors import CairnError
from shared.ids import check_id
from shared.keys import seal_to

MAX_PHOTOS = 5


class CannotRegister(CairnError):
    """These photos make no template."""


class NotAPicture(CannotRegister):
    """A file is missing or does not decode."""


class NoFace(CannotRegister):
    """A photo shows no face that can be used."""


class SeveralFaces(CannotRegister):
    """A photo shows more than one face, and it must not be guessed which is the patient's."""


def register(photos: Sequence[Path], case: str, probe_key: X25519PublicKey, vision: Vision) -> bytes:
    """The template of one case, int8 [192], sealed to the probe service. Raises CannotRegister kinds."""
    info = b"cairn/v1 template " + check_id(case, "case").encode()
    if not 1 <= len(photos) <= MAX_PHOTOS:
        raise CannotRegister(f"{len(photos)} photos were given", hint=f"give 1 to {MAX_PHOTOS}")
    shots = [only_face(path, vision) for path in photos]
    fused = fuse([vision.embed_face(shot) for shot in shots], [shot.quality for shot in shots])
    if fused is None:
        raise CannotRegister("the photos contradict each other", hint="check that all show the same person")
    return seal_to(probe_key, info, quantise(fused[None, :])[0].tobytes())


def only_face(path: Path, vision: Vision) -> FaceShot:
    """The one face of a photo."""
    faces = vision.faces(read_picture(path))
    if not faces:
        raise NoFace(f"{path.name} shows no face", hint="take it from the front, in good light, nearer")
    if len(faces) > 1:
        raise SeveralFaces(f"{path.name} shows {len(faces)} faces", hint="cut it so that only the patient is seen")
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
