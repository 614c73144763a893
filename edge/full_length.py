"""The clothes of the day: one full-length picture of the patient becomes one row of a template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.pictures import cut
from edge.registered_photos import LEAST_EYES_PX, SAME_PERSON, CannotRegister, Contradiction, SeveralFaces, read_picture
from edge.vision import FaceShot, Floats, Vision

# As in the street: a box that is less sure shows a coat stand as often as a person. But who might be somebody else in
# the picture is, unless they are far behind.
_SURE, _PERHAPS, _FAR_BEHIND = 0.5, 0.3, 1 / 3
_SMALLEST_PX: Final = (48, 128)  # width, height
# Who stands is two to four times as tall as wide; a portrait to the waist is not.
_LEAST_SLENDER: Final = 1.6


class NoPerson(CannotRegister):
    """The full-length picture shows nobody."""


class SeveralPeople(CannotRegister):
    """The full-length picture shows more than one person, and it must not be guessed which is the patient."""


class NotFullLength(CannotRegister):
    """The picture does not show the patient from head to foot, or at too few pixels."""


def appearance_row(path: Path, vision: Vision, face: Floats | None = None) -> Floats:
    """A unit vector [640] of the one person in a full-length picture. Raises CannotRegister kinds.

    `face` is the patient's, where photos of it were given: a face in this picture must then be the same.
    """
    rgb = read_picture(path)
    box = _only_person(path, *vision.people(rgb))
    _check_faces(path, vision.faces(rgb), vision, face)
    body = cut(rgb, box, _SMALLEST_PX)
    if body is None or body.shape[0] < _LEAST_SLENDER * body.shape[1]:
        hint = "take it so that the patient is seen from head to foot, standing, 128 pixels tall or more"
        raise NotFullLength(f"{path.name} is no full-length picture", hint=hint)
    return vision.embed_appearance(np.ascontiguousarray(body))


def _only_person(
    path: Path, boxes: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    if not len(scores) or scores.max() < _SURE:
        raise NoPerson(f"{path.name} shows nobody", hint="take it from nearer, in good light, against a plain wall")
    patient, heights = boxes[scores.argmax()], boxes[:, 3] - boxes[:, 1]
    near = (scores >= _PERHAPS) & (heights >= _FAR_BEHIND * (patient[3] - patient[1]))
    if near.sum() > 1:
        raise SeveralPeople(f"{path.name} shows {near.sum()} people", hint="cut it so that only the patient is seen")
    return np.asarray(patient, np.float64)


def _check_faces(path: Path, faces: Sequence[FaceShot], vision: Vision, patient: Floats | None) -> None:
    if len(faces) > 1:
        raise SeveralFaces(f"{path.name} shows {len(faces)} faces", hint="cut it so that only the patient is seen")
    for shot in faces:
        large_enough = shot.face.eye_distance >= LEAST_EYES_PX
        if patient is not None and large_enough and float(patient @ vision.embed_face(shot)) < SAME_PERSON:
            hint = "check that both show the patient, or leave the full-length picture out"
            raise Contradiction(f"{path.name} and the photos do not show the same person", hint=hint)
