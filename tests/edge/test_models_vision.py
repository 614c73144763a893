"""The box's eyes on real pixels: a public-domain portrait that comes with scikit-image, and recordings if present."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from edge.drawn_mask import COLOURS, draw_mask
from edge.model_vision import ModelVision
from edge.models.face_aligner import align, aligned_landmarks
from edge.models.face_quality import face_quality, turned, usable
from edge.vision import Face, FaceShot, Picture
from shared.face_mask import FaceMask

ASTRONAUT: Picture = skimage.data.astronaut()
DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def vision() -> ModelVision:
    return ModelVision.load()


def needs(path: Path) -> Path:
    """The public test data beside the checkout; required where CI runs."""
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    return path


def _scaled(face: Face, scale: float) -> Face:
    by = np.float32(scale)
    return Face(face.box * by, face.landmarks * by, face.score)


def _noisy(rgb: Picture, deviation: float = 8) -> Picture:
    noise = np.random.default_rng(1).normal(0, deviation, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def test_the_portrait_has_one_face_with_its_parts_in_place(vision: ModelVision) -> None:
    """Eyes above the nose above the mouth, ears outside the eyes, all within the box or close to it."""
    [shot] = vision.faces(ASTRONAUT)
    left_eye, right_eye, nose, mouth, left_ear, right_ear = shot.face.landmarks
    assert max(left_eye[1], right_eye[1]) < nose[1] < mouth[1]
    assert left_ear[0] < left_eye[0] < nose[0] < right_eye[0] < right_ear[0]
    assert 25 < shot.face.eye_distance < 70
    assert shot.rgb.shape[0] < ASTRONAUT.shape[0]
    assert shot.quality > 0.5


def test_noise_has_no_face(vision: ModelVision) -> None:
    """Neither the quick nor the thorough model sees what is not there."""
    noise = np.random.default_rng(2).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    assert list(vision.faces(noise)) == []


@pytest.mark.parametrize("kind", ["crop", "noise", "dim", "small", "mirror"])
def test_the_same_face_is_known_again(vision: ModelVision, kind: str) -> None:
    """However the picture is cut, dimmed, shrunk, mirrored or noisy; strangers lie near 0."""
    changed = {
        "crop": np.ascontiguousarray(ASTRONAUT[:350, 80:400]),
        "noise": _noisy(ASTRONAUT),
        "dim": cv2.convertScaleAbs(ASTRONAUT, alpha=0.6),
        "small": cv2.resize(ASTRONAUT, (256, 256), interpolation=cv2.INTER_AREA),
        "mirror": np.ascontiguousarray(ASTRONAUT[:, ::-1]),
    }[kind]
    one, other = (vision.faces(np.asarray(rgb, np.uint8))[0] for rgb in (ASTRONAUT, changed))
    alike = float(vision.embed_face(one) @ vision.embed_face(other))
    assert alike > 0.7


def test_a_masked_face_is_nearer_to_the_masked_template(vision: ModelVision) -> None:
    """Even with a mask of a colour that the template was not made with; that is why a patient gets both."""
    [shot] = vision.faces(ASTRONAUT)
    aligned, where = align(shot.rgb, shot.face), aligned_landmarks(shot.face)
    masked = draw_mask(aligned, where, (60, 110, 70))
    seen = Face(np.array([0, 0, 112, 112], np.float32), where, 0.9)
    bare, worn = vision.embed_face(shot), vision.embed_face_masked(shot)
    embedding = vision.embed_face(FaceShot(masked, seen, 1.0))
    assert float(worn @ embedding) > 0.7
    assert float(worn @ embedding) > float(bare @ embedding)


def test_a_drawn_mask_covers_mouth_and_nose_and_leaves_the_eyes() -> None:
    """Only the lower half of the aligned face changes."""
    vision = ModelVision.load()
    [shot] = vision.faces(ASTRONAUT)
    aligned, where = align(shot.rgb, shot.face), aligned_landmarks(shot.face)
    changed = np.abs(draw_mask(aligned, where, COLOURS[0]).astype(int) - aligned).sum(axis=2) > 20
    (_, _), (_, _), nose, mouth = (tuple(int(v) for v in point) for point in where[:4])
    assert changed[mouth[1], mouth[0]]
    assert changed[nose[1], nose[0]]
    assert not changed[:54].any()


def test_a_bare_face_is_judged_bare_and_a_tiny_one_not_at_all(vision: ModelVision) -> None:
    """Too few pixels are unknown, never a guess."""
    [shot] = vision.faces(ASTRONAUT)
    assert vision.judge_mask(shot).mask is FaceMask.ABSENT
    scale = 10 / shot.face.eye_distance
    tiny = cv2.resize(shot.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    far = FaceShot(np.asarray(tiny, np.uint8), _scaled(shot.face, scale), 0.5)
    assert vision.judge_mask(far).mask is FaceMask.UNKNOWN


def test_quality_falls_with_size_blur_and_turn(vision: ModelVision) -> None:
    """Smaller, softer or more from the side is worth less; from the side or tiny is worth nothing."""
    [shot] = vision.faces(ASTRONAUT)
    aligned = align(shot.rgb, shot.face)
    full = face_quality(shot.face, aligned)
    blurred = np.asarray(cv2.GaussianBlur(aligned, (0, 0), 4), np.uint8)
    small = _scaled(shot.face, 1 / 3)
    sideways = shot.face.landmarks.copy()
    sideways[2] = sideways[1] + (0, 20)
    profile = Face(shot.face.box, sideways, shot.face.score)
    assert full > face_quality(shot.face, blurred)
    assert full > face_quality(small, aligned)
    assert full > face_quality(profile, aligned)
    assert turned(shot.face) < 0.4 < turned(profile)
    assert usable(shot.face)
    assert not usable(_scaled(shot.face, 1 / 8))


def test_clothes_are_known_again_and_told_apart(vision: ModelVision) -> None:
    """The astronaut dimmed and mirrored is nearer to herself than to a cat."""
    other = np.ascontiguousarray(skimage.data.chelsea()[:, 100:300])
    changed = cv2.convertScaleAbs(np.ascontiguousarray(ASTRONAUT[:, ::-1]), alpha=0.8)
    one, same, cat = (vision.embed_appearance(np.asarray(rgb, np.uint8)) for rgb in (ASTRONAUT, changed, other))
    assert one.shape == (640,)
    assert float(np.linalg.norm(one)) == pytest.approx(1, abs=1e-5)
    assert float(one @ same) > float(one @ cat) + 0.2


def test_people_are_found_in_the_street(vision: ModelVision) -> None:
    """In the first frame of the public recording three people walk; each is found with more than half of certainty."""
    capture = cv2.VideoCapture(str(needs(DATA / "pets_s2l1" / "vtest.avi")))
    _, bgr = capture.read()
    capture.release()
    boxes, scores = vision.people(np.ascontiguousarray(bgr[:, :, ::-1]))
    for x, y in ((515, 195), (274, 263), (654, 282)):
        inside = (boxes[:, 0] < x) & (x < boxes[:, 2]) & (boxes[:, 1] < y) & (y < boxes[:, 3])
        assert scores[inside].max() > 0.5
