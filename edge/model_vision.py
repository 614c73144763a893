"""The eyes of the box: what edge/vision.py asks for, answered by the models that the box carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from edge.drawn_mask import COLOURS, draw_mask
from edge.geometry.boxes import Boxes, Scores
from edge.inference import Session
from edge.models import appearance_embedder, face_embedder, mask_classifier, person_detector
from edge.models.appearance_embedder import AppearanceEmbedder
from edge.models.catalogue import WEIGHTS, open_model
from edge.models.face_aligner import align, aligned_landmarks
from edge.models.face_detector import FAR, LAYOUTS, NEAR, FaceDetector
from edge.models.face_embedder import FaceEmbedder, unit
from edge.models.face_quality import face_quality, usable
from edge.models.mask_classifier import MaskClassifier
from edge.models.person_detector import PersonDetector
from edge.pictures import cut
from edge.vision import Face, FaceShot, Floats, MaskVote, Picture

_SURE_FACE: Final = 0.5


class ModelVision:
    """Implements Vision. Not to be shared between threads: the sessions keep their working memory."""

    def __init__(self, open_session: Callable[[str], Session]) -> None:
        self._people = PersonDetector(open_session(person_detector.MODEL))
        self._near = FaceDetector(open_session(NEAR), LAYOUTS[NEAR])
        self._far = FaceDetector(open_session(FAR), LAYOUTS[FAR])
        self._embedder = FaceEmbedder(open_session(face_embedder.MODEL))
        self._masks = MaskClassifier(open_session(mask_classifier.MODEL))
        self._appearance = AppearanceEmbedder(open_session(appearance_embedder.MODEL))

    @classmethod
    def load(cls, weights: Path = WEIGHTS) -> ModelVision:
        """Every model checked against its card. Raises InferenceError kinds."""
        return cls(lambda name: open_model(name, weights))

    def people(self, rgb: Picture) -> tuple[Boxes, Scores]:
        return self._people.detect(rgb)

    def faces(self, rgb: Picture) -> Sequence[FaceShot]:
        shots = [self._shoot(rgb, face) for face in self.find_faces(rgb) if usable(face)]
        return sorted(shots, key=lambda shot: shot.quality, reverse=True)

    def find_faces(self, rgb: Picture) -> list[Face]:
        """Every face, usable or not: by the quick model, and by the thorough one where that is not sure."""
        sure = [face for face in self._near.detect(rgb) if face.score >= _SURE_FACE]
        if sure:
            return sure
        # Faces that fill a picture are found more surely with some air around them.
        air = max(rgb.shape[:2]) // 4
        padded = np.pad(rgb, ((air, air), (air, air), (0, 0)), constant_values=128)
        found = [face.moved(-air, -air) for face in self._far.detect(padded)]
        return [face for face in found if face.score >= _SURE_FACE] or found[:1]

    def embed_face(self, shot: FaceShot) -> Floats:
        return self._embedder.embed(align(shot.rgb, shot.face))

    def embed_face_masked(self, shot: FaceShot) -> Floats:
        """The face as it would be read with a mask, drawn in several colours, and as it is, in equal parts.

        All drawn masks look alike to the model, and strangers with one come near; the bare half holds who it is.
        """
        aligned, landmarks = align(shot.rgb, shot.face), aligned_landmarks(shot.face)
        drawn = [self._embedder.embed(draw_mask(aligned, landmarks, colour)) for colour in COLOURS]
        return unit(self._embedder.embed(aligned) + unit(np.sum(drawn, axis=0, dtype=np.float32)))

    def judge_mask(self, shot: FaceShot) -> MaskVote:
        return self._masks.judge(shot.rgb, shot.face)

    def embed_appearance(self, rgb: Picture) -> Floats:
        return self._appearance.embed(rgb)

    def _shoot(self, rgb: Picture, face: Face) -> FaceShot:
        """The face with a margin of its own size, so that the frame it came from can be dropped."""
        x1, y1, x2, y2 = face.box
        dx, dy = x2 - x1, y2 - y1
        left, top = max(0, int(x1 - dx)), max(0, int(y1 - dy))
        kept = cut(rgb, np.array([left, top, x2 + dx, y2 + dy]))
        if kept is None:  # the detector put the face wholly outside the picture
            kept, left, top = rgb[:1, :1], 0, 0
        inside = face.moved(-left, -top)
        kept = kept.copy()
        return FaceShot(kept, inside, face_quality(inside, align(kept, inside)))
